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

static void
clear_sources (DdpmSources *sources)
{
  g_clear_pointer (&sources->inputs[0], ddpm_image_free);
  g_clear_pointer (&sources->inputs[1], ddpm_image_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmSources, clear_sources)

static gboolean
collect (const DdpmProcedure *info, GimpImage *image, GimpDrawable **drawables, DdpmSources *sources,
         GError **error)
{
  clear_sources (sources);
  *sources = (DdpmSources) { .place.image = image };
  return (image == NULL || ddpm_image_can_take_layers (image, error))
         && info->collect (image, drawables, sources, error);
}

/* The pictures are all made before the image is touched: a plug-in that is cancelled is killed. */
static GimpValueArray *
run_procedure (GimpProcedure *procedure, GimpRunMode run_mode, GimpImage *image, GimpDrawable **drawables,
               GimpProcedureConfig *config, gpointer data)
{
  const DdpmProcedure *info = data;
  g_auto (DdpmArguments) arguments = { 0 };
  g_auto (DdpmSources) sources = { 0 };
  g_autoptr (DdpmRun) run = NULL;
  GError *error = NULL;
  GimpLayer **layers;

  gegl_init (NULL, NULL);
  if (!collect (info, image, drawables, &sources, &error))
    return fail (procedure, GIMP_PDB_CALLING_ERROR, error);
  if (run_mode == GIMP_RUN_INTERACTIVE)
    {
      if (!ddpm_dialog_run (procedure, config, info))
        return fail (procedure, GIMP_PDB_CANCEL, NULL);
      /* again, as the image can be worked on while the dialog is open */
      if (!collect (info, image, drawables, &sources, &error))
        return fail (procedure, GIMP_PDB_CALLING_ERROR, error);
    }
  if (!ddpm_arguments_read (&arguments, config, run_mode, &error))
    return fail (procedure, GIMP_PDB_CALLING_ERROR, error);

  run = ddpm_run_new (info->task, &arguments, sources.inputs, &error);
  if (run == NULL)
    return fail (procedure, GIMP_PDB_EXECUTION_ERROR, error);
  layers = ddpm_layers_insert (run, &arguments, &sources.place, &error);
  if (layers == NULL)
    return fail (procedure, GIMP_PDB_EXECUTION_ERROR, error);

  if (run_mode != GIMP_RUN_NONINTERACTIVE)
    {
      if (image == NULL)
        gimp_display_new (sources.place.image);
      gimp_displays_flush ();
    }
  return return_layers (procedure, sources.place.image, layers);
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
