#include "core/diffusion/likelihood.h"

#include <math.h>

#include "core/base/error.h"

#define HALF_BIN (1.0 / 255) /* of 256 values from -1 to 1 */
#define LEAST_VARIANCE 1e-20 /* of one that a network says itself */

/* The logarithm of the posterior's variance, that of t = 1 also at t = 0. */
static double
get_posterior_log_variance (const DdpmSchedule *schedule, guint t)
{
  double coef_x0, coef_xt, variance;

  ddpm_schedule_get_posterior (schedule, MIN (MAX (t, 1), schedule->n_timesteps - 1), &coef_x0, &coef_xt,
                               &variance);
  return log (MAX (variance, LEAST_VARIANCE));
}

static void
set_mean (DdpmReverse *reverse, const DdpmSchedule *schedule, DdpmPrediction prediction)
{
  const double alpha_bar = schedule->alpha_bar[reverse->t];
  const double signal = sqrt (alpha_bar), spread = sqrt (1 - alpha_bar);
  const double coef_x0 = reverse->posterior_x0, coef_x_t = reverse->posterior_x_t;

  switch (prediction)
    {
    case DDPM_PREDICT_EPSILON:
      reverse->x0_output = -spread / signal;
      reverse->x0_x_t = 1 / signal;
      break;
    case DDPM_PREDICT_SAMPLE:
      reverse->x0_output = 1;
      reverse->x0_x_t = 0;
      break;
    case DDPM_PREDICT_V:
      reverse->x0_output = -spread;
      reverse->x0_x_t = signal;
      break;
    case DDPM_PREDICT_MU:
      reverse->x0_output = 1 / coef_x0;
      reverse->x0_x_t = -coef_x_t / coef_x0;
      break;
    }
  reverse->mean_output = coef_x0 * reverse->x0_output;
  reverse->mean_x_t = coef_x0 * reverse->x0_x_t + coef_x_t;
}

void
ddpm_reverse_init (DdpmReverse *reverse, const DdpmSchedule *schedule, DdpmPrediction prediction,
                   DdpmVariance variance, guint t)
{
  const double log_beta = log (MAX (schedule->betas[t], LEAST_VARIANCE));
  const gboolean large = variance == DDPM_VARIANCE_FIXED_LARGE || variance == DDPM_VARIANCE_FIXED_LARGE_LOG;
  double posterior_variance;

  *reverse = (DdpmReverse) { .t = t, .learned = ddpm_variance_is_learned (variance) };
  ddpm_schedule_get_posterior (schedule, t, &reverse->posterior_x0, &reverse->posterior_x_t,
                               &posterior_variance);
  reverse->posterior_log_variance = get_posterior_log_variance (schedule, t);
  set_mean (reverse, schedule, prediction);
  reverse->direct = variance == DDPM_VARIANCE_LEARNED;
  reverse->least_log_variance = large && t > 0 ? log_beta : reverse->posterior_log_variance;
  if (variance == DDPM_VARIANCE_LEARNED_RANGE)
    reverse->log_variance_range = log_beta - reverse->least_log_variance;
}

gboolean
ddpm_likelihood_check (const DdpmSchedule *schedule, DdpmPrediction prediction, GError **error)
{
  return prediction != DDPM_PREDICT_EPSILON || schedule->alpha_bar[schedule->n_timesteps - 1] > 0
         || ddpm_refuse (error, DDPM_ERROR_USAGE,
                         "The schedule ends in pure noise (rescale_betas_zero_snr), where the bound of a "
                         "network that predicts epsilon is infinite; only --loss simple and min-snr make "
                         "sense for it");
}

double
ddpm_reverse_get_log_variance (const DdpmReverse *reverse, double output)
{
  if (reverse->direct)
    return log (output > LEAST_VARIANCE || isnan (output) ? output : LEAST_VARIANCE);
  return reverse->least_log_variance + 0.5 * (output + 1) * reverse->log_variance_range;
}

double
ddpm_likelihood_get_kl (double mean, double log_variance, double other_mean, double other_log_variance)
{
  const double distance = mean - other_mean;

  return 0.5
         * (other_log_variance - log_variance - 1 + exp (log_variance - other_log_variance)
            + distance * distance * exp (-other_log_variance));
}

/* log of the standard normal distribution below x <= 0. Beyond what erfc can tell apart from 0 its asymptotic
 * series does. */
static double
get_log_tail (double x)
{
  const double y = 1 / (x * x);

  if (x > -20)
    return log (0.5 * erfc (-x * G_SQRT2 / 2));
  return -0.5 * x * x - log (-x) - 0.5 * log (2 * G_PI) + log1p (-y * (1 - 3 * y * (1 - 5 * y)));
}

/* log of the standard normal probability of a … b, which may be infinite; a < b. */
static double
get_log_probability (double a, double b)
{
  if (a > 0)
    return get_log_probability (-b, -a);
  if ((b - a) * (1 - a) < 1e-4) /* so narrow that the density does not change */
    return log (b - a) - 0.125 * (a + b) * (a + b) - 0.5 * log (2 * G_PI);
  if (b > 0) /* two parts, neither of which takes from the other */
    return log (0.5 * (erf (b * G_SQRT2 / 2) - erf (a * G_SQRT2 / 2)));
  return get_log_tail (b) + (isinf (a) ? 0 : log (-expm1 (get_log_tail (a) - get_log_tail (b))));
}

/* The density at x over the probability whose logarithm is given; times x, too. */
static double
get_share (double x, double log_probability, double *times_x)
{
  const double share = isinf (x) ? 0 : exp (-0.5 * x * x - 0.5 * log (2 * G_PI) - log_probability);

  *times_x = isinf (x) ? 0 : x * share;
  return share;
}

double
ddpm_likelihood_decode (double x0, double mean, double log_variance, double *slope_mean,
                        double *slope_log_variance)
{
  const double inverse = exp (-0.5 * log_variance);
  const double below = x0 < -1 + HALF_BIN ? -INFINITY : (x0 - HALF_BIN - mean) * inverse;
  const double above = x0 > 1 - HALF_BIN ? INFINITY : (x0 + HALF_BIN - mean) * inverse;
  const double log_probability = get_log_probability (below, above);
  double below_times, above_times;
  const double below_share = get_share (below, log_probability, &below_times);
  const double above_share = get_share (above, log_probability, &above_times);

  if (slope_mean != NULL)
    *slope_mean = (above_share - below_share) * inverse;
  if (slope_log_variance != NULL)
    *slope_log_variance = 0.5 * (above_times - below_times);
  return -log_probability;
}

double
ddpm_likelihood_get_prior (const DdpmSchedule *schedule, const float *x0, gsize n)
{
  const double alpha_bar = schedule->alpha_bar[schedule->n_timesteps - 1];
  const double signal = sqrt (alpha_bar), log_variance = log1p (-alpha_bar);
  double sum = 0;

  for (gsize i = 0; i < n; i++)
    sum += ddpm_likelihood_get_kl (signal * x0[i], log_variance, 0, 0);
  return sum;
}

/* x_0 as the network means it, within -limit … limit; NaN stays NaN. */
static inline double
get_estimate (const DdpmReverse *reverse, double x_t, double output, double limit)
{
  const double estimate = reverse->x0_output * output + reverse->x0_x_t * x_t;

  return estimate > limit ? limit : estimate < -limit ? -limit : estimate;
}

double
ddpm_likelihood_get_term (const DdpmReverse *reverse, const float *x0, const float *x_t, const float *output,
                          gsize n, double limit)
{
  double sum = 0;

  for (gsize i = 0; i < n; i++)
    {
      const double log_variance =
        ddpm_reverse_get_log_variance (reverse, reverse->learned ? output[n + i] : 0);
      const double clipped = get_estimate (reverse, x_t[i], output[i], limit);
      const double rest = reverse->posterior_x_t * x_t[i];

      if (reverse->t == 0)
        sum +=
          ddpm_likelihood_decode (x0[i], reverse->posterior_x0 * clipped + rest, log_variance, NULL, NULL);
      else
        sum += ddpm_likelihood_get_kl (reverse->posterior_x0 * x0[i] + rest, reverse->posterior_log_variance,
                                       reverse->posterior_x0 * clipped + rest, log_variance);
    }
  return sum;
}

double
ddpm_likelihood_get_error (const DdpmReverse *reverse, const float *x0, const float *x_t, const float *output,
                           gsize n, double limit)
{
  double sum = 0;

  for (gsize i = 0; i < n; i++)
    {
      const double difference = get_estimate (reverse, x_t[i], output[i], limit) - x0[i];

      sum += difference * difference;
    }
  return sum;
}
