#include "core/diffusion/objective.h"

#include <math.h>
#include <string.h>

#include "core/base/error.h"
#include "core/diffusion/likelihood.h"

#define HYBRID_SHARE 0.001
#define MIN_SNR_GAMMA 5

const char *const ddpm_loss_names[] = { "simple", "vlb", "hybrid", "min-snr", NULL };

gboolean
ddpm_objective_check (const DdpmObjective *objective, GError **error)
{
  const gboolean learned = ddpm_variance_is_learned (objective->variance);

  if (objective->variance == DDPM_VARIANCE_LEARNED)
    return ddpm_refuse (error, DDPM_ERROR_USAGE,
                        "The network says its variance itself (variance_type \"learned\"), which may become "
                        "negative in training; only models of \"learned_range\" can be trained further");
  if (learned && (objective->loss == DDPM_LOSS_SIMPLE || objective->loss == DDPM_LOSS_MIN_SNR))
    return ddpm_refuse (error, DDPM_ERROR_USAGE,
                        "--loss %s would leave a learned variance untrained; use --loss hybrid or vlb, or a "
                        "fixed --variance",
                        ddpm_loss_names[objective->loss]);
  if (!learned && objective->loss == DDPM_LOSS_HYBRID)
    return ddpm_refuse (error, DDPM_ERROR_USAGE,
                        "--loss hybrid trains a learned variance beside the mean, and this model's is fixed; "
                        "add --variance learned, or use --loss simple or vlb");
  return objective->loss == DDPM_LOSS_SIMPLE || objective->loss == DDPM_LOSS_MIN_SNR
         || ddpm_likelihood_check (objective->schedule, objective->prediction, error);
}

DdpmLoss
ddpm_objective_choose_loss (DdpmVariance variance)
{
  return ddpm_variance_is_learned (variance) ? DDPM_LOSS_HYBRID : DDPM_LOSS_SIMPLE;
}

gsize
ddpm_objective_get_n_outputs (const DdpmObjective *objective, gsize n)
{
  return ddpm_variance_is_learned (objective->variance) ? 2 * n : n;
}

void
ddpm_objective_get_target (const DdpmObjective *objective, guint t, const float *x0, const float *x_t,
                           const float *noise, float *target, gsize n)
{
  double coef_x0, coef_xt, variance;

  switch (objective->prediction)
    {
    case DDPM_PREDICT_EPSILON:
      memmove (target, noise, n * sizeof (float));
      break;
    case DDPM_PREDICT_SAMPLE:
      memmove (target, x0, n * sizeof (float));
      break;
    case DDPM_PREDICT_V:
      ddpm_schedule_get_velocity (objective->schedule, t, x0, noise, target, n);
      break;
    case DDPM_PREDICT_MU:
      ddpm_schedule_get_posterior (objective->schedule, t, &coef_x0, &coef_xt, &variance);
      for (gsize i = 0; i < n; i++)
        target[i] = (float) (coef_x0 * x0[i] + coef_xt * x_t[i]);
      break;
    }
}

double
ddpm_objective_get_weight (const DdpmObjective *objective, guint t)
{
  const double snr = ddpm_schedule_get_snr (objective->schedule, t);
  const double weight = MIN (snr, MIN_SNR_GAMMA);
  double coef_x0, coef_xt, variance;

  if (objective->loss == DDPM_LOSS_VLB)
    return 0;
  if (objective->loss != DDPM_LOSS_MIN_SNR)
    return 1;
  switch (objective->prediction)
    {
    case DDPM_PREDICT_EPSILON:
      return MIN (1, MIN_SNR_GAMMA / snr);
    case DDPM_PREDICT_V:
      return weight / (snr + 1);
    case DDPM_PREDICT_MU:
      ddpm_schedule_get_posterior (objective->schedule, t, &coef_x0, &coef_xt, &variance);
      return weight / (coef_x0 * coef_x0);
    default:
      return weight;
    }
}

/* The bound's term of this timestep, weighted and summed; its gradients times scale to mean_slopes[n] (NULL:
 * the mean is not to follow it) and, where the variance is learned, variance_slopes[n]. */
static double
compare_bound (const DdpmObjective *objective, guint t, const float *x0, const float *x_t, gsize n,
               const float *output, double weight, double scale, float *mean_slopes, float *variance_slopes)
{
  double sum = 0;
  DdpmReverse reverse;

  ddpm_reverse_init (&reverse, objective->schedule, objective->prediction, objective->variance, t);
  scale *= weight;
  for (gsize i = 0; i < n; i++)
    {
      const double mean = reverse.mean_output * output[i] + reverse.mean_x_t * x_t[i];
      const double log_variance =
        ddpm_reverse_get_log_variance (&reverse, reverse.learned ? output[n + i] : 0);
      double slope_mean, slope_log_variance;

      if (t == 0)
        sum += ddpm_likelihood_decode (x0[i], mean, log_variance, &slope_mean, &slope_log_variance);
      else
        {
          const double target = reverse.posterior_x0 * x0[i] + reverse.posterior_x_t * x_t[i];
          const double distance = mean - target, inverse = exp (-log_variance);

          sum += ddpm_likelihood_get_kl (target, reverse.posterior_log_variance, mean, log_variance);
          slope_mean = distance * inverse;
          slope_log_variance =
            0.5 * (1 - (exp (reverse.posterior_log_variance) + distance * distance) * inverse);
        }
      if (mean_slopes != NULL)
        mean_slopes[i] = (float) (scale * slope_mean * reverse.mean_output);
      if (reverse.learned)
        variance_slopes[i] = (float) (scale * slope_log_variance * 0.5 * reverse.log_variance_range);
    }
  return weight * sum;
}

static double
compare_squares (const float *target, gsize n, double weight, double scale, float *output)
{
  const float slope = (float) (2 * weight * scale);
  double sum = 0;

  for (gsize i = 0; i < n; i++)
    {
      const float difference = output[i] - target[i];

      sum += (double) difference * difference;
      output[i] = slope * difference;
    }
  return weight * sum;
}

double
ddpm_objective_compare (const DdpmObjective *objective, guint t, const float *x0, const float *x_t,
                        const float *target, gsize n, double scale, float *output)
{
  const double bits = objective->schedule->n_timesteps / G_LN2;
  double sum = 0;

  if (objective->loss == DDPM_LOSS_VLB)
    return compare_bound (objective, t, x0, x_t, n, output, bits, scale, output, output + n);
  /* the bound first: it reads what the squares overwrite */
  if (objective->loss == DDPM_LOSS_HYBRID)
    sum = compare_bound (objective, t, x0, x_t, n, output, HYBRID_SHARE * bits, scale, NULL, output + n);
  return sum + compare_squares (target, n, ddpm_objective_get_weight (objective, t), scale, output);
}
