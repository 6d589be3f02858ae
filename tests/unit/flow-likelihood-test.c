/* The probability flow's likelihood on normal data with the exact network, against the density's formula. */
#include "core/diffusion/flow-likelihood.h"

#include "core/base/error.h"
#include "core/base/rng.h"
#include "tests/unit/gaussian.h"

#define N 16

/* Two values with this covariance; and any number of independent ones. */
typedef struct
{
  const DdpmSchedule *schedule;
  DdpmPrediction prediction;
  Gaussian data;
  double correlation; /* of the values 2 k and 2 k + 1 */
  guint n_calls, fails_at;
} Network;

/* alpha_bar at t, on the line between integers in ln sigma, as the sampler's timesteps are. */
static void
get_level (const DdpmSchedule *schedule, double t, double *signal, double *spread)
{
  const guint below = (guint) t, above = MIN (below + 1, schedule->n_timesteps - 1);
  const double low = -0.5 * log (ddpm_schedule_get_snr (schedule, below));
  const double high = -0.5 * log (ddpm_schedule_get_snr (schedule, above));
  const double sigma = exp (low + (t - below) * (high - low));

  *signal = 1 / sqrt (sigma * sigma + 1);
  *spread = sigma * *signal;
}

/* Sums and differences of the pairs are independent, with variances (1 + correlation) and (1 - correlation)
 * times the data's. */
static gboolean
predict (const float *x, float t, float *output, gpointer user_data, GError **error)
{
  Network *network = user_data;
  const Gaussian *data = &network->data;
  double signal, spread;

  if (network->n_calls++ == network->fails_at)
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_NUMERIC, "as asked for");
      return FALSE;
    }
  get_level (network->schedule, t, &signal, &spread);
  for (gsize i = 0; i < N; i += 2)
    {
      const Gaussian sum = { G_SQRT2 * data->mean, data->deviation * sqrt (1 + network->correlation) };
      const Gaussian difference = { 0, data->deviation * sqrt (1 - network->correlation) };
      const double a = gaussian_get_epsilon (&sum, signal, spread, (x[i] + x[i + 1]) / G_SQRT2);
      const double b = gaussian_get_epsilon (&difference, signal, spread, (x[i] - x[i + 1]) / G_SQRT2);
      const double epsilon[] = { (a + b) / G_SQRT2, (a - b) / G_SQRT2 };

      for (guint k = 0; k < 2; k++)
        output[i + k] = (float) (network->prediction == DDPM_PREDICT_V
                                   ? signal * epsilon[k] - spread * (x[i + k] - spread * epsilon[k]) / signal
                                   : epsilon[k]);
    }
  return TRUE;
}

static double
get_normal_nats (double x, double mean, double variance)
{
  return 0.5 * (x - mean) * (x - mean) / variance + 0.5 * log (2 * G_PI * variance);
}

/* What x0[N] takes, with timestep 0's noise. The model takes the latents for standard normal ones, which they
 * are but for what is left of the data; `sigma_most` is their level. */
static double
get_exact_nats (const Network *network, const float *x0, double sigma_most)
{
  const double sigma = 1 / sqrt (ddpm_schedule_get_snr (network->schedule, 0));
  const double signal = 1 / sqrt (1 + sigma_most * sigma_most), spread = sigma_most * signal;
  const double square = network->data.deviation * network->data.deviation;
  double nats = 0;

  for (gsize i = 0; i < N; i += 2)
    for (int sign = -1; sign <= 1; sign += 2)
      {
        const double x = (x0[i] + sign * x0[i + 1]) / G_SQRT2,
                     mean = sign > 0 ? G_SQRT2 * network->data.mean : 0;
        const double variance = square * (1 + sign * network->correlation);
        const double latent_variance = signal * signal * variance + spread * spread;
        const double latent =
          signal * mean + (x - mean) * sqrt (latent_variance / (variance + sigma * sigma));

        nats += get_normal_nats (x, mean, variance + sigma * sigma);
        nats += get_normal_nats (latent, 0, 1) - get_normal_nats (latent, signal * mean, latent_variance);
      }
  return nats;
}

/* Of the picture x0[N], averaged over both kinds of signs for a pair, which makes the trace exact. */
static double
get_nats (Network *network, const DdpmSchedulerConfig *config, guint n_steps, const float *x0)
{
  float signs[2 * N], twice[2 * N];
  double nats[2];
  g_autoptr (GError) error = NULL;
  double sum = 0;

  for (guint i = 0; i < 2 * N; i++)
    {
      twice[i] = x0[i % N];
      signs[i] = i >= N && i % 2 == 1 ? -1 : 1;
    }
  for (guint half = 0; half < 2; half++)
    {
      const DdpmFlowOptions options = { config, n_steps, 1, N, predict, network };

      g_assert_true (ddpm_flow_get_nats (&options, twice + half * N, signs + half * N, &nats[half], &error));
      g_assert_no_error (error);
      sum += nats[half] / 2;
    }
  return sum;
}

static void
test_gaussian (void)
{
  static const double correlations[] = { 0, 0.8 };
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (DdpmSchedule) schedule = NULL;
  float x0[N];

  ddpm_scheduler_config_init (&config);
  schedule = ddpm_schedule_new (&config, NULL);
  ddpm_rng_normal ((DdpmRngKey) { .seed = 2, .purpose = DDPM_RNG_LATENT }, x0, N);
  for (guint i = 0; i < N; i++)
    x0[i] = 0.1f + 0.3f * x0[i];
  for (guint c = 0; c < G_N_ELEMENTS (correlations); c++)
    for (DdpmPrediction prediction = DDPM_PREDICT_EPSILON; prediction <= DDPM_PREDICT_V; prediction += 2)
      {
        Network network = { .schedule = schedule,
                            .prediction = prediction,
                            .data = { 0.1, 0.3 },
                            .correlation = correlations[c],
                            .fails_at = G_MAXUINT };
        const double exact = get_exact_nats (&network, x0, 1 / sqrt (ddpm_schedule_get_snr (schedule, 999)));
        double coarse, fine;

        config.prediction_type = prediction;
        coarse = get_nats (&network, &config, 50, x0) - exact;
        fine = get_nats (&network, &config, 200, x0) - exact;
        g_test_message ("%g nats; off by %g with 50 steps, %g with 200: order %.2f", exact, coarse, fine,
                        log2 (coarse / fine) / 2);
        g_assert_cmpfloat (log2 (coarse / fine) / 2, >, 1.7);
        g_assert_cmpfloat (fabs (fine), <, 5e-3 * N);
        /* with infinitely many it is exact */
        g_assert_cmpfloat (fabs (fine + (fine - coarse) / 15), <, 2e-4 * N);
      }
}

/* Values that are any of 256 bytes alike, spread over their widths, take 8 bits each. */
static void
test_bits (void)
{
  g_assert_cmpfloat_with_epsilon (ddpm_flow_get_bits (5 * log (256 / 127.5), 5), 8, 1e-12);
  g_assert_cmpfloat_with_epsilon (ddpm_flow_get_bits (0, 5), log2 (127.5), 1e-12);
}

static void
test_errors (void)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (DdpmSchedule) schedule = NULL;
  const float x0[N] = { 0 }, signs[N] = { 1 };
  double nats;

  ddpm_scheduler_config_init (&config);
  schedule = ddpm_schedule_new (&config, NULL);
  for (guint call = 0; call < 7; call++)
    {
      Network network = { .schedule = schedule, .data = { 0, 1 }, .fails_at = call };
      const DdpmFlowOptions options = { &config, 5, 1, N, predict, &network };
      g_autoptr (GError) error = NULL;

      g_assert_false (ddpm_flow_get_nats (&options, x0, signs, &nats, &error));
      g_assert_error (error, DDPM_ERROR, DDPM_ERROR_NUMERIC);
    }
  for (guint n_steps = 0; n_steps < 2; n_steps++)
    {
      const DdpmFlowOptions options = { &config, n_steps, 1, N, predict, NULL };
      g_autoptr (GError) error = NULL;

      g_assert_false (ddpm_flow_get_nats (&options, x0, signs, &nats, &error));
      g_assert_error (error, DDPM_ERROR, DDPM_ERROR_USAGE);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/flow-likelihood/gaussian", test_gaussian);
  g_test_add_func ("/flow-likelihood/bits", test_bits);
  g_test_add_func ("/flow-likelihood/errors", test_errors);
  return g_test_run ();
}
