/* plug-in-ddpm-interpolate: pictures between two layers. */
#include <glib/gi18n.h>

#include "plugin/pixels.h"
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

static DdpmImage *
read_whole (GimpDrawable *drawable)
{
  const GeglRectangle all = { 0, 0, gimp_drawable_get_width (drawable), gimp_drawable_get_height (drawable) };

  return ddpm_drawable_read (drawable, &all);
}

static gboolean
collect (GimpImage *image, GimpDrawable **drawables, DdpmSources *sources, GError **error)
{
  GimpDrawable *lower, *upper;
  int x, y;

  if (!ddpm_drawables_check (drawables, 2, error))
    return FALSE;
  lower = is_below (image, drawables[0], drawables[1]) ? drawables[0] : drawables[1];
  upper = lower == drawables[0] ? drawables[1] : drawables[0];
  sources->inputs[0] = read_whole (lower);
  sources->inputs[1] = read_whole (upper);

  gimp_drawable_get_offsets (lower, &x, &y);
  sources->place.above = GIMP_LAYER (lower);
  sources->place.bounds = (GeglRectangle) { x, y, sources->inputs[0]->width, sources->inputs[0]->height };
  return TRUE;
}

const DdpmProcedure ddpm_procedure_interpolate = {
  .name = "plug-in-ddpm-interpolate",
  .menu_label = N_ ("_Interpolate Layers..."),
  .title = N_ ("Interpolate Layers"),
  .ok_label = N_ ("_Interpolate"),
  .blurb = N_ ("Make pictures between two selected layers with a diffusion model"),
  .help =
    N_ ("Adds the same noise to both selected layers, mixes them step by step, and takes the noise away "
        "again. The "
        "in-betweens are new layers in order above the lower one, at its place and size, the first most like "
        "the lower and the last most like the upper layer. The strength says how much noise is added."),
  .sensitivity = GIMP_PROCEDURE_SENSITIVE_DRAWABLES,
  .task = DDPM_TASK_INTERPOLATE,
  .collect = collect,
};
