/* Ancestral sampling in sigma: an Euler step goes below the next noise level, and noise leads back up to it
 * (Song et al. 2021, "Score-based generative modeling through stochastic differential equations", appendix F,
 * for the variance-exploding process). */
#include "core/diffusion/samplers/sampler-private.h"

static gboolean
needs_noise (const DdpmSampler *sampler, guint step)
{
  return sampler->sigmas[step + 1] > 0;
}

static void
step_ancestral (const DdpmSampler *sampler, guint step, guint n_past, const DdpmSamplerPiece *piece)
{
  const double sigma = sampler->sigmas[step], next = sampler->sigmas[step + 1];
  const double up = next * sqrt (MAX (sigma * sigma - next * next, 0.0)) / sigma;
  const double down = next * next / sigma;
  const double signal = sampler->levels[step].signal, next_signal = sampler->leads_to[step].signal;
  const DdpmSum sum = { .n_said = 1,
                        .x = next_signal / signal,
                        .said = { next_signal * (down - sigma) },
                        .noise = next_signal * up };

  ddpm_sampler_take_sum (sampler, step, n_past, &sum, piece);
}

const DdpmSamplerClass ddpm_sampler_class_euler_ancestral = {
  .kind = DDPM_SAMPLER_EULER_ANCESTRAL,
  .name = "euler-ancestral",
  .description = N_ ("euler with fresh noise in every step; clean from 20 steps on, varied from 100"),
  .stepping = DDPM_STEPPING_FRACTIONS,
  .needs_noise = needs_noise,
  .step = step_ancestral,
};
