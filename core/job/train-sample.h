/* Sample grids of a training run: what the averaged weights make of the same noise, step after step. */
#pragma once

#include "core/job/train-plan.h"

G_BEGIN_DECLS

/* Writes output/samples/step-N.png: setup->sample_columns squared pictures, seeds' place 0 … of seed 0, by 50
 * steps of DDIM with weights ema[n_weights]. *name: the file for messages, caller frees. Progress: phase
 * SAMPLE. Errors: those of a sampling job, DDPM_ERROR_FILE. */
gboolean ddpm_train_sample (const DdpmTrainSetup *setup, float *ema, guint64 step, DdpmProgressFunc func,
                            gpointer user_data, GCancellable *cancellable, char **name, GError **error);

G_END_DECLS
