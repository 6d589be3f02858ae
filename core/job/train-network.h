/* The network of a new training run: shaped by the options, and for what they leave open by the pictures'
 * size. */
#pragma once

#include "core/job/train-job.h"

G_BEGIN_DECLS

/* Whether --channels, --layers or --attention was given. */
gboolean ddpm_train_network_is_given (const DdpmTrainOptions *options);

/* What the pictures' sides have to be multiples of, when their size is still open. */
guint ddpm_train_network_get_multiple (const DdpmTrainOptions *options);

/* Fills in all of config but its channels of input and output. options->layers_per_block and dropout are not
 * open. Errors: DDPM_ERROR_USAGE naming the option. */
gboolean ddpm_train_network_decide (DdpmUnetConfig *config, const DdpmTrainOptions *options, guint height,
                                    guint width, GError **error);

/* Sets channels, layers and attention of the options to what config has; attention in the middle block alone
 * leaves the last of them open. */
void ddpm_train_network_describe (const DdpmUnetConfig *config, DdpmTrainOptions *options);

/* The first of --channels and --attention that is given and other than config has it, or NULL. */
const char *ddpm_train_network_find_difference (const DdpmUnetConfig *config,
                                                const DdpmTrainOptions *options);

G_END_DECLS
