/* What is said of pictures that would allow more than was asked for. */
#include <math.h>

#include "tests/unit/train-job-common.h"

/* A job on "pictures", prepared: nothing given but a network that costs nothing. */
static DdpmTrainJob *
prepare (const char *scratch, gboolean labels, gboolean tileable)
{
  g_auto (DdpmTrainOptions) options = { 0 };
  g_autoptr (GError) error = NULL;
  DdpmTrainJob *job = NULL;

  init_options (&options, scratch, "model");
  options.labels = labels;
  options.tileable = tileable;
  job = ddpm_train_job_new (&options, &error);
  g_assert_true (ddpm_train_job_prepare (job, NULL, NULL, NULL, &error));
  g_assert_no_error (error);
  return job;
}

static void
test_labels (void)
{
  static const char *const names[] = { "Bark", "Bricks", NULL };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (DdpmTrainJob) job = NULL, one = NULL, labelled = NULL;

  make_pictures (scratch, "pictures/Bricks", 11, 3);
  make_pictures (scratch, "pictures/Rare", 9, 3);
  one = prepare (scratch, FALSE, FALSE);
  g_assert_null (ddpm_train_job_get_plan (one)->hints->labels);
  make_pictures (scratch, "pictures/Bark/old", 10, 3);
  job = prepare (scratch, FALSE, FALSE);
  g_assert_cmpstrv (ddpm_train_job_get_plan (job)->hints->labels, names);
  labelled = prepare (scratch, TRUE, FALSE);
  g_assert_null (ddpm_train_job_get_plan (labelled)->hints->labels);
}

/* Waves that come round in both directions after `period` pictures. */
static void
make_waves (const char *scratch, guint first, guint count, double period)
{
  for (guint i = first; i < first + count; i++)
    {
      g_autoptr (DdpmImage) image = ddpm_image_new (16, 16, 1);
      g_autofree char *name = g_strdup_printf ("pictures/%02u.png", i);
      g_autoptr (GFile) file = scratch_file (scratch, name);

      for (guint p = 0; p < 256; p++)
        image->pixels[p] = (float) (0.5 + 0.2 * sin (G_PI / 8 / period * (p % 16 + 1.3 * i))
                                    + 0.2 * sin (G_PI / 8 / period * (p / 16.0 - i)));
      g_assert_true (ddpm_image_save_png (image, file, NULL, NULL));
    }
}

static void
test_edges (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (DdpmTrainJob) all = NULL, most = NULL, some = NULL, told = NULL;

  make_waves (scratch, 0, 10, 1);
  all = prepare (scratch, FALSE, FALSE);
  g_assert_true (ddpm_train_job_get_plan (all)->hints->edges_meet);
  told = prepare (scratch, FALSE, TRUE);
  g_assert_false (ddpm_train_job_get_plan (told)->hints->edges_meet);
  make_waves (scratch, 10, 2, 1.5);
  most = prepare (scratch, FALSE, FALSE);
  g_assert_true (ddpm_train_job_get_plan (most)->hints->edges_meet);
  make_waves (scratch, 12, 4, 1.5);
  some = prepare (scratch, FALSE, FALSE);
  g_assert_false (ddpm_train_job_get_plan (some)->hints->edges_meet);
}

/* Models that lie where models are looked for, with the channels of the pictures. */
static void
test_models (void)
{
  static const char *const names[] = { "coloured", NULL };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) coloured = { 0 }, grey = { 0 }, more = { 0 };
  g_autoptr (DdpmTrainJob) job = NULL, from = NULL;
  g_autofree char *folder = g_build_filename (g_get_user_data_dir (), "gimp-ddpm", "models", NULL);
  g_autoptr (GError) error = NULL;

  make_pictures (scratch, "pictures", 3, 1);
  init_options (&grey, folder, "grey");
  g_clear_object (&grey.pictures);
  grey.pictures = scratch_file (scratch, "pictures");
  assert_trains (&grey);
  make_pictures (scratch, "pictures", 3, 3);
  init_options (&coloured, folder, "coloured");
  g_set_object (&coloured.pictures, grey.pictures);
  assert_trains (&coloured);

  job = prepare (scratch, FALSE, FALSE);
  g_assert_cmpstrv (ddpm_train_job_get_plan (job)->hints->models, names);
  ddpm_train_options_init (&more);
  more.pictures = g_object_ref (grey.pictures);
  more.output = scratch_file (scratch, "model");
  more.from = g_object_ref (coloured.output);
  from = ddpm_train_job_new (&more, &error);
  g_assert_true (ddpm_train_job_prepare (from, NULL, NULL, NULL, &error));
  g_assert_null (ddpm_train_job_get_plan (from)->hints->models);
}

int
main (int argc, char **argv)
{
  g_autoptr (Scratch) home = scratch_new ();

  g_setenv ("XDG_DATA_HOME", home, TRUE);
  g_setenv ("XDG_DATA_DIRS", home, TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/train-hints/labels", test_labels);
  g_test_add_func ("/train-hints/edges", test_edges);
  g_test_add_func ("/train-hints/models", test_models);
  return g_test_run ();
}
