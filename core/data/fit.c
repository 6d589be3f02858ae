#include "core/data/fit.h"

#include <math.h>

#define LEAST_TILE 4 /* pixels of a repeated picture's side */

gboolean
ddpm_fit_wraps (DdpmFitKind kind)
{
  return kind == DDPM_FIT_TILE || kind == DDPM_FIT_TILE_PARTS;
}

static guint
scale_side (guint side, double scale, guint least)
{
  return MAX ((guint) lrint (side * scale), least);
}

static DdpmImage *
scale_to_shorter_side (const DdpmFit *fit, const DdpmImage *image)
{
  double scale = MIN (1.0, (double) fit->shorter_side / MIN (image->width, image->height));
  guint least_width = 1, least_height = 1;

  if (fit->kind == DDPM_FIT_PARTS)
    {
      least_width = fit->width;
      least_height = fit->height;
      scale = MAX (scale, (double) least_width / image->width);
      scale = MAX (scale, (double) least_height / image->height);
    }
  return ddpm_image_scale (image, scale_side (image->width, scale, least_width),
                           scale_side (image->height, scale, least_height));
}

/* The divisor of `side` that is nearest to `ratio`, by their quotient, and leaves tiles of LEAST_TILE pixels.
 */
static guint
choose_repeats (guint side, double ratio)
{
  guint best = 1;

  for (guint n = 2; n <= side / LEAST_TILE; n++)
    if (side % n == 0 && fabs (log (n / ratio)) < fabs (log (best / ratio)))
      best = n;
  return best;
}

/* Enlarging looks beyond the edges, where the picture goes on with its other end. */
static DdpmImage *
scale_tile (const DdpmImage *image, guint width, guint height)
{
  DdpmImage *nine[9];

  if (width <= image->width && height <= image->height)
    return ddpm_image_scale (image, width, height);
  for (guint i = 0; i < G_N_ELEMENTS (nine); i++)
    nine[i] = (DdpmImage *) image;
  g_autoptr (DdpmImage) repeated = ddpm_image_grid (nine, G_N_ELEMENTS (nine), 3, 0);
  g_autoptr (DdpmImage) scaled = ddpm_image_scale (repeated, 3 * width, 3 * height);
  return ddpm_image_crop (scaled, width, height, width, height);
}

static DdpmImage *
fit_tile (const DdpmFit *fit, const DdpmImage *image)
{
  const double ratio = (double) image->width * fit->height / ((double) image->height * fit->width);
  const guint columns = choose_repeats (fit->width, MAX (1 / ratio, 1));
  const guint rows = choose_repeats (fit->height, MAX (ratio, 1));

  return scale_tile (image, fit->width / columns, fit->height / rows);
}

DdpmImage *
ddpm_fit_apply (const DdpmFit *fit, const DdpmImage *image)
{
  switch (fit->kind)
    {
    case DDPM_FIT_TILE:
      return fit_tile (fit, image);
    case DDPM_FIT_PARTS:
    case DDPM_FIT_TILE_PARTS:
      return scale_to_shorter_side (fit, image);
    case DDPM_FIT_MIDDLE:
      break;
    }
  return ddpm_image_fit (image, fit->width, fit->height);
}
