/* What ddpm train tells before it begins. */
#pragma once

#include "core/ddpm.h"

G_BEGIN_DECLS

/* To standard output. */
void ddpm_train_report_plan (const DdpmTrainPlan *plan);

G_END_DECLS
