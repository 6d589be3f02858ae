/* Which part of a picture the network sees, and how it is turned. */
#pragma once

#include "core/base/rng.h"
#include "core/data/dataset.h"

G_BEGIN_DECLS

/* What may happen to a picture at random. Parts of pictures larger than the dataset's size, and shifts of
 * those that wrap around, always do. */
typedef struct
{
  gboolean flip, flip_vertical; /* mirrored left to right; upside down */
  gboolean rotate;              /* by quarter turns; width and height have to be equal */
  double rotate_degrees;        /* 0 … 180: turned by up to that, to both sides */
  double scale_jitter;          /* 0 … 1: larger or smaller by up to a factor of 1 + scale_jitter */
  /* 0 … 1: brighter or darker by up to half as much (of the way from black to white), contrast and saturation
   * larger or smaller by up to a factor of 1 + colour_jitter, hues turned by up to 30 degrees times that. */
  double colour_jitter;
} DdpmAugment;

/* A view of picture `index`, by the key alone. */
DdpmView ddpm_augment_choose (const DdpmAugment *augment, const DdpmDataset *dataset, guint index,
                              DdpmRngKey key);

G_END_DECLS
