#include "plugin/procedure.h"

#include <glib/gi18n.h>

#include "plugin/dialog.h"

/* Takes the error. */
static GimpValueArray *
fail (GimpProcedure *procedure, GimpPDBStatusType status, GError *error)
{
  return gimp_procedure_new_return_values (procedure, status, error);
}

static GimpValueArray *
return_layers (GimpProcedure *procedure, GimpImage *image, GimpLayer **layers)
{
  GimpValueArray *values = gimp_procedure_new_return_values (procedure, GIMP_PDB_SUCCESS, NULL);

  GIMP_VALUES_SET_IMAGE (values, 1, image);
  GIMP_VALUES_TAKE_CORE_OBJECT_ARRAY (values, 2, layers);
  return values;
}

/* One call of a procedure. */
typedef struct
{
  const DdpmProcedure *info;
  GimpRunMode run_mode;
  GimpImage *image;
  GimpDrawable **drawables;
  GimpProcedureConfig *config;

  DdpmArguments arguments;
  DdpmSources sources;
  GimpLayer **layers; /* inserted ones */
} Call;

static void
clear_sources (DdpmSources *sources)
{
  g_clear_pointer (&sources->inputs[0], ddpm_image_free);
  g_clear_pointer (&sources->inputs[1], ddpm_image_free);
}

static void
clear_call (Call *call)
{
  clear_sources (&call->sources);
  ddpm_arguments_clear (&call->arguments);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Call, clear_call)

/* Anew each time: the image can be worked on while the dialog is open. */
static gboolean
collect (Call *call, GError **error)
{
  clear_sources (&call->sources);
  call->sources = (DdpmSources) { .place.image = call->image };
  return (call->image == NULL || ddpm_image_can_take_layers (call->image, error))
         && call->info->collect (call->image, call->drawables, &call->sources, error);
}

static DdpmRun *
start_run (gpointer data, gboolean preview, GError **error)
{
  Call *call = data;

  ddpm_arguments_clear (&call->arguments);
  ddpm_arguments_renew_seed (call->config, call->run_mode);
  if (!collect (call, error) || !ddpm_arguments_read (&call->arguments, call->config, error))
    return NULL;
  return ddpm_run_start (call->info->task, &call->arguments, call->sources.inputs, preview);
}

static DdpmSampleJob *
plan (gpointer data, DdpmModel *model, GError **error)
{
  Call *call = data;
  g_auto (DdpmArguments) arguments = { 0 };

  return ddpm_arguments_read (&arguments, call->config, error)
           ? ddpm_run_new_job (model, call->info->task, &arguments, call->sources.inputs, FALSE, error)
           : NULL;
}

static gboolean
insert (gpointer data, DdpmRun *run, GError **error)
{
  Call *call = data;

  call->layers = ddpm_layers_insert (run, &call->arguments, &call->sources.place, error);
  return call->layers != NULL;
}

static GimpPDBStatusType
run_with_progress (Call *call, GError **error)
{
  g_autoptr (DdpmRun) run = start_run (call, FALSE, error);

  if (run == NULL)
    return GIMP_PDB_CALLING_ERROR;
  return ddpm_run_finish_with_progress (run, error) && insert (call, run, error) ? GIMP_PDB_SUCCESS
                                                                                 : GIMP_PDB_EXECUTION_ERROR;
}

static GimpPDBStatusType
run_with_dialog (Call *call, GimpProcedure *procedure, GError **error)
{
  const DdpmDialogCalls calls = { .start = start_run, .plan = plan, .insert = insert, .data = call };

  /* what can be said at once needs no dialog */
  if (!collect (call, error))
    return GIMP_PDB_CALLING_ERROR;
  return ddpm_dialog_run (procedure, call->config, call->info, &calls) ? GIMP_PDB_SUCCESS : GIMP_PDB_CANCEL;
}

/* The pictures are all made before the image is touched: a plug-in that is cancelled is killed. */
static GimpValueArray *
run_procedure (GimpProcedure *procedure, GimpRunMode run_mode, GimpImage *image, GimpDrawable **drawables,
               GimpProcedureConfig *config, gpointer data)
{
  g_auto (Call) call = {
    .info = data,
    .run_mode = run_mode,
    .image = image,
    .drawables = drawables,
    .config = config,
  };
  GimpPDBStatusType status;
  GError *error = NULL;

  gegl_init (NULL, NULL);
  status = run_mode == GIMP_RUN_INTERACTIVE ? run_with_dialog (&call, procedure, &error)
                                            : run_with_progress (&call, &error);
  if (status != GIMP_PDB_SUCCESS)
    return fail (procedure, status, error);

  if (run_mode != GIMP_RUN_NONINTERACTIVE)
    {
      if (image == NULL)
        gimp_display_new (call.sources.place.image);
      gimp_displays_flush ();
    }
  return return_layers (procedure, call.sources.place.image, call.layers);
}

GimpProcedure *
ddpm_procedure_create (GimpPlugIn *plug_in, const DdpmProcedure *info)
{
  GimpProcedure *procedure = gimp_image_procedure_new (plug_in, info->name, GIMP_PDB_PROC_TYPE_PLUGIN,
                                                       run_procedure, (gpointer) info, NULL);

  gimp_procedure_set_image_types (procedure, "*");
  gimp_procedure_set_sensitivity_mask (procedure, info->sensitivity);
  gimp_procedure_set_menu_label (procedure, _ (info->menu_label));
  gimp_procedure_add_menu_path (procedure, "<Image>/Filters/Generate with DDPM");
  gimp_procedure_set_documentation (procedure, _ (info->blurb), _ (info->help), info->name);
  gimp_procedure_set_attribution (procedure, "The gimp-ddpm authors", "GPL-3.0-or-later", "2026");

  ddpm_arguments_add (procedure, info->task);
  gimp_procedure_add_image_return_value (procedure, "out-image", _ ("Image"),
                                         _ ("The image with the new layers"), FALSE, G_PARAM_READWRITE);
  gimp_procedure_add_core_object_array_return_value (procedure, "layers", _ ("Layers"),
                                                     _ ("The new layers, in the order of their pictures"),
                                                     GIMP_TYPE_LAYER, G_PARAM_READWRITE);
  return procedure;
}
