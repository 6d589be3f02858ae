/* How much memory a training takes, and whether values are computed again in the backward pass to save some.
 */
#pragma once

#include "core/job/train-plan.h"

G_BEGIN_DECLS

/* Fills in setup's recompute, peak_bytes, peak_kept_bytes and sample_columns; the rest has been decided.
 * Recomputes where that was asked for, and where otherwise the memory that is free would not do.
 * Errors: DDPM_ERROR_MEMORY if it would not do even so. */
gboolean ddpm_train_decide_memory (DdpmTrainSetup *setup, GError **error);

G_END_DECLS
