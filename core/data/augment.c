#include "core/data/augment.h"

#include <math.h>

/* Places in the stream: append, never renumber, or trainings under way would go on with other pictures. */
enum
{
  PLACE_FLIP,
  PLACE_FLIP_VERTICAL,
  PLACE_ROTATE,
  PLACE_X,
  PLACE_Y,
  PLACE_ANGLE,
  PLACE_ZOOM,
  PLACE_BRIGHTNESS,
  PLACE_CONTRAST,
  PLACE_SATURATION,
  PLACE_HUE
};

#define RESOLUTION (1u << 24)
#define BRIGHTNESS_SHARE 0.5
#define HUE_DEGREES 30.0

/* Uniform between -most and most. */
static float
choose_between (DdpmRngKey key, guint32 place, double most)
{
  if (most == 0)
    return 0;
  return (float) (most * ((ddpm_rng_below (key, place, RESOLUTION) + 0.5) * 2 / RESOLUTION - 1));
}

DdpmView
ddpm_augment_choose (const DdpmAugment *augment, const DdpmDataset *dataset, guint index, DdpmRngKey key)
{
  const DdpmDatasetPicture *picture = &dataset->pictures[index];
  const guint n_x = dataset->wraps ? picture->width : picture->width - dataset->width + 1;
  const guint n_y = dataset->wraps ? picture->height : picture->height - dataset->height + 1;

  const double log_colour = log2 (1 + augment->colour_jitter);

  return (DdpmView) {
    .x = ddpm_rng_below (key, PLACE_X, n_x),
    .y = ddpm_rng_below (key, PLACE_Y, n_y),
    .flip = augment->flip && ddpm_rng_below (key, PLACE_FLIP, 2) == 1,
    .flip_vertical = augment->flip_vertical && ddpm_rng_below (key, PLACE_FLIP_VERTICAL, 2) == 1,
    .quarter_turns = augment->rotate ? ddpm_rng_below (key, PLACE_ROTATE, 4) : 0,
    .angle = choose_between (key, PLACE_ANGLE, augment->rotate_degrees),
    .zoom = exp2f (choose_between (key, PLACE_ZOOM, log2 (1 + augment->scale_jitter))),
    .brightness = choose_between (key, PLACE_BRIGHTNESS, BRIGHTNESS_SHARE * augment->colour_jitter),
    .contrast = choose_between (key, PLACE_CONTRAST, log_colour),
    .saturation = choose_between (key, PLACE_SATURATION, log_colour),
    .hue = choose_between (key, PLACE_HUE, HUE_DEGREES * augment->colour_jitter),
  };
}
