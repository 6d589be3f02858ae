/* The sampling job on pictures of the user's: variations and in-betweens of every size and channel count. */
#include "tests/unit/sample-job-common.h"

static DdpmImage *
new_plain_image (float value)
{
  DdpmImage *image = ddpm_image_new (SIZE, SIZE, 3);

  for (gsize i = 0; i < count_values (image); i++)
    image->pixels[i] = value;
  return image;
}

static double
get_mean (const DdpmImage *image)
{
  double sum = 0;

  for (gsize i = 0; i < count_values (image); i++)
    sum += image->pixels[i];
  return sum / (double) count_values (image);
}

static void
test_strength_0 (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) input = new_image (13, 5, 4);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = NULL;

  options.task = DDPM_TASK_VARY;
  options.strength = 0;
  options.count = 2;
  options.inputs[0] = input;
  job = run_job (model, &options);
  assert_same_bytes (get_image (job, 0), input);
  assert_same_bytes (get_image (job, 1), input);
  g_assert_cmpuint (ddpm_sample_job_get_total_steps (job), ==, 0);
}

/* Any channel count into any model: the input's size, the model's channels, the input's alpha where the model
 * has none. */
static void
test_vary_channels (void)
{
  for (guint n_channels = 1; n_channels <= 4; n_channels++)
    {
      g_autoptr (DdpmModel) model = new_model (n_channels, 0);
      const gboolean has_alpha = n_channels == 2 || n_channels == 4;

      model->notes.premultiplied = has_alpha;
      for (guint input_channels = 1; input_channels <= 4; input_channels++)
        {
          g_autoptr (DdpmImage) input = new_image (11, 9, input_channels);
          const gboolean input_alpha = input_channels == 2 || input_channels == 4;
          DdpmSampleOptions options = new_options (model);
          g_autoptr (DdpmSampleJob) job = NULL;
          const DdpmImage *image;

          options.task = DDPM_TASK_VARY;
          options.inputs[0] = input;
          job = run_job (model, &options);
          image = get_image (job, 0);
          g_assert_cmpuint (image->width, ==, 11);
          g_assert_cmpuint (image->height, ==, 9);
          g_assert_cmpuint (image->n_channels, ==, n_channels + (input_alpha && !has_alpha));
          if (input_alpha && !has_alpha)
            for (guint i = 0; i < 11 * 9; i++)
              g_assert_cmpfloat (image->pixels[i * image->n_channels + image->n_channels - 1], ==,
                                 input->pixels[i * input_channels + input_channels - 1]);
        }
    }
}

/* Layers of high dynamic range, or of numbers that are none, are varied as what can be shown of them. */
static void
test_vary_out_of_range (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) wild = new_image (SIZE, SIZE, 3), tame = new_image (SIZE, SIZE, 3);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) from_wild = NULL, from_tame = NULL;

  wild->pixels[0] = 50;
  tame->pixels[0] = 1;
  wild->pixels[1] = -3;
  tame->pixels[1] = 0;
  wild->pixels[2] = NAN;
  tame->pixels[2] = 0.5f;
  options.task = DDPM_TASK_VARY;
  options.strength = 0.3;
  options.inputs[0] = wild;
  from_wild = run_job (model, &options);
  options.inputs[0] = tame;
  from_tame = run_job (model, &options);
  g_assert_cmpfloat (get_difference (get_image (from_wild, 0), get_image (from_tame, 0)), ==, 0);
}

/* The more strength, the further from the input. */
static void
test_vary_strength (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) input = new_image (SIZE, SIZE, 3);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) weak = NULL, strong = NULL;

  options.task = DDPM_TASK_VARY;
  options.n_steps = 100;
  options.count = 2;
  options.inputs[0] = input;
  options.strength = 0.02;
  weak = run_job (model, &options);
  options.strength = 1;
  strong = run_job (model, &options);
  g_assert_cmpuint (ddpm_sample_job_get_total_steps (weak), ==, 3);
  g_assert_cmpuint (ddpm_sample_job_get_total_steps (strong), ==, 100);
  for (guint i = 0; i < 2; i++)
    {
      g_assert_cmpfloat (get_difference (input, get_image (weak, i)), >, 0);
      g_assert_cmpfloat (get_difference (input, get_image (weak, i)), <, 0.3);
      g_assert_cmpfloat (get_difference (input, get_image (strong, i)), >, 0.4);
    }
  g_assert_cmpfloat (get_difference (get_image (weak, 0), get_image (weak, 1)), >, 0);
}

/* A spacing that ends far above t0 still denoises what was noised, down to 0. */
static void
test_vary_below_last_timestep (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) input = new_image (SIZE, SIZE, 3);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = NULL;

  model->scheduler.timestep_spacing = DDPM_SPACING_TRAILING;
  options.task = DDPM_TASK_VARY;
  options.inputs[0] = input;
  options.strength = 0.05;
  job = run_job (model, &options);
  g_assert_cmpuint (ddpm_sample_job_get_total_steps (job), ==, 2);
}

/* From the lower to the upper, ends not repeated. */
static void
test_interpolate_order (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) lower = new_plain_image (0.2f), upper = new_plain_image (0.8f);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) plain = NULL, job = NULL;

  options.task = DDPM_TASK_INTERPOLATE;
  options.count = 3;
  options.n_steps = 100;
  options.inputs[0] = lower;
  options.inputs[1] = upper;
  options.strength = 0;
  plain = run_job (model, &options);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (DdpmImage) mixture = new_plain_image (0.2f + 0.6f * (float) (i + 1) / 4);

      g_assert_cmpfloat (get_difference (get_image (plain, i), mixture), <, 1e-6);
    }

  options.strength = 0.02;
  job = run_job (model, &options);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpfloat_with_epsilon (get_mean (get_image (job, i)), get_mean (get_image (plain, i)), 0.05);
}

/* Both ends and all in-betweens share one noise: between a picture and itself there is one and the same
 * picture. */
static void
test_interpolate_noise (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) input = new_image (SIZE, SIZE, 3);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = NULL, vary = NULL;

  options.task = DDPM_TASK_INTERPOLATE;
  options.sampler = DDPM_SAMPLER_DDPM;
  options.count = 3;
  options.batch = 2;
  options.inputs[0] = options.inputs[1] = input;
  job = run_job (model, &options);
  for (guint i = 1; i < 3; i++)
    g_assert_cmpfloat (get_difference (get_image (job, 0), get_image (job, i)), <, 1e-4);

  /* and it is the first variation with that seed */
  options.task = DDPM_TASK_VARY;
  vary = run_job (model, &options);
  g_assert_cmpfloat (get_difference (get_image (job, 0), get_image (vary, 0)), <, 1e-4);
  g_assert_cmpfloat (get_difference (get_image (vary, 1), get_image (vary, 0)), >, 0.01);
}

static void
test_interpolate_kinds (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) lower = new_image (10, 6, 4), upper = new_image (7, 9, 1);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = NULL;
  const DdpmImage *image;

  options.task = DDPM_TASK_INTERPOLATE;
  options.inputs[0] = lower;
  options.inputs[1] = upper;
  job = run_job (model, &options);
  image = get_image (job, 0);
  g_assert_cmpuint (image->width, ==, 10);
  g_assert_cmpuint (image->height, ==, 6);
  g_assert_cmpuint (image->n_channels, ==, 4);
  /* half of the lower's alpha, half of the upper's, which is opaque */
  g_assert_cmpfloat_with_epsilon (image->pixels[3], 0.5, 1e-6);
  g_assert_cmpfloat_with_epsilon (image->pixels[count_values (image) - 1], 1, 1e-6);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sample-job-inputs/strength-0", test_strength_0);
  g_test_add_func ("/sample-job-inputs/vary-channels", test_vary_channels);
  g_test_add_func ("/sample-job-inputs/vary-out-of-range", test_vary_out_of_range);
  g_test_add_func ("/sample-job-inputs/vary-strength", test_vary_strength);
  g_test_add_func ("/sample-job-inputs/vary-below-last-timestep", test_vary_below_last_timestep);
  g_test_add_func ("/sample-job-inputs/interpolate-order", test_interpolate_order);
  g_test_add_func ("/sample-job-inputs/interpolate-noise", test_interpolate_noise);
  g_test_add_func ("/sample-job-inputs/interpolate-kinds", test_interpolate_kinds);
  return g_test_run ();
}
