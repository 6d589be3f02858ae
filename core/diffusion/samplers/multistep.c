/* What linear multistep samplers have in common: a step that adds up what was said in it and before it. */
#include "core/diffusion/samplers/sampler-private.h"

void
ddpm_sampler_take_sum (const DdpmSampler *sampler, guint step, guint n_past, const DdpmSum *sum,
                       const DdpmSamplerPiece *piece)
{
  const DdpmPredictionReader reader = ddpm_prediction_reader_new (sampler, step, piece->threshold);
  const guint n_states = sampler->n_states;
  const float coef_x = (float) sum->x, coef_now = (float) sum->said[0], coef_noise = (float) sum->noise;
  float *now = n_states > 0 ? piece->state + n_past % n_states * piece->plane_size : NULL;
  const float *before[G_N_ELEMENTS (sum->said)] = { NULL };
  float coef[G_N_ELEMENTS (sum->said)];

  g_return_if_fail (sum->n_said <= MIN (n_past, n_states) + 1);

  for (guint j = 1; j < sum->n_said; j++)
    {
      before[j] = piece->state + (n_past - j) % n_states * piece->plane_size;
      coef[j] = (float) sum->said[j];
    }
  for (gsize i = 0; i < piece->n; i++)
    {
      const float x = piece->x[i];
      const float x0 = ddpm_prediction_read_x0 (&reader, piece->output[i], x);
      const float said = sum->of_x0 ? x0 : ddpm_prediction_read_epsilon (&reader, piece->output[i], x);
      float result = coef_x * x + coef_now * said;

      for (guint j = 1; j < sum->n_said; j++)
        result += coef[j] * before[j][i];
      if (coef_noise > 0)
        result += coef_noise * piece->noise[i];
      piece->x[i] = result;
      if (now != NULL)
        now[i] = said; /* in the place of the oldest, which has been read */
      if (piece->x0 != NULL)
        piece->x0[i] = x0;
    }
}
