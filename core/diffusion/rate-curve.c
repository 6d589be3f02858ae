#include "core/diffusion/rate-curve.h"

#include <math.h>

#define HALF_RANGE 127.5 /* of 0 … 255, for -1 … 1 */

void
ddpm_rate_curve_init (DdpmRateCurve *curve, guint n_points, guint n_timesteps)
{
  g_return_if_fail (n_points <= DDPM_RATE_CURVE_MOST_POINTS && n_points != 1 && n_timesteps > 0);

  *curve = (DdpmRateCurve) { .n_points = MIN (n_points, n_timesteps) };
  for (guint i = 0; i < curve->n_points; i++)
    curve->t[i] =
      (n_timesteps - 1) - (guint) ((guint64) i * (n_timesteps - 1) / MAX (curve->n_points - 1, 1));
}

void
ddpm_rate_curve_add_prior (DdpmRateCurve *curve, double nats)
{
  for (guint i = 0; i < curve->n_points; i++)
    curve->nats[i] += nats;
}

void
ddpm_rate_curve_add_term (DdpmRateCurve *curve, guint t, double weight, double nats)
{
  for (guint i = 0; i < curve->n_points; i++)
    if (t > curve->t[i])
      curve->nats[i] += weight * nats;
}

void
ddpm_rate_curve_add_error (DdpmRateCurve *curve, guint point, double squares)
{
  g_return_if_fail (point < curve->n_points);

  curve->errors[point] += squares;
}

double
ddpm_rate_curve_get_bits (const DdpmRateCurve *curve, guint point, double n_values)
{
  return curve->nats[point] / (n_values * G_LN2);
}

double
ddpm_rate_curve_get_distortion (const DdpmRateCurve *curve, guint point, double n_values)
{
  return HALF_RANGE * sqrt (curve->errors[point] / n_values);
}
