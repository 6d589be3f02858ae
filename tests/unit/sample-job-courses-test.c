/* Courses of the sampling job's pictures: a ladder of strengths, noise in common, and the estimates on the
 * way to one picture. */
#include "tests/unit/sample-job-common.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "core/base/error.h"

static void
assert_refused (DdpmModel *model, const DdpmSampleOptions *options, const char *word)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (ddpm_sample_job_new (model, options, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_USAGE);
  g_assert_nonnull (strstr (error->message, word));
}

/* Each rung is what a variation of its strength has at its place, down to the input itself. */
static void
test_ladder (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) input = new_image (11, 9, 3);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) ladder = NULL;

  options.task = DDPM_TASK_VARY;
  options.sampler = DDPM_SAMPLER_DDPM;
  options.inputs[0] = input;
  options.count = 4;
  options.seed = 3;
  options.strength = 0;
  options.ladder_to = 0.75;
  options.batch = 4;
  ladder = run_job (model, &options);
  /* timesteps 800, 600, 400, 200, 0 */
  g_assert_cmpuint (ddpm_sample_job_get_total_steps (ladder), ==, 0 + 2 + 3 + 4);
  assert_same_bytes (get_image (ladder, 0), input);
  for (guint i = 0; i < 4; i++)
    {
      g_autoptr (DdpmSampleJob) single = NULL;

      options.ladder_to = -1;
      options.strength = 0.25 * i;
      options.count = i + 1;
      options.batch = 1;
      single = run_job (model, &options);
      assert_same_bytes (get_image (ladder, i), get_image (single, i));
    }
}

/* The spacing that ends far above 0, whose lower rungs have steps of their own; downwards; one rung. */
static void
test_ladder_ends (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) input = new_image (SIZE, SIZE, 3);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) down = NULL, one = NULL, single = NULL;

  model->scheduler.timestep_spacing = DDPM_SPACING_TRAILING;
  options.task = DDPM_TASK_VARY;
  options.inputs[0] = input;
  options.count = 3;
  options.strength = 0.1;
  options.ladder_to = 0;
  down = run_job (model, &options);
  g_assert_cmpuint (ddpm_sample_job_get_total_steps (down), ==, 2 + 2 + 0);
  assert_same_bytes (get_image (down, 2), input);

  options.count = 1;
  options.ladder_to = 0.9;
  one = run_job (model, &options);
  options.ladder_to = -1;
  single = run_job (model, &options);
  assert_same_bytes (get_image (one, 0), get_image (single, 0));

  options.ladder_to = 1.5;
  assert_refused (model, &options, "ladder");
  options.ladder_to = NAN;
  assert_refused (model, &options, "ladder");
}

typedef struct
{
  guint n_common; /* steps whose estimates are the same for all pictures */
} Common;

static void
count_common (const DdpmProgress *progress, gpointer data)
{
  Common *common = data;

  g_assert_cmpuint (progress->n_preview, ==, 3);
  if (get_difference (progress->preview[0], progress->preview[2]) < 1e-5
      && get_difference (progress->preview[0], progress->preview[1]) < 1e-5)
    {
      g_assert_cmpuint (progress->step, ==, common->n_common + 1);
      common->n_common++;
    }
}

/* Timesteps are 950, 900 … 0. The noise of those above t is in common, so the estimate of the first one that
 * is not is too. */
static void
test_shared (void)
{
  static const struct
  {
    double shared;
    guint n_common;
  } cases[] = { { 1, 0 }, { 0.999, 1 }, { 0.5, 10 }, { 0.1, 18 }, { 0.06, 19 }, { 0.04, 20 }, { 0, 20 } };
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) plain = NULL;

  options.sampler = DDPM_SAMPLER_DDPM;
  options.n_steps = 20;
  options.count = 3;
  plain = run_job (model, &options);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (DdpmSampleJob) job = NULL;
      Common common = { 0 };

      options.shared = cases[i].shared;
      job = new_job (model, &options);
      g_assert_true (ddpm_sample_job_run (job, count_common, &common, NULL, NULL));
      g_assert_cmpuint (common.n_common, ==, cases[i].n_common);
      /* the first is the picture that it is alone */
      assert_same_bytes (get_image (job, 0), get_image (plain, 0));
    }

  options.shared = 0.5;
  options.sampler = DDPM_SAMPLER_DDIM;
  assert_refused (model, &options, "adds none");
  options.eta = 1;
  g_clear_object (&plain);
  plain = run_job (model, &options);
  options.shared = -0.1;
  assert_refused (model, &options, "shared");
  options.shared = NAN;
  assert_refused (model, &options, "shared");
}

typedef struct
{
  GPtrArray *previews;
  DdpmSampleJob *job;
  GCancellable *cancellable;
  guint64 stop_at, cancel_at;
} Watch;

static void
keep_preview (const DdpmProgress *progress, gpointer data)
{
  Watch *watch = data;

  g_assert_cmpuint (progress->n_preview, ==, 1);
  g_ptr_array_add (watch->previews, ddpm_image_copy (progress->preview[0]));
  if (progress->step == watch->stop_at)
    ddpm_sample_job_stop_here (watch->job);
  if (progress->step == watch->cancel_at)
    g_cancellable_cancel (watch->cancellable);
}

/* The estimates of steps 0, 3, 6 of 10, and the finished picture. */
static void
test_progressive (void)
{
  static const guint steps[] = { 0, 3, 6, 9 };
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = NULL, sample = NULL;
  g_autoptr (GPtrArray) previews = g_ptr_array_new_with_free_func ((GDestroyNotify) ddpm_image_free);
  Watch watch = { .previews = previews };

  options.sampler = DDPM_SAMPLER_DDPM;
  options.n_steps = 10;
  options.seed = 4;
  sample = new_job (model, &options);
  g_assert_true (ddpm_sample_job_run (sample, keep_preview, &watch, NULL, NULL));
  options.task = DDPM_TASK_PROGRESSIVE;
  options.count = 4;
  options.preview = FALSE;
  job = run_job (model, &options);
  g_assert_cmpuint (ddpm_sample_job_get_total_steps (job), ==, 10);
  for (guint i = 0; i < 4; i++)
    {
      g_autofree char *text = ddpm_sample_job_describe (job, i);
      g_autoptr (JsonNode) node = json_from_string (text, NULL);

      assert_same_bytes (get_image (job, i), previews->pdata[steps[i]]);
      g_assert_cmpint (json_object_get_int_member (json_node_get_object (node), "timestep"), ==,
                       900 - 100 * steps[i]);
    }
  assert_same_bytes (get_image (job, 3), get_image (sample, 0));

  options.count = 11;
  assert_refused (model, &options, "10 steps");
  options.count = 1;
  g_clear_object (&job);
  job = run_job (model, &options);
  assert_same_bytes (get_image (job, 0), get_image (sample, 0));
}

/* Stopped: the estimates so far, and that of the step it stopped after. Cancelled: those so far. */
static void
test_progressive_stop (void)
{
  for (guint cancelled = 0; cancelled < 2; cancelled++)
    {
      g_autoptr (DdpmModel) model = new_model (3, 0);
      DdpmSampleOptions options = new_options (model);
      g_autoptr (DdpmSampleJob) job = NULL;
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GPtrArray) previews = g_ptr_array_new_with_free_func ((GDestroyNotify) ddpm_image_free);
      Watch watch = { .previews = previews, .cancellable = cancellable };
      guint n_images;

      options.task = DDPM_TASK_PROGRESSIVE;
      options.n_steps = 10;
      options.count = 4;
      watch.job = job = new_job (model, &options);
      watch.stop_at = cancelled ? 0 : 6;
      watch.cancel_at = cancelled ? 6 : 0;
      g_assert_cmpint (ddpm_sample_job_run (job, keep_preview, &watch, cancellable, NULL), ==, !cancelled);
      ddpm_sample_job_get_images (job, &n_images);
      g_assert_cmpuint (n_images, ==, cancelled ? 2 : 3);
      assert_same_bytes (get_image (job, 1), previews->pdata[3]);
      if (!cancelled)
        assert_same_bytes (get_image (job, 2), previews->pdata[5]);
    }
}

/* A fill goes through stretches of steps again, with every sampler: also with those that take a step in
 * several evaluations, within which no stretch may end. What it leaves alone stays as it was. */
static void
test_repeats (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) picture = ddpm_image_new (SIZE, SIZE, 3), mask = ddpm_image_new (SIZE, SIZE, 1);

  for (gsize i = 0; i < count_values (picture); i++)
    picture->pixels[i] = (float) (i % 7) / 7;
  for (gsize i = 0; i < count_values (mask) / 2; i++)
    mask->pixels[i] = 1;
  g_free (model->scheduler.class_name);
  model->scheduler.class_name = g_strdup ("PNDMScheduler"); /* with Runge-Kutta steps */
  for (guint kind = 0; kind < DDPM_SAMPLER_N_KINDS; kind++)
    {
      DdpmSampleOptions options = new_options (model);
      g_autoptr (DdpmSampleJob) job = NULL;
      const DdpmImage *image;

      options.task = DDPM_TASK_FILL;
      options.sampler = kind;
      options.inputs[0] = picture;
      options.mask = mask;
      options.n_steps = 17;
      options.resamplings = 2;
      job = run_job (model, &options);
      image = get_image (job, 0);
      for (gsize i = 0; i < count_values (image); i++)
        if (mask->pixels[i / 3] == 0)
          g_assert_cmpfloat (image->pixels[i], ==, picture->pixels[i]);
        else
          g_assert_true (isfinite (image->pixels[i]));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sample-job-courses/ladder", test_ladder);
  g_test_add_func ("/sample-job-courses/ladder-ends", test_ladder_ends);
  g_test_add_func ("/sample-job-courses/shared", test_shared);
  g_test_add_func ("/sample-job-courses/progressive", test_progressive);
  g_test_add_func ("/sample-job-courses/progressive-stop", test_progressive_stop);
  g_test_add_func ("/sample-job-courses/repeats", test_repeats);
  return g_test_run ();
}
