/* plug-in-ddpm-interpolate: pictures between two layers. */
#include <glib/gi18n.h>

#include "plugin/procedure.h"

/* Positions from the top of the image down to the item, one a level. */
static GArray *
get_path (GimpImage *image, GimpItem *item)
{
  GArray *path = g_array_new (FALSE, FALSE, sizeof (int));

  for (; item != NULL; item = gimp_item_get_parent (item))
    {
      int position = gimp_image_get_item_position (image, item);

      g_array_prepend_val (path, position);
    }
  return path;
}

/* Whether a lies below b in the stack; a layer lies below the group that holds it. */
static gboolean
is_below (GimpImage *image, GimpDrawable *a, GimpDrawable *b)
{
  g_autoptr (GArray) path_a = get_path (image, GIMP_ITEM (a));
  g_autoptr (GArray) path_b = get_path (image, GIMP_ITEM (b));
  guint n_common = MIN (path_a->len, path_b->len);

  for (guint i = 0; i < n_common; i++)
    {
      int position_a = g_array_index (path_a, int, i);
      int position_b = g_array_index (path_b, int, i);

      if (position_a != position_b)
        return position_a > position_b;
    }
  return path_a->len > path_b->len;
}

static gboolean
collect (const DdpmRequest *request, DdpmSources *sources, GError **error)
{
  GimpDrawable **drawables = request->drawables;
  guint lower;

  if (!ddpm_request_check (request, 2, TRUE, error))
    return FALSE;
  lower = is_below (request->image, drawables[0], drawables[1]) ? 0 : 1;
  ddpm_sources_take_layer (sources, 0, drawables[lower]);
  ddpm_sources_take_layer (sources, 1, drawables[1 - lower]);
  sources->place.are_frames = TRUE;
  return TRUE;
}

const DdpmProcedure ddpm_procedure_interpolate = {
  .name = "plug-in-ddpm-interpolate",
  .menu_label = N_ ("_Interpolate Layers..."),
  .title = N_ ("Interpolate Layers"),
  .ok_label = N_ ("_Interpolate"),
  .blurb = N_ ("Make pictures between two selected layers with a diffusion model"),
  .help = N_ (
    "Adds the same noise to both selected layers, mixes them, and takes the noise away again; or turns both "
    "into noise, by the method “latent”, and mixes that. The in-betweens are new layers in order above the "
    "lower one, at its place and size, the first most like the lower and the last most like the upper layer, "
    "named as frames for GIMP's animation filters. The strength says how much noise is added. Layer masks "
    "count as transparency."),
  .sensitivity = GIMP_PROCEDURE_SENSITIVE_DRAWABLES,
  .task = DDPM_TASK_INTERPOLATE,
  .collect = collect,
};
