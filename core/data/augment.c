#include "core/data/augment.h"

/* Places in the stream: append, never renumber, or trainings under way would go on with other pictures. */
enum
{
  PLACE_FLIP,
  PLACE_FLIP_VERTICAL,
  PLACE_ROTATE,
  PLACE_X,
  PLACE_Y
};

DdpmView
ddpm_augment_choose (const DdpmAugment *augment, const DdpmDataset *dataset, guint index, DdpmRngKey key)
{
  const DdpmDatasetPicture *picture = &dataset->pictures[index];
  const guint n_x = dataset->wraps ? picture->width : picture->width - dataset->width + 1;
  const guint n_y = dataset->wraps ? picture->height : picture->height - dataset->height + 1;

  return (DdpmView) {
    .x = ddpm_rng_below (key, PLACE_X, n_x),
    .y = ddpm_rng_below (key, PLACE_Y, n_y),
    .flip = augment->flip && ddpm_rng_below (key, PLACE_FLIP, 2) == 1,
    .flip_vertical = augment->flip_vertical && ddpm_rng_below (key, PLACE_FLIP_VERTICAL, 2) == 1,
    .quarter_turns = augment->rotate ? ddpm_rng_below (key, PLACE_ROTATE, 4) : 0,
  };
}
