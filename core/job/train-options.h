/* The options of a training run: what may be given, what an open one becomes, what a resumed run may change.
 */
#pragma once

#include "core/job/train-job.h"

G_BEGIN_DECLS

/* A copy that owns its files. */
void ddpm_train_options_copy (DdpmTrainOptions *copy, const DdpmTrainOptions *options);

/* Every given option within its range. Errors: DDPM_ERROR_USAGE naming the option. */
gboolean ddpm_train_options_check (const DdpmTrainOptions *options, GError **error);

/* Open scalar options take `stored`'s values. Given ones must be equal, except those that a run may change on
 * its way (steps, save_every, sample_every); pictures are taken as given. Errors: DDPM_ERROR_USAGE naming the
 * option. */
gboolean ddpm_train_options_resume (DdpmTrainOptions *options, const DdpmTrainOptions *stored,
                                    GError **error);

/* Open scalar options take their defaults, but for those that hang on the pictures or the machine; width,
 * height and the network stay as they are. */
void ddpm_train_options_set_defaults (DdpmTrainOptions *options);

G_END_DECLS
