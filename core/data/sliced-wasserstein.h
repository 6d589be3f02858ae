/* The sliced Wasserstein distance of two sets of vectors: the mean, over directions at random, of the
 * Wasserstein-1 distance of their projections (Rabin et al. 2011, "Wasserstein barycenter and its application
 * to texture mixing"). */
#pragma once

#include "core/base/parallel.h"
#include "core/base/rng.h"

G_BEGIN_DECLS

#define DDPM_VECTORS_CHUNK 256 /* vectors */

/* n vectors of n_values numbers each, chunk by chunk; within a chunk, number by number. */
typedef struct
{
  float *values; /* [n_chunks][n_values][DDPM_VECTORS_CHUNK]; what lies beyond the last vector is 0 */
  gsize n, n_values;
} DdpmVectors;

/* FALSE: there is not enough memory. */
gboolean ddpm_vectors_init (DdpmVectors *vectors, gsize n, gsize n_values);
void ddpm_vectors_clear (DdpmVectors *vectors);

/* The first number of vector number i; the others follow DDPM_VECTORS_CHUNK floats apart. */
float *ddpm_vectors_get (const DdpmVectors *vectors, gsize i);

/* Between the distributions that a[n_a] and b[n_b], in ascending order, are samples of: the area between
 * their quantile functions. n_a n_b below 2^64. */
double ddpm_wasserstein_get (const float *a, gsize n_a, const float *b, gsize n_b);

/* Of two sets of vectors with as many values, along n_directions by `key`, whose index counts the directions.
 * FALSE: there is not enough memory, or it was cancelled and *distance is not to be used. */
gboolean ddpm_sliced_wasserstein_get (DdpmTeam *team, const DdpmVectors *a, const DdpmVectors *b,
                                      guint n_directions, DdpmRngKey key, GCancellable *cancellable,
                                      double *distance);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmVectors, ddpm_vectors_clear)

G_END_DECLS
