/* Which pictures of one set come close to those of another: nearest neighbours, and the improved precision
 * and recall of Kynkaanniemi et al. 2019, "Improved precision and recall metric for assessing generative
 * models": a set's manifold is taken for the balls around its pictures that reach to their third nearest
 * neighbours in it (equation 1). */
#pragma once

#include "core/base/parallel.h"

G_BEGIN_DECLS

/* Pictures that a ball reaches to; fewer where a set has fewer others. */
#define DDPM_NEIGHBOURS_K 3

typedef struct
{
  const float *values; /* [n][n_values]; borrowed */
  guint n;
  gsize n_values;
} DdpmNeighbourSet;

typedef struct
{
  double precision;      /* the share of a's pictures within b's manifold … */
  double recall;         /* … and of b's within a's (equation 2) */
  double nearest;        /* the mean distance from a picture of a to the nearest of b */
  double nearest_within; /* likewise from b to the nearest other one of b; NaN: it has only one */
} DdpmNeighbours;

/* The root of the mean square difference of a[n] and b[n]. */
double ddpm_rms_distance (const float *a, const float *b, gsize n);

/* Both sets have pictures, with as many values. Of cancelled work nothing is to be used. */
void ddpm_neighbours_measure (DdpmTeam *team, const DdpmNeighbourSet *a, const DdpmNeighbourSet *b,
                              GCancellable *cancellable, DdpmNeighbours *neighbours);

G_END_DECLS
