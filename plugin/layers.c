#include "plugin/layers.h"

#include <glib/gi18n.h>
#include <math.h>
#include <string.h>

#include "plugin/pixels.h"

/* What GIMP's animation filters read in the name of a layer: how long it is shown, and that it does not lie
 * on those below it. */
#define FRAME_NAME " (100ms) (replace)"

/* A layer of the image's own kind, not inserted yet: what is done to it needs no undo. */
static GimpLayer *
make_layer (GimpImage *image, const DdpmImage *picture, const char *name, JsonObject *record)
{
  gboolean has_alpha = picture->n_channels == 2 || picture->n_channels == 4;
  GimpImageType type = GIMP_RGB_IMAGE;
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

  ddpm_record_attach (record, layer);
  return layer;
}

/* What tells a picture from the others of its run. Not "#1": GIMP counts such an ending up when it has a
 * layer of that name. */
static char *
name_picture (JsonObject *record, guint index)
{
  if (json_object_has_member (record, "timestep"))
    return g_strdup_printf (_ ("step %u"), (guint) json_object_get_int_member (record, "timestep"));
  if (json_object_has_member (record, "own-strength"))
    return g_strdup_printf ("%u: %.0f %%", index + 1,
                            100 * json_object_get_double_member (record, "own-strength"));
  return g_strdup_printf ("%u", index + 1);
}

/* The part of it, transparent where the stencil hides it. Where it does so in part, the picture has been
 * blended with what was there, and need not be once more. */
static DdpmImage *
cut_out (const DdpmImage *picture, const DdpmImage *stencil, const GeglRectangle *part)
{
  g_autoptr (DdpmImage) opened = ddpm_image_convert (picture, picture->n_channels <= 2 ? 2 : 4);
  const guint n = opened->n_channels;

  for (gsize i = 0; i < (gsize) picture->width * picture->height; i++)
    if (stencil->pixels[i] <= 0)
      memset (opened->pixels + i * n, 0, n * sizeof (float));
  return ddpm_image_crop (opened, part->x, part->y, part->width, part->height);
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
      g_autoptr (JsonObject) record = ddpm_record_new (run->job, i, arguments, &place->origin);
      g_autofree char *own_name = name_picture (record, i);
      g_autofree char *name = g_strdup_printf ("%s %u (%s)%s", run->model->name, arguments->seed, own_name,
                                               place->are_frames ? FRAME_NAME : "");

      g_autoptr (DdpmImage) part =
        place->stencil != NULL ? cut_out (pictures[i], place->stencil, &place->origin.part) : NULL;
      const DdpmImage *picture = part != NULL ? part : pictures[i];

      layers[i] = make_layer (place->image, picture, name, record);
      if (place->stencil != NULL)
        ddpm_record_attach_mask (place->stencil, &place->origin.part, layers[i]);
      gimp_layer_set_offsets (layers[i], place->bounds.x + (place->bounds.width - (int) picture->width) / 2,
                              place->bounds.y + (place->bounds.height - (int) picture->height) / 2);
    }
  return layers;
}

static char *
name_group (DdpmRun *run, const DdpmArguments *arguments)
{
  const guint last = run->model->scheduler.num_train_timesteps - 1;

  if (arguments->shared < 1)
    return g_strdup_printf (_ ("%s %u, the same noise down to step %ld"), run->model->name, arguments->seed,
                            lround (arguments->shared * last));
  return g_strdup_printf ("%s %u", run->model->name, arguments->seed);
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
      g_autofree char *name = name_group (run, arguments);
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
