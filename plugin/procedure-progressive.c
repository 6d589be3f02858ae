/* plug-in-ddpm-progressive: how one picture comes out of noise. */
#include <glib/gi18n.h>

#include "plugin/procedure.h"

static gboolean
collect (const DdpmRequest *request, DdpmSources *sources, GError **error)
{
  ddpm_sources_take_place (sources, request);
  return TRUE;
}

const DdpmProcedure ddpm_procedure_progressive = {
  .name = "plug-in-ddpm-progressive",
  .menu_label = N_ ("_Progressive Steps..."),
  .title = N_ ("Progressive Steps"),
  .ok_label = N_ ("_Generate"),
  .blurb = N_ ("Show how a diffusion model comes to a picture, as new layers"),
  .help = N_ (
    "Makes one picture out of noise and keeps what the model expects it to become, from the first step to "
    "the last: each of these estimates is a layer, the last and finished one on top. With noise in common it "
    "makes several pictures instead that part only at a later step: the later, the more they are alike (Ho "
    "et al. 2020, figures 6 and 7). The layers come in a group of their own, or in a new image."),
  .sensitivity = GIMP_PROCEDURE_SENSITIVE_DRAWABLE | GIMP_PROCEDURE_SENSITIVE_DRAWABLES
                 | GIMP_PROCEDURE_SENSITIVE_NO_DRAWABLES | GIMP_PROCEDURE_SENSITIVE_NO_IMAGE,
  .task = DDPM_TASK_PROGRESSIVE,
  .collect = collect,
};
