/* Pictures turned by any angle, zoomed and with other colours. Views that only cut, mirror and turn by
 * quarters are in augment-test.c. */
#include "core/data/view.h"

#include <math.h>
#include <string.h>

#define SIDE 16

typedef struct
{
  guint8 values[4 * SIDE * SIDE];
  DdpmViewedPicture picture;
} Fixture;

/* Waves that fit the picture a whole number of times, so that it may wrap; premultiplied. */
static void
fixture_init (Fixture *f, guint n_channels, gboolean wraps)
{
  for (guint y = 0; y < SIDE; y++)
    for (guint x = 0; x < SIDE; x++)
      {
        const double alpha = n_channels == 4 ? 0.6 + 0.4 * cos (2 * G_PI * (x + 2 * y) / SIDE) : 1;

        for (guint c = 0; c < n_channels; c++)
          {
            const double colour =
              0.5 + 0.3 * sin (2 * G_PI * x / SIDE + c) + 0.19 * cos (2 * G_PI * y / SIDE - c);

            f->values[(c * SIDE + y) * SIDE + x] = (guint8) lrint (255 * alpha * (c == 3 ? 1 : colour));
          }
      }
  f->picture = (DdpmViewedPicture) { f->values, n_channels, SIDE, SIDE, wraps };
}

static float *
show (const Fixture *f, const DdpmView *view)
{
  float *tensor = g_new (float, f->picture.n_channels *SIDE *SIDE);

  ddpm_view_show (view, &f->picture, SIDE, SIDE, tensor);
  return tensor;
}

static void
assert_alike (const float *a, const float *b, guint n, double tolerance)
{
  for (guint i = 0; i < n; i++)
    g_assert_cmpfloat_with_epsilon (a[i], b[i], tolerance);
}

/* Turned by 90 degrees is a quarter turn, up to rounding, in either way of going on beyond the edges. */
static void
test_right_angles (void)
{
  for (guint n_channels = 1; n_channels <= 4; n_channels++)
    for (guint quarters = 0; quarters < 4; quarters++)
      {
        Fixture f;

        fixture_init (&f, n_channels, quarters % 2 == 1);
        g_autofree float *turned = show (&f, &(DdpmView) { .angle = 360 + 90.0f * quarters });
        g_autofree float *exact = show (&f, &(DdpmView) { .quarter_turns = quarters });
        g_autofree float *back = show (&f, &(DdpmView) { .angle = 90.0f * quarters - 360 });
        assert_alike (turned, exact, n_channels * SIDE * SIDE, 1e-4);
        assert_alike (back, exact, n_channels * SIDE * SIDE, 1e-4);
      }
}

/* Before it is mirrored: clockwise and then flipped is flipped and then against the clock. */
static void
test_order (void)
{
  Fixture f;
  float mirrored[SIDE * SIDE];

  fixture_init (&f, 1, FALSE);
  g_autofree float *both = show (&f, &(DdpmView) { .angle = 25, .flip = TRUE });
  g_autofree float *turned = show (&f, &(DdpmView) { .angle = 25 });
  for (guint i = 0; i < SIDE * SIDE; i++)
    mirrored[i] = turned[i - i % SIDE + (SIDE - 1 - i % SIDE)];
  assert_alike (both, mirrored, SIDE * SIDE, 1e-5);
}

/* Of a plain slope, whatever is seen lies on it. */
static void
test_slope (void)
{
  static const float zooms[] = { 0.5f, 0.71f, 1, 1.3f, 2 };
  static guint8 values[64 * 64];
  const DdpmViewedPicture picture = { values, 1, 64, 64, FALSE };
  float tensor[SIDE * SIDE];

  for (guint i = 0; i < 64 * 64; i++)
    values[i] = (guint8) (2 * (i % 64) + i / 64);
  for (guint k = 0; k < G_N_ELEMENTS (zooms); k++)
    for (int angle = -180; angle <= 180; angle += 15)
      {
        const double a = angle * G_PI / 180;

        ddpm_view_show (&(DdpmView) { .x = 24, .y = 24, .angle = angle, .zoom = zooms[k] }, &picture, SIDE,
                        SIDE, tensor);
        for (guint i = 0; i < SIDE * SIDE; i++)
          {
            const double dx = (i % SIDE - 7.5) / zooms[k], dy = (i / SIDE - 7.5) / zooms[k];
            const double x = 31.5 + cos (a) * dx + sin (a) * dy, y = 31.5 - sin (a) * dx + cos (a) * dy;

            /* an average over pixels is a little off a slope where its taps lie unevenly */
            g_assert_cmpfloat_with_epsilon ((tensor[i] + 1) * 127.5, 2 * x + y, zooms[k] < 1 ? 0.4 : 0.01);
          }
      }
}

/* Made smaller, stripes of one pixel become grey and not other stripes. */
static void
test_prefilter (void)
{
  static guint8 values[64 * 64];
  const DdpmViewedPicture picture = { values, 1, 64, 64, TRUE };
  float tensor[SIDE * SIDE];

  for (guint i = 0; i < 64 * 64; i++)
    values[i] = i % 2 == 0 ? 255 : 0;
  ddpm_view_show (&(DdpmView) { .zoom = 0.55f }, &picture, SIDE, SIDE, tensor);
  for (guint i = 0; i < SIDE * SIDE; i++)
    g_assert_cmpfloat_with_epsilon (tensor[i], 0, 0.15);
}

/* Beyond an edge: the other end, or the mirror image. */
static void
test_edges (void)
{
  const guint at = SIDE / 2 * SIDE; /* the left end of a row in the middle */
  Fixture wrapping, mirroring;

  fixture_init (&wrapping, 1, TRUE);
  fixture_init (&mirroring, 1, FALSE);
  g_autofree float *wrapped = show (&wrapping, &(DdpmView) { .zoom = 0.5f });
  g_autofree float *mirrored = show (&mirroring, &(DdpmView) { .zoom = 0.5f });
  /* twice as many waves: as many pixels further, it begins again */
  for (guint i = 0; i < SIDE / 2; i++)
    g_assert_cmpfloat_with_epsilon (wrapped[at + i], wrapped[at + i + SIDE / 2], 1e-4);
  /* the picture's left edge is a quarter into it */
  for (guint i = 0; i < SIDE / 4; i++)
    g_assert_cmpfloat_with_epsilon (mirrored[at + SIDE / 4 + i], mirrored[at + SIDE / 4 - 1 - i], 1e-4);
  g_assert_cmpfloat (fabsf (mirrored[at] - mirrored[at + SIDE / 2]), >, 0.05);

  /* a wrapping picture that is shifted first and one that is turned at another place meet */
  g_autofree float *turned = show (&wrapping, &(DdpmView) { .x = 5, .angle = 180 });
  g_autofree float *half = show (&wrapping, &(DdpmView) { .x = 5, .quarter_turns = 2 });
  assert_alike (turned, half, SIDE * SIDE, 1e-4);
}

/* ---- colours ---- */

static const DdpmView coloured = { .brightness = 0.08f, .contrast = 0.2f, .saturation = 0.25f, .hue = 20 };

static void
test_grey_stays_grey (void)
{
  Fixture f;

  fixture_init (&f, 3, FALSE);
  memcpy (f.values + SIDE * SIDE, f.values, SIDE * SIDE);
  memcpy (f.values + 2 * SIDE * SIDE, f.values, SIDE * SIDE);
  g_autofree float *shown = show (&f, &coloured);
  for (guint i = 0; i < SIDE * SIDE; i++)
    {
      const double v = f.values[i] / 255.0, expected = 0.5 + (v + 0.08 - 0.5) * exp2 (0.2);

      g_assert_cmpfloat (shown[i], ==, shown[i + SIDE * SIDE]);
      g_assert_cmpfloat (shown[i], ==, shown[i + 2 * SIDE * SIDE]);
      g_assert_cmpfloat_with_epsilon (shown[i], 2 * CLAMP (expected, 0, 1) - 1, 1e-5);
    }
}

/* Alpha stays, no colour is above it, and colours are those an opaque picture would have. */
static void
test_alpha (void)
{
  const guint n = SIDE * SIDE;
  Fixture f, opaque;

  fixture_init (&f, 4, FALSE);
  fixture_init (&opaque, 3, FALSE);
  g_autofree float *shown = show (&f, &coloured), *plain = show (&f, &(DdpmView) { 0 });
  g_autofree float *expected = show (&opaque, &coloured);
  for (guint i = 0; i < n; i++)
    {
      const float alpha = (shown[3 * n + i] + 1) / 2;

      g_assert_cmpfloat (shown[3 * n + i], ==, plain[3 * n + i]);
      for (guint c = 0; c < 3; c++)
        {
          g_assert_cmpfloat (shown[c * n + i], <=, shown[3 * n + i]);
          g_assert_cmpfloat (shown[c * n + i], >=, -1);
          if (alpha > 0.3)
            g_assert_cmpfloat_with_epsilon ((shown[c * n + i] + 1) / 2 / alpha, (expected[c * n + i] + 1) / 2,
                                            0.02);
        }
    }
}

static void
assert_colour (const DdpmView *view, const guint8 from[3], const double to[3])
{
  const DdpmViewedPicture picture = { from, 3, 1, 1, FALSE };
  float tensor[3];

  ddpm_view_show (view, &picture, 1, 1, tensor);
  for (guint c = 0; c < 3; c++)
    g_assert_cmpfloat_with_epsilon ((tensor[c] + 1) / 2 * 255, to[c], 0.01);
}

/* By hand: each of the four alone. A turn of 120 degrees takes red to green, but for the brightness, which is
 * taken out before. */
static void
test_each (void)
{
  static const guint8 red[] = { 200, 100, 100 };
  const double m = 100 + 0.2126 * 100, rest = 200 - m, others = 100 - m;

  assert_colour (&(DdpmView) { .brightness = -0.1f }, red, (const double[]) { 174.5, 74.5, 74.5 });
  assert_colour (&(DdpmView) { .contrast = -1 }, red,
                 (const double[]) { 127.5 + (m - 127.5) / 2 + rest, 127.5 + (m - 127.5) / 2 + others,
                                    127.5 + (m - 127.5) / 2 + others });
  assert_colour (&(DdpmView) { .saturation = -1 }, red,
                 (const double[]) { m + rest / 2, m + others / 2, m + others / 2 });
  assert_colour (&(DdpmView) { .hue = 120 }, red, (const double[]) { 100, 200, 100 });
  assert_colour (&(DdpmView) { .hue = -120 }, red, (const double[]) { 100, 100, 200 });
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/view/right-angles", test_right_angles);
  g_test_add_func ("/view/order", test_order);
  g_test_add_func ("/view/slope", test_slope);
  g_test_add_func ("/view/prefilter", test_prefilter);
  g_test_add_func ("/view/edges", test_edges);
  g_test_add_func ("/view/grey-stays-grey", test_grey_stays_grey);
  g_test_add_func ("/view/alpha", test_alpha);
  g_test_add_func ("/view/each", test_each);
  return g_test_run ();
}
