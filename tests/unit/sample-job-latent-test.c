/* The sampling job's interpolation by latents: the ends lead back, and what lies between goes from one to the
 * other. */
#include "tests/unit/sample-job-common.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "core/job/sample-start.h"

static DdpmSampleOptions
new_latent_options (const DdpmModel *model, const DdpmImage *lower, const DdpmImage *upper)
{
  DdpmSampleOptions options = new_options (model);

  options.task = DDPM_TASK_INTERPOLATE;
  options.interpolation = DDPM_INTERPOLATION_LATENT;
  options.inputs[0] = lower;
  options.inputs[1] = upper;
  return options;
}

static double
get_mean_difference (const DdpmImage *a, const DdpmImage *b)
{
  double sum = 0;

  for (gsize i = 0; i < count_values (a); i++)
    sum += fabs ((double) a->pixels[i] - b->pixels[i]);
  return sum / (double) count_values (a);
}

/* The more steps, the nearer both ends come back. */
static void
test_error (void)
{
  static const guint n_steps[] = { 10, 40, 160 };
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) lower = new_image (SIZE, SIZE, 3), upper = new_image (SIZE, SIZE, 1);
  double last[2] = { INFINITY, INFINITY };

  model->scheduler.clip_sample = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (n_steps); i++)
    {
      DdpmSampleOptions options = new_latent_options (model, lower, upper);
      g_autoptr (DdpmSampleJob) job = NULL;

      options.n_steps = n_steps[i];
      options.strength = 0.2;
      job = new_job (model, &options);
      g_assert_cmpfloat (ddpm_sample_job_get_inversion_error (job, 0), <, 0);
      g_assert_true (ddpm_sample_job_run (job, NULL, NULL, NULL, NULL));
      for (guint end = 0; end < 2; end++)
        {
          const double error = ddpm_sample_job_get_inversion_error (job, end);

          g_test_message ("%u steps, end %u: %.4f", n_steps[i], end, error);
          g_assert_cmpfloat (error, >, 0);
          g_assert_cmpfloat (error, <, last[end]);
          last[end] = error;
        }
    }
  g_assert_cmpfloat (MAX (last[0], last[1]), <, 2);
}

/* Nearly at an end there is that end; pictures go from one to the other. Steps: both ends at once, then three
 * pictures and both ends again. */
static void
test_order (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) lower = new_image (11, 9, 3), upper = new_image (11, 9, 3);
  DdpmSampleOptions options = new_latent_options (model, lower, upper);
  g_autoptr (DdpmSampleJob) job = NULL, many = NULL;
  g_autofree char *text = NULL;
  g_autoptr (JsonNode) node = NULL;
  JsonObject *object;

  for (gsize i = 0; i < count_values (upper); i++)
    upper->pixels[i] = 1 - upper->pixels[i];
  model->scheduler.clip_sample = FALSE;
  options.n_steps = 50;
  options.strength = 0.3;
  options.count = 99;
  options.sampler = DDPM_SAMPLER_DDPM; /* nobody can go back by that one */
  many = run_job (model, &options);
  g_assert_cmpfloat (get_mean_difference (get_image (many, 0), lower), <, 0.03);
  g_assert_cmpfloat (get_mean_difference (get_image (many, 98), upper), <, 0.03);
  for (guint i = 1; i < 99; i++)
    g_assert_cmpfloat (get_mean_difference (get_image (many, i), get_image (many, i - 1)), <, 0.02);

  options.count = 3;
  options.batch = 5;
  job = run_job (model, &options);
  g_assert_cmpuint (ddpm_sample_job_get_total_steps (job), ==, 16 + 16);
  /* a quarter of the way, as number 25 of 99 */
  g_assert_cmpfloat (get_difference (get_image (job, 0), get_image (many, 24)), <, 1e-3);

  text = ddpm_sample_job_describe (job, 1);
  node = json_from_string (text, NULL);
  object = json_node_get_object (node);
  g_assert_cmpstr (json_object_get_string_member (object, "method"), ==, "latent");
  g_assert_cmpstr (json_object_get_string_member (object, "sampler"), ==, "ddim");
  g_assert_cmpfloat (
    json_array_get_double_element (json_object_get_array_member (object, "inversion-error"), 1), ==,
    ddpm_sample_job_get_inversion_error (job, 1));
}

/* Bytes depend neither on threads, nor, but for rounding, on how many are made at once. */
static void
test_batches (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) lower = new_image (SIZE, SIZE, 3), upper = new_image (SIZE, SIZE, 3);
  DdpmSampleOptions options = new_latent_options (model, lower, upper);
  g_autoptr (DdpmSampleJob) job = NULL, threaded = NULL, alone = NULL;

  for (gsize i = 0; i < count_values (upper); i++)
    upper->pixels[i] *= upper->pixels[i];
  options.count = 2;
  options.batch = 3;
  job = run_job (model, &options);
  options.n_threads = 2;
  threaded = run_job (model, &options);
  options.batch = 1;
  alone = run_job (model, &options);
  g_assert_cmpuint (ddpm_sample_job_get_total_steps (alone), ==, 2 * ddpm_sample_job_get_total_steps (job));
  for (guint i = 0; i < 2; i++)
    {
      assert_same_bytes (get_image (job, i), get_image (threaded, i));
      g_assert_cmpfloat (get_difference (get_image (job, i), get_image (alone, i)), <, 1e-3);
      g_assert_cmpfloat_with_epsilon (ddpm_sample_job_get_inversion_error (job, i),
                                      ddpm_sample_job_get_inversion_error (alone, i), 0.1);
    }
}

/* Between two latents there is another one as long as they are; a straight line would lead nearer to 0. */
static void
test_sphere (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) input = new_image (SIZE, SIZE, 3);
  DdpmSampleOptions options = new_latent_options (model, input, input);
  g_autoptr (DdpmSampleJob) job = new_job (model, &options);
  float a[3 * SIZE * SIZE], b[3 * SIZE * SIZE], x[3 * SIZE * SIZE], unused[3 * SIZE * SIZE];
  float *const ends[2] = { a, b };
  double length = 0;

  for (guint i = 0; i < G_N_ELEMENTS (a); i++)
    {
      a[i] = i % 2 == 0 ? 1 : 0;
      b[i] = 1 - a[i];
    }
  ddpm_sample_start_picture (job, ends, 0, x, unused, unused);
  for (guint i = 0; i < G_N_ELEMENTS (x); i++)
    length += x[i] * (double) x[i];
  g_assert_cmpfloat_with_epsilon (length, G_N_ELEMENTS (a) / 2.0, 1e-3);
  /* both ends themselves come after the pictures */
  for (guint end = 0; end < 2; end++)
    {
      ddpm_sample_start_picture (job, ends, 1 + end, x, unused, unused);
      for (guint i = 0; i < G_N_ELEMENTS (x); i++)
        g_assert_cmpfloat_with_epsilon (x[i], ends[end][i], 1e-6);
    }
  /* where there is no angle, as they are */
  memcpy (b, a, sizeof a);
  ddpm_sample_start_picture (job, ends, 0, x, unused, unused);
  for (guint i = 0; i < G_N_ELEMENTS (x); i++)
    g_assert_cmpfloat_with_epsilon (x[i], a[i], 1e-6);
}

/* Strength 0: the plain mixture, and nothing to undo. */
static void
test_strength_0 (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) lower = new_image (SIZE, SIZE, 3), upper = ddpm_image_new (SIZE, SIZE, 3);
  DdpmSampleOptions options = new_latent_options (model, lower, upper);
  g_autoptr (DdpmSampleJob) latent = NULL, noise = NULL;

  options.strength = 0;
  latent = run_job (model, &options);
  options.interpolation = DDPM_INTERPOLATION_NOISE;
  noise = run_job (model, &options);
  assert_same_bytes (get_image (latent, 0), get_image (noise, 0));
  g_assert_cmpfloat (ddpm_sample_job_get_inversion_error (latent, 0), ==, 0);
}

typedef struct
{
  DdpmSampleJob *job;
  guint64 stop_at, last;
} Watch;

static void
stop_at (const DdpmProgress *progress, gpointer data)
{
  Watch *watch = data;

  g_assert_cmpuint (progress->step, ==, ++watch->last);
  g_assert_cmpuint (progress->n_preview, ==, 3);
  if (progress->step == watch->stop_at)
    ddpm_sample_job_stop_here (watch->job);
}

/* On the way there: the plain mixtures, which were shown; on the way back: the estimates. How far the ends
 * are off is not known then. */
static void
test_stop (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) lower = new_image (SIZE, SIZE, 3), upper = ddpm_image_new (SIZE, SIZE, 3);
  DdpmSampleOptions options = new_latent_options (model, lower, upper);
  g_autoptr (DdpmSampleJob) plain = NULL;

  options.count = 3;
  options.strength = 0;
  plain = run_job (model, &options);
  options.strength = 1;
  for (guint at = 2; at < 8; at += 5)
    {
      g_autoptr (DdpmSampleJob) job = new_job (model, &options);
      Watch watch = { job, at, 0 };
      guint n_images;

      g_assert_cmpuint (ddpm_sample_job_get_total_steps (job), ==, 10);
      g_assert_true (ddpm_sample_job_run (job, stop_at, &watch, NULL, NULL));
      g_assert_cmpuint (watch.last, ==, at);
      ddpm_sample_job_get_images (job, &n_images);
      g_assert_cmpuint (n_images, ==, 3);
      g_assert_cmpint (get_difference (get_image (job, 0), get_image (plain, 0)) < 1e-6, ==, at == 2);
      g_assert_cmpfloat (ddpm_sample_job_get_inversion_error (job, 0), <, 0);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sample-job-latent/error", test_error);
  g_test_add_func ("/sample-job-latent/order", test_order);
  g_test_add_func ("/sample-job-latent/batches", test_batches);
  g_test_add_func ("/sample-job-latent/sphere", test_sphere);
  g_test_add_func ("/sample-job-latent/strength-0", test_strength_0);
  g_test_add_func ("/sample-job-latent/stop", test_stop);
  return g_test_run ();
}
