/* Sample grids of a training run: what its weights make of the same noise, step after step. */
#pragma once

#include "core/job/train-plan.h"

G_BEGIN_DECLS

/* Pictures of the averaged and of the raw weights, of the same noise: rows times columns of each. Of a model
 * with labels each row is one of them, all rows of the same noise, and the last is "no label". */
typedef struct
{
  guint columns, rows;
  char **row_names;           /* [rows], as ddpm_train_samples_get_row_names gives them */
  DdpmImage **average, **raw; /* [rows * columns] each, NULL-terminated */
} DdpmTrainSamples;

/* Whether there is a grid after this step: every options->sample_every steps, one early, and
 * the last. */
gboolean ddpm_train_samples_are_due (const DdpmTrainOptions *options, guint64 step);

/* The first step after `step` with a grid, which the last one always has; 0: there is none. */
guint64 ddpm_train_samples_get_next (const DdpmTrainOptions *options, guint64 step);

/* How many there are after steps above `after`, up to `last`. */
guint64 ddpm_train_samples_count (const DdpmTrainOptions *options, guint64 after, guint64 last);

/* Passes of the network that a grid takes, each of one picture. */
guint64 ddpm_train_samples_count_passes (const DdpmTrainSetup *setup);

/* The label of each row, "" for none; NULL: rows are nothing in particular. Caller frees. */
char **ddpm_train_samples_get_row_names (const DdpmTrainSetup *setup);

/* With weights average[n_weights] and raw[n_weights]; from seed 0, by DDIM in so few steps that a grid costs
 * little beside the training. Progress: phase SAMPLE. Errors: those of a sampling job. */
DdpmTrainSamples *ddpm_train_samples_new (const DdpmTrainSetup *setup, float *average, float *raw,
                                          DdpmProgressFunc func, gpointer user_data,
                                          GCancellable *cancellable, GError **error);
void ddpm_train_samples_free (DdpmTrainSamples *samples);

/* One picture, the averaged weights' on the left, the raw ones' on the right. */
DdpmImage *ddpm_train_samples_get_grid (const DdpmTrainSamples *samples);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmTrainSamples, ddpm_train_samples_free)

G_END_DECLS
