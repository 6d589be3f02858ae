/* Whole training runs, of a network small enough that each takes a moment. */
#include "core/job/train-job.h"

#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "core/base/error.h"
#include "core/base/rng.h"
#include "core/job/sample-job.h"
#include "core/job/train-plan.h"
#include "core/job/train-state.h"
#include "tests/unit/scratch.h"

#define SIDE 8

static const char *program; /* this one, to be started again where a test has to kill it */

static void
make_pictures (const char *scratch, const char *folder, guint count, guint n_channels)
{
  for (guint i = 0; i < count; i++)
    {
      g_autoptr (DdpmImage) image = ddpm_image_new (SIDE, SIDE, n_channels);
      g_autofree char *name = g_strdup_printf ("%s/%02u.png", folder, i);
      g_autoptr (GFile) file = scratch_file (scratch, name);
      g_autoptr (GError) error = NULL;

      ddpm_rng_uniform ((DdpmRngKey) { 1, DDPM_RNG_LATENT, i, 0 }, image->pixels, SIDE * SIDE * n_channels);
      g_assert_true (ddpm_image_save_png (image, file, NULL, &error));
      g_assert_no_error (error);
    }
}

/* The tiny network, 8 steps. */
static void
init_options (DdpmTrainOptions *options, const char *scratch, const char *output)
{
  ddpm_train_options_init (options);
  options->pictures = scratch_file (scratch, "pictures");
  options->output = scratch_file (scratch, output);
  options->n_channels = 2;
  options->channels[0] = 4;
  options->channels[1] = 8;
  options->layers_per_block = 1;
  options->batch = 4;
  options->steps = 8;
  options->warmup_steps = 3;
  options->lr = 1e-3;
  options->flip = TRUE;
  options->dropout = 0.1;
  options->sample_every = 0;
  options->save_every = 3;
  options->n_threads = 2;
  options->seed = 5;
}

/* Nothing but where to resume. */
static void
init_resume_options (DdpmTrainOptions *options, const char *scratch, const char *output)
{
  ddpm_train_options_init (options);
  options->output = scratch_file (scratch, output);
  options->resume = TRUE;
  options->n_threads = 1;
}

static gboolean
train (const DdpmTrainOptions *options, DdpmProgressFunc func, gpointer data, GCancellable *cancellable,
       GError **error)
{
  g_autoptr (DdpmTrainJob) job = ddpm_train_job_new (options, error);

  return job != NULL && ddpm_train_job_run (job, func, data, cancellable, error);
}

static void
assert_trains (const DdpmTrainOptions *options)
{
  g_autoptr (GError) error = NULL;

  train (options, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
}

static void
assert_resumes (const char *scratch, const char *output)
{
  g_auto (DdpmTrainOptions) options = { 0 };

  init_resume_options (&options, scratch, output);
  assert_trains (&options);
}

/* The options are refused with a sentence that has `part` in it. */
static void
assert_refused (const DdpmTrainOptions *options, int code, const char *part)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (train (options, NULL, NULL, NULL, &error));
  g_assert_error (error, DDPM_ERROR, code);
  if (strstr (error->message, part) == NULL)
    g_error ("\"%s\" is not in \"%s\"", part, error->message);
}

static GBytes *
read_bytes (const char *scratch, const char *output, const char *name)
{
  g_autofree char *path = g_build_filename (scratch, output, name, NULL);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GError) error = NULL;
  GBytes *bytes = g_file_load_bytes (file, NULL, NULL, &error);

  g_assert_no_error (error);
  return bytes;
}

static gboolean
is_same (const char *scratch, const char *output, const char *other, const char *name)
{
  g_autoptr (GBytes) a = read_bytes (scratch, output, name), b = read_bytes (scratch, other, name);

  return g_bytes_equal (a, b);
}

static void
assert_same_run (const char *scratch, const char *output, const char *other)
{
  g_assert_true (is_same (scratch, output, other, "training/state.safetensors"));
  g_assert_true (is_same (scratch, output, other, "unet/diffusion_pytorch_model.safetensors"));
}

/* The first column of train.csv. */
static char *
read_csv_steps (const char *scratch, const char *output)
{
  g_autoptr (GBytes) bytes = read_bytes (scratch, output, "train.csv");
  g_autofree char *text = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  GString *steps = g_string_new (NULL);

  for (guint i = 1; lines[i] != NULL && lines[i][0] != '\0'; i++)
    g_string_append_printf (steps, "%.*s ", (int) (strchr (lines[i], ',') - lines[i]), lines[i]);
  return g_string_free (steps, FALSE);
}

typedef struct
{
  guint64 step; /* at which to act */
  GCancellable *cancellable;
  guint n_messages;
  guint n_sampling;
  guint64 last_step;
  double last_loss;
} Watch;

static void
watch (const DdpmProgress *progress, gpointer data)
{
  Watch *w = data;

  w->n_messages += progress->message != NULL;
  w->n_sampling += progress->phase == DDPM_PHASE_SAMPLE;
  if (progress->phase != DDPM_PHASE_TRAIN)
    return;
  w->last_step = progress->step;
  w->last_loss = progress->loss;
  if (w->cancellable != NULL && progress->step == w->step)
    g_cancellable_cancel (w->cancellable);
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
  g_assert_cmpstr (csv_steps, ==, "8 ");

  model = ddpm_model_open (options.output, &error);
  g_assert_no_error (error);
  g_assert_true (model->notes.premultiplied);
  g_assert_cmpint (model->dtype, ==, DDPM_DTYPE_F16);
  g_assert_cmpstr (model->notes.recommended_sampler, ==, "ddim");
  g_assert_cmpuint (ddpm_unet_get_config (model->unet)->sample_height, ==, SIDE);
  for (guint step = 4; step <= 8; step += 4)
    {
      g_autofree char *name = g_strdup_printf ("model/samples/step-%u.png", step);
      g_autoptr (GFile) file = scratch_file (scratch, name);

      ddpm_image_free (g_steal_pointer (&grid));
      grid = ddpm_image_load (file, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (grid->n_channels, ==, 4);
      g_assert_cmpuint (grid->width, ==, 6 * SIDE + 5 * 2);
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

/* Stopped at any step and resumed, on another number of threads, a run ends with the bytes of one that was
 * not. */
static void
test_resume (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 };

  make_pictures (scratch, "pictures", 7, 3);
  init_options (&options, scratch, "whole");
  assert_trains (&options);
  for (guint step = 1; step <= 7; step += 2)
    {
      g_autofree char *output = g_strdup_printf ("stopped-%u", step);
      g_auto (DdpmTrainOptions) stopped = { 0 };
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GError) error = NULL;
      Watch w = { .step = step, .cancellable = cancellable };

      init_options (&stopped, scratch, output);
      g_assert_false (train (&stopped, watch, &w, cancellable, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_assert_cmpuint (w.last_step, ==, step);
      g_assert_false (is_same (scratch, "whole", output, "training/state.safetensors"));
      assert_resumes (scratch, output);
      assert_same_run (scratch, "whole", output);
    }
}

/* A run that is stopped before its first checkpoint begins again. */
static void
test_resume_at_the_beginning (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 }, stopped = { 0 };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (DdpmTrainJob) job = NULL;
  g_autoptr (GError) error = NULL;

  make_pictures (scratch, "pictures", 7, 3);
  init_options (&options, scratch, "whole");
  assert_trains (&options);
  init_options (&stopped, scratch, "stopped");
  job = ddpm_train_job_new (&stopped, &error);
  g_assert_true (ddpm_train_job_prepare (job, NULL, NULL, NULL, &error));
  g_cancellable_cancel (cancellable);
  g_assert_false (ddpm_train_job_run (job, NULL, NULL, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_resumes (scratch, "stopped");
  assert_same_run (scratch, "whole", "stopped");
}

/* More steps than there were to be, and a run that has none left. */
static void
test_extend (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 }, shorter = { 0 }, longer = { 0 };
  g_autofree char *csv_steps = NULL;
  g_autoptr (GBytes) stored = NULL;

  make_pictures (scratch, "pictures", 7, 1);
  init_options (&options, scratch, "whole");
  assert_trains (&options);
  init_options (&shorter, scratch, "extended");
  shorter.steps = 5;
  assert_trains (&shorter);
  stored = read_bytes (scratch, "extended", "training/options.json");
  init_resume_options (&longer, scratch, "extended");
  longer.steps = 8;
  assert_trains (&longer);
  assert_same_run (scratch, "whole", "extended");
  csv_steps = read_csv_steps (scratch, "extended");
  g_assert_cmpstr (csv_steps, ==, "5 8 ");
  /* the new number of steps is remembered */
  assert_resumes (scratch, "extended");
  assert_same_run (scratch, "whole", "extended");

  /* killed between its checkpoint and its options */
  scratch_write (scratch, "extended/training/options.json", g_bytes_get_data (stored, NULL),
                 g_bytes_get_size (stored));
  assert_resumes (scratch, "extended");
  assert_same_run (scratch, "whole", "extended");

  longer.steps = 7;
  assert_refused (&longer, DDPM_ERROR_USAGE, "--steps 7 is less than the 8 steps");
}

static void
test_resume_refused (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 }, resumed = { 0 };

  make_pictures (scratch, "pictures", 7, 1);
  init_resume_options (&resumed, scratch, "model");
  assert_refused (&resumed, DDPM_ERROR_FILE, "There is no training to resume");
  init_options (&options, scratch, "model");
  options.steps = 3;
  assert_trains (&options);
  assert_refused (&options, DDPM_ERROR_USAGE, "holds a training already");

  /* the same options are no others */
  options.resume = TRUE;
  assert_trains (&options);
#define ASSERT_CHANGE(member, value, name)             \
  G_STMT_START                                         \
  {                                                    \
    g_auto (DdpmTrainOptions) changed = { 0 };         \
    init_resume_options (&changed, scratch, "model");  \
    changed.member = value;                            \
    assert_refused (&changed, DDPM_ERROR_USAGE, name); \
  }                                                    \
  G_STMT_END
  ASSERT_CHANGE (batch, 5, "--batch");
  ASSERT_CHANGE (lr, 0.5, "--lr");
  ASSERT_CHANGE (seed, 0, "--seed");
  ASSERT_CHANGE (ema, 0.5, "--ema");
  ASSERT_CHANGE (dropout, 0, "--dropout");
  ASSERT_CHANGE (warmup_steps, 0, "--warmup");
  ASSERT_CHANGE (layers_per_block, 2, "--layers");
  ASSERT_CHANGE (pixels, DDPM_PIXELS_RGB, "--pixels");
  ASSERT_CHANGE (schedule, DDPM_BETAS_SIGMOID, "--schedule");
  ASSERT_CHANGE (dtype, DDPM_DTYPE_F32, "type of the weights");
  ASSERT_CHANGE (from, scratch_file (scratch, "model"), "--from");
  ASSERT_CHANGE (width = changed.height, 16, "--size");
  ASSERT_CHANGE (n_channels = changed.channels[0], 1, "--channels");
  ASSERT_CHANGE (n_attention = changed.attention[0], 1, "--attention");
#undef ASSERT_CHANGE

  make_pictures (scratch, "pictures", 8, 1);
  assert_refused (&resumed, DDPM_ERROR_FILE, "are not those that this training began with");
}

static void
damage (const char *scratch, const char *name, gsize from, const char *bytes, gsize keep)
{
  g_autoptr (GFile) file = scratch_file (scratch, name);
  g_autofree char *contents = NULL;
  gsize n_bytes = 0;

  g_assert_true (g_file_load_contents (file, NULL, &contents, &n_bytes, NULL, NULL));
  g_assert_cmpuint (from + strlen (bytes), <=, n_bytes);
  memcpy (contents + from, bytes, strlen (bytes));
  scratch_write (scratch, name, contents, MIN (keep, n_bytes));
}

static void
test_damaged_state (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 }, resumed = { 0 };

  make_pictures (scratch, "pictures", 3, 1);
  init_options (&options, scratch, "model");
  options.steps = 1;
  assert_trains (&options);
  init_resume_options (&resumed, scratch, "model");
  damage (scratch, "model/training/state.safetensors", 0, "", 1000);
  assert_refused (&resumed, DDPM_ERROR_FILE, "state.safetensors");
  scratch_write (scratch, "model/training/state.safetensors", "", 0);
  assert_refused (&resumed, DDPM_ERROR_FILE, "state.safetensors");
  damage (scratch, "model/training/options.json", 0, "[", G_MAXSIZE);
  assert_refused (&resumed, DDPM_ERROR_FILE, "options.json");
  scratch_write (scratch, "model/training/options.json", "{\"version\": 1}", 14);
  assert_refused (&resumed, DDPM_ERROR_FILE, "\"options\" is missing");
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
  more.pixels = DDPM_PIXELS_RGBA;
  assert_refused (&more, DDPM_ERROR_USAGE, "--pixels");
  more.pixels = DDPM_PIXELS_AUTO;
  more.width = more.height = 9;
  assert_refused (&more, DDPM_ERROR_USAGE, "9x9");
  g_set_object (&more.from, more.pictures);
  assert_refused (&more, DDPM_ERROR_FILE, "pictures");
  g_assert_false (g_file_query_exists (more.output, NULL));
}

/* Stopped before its first checkpoint, a run that began with a model finds that again. */
static void
test_from_resumed (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 };

  make_pictures (scratch, "pictures", 6, 1);
  init_options (&options, scratch, "first");
  assert_trains (&options);
  for (guint round = 0; round < 2; round++)
    {
      g_auto (DdpmTrainOptions) more = { 0 };
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GError) error = NULL;
      g_autoptr (DdpmTrainJob) job = NULL;

      ddpm_train_options_init (&more);
      more.pictures = g_object_ref (options.pictures);
      more.output = scratch_file (scratch, round == 0 ? "whole" : "stopped");
      more.from = g_object_ref (options.output);
      more.steps = 3;
      more.batch = 2;
      more.sample_every = 0;
      job = ddpm_train_job_new (&more, &error);
      g_assert_true (ddpm_train_job_prepare (job, NULL, NULL, NULL, &error));
      if (round == 1)
        g_cancellable_cancel (cancellable);
      g_assert_cmpint (ddpm_train_job_run (job, NULL, NULL, cancellable, &error), ==, round == 0);
    }
  assert_resumes (scratch, "stopped");
  assert_same_run (scratch, "whole", "stopped");
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
  assert_refused (&more, DDPM_ERROR_NUMERIC, "no longer a number at step 1");
  state = ddpm_train_get_state_file (more.output);
  g_assert_false (g_file_query_exists (state, NULL));
}

static void
start_another (const DdpmProgress *progress, gpointer data)
{
  const char *scratch = data;
  g_auto (DdpmTrainOptions) options = { 0 };

  if (progress->phase != DDPM_PHASE_TRAIN || progress->step != 4 || progress->message != NULL)
    return;
  init_resume_options (&options, scratch, "model");
  assert_refused (&options, DDPM_ERROR_USAGE, "Another training is writing");
}

static void
test_two_at_once (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 };
  g_autoptr (GError) error = NULL;

  make_pictures (scratch, "pictures", 3, 1);
  init_options (&options, scratch, "model");
  train (&options, start_another, scratch, NULL, &error);
  g_assert_no_error (error);
}

/* From the first checkpoint on, no file may grow beyond this: the next checkpoint dies, or fails, in its
 * middle. */
#define MOST_BYTES 2000

static void
limit_files (const DdpmProgress *progress, gpointer data)
{
  const struct rlimit limit = { MOST_BYTES, MOST_BYTES };

  if (progress->phase == DDPM_PHASE_TRAIN && progress->step == 4)
    g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
}

/* This program again, as `train-job-test --limited SCRATCH OUTPUT kill|fail`: 0 only if the run was told of
 * the failure. */
static int
train_limited (const char *scratch, const char *output, gboolean fail)
{
  g_auto (DdpmTrainOptions) options = { 0 };
  g_autoptr (GError) error = NULL;
  const struct rlimit no_core = { 0, 0 };

  setrlimit (RLIMIT_CORE, &no_core);
  signal (SIGXFSZ, fail ? SIG_IGN : SIG_DFL);
  init_options (&options, scratch, output);
  if (train (&options, limit_files, NULL, NULL, &error))
    return 1;
  return g_error_matches (error, DDPM_ERROR, DDPM_ERROR_FILE)
             && strstr (error->message, "The checkpoint of step 3 is intact") != NULL
           ? 0
           : 1;
}

static void
run_limited (const char *scratch, const char *output, const char *kind)
{
  const char *const argv[] = { program, "--limited", scratch, output, kind, NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (GSubprocess) process = g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_NONE, &error);

  g_assert_no_error (error);
  g_assert_true (g_subprocess_wait (process, NULL, &error));
  if (g_str_equal (kind, "kill"))
    {
      g_assert_true (g_subprocess_get_if_signaled (process));
      g_assert_cmpint (g_subprocess_get_term_sig (process), ==, SIGXFSZ);
    }
  else
    g_assert_true (g_subprocess_get_successful (process));
}

/* A run that is killed, or runs out of room, while it writes a checkpoint goes on from the one before. */
static void
test_torn_checkpoint (void)
{
  static const char *const kinds[] = { "kill", "fail" };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 };

  make_pictures (scratch, "pictures", 7, 3);
  init_options (&options, scratch, "whole");
  assert_trains (&options);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_auto (DdpmTrainOptions) resumed = { 0 };
      g_autoptr (DdpmTrainJob) job = NULL;
      g_autoptr (GError) error = NULL;
      g_autoptr (GDir) training = NULL;
      g_autofree char *path = g_build_filename (scratch, kinds[i], "training", NULL);
      guint n_files = 0;

      run_limited (scratch, kinds[i], kinds[i]);
      init_resume_options (&resumed, scratch, kinds[i]);
      job = ddpm_train_job_new (&resumed, &error);
      g_assert_true (ddpm_train_job_prepare (job, NULL, NULL, NULL, &error));
      g_assert_cmpuint (ddpm_train_job_get_plan (job)->first_step, ==, 3);
      g_assert_true (ddpm_train_job_run (job, NULL, NULL, NULL, &error));
      g_assert_no_error (error);
      assert_same_run (scratch, "whole", kinds[i]);

      /* and what the torn one left behind is gone */
      training = g_dir_open (path, 0, NULL);
      while (g_dir_read_name (training) != NULL)
        n_files++;
      g_assert_cmpuint (n_files, ==, 2);
    }
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
  program = argv[0];
  if (argc == 5 && g_str_equal (argv[1], "--limited"))
    return train_limited (argv[2], argv[3], g_str_equal (argv[4], "fail"));
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/train-job/train", test_train);
  g_test_add_func ("/train-job/model-is-average", test_model_is_average);
  g_test_add_func ("/train-job/learns", test_learns);
  g_test_add_func ("/train-job/resume", test_resume);
  g_test_add_func ("/train-job/resume-at-the-beginning", test_resume_at_the_beginning);
  g_test_add_func ("/train-job/extend", test_extend);
  g_test_add_func ("/train-job/resume-refused", test_resume_refused);
  g_test_add_func ("/train-job/damaged-state", test_damaged_state);
  g_test_add_func ("/train-job/from", test_from);
  g_test_add_func ("/train-job/from-resumed", test_from_resumed);
  g_test_add_func ("/train-job/bad-options", test_bad_options);
  g_test_add_func ("/train-job/taken", test_taken);
  g_test_add_func ("/train-job/not-a-number", test_not_a_number);
  g_test_add_func ("/train-job/two-at-once", test_two_at_once);
  g_test_add_func ("/train-job/torn-checkpoint", test_torn_checkpoint);
  g_test_add_func ("/train-job/few-pictures", test_few_pictures);
  return g_test_run ();
}
