/* What ddpm evaluate tells of its measurements. */
#pragma once

#include "core/ddpm.h"

G_BEGIN_DECLS

/* To standard output: lines for people, or one JSON object. */
void ddpm_evaluate_report_text (const DdpmModel *model, const DdpmEvaluateOptions *options,
                                const DdpmEvaluation *evaluation);
void ddpm_evaluate_report_json (const DdpmModel *model, const DdpmEvaluateOptions *options,
                                const DdpmEvaluation *evaluation);

G_END_DECLS
