/* Noise levels as sigma = spread / signal, for the samplers that compute in it (SCHEDULERS.md, "Sigma space"
 * and "DPM-Solver++"). Published results rest on float tables and double arithmetic between their entries, so
 * these do, too. */
#include "core/diffusion/samplers/sampler-private.h"

#define KARRAS_RHO 7

static double
get_table_sigma (const DdpmSampler *sampler, guint t)
{
  const float alpha_bar = sampler->schedule->alpha_bar[t];

  return sqrtf ((1.0f - alpha_bar) / alpha_bar);
}

/* At a timestep between integers: on the line between theirs. */
static double
get_sigma (const DdpmSampler *sampler, double t)
{
  const guint last = sampler->schedule->n_timesteps - 1;
  const guint below = MIN ((guint) t, last);
  const double sigma = get_table_sigma (sampler, below);

  return below == last ? sigma : sigma + (get_table_sigma (sampler, below + 1) - sigma) * (t - below);
}

/* The timestep at which the noise is sigma, in ln sigma on the line between those of integers. */
static double
find_timestep (const DdpmSampler *sampler, double sigma)
{
  const guint last = sampler->schedule->n_timesteps - 1;
  const double wanted = log (MAX (sigma, 1e-10));
  guint below = 0, above = last;
  double log_below, log_above;

  if (last == 0)
    return 0;
  while (above - below > 1)
    {
      const guint middle = (below + above) / 2;

      if (log (get_table_sigma (sampler, middle)) <= wanted)
        below = middle;
      else
        above = middle;
    }
  log_below = log (get_table_sigma (sampler, below));
  log_above = log (get_table_sigma (sampler, above));
  return below + CLAMP ((wanted - log_below) / (log_above - log_below), 0.0, 1.0);
}

/* sigmas[n] from `most` to `least`. */
static void
fill_sigmas (DdpmSigmas kind, double most, double least, double *sigmas, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      const double ramp = n > 1 ? i / (n - 1.0) : 0;

      if (kind == DDPM_SIGMAS_KARRAS)
        {
          const double first = pow (most, 1.0 / KARRAS_RHO), last = pow (least, 1.0 / KARRAS_RHO);

          sigmas[i] = pow (first + ramp * (last - first), KARRAS_RHO);
        }
      else
        sigmas[i] = exp (log (most) + ramp * (log (least) - log (most)));
    }
}

/* The timestep that the network is told for a sigma between those of timesteps. Where these are integers,
 * diffusers rounds some and cuts off others. */
static float
get_told_timestep (const DdpmSampler *sampler, double sigma)
{
  const DdpmSchedulerConfig *config = &sampler->config;
  const double t = find_timestep (sampler, sigma);

  if (sampler->klass->stepping == DDPM_STEPPING_FRACTIONS)
    return (float) t;
  if (config->sigmas == DDPM_SIGMAS_KARRAS
      && (config->beta_schedule != DDPM_BETAS_SQUAREDCOS_CAP_V2
          || sampler->klass->kind == DDPM_SAMPLER_UNIPC))
    return (float) rint (t);
  return (float) floor (t);
}

void
ddpm_sampler_set_sigmas (DdpmSampler *sampler)
{
  const DdpmSchedulerConfig *config = &sampler->config;
  const guint n = sampler->n_timesteps;
  double *sigmas = sampler->sigmas = g_new (double, n + 1);
  const gboolean whole_table = sampler->klass->stepping == DDPM_STEPPING_SHIFTED;
  const guint last = sampler->schedule->n_timesteps - 1; /* also where lambda_min_clipped cuts some off */
  const gboolean own_sigmas = config->sigmas != DDPM_SIGMAS_OF_TIMESTEPS && !sampler->own_list;

  for (guint i = 0; i < n; i++)
    sigmas[i] = get_sigma (sampler, sampler->timesteps[i]);
  if (own_sigmas)
    {
      const double most = whole_table ? get_table_sigma (sampler, last) : sigmas[0];
      const double least = whole_table ? get_table_sigma (sampler, 0) : sigmas[n - 1];

      fill_sigmas (config->sigmas, most, least, sigmas, n);
      for (guint i = 0; i < n; i++)
        sampler->timesteps[i] = get_told_timestep (sampler, sigmas[i]);
    }
  sigmas[n] = config->final_sigma_min ? get_table_sigma (sampler, 0) : 0;
  /* no step leads up */
  sigmas[n] = MIN (sigmas[n], sigmas[n - 1]);
  for (guint i = 0; i <= n; i++)
    sigmas[i] = (float) sigmas[i];
}

guint
ddpm_sampler_count_usable_timesteps (const DdpmSampler *sampler)
{
  const double least = sampler->config.lambda_min_clipped;
  guint n = sampler->schedule->n_timesteps;

  while (n > 1 && -log (get_table_sigma (sampler, n - 1)) < least)
    n--;
  return n;
}
