/* Finding the training picture that is nearest to one that a model has made. */
#include <math.h>

#include "core/job/train-nearest.h"
#include "tests/unit/train-job-common.h"

#define N_PICTURES 14
#define LARGE (3 * SIDE)

/* Smooth pictures, each with other waves, whose opposite sides meet. */
static void
make_waves (const char *scratch, guint side, guint n_channels)
{
  for (guint i = 0; i < N_PICTURES; i++)
    {
      g_autoptr (DdpmImage) image = ddpm_image_new (side, side, n_channels);
      g_autofree char *name = g_strdup_printf ("pictures/%02u.png", i);
      g_autoptr (GFile) file = scratch_file (scratch, name);
      g_autoptr (GError) error = NULL;
      float u[9];

      ddpm_rng_uniform ((DdpmRngKey) { 3, DDPM_RNG_LATENT, i, 0 }, u, G_N_ELEMENTS (u));
      for (guint y = 0; y < side; y++)
        for (guint x = 0; x < side; x++)
          for (guint c = 0; c < n_channels; c++)
            {
              const double across = 2 * G_PI * x / side, down = 2 * G_PI * y / side;
              const double wave = u[0] * sin (across + 6 * u[1]) + u[2] * sin (down + 6 * u[3])
                                  + u[4] * sin (across + down + 6 * u[5] + c)
                                  + u[6] * sin (2 * across - down + 6 * u[7]);

              image->pixels[(y * side + x) * n_channels + c] = (float) CLAMP (0.5 + 0.2 * wave, 0, 1);
            }
      g_assert_true (ddpm_image_save_png (image, file, NULL, &error));
      g_assert_no_error (error);
    }
}

/* Shows each training picture in a view, and looks for it. */
static void
assert_found (const DdpmTrainOptions *options, const DdpmView *view)
{
  g_autoptr (DdpmTrainSetup) setup = new_setup (options);
  g_autoptr (DdpmTeam) team = ddpm_team_new (2);
  g_autoptr (DdpmTrainNearest) nearest = ddpm_train_nearest_new (setup, team);
  const gsize n_values = (gsize) setup->dataset->n_channels * SIDE * SIDE;
  g_autofree float *tensors = g_new (float, N_PICTURES *n_values);
  DdpmTrainMatch matches[N_PICTURES];

  for (guint i = 0; i < N_PICTURES; i++)
    g_assert_true (ddpm_dataset_get (setup->dataset, i, view, tensors + i * n_values));
  ddpm_train_nearest_find (nearest, team, tensors, N_PICTURES, matches);
  for (guint i = 0; i < N_PICTURES; i++)
    {
      g_assert_cmpuint (matches[i].picture, ==, i);
      g_assert_cmpfloat (matches[i].distance, <, 1e-6);
      g_assert_cmpfloat (matches[i].ratio, <, DDPM_TRAIN_COPY_RATIO);
    }
  g_assert_cmpfloat (ddpm_train_matches_score (matches, N_PICTURES).copies, ==, 1);
}

/* A copy is found however training may have shown it, and then only. */
static void
test_copies (void)
{
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (Scratch) scratch = scratch_new ();
      g_auto (DdpmTrainOptions) options = { 0 };
      const DdpmView turned = { .flip = TRUE, .quarter_turns = 1 }, plain = { 0 };

      make_waves (scratch, SIDE, i == 0 ? 1 : 4);
      init_options (&options, scratch, "model");
      options.rotate = TRUE;
      assert_found (&options, &plain);
      assert_found (&options, &turned);
    }
}

static void
test_copies_of_parts (void)
{
  static const DdpmView views[] = { { .x = 5, .y = 0 },
                                    { .x = 16, .y = 9, .flip = TRUE },
                                    { .x = 11, .y = 3 } };

  for (guint i = 0; i < G_N_ELEMENTS (views); i++)
    for (gboolean tileable = FALSE; tileable <= TRUE; tileable++)
      {
        g_autoptr (Scratch) scratch = scratch_new ();
        g_auto (DdpmTrainOptions) options = { 0 };

        make_waves (scratch, LARGE, 3);
        init_options (&options, scratch, "model");
        options.width = options.height = SIDE;
        options.crop = LARGE;
        options.tileable = tileable;
        assert_found (&options, &views[i]);
      }
}

/* Pictures of their own kind are not taken for copies; those held out are such. */
static void
test_new_ones (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 };
  g_autoptr (DdpmTeam) team = ddpm_team_new (1);
  g_autoptr (DdpmTrainSetup) setup = NULL;
  g_autoptr (DdpmTrainNearest) nearest = NULL;
  DdpmTrainScore held_out;

  make_pictures (scratch, "pictures", 60, 3);
  init_options (&options, scratch, "model");
  options.held_out = 4;
  setup = new_setup (&options);
  g_assert_cmpuint (setup->n_held_out, >, 3);
  nearest = ddpm_train_nearest_new (setup, team);
  held_out = ddpm_train_nearest_score_held_out (nearest, team);
  g_assert_cmpfloat (held_out.ratio, >, 0.8);
  g_assert_cmpfloat (held_out.ratio, <, 1);
  g_assert_cmpfloat (held_out.copies, ==, 0);
}

/* With one picture there is nothing to compare its distance with. */
static void
test_one_picture (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 };
  g_autoptr (DdpmTeam) team = ddpm_team_new (1);
  g_autoptr (DdpmTrainSetup) setup = NULL;
  g_autoptr (DdpmTrainNearest) nearest = NULL;
  float tensor[SIDE * SIDE] = { 0 };
  DdpmTrainMatch match;

  make_pictures (scratch, "pictures", 1, 1);
  init_options (&options, scratch, "model");
  setup = new_setup (&options);
  nearest = ddpm_train_nearest_new (setup, team);
  ddpm_train_nearest_find (nearest, team, tensor, 1, &match);
  g_assert_cmpuint (match.picture, ==, 0);
  g_assert_cmpfloat (match.distance, >, 0);
  g_assert_true (isnan (match.ratio));
  g_assert_true (isnan (ddpm_train_nearest_score_held_out (nearest, team).ratio));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/train-nearest/copies", test_copies);
  g_test_add_func ("/train-nearest/copies-of-parts", test_copies_of_parts);
  g_test_add_func ("/train-nearest/new-ones", test_new_ones);
  g_test_add_func ("/train-nearest/one-picture", test_one_picture);
  return g_test_run ();
}
