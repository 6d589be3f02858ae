#include "core/data/fit.h"

#include <math.h>

#define MOST_SHIFT 0.25 /* pixels by which a picture's far edge may move */
#define LEAST_TILE 4    /* pixels of a repeated picture's side */

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

static void
get_parts_size (const DdpmFit *fit, guint width, guint height, guint *fitted_width, guint *fitted_height)
{
  double scale = MIN (1.0, (double) fit->shorter_side / MIN (width, height));
  guint least_width = 1, least_height = 1;

  if (fit->kind == DDPM_FIT_PARTS)
    {
      least_width = fit->width;
      least_height = fit->height;
      scale = MAX (scale, (double) least_width / width);
      scale = MAX (scale, (double) least_height / height);
    }
  *fitted_width = scale_side (width, scale, least_width);
  *fitted_height = scale_side (height, scale, least_height);
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

static void
get_tile_size (const DdpmFit *fit, guint width, guint height, guint *fitted_width, guint *fitted_height)
{
  const double ratio = (double) width * fit->height / ((double) height * fit->width);

  *fitted_width = fit->width / choose_repeats (fit->width, MAX (1 / ratio, 1));
  *fitted_height = fit->height / choose_repeats (fit->height, MAX (ratio, 1));
}

void
ddpm_fit_get_size (const DdpmFit *fit, guint width, guint height, guint *fitted_width, guint *fitted_height)
{
  switch (fit->kind)
    {
    case DDPM_FIT_TILE:
      get_tile_size (fit, width, height, fitted_width, fitted_height);
      break;
    case DDPM_FIT_PARTS:
    case DDPM_FIT_TILE_PARTS:
      get_parts_size (fit, width, height, fitted_width, fitted_height);
      break;
    case DDPM_FIT_MIDDLE:
      *fitted_width = fit->width;
      *fitted_height = fit->height;
    }
}

/* A reduced side is rounded up, and what was added to it is taken for a part of the picture: so everything
 * moves by up to this many pixels that are kept. */
static double
get_shift (guint side, guint reduction, guint fitted)
{
  return (double) ((reduction - side % reduction) % reduction) * fitted / side;
}

guint
ddpm_fit_get_reduction (const DdpmFit *fit, guint width, guint height)
{
  /* opposite sides that meet have to meet exactly */
  const double most = ddpm_fit_wraps (fit->kind) ? 0 : MOST_SHIFT;
  guint fitted_width, fitted_height, reduction = 8;

  ddpm_fit_get_size (fit, width, height, &fitted_width, &fitted_height);
  while (reduction > 1
         && (width / reduction < fitted_width || height / reduction < fitted_height
             || get_shift (width, reduction, fitted_width) > most
             || get_shift (height, reduction, fitted_height) > most))
    reduction /= 2;
  return reduction;
}

DdpmImage *
ddpm_fit_apply (const DdpmFit *fit, const DdpmImage *image, guint width, guint height)
{
  guint fitted_width, fitted_height;

  if (fit->kind == DDPM_FIT_MIDDLE)
    return ddpm_image_fit (image, fit->width, fit->height);
  ddpm_fit_get_size (fit, width, height, &fitted_width, &fitted_height);
  if (fit->kind == DDPM_FIT_TILE)
    return scale_tile (image, fitted_width, fitted_height);
  return ddpm_image_scale (image, fitted_width, fitted_height);
}
