#include "plugin/layers.h"

#include <glib/gi18n.h>
#include <string.h>

#include "plugin/pixels.h"

#define SETTINGS_PARASITE "ddpm-settings"

/* A layer of the image's own kind, not inserted yet: what is done to it needs no undo. */
static GimpLayer *
make_layer (GimpImage *image, const DdpmImage *picture, const char *name, const char *settings)
{
  gboolean has_alpha = picture->n_channels == 2 || picture->n_channels == 4;
  GimpImageType type = GIMP_RGB_IMAGE;
  GimpParasite *parasite;
  GimpLayer *layer;

  switch (gimp_image_get_base_type (image))
    {
    case GIMP_RGB:
      type = has_alpha ? GIMP_RGBA_IMAGE : GIMP_RGB_IMAGE;
      break;
    case GIMP_GRAY:
      type = has_alpha ? GIMP_GRAYA_IMAGE : GIMP_GRAY_IMAGE;
      break;
    case GIMP_INDEXED:
      type = has_alpha ? GIMP_INDEXEDA_IMAGE : GIMP_INDEXED_IMAGE;
      break;
    }
  layer = gimp_layer_new (image, name, picture->width, picture->height, type, 100.0,
                          gimp_image_get_default_new_layer_mode (image));
  ddpm_drawable_write (GIMP_DRAWABLE (layer), picture);

  parasite = gimp_parasite_new (SETTINGS_PARASITE, GIMP_PARASITE_PERSISTENT, strlen (settings), settings);
  gimp_item_attach_parasite (GIMP_ITEM (layer), parasite);
  gimp_parasite_free (parasite);
  return layer;
}

/* The layers of all pictures, where they belong but not inserted. */
static GimpLayer **
make_layers (DdpmRun *run, const DdpmArguments *arguments, const DdpmPlace *place)
{
  guint n_pictures;
  DdpmImage *const *pictures = ddpm_sample_job_get_images (run->job, &n_pictures);
  GimpLayer **layers = g_new0 (GimpLayer *, n_pictures + 1);

  for (guint i = 0; i < n_pictures; i++)
    {
      /* not "#1": GIMP counts such an ending up when it has a layer of that name */
      g_autofree char *name = g_strdup_printf ("%s %u (%u)", run->model->name, arguments->seed, i + 1);
      g_autofree char *settings = ddpm_sample_job_describe (run->job, i);

      layers[i] = make_layer (place->image, pictures[i], name, settings);
      gimp_layer_set_offsets (layers[i],
                              place->bounds.x + (place->bounds.width - (int) pictures[i]->width) / 2,
                              place->bounds.y + (place->bounds.height - (int) pictures[i]->height) / 2);
    }
  return layers;
}

static void
insert_layers (DdpmRun *run, const DdpmArguments *arguments, const DdpmPlace *place, GimpLayer **layers)
{
  GimpLayer *parent = NULL;
  int position = 0;

  /* the image may have been changed while the job ran */
  if (place->above != NULL && gimp_item_is_valid (GIMP_ITEM (place->above)))
    {
      parent = GIMP_LAYER (gimp_item_get_parent (GIMP_ITEM (place->above)));
      position = gimp_image_get_item_position (place->image, GIMP_ITEM (place->above));
    }

  gimp_image_undo_group_start (place->image);
  if (place->in_group)
    {
      g_autofree char *name = g_strdup_printf ("%s %u", run->model->name, arguments->seed);
      GimpGroupLayer *group = gimp_group_layer_new (place->image, name);

      gimp_image_insert_layer (place->image, GIMP_LAYER (group), parent, position);
      parent = GIMP_LAYER (group);
      position = 0;
    }
  for (guint i = 0; layers[i] != NULL; i++)
    gimp_image_insert_layer (place->image, layers[i], parent, position);
  gimp_image_undo_group_end (place->image);
}

GimpLayer **
ddpm_layers_insert (DdpmRun *run, const DdpmArguments *arguments, DdpmPlace *place, GError **error)
{
  g_autofree GimpLayer **selected = NULL;
  GimpLayer **layers;

  if (place->image == NULL)
    {
      guint n_pictures;
      const DdpmImage *first = ddpm_sample_job_get_images (run->job, &n_pictures)[0];

      place->image =
        gimp_image_new (first->width, first->height, first->n_channels <= 2 ? GIMP_GRAY : GIMP_RGB);
      place->bounds = (GeglRectangle) { 0, 0, first->width, first->height };
    }
  else if (!ddpm_image_can_take_layers (place->image, error))
    return NULL;

  layers = make_layers (run, arguments, place);
  selected = gimp_image_get_selected_layers (place->image);
  insert_layers (run, arguments, place, layers);

  /* the same layers can be varied again at once, while new ones are what one goes on with */
  if (place->in_group)
    gimp_image_set_selected_layers (
      place->image,
      (const GimpLayer *[]) { GIMP_LAYER (gimp_item_get_parent (GIMP_ITEM (layers[0]))), NULL });
  else if (selected[0] != NULL)
    gimp_image_set_selected_layers (place->image, (const GimpLayer **) selected);
  return layers;
}

gboolean
ddpm_image_can_take_layers (GimpImage *image, GError **error)
{
  if (!gimp_image_is_valid (image))
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                           _ ("The image was closed: there is no place for new layers."));
      return FALSE;
    }
  if (gimp_image_get_floating_sel (image) == NULL)
    return TRUE;
  g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                       _ ("The image has a floating selection: anchor it or make it a layer first."));
  return FALSE;
}

gboolean
ddpm_drawables_check (GimpDrawable **drawables, guint n, GError **error)
{
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
    else if (!gimp_item_is_layer (GIMP_ITEM (drawables[i])))
      {
        g_autofree char *name = gimp_item_get_name (GIMP_ITEM (drawables[i]));

        g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                     _ ("“%s” is a mask or a channel, but this works on layers: select a layer."), name);
        return FALSE;
      }
  return TRUE;
}
