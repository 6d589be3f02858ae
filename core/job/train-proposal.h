/* What is left open of a new run, decided from its pictures, its network, and the speed and memory of this
 * machine. What was given stays; a resumed run has nothing open. The decisions become options like the given
 * ones and are stored with them: the run goes on with them on any other machine. */
#pragma once

#include "core/job/train-data.h"

G_BEGIN_DECLS

/* With fewer pictures a model from random weights comes out as a copy of them; each has to be shown in as
 * many ways as it can be. */
#define DDPM_TRAIN_FEW_PICTURES 40

/* Whether pictures are mirrored, and whether the run sees parts of them: decided from how many files there
 * are and how large, without decoding any. window: pixels of the longer side that is trained; 0: still open,
 * and decided here for parts.
 * Errors: DDPM_ERROR_*, G_IO_ERROR_CANCELLED. */
gboolean ddpm_train_propose_views (DdpmTrainSetup *setup, guint window, const DdpmTrainReading *reading,
                                   GError **error);

/* Pictures a step, and the learning rate, for the network and the size that were decided. */
void ddpm_train_propose_batch (DdpmTrainSetup *setup);

/* Steps, and from one grid of samples to the next, by setup->pictures_per_s: enough to learn that many
 * pictures, and no more than options.hours, three if those are open. Nothing that a step does hangs on them:
 * a run that is made longer does the same as one that was as long from the beginning. */
void ddpm_train_propose_length (DdpmTrainSetup *setup);

G_END_DECLS
