/* Schedules: the tables' laws, closed forms against each other, and numbers no schedule can have.
 * (That the tables are diffusers' own, float for float, is the golden suite's business.) */
#include "core/diffusion/schedule.h"

#include <math.h>

#include "core/base/error.h"
#include "core/base/rng.h"

static DdpmSchedule *
new_schedule (DdpmBetaSchedule kind, gboolean zero_snr)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (GError) error = NULL;
  DdpmSchedule *schedule;

  ddpm_scheduler_config_init (&config);
  config.beta_schedule = kind;
  config.rescale_betas_zero_snr = zero_snr;
  schedule = ddpm_schedule_new (&config, &error);
  g_assert_no_error (error);
  return schedule;
}

static void
test_tables (void)
{
  for (guint kind = DDPM_BETAS_LINEAR; kind < DDPM_BETAS_TRAINED; kind++)
    for (guint zero_snr = 0; zero_snr < 2; zero_snr++)
      {
        g_autoptr (DdpmSchedule) schedule = new_schedule (kind, zero_snr);
        double product = 1;

        g_assert_cmpuint (schedule->n_timesteps, ==, 1000);
        for (guint t = 0; t < 1000; t++)
          {
            g_assert_cmpfloat (schedule->betas[t], >, 0);
            g_assert_cmpfloat (schedule->betas[t], <=, 1);
            product *= 1.0 - schedule->betas[t];
            g_assert_cmpfloat_with_epsilon (schedule->alpha_bar[t], product, 1e-6);
            if (t > 0)
              {
                g_assert_cmpfloat (schedule->alpha_bar[t], <, schedule->alpha_bar[t - 1]);
                g_assert_cmpfloat (ddpm_schedule_get_snr (schedule, t), <,
                                   ddpm_schedule_get_snr (schedule, t - 1));
              }
          }
        if (zero_snr)
          g_assert_cmpfloat (schedule->alpha_bar[999], ==, 0);
        else
          g_assert_cmpfloat (schedule->alpha_bar[999], >, 0);
      }
}

/* Ho et al. 2020: linear betas from 1e-4 to 0.02 leave 4e-5 of the picture's variance. */
static void
test_linear (void)
{
  g_autoptr (DdpmSchedule) schedule = new_schedule (DDPM_BETAS_LINEAR, FALSE);

  g_assert_cmpfloat (schedule->betas[0], ==, 1e-4f);
  g_assert_cmpfloat (schedule->betas[999], ==, 0.02f);
  g_assert_cmpfloat_with_epsilon (schedule->alpha_bar[999], 4.0358e-5, 1e-8);
  g_assert_cmpfloat_with_epsilon (ddpm_schedule_get_snr (schedule, 0), 9999, 5);
}

static void
test_trained_betas (void)
{
  const float betas[] = { 0.1f, 0.5f, 0.25f };
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (DdpmSchedule) schedule = NULL;

  ddpm_scheduler_config_init (&config);
  config.num_train_timesteps = 3;
  config.beta_schedule = DDPM_BETAS_TRAINED;
  config.trained_betas = g_memdup2 (betas, sizeof betas);
  schedule = ddpm_schedule_new (&config, NULL);
  g_assert_nonnull (schedule);
  g_assert_cmpfloat_with_epsilon (schedule->alpha_bar[2], 0.9 * 0.5 * 0.75, 1e-7);
}

/* The posterior is what Bayes' rule makes of q (x_t | x_(t-1)) and q (x_(t-1) | x_0), both Gaussian. */
static void
test_posterior (void)
{
  g_autoptr (DdpmSchedule) schedule = new_schedule (DDPM_BETAS_SQUAREDCOS_CAP_V2, FALSE);
  double coef_x0, coef_xt, variance;

  for (guint t = 1; t < 1000; t += 37)
    {
      const double beta = schedule->betas[t], before = schedule->alpha_bar[t - 1];
      const double precision = (1 - beta) / beta + 1 / (1 - before);

      ddpm_schedule_get_posterior (schedule, t, &coef_x0, &coef_xt, &variance);
      g_assert_cmpfloat_with_epsilon (variance * precision, 1, 1e-3);
      g_assert_cmpfloat_with_epsilon (coef_xt / (variance * sqrt (1 - beta) / beta), 1, 1e-3);
      g_assert_cmpfloat_with_epsilon (coef_x0 / (variance * sqrt (before) / (1 - before)), 1, 1e-3);
    }
  ddpm_schedule_get_posterior (schedule, 0, &coef_x0, &coef_xt, &variance);
  g_assert_cmpfloat (variance, ==, 0);
  g_assert_cmpfloat (coef_xt, ==, 0);
  g_assert_cmpfloat_with_epsilon (coef_x0, 1, 2e-3);
}

/* Noised data of unit variance keep it, and x0 comes back from x_t and v. */
static void
test_noising (void)
{
  enum
  {
    N = 20000
  };
  g_autoptr (DdpmSchedule) schedule = new_schedule (DDPM_BETAS_LINEAR, FALSE);
  g_autofree float *x0 = g_new (float, N), *noise = g_new (float, N), *x = g_new (float, N),
                   *v = g_new (float, N);

  ddpm_rng_normal ((DdpmRngKey) { .seed = 1, .purpose = DDPM_RNG_LATENT }, x0, N);
  ddpm_rng_normal ((DdpmRngKey) { .seed = 2, .purpose = DDPM_RNG_LATENT }, noise, N);
  for (guint t = 0; t < 1000; t += 333)
    {
      const double signal = sqrt (schedule->alpha_bar[t]), spread = sqrt (1 - schedule->alpha_bar[t]);
      double square = 0;

      ddpm_schedule_add_noise (schedule, t, x0, noise, x, N);
      ddpm_schedule_get_velocity (schedule, t, x0, noise, v, N);
      for (guint i = 0; i < N; i++)
        {
          square += (double) x[i] * x[i] / N;
          g_assert_cmpfloat_with_epsilon (signal * x[i] - spread * v[i], x0[i], 1e-5);
        }
      g_assert_cmpfloat_with_epsilon (square, 1, 0.05);
    }
}

static void
test_strength (void)
{
  g_autoptr (DdpmSchedule) schedule = new_schedule (DDPM_BETAS_LINEAR, FALSE);

  g_assert_cmpuint (ddpm_schedule_timestep_of_strength (schedule, 0), ==, 0);
  g_assert_cmpuint (ddpm_schedule_timestep_of_strength (schedule, 0.25), ==, 250);
  g_assert_cmpuint (ddpm_schedule_timestep_of_strength (schedule, 0.5), ==, 500);
  g_assert_cmpuint (ddpm_schedule_timestep_of_strength (schedule, 1), ==, 999);
}

static void
assert_refused (const DdpmSchedulerConfig *config, const char *word)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (ddpm_schedule_new (config, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_USAGE);
  g_assert_nonnull (strstr (error->message, word));
}

static void
test_bad_numbers (void)
{
  g_auto (DdpmSchedulerConfig) good = { 0 };
  DdpmSchedulerConfig config;
  float betas[] = { 0.1f, 1.5f, NAN };

  ddpm_scheduler_config_init (&good);

  config = good;
  config.num_train_timesteps = 0;
  assert_refused (&config, "num_train_timesteps");
  config.num_train_timesteps = G_MAXUINT;
  assert_refused (&config, "num_train_timesteps");

  config = good;
  config.beta_start = -1e-4;
  assert_refused (&config, "beta_start");
  config.beta_start = NAN;
  assert_refused (&config, "beta_start");
  config.beta_start = 0;
  assert_refused (&config, "no noise");

  config = good;
  config.beta_end = 1.0001;
  assert_refused (&config, "beta_end");
  config.beta_end = 1;
  config.num_train_timesteps = 100000;
  assert_refused (&config, "nothing of the picture");

  config = good;
  config.beta_schedule = DDPM_BETAS_TRAINED;
  assert_refused (&config, "trained_betas");
  config.trained_betas = betas;
  config.num_train_timesteps = 2;
  assert_refused (&config, "beta number 1");
  betas[1] = NAN;
  assert_refused (&config, "beta number 1");

  config = good;
  config.rescale_betas_zero_snr = TRUE;
  config.num_train_timesteps = 1;
  assert_refused (&config, "rescale_betas_zero_snr");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/schedule/tables", test_tables);
  g_test_add_func ("/schedule/linear", test_linear);
  g_test_add_func ("/schedule/trained-betas", test_trained_betas);
  g_test_add_func ("/schedule/posterior", test_posterior);
  g_test_add_func ("/schedule/noising", test_noising);
  g_test_add_func ("/schedule/strength", test_strength);
  g_test_add_func ("/schedule/bad-numbers", test_bad_numbers);
  return g_test_run ();
}
