/* output/training/options.json: options, network, schedule and notes of a run, as decided, and the
 * fingerprint of its data. */
#pragma once

#include "core/job/train-plan.h"

G_BEGIN_DECLS

/* The options go to `stored` (initialised, the caller clears it), the rest to setup and `fingerprint`.
 * Members that only newer versions write may be missing. Errors: DDPM_ERROR_FILE naming the file and the
 * member. */
gboolean ddpm_train_stored_read (DdpmTrainSetup *setup, DdpmTrainOptions *stored, guint64 *fingerprint,
                                 GError **error);

/* Errors: DDPM_ERROR_FILE. */
gboolean ddpm_train_stored_write (const DdpmTrainSetup *setup, GError **error);

G_END_DECLS
