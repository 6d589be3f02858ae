/* report.html: all there is to know about a training, in one file that needs no other: curves, samples then
 * and now, the training pictures nearest to them, the settings, and how to go on. */
#pragma once

#include "core/job/train-log.h"
#include "core/job/train-plan.h"

G_BEGIN_DECLS

/* Writes output/report.html of a run that has made `step` steps, from its log and output/samples, aside and
 * renamed. Its size is bounded: of many grids a few are shown, large ones made smaller. Errors:
 * DDPM_ERROR_FILE. */
gboolean ddpm_train_page_write (const DdpmTrainSetup *setup, const DdpmTrainLog *log, guint64 step,
                                GError **error);

G_END_DECLS
