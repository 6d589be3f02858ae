/* plug-in-ddpm-generate: new pictures out of noise. */
#include <glib/gi18n.h>

#include "plugin/procedure.h"

static gboolean
collect (const DdpmRequest *request, DdpmSources *sources, GError **error)
{
  ddpm_sources_take_place (sources, request);
  return TRUE;
}

const DdpmProcedure ddpm_procedure_generate = {
  .name = "plug-in-ddpm-generate",
  .menu_label = N_ ("_New Layers..."),
  .title = N_ ("Generate New Layers"),
  .ok_label = N_ ("_Generate"),
  .blurb = N_ ("Generate pictures with a diffusion model, as new layers"),
  .help = N_ (
    "Makes pictures out of noise with a denoising diffusion model. They come as layers in a layer group of "
    "their own, centred on the selection, or on the image where nothing is selected. Where no image is open, "
    "or a new one is asked for, they are the layers of a new image of their size."),
  .sensitivity = GIMP_PROCEDURE_SENSITIVE_DRAWABLE | GIMP_PROCEDURE_SENSITIVE_DRAWABLES
                 | GIMP_PROCEDURE_SENSITIVE_NO_DRAWABLES | GIMP_PROCEDURE_SENSITIVE_NO_IMAGE,
  .task = DDPM_TASK_GENERATE,
  .collect = collect,
};
