/* What the pictures of a run would allow that it was not asked for. */
#pragma once

#include "core/job/train-plan.h"

G_BEGIN_DECLS

/* Fills in setup->hints. Whatever cannot be found out is no hint, and no error. */
void ddpm_train_hints_find (DdpmTrainSetup *setup);
void ddpm_train_hints_clear (DdpmTrainHints *hints);

G_END_DECLS
