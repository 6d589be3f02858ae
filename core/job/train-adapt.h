/* Weights of a model that a training begins with, brought to the new network, which may know other labels and
 * have other channels. */
#pragma once

#include "core/job/train-plan.h"

G_BEGIN_DECLS

/* Whether the networks have the same parameters but for the table of labels and the channels of the pictures.
 */
gboolean ddpm_train_adapt_fits (const DdpmUnet *from, const DdpmUnet *unet);

/* weights[n_weights of setup->unet] from setup->from. Labels that the model has too keep their rows of the
 * table; all others begin as what it made of pictures without a label. Of channels 1 is grey, 3 RGB and 4
 * RGBA: colours become one grey, or grey three colours that are the same at first; transparency that the
 * model did not have begins from nothing. Errors: DDPM_ERROR_FILE, DDPM_ERROR_MEMORY. */
gboolean ddpm_train_adapt_read (const DdpmTrainSetup *setup, float *weights, GError **error);

G_END_DECLS
