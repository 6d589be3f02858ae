/* plug-in-ddpm-repeat: the procedure that made a layer, with the settings kept with it. */
#include <glib/gi18n.h>

#include "plugin/procedure.h"

/* A run that is made again. */
typedef struct
{
  const DdpmProcedure *info;
  JsonObject *record;
  DdpmRequest request; /* all but its config */
} Again;

/* The twin's, called within this process: GIMP has filled config with the last values. */
static GimpValueArray *
run_again (GimpProcedure *procedure, GimpRunMode run_mode, GimpImage *image, GimpDrawable **drawables,
           GimpProcedureConfig *config, gpointer data)
{
  Again *again = data;

  again->request.config = config;
  ddpm_record_set_config (again->record, config);
  return ddpm_procedure_run (procedure, again->info, run_mode, &again->request);
}

/* A twin of the procedure, of its name, so that its dialog has its settings and presets; GIMP knows nothing
 * of it: a call through GIMP would open the dialog with the last values instead of the record's. */
static GimpValueArray *
run_twin (GimpProcedure *procedure, GimpRunMode run_mode, Again *again)
{
  g_autoptr (GimpProcedure) twin =
    gimp_image_procedure_new (gimp_procedure_get_plug_in (procedure), again->info->name,
                              GIMP_PDB_PROC_TYPE_PLUGIN, run_again, again, NULL);

  ddpm_procedure_describe (twin, again->info);
  ddpm_arguments_add (twin, again->info->task);
  return gimp_procedure_run (twin, "run-mode", run_mode, "image", again->request.image, NULL);
}

/* The layer that new ones lie above that begin with no layer: outside the group that an earlier run made. */
static GimpLayer *
find_outermost (GimpDrawable *drawable)
{
  GimpItem *item = GIMP_ITEM (drawable), *parent = gimp_item_get_parent (item);

  return GIMP_LAYER (parent != NULL ? parent : item);
}

static const DdpmProcedure *
find_maker (JsonObject *record, GimpDrawable *drawable, GError **error)
{
  const DdpmProcedure *maker = ddpm_procedure_find (ddpm_record_get_procedure (record));

  if (maker != NULL && maker != &ddpm_procedure_repeat)
    return maker;
  ddpm_record_set_error (GIMP_ITEM (drawable), error);
  return NULL;
}

static GimpValueArray *
repeat (GimpProcedure *procedure, GimpRunMode run_mode, GimpImage *image, GimpDrawable **drawables,
        GimpProcedureConfig *config, gpointer data)
{
  const DdpmRequest asked = { .image = image, .drawables = drawables, .config = config };
  g_autofree GimpDrawable **origins = NULL;
  g_autoptr (JsonObject) record = NULL;
  g_autoptr (DdpmImage) mask = NULL;
  GeglRectangle part;
  Again again = { 0 };
  GError *error = NULL;

  gegl_init (NULL, NULL);
  if (!ddpm_request_check (&asked, 1, TRUE, &error)
      || (record = ddpm_record_read (GIMP_ITEM (drawables[0]), &error)) == NULL
      || (again.info = find_maker (record, drawables[0], &error)) == NULL
      || (origins = ddpm_record_find_drawables (record, image, &error)) == NULL)
    return gimp_procedure_new_return_values (procedure, GIMP_PDB_CALLING_ERROR, error);

  again.record = record;
  again.request =
    (DdpmRequest) { .image = image, .drawables = origins, .above = find_outermost (drawables[0]) };
  if (ddpm_record_get_part (record, &part))
    {
      again.request.part = &part;
      again.request.mask = mask = ddpm_record_read_mask (GIMP_ITEM (drawables[0]), &part);
    }
  return run_twin (procedure, run_mode, &again);
}

const DdpmProcedure ddpm_procedure_repeat = {
  .name = "plug-in-ddpm-repeat",
  .menu_label = N_ ("_Repeat Exactly"),
  .blurb = N_ ("Make a layer again with the settings kept with it"),
  .help = N_ (
    "Takes the settings that are kept with the active layer, which another of these procedures has made, and "
    "opens the dialog of that procedure with them; called by a script it makes the same pictures again at "
    "once. They begin with the same layers as before, which have to be in the image still, and with the "
    "selection as it was then; but with all that is visible as it is now."),
  .sensitivity = GIMP_PROCEDURE_SENSITIVE_DRAWABLE,
};

GimpProcedure *
ddpm_procedure_create_repeat (GimpPlugIn *plug_in)
{
  GimpProcedure *procedure = gimp_image_procedure_new (plug_in, ddpm_procedure_repeat.name,
                                                       GIMP_PDB_PROC_TYPE_PLUGIN, repeat, NULL, NULL);

  ddpm_procedure_describe (procedure, &ddpm_procedure_repeat);
  return procedure;
}
