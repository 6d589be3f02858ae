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
} DdpmAugment;

/* A view of picture `index`, by the key alone. */
DdpmView ddpm_augment_choose (const DdpmAugment *augment, const DdpmDataset *dataset, guint index,
                              DdpmRngKey key);

G_END_DECLS
