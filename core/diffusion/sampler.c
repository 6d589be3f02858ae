#include "core/diffusion/sampler-private.h"

#include <math.h>
#include <string.h>

#include "core/base/error.h"

static const DdpmSamplerClass *const classes[] = { &ddpm_sampler_class_ddpm, &ddpm_sampler_class_ddim };
static const char *const names[] = { "ddpm", "ddim", NULL };
G_STATIC_ASSERT (G_N_ELEMENTS (classes) + 1 == G_N_ELEMENTS (names));

const char *const *
ddpm_sampler_get_names (void)
{
  return names;
}

gboolean
ddpm_sampler_kind_from_name (const char *name, DdpmSamplerKind *kind)
{
  for (guint i = 0; i < G_N_ELEMENTS (classes); i++)
    if (g_strcmp0 (name, classes[i]->name) == 0)
      {
        *kind = classes[i]->kind;
        return TRUE;
      }
  return FALSE;
}

static const DdpmSamplerClass *
find_class (DdpmSamplerKind kind)
{
  for (guint i = 0; i < G_N_ELEMENTS (classes); i++)
    if (classes[i]->kind == kind)
      return classes[i];
  return NULL;
}

const char *
ddpm_sampler_kind_get_name (DdpmSamplerKind kind)
{
  const DdpmSamplerClass *klass = find_class (kind);

  return klass != NULL ? klass->name : NULL;
}

DdpmPredictionReader
ddpm_prediction_reader_new (const DdpmSampler *sampler, guint t)
{
  const float alpha_bar = sampler->schedule->alpha_bar[t];
  double mu_x0, mu_x_t, variance;

  ddpm_schedule_get_posterior (sampler->schedule, t, &mu_x0, &mu_x_t, &variance);
  return (DdpmPredictionReader) {
    .type = sampler->config.prediction_type,
    .signal = sqrtf (alpha_bar),
    .spread = sqrtf (1.0f - alpha_bar),
    .mu_x0 = (float) mu_x0,
    .mu_x_t = (float) mu_x_t,
    .limit = sampler->config.clip_sample ? (float) sampler->config.clip_sample_range : INFINITY,
  };
}

/* timesteps[n_steps], descending, as SCHEDULERS.md tells for DDPM and DDIM. */
static void
fill_timesteps (const DdpmSchedulerConfig *config, guint n_steps, guint *timesteps)
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

          timesteps[i] = (guint) rint (total + i * difference) - 1;
        }
        break;
      case DDPM_SPACING_LINSPACE:
        timesteps[i] =
          n_steps > 1 ? (guint) rint ((n_steps - 1 - i) * ((total - 1) / (double) (n_steps - 1))) : 0;
        break;
      }
}

static gboolean
set_timesteps_by_spacing (DdpmSampler *sampler, guint n_steps, GError **error)
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
  sampler->timesteps = g_new (guint, n_steps);
  fill_timesteps (&sampler->config, n_steps, sampler->timesteps);
  return TRUE;
}

static gboolean
set_own_timesteps (DdpmSampler *sampler, const guint *timesteps, guint n_timesteps, GError **error)
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
  sampler->timesteps = g_memdup2 (timesteps, n_timesteps * sizeof (guint));
  return TRUE;
}

static gboolean
check_config (const DdpmSamplerOptions *options, const DdpmSchedulerConfig *config, GError **error)
{
  if (!(options->eta >= 0 && options->eta <= 1))
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, "eta is %g; it must be between 0 and 1.",
                   options->eta);
      return FALSE;
    }
  if (config->thresholding)
    {
      g_set_error_literal (
        error, DDPM_ERROR, DDPM_ERROR_UNSUPPORTED,
        "The model's scheduler uses dynamic thresholding, which this version cannot do; set "
        "\"thresholding\" to false in scheduler_config.json.");
      return FALSE;
    }
  if (config->clip_sample && !(config->clip_sample_range > 0))
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                   "The scheduler's clip_sample_range is %g; it must be above 0.", config->clip_sample_range);
      return FALSE;
    }
  return TRUE;
}

/* Where nothing of the picture is left in x_t, epsilon tells nothing about x_0. */
static gboolean
check_start (const DdpmSampler *sampler, GError **error)
{
  const guint t = sampler->timesteps[0];

  if (sampler->config.prediction_type != DDPM_PREDICT_EPSILON || sampler->schedule->alpha_bar[t] > 0)
    return TRUE;
  g_set_error (
    error, DDPM_ERROR, DDPM_ERROR_USAGE,
    "At timestep %u this schedule is pure noise (rescale_betas_zero_snr), where a network that predicts "
    "epsilon says nothing about the picture; take another number of steps or timestep_spacing.",
    t);
  return FALSE;
}

DdpmSampler *
ddpm_sampler_new (const DdpmSamplerOptions *options, const DdpmSchedulerConfig *config, GError **error)
{
  g_autoptr (DdpmSampler) sampler = NULL;
  gboolean have_timesteps;

  g_return_val_if_fail (options != NULL && config != NULL, NULL);
  g_return_val_if_fail (find_class (options->kind) != NULL, NULL);

  if (!check_config (options, config, error))
    return NULL;

  sampler = g_new0 (DdpmSampler, 1);
  sampler->klass = find_class (options->kind);
  sampler->eta = options->eta;
  sampler->use_clipped_model_output = options->use_clipped_model_output;
  ddpm_scheduler_config_copy (&sampler->config, config);

  sampler->schedule = ddpm_schedule_new (config, error);
  if (sampler->schedule == NULL)
    return NULL;
  if (options->timesteps != NULL)
    have_timesteps = set_own_timesteps (sampler, options->timesteps, options->n_timesteps, error);
  else
    have_timesteps = set_timesteps_by_spacing (sampler, options->n_steps, error);
  if (!have_timesteps || !check_start (sampler, error))
    return NULL;
  return g_steal_pointer (&sampler);
}

void
ddpm_sampler_free (DdpmSampler *sampler)
{
  if (sampler == NULL)
    return;
  ddpm_scheduler_config_clear (&sampler->config);
  ddpm_schedule_free (sampler->schedule);
  g_free (sampler->timesteps);
  g_free (sampler);
}

const DdpmSchedule *
ddpm_sampler_get_schedule (const DdpmSampler *sampler)
{
  return sampler->schedule;
}

const guint *
ddpm_sampler_get_timesteps (const DdpmSampler *sampler, guint *n_timesteps)
{
  *n_timesteps = sampler->n_timesteps;
  return sampler->timesteps;
}

guint
ddpm_sampler_find_step (const DdpmSampler *sampler, guint t)
{
  guint step = 0;

  while (step < sampler->n_timesteps && sampler->timesteps[step] > t)
    step++;
  return step;
}

gboolean
ddpm_sampler_step_needs_noise (const DdpmSampler *sampler, guint step)
{
  g_return_val_if_fail (step < sampler->n_timesteps, FALSE);

  return sampler->klass->needs_noise (sampler, step);
}

void
ddpm_sampler_step (const DdpmSampler *sampler, guint step, const float *model_output, const float *variance,
                   const float *noise, float *x, float *x0, gsize n)
{
  g_return_if_fail (step < sampler->n_timesteps);
  g_return_if_fail (noise != NULL || !ddpm_sampler_step_needs_noise (sampler, step));

  g_return_if_fail (variance != NULL || !ddpm_variance_is_learned (sampler->config.variance_type));

  sampler->klass->step (sampler, step, model_output, variance, noise, x, x0, n);
}
