/* How a run goes on: all is taken from options.json, and made sure to fit still. */
#pragma once

#include "core/job/train-data.h"

G_BEGIN_DECLS

/* Reads options.json, fills in the options that were left open and reads the pictures. Errors: DDPM_ERROR_*,
 * G_IO_ERROR_CANCELLED. */
gboolean ddpm_train_resume_begin (DdpmTrainSetup *setup, const DdpmTrainReading *reading, GError **error);

/* Where a resumed run stands: at its checkpoint, or at its beginning if it was stopped before the first one.
 * `steps` as given: when they are open, the stored ones may be too few, from before the run was made longer
 * and killed. Errors: DDPM_ERROR_*. */
gboolean ddpm_train_resume_find_step (DdpmTrainSetup *setup, guint64 steps, GError **error);

G_END_DECLS
