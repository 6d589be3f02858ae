#include "plugin/sources.h"

#include <glib/gi18n.h>
#include <string.h>

#include "plugin/pixels.h"

gboolean
ddpm_request_check (const DdpmRequest *request, guint n, gboolean layers_only, GError **error)
{
  GimpDrawable **drawables = request->drawables;
  guint n_drawables = drawables == NULL ? 0 : gimp_core_object_array_get_length ((GObject **) drawables);

  if (n_drawables != n)
    {
      if (n == 1)
        g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                     _ ("This works on one layer, but %u are selected: select exactly one."), n_drawables);
      else
        g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                     _ ("This works on %u layers, but %u are selected: select exactly %u."), n, n_drawables,
                     n);
      return FALSE;
    }
  for (guint i = 0; i < n; i++)
    if (!gimp_item_is_valid (GIMP_ITEM (drawables[i])))
      {
        g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                             _ ("The layer was deleted meanwhile: select another one and try again."));
        return FALSE;
      }
    else if (layers_only && !gimp_item_is_layer (GIMP_ITEM (drawables[i])))
      {
        g_autofree char *name = gimp_item_get_name (GIMP_ITEM (drawables[i]));

        g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                     _ ("“%s” is a mask or a channel, but this works on layers: select a layer."), name);
        return FALSE;
      }
  return TRUE;
}

/* The layer that new layers lie above: the drawable, or the one whose mask it is; a channel lies above none.
 */
static GimpLayer *
find_layer (GimpDrawable *drawable)
{
  if (gimp_item_is_layer_mask (GIMP_ITEM (drawable)))
    return gimp_layer_from_mask (GIMP_LAYER_MASK (drawable));
  return gimp_item_is_layer (GIMP_ITEM (drawable)) ? GIMP_LAYER (drawable) : NULL;
}

/* A part of it, moved by the drawable's place in the image. */
static void
take (DdpmSources *sources, guint index, GimpDrawable *drawable, const GeglRectangle *part)
{
  DdpmOrigin *origin = &sources->place.origin;
  int x, y;

  sources->inputs.pictures[index] = ddpm_drawable_read (drawable, part);
  origin->tattoos[index] = gimp_item_get_tattoo (GIMP_ITEM (drawable));
  origin->names[index] = gimp_item_get_name (GIMP_ITEM (drawable));
  if (index > 0)
    return;
  gimp_drawable_get_offsets (drawable, &x, &y);
  origin->part = *part;
  sources->place.above = find_layer (drawable);
  sources->place.bounds = (GeglRectangle) { x + part->x, y + part->y, part->width, part->height };
}

/* The selection's bounds, or the image's. */
static GeglRectangle
get_bounds (GimpImage *image)
{
  const GeglRectangle all = { 0, 0, gimp_image_get_width (image), gimp_image_get_height (image) };
  gboolean has_selection;
  int x1, y1, x2, y2;

  gimp_selection_bounds (image, &has_selection, &x1, &y1, &x2, &y2);
  return has_selection ? (GeglRectangle) { x1, y1, x2 - x1, y2 - y1 } : all;
}

void
ddpm_sources_take_place (DdpmSources *sources, const DdpmRequest *request)
{
  g_autofree GimpLayer **selected = NULL;
  gboolean new_image;

  g_object_get (request->config, "new-image", &new_image, NULL);
  if (request->image == NULL || new_image)
    {
      sources->place.image = NULL;
      return;
    }
  selected = gimp_image_get_selected_layers (request->image);
  sources->place.bounds = request->part != NULL ? *request->part : get_bounds (request->image);
  sources->place.origin.part = sources->place.bounds;
  sources->place.above = request->above != NULL ? request->above : selected[0];
  sources->place.in_group = TRUE;
}

static GeglRectangle
get_extent (GimpDrawable *drawable)
{
  return (GeglRectangle) { 0, 0, gimp_drawable_get_width (drawable), gimp_drawable_get_height (drawable) };
}

void
ddpm_sources_take_layer (DdpmSources *sources, guint index, GimpDrawable *layer)
{
  const GeglRectangle all = get_extent (layer);

  take (sources, index, layer, &all);
}

/* The part within the selection's bounds, all where nothing is selected. */
static gboolean
find_selected (GimpDrawable *drawable, GeglRectangle *part, GError **error)
{
  g_autofree char *name = NULL;

  if (gimp_drawable_mask_intersect (drawable, &part->x, &part->y, &part->width, &part->height))
    return TRUE;
  name = gimp_item_get_name (GIMP_ITEM (drawable));
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
               _ ("The selection does not touch the layer “%s”: move it over the layer, or select nothing."),
               name);
  return FALSE;
}

gboolean
ddpm_sources_take_drawable (DdpmSources *sources, const DdpmRequest *request, GError **error)
{
  GimpDrawable *drawable = request->drawables[0];
  const GeglRectangle all = get_extent (drawable);
  GeglRectangle part;

  if ((request->part == NULL || !gegl_rectangle_intersect (&part, request->part, &all))
      && !find_selected (drawable, &part, error))
    return FALSE;
  take (sources, 0, drawable, &part);
  return TRUE;
}

/* A mask of the layer's size, from one of a part of it. */
static DdpmImage *
widen_mask (const DdpmImage *mask, const GeglRectangle *part, const GeglRectangle *all)
{
  DdpmImage *wide = ddpm_image_new (all->width, all->height, 1);

  memset (wide->pixels, 0, (gsize) all->width * all->height * sizeof (float));
  for (int y = 0; y < part->height; y++)
    memcpy (wide->pixels + (gsize) (part->y + y) * all->width + part->x,
            mask->pixels + (gsize) y * part->width, part->width * sizeof (float));
  return wide;
}

gboolean
ddpm_sources_take_selection (DdpmSources *sources, const DdpmRequest *request, GError **error)
{
  GimpDrawable *drawable = request->drawables[0];
  const GeglRectangle all = get_extent (drawable);
  const gboolean again =
    request->mask != NULL && request->part != NULL && gegl_rectangle_contains (&all, request->part);
  GeglRectangle part, place;

  if (!again && gimp_selection_is_empty (request->image))
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                           _ ("Nothing is selected: select what is to be made anew."));
      return FALSE;
    }
  if (again)
    part = *request->part;
  else if (!find_selected (drawable, &part, error))
    return FALSE;
  take (sources, 0, drawable, &all);
  place = sources->place.bounds;
  sources->inputs.mask =
    again ? widen_mask (request->mask, &part, &all)
          : ddpm_mask_read (GIMP_DRAWABLE (gimp_image_get_selection (request->image)), &place);
  sources->place.stencil = sources->inputs.mask;
  sources->place.origin.part = part;
  sources->place.bounds = (GeglRectangle) { place.x + part.x, place.y + part.y, part.width, part.height };
  return TRUE;
}

void
ddpm_sources_take_visible (DdpmSources *sources, const DdpmRequest *request)
{
  GimpLayer *seen = gimp_layer_new_from_visible (request->image, request->image, "");
  const GeglRectangle all = get_extent (GIMP_DRAWABLE (seen));
  const GeglRectangle bounds = get_bounds (request->image);
  GeglRectangle part;

  /* the image may have become smaller since the part was kept */
  if (request->part == NULL || !gegl_rectangle_intersect (&part, request->part, &all))
    gegl_rectangle_intersect (&part, &bounds, &all);
  take (sources, 0, GIMP_DRAWABLE (seen), &part);
  sources->place.above = NULL;
  sources->place.origin.tattoos[0] = 0;
  gimp_item_delete (GIMP_ITEM (seen));
}

void
ddpm_sources_clear (DdpmSources *sources)
{
  for (guint i = 0; i < G_N_ELEMENTS (sources->inputs.pictures); i++)
    g_clear_pointer (&sources->inputs.pictures[i], ddpm_image_free);
  g_clear_pointer (&sources->inputs.mask, ddpm_image_free);
  ddpm_origin_clear (&sources->place.origin);
}
