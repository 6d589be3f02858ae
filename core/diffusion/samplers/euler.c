/* Euler's method along the probability flow, in sigma: Karras et al. 2022, "Elucidating the design space of
 * diffusion-based generative models", algorithm 1 without its lines 6 to 8. */
#include "core/diffusion/samplers/sampler-private.h"

static gboolean
prepare (DdpmSampler *sampler, GError **error)
{
  sampler->order = 1;
  return TRUE;
}

static void
step_euler (const DdpmSampler *sampler, guint step, guint n_past, const DdpmSamplerPiece *piece)
{
  DdpmSum sum = { .n_said = 1 };

  ddpm_level_get_transfer (sampler->levels[step], sampler->leads_to[step], &sum.x, &sum.said[0]);
  ddpm_sampler_take_sum (sampler, step, n_past, &sum, piece);
}

const DdpmSamplerClass ddpm_sampler_class_euler = {
  .kind = DDPM_SAMPLER_EULER,
  .name = "euler",
  .description =
    N_ ("plain steps along the probability flow, with noise levels of any spacing; good from 50 steps on"),
  .stepping = DDPM_STEPPING_FRACTIONS,
  .prepare = prepare,
  .step = step_euler,
};
