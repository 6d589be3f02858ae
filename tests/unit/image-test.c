/* Pictures in memory: conversion, resampling against plain loops, tensors, grids, and saving. */
#include "core/data/image.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "core/base/error.h"
#include "tests/unit/scratch.h"

static DdpmImage *
make_image (guint width, guint height, guint n_channels, const float *values)
{
  DdpmImage *image = ddpm_image_new (width, height, n_channels);

  memcpy (image->pixels, values, (gsize) width * height * n_channels * sizeof (float));
  return image;
}

static DdpmImage *
make_random (GRand *rand, guint width, guint height, guint n_channels)
{
  DdpmImage *image = ddpm_image_new (width, height, n_channels);

  for (gsize i = 0; i < (gsize) width * height * n_channels; i++)
    image->pixels[i] = g_rand_double (rand);
  return image;
}

static void
assert_pixels (const DdpmImage *image, const float *expected, gsize n, float tolerance)
{
  g_assert_cmpuint (n, ==, (gsize) image->width * image->height * image->n_channels);
  for (gsize i = 0; i < n; i++)
    g_assert_cmpfloat_with_epsilon (image->pixels[i], expected[i], tolerance);
}

static void
assert_same (const DdpmImage *a, const DdpmImage *b, float tolerance)
{
  g_assert_cmpuint (a->width, ==, b->width);
  g_assert_cmpuint (a->height, ==, b->height);
  g_assert_cmpuint (a->n_channels, ==, b->n_channels);
  assert_pixels (a, b->pixels, (gsize) b->width * b->height * b->n_channels, tolerance + 1e-30f);
}

static void
test_convert (void)
{
  static const float grey[] = { 0.3f };
  static const float grey_alpha[] = { 0.3f, 0.5f };
  static const float rgb[] = { 0.2f, 0.4f, 0.6f };
  static const float rgba[] = { 0.2f, 0.4f, 0.6f, 0.5f };
  const float luma = 0.2126f * 0.2f + 0.7152f * 0.4f + 0.0722f * 0.6f;
  const float white_luma = 0.2126f * 0.6f + 0.7152f * 0.7f + 0.0722f * 0.8f;
  const float *inputs[] = { grey, grey_alpha, rgb, rgba };
  const float expected[4][4][4] = {
    { { 0.3f }, { 0.3f, 1 }, { 0.3f, 0.3f, 0.3f }, { 0.3f, 0.3f, 0.3f, 1 } },
    { { 0.65f }, { 0.3f, 0.5f }, { 0.65f, 0.65f, 0.65f }, { 0.3f, 0.3f, 0.3f, 0.5f } },
    { { luma }, { luma, 1 }, { 0.2f, 0.4f, 0.6f }, { 0.2f, 0.4f, 0.6f, 1 } },
    { { white_luma }, { luma, 0.5f }, { 0.6f, 0.7f, 0.8f }, { 0.2f, 0.4f, 0.6f, 0.5f } },
  };

  for (guint from = 1; from <= 4; from++)
    for (guint to = 1; to <= 4; to++)
      {
        g_autoptr (DdpmImage) image = make_image (1, 1, from, inputs[from - 1]);
        g_autoptr (DdpmImage) result = ddpm_image_convert (image, to);

        g_assert_cmpuint (result->n_channels, ==, to);
        assert_pixels (result, expected[from - 1][to - 1], to, 1e-6f);
      }
}

/* Every 8-bit grey survives the way to RGB and back bit for bit. */
static void
test_convert_grey_exact (void)
{
  g_autoptr (DdpmImage) grey = ddpm_image_new (256, 1, 1);

  for (guint i = 0; i < 256; i++)
    grey->pixels[i] = i / 255.0f;
  g_autoptr (DdpmImage) rgb = ddpm_image_convert (grey, 3);
  g_autoptr (DdpmImage) back = ddpm_image_convert (rgb, 1);
  assert_same (back, grey, 0.0f);
}

static void
test_crop (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  g_autoptr (DdpmImage) image = make_random (rand, 7, 5, 3);
  g_autoptr (DdpmImage) part = ddpm_image_crop (image, 2, 1, 5, 3);

  g_assert_cmpuint (part->width, ==, 5);
  g_assert_cmpuint (part->height, ==, 3);
  for (guint y = 0; y < 3; y++)
    for (guint x = 0; x < 5; x++)
      for (guint c = 0; c < 3; c++)
        g_assert_cmpfloat (part->pixels[(y * 5 + x) * 3 + c], ==,
                           image->pixels[((y + 1) * 7 + x + 2) * 3 + c]);
}

static void
test_has (void)
{
  static const float opaque[] = { 0.5f, 0.5f, 0.5f, 1 };
  static const float glass[] = { 0.5f, 0.5f, 0.5f, 0.99f };
  static const float blue[] = { 0.5f, 0.5f, 0.6f };
  static const float grey_glass[] = { 0.1f, 0.0f };
  g_autoptr (DdpmImage) a = make_image (1, 1, 4, opaque);
  g_autoptr (DdpmImage) b = make_image (1, 1, 4, glass);
  g_autoptr (DdpmImage) c = make_image (1, 1, 3, blue);
  g_autoptr (DdpmImage) d = make_image (1, 1, 2, grey_glass);

  g_assert_false (ddpm_image_has_transparency (a));
  g_assert_false (ddpm_image_has_colour (a));
  g_assert_true (ddpm_image_has_transparency (b));
  g_assert_false (ddpm_image_has_colour (b));
  g_assert_false (ddpm_image_has_transparency (c));
  g_assert_true (ddpm_image_has_colour (c));
  g_assert_true (ddpm_image_has_transparency (d));
  g_assert_false (ddpm_image_has_colour (d));
}

/* ---- resampling, against the definition written down with plain loops ---- */

/* How much of source pixel j target pixel i of an axis takes. */
static double
oracle_weight (guint i, guint j, guint n_in, guint n_out)
{
  double ratio = (double) n_in / n_out;

  if (n_out <= n_in)
    return MAX (0.0, MIN ((i + 1) * ratio, j + 1.0) - MAX (i * ratio, j)) / ratio;

  double centre = (i + 0.5) * ratio - 0.5;
  double sum = 0.0;
  for (int tap = (int) floor (centre) - 1; tap <= (int) floor (centre) + 2; tap++)
    if (CLAMP (tap, 0, (int) n_in - 1) == (int) j)
      {
        double d = fabs (centre - tap);

        sum += d < 1 ? 1.5 * d * d * d - 2.5 * d * d + 1 : -0.5 * d * d * d + 2.5 * d * d - 4 * d + 2;
      }
  return sum;
}

static DdpmImage *
oracle_scale (const DdpmImage *image, guint width, guint height)
{
  guint n = image->n_channels;
  gboolean alpha = n == 2 || n == 4;
  DdpmImage *result = ddpm_image_new (width, height, n);

  for (guint y = 0; y < height; y++)
    for (guint x = 0; x < width; x++)
      {
        double sum[4] = { 0 };
        float *out = result->pixels + (y * width + x) * n;

        for (guint v = 0; v < image->height; v++)
          for (guint u = 0; u < image->width; u++)
            {
              double w =
                oracle_weight (x, u, image->width, width) * oracle_weight (y, v, image->height, height);
              const float *p = image->pixels + (v * image->width + u) * n;

              for (guint c = 0; c < n; c++)
                sum[c] += w * p[c] * (alpha && c < n - 1 ? p[n - 1] : 1.0);
            }
        double a = alpha ? CLAMP (sum[n - 1], 0, 1) : 1;
        for (guint c = 0; c < n; c++)
          out[c] = CLAMP (alpha && c < n - 1 ? (a > 0 ? sum[c] / a : 0) : sum[c], 0, 1);
      }
  return result;
}

static void
test_scale_oracle (void)
{
  static const guint sizes[][4] = { { 8, 8, 4, 4 },  { 7, 9, 5, 3 },   { 5, 3, 11, 8 }, { 9, 4, 3, 10 },
                                    { 1, 1, 6, 6 },  { 13, 1, 12, 1 }, { 3, 3, 4, 4 },  { 16, 2, 16, 5 },
                                    { 2, 40, 2, 7 }, { 20, 20, 1, 1 } };
  g_autoptr (GRand) rand = g_rand_new_with_seed (2);

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (guint n = 1; n <= 4; n++)
      {
        g_autoptr (DdpmImage) image = make_random (rand, sizes[i][0], sizes[i][1], n);
        g_autoptr (DdpmImage) result = ddpm_image_scale (image, sizes[i][2], sizes[i][3]);
        g_autoptr (DdpmImage) expected = oracle_scale (image, sizes[i][2], sizes[i][3]);

        assert_same (result, expected, 2e-5f);
      }
}

/* Same size is a copy, colour under transparent pixels included; a flat picture stays flat at any size. */
static void
test_scale_identity (void)
{
  static const guint sizes[][2] = { { 3, 3 }, { 20, 20 }, { 1, 30 }, { 11, 10 } };
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);
  g_autoptr (DdpmImage) image = make_random (rand, 11, 10, 4);
  g_autoptr (DdpmImage) flat = ddpm_image_new (11, 10, 1);

  image->pixels[3] = 0.0f;
  g_autoptr (DdpmImage) copy = ddpm_image_scale (image, 11, 10);
  assert_same (copy, image, 0.0f);

  for (guint i = 0; i < 110; i++)
    flat->pixels[i] = 0.7f;
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr (DdpmImage) scaled = ddpm_image_scale (flat, sizes[i][0], sizes[i][1]);

      for (guint p = 0; p < scaled->width * scaled->height; p++)
        g_assert_cmpfloat_with_epsilon (scaled->pixels[p], 0.7f, 1e-6f);
    }
}

/* The red below transparent pixels must not come through. */
static void
test_scale_premultiplied (void)
{
  static const float values[] = { 0, 1, 0, 1, /**/ 1, 0, 0, 0, /**/ 0, 1, 0, 1, /**/ 1, 0, 0, 0 };
  g_autoptr (DdpmImage) image = make_image (2, 2, 4, values);
  g_autoptr (DdpmImage) small = ddpm_image_scale (image, 1, 1);
  g_autoptr (DdpmImage) large = ddpm_image_scale (image, 16, 16);

  assert_pixels (small, (const float[]) { 0, 1, 0, 0.5f }, 4, 1e-6f);
  for (guint i = 0; i < 16 * 16; i++)
    g_assert_cmpfloat (large->pixels[4 * i], ==, 0.0f);
}

static void
test_fit (void)
{
  /* source, target, the scaled size that covers the target */
  static const guint cases[][6] = { { 20, 10, 5, 5, 10, 5 }, { 10, 20, 5, 5, 5, 10 },
                                    { 10, 10, 5, 5, 5, 5 },  { 7, 5, 16, 16, 22, 16 },
                                    { 9, 30, 6, 10, 6, 20 }, { 8, 4, 8, 8, 16, 8 },
                                    { 12, 8, 8, 8, 12, 8 },  { 31, 17, 7, 13, 24, 13 } };
  g_autoptr (GRand) rand = g_rand_new_with_seed (4);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const guint *c = cases[i];
      g_autoptr (DdpmImage) image = make_random (rand, c[0], c[1], 4);
      g_autoptr (DdpmImage) result = ddpm_image_fit (image, c[2], c[3]);
      g_autoptr (DdpmImage) scaled = ddpm_image_scale (image, c[4], c[5]);
      g_autoptr (DdpmImage) expected =
        ddpm_image_crop (scaled, (c[4] - c[2]) / 2, (c[5] - c[3]) / 2, c[2], c[3]);

      assert_same (result, expected, 1e-6f);
    }
}

/* Scaled whole before the cut, this would be 4 million pixels wide. */
static void
test_fit_extreme (void)
{
  g_autoptr (DdpmImage) line = ddpm_image_new (65535, 1, 1);

  for (guint x = 0; x < line->width; x++)
    line->pixels[x] = x == 32767 ? 1.0f : 0.0f;
  g_autoptr (DdpmImage) square = ddpm_image_fit (line, 64, 64);
  g_assert_cmpuint (square->width, ==, 64);
  g_assert_cmpuint (square->height, ==, 64);
  g_assert_cmpfloat_with_epsilon (square->pixels[32 * 64 + 32], 1.0f, 1e-3f);
}

/* ---- tensors ---- */

static void
test_tensor_layout (void)
{
  static const float values[] = { 0.0f, 0.5f, 1.0f, /**/ 0.25f, 0.75f, 0.5f };
  static const float expected[] = { -1.0f, -0.5f, 0.0f, 0.5f, 1.0f, 0.0f };
  g_autoptr (DdpmImage) image = make_image (2, 1, 3, values);
  float tensor[6];

  ddpm_image_to_tensor (image, TRUE, tensor);
  for (guint i = 0; i < 6; i++)
    g_assert_cmpfloat (tensor[i], ==, expected[i]);
  g_autoptr (DdpmImage) back = ddpm_image_from_tensor (tensor, 3, 1, 2, TRUE);
  assert_same (back, image, 0.0f);
}

static guint
to_byte (float v)
{
  return rintf (255.0f * v);
}

/* 8 bits there and back: exact where alpha is 0 (and colour black) or 255, within rounding elsewhere, since
 * the floats in between are exact enough for every alpha. */
static void
test_tensor_premultiplied (void)
{
  g_autofree float *tensor = g_new (float, 4 * 256 * 256);
  g_autoptr (DdpmImage) image = ddpm_image_new (256, 256, 4);

  for (guint i = 0; i < 256 * 256; i++)
    {
      guint alpha = i / 256;

      for (guint c = 0; c < 3; c++)
        image->pixels[4 * i + c] = alpha == 0 ? 0.0f : (i * (c + 1) % 256) / 255.0f;
      image->pixels[4 * i + 3] = alpha / 255.0f;
    }
  ddpm_image_to_tensor (image, TRUE, tensor);
  g_assert_cmpfloat_with_epsilon (tensor[128 * 256 + 255], 2.0f * 128.0f / 255.0f - 1.0f, 1e-6f);
  g_autoptr (DdpmImage) back = ddpm_image_from_tensor (tensor, 4, 256, 256, TRUE);
  for (guint i = 0; i < 4 * 256 * 256; i++)
    g_assert_cmpuint (to_byte (back->pixels[i]), ==, to_byte (image->pixels[i]));
}

static void
test_tensor_limits (void)
{
  const float tensor[] = { -3.0f, 5.0f, NAN, 0.9f, /* colour above alpha */ 1.0f, 1.0f, 0.5f, -0.999f };
  g_autoptr (DdpmImage) straight = ddpm_image_from_tensor (tensor, 1, 1, 4, FALSE);
  g_autoptr (DdpmImage) divided = ddpm_image_from_tensor (tensor, 2, 1, 4, TRUE);

  assert_pixels (straight, (const float[]) { 0, 1, 0, 0.95f }, 4, 1e-6f);
  g_assert_cmpfloat (divided->pixels[2], ==, 1.0f);
  g_assert_cmpfloat (divided->pixels[4], ==, 0.0f);
  g_assert_cmpfloat (divided->pixels[6], ==, 0.0f); /* alpha is 0 of 255 */
}

/* ---- grid ---- */

static void
test_grid (void)
{
  DdpmImage *images[5];

  for (guint i = 0; i < 5; i++)
    {
      images[i] = ddpm_image_new (2, 3, 1);
      for (guint p = 0; p < 6; p++)
        images[i]->pixels[p] = (i + 1) / 10.0f;
    }
  g_autoptr (DdpmImage) grid = ddpm_image_grid (images, 5, 0, 1);
  g_autoptr (DdpmImage) row = ddpm_image_grid (images, 2, 9, 0);

  g_assert_cmpuint (grid->width, ==, 3 * 2 + 2);
  g_assert_cmpuint (grid->height, ==, 2 * 3 + 1);
  for (guint y = 0; y < grid->height; y++)
    for (guint x = 0; x < grid->width; x++)
      {
        guint cell = y / 4 * 3 + x / 3;
        gboolean gap = x % 3 == 2 || y % 4 == 3 || cell >= 5;

        g_assert_cmpfloat (grid->pixels[y * grid->width + x], ==, gap ? 0.0f : (cell + 1) / 10.0f);
      }
  g_assert_cmpuint (row->width, ==, 4);
  g_assert_cmpuint (row->height, ==, 3);
  for (guint i = 0; i < 5; i++)
    ddpm_image_free (images[i]);
}

/* ---- saving ---- */

static void
test_save (void)
{
  static const char *const text[] = { "Seed", "17", "Title", "Größe ☃", NULL };
  g_autoptr (Scratch) scratch = scratch_new ();

  for (guint n = 1; n <= 4; n++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GFile) file = scratch_file (scratch, "Bild ☃.png");
      g_autoptr (DdpmImage) image = ddpm_image_new (64, 4, n);

      for (guint i = 0; i < 256 * n; i++)
        image->pixels[i] = (i * 7 % 256) / 255.0f;
      g_assert_true (ddpm_image_save_png (image, file, text, &error));
      g_assert_no_error (error);
      g_autoptr (DdpmImage) back = ddpm_image_load (file, &error);
      g_assert_no_error (error);
      assert_same (back, image, 0.0f);

      g_autoptr (GdkPixbuf) pixbuf = gdk_pixbuf_new_from_file (g_file_peek_path (file), &error);
      g_assert_no_error (error);
      g_assert_cmpstr (gdk_pixbuf_get_option (pixbuf, "tEXt::Seed"), ==, "17");
      g_assert_cmpstr (gdk_pixbuf_get_option (pixbuf, "tEXt::Title"), ==, "Größe ☃");
    }
}

/* Values outside 0 … 1 and NaN have to become bytes, too. */
static void
test_save_clamps (void)
{
  static const float values[] = { -2.0f, 3.0f, NAN, 0.499f };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) file = scratch_file (scratch, "a.png");
  g_autoptr (GError) error = NULL;
  g_autoptr (DdpmImage) image = make_image (4, 1, 1, values);

  g_assert_true (ddpm_image_save_png (image, file, NULL, &error));
  g_autoptr (DdpmImage) back = ddpm_image_load (file, &error);
  g_assert_no_error (error);
  assert_pixels (back, (const float[]) { 0, 1, 0, 127 / 255.0f }, 4, 1e-7f);
}

static void
assert_save_fails (const char *scratch, const char *path, const char *words)
{
  g_autofree char *whole = g_build_filename (scratch, path, NULL);
  g_autoptr (GFile) file = g_file_new_for_path (whole);
  g_autoptr (DdpmImage) image = ddpm_image_new (100, 100, 3);
  g_autoptr (GError) error = NULL;

  g_assert_false (ddpm_image_save_png (image, file, NULL, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_FILE);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_nonnull (strstr (error->message, words));
}

static void
test_save_errors (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autofree char *pipe = g_build_filename (scratch, "pipe", NULL);

  g_autofree char *folder = g_build_filename (scratch, "folder", NULL);

  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  assert_save_fails (scratch, "pipe", "not a plain file");
  assert_save_fails (scratch, "folder", "a folder");
  assert_save_fails (scratch, "missing/a.png", "does not exist");
}

/* A disk that is full in the middle of it: the old picture stays and nothing else is left behind. */
static void
test_save_keeps_old (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) file = scratch_file (scratch, "a.png");
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);
  g_autoptr (DdpmImage) old = ddpm_image_new (2, 2, 1);
  g_autoptr (DdpmImage) large = make_random (rand, 100, 100, 3);
  g_autoptr (GError) error = NULL;
  struct rlimit before, limit;

  g_assert_true (ddpm_image_save_png (old, file, NULL, &error));

  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &before), ==, 0);
  limit = before;
  limit.rlim_cur = 4096;
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
  gboolean saved = ddpm_image_save_png (large, file, NULL, &error);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &before), ==, 0);

  g_assert_false (saved);
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_FILE);
  g_clear_error (&error);
  g_autoptr (DdpmImage) kept = ddpm_image_load (file, &error);
  g_assert_no_error (error);
  assert_same (kept, old, 0.0f);

  g_autoptr (GDir) entries = g_dir_open (scratch, 0, NULL);
  g_assert_cmpstr (g_dir_read_name (entries), ==, "a.png");
  g_assert_null (g_dir_read_name (entries));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/image/convert", test_convert);
  g_test_add_func ("/image/convert/grey-exact", test_convert_grey_exact);
  g_test_add_func ("/image/crop", test_crop);
  g_test_add_func ("/image/has", test_has);
  g_test_add_func ("/image/scale/oracle", test_scale_oracle);
  g_test_add_func ("/image/scale/identity", test_scale_identity);
  g_test_add_func ("/image/scale/premultiplied", test_scale_premultiplied);
  g_test_add_func ("/image/fit", test_fit);
  g_test_add_func ("/image/fit/extreme", test_fit_extreme);
  g_test_add_func ("/image/tensor/layout", test_tensor_layout);
  g_test_add_func ("/image/tensor/premultiplied", test_tensor_premultiplied);
  g_test_add_func ("/image/tensor/limits", test_tensor_limits);
  g_test_add_func ("/image/grid", test_grid);
  g_test_add_func ("/image/save", test_save);
  g_test_add_func ("/image/save/clamps", test_save_clamps);
  g_test_add_func ("/image/save/errors", test_save_errors);
  g_test_add_func ("/image/save/keeps-old", test_save_keeps_old);
  return g_test_run ();
}
