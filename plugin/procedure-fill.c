/* plug-in-ddpm-fill: the selection is made anew to fit what lies around it. */
#include <glib/gi18n.h>

#include "plugin/procedure.h"

static gboolean
collect (const DdpmRequest *request, DdpmSources *sources, GError **error)
{
  return ddpm_request_check (request, 1, FALSE, error)
         && ddpm_sources_take_selection (sources, request, error);
}

const DdpmProcedure ddpm_procedure_fill = {
  .name = "plug-in-ddpm-fill",
  .menu_label = N_ ("_Fill Selection..."),
  .title = N_ ("Fill the Selection"),
  .ok_label = N_ ("F_ill"),
  .blurb = N_ ("Make what is selected anew with a diffusion model, so that it fits what lies around it"),
  .help = N_ (
    "Makes the selected part of the active layer anew so that it fits its surroundings, soft edges and "
    "several pieces included; a soft edge fades from the new to the old. Each result is a new layer above, "
    "as large as the selection and transparent where nothing is selected: what lies below stays as it is, to "
    "the last bit. The resamplings say how often the model goes back and forth to fit the new to the old. A "
    "layer's mask counts as its transparency."),
  .sensitivity = GIMP_PROCEDURE_SENSITIVE_DRAWABLE,
  .task = DDPM_TASK_FILL,
  .collect = collect,
};
