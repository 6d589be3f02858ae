/* Weights of a model that a training begins with, brought to the new network. */
#pragma once

#include "core/job/train-plan.h"

G_BEGIN_DECLS

/* Whether the networks have the same parameters but for the table of labels. */
gboolean ddpm_train_from_fits (const DdpmUnet *from, const DdpmUnet *unet);

/* weights[n_weights of setup->unet] from setup->from. Labels that the model has too keep their rows of the
 * table; all others begin as what it made of pictures without a label. Errors: DDPM_ERROR_FILE,
 * DDPM_ERROR_MEMORY. */
gboolean ddpm_train_from_read (const DdpmTrainSetup *setup, float *weights, GError **error);

G_END_DECLS
