/* Song et al. 2021, "Denoising diffusion implicit models", equation 12: deterministic with eta 0, ancestral
 * with 1. Its variance is its own: what a network says of it is not looked at. */
#include "core/diffusion/sampler-private.h"

#include <math.h>

static gboolean
needs_noise (const DdpmSampler *sampler, guint step)
{
  return sampler->eta > 0;
}

/* alpha_bar of the timestep that a step leads to. diffusers goes back by T / n whatever the spacing of the
 * list; a list of the caller's own has no such stride and leads from each entry to the next. */
static float
get_next_alpha_bar (const DdpmSampler *sampler, guint step)
{
  const float *alpha_bar = sampler->schedule->alpha_bar;
  const guint t = sampler->timesteps[step];

  if (sampler->own_list)
    {
      if (step + 1 < sampler->n_timesteps)
        return alpha_bar[sampler->timesteps[step + 1]];
    }
  else
    {
      const guint stride = sampler->schedule->n_timesteps / sampler->n_steps;

      if (t >= stride)
        return alpha_bar[t - stride];
    }
  return sampler->config.set_alpha_to_one ? 1.0f : alpha_bar[0];
}

static void
step_ddim (const DdpmSampler *sampler, guint step, const float *model_output, const float *variance,
           const float *noise, float *x, float *x0, gsize n)
{
  const float here = sampler->schedule->alpha_bar[sampler->timesteps[step]];
  const float next = get_next_alpha_bar (sampler, step);
  const float own_variance = (1.0f - next) / (1.0f - here) * (1.0f - here / next);
  const float sigma = (float) sampler->eta * sqrtf (MAX (own_variance, 0.0f));
  /* Rounding alone can take it below zero. */
  const float coef_epsilon = sqrtf (MAX (1.0f - next - sigma * sigma, 0.0f));
  const float coef_x0 = sqrtf (next);
  const DdpmPredictionReader reader = ddpm_prediction_reader_new (sampler, sampler->timesteps[step]);

  for (gsize i = 0; i < n; i++)
    {
      const float estimate = ddpm_prediction_read_x0 (&reader, model_output[i], x[i]);
      const float epsilon = sampler->use_clipped_model_output
                              ? (x[i] - reader.signal * estimate) / reader.spread
                              : ddpm_prediction_read_epsilon (&reader, model_output[i], x[i]);

      x[i] = coef_x0 * estimate + coef_epsilon * epsilon;
      if (sigma > 0)
        x[i] += sigma * noise[i];
      if (x0 != NULL)
        x0[i] = estimate;
    }
}

const DdpmSamplerClass ddpm_sampler_class_ddim = {
  .kind = DDPM_SAMPLER_DDIM,
  .name = "ddim",
  .needs_noise = needs_noise,
  .step = step_ddim,
};
