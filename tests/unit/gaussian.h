/* Data that a formula knows all about: pictures whose values are independent and normal, N (mean,
 * deviation^2), and the network that is best for them, at any noise level. */
#pragma once

#include <math.h>

#include "core/diffusion/sampler.h"

typedef struct
{
  double mean, deviation;
} Gaussian;

/* The expectations of epsilon and x_0 given x = signal x_0 + spread epsilon. */
static inline double
gaussian_get_epsilon (const Gaussian *data, double signal, double spread, double x)
{
  const double variance = signal * signal * data->deviation * data->deviation + spread * spread;

  return spread / variance * (x - signal * data->mean);
}

static inline double
gaussian_get_x0 (const Gaussian *data, double signal, double spread, double x)
{
  const double square = data->deviation * data->deviation;

  return data->mean
         + signal * square / (signal * signal * square + spread * spread) * (x - signal * data->mean);
}

/* output[n]: what the network says of x[n] before `step`. */
static inline void
gaussian_predict (const Gaussian *data, const DdpmSampler *sampler, DdpmPrediction type, guint step,
                  const float *x, float *output, gsize n)
{
  double signal, spread;

  ddpm_sampler_get_level (sampler, step, &signal, &spread);
  for (gsize i = 0; i < n; i++)
    {
      const double epsilon = gaussian_get_epsilon (data, signal, spread, x[i]);
      const double x0 = gaussian_get_x0 (data, signal, spread, x[i]);

      output[i] = (float) (type == DDPM_PREDICT_EPSILON  ? epsilon
                           : type == DDPM_PREDICT_SAMPLE ? x0
                                                         : signal * epsilon - spread * x0);
    }
}
