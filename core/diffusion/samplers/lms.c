/* A linear multistep method in sigma: the slopes of the last four steps are laid through a polynomial, which
 * is integrated over the next step (Adams and Bashforth, with steps of any size). */
#include "core/diffusion/samplers/sampler-private.h"

#define MAX_ORDER 4

/* As for Heun's: the slopes of a cosine schedule's first steps tell nothing about the next. */
static void
adapt (DdpmSchedulerConfig *config)
{
  config->sigmas = DDPM_SIGMAS_KARRAS;
}

static gboolean
prepare (DdpmSampler *sampler, GError **error)
{
  sampler->n_states = MAX_ORDER - 1;
  sampler->order = MAX_ORDER;
  return TRUE;
}

/* Integral from sigma of `step` to the next one's of the Lagrange polynomial that is 1 at `step` - j and 0 at
 * the other n_said - 1 steps up to `step`. Of degree 3 at most, so that Gauss' two points make it exact. */
static double
integrate_lagrange (const double *sigmas, guint step, guint j, guint n_said)
{
  const double middle = (sigmas[step + 1] + sigmas[step]) / 2, half = (sigmas[step + 1] - sigmas[step]) / 2;
  double sum = 0;

  for (int side = -1; side <= 1; side += 2)
    {
      const double at = middle + side * half / sqrt (3.0);
      double value = 1;

      for (guint k = 0; k < n_said; k++)
        if (k != j)
          value *= (at - sigmas[step - k]) / (sigmas[step - j] - sigmas[step - k]);
      sum += value * half;
    }
  return sum;
}

static void
step_lms (const DdpmSampler *sampler, guint step, guint n_past, const DdpmSamplerPiece *piece)
{
  const double signal = sampler->levels[step].signal, next_signal = sampler->leads_to[step].signal;
  DdpmSum sum = { .n_said = MIN (n_past + 1, MAX_ORDER), .x = next_signal / signal };

  for (guint j = 0; j < sum.n_said; j++)
    sum.said[j] = next_signal * integrate_lagrange (sampler->sigmas, step, j, sum.n_said);
  ddpm_sampler_take_sum (sampler, step, n_past, &sum, piece);
}

const DdpmSamplerClass ddpm_sampler_class_lms = {
  .kind = DDPM_SAMPLER_LMS,
  .name = "lms",
  .description = N_ ("looks back at four steps; good from 20 steps on"),
  .stepping = DDPM_STEPPING_FRACTIONS,
  .adapt = adapt,
  .prepare = prepare,
  .step = step_lms,
};
