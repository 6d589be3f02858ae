/* What a scheduler_config.json holds: DDPMScheduler's defaults, copying and clearing. */
#include "core/diffusion/schedule.h"

#include <math.h>

const char *const ddpm_beta_schedule_names[] = { "linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid",
                                                 NULL };

void
ddpm_scheduler_config_init (DdpmSchedulerConfig *config)
{
  *config = (DdpmSchedulerConfig) {
    .class_name = g_strdup ("DDPMScheduler"),
    .num_train_timesteps = 1000,
    .beta_start = 1e-4,
    .beta_end = 0.02,
    .beta_schedule = DDPM_BETAS_LINEAR,
    .prediction_type = DDPM_PREDICT_EPSILON,
    .variance_type = DDPM_VARIANCE_FIXED_SMALL,
    .clip_sample = TRUE,
    .clip_sample_range = 1.0,
    .timestep_spacing = DDPM_SPACING_LEADING,
    .set_alpha_to_one = TRUE,
    .dynamic_thresholding_ratio = 0.995,
    .sample_max_value = 1.0,
    .solver_order = 2,
    .lower_order_final = TRUE,
    .lambda_min_clipped = -INFINITY,
    .predict_x0 = TRUE,
  };
}

gboolean
ddpm_variance_is_learned (DdpmVariance variance)
{
  return variance == DDPM_VARIANCE_LEARNED || variance == DDPM_VARIANCE_LEARNED_RANGE;
}

guint
ddpm_variance_get_out_channels (DdpmVariance variance, guint in_channels)
{
  return ddpm_variance_is_learned (variance) ? 2 * in_channels : in_channels;
}

void
ddpm_scheduler_config_clear (DdpmSchedulerConfig *config)
{
  g_clear_pointer (&config->class_name, g_free);
  g_clear_pointer (&config->trained_betas, g_free);
  g_clear_pointer (&config->disable_corrector, g_free);
}

void
ddpm_scheduler_config_copy (DdpmSchedulerConfig *copy, const DdpmSchedulerConfig *config)
{
  *copy = *config;
  copy->class_name = g_strdup (config->class_name);
  if (config->trained_betas != NULL)
    copy->trained_betas = g_memdup2 (config->trained_betas, sizeof (float) * config->num_train_timesteps);
  copy->disable_corrector =
    g_memdup2 (config->disable_corrector, sizeof (guint) * config->n_disable_corrector);
}
