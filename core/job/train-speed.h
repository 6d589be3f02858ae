/* How fast this machine trains a network.
 *
 * What counts is how long its processors work for it, not how much time passes: a run of hours shall not
 * become a short one because others were busy in the second when it was measured, and the same command shall
 * decide the same twice. How much longer it takes while they are busy is told. */
#pragma once

#include "core/job/train-plan.h"

G_BEGIN_DECLS

/* Sets setup->pictures_per_s, made_per_s, decode_s and slowdown from a few passes of the network that was
 * decided, forward and backward: about a second on two cores; that of all processes together. 0 where there
 * is no memory for it. Errors: G_IO_ERROR_CANCELLED, those of DdpmRanks. */
gboolean ddpm_train_measure_speed (DdpmTrainSetup *setup, GCancellable *cancellable, GError **error);

G_END_DECLS
