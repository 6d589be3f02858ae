/* How much memory a training takes, and what is done to save some: values are computed again in the backward
 * pass, and then the batch is cut into parts. */
#pragma once

#include "core/job/train-plan.h"

G_BEGIN_DECLS

/* Fills in setup's recompute, must_accumulate, peak_bytes, peak_kept_bytes and sample_columns, and accumulate
 * if it is open; the rest has been decided. Recomputes where that was asked for, and where otherwise the
 * memory that is free would not do; has the fewest parts that will do then. Errors: DDPM_ERROR_MEMORY if none
 * do, DDPM_ERROR_USAGE for an accumulate that does not divide the batch. */
gboolean ddpm_train_decide_memory (DdpmTrainSetup *setup, GError **error);

G_END_DECLS
