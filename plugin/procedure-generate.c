/* plug-in-ddpm-generate: new pictures out of noise. */
#include <glib/gi18n.h>

#include "plugin/procedure.h"

static gboolean
collect (GimpImage *image, GimpDrawable **drawables, DdpmSources *sources, GError **error)
{
  g_autofree GimpLayer **selected = NULL;
  gboolean has_selection;
  int x1, y1, x2, y2;

  if (image == NULL)
    return TRUE;
  /* without a selection these are the image's bounds */
  gimp_selection_bounds (image, &has_selection, &x1, &y1, &x2, &y2);
  sources->place.bounds = (GeglRectangle) { x1, y1, x2 - x1, y2 - y1 };
  selected = gimp_image_get_selected_layers (image);
  sources->place.above = selected[0];
  sources->place.in_group = TRUE;
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
    "a new one of the pictures' size is made."),
  .sensitivity = GIMP_PROCEDURE_SENSITIVE_DRAWABLE | GIMP_PROCEDURE_SENSITIVE_DRAWABLES
                 | GIMP_PROCEDURE_SENSITIVE_NO_DRAWABLES | GIMP_PROCEDURE_SENSITIVE_NO_IMAGE,
  .task = DDPM_TASK_GENERATE,
  .collect = collect,
};
