/* A model that a training begins with, --from: its network, its schedule and its notes. */
#pragma once

#include "core/job/train-data.h"

G_BEGIN_DECLS

/* Opens options.from as setup->from, and refuses what this trainer cannot train. Errors: DDPM_ERROR_*. */
gboolean ddpm_train_from_open (DdpmTrainSetup *setup, GError **error);

/* Opens it, takes over network, schedule and notes, decides the options and reads the pictures, which may
 * have other channels and another size than its own. Errors: DDPM_ERROR_*, G_IO_ERROR_CANCELLED. */
gboolean ddpm_train_from_begin (DdpmTrainSetup *setup, const DdpmTrainReading *reading, GError **error);

G_END_DECLS
