/* plug-in-ddpm-vary: noise is added to the active layer, and taken away again in other ways. */
#include <glib/gi18n.h>

#include "plugin/pixels.h"
#include "plugin/procedure.h"

static gboolean
collect (GimpImage *image, GimpDrawable **drawables, DdpmSources *sources, GError **error)
{
  GeglRectangle part;
  int layer_x, layer_y;

  if (!ddpm_drawables_check (drawables, 1, error))
    return FALSE;
  if (!gimp_drawable_mask_intersect (drawables[0], &part.x, &part.y, &part.width, &part.height))
    {
      g_autofree char *name = gimp_item_get_name (GIMP_ITEM (drawables[0]));

      g_set_error (
        error, DDPM_ERROR, DDPM_ERROR_USAGE,
        _ ("The selection does not touch the layer “%s”: move it over the layer, or select nothing."), name);
      return FALSE;
    }
  sources->inputs[0] = ddpm_drawable_read (drawables[0], &part);

  gimp_drawable_get_offsets (drawables[0], &layer_x, &layer_y);
  sources->place.above = GIMP_LAYER (drawables[0]);
  sources->place.bounds = (GeglRectangle) { layer_x + part.x, layer_y + part.y, part.width, part.height };
  return TRUE;
}

const DdpmProcedure ddpm_procedure_vary = {
  .name = "plug-in-ddpm-vary",
  .menu_label = N_ ("_Variations..."),
  .title = N_ ("Variations of a Layer"),
  .ok_label = N_ ("_Vary"),
  .blurb = N_ ("Make variations of the active layer with a diffusion model"),
  .help = N_ (
    "Brings the active layer, or the part of it within the selection's bounds, to the model's size, adds "
    "noise "
    "and takes it away again. The results are new layers above the original, at the same place and size."),
  .sensitivity = GIMP_PROCEDURE_SENSITIVE_DRAWABLE,
  .task = DDPM_TASK_VARY,
  .collect = collect,
};
