/* What the network of a training run learns: its objective, of the model's scheduler and the options. */
#pragma once

#include "core/job/train-plan.h"

G_BEGIN_DECLS

/* Chooses the loss if it is open, after scheduler and options are otherwise decided; refuses what makes no
 * sense. Needs no pictures: reading them may take a minute. Errors: DDPM_ERROR_USAGE. */
gboolean ddpm_train_objective_decide (DdpmTrainSetup *setup, GError **error);

/* As decided; its schedule is the caller's. */
DdpmObjective ddpm_train_objective_get (const DdpmTrainSetup *setup, const DdpmSchedule *schedule);

/* The first of --schedule, --predict and --variance that is given and other than the scheduler has it, or
 * NULL. */
const char *ddpm_train_objective_find_difference (const DdpmSchedulerConfig *scheduler,
                                                  const DdpmTrainOptions *options);

G_END_DECLS
