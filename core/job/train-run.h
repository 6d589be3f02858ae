/* The run of a training job, from its first step, or its checkpoint, to the end. */
#pragma once

#include "core/job/train-plan.h"

G_BEGIN_DECLS

/* As ddpm_train_job_run; *step counts the steps done and may be read by other threads. Takes setup->from's
 * weights, so that a setup serves for one run. */
gboolean ddpm_train_run (DdpmTrainSetup *setup, _Atomic guint64 *step, DdpmProgressFunc func,
                         gpointer user_data, GCancellable *cancellable, GError **error);

G_END_DECLS
