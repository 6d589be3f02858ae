/* How far apart two sets of pictures are, without any network.
 *
 * The sliced Wasserstein distance over a Laplacian pyramid (Karras et al. 2018, "Progressive growing of
 * GANs", section 5): at each scale, the distributions of 7x7 pixels from places all over the pictures.
 * Different from theirs: the places are the same in all pictures and spread evenly, so that a set is 0 from
 * itself in any order; both sets' values are normalised by b's mean and deviation (of each channel), so that
 * a set that is too dark counts; the pyramid goes down to where a side would be below 12 pixels; sets may
 * have different sizes.
 *
 * Nearest neighbours, precision and recall are those of the pictures at the pyramid's coarsest scale, all
 * their values: small blurred pictures (core/data/neighbours.h). */
#pragma once

#include "core/base/parallel.h"

G_BEGIN_DECLS

#define DDPM_DISTANCES_MAX_LEVELS 16

typedef struct
{
  guint n_levels;                                                              /* of the pyramid */
  guint widths[DDPM_DISTANCES_MAX_LEVELS], heights[DDPM_DISTANCES_MAX_LEVELS]; /* pixels; the finest first */
  double sliced_wasserstein[DDPM_DISTANCES_MAX_LEVELS]; /* in b's deviations, a thousandth of what Karras et
                                                         * al. print */
  double sliced_wasserstein_mean;                       /* of all levels */
  double precision; /* the share of a's pictures that are like b's: quality, where b is real */
  double recall;    /* the share of b's pictures that are like a's: variety */
  /* Root of the mean square, 0 … 255: the mean over a's pictures of the distance to the nearest one of b; and
   * what to compare it with, from b's pictures to the nearest other ones of b (NaN where there is no other).
   */
  double nearest, nearest_within;
} DdpmDistances;

/* a[n_a] and b[n_b]: [n_channels][height][width] each in [-1, 1], premultiplied where there is alpha; at
 * least one each. seed: of places and directions. Results do not depend on the number of threads. Errors:
 * DDPM_ERROR_MEMORY, DDPM_ERROR_NUMERIC (a value is not finite), G_IO_ERROR_CANCELLED. */
gboolean ddpm_distances_measure (DdpmTeam *team, const float *a, guint n_a, const float *b, guint n_b,
                                 guint n_channels, guint height, guint width, guint32 seed,
                                 GCancellable *cancellable, DdpmDistances *distances, GError **error);

G_END_DECLS
