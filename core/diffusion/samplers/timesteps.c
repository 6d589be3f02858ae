/* The timesteps that a sampler visits: by spacing (SCHEDULERS.md, "Timesteps"), or a list of the caller's
 * own. */
#include "core/diffusion/samplers/sampler-private.h"

#include "core/base/error.h"
#include "core/base/text.h"

/* Number i of n, counted from the last one: they stand `stride` apart from the offset up. */
static double
get_leading (const DdpmSampler *sampler, guint i, guint n)
{
  const guint total = ddpm_sampler_count_usable_timesteps (sampler), offset = sampler->config.steps_offset;
  const gboolean shifted = sampler->klass->stepping == DDPM_STEPPING_SHIFTED;

  return shifted ? (n - i) * (double) (total / (n + 1)) + offset
                 : (n - 1 - i) * (double) (total / n) + offset;
}

static double
get_trailing (const DdpmSampler *sampler, guint i, guint n)
{
  /* numpy's arange: every value is the first one plus i times the difference of the first two, rounded */
  const guint total = ddpm_sampler_count_usable_timesteps (sampler);
  const double difference = (total - (double) total / n) - total;

  return rint (total + i * difference) - 1;
}

static double
get_linspace (const DdpmSampler *sampler, guint i, guint n)
{
  const guint last = ddpm_sampler_count_usable_timesteps (sampler) - 1;

  switch (sampler->klass->stepping)
    {
    case DDPM_STEPPING_SHIFTED:
      return rint ((n - i) * (last / (double) n));
    case DDPM_STEPPING_FRACTIONS:
      return n > 1 ? (n - 1 - i) * (last / (double) (n - 1)) : last;
    default:
      return n > 1 ? rint ((n - 1 - i) * (last / (double) (n - 1))) : 0;
    }
}

static double
get_timestep (const DdpmSampler *sampler, guint i, guint n)
{
  switch (sampler->config.timestep_spacing)
    {
    case DDPM_SPACING_LEADING:
      return get_leading (sampler, i, n);
    case DDPM_SPACING_TRAILING:
      return get_trailing (sampler, i, n);
    default:
      return get_linspace (sampler, i, n);
    }
}

gboolean
ddpm_sampler_set_timesteps_by_spacing (DdpmSampler *sampler, guint n_steps, GError **error)
{
  const guint total = sampler->schedule->n_timesteps, usable = ddpm_sampler_count_usable_timesteps (sampler);
  const gboolean stops_short = sampler->klass->stepping == DDPM_STEPPING_SHIFTED
                               && sampler->config.timestep_spacing != DDPM_SPACING_TRAILING;
  const guint most = stops_short ? usable - 1 : usable;

  if (n_steps < 1 || n_steps > most)
    {
      if (most == 0)
        g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                     _ ("The sampler %s cannot make a step with this model's %u timesteps; take ddim."),
                     sampler->klass->name, usable);
      else if (most < total)
        g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                     _ ("The number of steps is %u; this model takes 1 to %u with the sampler %s."), n_steps,
                     most, sampler->klass->name);
      else
        g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                     _ ("The number of steps is %u; this model takes 1 to %u."), n_steps, most);
      return FALSE;
    }
  if (get_timestep (sampler, 0, n_steps) >= total)
    {
      g_set_error (
        error, DDPM_ERROR, DDPM_ERROR_USAGE,
        _ ("%u steps with steps_offset %u reach beyond the model's last timestep %u; take fewer steps."),
        n_steps, sampler->config.steps_offset, total - 1);
      return FALSE;
    }
  sampler->n_steps = sampler->n_timesteps = n_steps;
  sampler->timesteps = g_new (float, n_steps);
  for (guint i = 0; i < n_steps; i++)
    sampler->timesteps[i] = (float) get_timestep (sampler, i, n_steps);
  return TRUE;
}

gboolean
ddpm_sampler_set_own_timesteps (DdpmSampler *sampler, const guint *timesteps, guint n_timesteps,
                                GError **error)
{
  const guint total = sampler->schedule->n_timesteps;

  if (n_timesteps < 1)
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                           _ ("The list of timesteps is empty; name at least one."));
      return FALSE;
    }
  for (guint i = 0; i < n_timesteps; i++)
    {
      if (timesteps[i] >= total)
        {
          g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                       _ ("The list of timesteps has %u in it; this model's timesteps are 0 to %u."),
                       timesteps[i], total - 1);
          return FALSE;
        }
      if (i > 0 && timesteps[i] >= timesteps[i - 1])
        {
          g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                       _ ("The list of timesteps has %u after %u; it must descend from one to the next."),
                       timesteps[i], timesteps[i - 1]);
          return FALSE;
        }
    }
  sampler->own_list = TRUE;
  sampler->n_timesteps = n_timesteps;
  sampler->timesteps = g_new (float, n_timesteps);
  for (guint i = 0; i < n_timesteps; i++)
    sampler->timesteps[i] = (float) timesteps[i];
  return TRUE;
}
