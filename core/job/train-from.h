/* A model that a training begins with, --from: its network and schedule, and its weights brought to the new
 * network. */
#pragma once

#include "core/job/train-data.h"

G_BEGIN_DECLS

/* Opens options.from as setup->from, and refuses what this trainer cannot train. Errors: DDPM_ERROR_*. */
gboolean ddpm_train_from_open (DdpmTrainSetup *setup, GError **error);

/* Opens it, takes over network, schedule and notes, decides the options and reads the pictures. Errors:
 * DDPM_ERROR_*, G_IO_ERROR_CANCELLED. */
gboolean ddpm_train_from_begin (DdpmTrainSetup *setup, const DdpmTrainReading *reading, GError **error);

/* Whether the networks have the same parameters but for the table of labels. */
gboolean ddpm_train_from_fits (const DdpmUnet *from, const DdpmUnet *unet);

/* weights[n_weights of setup->unet] from setup->from. Labels that the model has too keep their rows of the
 * table; all others begin as what it made of pictures without a label. Errors: DDPM_ERROR_FILE,
 * DDPM_ERROR_MEMORY. */
gboolean ddpm_train_from_read (const DdpmTrainSetup *setup, float *weights, GError **error);

G_END_DECLS
