#include "core/job/picture-set.h"

#include <math.h>

#include "core/base/error.h"
#include "core/data/augment.h"
#include "core/job/train-held-out.h"

static gboolean
check_model (const DdpmModel *model, GError **error)
{
  if (!ddpm_model_check_channels (model, error))
    return FALSE;
  switch (ddpm_unet_get_config (model->unet)->in_channels)
    {
    case 1:
    case 3:
      return TRUE;
    case 4:
      return model->notes.premultiplied
             || ddpm_refuse (
               error, DDPM_ERROR_UNSUPPORTED,
               "The model \"%s\" was trained on colours that are not multiplied by their alpha, "
               "which are not what it would be measured on",
               model->name);
    default:
      return ddpm_refuse (
        error, DDPM_ERROR_UNSUPPORTED,
        "The model \"%s\" has 2 channels; only grey (1), RGB (3) and RGBA (4) models can be measured",
        model->name);
    }
}

DdpmDataset *
ddpm_picture_set_load (const DdpmModel *model, GFile *pictures, guint width, guint height, guint crop,
                       DdpmProgressFunc func, gpointer user_data, GCancellable *cancellable, GError **error)
{
  static const DdpmPixels pixels[] = {
    [1] = DDPM_PIXELS_GREY, [3] = DDPM_PIXELS_RGB, [4] = DDPM_PIXELS_RGBA
  };
  const DdpmUnetConfig *config = ddpm_unet_get_config (model->unet);
  const gboolean wraps = model->notes.circular_padding;
  DdpmListener listener = { func, user_data };
  DdpmDatasetOptions options;

  if (!check_model (model, error))
    return NULL;
  if (width == 0)
    {
      width = config->sample_width;
      height = config->sample_height;
    }
  if (width != 0 && !ddpm_unet_config_check_size (config, height, width, error))
    return NULL;
  options = (DdpmDatasetOptions) {
    .fit = { .kind = wraps       ? crop != 0 ? DDPM_FIT_TILE_PARTS : DDPM_FIT_TILE
                     : crop != 0 ? DDPM_FIT_PARTS
                                 : DDPM_FIT_MIDDLE,
             .width = width,
             .height = height,
             .shorter_side = crop },
    .multiple = ddpm_unet_config_get_size_multiple (config),
    .pixels = pixels[config->in_channels],
  };
  return ddpm_dataset_load (pictures, &options, ddpm_listener_tell_reading, &listener, cancellable, error);
}

guint32 *
ddpm_picture_set_choose (const DdpmDataset *dataset, guint held_out, guint most, guint *n_chosen,
                         GError **error)
{
  g_autofree guint32 *chosen = g_new (guint32, dataset->n_pictures);
  guint n = 0;

  for (guint i = 0; i < dataset->n_pictures; i++)
    if (held_out == 0 || ddpm_train_held_out_contains (dataset->paths[i], held_out))
      chosen[n++] = i;
  if (n == 0)
    {
      ddpm_refuse (error, DDPM_ERROR_USAGE,
                   "--held-out %u: none of the %u pictures is held out; leave it out, or give the number "
                   "that the training was given",
                   held_out, dataset->n_pictures);
      return NULL;
    }
  *n_chosen = most > 0 ? MIN (most, n) : n;
  for (guint i = 0; i < *n_chosen; i++)
    chosen[i] = chosen[(guint64) i * n / *n_chosen];
  return g_steal_pointer (&chosen);
}

guint
ddpm_picture_set_show (const DdpmDataset *dataset, const guint32 *chosen, guint n_chosen, guint place,
                       DdpmRngKey key, float *x0)
{
  static const DdpmAugment none = { 0 };
  DdpmHeldPicture held;
  DdpmView part;

  if (!ddpm_dataset_hold (dataset, chosen, n_chosen, place, &held))
    return chosen[place]; /* of no more use: the dataset tells */
  part = ddpm_augment_choose (&none, dataset, held.index, key);
  ddpm_dataset_show (dataset, &held, &part, x0);
  ddpm_dataset_release (dataset, &held);
  return held.index;
}

DdpmPictureSet *
ddpm_picture_set_new (const DdpmDataset *dataset, const guint32 *chosen, guint n_chosen, guint32 seed,
                      GError **error)
{
  const gsize n_values = (gsize) dataset->n_channels * dataset->height * dataset->width;
  g_autoptr (DdpmPictureSet) set = g_new (DdpmPictureSet, 1);

  *set = (DdpmPictureSet) { n_chosen, dataset->n_channels, dataset->height, dataset->width,
                            g_try_new0 (float, n_values *n_chosen) };
  if (set->values == NULL)
    {
      ddpm_refuse (error, DDPM_ERROR_MEMORY,
                   "%u pictures of %ux%u pixels do not fit into memory together; take fewer or smaller ones",
                   n_chosen, dataset->width, dataset->height);
      return NULL;
    }
  for (guint i = 0; i < n_chosen; i++)
    ddpm_picture_set_show (dataset, chosen, n_chosen, i,
                           (DdpmRngKey) { seed, DDPM_RNG_EVALUATE_PART, chosen[i], 0 },
                           set->values + i * n_values);
  return ddpm_dataset_check (dataset, error) ? g_steal_pointer (&set) : NULL;
}

DdpmPictureSet *
ddpm_picture_set_new_from_images (DdpmImage *const *images, guint n)
{
  const DdpmImage *first = images[0];
  const gsize n_values = (gsize) first->n_channels * first->height * first->width;
  DdpmPictureSet *set = g_new (DdpmPictureSet, 1);

  *set = (DdpmPictureSet) { n, first->n_channels, first->height, first->width, g_new (float, n_values *n) };
  for (guint i = 0; i < n; i++)
    ddpm_image_to_tensor (images[i], first->n_channels == 4, set->values + i * n_values);
  for (gsize i = 0; i < n * n_values; i++) /* as files have them, and the pictures of a folder */
    set->values[i] = rintf (127.5f * (set->values[i] + 1)) / 127.5f - 1;
  return set;
}

void
ddpm_picture_set_free (DdpmPictureSet *set)
{
  g_free (set->values);
  g_free (set);
}

gboolean
ddpm_picture_set_compare (const DdpmPictureSet *a, const DdpmPictureSet *b, guint n_threads, guint32 seed,
                          GCancellable *cancellable, DdpmDistances *distances, GError **error)
{
  g_autoptr (DdpmTeam) team = ddpm_team_new (n_threads);

  g_return_val_if_fail (a->n_channels == b->n_channels && a->height == b->height && a->width == b->width,
                        FALSE);

  return ddpm_distances_measure (team, a->values, a->n, b->values, b->n, a->n_channels, a->height, a->width,
                                 seed, cancellable, distances, error);
}
