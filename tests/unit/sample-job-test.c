/* The sampling job: what a seed means, cancelling and stopping, and options that are out of range. */
#include "tests/unit/limit.h"
#include "tests/unit/sample-job-common.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "core/base/error.h"
#include "tests/unit/cancel.h"

static void
test_defaults (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSampleOptions options;

  ddpm_sample_options_init (&options, model);
  g_assert_cmpint (options.sampler, ==, DDPM_SAMPLER_DDPM);
  g_assert_cmpuint (options.n_steps, ==, 250);
  g_assert_cmpuint (options.count, ==, 1);

  g_free (model->scheduler.class_name);
  model->scheduler.class_name = g_strdup ("DDIMScheduler");
  ddpm_sample_options_init (&options, model);
  g_assert_cmpint (options.sampler, ==, DDPM_SAMPLER_DDIM);
  g_assert_cmpuint (options.n_steps, ==, 50);

  model->notes.recommended_sampler = g_strdup ("dpmpp-2m");
  model->notes.recommended_steps = 200;
  ddpm_sample_options_init (&options, model);
  g_assert_cmpint (options.sampler, ==, DDPM_SAMPLER_DPMPP_2M);
  g_assert_cmpuint (options.n_steps, ==, 200);

  model->scheduler.num_train_timesteps = 100;
  ddpm_sample_options_init (&options, model);
  g_assert_cmpuint (options.n_steps, ==, 100);
}

static void
test_generate (void)
{
  for (guint n_channels = 1; n_channels <= 4; n_channels++)
    {
      g_autoptr (DdpmModel) model = new_model (n_channels, 0);
      DdpmSampleOptions options = new_options (model);
      g_autoptr (DdpmSampleJob) job = NULL, again = NULL, other = NULL;

      options.count = 3;
      options.seed = 7;
      job = run_job (model, &options);
      again = run_job (model, &options);
      options.seed = 8;
      other = run_job (model, &options);
      for (guint i = 0; i < 3; i++)
        {
          const DdpmImage *image = get_image (job, i);

          g_assert_cmpuint (image->width, ==, SIZE);
          g_assert_cmpuint (image->height, ==, SIZE);
          g_assert_cmpuint (image->n_channels, ==, n_channels);
          for (gsize v = 0; v < count_values (image); v++)
            g_assert_true (image->pixels[v] >= 0 && image->pixels[v] <= 1);
          assert_same_bytes (image, get_image (again, i));
          g_assert_cmpfloat (get_difference (image, get_image (other, i)), >, 0.1);
          g_assert_cmpfloat (get_difference (image, get_image (job, (i + 1) % 3)), >, 0.1);
        }
    }
}

static void
test_size (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = NULL;

  options.width = 12;
  options.height = 6;
  job = run_job (model, &options);
  g_assert_cmpuint (get_image (job, 0)->width, ==, 12);
  g_assert_cmpuint (get_image (job, 0)->height, ==, 6);
}

/* Bytes do not depend on threads, nor on how many pictures are made besides; with another batch the noise is
 * the same. Pictures are large enough for several threads at once, and x_0 kept in a range that a whole
 * picture decides, where the sampler does that. */
static void
test_what_a_seed_means (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);

  model->scheduler.thresholding = TRUE;
  model->scheduler.sample_max_value = 3;
  for (guint kind = 0; kind < DDPM_SAMPLER_N_KINDS; kind++)
    {
      DdpmSampleOptions options = new_options (model);
      g_autoptr (DdpmSampleJob) job = NULL, threaded = NULL, more = NULL, alone = NULL;

      options.sampler = kind;
      options.width = options.height = 4 * SIZE;
      options.eta = 0.5;
      options.seed = DDPM_MAX_SEED;
      options.count = 3;
      options.batch = 2;
      job = run_job (model, &options);
      options.n_threads = 3;
      threaded = run_job (model, &options);
      options.count = 5;
      more = run_job (model, &options);
      options.count = 3;
      options.batch = 1;
      alone = run_job (model, &options);
      for (guint i = 0; i < 3; i++)
        {
          assert_same_bytes (get_image (job, i), get_image (threaded, i));
          assert_same_bytes (get_image (job, i), get_image (more, i));
          g_assert_cmpfloat (get_difference (get_image (job, i), get_image (alone, i)), <, 1e-4);
        }
    }
}

typedef struct
{
  DdpmSampleJob *job;
  GCancellable *cancellable;
  guint64 cancel_at, stop_at, last;
  DdpmImage *preview; /* the first picture of the last preview */
} Watch;

static void
watch_progress (const DdpmProgress *progress, gpointer data)
{
  Watch *watch = data;

  g_assert_cmpint (progress->phase, ==, DDPM_PHASE_SAMPLE);
  g_assert_cmpuint (progress->step, ==, watch->last + 1);
  g_assert_cmpuint (progress->total, ==, ddpm_sample_job_get_total_steps (watch->job));
  g_assert_true (isnan (progress->loss));
  g_assert_cmpuint (progress->n_preview, >, 0);
  g_assert_cmpuint (progress->preview[0]->width, ==, SIZE);
  watch->last = progress->step;
  g_clear_pointer (&watch->preview, ddpm_image_free);
  watch->preview = ddpm_image_copy (progress->preview[0]);
  if (progress->step == watch->cancel_at)
    g_cancellable_cancel (watch->cancellable);
  if (progress->step == watch->stop_at)
    ddpm_sample_job_stop_here (watch->job);
}

static void
test_progress (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = NULL;
  Watch watch = { 0 };

  options.count = 3;
  options.batch = 2;
  watch.job = job = new_job (model, &options);
  g_assert_cmpuint (ddpm_sample_job_get_total_steps (job), ==, 10);
  g_assert_true (ddpm_sample_job_run (job, watch_progress, &watch, NULL, NULL));
  g_assert_cmpuint (watch.last, ==, 10);
  ddpm_image_free (watch.preview);
}

/* The first batch was finished and is kept. */
static void
test_cancel (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (DdpmSampleJob) job = NULL, whole = NULL;
  g_autoptr (GError) error = NULL;
  Watch watch = { .cancellable = cancellable, .cancel_at = 7 };
  guint n_images;

  options.count = 5;
  options.batch = 2;
  whole = run_job (model, &options);
  watch.job = job = new_job (model, &options);
  g_assert_false (ddpm_sample_job_run (job, watch_progress, &watch, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (watch.last, ==, 7);
  ddpm_sample_job_get_images (job, &n_images);
  g_assert_cmpuint (n_images, ==, 2);
  for (guint i = 0; i < 2; i++)
    assert_same_bytes (get_image (job, i), get_image (whole, i));
  ddpm_image_free (watch.preview);
}

typedef struct
{
  GPtrArray *previews; /* of an undisturbed run, or to be filled by it */
  gboolean fill;
} Previews;

static void
compare_preview (const DdpmProgress *progress, gpointer data)
{
  Previews *expected = data;

  if (expected->fill)
    g_ptr_array_add (expected->previews, ddpm_image_copy (progress->preview[0]));
  else
    assert_same_bytes (progress->preview[0], expected->previews->pdata[progress->step - 1]);
}

/* Whenever it comes, also in the middle of a pass: what has been shown and handed over is as in an
 * undisturbed run. */
static void
test_cancel_at_any_time (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) whole = NULL;
  g_autoptr (GPtrArray) previews = g_ptr_array_new_with_free_func ((GDestroyNotify) ddpm_image_free);
  Previews expected = { previews, TRUE };
  gint64 start_us = g_get_monotonic_time (), duration_us;

  options.count = 3;
  options.batch = 1;
  options.n_threads = 2;
  whole = new_job (model, &options);
  g_assert_true (ddpm_sample_job_run (whole, compare_preview, &expected, NULL, NULL));
  duration_us = g_get_monotonic_time () - start_us;
  expected.fill = FALSE;
  for (guint i = 0; i < 60; i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GError) error = NULL;
      g_autoptr (DdpmSampleJob) job = new_job (model, &options);
      Canceller canceller = { cancellable, duration_us * i / 60 };
      GThread *thread = g_thread_new ("cancel", cancel_later, &canceller);
      guint n_images;

      if (ddpm_sample_job_run (job, compare_preview, &expected, cancellable, &error))
        g_assert_no_error (error);
      else
        g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_thread_join (thread);
      ddpm_sample_job_get_images (job, &n_images);
      g_assert_cmpuint (n_images, <=, 3);
      g_assert_true (error != NULL || n_images == 3);
      for (guint k = 0; k < n_images; k++)
        assert_same_bytes (get_image (job, k), get_image (whole, k));
    }
}

/* The estimate that was shown last is what comes out; the second batch is never begun. */
static void
test_stop_here (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = NULL;
  Watch watch = { .stop_at = 3 };
  guint n_images;

  options.count = 4;
  options.batch = 2;
  watch.job = job = new_job (model, &options);
  g_assert_true (ddpm_sample_job_run (job, watch_progress, &watch, NULL, NULL));
  g_assert_cmpuint (watch.last, ==, 3);
  ddpm_sample_job_get_images (job, &n_images);
  g_assert_cmpuint (n_images, ==, 2);
  assert_same_bytes (get_image (job, 0), watch.preview);
  ddpm_image_free (watch.preview);
}

typedef struct
{
  gboolean called, succeeded;
  GError *error;
} AsyncEnd;

static void
on_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  AsyncEnd *end = data;

  end->called = TRUE;
  end->succeeded = ddpm_sample_job_run_finish (DDPM_SAMPLE_JOB (source), result, &end->error);
}

static void
test_async (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSampleOptions options = new_options (model);

  options.count = 3;
  options.batch = 1;
  for (guint cancelled = 0; cancelled < 2; cancelled++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (DdpmSampleJob) job = new_job (model, &options);
      Watch watch = { .job = job, .cancellable = cancellable, .cancel_at = cancelled ? 11 : 0 };
      AsyncEnd end = { 0 };
      guint n_images;

      ddpm_sample_job_run_async (job, watch_progress, &watch, cancellable, on_ready, &end);
      while (!end.called)
        g_main_context_iteration (NULL, TRUE);
      ddpm_sample_job_get_images (job, &n_images);
      g_assert_cmpuint (n_images, ==, cancelled ? 2 : 3);
      g_assert_cmpint (end.succeeded, ==, !cancelled);
      if (cancelled)
        g_assert_error (end.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_clear_error (&end.error);
      ddpm_image_free (watch.preview);
    }
}

static void
test_not_finite (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = NULL;
  g_autoptr (GError) error = NULL;

  model->weights[0] = NAN;
  job = new_job (model, &options);
  g_assert_false (ddpm_sample_job_run (job, NULL, NULL, NULL, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_NUMERIC);
  g_assert_nonnull (strstr (error->message, "tiny"));
}

static void
test_describe (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) input = new_image (SIZE, SIZE, 3);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = NULL;
  g_autofree char *text = NULL;
  g_autoptr (JsonNode) node = NULL;
  JsonObject *object;

  options.task = DDPM_TASK_INTERPOLATE;
  options.count = 3;
  options.seed = 42;
  options.strength = 0.25;
  options.inputs[0] = options.inputs[1] = input;
  job = new_job (model, &options);
  text = ddpm_sample_job_describe (job, 1);
  g_assert_null (strchr (text, '\n'));
  node = json_from_string (text, NULL);
  g_assert_nonnull (node);
  object = json_node_get_object (node);
  g_assert_cmpstr (json_object_get_string_member (object, "task"), ==, "interpolate");
  g_assert_cmpstr (json_object_get_string_member (object, "model"), ==, "tiny");
  g_assert_cmpstr (json_object_get_string_member (object, "sampler"), ==, "ddim");
  g_assert_cmpstr (json_object_get_string_member (object, "version"), ==, DDPM_VERSION);
  g_assert_cmpint (json_object_get_int_member (object, "seed"), ==, 42);
  g_assert_cmpint (json_object_get_int_member (object, "index"), ==, 1);
  g_assert_cmpint (json_object_get_int_member (object, "count"), ==, 3);
  g_assert_cmpint (json_object_get_int_member (object, "steps"), ==, 5);
  g_assert_cmpfloat (json_object_get_double_member (object, "eta"), ==, 0);
  g_assert_cmpfloat (json_object_get_double_member (object, "strength"), ==, 0.25);
  g_assert_cmpfloat (json_object_get_double_member (object, "lambda"), ==, 0.5);
  g_assert_false (json_object_has_member (object, "spacing") || json_object_has_member (object, "sigmas"));
}

static void
test_memory (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSampleOptions options = new_options (model);
  const DdpmPassOptions pass = { 1, SIZE, SIZE, DDPM_PASS_INFERENCE };
  g_autoptr (DdpmSampleJob) one = NULL, many = NULL;

  options.count = 40;
  options.batch = 1;
  one = new_job (model, &options);
  options.batch = 40;
  many = new_job (model, &options);
  g_assert_cmpuint (ddpm_sample_job_predict_bytes (one), >,
                    ddpm_unet_predict_pass_bytes (model->unet, options.n_threads, &pass));
  g_assert_cmpuint (ddpm_sample_job_predict_bytes (many), >, ddpm_sample_job_predict_bytes (one));

  /* Left open, the batch is a small one, smaller where somebody looks on, and batches are about equal. */
  g_clear_object (&many);
  options.batch = 0;
  options.count = 17;
  many = new_job (model, &options);
  g_assert_cmpuint (ddpm_sample_job_get_total_steps (many), ==, 5 * options.n_steps);
  g_clear_object (&many);
  options.preview = FALSE;
  many = new_job (model, &options);
  g_assert_cmpuint (ddpm_sample_job_get_total_steps (many), ==, 2 * options.n_steps);
}

static void
assert_refused (DdpmModel *model, const DdpmSampleOptions *options, int code, const char *word)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (ddpm_sample_job_new (model, options, &error));
  g_assert_error (error, DDPM_ERROR, code);
  g_assert_nonnull (strstr (error->message, word));
}

static void
test_bad_options (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) input = new_image (SIZE, SIZE, 3);
  const DdpmSampleOptions good = new_options (model);
  DdpmSampleOptions options;

  options = good;
  options.count = 0;
  assert_refused (model, &options, DDPM_ERROR_USAGE, "number of pictures");
  options.count = DDPM_MAX_COUNT + 1;
  assert_refused (model, &options, DDPM_ERROR_USAGE, "number of pictures");

  options = good;
  options.seed = DDPM_MAX_SEED + 1u;
  assert_refused (model, &options, DDPM_ERROR_USAGE, "seed");

  options = good;
  options.n_steps = 0;
  assert_refused (model, &options, DDPM_ERROR_USAGE, "steps");
  options.n_steps = 1001;
  assert_refused (model, &options, DDPM_ERROR_USAGE, "steps");

  options = good;
  options.eta = 1.5;
  assert_refused (model, &options, DDPM_ERROR_USAGE, "eta");

  options = good;
  options.width = G_MAXUINT - 1;
  assert_refused (model, &options, DDPM_ERROR_USAGE, "too large");

  options = good;
  options.task = DDPM_TASK_VARY;
  assert_refused (model, &options, DDPM_ERROR_USAGE, "one picture");
  options.inputs[0] = input;
  options.strength = 1.01;
  assert_refused (model, &options, DDPM_ERROR_USAGE, "strength");
  options.strength = NAN;
  assert_refused (model, &options, DDPM_ERROR_USAGE, "strength");
  options.strength = 0;
  options.n_steps = 5000;
  assert_refused (model, &options, DDPM_ERROR_USAGE, "steps");

  options = good;
  options.task = DDPM_TASK_INTERPOLATE;
  options.inputs[0] = input;
  assert_refused (model, &options, DDPM_ERROR_USAGE, "two pictures");
}

static void
test_bad_models (void)
{
  g_autoptr (DdpmModel) model = new_model (5, 0);
  DdpmSampleOptions options = new_options (model);

  assert_refused (model, &options, DDPM_ERROR_UNSUPPORTED, "5 channels");
}

static void
note_preview (const DdpmProgress *progress, gpointer data)
{
  *(guint *) data += progress->n_preview;
}

/* Who does not look at previews does not pay for them. */
static void
test_no_preview (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) with = new_job (model, &options), without = NULL;
  guint n_with = 0, n_without = 0;

  options.preview = FALSE;
  without = new_job (model, &options);
  g_assert_true (ddpm_sample_job_run (with, note_preview, &n_with, NULL, NULL));
  g_assert_true (ddpm_sample_job_run (without, note_preview, &n_without, NULL, NULL));
  g_assert_cmpuint (n_with, ==, options.n_steps);
  g_assert_cmpuint (n_without, ==, 0);
  assert_same_bytes (get_image (with, 0), get_image (without, 0));
  g_assert_cmpuint (ddpm_sample_job_predict_bytes (without), <, ddpm_sample_job_predict_bytes (with));
}

/* A job that would not fit is refused before it begins. */
static void
test_little_memory (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (GError) error = NULL;
  g_autoptr (DdpmSampleJob) job = NULL;

  options.width = options.height = 256;
  options.count = options.batch = 16;
  limit_memory (16 << 20);
  job = ddpm_sample_job_new (model, &options, &error);
  limit_memory (G_MAXUINT64);
  g_assert_null (job);
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_MEMORY);
  g_assert_nonnull (strstr (error->message, "smaller batch"));

  g_clear_error (&error);
  options.batch = 1;
  job = ddpm_sample_job_new (model, &options, &error);
  g_assert_no_error (error);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sample-job/defaults", test_defaults);
  g_test_add_func ("/sample-job/generate", test_generate);
  g_test_add_func ("/sample-job/size", test_size);
  g_test_add_func ("/sample-job/what-a-seed-means", test_what_a_seed_means);
  g_test_add_func ("/sample-job/progress", test_progress);
  g_test_add_func ("/sample-job/cancel", test_cancel);
  g_test_add_func ("/sample-job/cancel-at-any-time", test_cancel_at_any_time);
  g_test_add_func ("/sample-job/stop-here", test_stop_here);
  g_test_add_func ("/sample-job/async", test_async);
  g_test_add_func ("/sample-job/not-finite", test_not_finite);
  g_test_add_func ("/sample-job/describe", test_describe);
  g_test_add_func ("/sample-job/memory", test_memory);
  g_test_add_func ("/sample-job/bad-options", test_bad_options);
  g_test_add_func ("/sample-job/bad-models", test_bad_models);
  g_test_add_func ("/sample-job/no-preview", test_no_preview);
  g_test_add_func ("/sample-job/little-memory", test_little_memory);
  return g_test_run ();
}
