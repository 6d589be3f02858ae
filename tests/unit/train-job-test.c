/* Whole training runs: what they write, what they learn, what they refuse. Stopping and going on is the
 * business of train-resume-test.c. */
#include <math.h>

#include "core/job/sample-job.h"
#include "core/job/train-log.h"
#include "core/job/train-plan.h"
#include "core/job/train-state.h"
#include "tests/unit/train-job-common.h"

/* Samples are compared with the training pictures, and how near they come is in the log. */
static void
assert_compared (const char *scratch, guint step)
{
  g_autofree char *name = g_strdup_printf ("model/samples/nearest-%u.png", step);
  g_autoptr (GFile) file = scratch_file (scratch, name), csv = scratch_file (scratch, "model/train.csv");
  g_autoptr (GError) error = NULL;
  g_autoptr (DdpmImage) pairs = ddpm_image_load (file, &error);
  g_autoptr (DdpmTrainLog) log = ddpm_train_log_open (csv, step, &error);
  const DdpmTrainLine *line = NULL;

  g_assert_no_error (error);
  g_assert_cmpuint (pairs->width, ==, 4 * (2 * SIDE + 1) + 3 * 8);
  g_assert_cmpuint (pairs->height, ==, 4 * SIDE + 3 * 8);
  line = ddpm_train_log_find (log, step);
  g_assert_nonnull (line);
  g_assert_cmpfloat (line->nearest, >, 0);
  g_assert_cmpfloat (line->nearest, <, 1);
  g_assert_cmpfloat (line->copies, ==, 0);
  g_assert_true (isnan (line->nearest_held_out)); /* there are none */
}

static void
test_train (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 };
  g_autoptr (DdpmTrainJob) job = NULL;
  g_autoptr (DdpmModel) model = NULL;
  g_autoptr (DdpmImage) grid = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *csv_steps = NULL;
  const DdpmTrainPlan *plan = NULL;
  Watch w = { 0 };

  make_pictures (scratch, "pictures", 10, 4);
  init_options (&options, scratch, "model");
  options.sample_every = 4;
  job = ddpm_train_job_new (&options, &error);
  g_assert_no_error (error);
  g_assert_null (ddpm_train_job_get_plan (job));
  g_assert_true (ddpm_train_job_prepare (job, NULL, NULL, NULL, &error));
  plan = ddpm_train_job_get_plan (job);
  g_assert_cmpuint (plan->dataset->n_pictures, ==, 10);
  g_assert_cmpuint (plan->config->in_channels, ==, 4);
  g_assert_cmpuint (plan->options->width, ==, SIDE);
  g_assert_cmpuint (plan->first_step, ==, 0);
  g_assert_cmpuint (plan->peak_bytes, >, 5 * 4 * plan->n_parameters);
  /* nothing is written before it begins */
  g_assert_false (g_file_query_exists (options.output, NULL));

  g_assert_true (ddpm_train_job_run (job, watch, &w, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (ddpm_train_job_get_step (job), ==, 8);
  g_assert_cmpuint (w.last_step, ==, 8);
  g_assert_true (w.last_loss > 0.1 && w.last_loss < 10);
  g_assert_cmpuint (w.n_sampling, >, 0);
  g_assert_cmpuint (w.n_messages, ==, 5); /* checkpoints of 3, 6 and 8, samples of 4 and 8 */
  csv_steps = read_csv_steps (scratch, "model");
  g_assert_cmpstr (csv_steps, ==, "4 8 ");

  model = ddpm_model_open (options.output, &error);
  g_assert_no_error (error);
  g_assert_true (model->notes.premultiplied);
  g_assert_cmpint (model->dtype, ==, DDPM_DTYPE_F16);
  g_assert_cmpstr (model->notes.recommended_sampler, ==, "ddim");
  g_assert_cmpuint (ddpm_unet_get_config (model->unet)->sample_height, ==, SIDE);
  for (guint step = 8; step >= 4; step -= 4)
    {
      g_autofree char *name = g_strdup_printf ("model/samples/step-%u.png", step);
      g_autoptr (GFile) file = scratch_file (scratch, name);

      ddpm_image_free (g_steal_pointer (&grid));
      grid = ddpm_image_load (file, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (grid->n_channels, ==, 4);
      g_assert_cmpuint (grid->width, ==, 2 * (6 * SIDE + 5 * 2) + 10);
      assert_compared (scratch, step);
    }
}

/* What is in the model's folder is the average of the weights that the state holds. */
static void
test_model_is_average (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 };
  g_autoptr (DdpmModel) model = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GFile) state = NULL;
  DdpmTrainCounters counters;
  DdpmTrainSlabs slabs;

  make_pictures (scratch, "pictures", 5, 1);
  init_options (&options, scratch, "model");
  options.dtype = DDPM_DTYPE_F32;
  assert_trains (&options);
  model = ddpm_model_open (options.output, &error);
  g_assert_no_error (error);
  slabs.n = ddpm_unet_get_n_weights (model->unet);
  g_autofree float *values = g_new (float, 4 * slabs.n);
  slabs.weights = values;
  slabs.ema = values + slabs.n;
  slabs.first = values + 2 * slabs.n;
  slabs.second = values + 3 * slabs.n;
  state = ddpm_train_get_state_file (options.output);
  g_assert_true (ddpm_train_state_read (state, &counters, &slabs, &error));
  g_assert_cmpuint (counters.step, ==, 8);
  g_assert_cmpmem (model->weights, slabs.n * sizeof (float), slabs.ema, slabs.n * sizeof (float));
  g_assert_cmpint (memcmp (slabs.ema, slabs.weights, slabs.n * sizeof (float)), !=, 0);
}

/* With enough steps the network learns: the loss of a single picture goes down. */
static void
test_learns (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 };
  g_autofree char *csv_steps = NULL;
  Watch w = { 0 };

  make_pictures (scratch, "pictures", 1, 1);
  init_options (&options, scratch, "model");
  options.steps = 150;
  options.lr = 1e-2;
  options.dropout = 0;
  options.flip = FALSE;
  options.save_every = 0;
  g_autoptr (GError) error = NULL;
  train (&options, watch, &w, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (w.last_loss, <, 0.7); /* 1 says nothing at all */
  csv_steps = read_csv_steps (scratch, "model");
  g_assert_cmpstr (csv_steps, ==, "50 100 150 ");
}

/* What a person may have added to the model's notes by hand. */
static void
write_notes (const DdpmTrainOptions *options)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GFile) file = g_file_get_child (options->output, "ddpm.json");
  const char *text =
    "{\"licence\": \"CC0 1.0\", \"recommended_sampler\": \"ddpm\", \"recommended_steps\": 100}";

  g_assert_true (
    g_file_replace_contents (file, text, strlen (text), NULL, FALSE, G_FILE_CREATE_NONE, NULL, NULL, &error));
  g_assert_no_error (error);
}

static void
test_from (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 }, more = { 0 }, bad = { 0 };
  g_autoptr (DdpmTrainJob) job = NULL;
  g_autoptr (GError) error = NULL;

  make_pictures (scratch, "pictures", 6, 1);
  init_options (&options, scratch, "first");
  options.dtype = DDPM_DTYPE_F32;
  options.schedule = DDPM_BETAS_SQUAREDCOS_CAP_V2;
  assert_trains (&options);
  write_notes (&options);

  ddpm_train_options_init (&more);
  more.pictures = g_object_ref (options.pictures);
  more.output = scratch_file (scratch, "second");
  more.from = g_object_ref (options.output);
  more.steps = 2;
  more.batch = 2;
  more.lr = 1e-12; /* no way to get far from there */
  more.sample_every = 0;
  more.dtype = DDPM_DTYPE_F32;
  job = ddpm_train_job_new (&more, &error);
  g_assert_true (ddpm_train_job_prepare (job, NULL, NULL, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (ddpm_train_job_get_plan (job)->config->block_out_channels[1], ==, 8);
  g_assert_cmpfloat (ddpm_train_job_get_plan (job)->config->dropout, ==, 0.1);
  g_assert_cmpint (ddpm_train_job_get_plan (job)->options->schedule, ==, DDPM_BETAS_SQUAREDCOS_CAP_V2);
  g_assert_true (ddpm_train_job_run (job, NULL, NULL, NULL, &error));
  g_assert_true (is_same (scratch, "first", "second", "unet/config.json"));

  g_autoptr (DdpmModel) first = ddpm_model_open (options.output, &error);
  g_autoptr (DdpmModel) second = ddpm_model_open (more.output, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (second->notes.licence, ==, "CC0 1.0");
  g_assert_cmpstr (second->notes.recommended_sampler, ==, "ddpm");
  g_assert_cmpuint (second->notes.recommended_steps, ==, 100);
  for (gsize i = 0; i < ddpm_unet_get_n_weights (first->unet); i++)
    g_assert_cmpfloat_with_epsilon (first->weights[i], second->weights[i], 1e-6);

  /* options that would make another network */
  init_options (&bad, scratch, "third");
  bad.from = g_object_ref (options.output);
  assert_refused (&bad, DDPM_ERROR_USAGE, "--channels, --layers and --attention cannot be given with --from");
  g_set_object (&more.output, bad.output);
  more.schedule = DDPM_BETAS_LINEAR;
  assert_refused (&more, DDPM_ERROR_USAGE, "--schedule");
  more.schedule = DDPM_TRAIN_OPEN_SCHEDULE;
  more.width = more.height = 9;
  assert_refused (&more, DDPM_ERROR_USAGE, "9x9");
  g_set_object (&more.from, more.pictures);
  assert_refused (&more, DDPM_ERROR_FILE, "pictures");
  g_assert_false (g_file_query_exists (more.output, NULL));
}

static void
test_bad_options (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) nowhere = { 0 }, odd = { 0 };

  make_pictures (scratch, "pictures", 2, 1);
#define ASSERT_BAD(member, value, name)                      \
  G_STMT_START                                               \
  {                                                          \
    g_auto (DdpmTrainOptions) bad = { 0 };                   \
    init_options (&bad, scratch, "bad");                     \
    bad.member = value;                                      \
    assert_refused (&bad, DDPM_ERROR_USAGE, name);           \
    g_assert_false (g_file_query_exists (bad.output, NULL)); \
  }                                                          \
  G_STMT_END
  ASSERT_BAD (batch, 0, "--batch must be between 1 and 4096, not 0");
  ASSERT_BAD (batch, 4097, "--batch");
  ASSERT_BAD (steps, 0, "--steps");
  ASSERT_BAD (steps, 1000000001, "--steps");
  ASSERT_BAD (lr, 0, "--lr");
  ASSERT_BAD (lr, 1.5, "--lr");
  ASSERT_BAD (lr, NAN, "--lr");
  ASSERT_BAD (ema, 1, "--ema");
  ASSERT_BAD (ema, -0.1, "--ema");
  ASSERT_BAD (dropout, 1, "--dropout");
  ASSERT_BAD (layers_per_block, 0, "--layers");
  ASSERT_BAD (max_grad_norm, -1, "--max-grad-norm");
  ASSERT_BAD (seed, (guint32) DDPM_MAX_SEED + 1, "--seed");
  ASSERT_BAD (n_threads, 5000, "--threads");
  ASSERT_BAD (width, 5000, "--size");
  ASSERT_BAD (n_channels, 9, "--channels");
  ASSERT_BAD (channels[1], 0, "--channels");
  ASSERT_BAD (n_attention = bad.attention[0], 1, "--attention 1: the network has no level of that height");
  ASSERT_BAD (width = bad.height, 15, "15x15");
  ASSERT_BAD (schedule, DDPM_BETAS_TRAINED, "--schedule");
  ASSERT_BAD (dtype, DDPM_DTYPE_I32, "float16 or float32");
#undef ASSERT_BAD

  init_options (&nowhere, scratch, "bad");
  g_clear_object (&nowhere.pictures);
  assert_refused (&nowhere, DDPM_ERROR_USAGE, "folder of pictures");
  nowhere.pictures = scratch_file (scratch, "nowhere");
  assert_refused (&nowhere, DDPM_ERROR_FILE, "nowhere");
  g_clear_object (&nowhere.output);
  assert_refused (&nowhere, DDPM_ERROR_USAGE, "-o");

  init_options (&odd, scratch, "file");
  scratch_write (scratch, "file", "x", 1);
  assert_refused (&odd, DDPM_ERROR_USAGE, "is a file");
}

/* A folder with a model in it is not written over. */
static void
test_taken (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 };

  make_pictures (scratch, "pictures", 2, 1);
  init_options (&options, scratch, "model");
  scratch_write (scratch, "model/model_index.json", "{}", 2);
  assert_refused (&options, DDPM_ERROR_USAGE, "holds a model already (model_index.json)");
}

/* Numbers that are none end the run before they reach a file. */
static void
test_not_a_number (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 }, more = { 0 };
  g_autoptr (DdpmModel) model = NULL;
  g_autoptr (GFile) state = NULL, broken = scratch_file (scratch, "broken");
  g_autoptr (GError) error = NULL;

  make_pictures (scratch, "pictures", 3, 1);
  init_options (&options, scratch, "model");
  options.steps = 1;
  assert_trains (&options);
  model = ddpm_model_open (options.output, &error);
  g_assert_no_error (error);
  model->weights[0] = NAN;
  g_assert_true (ddpm_model_save (broken, model->unet, model->weights, &model->scheduler, &model->notes,
                                  DDPM_DTYPE_F32, &error));

  ddpm_train_options_init (&more);
  more.pictures = g_object_ref (options.pictures);
  more.output = scratch_file (scratch, "more");
  more.from = g_object_ref (broken);
  more.batch = 2;
  more.steps = 3;
  assert_refused (&more, DDPM_ERROR_NUMERIC, "are not all numbers");
  state = ddpm_train_get_state_file (more.output);
  g_assert_false (g_file_query_exists (state, NULL));
}

/* Pictures fewer than the batch, more than one of them in an epoch's place. */
static void
test_few_pictures (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 };

  make_pictures (scratch, "pictures", 1, 3);
  init_options (&options, scratch, "model");
  options.steps = 2;
  assert_trains (&options);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/train-job/train", test_train);
  g_test_add_func ("/train-job/model-is-average", test_model_is_average);
  g_test_add_func ("/train-job/learns", test_learns);
  g_test_add_func ("/train-job/from", test_from);
  g_test_add_func ("/train-job/bad-options", test_bad_options);
  g_test_add_func ("/train-job/taken", test_taken);
  g_test_add_func ("/train-job/not-a-number", test_not_a_number);
  g_test_add_func ("/train-job/few-pictures", test_few_pictures);
  return g_test_run ();
}
