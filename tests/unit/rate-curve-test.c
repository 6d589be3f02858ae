/* Progressive coding of normal data by the network that is best for it: rate and distortion at every step are
 * known, and lie on Shannon's curve, below which nothing can. */
#include "core/diffusion/rate-curve.h"

#include <math.h>

#include "core/base/rng.h"
#include "core/diffusion/likelihood.h"
#include "tests/schedule-common.h"
#include "tests/unit/gaussian.h"

enum
{
  N = 20000, /* values */
  T = 60
};

static const Gaussian data = { 0.1, 0.25 };

/* output[2 N]: x_0 or epsilon, and the variance of x_(t-1) given x_t. */
static void
predict (const DdpmSchedule *schedule, DdpmPrediction prediction, guint t, const float *x_t, float *output)
{
  const double a = schedule->alpha_bar[t], signal = sqrt (a), spread = sqrt (1 - a);
  const double square = data.deviation * data.deviation;
  const double left = square * (1 - a) / (a * square + 1 - a); /* variance of x_0 given x_t */
  double coef_x0, coef_xt, variance;

  ddpm_schedule_get_posterior (schedule, t, &coef_x0, &coef_xt, &variance);
  for (guint i = 0; i < N; i++)
    {
      output[i] =
        (float) (prediction == DDPM_PREDICT_SAMPLE ? gaussian_get_x0 (&data, signal, spread, x_t[i])
                                                   : gaussian_get_epsilon (&data, signal, spread, x_t[i]));
      output[N + i] = (float) (variance + coef_x0 * coef_x0 * left);
    }
}

static void
measure (const DdpmSchedule *schedule, DdpmPrediction prediction, DdpmRateCurve *curve)
{
  g_autofree float *x0 = g_new (float, N), *noise = g_new (float, N), *x_t = g_new (float, N);
  g_autofree float *output = g_new (float, 2 * N);

  ddpm_rng_normal ((DdpmRngKey) { .seed = 2, .purpose = DDPM_RNG_LATENT }, x0, N);
  for (guint i = 0; i < N; i++)
    x0[i] = (float) (data.mean + data.deviation * x0[i]);
  ddpm_rate_curve_init (curve, 13, T);
  ddpm_rate_curve_add_prior (curve, ddpm_likelihood_get_prior (schedule, x0, N));
  for (guint t = 0; t < T; t++)
    {
      DdpmReverse reverse;

      ddpm_rng_normal ((DdpmRngKey) { .seed = 3, .purpose = DDPM_RNG_LATENT, .index = t }, noise, N);
      ddpm_schedule_add_noise (schedule, t, x0, noise, x_t, N);
      predict (schedule, prediction, t, x_t, output);
      ddpm_reverse_init (&reverse, schedule, prediction, DDPM_VARIANCE_LEARNED, t);
      if (t > 0)
        ddpm_rate_curve_add_term (curve, t, 1,
                                  ddpm_likelihood_get_term (&reverse, x0, x_t, output, N, INFINITY));
      for (guint point = 0; point < curve->n_points; point++)
        if (curve->t[point] == t)
          ddpm_rate_curve_add_error (curve, point,
                                     ddpm_likelihood_get_error (&reverse, x0, x_t, output, N, INFINITY));
    }
}

static void
test_gaussian_data (void)
{
  g_autoptr (DdpmSchedule) schedule = new_schedule (T, 1e-4, 0.12);
  const double square = data.deviation * data.deviation, a_T = schedule->alpha_bar[T - 1];
  /* what the model takes for x_T is not quite what it is */
  const double mismatch = ddpm_likelihood_get_kl (sqrt (a_T) * data.mean, log (a_T * square + 1 - a_T), 0, 0);

  for (DdpmPrediction prediction = DDPM_PREDICT_EPSILON; prediction <= DDPM_PREDICT_SAMPLE; prediction++)
    {
      DdpmRateCurve curve;

      measure (schedule, prediction, &curve);
      g_assert_cmpuint (curve.n_points, ==, 13);
      g_assert_cmpuint (curve.t[0], ==, T - 1);
      g_assert_cmpuint (curve.t[12], ==, 0);
      for (guint point = 0; point < curve.n_points; point++)
        {
          const double snr = ddpm_schedule_get_snr (schedule, curve.t[point]);
          const double rate = ddpm_rate_curve_get_bits (&curve, point, N);
          const double distortion = ddpm_rate_curve_get_distortion (&curve, point, N);
          /* what x_t and x_0 tell of one another */
          const double exact_rate = (0.5 * log1p (snr * square) + mismatch) / G_LN2;
          const double exact_distortion = 127.5 * sqrt (square / (1 + snr * square));
          const double least_rate = log2 (127.5 * data.deviation / distortion);

          g_test_message ("t %u: %.4f bits of %.4f, distortion %.4f of %.4f", curve.t[point], rate,
                          exact_rate, distortion, exact_distortion);
          g_assert_cmpfloat_with_epsilon (rate, exact_rate, 0.02);
          g_assert_cmpfloat_with_epsilon (distortion / exact_distortion, 1, 4 / sqrt (2.0 * N));
          g_assert_cmpfloat_with_epsilon (rate - mismatch / G_LN2, least_rate, 0.03);
        }
    }
}

/* Sums alone: which terms count for which point, and how much. */
static void
test_sums (void)
{
  static const guint t[] = { 9, 6, 3, 0 };
  static const double bits[] = { 5, 5 + 7 * 2, 5 + 7 * 2 + 4 * 3, 5 + 7 * 2 + 4 * 3 + 1 * 11 };
  DdpmRateCurve curve;

  ddpm_rate_curve_init (&curve, 4, 10);
  ddpm_rate_curve_add_prior (&curve, 5 * G_LN2);
  ddpm_rate_curve_add_term (&curve, 7, 2, 7 * G_LN2);
  ddpm_rate_curve_add_term (&curve, 6, 3, 4 * G_LN2);
  ddpm_rate_curve_add_term (&curve, 1, 11, G_LN2);
  ddpm_rate_curve_add_error (&curve, 2, 3);
  ddpm_rate_curve_add_error (&curve, 2, 1);
  g_assert_cmpuint (curve.n_points, ==, 4);
  for (guint i = 0; i < 4; i++)
    {
      g_assert_cmpuint (curve.t[i], ==, t[i]);
      g_assert_cmpfloat_with_epsilon (ddpm_rate_curve_get_bits (&curve, i, 2), bits[i] / 2, 1e-12);
      g_assert_cmpfloat_with_epsilon (ddpm_rate_curve_get_distortion (&curve, i, 16), i == 2 ? 127.5 / 2 : 0,
                                      1e-12);
    }
  ddpm_rate_curve_init (&curve, 50, 3); /* no more points than timesteps */
  g_assert_cmpuint (curve.n_points, ==, 3);
  ddpm_rate_curve_init (&curve, 0, 3);
  g_assert_cmpuint (curve.n_points, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/rate-curve/gaussian-data", test_gaussian_data);
  g_test_add_func ("/rate-curve/sums", test_sums);
  return g_test_run ();
}
