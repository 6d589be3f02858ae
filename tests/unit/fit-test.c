/* What is kept of pictures of other sizes than the one trained on. */
#include "core/data/fit.h"

#include <math.h>

static DdpmImage *
apply (const DdpmFit *fit, const DdpmImage *image)
{
  return ddpm_fit_apply (fit, image, image->width, image->height);
}

static DdpmImage *
new_noise (guint width, guint height)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (width * 1000 + height);
  DdpmImage *image = ddpm_image_new (width, height, 3);

  for (guint i = 0; i < width * height * 3; i++)
    image->pixels[i] = (float) g_rand_double (rand);
  return image;
}

static void
assert_size (DdpmFitKind kind, guint side, guint shorter_side, guint width, guint height, guint kept_width,
             guint kept_height)
{
  const DdpmFit fit = { kind, side, side, shorter_side };
  g_autoptr (DdpmImage) image = new_noise (width, height);
  g_autoptr (DdpmImage) kept = apply (&fit, image);

  if (kept->width != kept_width || kept->height != kept_height)
    g_error ("%ux%u became %ux%u, not %ux%u", width, height, kept->width, kept->height, kept_width,
             kept_height);
}

static void
test_sizes (void)
{
  assert_size (DDPM_FIT_MIDDLE, 16, 0, 50, 20, 16, 16);
  assert_size (DDPM_FIT_MIDDLE, 16, 0, 5, 7, 16, 16);

  assert_size (DDPM_FIT_PARTS, 16, 24, 96, 48, 48, 24);
  assert_size (DDPM_FIT_PARTS, 16, 24, 20, 21, 20, 21); /* stays as it is */
  assert_size (DDPM_FIT_PARTS, 16, 24, 8, 10, 16, 20);  /* has to cover a part */
  assert_size (DDPM_FIT_PARTS, 16, 16, 1600, 31, 826, 16);

  assert_size (DDPM_FIT_TILE_PARTS, 16, 24, 96, 48, 48, 24);
  assert_size (DDPM_FIT_TILE_PARTS, 16, 24, 8, 10, 8, 10); /* its repetitions cover any part */

  assert_size (DDPM_FIT_TILE, 16, 0, 50, 50, 16, 16);
  assert_size (DDPM_FIT_TILE, 16, 0, 8, 7, 16, 16);
  assert_size (DDPM_FIT_TILE, 16, 0, 100, 50, 16, 8); /* two of them make a square */
  assert_size (DDPM_FIT_TILE, 16, 0, 30, 120, 4, 16);
  assert_size (DDPM_FIT_TILE, 16, 0, 10, 1000, 4, 16); /* not to be told any more */
  assert_size (DDPM_FIT_TILE, 12, 0, 10, 31, 4, 12);
}

/* A size that is not square: as many of the picture's own proportions as fit. */
static void
test_oblong_tile (void)
{
  const DdpmFit fit = { .kind = DDPM_FIT_TILE, .width = 32, .height = 16 };
  g_autoptr (DdpmImage) square = new_noise (20, 20), wide = new_noise (40, 20);
  g_autoptr (DdpmImage) two = apply (&fit, square), one = apply (&fit, wide);

  g_assert_cmpuint (two->width, ==, 16);
  g_assert_cmpuint (two->height, ==, 16);
  g_assert_cmpuint (one->width, ==, 32);
  g_assert_cmpuint (one->height, ==, 16);
}

/* Shifted around, a tile is kept as the same tile, shifted: no edge is treated in another way. */
static void
test_no_edges (void)
{
  static const guint sides[] = { 8, 32 }; /* smaller and larger */
  const guint n = 16;

  for (guint i = 0; i < G_N_ELEMENTS (sides); i++)
    {
      const DdpmFit fit = { .kind = DDPM_FIT_TILE, .width = sides[i], .height = sides[i] };
      const guint shift = n / 2, kept_shift = sides[i] / 2;
      g_autoptr (DdpmImage) image = new_noise (n, n), shifted = ddpm_image_new (n, n, 3);

      for (guint p = 0; p < n * n; p++)
        for (guint c = 0; c < 3; c++)
          shifted->pixels[3 * ((p / n + shift) % n * n + (p + shift) % n) + c] = image->pixels[3 * p + c];
      g_autoptr (DdpmImage) kept = apply (&fit, image), other = apply (&fit, shifted);
      for (guint y = 0; y < sides[i]; y++)
        for (guint x = 0; x < sides[i]; x++)
          for (guint c = 0; c < 3; c++)
            g_assert_cmpfloat_with_epsilon (
              kept->pixels[3 * (y * sides[i] + x) + c],
              other->pixels[3 * ((y + kept_shift) % sides[i] * sides[i] + (x + kept_shift) % sides[i]) + c],
              1e-6);
    }
}

/* As far as what is kept is not larger, and does not move by a quarter of a pixel; exactly where edges meet.
 */
static void
test_reduction (void)
{
  static const struct
  {
    DdpmFit fit;
    guint width, height, reduction;
  } cases[] = {
    { { DDPM_FIT_MIDDLE, 64, 64, 0 }, 6000, 4000, 8 },   { { DDPM_FIT_MIDDLE, 64, 64, 0 }, 512, 1000, 8 },
    { { DDPM_FIT_MIDDLE, 64, 64, 0 }, 504, 1000, 4 },    { { DDPM_FIT_MIDDLE, 64, 64, 0 }, 64, 64, 1 },
    { { DDPM_FIT_MIDDLE, 64, 64, 0 }, 10, 4000, 1 },     { { DDPM_FIT_MIDDLE, 64, 64, 0 }, 1001, 1000, 4 },
    { { DDPM_FIT_MIDDLE, 32, 32, 0 }, 1001, 1000, 8 },   { { DDPM_FIT_PARTS, 64, 64, 128 }, 2000, 1000, 4 },
    { { DDPM_FIT_PARTS, 64, 64, 4000 }, 3000, 1000, 1 }, { { DDPM_FIT_TILE, 64, 64, 0 }, 1024, 1024, 8 },
    { { DDPM_FIT_TILE, 64, 64, 0 }, 1028, 1024, 4 },     { { DDPM_FIT_TILE, 64, 64, 0 }, 4001, 4000, 1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpuint (ddpm_fit_get_reduction (&cases[i].fit, cases[i].width, cases[i].height), ==,
                      cases[i].reduction);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fit/sizes", test_sizes);
  g_test_add_func ("/fit/oblong-tile", test_oblong_tile);
  g_test_add_func ("/fit/no-edges", test_no_edges);
  g_test_add_func ("/fit/reduction", test_reduction);
  return g_test_run ();
}
