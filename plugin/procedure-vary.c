/* plug-in-ddpm-vary: noise is added to the active layer, and taken away again in other ways. */
#include <glib/gi18n.h>

#include "plugin/procedure.h"

static gboolean
collect (const DdpmRequest *request, DdpmSources *sources, GError **error)
{
  gboolean visible;

  g_object_get (request->config, "visible", &visible, NULL);
  if (visible)
    {
      ddpm_sources_take_visible (sources, request);
      return TRUE;
    }
  return ddpm_request_check (request, 1, FALSE, error)
         && ddpm_sources_take_drawable (sources, request, error);
}

const DdpmProcedure ddpm_procedure_vary = {
  .name = "plug-in-ddpm-vary",
  .menu_label = N_ ("_Variations..."),
  .title = N_ ("Variations of a Layer"),
  .ok_label = N_ ("Vary"),
  .blurb = N_ ("Make variations of the active layer with a diffusion model"),
  .help = N_ (
    "Brings the active layer, or all that is visible, or the part of it within the selection's bounds, to "
    "the model's size, adds noise and takes it away again. The results are new layers above the original, at "
    "the same place and size. With a ladder each has another strength. A layer's mask counts as its "
    "transparency."),
  .sensitivity = GIMP_PROCEDURE_SENSITIVE_DRAWABLE | GIMP_PROCEDURE_SENSITIVE_DRAWABLES
                 | GIMP_PROCEDURE_SENSITIVE_NO_DRAWABLES,
  .task = DDPM_TASK_VARY,
  .collect = collect,
};
