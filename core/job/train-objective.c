#include "core/job/train-objective.h"

DdpmObjective
ddpm_train_objective_get (const DdpmTrainSetup *setup, const DdpmSchedule *schedule)
{
  return (DdpmObjective) { .schedule = schedule,
                           .prediction = setup->scheduler.prediction_type,
                           .variance = setup->scheduler.variance_type,
                           .loss = (DdpmLoss) setup->options.loss };
}

gboolean
ddpm_train_objective_decide (DdpmTrainSetup *setup, GError **error)
{
  DdpmTrainOptions *options = &setup->options;
  g_autoptr (DdpmSchedule) schedule = ddpm_schedule_new (&setup->scheduler, error);
  DdpmObjective objective;

  if (schedule == NULL)
    return FALSE;
  options->schedule = setup->scheduler.beta_schedule;
  options->prediction = setup->scheduler.prediction_type;
  options->variance = setup->scheduler.variance_type;
  if (options->loss == DDPM_TRAIN_OPEN)
    options->loss = ddpm_objective_choose_loss (options->variance);
  objective = ddpm_train_objective_get (setup, schedule);
  return ddpm_objective_check (&objective, error);
}

const char *
ddpm_train_objective_find_difference (const DdpmSchedulerConfig *scheduler, const DdpmTrainOptions *options)
{
  if (options->schedule != DDPM_TRAIN_OPEN_SCHEDULE && options->schedule != scheduler->beta_schedule)
    return "--schedule";
  if (options->prediction != DDPM_TRAIN_OPEN_PREDICTION && options->prediction != scheduler->prediction_type)
    return "--predict";
  if (options->variance != DDPM_TRAIN_OPEN_VARIANCE && options->variance != scheduler->variance_type)
    return "--variance";
  return NULL;
}
