/* Annealed Langevin dynamics on normal data with the exact score (gaussian.h), against formulas. */
#include "tests/unit/gaussian.h"

#include <string.h>

#include "core/base/error.h"
#include "core/base/rng.h"

static const Gaussian data = { 0.3, 0.4 };

static DdpmSampler *
new_sampler (guint n_levels, const DdpmLangevinOptions *langevin, DdpmPrediction prediction)
{
  const DdpmSamplerOptions options = { .kind = DDPM_SAMPLER_LANGEVIN,
                                       .n_steps = n_levels,
                                       .langevin = *langevin };
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (GError) error = NULL;
  DdpmSampler *sampler;

  ddpm_scheduler_config_init (&config);
  config.prediction_type = prediction;
  sampler = ddpm_sampler_new (&options, &config, &error);
  g_assert_no_error (error);
  return sampler;
}

typedef struct
{
  double mean, variance;
} Moments;

/* Of what the sampler makes of one value: a step takes x to a + b x + c noise. */
static Moments
get_moments (const DdpmSampler *sampler, DdpmPrediction prediction)
{
  const float zero = 0, one = 1;
  Moments moments = { 0, 0 };
  guint n_timesteps;
  float start;

  ddpm_sampler_get_timesteps (sampler, &n_timesteps);
  ddpm_sampler_start (sampler, &one, &start, 1);
  moments.variance = (double) start * start;
  for (guint step = 0; step < n_timesteps; step++)
    {
      float x[] = { 0, 1, 0 }, output;
      double slope, noise;

      for (guint i = 0; i < 3; i++)
        {
          const DdpmSamplerPiece piece = {
            .n = 1, .output = &output, .noise = i == 2 ? &one : &zero, .x = &x[i]
          };

          gaussian_predict (&data, sampler, prediction, step, &x[i], &output, 1);
          ddpm_sampler_step (sampler, step, step, &piece);
        }
      slope = (double) x[1] - x[0];
      noise = (double) x[2] - x[0];
      moments.mean = slope * moments.mean + x[0];
      moments.variance = slope * slope * moments.variance + noise * noise;
    }
  return moments;
}

/* The same by Song and Ermon's algorithm 1 as it stands, in y: with variance S = deviation^2 + sigma^2 at a
 * level the score is (mean - y) / S, so that a step of size alpha leaves 1 - alpha / (2 S) of y's distance
 * from the mean, and adds alpha to its variance. */
static Moments
get_expected (guint n_levels, const DdpmLangevinOptions *langevin)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (DdpmSchedule) schedule = NULL;
  const double square = data.deviation * data.deviation;
  double most, least, distance, variance, sigma = 0;

  ddpm_scheduler_config_init (&config);
  schedule = ddpm_schedule_new (&config, NULL);
  most = sqrt ((1 - (double) schedule->alpha_bar[999]) / schedule->alpha_bar[999]);
  least = sqrt ((1 - (double) schedule->alpha_bar[0]) / schedule->alpha_bar[0]);
  distance = -data.mean;
  variance = most * most;
  for (guint level = 0; level < n_levels; level++)
    {
      sigma = n_levels > 1 ? most * pow (least / most, level / (n_levels - 1.0)) : most;
      for (guint i = 0; i < langevin->n_repeats; i++)
        {
          const double alpha = langevin->step_size * sigma * sigma;
          const double rest = 1 - alpha / 2 / (square + sigma * sigma);

          distance *= rest;
          variance = rest * rest * variance + alpha;
        }
    }
  if (langevin->denoises) /* to the expectation of x_0 given y */
    {
      const double rest = square / (square + sigma * sigma);

      distance *= rest;
      variance *= rest * rest;
    }
  return (Moments) { data.mean + distance, variance };
}

static void
test_formula (void)
{
  static const DdpmLangevinOptions cases[] = {
    { 1, 0.2, FALSE }, { 1, 0.2, TRUE }, { 7, 0.05, TRUE }, { 5, 1, FALSE }, { 20, 0.1, TRUE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (guint n_levels = 1; n_levels <= 21; n_levels += 10)
      for (DdpmPrediction prediction = DDPM_PREDICT_EPSILON; prediction <= DDPM_PREDICT_V; prediction++)
        {
          g_autoptr (DdpmSampler) sampler = new_sampler (n_levels, &cases[i], prediction);
          const Moments moments = get_moments (sampler, prediction);
          const Moments expected = get_expected (n_levels, &cases[i]);
          guint n_timesteps;

          ddpm_sampler_get_timesteps (sampler, &n_timesteps);
          g_assert_cmpuint (n_timesteps, ==, n_levels * cases[i].n_repeats + cases[i].denoises);
          g_assert_cmpuint (ddpm_sampler_get_order (sampler), ==, 0);
          g_assert_cmpfloat_with_epsilon (moments.mean, expected.mean, 1e-3);
          g_assert_cmpfloat_with_epsilon (moments.variance, expected.variance,
                                          1e-3 * expected.variance + 1e-6);
        }
}

/* How close n_repeats steps at each level come. The mean is right; the variance stays behind that of the
 * levels as soon as sigma is so small that they hardly move y. In the limit of small steps, with ln sigma
 * falling by h from level to level, dv = -(step_size n_repeats sigma^2 / deviation^2) (v - deviation^2 -
 * sigma^2) a level, which leaves it too large by 2 h / (step_size n_repeats) at last, in parts of
 * deviation^2. Steps that are not small add up to a quarter of their size to that, in parts of it. */
static void
test_convergence (void)
{
  enum
  {
    N_LEVELS = 40
  };
  static const DdpmLangevinOptions cases[] = { { 50, 0.4, TRUE }, { 200, 0.4, TRUE }, { 200, 0.1, TRUE } };
  const double square = data.deviation * data.deviation;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (DdpmSampler) sampler = new_sampler (N_LEVELS, &cases[i], DDPM_PREDICT_EPSILON);
      const DdpmSchedule *schedule = ddpm_sampler_get_schedule (sampler);
      const double range =
        0.5 * log (ddpm_schedule_get_snr (schedule, 0) / ddpm_schedule_get_snr (schedule, 999));
      const double behind = 2 * range / (N_LEVELS - 1) / (cases[i].step_size * cases[i].n_repeats);
      const Moments moments = get_moments (sampler, DDPM_PREDICT_EPSILON);
      const double error = moments.variance / square - 1;

      g_test_message ("%u steps of %g: mean off by %.5f, variance by %.5f; bounds %.5f and %.5f",
                      cases[i].n_repeats, cases[i].step_size, moments.mean - data.mean, error, behind,
                      behind * (1 + cases[i].step_size / 4 + 2 * behind));
      g_assert_cmpfloat_with_epsilon (moments.mean, data.mean, 1e-5);
      g_assert_cmpfloat (error, >, behind);
      g_assert_cmpfloat (error, <, behind * (1 + cases[i].step_size / 4 + 2 * behind));
    }
}

/* Of values that really go through it, with what is expected of so many of them: 4 standard deviations of
 * chance. */
static void
test_samples (void)
{
  enum
  {
    N = 20000,
    N_LEVELS = 15
  };
  const DdpmLangevinOptions langevin = { 10, 0.3, TRUE };
  g_autoptr (DdpmSampler) sampler = new_sampler (N_LEVELS, &langevin, DDPM_PREDICT_EPSILON);
  const Moments expected = get_expected (N_LEVELS, &langevin);
  g_autofree float *x = g_new (float, N), *output = g_new (float, N), *noise = g_new (float, N);
  double mean = 0, variance = 0;
  guint n_timesteps;

  ddpm_sampler_get_timesteps (sampler, &n_timesteps);
  ddpm_rng_normal ((DdpmRngKey) { .seed = 5, .purpose = DDPM_RNG_LATENT }, x, N);
  ddpm_sampler_start (sampler, x, x, N);
  for (guint step = 0; step < n_timesteps; step++)
    {
      gaussian_predict (&data, sampler, DDPM_PREDICT_EPSILON, step, x, output, N);
      g_assert_cmpint (ddpm_sampler_step_needs_noise (sampler, step), ==, step + 1 < n_timesteps);
      ddpm_rng_normal ((DdpmRngKey) { .seed = 5, .purpose = DDPM_RNG_STEP, .step = step }, noise, N);
      ddpm_sampler_step (sampler, step, step,
                         &(DdpmSamplerPiece) { .n = N, .output = output, .noise = noise, .x = x });
    }
  for (gsize i = 0; i < N; i++)
    mean += x[i] / N;
  for (gsize i = 0; i < N; i++)
    variance += (x[i] - mean) * (x[i] - mean) / N;
  g_test_message ("mean %.4f of %.4f, variance %.4f of %.4f", mean, expected.mean, variance,
                  expected.variance);
  g_assert_cmpfloat (fabs (mean - expected.mean), <, 4 * sqrt (expected.variance / N));
  g_assert_cmpfloat (fabs (variance / expected.variance - 1), <, 4 * sqrt (2.0 / N));
}

static void
test_refusals (void)
{
  static const struct
  {
    DdpmLangevinOptions langevin;
    const char *words;
  } cases[] = {
    { { 0, 0.1, TRUE }, "1 to 10000 steps" }, { { 10001, 0.1, TRUE }, "1 to 10000 steps" },
    { { 1, 0, TRUE }, "step size" },          { { 1, -1, TRUE }, "step size" },
    { { 1, 4, TRUE }, "step size" },          { { 1, NAN, TRUE }, "step size" },
    { { 10000, 0.1, TRUE }, "together" },
  };
  g_auto (DdpmSchedulerConfig) config = { 0 };
  DdpmSamplerKind kind;

  ddpm_scheduler_config_init (&config);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const DdpmSamplerOptions options = { .kind = DDPM_SAMPLER_LANGEVIN,
                                           .n_steps = cases[i].langevin.n_repeats == 10000 ? 1001 : 5,
                                           .langevin = cases[i].langevin };
      g_autoptr (GError) error = NULL;

      g_assert_null (ddpm_sampler_new (&options, &config, &error));
      g_assert_error (error, DDPM_ERROR, DDPM_ERROR_USAGE);
      g_assert_nonnull (strstr (error->message, cases[i].words));
    }
  /* not for those who choose one */
  g_assert_false (ddpm_sampler_kind_from_name ("langevin", &kind));
  g_assert_false (g_strv_contains (ddpm_sampler_get_names (), "langevin"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/langevin/formula", test_formula);
  g_test_add_func ("/langevin/convergence", test_convergence);
  g_test_add_func ("/langevin/samples", test_samples);
  g_test_add_func ("/langevin/refusals", test_refusals);
  return g_test_run ();
}
