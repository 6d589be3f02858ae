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
  const DdpmRequest *request;

  DdpmArguments arguments;
  DdpmSources sources;
  GimpLayer **layers; /* inserted ones */
} Call;

static void
clear_call (Call *call)
{
  ddpm_sources_clear (&call->sources);
  ddpm_arguments_clear (&call->arguments);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Call, clear_call)

/* Anew each time: the image can be worked on while the dialog is open. */
static gboolean
collect (Call *call, GError **error)
{
  GimpImage *image = call->request->image;

  ddpm_sources_clear (&call->sources);
  call->sources = (DdpmSources) { .place = { .image = image, .origin.procedure = call->info->name } };
  return (image == NULL || ddpm_image_can_take_layers (image, error))
         && call->info->collect (call->request, &call->sources, error);
}

static DdpmRun *
start_run (gpointer data, gboolean preview, GError **error)
{
  Call *call = data;

  ddpm_arguments_clear (&call->arguments);
  ddpm_arguments_renew_seed (call->request->config, call->run_mode);
  if (!collect (call, error) || !ddpm_arguments_read (&call->arguments, call->request->config, error))
    return NULL;
  return ddpm_run_start (call->info->task, &call->arguments, &call->sources.inputs, preview);
}

static DdpmSampleJob *
plan (gpointer data, DdpmModel *model, GError **error)
{
  Call *call = data;
  g_auto (DdpmArguments) arguments = { 0 };

  return ddpm_arguments_read (&arguments, call->request->config, error)
           ? ddpm_run_new_job (model, call->info->task, &arguments, &call->sources.inputs, TRUE, error)
           : NULL;
}

/* How far layers that were turned into noise are from what that noise becomes again. */
static void
tell_inversion_error (DdpmSampleJob *job)
{
  g_autofree char *text = NULL;

  if (ddpm_sample_job_get_inversion_error (job, 1) < 0)
    return;
  text = g_strdup_printf (
    _ ("The lower layer comes back from its latent to within %.1f levels of 255, the upper "
       "one to within %.1f."),
    ddpm_sample_job_get_inversion_error (job, 0), ddpm_sample_job_get_inversion_error (job, 1));
  gimp_message (text);
}

static gboolean
insert (gpointer data, DdpmRun *run, GError **error)
{
  Call *call = data;

  call->layers = ddpm_layers_insert (run, &call->arguments, &call->sources.place, error);
  if (call->layers != NULL && call->run_mode != GIMP_RUN_NONINTERACTIVE)
    tell_inversion_error (run->job);
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
  return ddpm_dialog_run (procedure, call->request->config, call->info, &calls) ? GIMP_PDB_SUCCESS
                                                                                : GIMP_PDB_CANCEL;
}

/* The pictures are all made before the image is touched: a plug-in that is cancelled is killed. */
GimpValueArray *
ddpm_procedure_run (GimpProcedure *procedure, const DdpmProcedure *info, GimpRunMode run_mode,
                    const DdpmRequest *request)
{
  g_auto (Call) call = { .info = info, .run_mode = run_mode, .request = request };
  GimpPDBStatusType status;
  GError *error = NULL;

  status = run_mode == GIMP_RUN_INTERACTIVE ? run_with_dialog (&call, procedure, &error)
                                            : run_with_progress (&call, &error);
  if (status != GIMP_PDB_SUCCESS)
    return fail (procedure, status, error);

  if (run_mode != GIMP_RUN_NONINTERACTIVE)
    {
      if (call.sources.place.image != request->image)
        gimp_display_new (call.sources.place.image);
      gimp_displays_flush ();
    }
  return return_layers (procedure, call.sources.place.image, call.layers);
}

static GimpValueArray *
run_procedure (GimpProcedure *procedure, GimpRunMode run_mode, GimpImage *image, GimpDrawable **drawables,
               GimpProcedureConfig *config, gpointer data)
{
  const DdpmRequest request = { .image = image, .drawables = drawables, .config = config };

  gegl_init (NULL, NULL);
  return ddpm_procedure_run (procedure, data, run_mode, &request);
}

void
ddpm_procedure_describe (GimpProcedure *procedure, const DdpmProcedure *info)
{
  gimp_procedure_set_image_types (procedure, "*");
  gimp_procedure_set_sensitivity_mask (procedure, info->sensitivity);
  gimp_procedure_set_menu_label (procedure, _ (info->menu_label));
  gimp_procedure_add_menu_path (procedure, "<Image>/Filters/Generate with DDPM");
  gimp_procedure_set_documentation (procedure, _ (info->blurb), _ (info->help), info->name);
  gimp_procedure_set_attribution (procedure, "The gimp-ddpm authors", "GPL-3.0-or-later", "2026");
  gimp_procedure_add_image_return_value (procedure, "out-image", _ ("Image"),
                                         _ ("The image with the new layers"), FALSE, G_PARAM_READWRITE);
  gimp_procedure_add_core_object_array_return_value (procedure, "layers", _ ("Layers"),
                                                     _ ("The new layers, in the order of their pictures"),
                                                     GIMP_TYPE_LAYER, G_PARAM_READWRITE);
}

GimpProcedure *
ddpm_procedure_create (GimpPlugIn *plug_in, const DdpmProcedure *info)
{
  GimpProcedure *procedure = gimp_image_procedure_new (plug_in, info->name, GIMP_PDB_PROC_TYPE_PLUGIN,
                                                       run_procedure, (gpointer) info, NULL);

  ddpm_procedure_describe (procedure, info);
  ddpm_arguments_add (procedure, info->task);
  return procedure;
}
