/* Song et al. 2021, "Denoising diffusion implicit models", equation 12: deterministic with eta 0, ancestral
 * with 1. Its variance is its own: what a network says of it is not looked at. */
#include "core/diffusion/samplers/sampler-private.h"

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
  if (sampler->own_list)
    {
      if (step + 1 < sampler->n_timesteps)
        return ddpm_sampler_get_alpha_bar (sampler, step + 1);
    }
  else
    {
      const guint stride = sampler->schedule->n_timesteps / sampler->n_steps;
      const guint t = (guint) sampler->timesteps[step];

      if (t >= stride)
        return sampler->schedule->alpha_bar[t - stride];
    }
  return sampler->config.set_alpha_to_one ? 1.0f : sampler->schedule->alpha_bar[0];
}

static gboolean
prepare (DdpmSampler *sampler, GError **error)
{
  for (guint step = 0; step < sampler->n_timesteps; step++)
    sampler->leads_to[step] = ddpm_level_from_alpha_bar (get_next_alpha_bar (sampler, step));
  sampler->order = sampler->eta > 0 ? 0 : 1;
  return TRUE;
}

static void
step_ddim (const DdpmSampler *sampler, guint step, guint n_past, const DdpmSamplerPiece *piece)
{
  const float here = ddpm_sampler_get_alpha_bar (sampler, step);
  const float next = get_next_alpha_bar (sampler, step);
  const float own_variance = (1.0f - next) / (1.0f - here) * (1.0f - here / next);
  const float sigma = (float) sampler->eta * sqrtf (MAX (own_variance, 0.0f));
  /* Rounding alone can take it below zero. */
  const float coef_epsilon = sqrtf (MAX (1.0f - next - sigma * sigma, 0.0f));
  const float coef_x0 = sqrtf (next);
  const DdpmPredictionReader reader = ddpm_prediction_reader_new (sampler, step, piece->threshold);
  float *x = piece->x;

  for (gsize i = 0; i < piece->n; i++)
    {
      const float estimate = ddpm_prediction_read_x0 (&reader, piece->output[i], x[i]);
      const float epsilon = sampler->use_clipped_model_output
                              ? (x[i] - reader.level.signal * estimate) / reader.level.spread
                              : ddpm_prediction_read_epsilon (&reader, piece->output[i], x[i]);

      x[i] = coef_x0 * estimate + coef_epsilon * epsilon;
      if (sigma > 0)
        x[i] += sigma * piece->noise[i];
      if (piece->x0 != NULL)
        piece->x0[i] = estimate;
    }
}

const DdpmSamplerClass ddpm_sampler_class_ddim = {
  .kind = DDPM_SAMPLER_DDIM,
  .name = "ddim",
  .description =
    N_ ("no noise on the way, so that a seed looks alike for any number of steps; good from 50 steps on"),
  .stepping = DDPM_STEPPING_INTEGERS,
  .clips = TRUE,
  .thresholds = TRUE,
  .prepare = prepare,
  .needs_noise = needs_noise,
  .step = step_ddim,
};
