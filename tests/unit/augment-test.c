/* Views of pictures, and how they are chosen. */
#include "core/data/augment.h"

#include <math.h>
#include <string.h>

#include "tests/unit/dataset-common.h"

#define SIDE 4

static guint8
get_place (guint picture, guint place)
{
  return place;
}

/* One picture of width x height pixels, whose values are their places. */
static DdpmDataset *
new_dataset (guint width, guint height, gboolean wraps)
{
  DdpmDataset *dataset = dataset_new_filled (1, 1, width, height, get_place);

  dataset->width = dataset->height = SIDE;
  dataset->wraps = wraps;
  return dataset;
}

static void
assert_view (const DdpmDataset *dataset, const DdpmView *view, const guint8 expected[SIDE * SIDE])
{
  float tensor[SIDE * SIDE];

  ddpm_dataset_get (dataset, 0, view, tensor);
  for (guint i = 0; i < SIDE * SIDE; i++)
    g_assert_cmpfloat (tensor[i], ==, expected[i] / 127.5f - 1.0f);
}

static void
test_parts (void)
{
  g_autoptr (DdpmDataset) dataset = new_dataset (6, 5, FALSE);

  assert_view (dataset, &(DdpmView) { .x = 2, .y = 1 },
               (const guint8[]) { 8, 9, 10, 11, 14, 15, 16, 17, 20, 21, 22, 23, 26, 27, 28, 29 });
}

static void
test_wrapping (void)
{
  g_autoptr (DdpmDataset) larger = new_dataset (6, 5, TRUE), smaller = new_dataset (3, 2, TRUE);

  assert_view (larger, &(DdpmView) { .x = 5, .y = 3 },
               (const guint8[]) { 23, 18, 19, 20, 29, 24, 25, 26, 5, 0, 1, 2, 11, 6, 7, 8 });
  assert_view (smaller, &(DdpmView) { .x = 2, .y = 1 },
               (const guint8[]) { 5, 3, 4, 5, 2, 0, 1, 2, 5, 3, 4, 5, 2, 0, 1, 2 });
}

/* Flips first, then turns: an L of three pixels shows each. */
static void
test_turns (void)
{
  static const guint8 turned[4][16] = {
    { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
    { 12, 8, 4, 0, 13, 9, 5, 1, 14, 10, 6, 2, 15, 11, 7, 3 },
    { 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0 },
    { 3, 7, 11, 15, 2, 6, 10, 14, 1, 5, 9, 13, 0, 4, 8, 12 },
  };
  static const guint8 mirrored[16] = { 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12 };
  static const guint8 inverted[16] = { 12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3 };
  static const guint8 mirrored_then_turned[16] = { 15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0 };
  g_autoptr (DdpmDataset) dataset = new_dataset (SIDE, SIDE, FALSE);

  for (guint i = 0; i < 4; i++)
    assert_view (dataset, &(DdpmView) { .quarter_turns = i }, turned[i]);
  assert_view (dataset, &(DdpmView) { .flip = TRUE }, mirrored);
  assert_view (dataset, &(DdpmView) { .flip_vertical = TRUE }, inverted);
  assert_view (dataset, &(DdpmView) { .flip = TRUE, .flip_vertical = TRUE, .quarter_turns = 2 }, turned[0]);
  assert_view (dataset, &(DdpmView) { .flip = TRUE, .quarter_turns = 1 }, mirrored_then_turned);
}

/* Everything that may come does, nothing else, and the key alone decides. */
static void
test_choice (void)
{
  const DdpmAugment nothing = { 0 }, everything = { .flip = TRUE, .flip_vertical = TRUE, .rotate = TRUE };
  g_autoptr (DdpmDataset) parts = new_dataset (6, 5, FALSE), tile = new_dataset (6, 5, TRUE);
  guint seen_parts = 0, seen_tile = 0, seen_turns = 0;

  for (guint i = 0; i < 500; i++)
    {
      const DdpmRngKey key = { 7, DDPM_RNG_TRAIN_AUGMENT, i, 3 };
      const DdpmView part = ddpm_augment_choose (&nothing, parts, 0, key);
      const DdpmView wrapping = ddpm_augment_choose (&everything, tile, 0, key);
      const DdpmView again = ddpm_augment_choose (&everything, tile, 0, key);

      g_assert_cmpuint (part.x, <=, 2);
      g_assert_cmpuint (part.y, <=, 1);
      g_assert_false (part.flip || part.flip_vertical || part.quarter_turns != 0);
      g_assert_cmpuint (wrapping.x, <, 6);
      g_assert_cmpuint (wrapping.y, <, 5);
      g_assert_cmpmem (&again, sizeof again, &wrapping, sizeof wrapping);
      seen_parts |= 1u << (part.y * 3 + part.x);
      seen_tile |= 1u << (wrapping.y * 6 + wrapping.x);
      seen_turns |= 1u << (wrapping.quarter_turns * 4 + wrapping.flip * 2 + wrapping.flip_vertical);
    }
  g_assert_cmphex (seen_parts, ==, (1u << 6) - 1);
  g_assert_cmphex (seen_tile, ==, (1u << 30) - 1);
  g_assert_cmphex (seen_turns, ==, (1u << 16) - 1);
}

/* Jitter stays within what was asked for, goes to both sides, and leaves alone what was not; the key alone
 * decides, and what else is chosen stays as it is without. */
static void
test_jitter (void)
{
  const DdpmAugment augment = {
    .flip = TRUE, .rotate_degrees = 10, .scale_jitter = 0.25, .colour_jitter = 0.2
  };
  const DdpmAugment plain = { .flip = TRUE };
  g_autoptr (DdpmDataset) dataset = new_dataset (6, 5, FALSE);
  float least[6] = { 0 }, most[6] = { 0 };
  const float bounds[6] = { 10, log2f (1.25f), 0.1f, log2f (1.2f), log2f (1.2f), 6 };

  for (guint i = 0; i < 500; i++)
    {
      const DdpmRngKey key = { 7, DDPM_RNG_TRAIN_AUGMENT, i, 3 };
      DdpmView view = ddpm_augment_choose (&augment, dataset, 0, key);
      const DdpmView again = ddpm_augment_choose (&augment, dataset, 0, key);
      const DdpmView without = ddpm_augment_choose (&plain, dataset, 0, key);
      const float chosen[6] = { view.angle,    log2f (view.zoom), view.brightness,
                                view.contrast, view.saturation,   view.hue };

      g_assert_cmpmem (&again, sizeof again, &view, sizeof view);
      for (guint k = 0; k < 6; k++)
        {
          g_assert_cmpfloat (fabsf (chosen[k]), <=, bounds[k] * 1.0001f);
          least[k] = MIN (least[k], chosen[k]);
          most[k] = MAX (most[k], chosen[k]);
        }
      view.angle = view.brightness = view.contrast = view.saturation = view.hue = 0;
      view.zoom = 1;
      g_assert_cmpmem (&without, sizeof without, &view, sizeof view);
    }
  for (guint k = 0; k < 6; k++)
    {
      g_assert_cmpfloat (least[k], <, -0.9f * bounds[k]);
      g_assert_cmpfloat (most[k], >, 0.9f * bounds[k]);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/augment/parts", test_parts);
  g_test_add_func ("/augment/wrapping", test_wrapping);
  g_test_add_func ("/augment/turns", test_turns);
  g_test_add_func ("/augment/choice", test_choice);
  g_test_add_func ("/augment/jitter", test_jitter);
  return g_test_run ();
}
