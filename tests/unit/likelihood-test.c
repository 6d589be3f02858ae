/* The bound's terms against what is known of them in closed form, or by numeric integration. */
#include "core/diffusion/likelihood.h"

#include <math.h>

#include "core/base/rng.h"
#include "tests/schedule-common.h"

/* The probabilities of all 256 values are 1 together, wherever the mean is and however wide the Gaussian. */
static void
test_decoder_sums_to_one (void)
{
  static const double means[] = { 0, 0.3, -0.9999, 1, 1.7, -40 };
  static const double log_variances[] = { -12, -9, -4, 0, 5 };

  for (guint m = 0; m < G_N_ELEMENTS (means); m++)
    for (guint v = 0; v < G_N_ELEMENTS (log_variances); v++)
      {
        double sum = 0;

        for (guint value = 0; value < 256; value++)
          sum +=
            exp (-ddpm_likelihood_decode (2 * value / 255.0 - 1, means[m], log_variances[v], NULL, NULL));
        g_assert_cmpfloat_with_epsilon (sum, 1, 1e-9);
      }
}

/* -log of the probability of the bin about x0, with long doubles, which reach further than doubles do. */
static long double
decode_slowly (double x0, double mean, double log_variance)
{
  const long double sigma = expl (0.5L * log_variance), half = 1 / 255.0L;
  const long double a = (x0 - half - mean) / sigma / sqrtl (2), b = (x0 + half - mean) / sigma / sqrtl (2);

  if (x0 < -0.999)
    return -logl (0.5L * erfcl (-b));
  if (x0 > 0.999)
    return -logl (0.5L * erfcl (a));
  return -logl (a > 0 ? 0.5L * (erfcl (a) - erfcl (b)) : 0.5L * (erfcl (-b) - erfcl (-a)));
}

/* From the middle to 100 standard deviations off, on both sides and at both ends. */
static void
test_decoder (void)
{
  static const double log_variances[] = { -9.8, -7, -3 };
  static const guint8 values[] = { 0, 1, 100, 254, 255 };

  for (guint v = 0; v < G_N_ELEMENTS (log_variances); v++)
    for (guint k = 0; k < G_N_ELEMENTS (values); k++)
      for (int off = -100; off <= 100; off += 5)
        {
          const double x0 = 2 * values[k] / 255.0 - 1;
          const double mean = x0 + (off + 0.3) * exp (0.5 * log_variances[v]);
          const double h = 1e-6;
          double slope_mean, slope_log_variance, difference;
          const double nats =
            ddpm_likelihood_decode (x0, mean, log_variances[v], &slope_mean, &slope_log_variance);

          g_assert_cmpfloat (fabs (nats - (double) decode_slowly (x0, mean, log_variances[v])), <=,
                             1e-8 * (1 + nats));
          difference = (double) (decode_slowly (x0, mean + h, log_variances[v])
                                 - decode_slowly (x0, mean - h, log_variances[v]))
                       / (2 * h);
          g_assert_cmpfloat (fabs (slope_mean - difference), <=, 1e-5 * (1 + fabs (difference)));
          difference = (double) (decode_slowly (x0, mean, log_variances[v] + h)
                                 - decode_slowly (x0, mean, log_variances[v] - h))
                       / (2 * h);
          g_assert_cmpfloat (fabs (slope_log_variance - difference), <=, 1e-5 * (1 + fabs (difference)));
        }
}

/* Where the bin is so narrow that only its density counts. */
static void
test_decoder_wide (void)
{
  const double log_variance = 24, half = 1 / 255.0;
  const double expected = 0.5 * log (2 * G_PI) + 0.5 * log_variance - log (2 * half);

  g_assert_cmpfloat_with_epsilon (ddpm_likelihood_decode (0.1, 0.2, log_variance, NULL, NULL), expected,
                                  1e-7);
}

static double
get_density (double x, double mean, double log_variance)
{
  return exp (-0.5 * (x - mean) * (x - mean) * exp (-log_variance) - 0.5 * log_variance
              - 0.5 * log (2 * G_PI));
}

static void
test_kl (void)
{
  static const double cases[][4] = {
    { 0, 0, 0, 0 },
    { 0.3, -1, -0.2, 0.5 },
    { 1, -4, 1.05, -3.5 },
    { -2, 1, 0, 0 },
  };

  for (guint c = 0; c < G_N_ELEMENTS (cases); c++)
    {
      const double mean = cases[c][0], log_variance = cases[c][1], sigma = exp (0.5 * log_variance);
      const guint n = 40000;
      double sum = 0;

      for (guint i = 0; i < n; i++)
        {
          const double x = mean + sigma * (20 * (i + 0.5) / n - 10);
          const double p = get_density (x, mean, log_variance);

          sum += p * log (p / get_density (x, cases[c][2], cases[c][3])) * sigma * 20 / n;
        }
      g_assert_cmpfloat_with_epsilon (ddpm_likelihood_get_kl (mean, log_variance, cases[c][2], cases[c][3]),
                                      sum, 1e-9);
    }
}

static void
test_prior (void)
{
  const float x0[] = { -1, 0.25f, 1 };
  g_autoptr (DdpmSchedule) schedule = new_schedule (10, 0.05, 0.3);
  const double a = schedule->alpha_bar[9];
  double expected = 0;

  for (guint i = 0; i < 3; i++)
    expected += 0.5 * (a * x0[i] * x0[i] + (1 - a) - 1 - log (1 - a));
  g_assert_cmpfloat_with_epsilon (ddpm_likelihood_get_prior (schedule, x0, 3), expected, 1e-12);
}

/* output[n]: what a network of this kind says that takes estimate[n] for x_0. */
static void
say (const DdpmSchedule *schedule, DdpmPrediction prediction, guint t, const double *estimate,
     const float *x_t, float *output, gsize n)
{
  const double signal = sqrt (schedule->alpha_bar[t]), spread = sqrt (1 - (double) schedule->alpha_bar[t]);
  double coef_x0, coef_xt, variance;

  ddpm_schedule_get_posterior (schedule, t, &coef_x0, &coef_xt, &variance);
  for (gsize i = 0; i < n; i++)
    {
      const double epsilon = (x_t[i] - signal * estimate[i]) / spread;

      output[i] = (float) (prediction == DDPM_PREDICT_EPSILON  ? epsilon
                           : prediction == DDPM_PREDICT_SAMPLE ? estimate[i]
                           : prediction == DDPM_PREDICT_V      ? signal * epsilon - spread * estimate[i]
                                                               : coef_x0 * estimate[i] + coef_xt * x_t[i]);
    }
}

/* Whatever a network predicts: the same x_0 is the same step back. And a clipped one is clipped. */
static void
test_predictions_agree (void)
{
  enum
  {
    N = 64
  };
  static const guint timesteps[] = { 0, 1, 300, 999 };
  g_autoptr (DdpmSchedule) schedule = new_schedule (1000, 1e-4, 0.02);
  float x0[N], noise[N], x_t[N], output[N];
  double estimate[N];

  ddpm_rng_normal ((DdpmRngKey) { .seed = 1, .purpose = DDPM_RNG_LATENT }, noise, N);
  for (guint k = 0; k < G_N_ELEMENTS (timesteps); k++)
    for (guint clip = 0; clip < 2; clip++)
      {
        const guint t = timesteps[k];
        double terms[4];

        for (guint i = 0; i < N; i++)
          {
            x0[i] = (float) (2 * (4 * i) / 255.0 - 1);
            estimate[i] = x0[i] + 0.02 * sin (i);
          }
        ddpm_schedule_add_noise (schedule, t, x0, noise, x_t, N);
        for (guint p = DDPM_PREDICT_EPSILON; p <= DDPM_PREDICT_MU; p++)
          {
            DdpmReverse reverse;

            say (schedule, p, t, estimate, x_t, output, N);
            ddpm_reverse_init (&reverse, schedule, p, DDPM_VARIANCE_FIXED_LARGE, t);
            terms[p] = ddpm_likelihood_get_term (&reverse, x0, x_t, output, N, clip ? 0.5 : INFINITY);
            g_assert_cmpfloat (fabs (terms[p] - terms[0]), <=, 2e-4 * fabs (terms[0]) + 1e-6);
          }
        if (clip)
          {
            DdpmReverse reverse;

            for (guint i = 0; i < N; i++)
              estimate[i] = CLAMP (estimate[i], -0.5, 0.5);
            say (schedule, DDPM_PREDICT_SAMPLE, t, estimate, x_t, output, N);
            ddpm_reverse_init (&reverse, schedule, DDPM_PREDICT_SAMPLE, DDPM_VARIANCE_FIXED_LARGE, t);
            g_assert_cmpfloat_with_epsilon (ddpm_likelihood_get_term (&reverse, x0, x_t, output, N, INFINITY),
                                            terms[DDPM_PREDICT_SAMPLE], 1e-6 * fabs (terms[0]));
          }
      }
}

/* A learned variance lies between the fixed ones. */
static void
test_learned_range (void)
{
  g_autoptr (DdpmSchedule) schedule = new_schedule (1000, 1e-4, 0.02);

  for (guint t = 0; t < 1000; t += 37)
    {
      DdpmReverse small, large, learned, direct;

      ddpm_reverse_init (&small, schedule, DDPM_PREDICT_V, DDPM_VARIANCE_FIXED_SMALL, t);
      ddpm_reverse_init (&large, schedule, DDPM_PREDICT_V, DDPM_VARIANCE_FIXED_LARGE, t);
      ddpm_reverse_init (&learned, schedule, DDPM_PREDICT_V, DDPM_VARIANCE_LEARNED_RANGE, t);
      ddpm_reverse_init (&direct, schedule, DDPM_PREDICT_V, DDPM_VARIANCE_LEARNED, t);
      g_assert_true (learned.learned && !small.learned);
      g_assert_cmpfloat_with_epsilon (ddpm_reverse_get_log_variance (&learned, -1),
                                      ddpm_reverse_get_log_variance (&small, 0), 1e-12);
      g_assert_cmpfloat_with_epsilon (ddpm_reverse_get_log_variance (&learned, 1), log (schedule->betas[t]),
                                      1e-12);
      if (t > 0)
        g_assert_cmpfloat_with_epsilon (ddpm_reverse_get_log_variance (&large, 0), log (schedule->betas[t]),
                                        1e-12);
      else /* as Ho et al. did */
        g_assert_cmpfloat (ddpm_reverse_get_log_variance (&large, 0), ==,
                           ddpm_reverse_get_log_variance (&small, 0));
      g_assert_cmpfloat_with_epsilon (ddpm_reverse_get_log_variance (&direct, 0.04), log (0.04), 1e-12);
      g_assert_true (isfinite (ddpm_reverse_get_log_variance (&direct, -1)));
      g_assert_true (isnan (ddpm_reverse_get_log_variance (&direct, NAN)));
    }
}

/* For data ~ N (m, s^2) the true steps back are Gaussians. A network that knows them reaches the bound: all
 * terms together are the data's entropy, and what x_T lacks of pure noise. */
static void
test_gaussian_data (void)
{
  enum
  {
    N = 40000,
    T = 12
  };
  const double m = 0.1, s = 0.25;
  g_autoptr (DdpmSchedule) schedule = new_schedule (T, 0.05, 0.4);
  const double a_T = schedule->alpha_bar[T - 1], variance_T = a_T * s * s + 1 - a_T;
  const double entropy = 0.5 * log (2 * G_PI * G_E * s * s) + log (127.5);
  const double mismatch = ddpm_likelihood_get_kl (sqrt (a_T) * m, log (variance_T), 0, 0);
  g_autofree float *x0 = g_new (float, N), *noise = g_new (float, N), *x_t = g_new (float, N);
  g_autofree float *output = g_new (float, 2 * N);
  double sum;

  ddpm_rng_normal ((DdpmRngKey) { .seed = 2, .purpose = DDPM_RNG_LATENT }, x0, N);
  for (guint i = 0; i < N; i++) /* one of the 256 values; the outermost are 3.6 standard deviations away */
    x0[i] = (float) (2 * CLAMP (rint ((m + s * x0[i] + 1) * 127.5), 0, 255) / 255 - 1);
  sum = ddpm_likelihood_get_prior (schedule, x0, N);
  for (guint t = 0; t < T; t++)
    {
      const double a = schedule->alpha_bar[t], signal = sqrt (a), total = a * s * s + 1 - a;
      const double left = s * s * (1 - a) / total; /* variance of x_0 given x_t */
      double coef_x0, coef_xt, variance;
      DdpmReverse reverse;

      ddpm_schedule_get_posterior (schedule, t, &coef_x0, &coef_xt, &variance);
      ddpm_rng_normal ((DdpmRngKey) { .seed = 3, .purpose = DDPM_RNG_LATENT, .index = t }, noise, N);
      ddpm_schedule_add_noise (schedule, t, x0, noise, x_t, N);
      for (guint i = 0; i < N; i++)
        {
          output[i] = (float) (m + signal * s * s / total * (x_t[i] - signal * m));
          output[N + i] = (float) (variance + coef_x0 * coef_x0 * left);
        }
      ddpm_reverse_init (&reverse, schedule, DDPM_PREDICT_SAMPLE, DDPM_VARIANCE_LEARNED, t);
      sum += ddpm_likelihood_get_term (&reverse, x0, x_t, output, N, INFINITY);
    }
  g_assert_cmpfloat_with_epsilon (sum / N / G_LN2, (entropy + mismatch) / G_LN2, 0.02);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/likelihood/decoder-sums-to-one", test_decoder_sums_to_one);
  g_test_add_func ("/likelihood/decoder", test_decoder);
  g_test_add_func ("/likelihood/decoder-wide", test_decoder_wide);
  g_test_add_func ("/likelihood/kl", test_kl);
  g_test_add_func ("/likelihood/prior", test_prior);
  g_test_add_func ("/likelihood/predictions-agree", test_predictions_agree);
  g_test_add_func ("/likelihood/learned-range", test_learned_range);
  g_test_add_func ("/likelihood/gaussian-data", test_gaussian_data);
  return g_test_run ();
}
