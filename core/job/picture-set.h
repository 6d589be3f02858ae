/* Pictures that a model is measured on: those of a folder as it would be trained on them, and those it made,
 * as tensors of one size. */
#pragma once

#include "core/base/rng.h"
#include "core/data/dataset.h"
#include "core/data/distances.h"
#include "core/job/progress.h"
#include "core/model/model.h"

G_BEGIN_DECLS

/* The pictures of a folder in the model's channels and, where width and height are 0, in its own size; crop:
 * as in training, 0: whole. Progress: phase PREPARE. Errors: DDPM_ERROR_UNSUPPORTED (a model that was not
 * trained on what a folder's pictures are brought to), those of ddpm_dataset_load. */
DdpmDataset *ddpm_picture_set_load (const DdpmModel *model, GFile *pictures, guint width, guint height,
                                    guint crop, DdpmProgressFunc func, gpointer user_data,
                                    GCancellable *cancellable, GError **error);

/* Numbers of those pictures: the ones that a training with --held-out N holds out (0: all), and of these so
 * many at most, evenly from all of them (0: all). Caller frees. Errors: DDPM_ERROR_USAGE. */
guint32 *ddpm_picture_set_choose (const DdpmDataset *dataset, guint held_out, guint most, guint *n_chosen,
                                  GError **error);

/* Picture chosen[place], or the next one that can be read, to x0; its number. key: of the part that is shown,
 * where it is larger. If none can be read, ddpm_dataset_check tells. */
guint ddpm_picture_set_show (const DdpmDataset *dataset, const guint32 *chosen, guint n_chosen, guint place,
                             DdpmRngKey key, float *x0);

typedef struct
{
  guint n, n_channels, height, width;
  float *values; /* [n][n_channels][height][width] in [-1, 1], premultiplied where there is alpha */
} DdpmPictureSet;

/* seed: of parts. Errors: DDPM_ERROR_MEMORY, DDPM_ERROR_FILE. */
DdpmPictureSet *ddpm_picture_set_new (const DdpmDataset *dataset, const guint32 *chosen, guint n_chosen,
                                      guint32 seed, GError **error);

/* images[n], at least one, all of the same size and channels. */
DdpmPictureSet *ddpm_picture_set_new_from_images (DdpmImage *const *images, guint n);
void ddpm_picture_set_free (DdpmPictureSet *set);

/* ddpm_distances_measure of a from b, which must have the same size and channels; n_threads 0: all. */
gboolean ddpm_picture_set_compare (const DdpmPictureSet *a, const DdpmPictureSet *b, guint n_threads,
                                   guint32 seed, GCancellable *cancellable, DdpmDistances *distances,
                                   GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmPictureSet, ddpm_picture_set_free)

G_END_DECLS
