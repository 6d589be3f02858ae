/* The timesteps that a sampler visits: by spacing, or a list of the caller's own. */
#include "core/diffusion/samplers/sampler-private.h"

#include "core/base/error.h"

/* timesteps[n_steps], descending, as SCHEDULERS.md tells for DDPM and DDIM. */
static void
fill_timesteps (const DdpmSchedulerConfig *config, guint n_steps, float *timesteps)
{
  const guint total = config->num_train_timesteps;

  for (guint i = 0; i < n_steps; i++)
    switch (config->timestep_spacing)
      {
      case DDPM_SPACING_LEADING:
        timesteps[i] = (n_steps - 1 - i) * (total / n_steps) + config->steps_offset;
        break;
      case DDPM_SPACING_TRAILING:
        {
          /* numpy's arange: every value is the first one plus i times the difference of the first two,
           * rounded */
          const double difference = (total - (double) total / n_steps) - total;

          timesteps[i] = (float) (rint (total + i * difference) - 1);
        }
        break;
      case DDPM_SPACING_LINSPACE:
        timesteps[i] =
          n_steps > 1 ? (float) rint ((n_steps - 1 - i) * ((total - 1) / (double) (n_steps - 1))) : 0;
        break;
      }
}

gboolean
ddpm_sampler_set_timesteps_by_spacing (DdpmSampler *sampler, guint n_steps, GError **error)
{
  const guint total = sampler->schedule->n_timesteps, offset = sampler->config.steps_offset;

  if (n_steps < 1 || n_steps > total)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                   "The number of steps is %u; this model takes 1 to %u.", n_steps, total);
      return FALSE;
    }
  if (sampler->config.timestep_spacing == DDPM_SPACING_LEADING
      && (guint64) (n_steps - 1) * (total / n_steps) + offset >= total)
    {
      g_set_error (
        error, DDPM_ERROR, DDPM_ERROR_USAGE,
        "%u steps with steps_offset %u reach beyond the model's last timestep %u; take fewer steps.", n_steps,
        offset, total - 1);
      return FALSE;
    }
  sampler->n_steps = sampler->n_timesteps = n_steps;
  sampler->timesteps = g_new (float, n_steps);
  fill_timesteps (&sampler->config, n_steps, sampler->timesteps);
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
                           "The list of timesteps is empty; name at least one.");
      return FALSE;
    }
  for (guint i = 0; i < n_timesteps; i++)
    {
      if (timesteps[i] >= total)
        {
          g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                       "The list of timesteps has %u in it; this model's timesteps are 0 to %u.",
                       timesteps[i], total - 1);
          return FALSE;
        }
      if (i > 0 && timesteps[i] >= timesteps[i - 1])
        {
          g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                       "The list of timesteps has %u after %u; it must descend from one to the next.",
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
