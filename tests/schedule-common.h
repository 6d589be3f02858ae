/* A linear schedule for tests of what is known in closed form. */
#pragma once

#include "core/diffusion/schedule.h"

/* Caller frees. */
static inline DdpmSchedule *
new_schedule (guint n_timesteps, double beta_start, double beta_end)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (GError) error = NULL;
  DdpmSchedule *schedule;

  ddpm_scheduler_config_init (&config);
  config.num_train_timesteps = n_timesteps;
  config.beta_start = beta_start;
  config.beta_end = beta_end;
  schedule = ddpm_schedule_new (&config, &error);
  g_assert_no_error (error);
  return schedule;
}
