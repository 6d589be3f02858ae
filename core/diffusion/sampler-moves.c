/* Where a sampler's run begins, how it jumps, and inversion: all that moves x between the levels of a sampler
 * other than its own steps. */
#include "core/diffusion/samplers/sampler-private.h"

#include <string.h>

#include "core/base/error.h"
#include "core/base/text.h"

void
ddpm_sampler_start (const DdpmSampler *sampler, const float *noise, float *x, gsize n)
{
  for (gsize i = 0; i < n; i++)
    x[i] = sampler->start_scale * noise[i];
}

/* Before `step`, or of x_0 at the end. */
static DdpmLevel
get_level (const DdpmSampler *sampler, guint step)
{
  return step < sampler->n_timesteps ? sampler->levels[step] : (DdpmLevel) { 1, 0 };
}

void
ddpm_sampler_get_level (const DdpmSampler *sampler, guint step, double *signal, double *spread)
{
  g_return_if_fail (step <= sampler->n_timesteps);

  const DdpmLevel level = get_level (sampler, step);

  *signal = level.signal;
  *spread = level.spread;
}

void
ddpm_sampler_add_noise (const DdpmSampler *sampler, guint step, const float *x0, const float *noise, float *x,
                        gsize n)
{
  g_return_if_fail (ddpm_sampler_can_begin (sampler, step));

  const DdpmLevel level = get_level (sampler, step);

  for (gsize i = 0; i < n; i++)
    x[i] = level.signal * x0[i] + level.spread * noise[i];
}

void
ddpm_sampler_jump_back (const DdpmSampler *sampler, guint from, guint to, const float *noise, float *x,
                        gsize n)
{
  g_return_if_fail (to <= from && ddpm_sampler_can_begin (sampler, from)
                    && ddpm_sampler_can_begin (sampler, to));

  const DdpmLevel before = get_level (sampler, from), after = get_level (sampler, to);
  const double ratio = (double) after.signal / before.signal, old_spread = ratio * before.spread;
  const double spread = sqrt (MAX ((double) after.spread * after.spread - old_spread * old_spread, 0.0));
  const float coef_x = (float) ratio, coef_noise = (float) spread;

  if (to == from)
    return;
  for (gsize i = 0; i < n; i++)
    x[i] = coef_x * x[i] + coef_noise * noise[i];
}

gboolean
ddpm_sampler_check_inversion (const DdpmSampler *sampler, guint first, GError **error)
{
  g_return_val_if_fail (first < sampler->n_timesteps && ddpm_sampler_can_begin (sampler, first), FALSE);

  if (sampler->order == 0)
    {
      g_set_error (
        error, DDPM_ERROR, DDPM_ERROR_USAGE,
        _ ("The sampler %s adds noise at random, so that no latent leads to a given picture; take ddim with "
           "eta 0, or another one that does not."),
        sampler->klass->name);
      return FALSE;
    }
  if (!(sampler->levels[first].signal > 0))
    {
      g_set_error (
        error, DDPM_ERROR, DDPM_ERROR_USAGE,
        _ ("At timestep %g this schedule is pure noise (rescale_betas_zero_snr), where nothing is left of a "
           "picture to find its latent by; begin later, with a smaller strength."),
        sampler->timesteps[first]);
      return FALSE;
    }
  return TRUE;
}

/* A first-order step's x after it is ratio times x before it plus a part of epsilon; this is that backwards:
 * x = ratio x' + spread epsilon. A step in several halves ends where its last one does. */
static void
get_inverse (const DdpmSampler *sampler, guint step, float *ratio, float *spread)
{
  const DdpmLevel level = sampler->levels[step];
  guint last = step;
  DdpmLevel next;

  while (!ddpm_sampler_can_begin (sampler, last + 1))
    last++;
  next = sampler->leads_to[last];
  *ratio = level.signal / next.signal;
  *spread = level.spread - *ratio * next.spread;
}

/* The planes of state: x after the step, epsilon there as the step before this one found it, and epsilon
 * before it. */
void
ddpm_sampler_invert_begin (const DdpmSampler *sampler, guint step, guint n_past, float *x, float *state,
                           gsize plane_size, gsize n)
{
  float *after = state, *epsilon_after = state + plane_size, *epsilon = epsilon_after + plane_size;
  float ratio, spread;

  g_return_if_fail (sampler->order > 0 && step < sampler->n_timesteps);

  get_inverse (sampler, step, &ratio, &spread);
  memcpy (after, x, n * sizeof (float));
  if (n_past > 0)
    memcpy (epsilon_after, epsilon, n * sizeof (float));
  for (gsize i = 0; i < n; i++)
    x[i] = n_past > 0 ? ratio * x[i] + spread * epsilon[i] : ratio * x[i];
}

void
ddpm_sampler_invert_step (const DdpmSampler *sampler, guint step, guint n_past, const float *model_output,
                          float *x, float *state, gsize plane_size, gsize n)
{
  const float *after = state, *epsilon_after = state + plane_size;
  float *epsilon = state + 2 * plane_size;
  const gboolean trapezoid = sampler->order > 1 && n_past > 0;
  DdpmPredictionReader reader = ddpm_prediction_reader_new (sampler, step, 1);
  float ratio, spread;

  g_return_if_fail (sampler->order > 0 && step < sampler->n_timesteps);

  reader.limit = INFINITY;
  reader.divisor = 1;
  get_inverse (sampler, step, &ratio, &spread);
  for (gsize i = 0; i < n; i++)
    {
      epsilon[i] = ddpm_prediction_read_epsilon (&reader, model_output[i], x[i]);
      x[i] = ratio * after[i] + spread * (trapezoid ? (epsilon[i] + epsilon_after[i]) / 2 : epsilon[i]);
    }
}
