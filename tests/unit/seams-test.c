#include "core/data/seams.h"

#include <math.h>

#include "core/base/rng.h"

#define SIDE 32

/* A value for each pixel and channel. */
typedef float (*Painter) (double x, double y);

static DdpmSeams
judge (Painter painter, guint n_channels, guint width, guint height)
{
  g_autoptr (DdpmImage) image = ddpm_image_new (width, height, n_channels);

  for (guint y = 0; y < height; y++)
    for (guint x = 0; x < width; x++)
      for (guint c = 0; c < n_channels; c++)
        image->pixels[((gsize) y * width + x) * n_channels + c] =
          painter ((double) x / width, (double) y / height);
  return ddpm_image_get_seams (image);
}

static float
paint_tile (double x, double y)
{
  return (float) (0.5 + 0.2 * sin (2 * G_PI * (2 * x + y)) + 0.2 * cos (2 * G_PI * (x - 3 * y)));
}

/* The same, but the wave across the picture does not come round. */
static float
paint_broken_columns (double x, double y)
{
  return paint_tile (0.6 * x, y);
}

static float
paint_broken_rows (double x, double y)
{
  return paint_tile (x, 0.7 * y);
}

/* A figure on a plain ground. */
static float
paint_figure (double x, double y)
{
  return hypot (x - 0.5, y - 0.5) < 0.3 ? paint_tile (x, y) : 0.25f;
}

/* It goes over one edge. */
static float
paint_touching (double x, double y)
{
  return hypot (x - 0.5, y - 0.8) < 0.3 ? 0.9f : 0.25f;
}

/* From dark to bright in one direction. */
static float
paint_ramp (double x, double y)
{
  return (float) (0.5 * y + 0.2 + 0.1 * sin (8 * G_PI * x));
}

static void
test_kinds (void)
{
  for (guint n_channels = 1; n_channels <= 3; n_channels += 2)
    {
      g_assert_cmpint (judge (paint_tile, n_channels, SIDE, SIDE), ==, DDPM_SEAMS_MEET);
      g_assert_cmpint (judge (paint_tile, n_channels, 2 * SIDE, SIDE), ==, DDPM_SEAMS_MEET);
      g_assert_cmpint (judge (paint_broken_columns, n_channels, SIDE, SIDE), ==, DDPM_SEAMS_BROKEN);
      g_assert_cmpint (judge (paint_broken_rows, n_channels, SIDE, SIDE), ==, DDPM_SEAMS_BROKEN);
      g_assert_cmpint (judge (paint_figure, n_channels, SIDE, SIDE), ==, DDPM_SEAMS_FLAT);
      g_assert_cmpint (judge (paint_touching, n_channels, SIDE, SIDE), ==, DDPM_SEAMS_BROKEN);
      g_assert_cmpint (judge (paint_ramp, n_channels, SIDE, SIDE), ==, DDPM_SEAMS_BROKEN);
    }
  g_assert_cmpint (judge (paint_broken_rows, 3, 3, 3), ==, DDPM_SEAMS_FLAT);
}

/* Colours that nobody sees do not count. */
static void
test_transparent (void)
{
  g_autoptr (DdpmImage) image = ddpm_image_new (SIDE, SIDE, 4);

  ddpm_rng_uniform ((DdpmRngKey) { 1, DDPM_RNG_LATENT, 0, 0 }, image->pixels, SIDE * SIDE * 4);
  for (guint i = 0; i < SIDE * SIDE; i++)
    {
      image->pixels[4 * i] = i < SIDE * SIDE / 2 ? 1 : 0;
      image->pixels[4 * i + 3] = 0;
    }
  g_assert_cmpint (ddpm_image_get_seams (image), ==, DDPM_SEAMS_FLAT);
  for (guint i = 0; i < SIDE * SIDE; i++)
    image->pixels[4 * i + 3] = 1;
  g_assert_cmpint (ddpm_image_get_seams (image), ==, DDPM_SEAMS_BROKEN);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/seams/kinds", test_kinds);
  g_test_add_func ("/seams/transparent", test_transparent);
  return g_test_run ();
}
