/* What is decided of a run that was told nothing but its pictures. */
#include "core/job/train-proposal.h"

#include <glib/gstdio.h>
#include <math.h>

#include "core/job/train-cost.h"
#include "core/job/train-sample.h"
#include "tests/unit/train-job-common.h"

/* `count` pictures of one colour in a subfolder of `scratch`. */
static void
make_plain_pictures (const char *scratch, const char *folder, guint count, guint width, guint height)
{
  g_autoptr (DdpmImage) image = ddpm_image_new (width, height, 1);

  for (guint i = 0; i < count; i++)
    {
      g_autofree char *name = g_strdup_printf ("%s/%02u.png", folder, i);
      g_autoptr (GFile) file = scratch_file (scratch, name);

      g_assert_true (ddpm_image_save_png (image, file, NULL, NULL));
    }
}

/* The views that are proposed for a folder, for a window of so many pixels (0: open), on top of `options`. */
static void
propose_views (DdpmTrainSetup *setup, const char *scratch, const char *folder, guint window)
{
  const DdpmTrainReading reading = { 0 };
  g_autoptr (GError) error = NULL;

  setup->options.pictures = scratch_file (scratch, folder);
  g_assert_true (ddpm_train_propose_views (setup, window, &reading, &error));
  g_assert_no_error (error);
  g_clear_object (&setup->options.pictures);
}

static DdpmTrainSetup
get_open_setup (void)
{
  DdpmTrainSetup setup = { 0 };

  ddpm_train_options_init (&setup.options);
  return setup;
}

static void
test_flip (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  DdpmTrainSetup few = get_open_setup (), many = few, told = few;

  make_plain_pictures (scratch, "few", DDPM_TRAIN_FEW_PICTURES - 1, 4, 4);
  make_plain_pictures (scratch, "many", DDPM_TRAIN_FEW_PICTURES, 4, 4);
  propose_views (&few, scratch, "few", 0);
  g_assert_true (few.options.flip);
  g_assert_true (few.flip_is_proposed);
  g_assert_false (few.options.flip_vertical || few.options.rotate);
  g_assert_cmpuint (few.options.crop, ==, 0);
  propose_views (&many, scratch, "many", 0);
  g_assert_false (many.options.flip);
  g_assert_false (many.flip_is_proposed);
  told.options.flip = FALSE;
  propose_views (&told, scratch, "few", 0);
  g_assert_false (told.options.flip);
  g_assert_false (told.flip_is_proposed);
}

static void
test_crop (void)
{
  static const struct
  {
    const char *folder;
    guint window, given, crop;
  } cases[] = {
    { "many", 0, DDPM_TRAIN_OPEN, 64 }, /* squares */
    { "medium", 0, DDPM_TRAIN_OPEN, 64 },
    { "many", 64, DDPM_TRAIN_OPEN, 0 }, /* the size is given */
    { "many", 0, 0, 0 },
    { "square", 0, DDPM_TRAIN_OPEN, 0 },
    { "small", 0, DDPM_TRAIN_OPEN, 0 }, /* sprites, whose proportions are their own */
    { "photographs", 0, DDPM_TRAIN_OPEN, 256 },
    { "photographs", 64, DDPM_TRAIN_OPEN, 256 },
    { "photographs", 128, DDPM_TRAIN_OPEN, 512 },
    { "photographs", 256, DDPM_TRAIN_OPEN, 0 }, /* they are not four times as large */
    { "photographs", 64, 0, 0 },
    { "photographs", 64, 100, 100 },
    { "medium", 64, DDPM_TRAIN_OPEN, 0 },
  };
  g_autoptr (Scratch) scratch = scratch_new ();

  make_plain_pictures (scratch, "photographs", 2, 1010, 1001);
  make_plain_pictures (scratch, "photographs/small", 1, 10, 10);
  make_plain_pictures (scratch, "medium", 3, 900, 1200);
  make_plain_pictures (scratch, "many", DDPM_TRAIN_FEW_PICTURES, 192, 128);
  make_plain_pictures (scratch, "many/square", DDPM_TRAIN_FEW_PICTURES - 1, 128, 128);
  make_plain_pictures (scratch, "square", DDPM_TRAIN_FEW_PICTURES, 130, 128);
  make_plain_pictures (scratch, "small", DDPM_TRAIN_FEW_PICTURES, 127, 80);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      DdpmTrainSetup setup = get_open_setup ();

      setup.options.crop = cases[i].given;
      propose_views (&setup, scratch, cases[i].folder, cases[i].window);
      g_assert_cmpuint (setup.options.crop, ==, cases[i].crop);
      /* square parts */
      g_assert_cmpuint (setup.options.width, ==, setup.crop_is_proposed && cases[i].window == 0 ? 64 : 0);
      g_assert_cmpuint (setup.options.height, ==, setup.options.width);
      g_assert_cmpint (setup.crop_is_proposed, ==, cases[i].given == DDPM_TRAIN_OPEN && cases[i].crop > 0);
    }
}

/* Steps of a run on n pictures of 64 pixels, in batches of 16. */
static DdpmTrainOptions
propose_length (guint n, double pictures_per_s, double hours, gboolean from)
{
  DdpmDataset dataset = { .width = 64, .height = 64 };
  DdpmTrainSetup setup = get_open_setup ();
  g_autoptr (GFile) somewhere = g_file_new_for_path ("/");

  setup.dataset = &dataset;
  setup.n_training = n;
  setup.pictures_per_s = pictures_per_s;
  setup.made_per_s = 3 * pictures_per_s;
  setup.options.batch = 16;
  setup.options.crop = 0;
  setup.options.hours = hours;
  setup.options.from = from ? somewhere : NULL;
  ddpm_train_propose_length (&setup);
  return setup.options;
}

static void
test_length (void)
{
  const double open = DDPM_TRAIN_OPEN_REAL;

  /* by the pictures: 500 showings of each, 200,000 of all at least, and 1,500,000 at most */
  g_assert_cmpuint (propose_length (800, 1000, open, FALSE).steps, ==, 25000);
  g_assert_cmpuint (propose_length (5, 1000, open, FALSE).steps, ==, 12000);
  g_assert_cmpuint (propose_length (100000, 1000, open, FALSE).steps, ==, 93000);
  g_assert_cmpuint (propose_length (800, 1000, open, TRUE).steps, ==, 10000);
  /* no more than three hours: 10 * 10800 / 16 = 6750 */
  g_assert_cmpuint (propose_length (800, 10, open, FALSE).steps, ==, 6700);
  /* as many hours as are given, whatever the pictures: 10 * 3600 / 16 = 2250 */
  g_assert_cmpuint (propose_length (5, 10, 1, FALSE).steps, ==, 2200);
  g_assert_cmpuint (propose_length (5, 10, 100, TRUE).steps, ==, 220000);
  g_assert_cmpuint (propose_length (5, 0.001, 0.1, TRUE).steps, ==, 1);
  /* where the speed is not known */
  g_assert_cmpuint (propose_length (800, 0, open, FALSE).steps, ==, 25000);
  /* four minutes are 2400 pictures, 150 steps */
  g_assert_cmpuint (propose_length (800, 10, open, FALSE).sample_every, ==, 100);
  g_assert_cmpuint (propose_length (800, 100, open, FALSE).sample_every, ==, 1000);
  g_assert_cmpuint (propose_length (800, 0, open, FALSE).sample_every, ==, 10);
}

/* What was given stays, and parts of pictures count as pictures. */
static void
test_length_given (void)
{
  DdpmDataset dataset = { .width = 64, .height = 64 };
  DdpmTrainSetup setup = get_open_setup ();

  setup.dataset = &dataset;
  setup.n_training = 100;
  setup.pictures_per_s = 1000;
  setup.made_per_s = 3000;
  setup.options.batch = 16;
  setup.options.crop = 256;
  ddpm_train_propose_length (&setup);
  g_assert_cmpuint (setup.options.steps, ==, 50000); /* 100 pictures of 16 parts, 500 times */
  setup.options.steps = 77;
  setup.options.sample_every = 0;
  ddpm_train_propose_length (&setup);
  g_assert_cmpuint (setup.options.steps, ==, 77);
  g_assert_cmpuint (setup.options.sample_every, ==, 0);
}

/* What comes between the steps takes time, too, and leaves less of it for them. */
static void
test_cost (void)
{
  DdpmDataset dataset = { .width = 64, .height = 64 };
  DdpmTrainSetup setup = get_open_setup ();
  guint64 steps;

  ddpm_scheduler_config_init (&setup.scheduler);
  setup.dataset = &dataset;
  setup.n_training = 1000;
  setup.sample_columns = 4;
  setup.pictures_per_s = 100;
  setup.made_per_s = 200;
  setup.options.batch = 10;
  setup.options.crop = 0;
  setup.options.steps = 2050;
  setup.options.sample_every = 0;
  g_assert_cmpfloat (ddpm_train_predict_seconds (&setup, 0, 2050), ==, 205);
  /* 2 * 4 * 4 pictures of 25 passes: 4 s, after steps 100, 1000, 2000 and 2050 */
  setup.options.sample_every = 1000;
  g_assert_cmpuint (ddpm_train_samples_count_passes (&setup), ==, 800);
  g_assert_cmpfloat (ddpm_train_predict_seconds (&setup, 0, 2050), ==, 205 + 16);
  g_assert_cmpfloat (ddpm_train_predict_seconds (&setup, 100, 2049), ==, 194.9 + 8);
  g_assert_cmpfloat (ddpm_train_predict_seconds (&setup, 0, 100), ==, 10 + 4);
  g_assert_cmpfloat (ddpm_train_predict_seconds (&setup, 100, 0), ==, 0);
  /* twice 256 pictures after steps 500, 1000, 1500 and 2000 */
  setup.n_held_out = 50;
  g_assert_cmpfloat (ddpm_train_predict_seconds (&setup, 0, 2050), ==, 205 + 16 + 4 * 2.56);
  /* a thousand pictures to decode, or those that are seen */
  setup.decode_s = 0.01;
  g_assert_cmpfloat (ddpm_train_predict_seconds (&setup, 0, 2050), ==, 205 + 16 + 4 * 2.56 + 10);
  g_assert_cmpfloat (ddpm_train_predict_seconds (&setup, 0, 50), ==, 5 + 5);
  /* and the steps that fit into as much time take as much */
  setup.options.steps = DDPM_TRAIN_OPEN_COUNT;
  steps = ddpm_train_predict_steps (&setup, 3600);
  g_assert_cmpfloat_with_epsilon (ddpm_train_predict_seconds (&setup, 0, steps), 3600, 3600 / 100.0);
  g_assert_cmpuint (ddpm_train_predict_steps (&setup, 2), ==, 9);
  g_assert_cmpuint (ddpm_train_predict_steps (&setup, 1e-9), ==, 1);
  ddpm_scheduler_config_clear (&setup.scheduler);
}

/* The whole way through the job, on pictures of `side` pixels. */
static void
prepare (DdpmTrainJob **job, DdpmTrainOptions *options, const char *scratch)
{
  g_autoptr (GError) error = NULL;

  options->pictures = scratch_file (scratch, "pictures");
  options->output = scratch_file (scratch, "model");
  options->n_threads = 1;
  *job = ddpm_train_job_new (options, &error);
  g_assert_no_error (error);
  g_assert_true (ddpm_train_job_prepare (*job, NULL, NULL, NULL, &error));
  g_assert_no_error (error);
  g_assert_false (g_file_query_exists (options->output, NULL));
}

static void
test_no_option (void)
{
  static const struct
  {
    guint side, batch, n_levels;
  } cases[] = { { 8, 32, 2 }, { 20, 32, 3 }, { 64, 16, 4 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Scratch) scratch = scratch_new ();
      g_auto (DdpmTrainOptions) options = { 0 };
      g_autoptr (DdpmTrainJob) job = NULL;
      const DdpmTrainPlan *plan;

      make_plain_pictures (scratch, "pictures", 3, cases[i].side, cases[i].side);
      ddpm_train_options_init (&options);
      prepare (&job, &options, scratch);
      plan = ddpm_train_job_get_plan (job);
      g_assert_cmpuint (plan->config->sample_width, ==, cases[i].side);
      g_assert_cmpuint (plan->config->n_levels, ==, cases[i].n_levels);
      g_assert_cmpuint (plan->options->batch, ==, cases[i].batch);
      g_assert_cmpfloat (plan->options->lr, ==, 3e-4);
      g_assert_cmpfloat (plan->pictures_per_s, >, 0);
      g_assert_cmpfloat (plan->slowdown, >=, 1);
      g_assert_cmpuint (plan->options->steps, >, 0);
      g_assert_cmpuint (plan->options->steps, <=, 12000);
      g_assert_cmpuint (plan->options->sample_every, >, 0);
      g_assert_true (plan->options->flip);
      g_assert_null (plan->origin->name);
    }
}

static void
test_contradictions (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 };

  make_plain_pictures (scratch, "pictures", 3, 8, 8);
  init_options (&options, scratch, "model");
  options.hours = 1;
  assert_refused (&options, DDPM_ERROR_USAGE, "--hours cannot be given with --steps");
  options.steps = DDPM_TRAIN_OPEN_COUNT;
  options.hours = 0;
  assert_refused (&options, DDPM_ERROR_USAGE, "--hours must be above 0");
  options.hours = NAN;
  assert_refused (&options, DDPM_ERROR_USAGE, "--hours must be above 0");
  options.hours = 1;
  options.resume = TRUE;
  assert_refused (&options, DDPM_ERROR_USAGE, "--hours cannot be given with --resume");
  options.resume = FALSE;
  options.hours = DDPM_TRAIN_OPEN_REAL;
  options.width = options.height = 8;
  options.crop = 6;
  assert_refused (&options, DDPM_ERROR_USAGE, "--crop 6 is less than --size 8x8");
  options.width = options.height = 0;
  assert_refused (&options, DDPM_ERROR_USAGE, "--crop: ");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/train-proposal/flip", test_flip);
  g_test_add_func ("/train-proposal/crop", test_crop);
  g_test_add_func ("/train-proposal/length", test_length);
  g_test_add_func ("/train-proposal/length-given", test_length_given);
  g_test_add_func ("/train-proposal/cost", test_cost);
  g_test_add_func ("/train-proposal/no-option", test_no_option);
  g_test_add_func ("/train-proposal/contradictions", test_contradictions);
  return g_test_run ();
}
