/* What the parts of a training run share: train-run.c makes the steps, train-run-begin.c what comes before
 * the first one, train-run-write.c what is written after each. */
#pragma once

#include <stdatomic.h>

#include "core/job/train-output.h"
#include "core/job/train-rate.h"
#include "core/job/train-show.h"
#include "core/job/train-step.h"

G_BEGIN_DECLS

typedef struct
{
  DdpmTrainSetup *setup; /* borrowed, as are the three below */
  _Atomic guint64 *step;
  DdpmProgressFunc func;
  gpointer user_data;
  DdpmTrainOutput output;
  DdpmTrainStep work;
  DdpmTrainCounters counters;
  DdpmTrainShow show;
  DdpmTrainRate rate;
  double held_out_average; /* the last one measured; 0: none */
  double seconds;          /* of training that the log told of at the start */
  gboolean writes;         /* one of several processes, only the first does */
  gboolean is_hurried;     /* the process may be killed before a checkpoint is written */
} DdpmTrainRun;

/* Reports progress; message may be NULL. */
void ddpm_train_run_tell (const DdpmTrainRun *run, DdpmPhase phase, const char *message);

gboolean ddpm_train_run_is_last (const DdpmTrainRun *run);            /* the last step is made */
double ddpm_train_run_get_lr (const DdpmTrainRun *run, guint64 step); /* warm-up and setbacks included */

/* Opens what is written, and fills in counters and weights from --from, a checkpoint or at random. Errors:
 * DDPM_ERROR_*, those of DdpmRanks. */
gboolean ddpm_train_run_begin (DdpmTrainRun *run, GCancellable *cancellable, GError **error);

/* The first process's state becomes that of all. Errors: those of DdpmRanks. */
gboolean ddpm_train_run_share_state (DdpmTrainRun *run, GCancellable *cancellable, GError **error);

/* What comes after a step: the log's line, samples, checkpoint. is_made: it was made just now; else a resumed
 * run begins with what was interrupted after the step of its checkpoint. Errors: DDPM_ERROR_FILE, those of
 * DdpmRanks. */
gboolean ddpm_train_run_finish_step (DdpmTrainRun *run, gboolean is_made, GCancellable *cancellable,
                                     GError **error);

/* Writes checkpoint, model and report. Errors: DDPM_ERROR_FILE, saying what is intact. */
gboolean ddpm_train_run_save (DdpmTrainRun *run, GError **error);

/* Writes samples and what is nearest to them, and tells. A grid that cannot be made is no reason to end a
 * training: it is told, and the next one tried. Errors: DDPM_ERROR_FILE of the log. */
gboolean ddpm_train_run_make_samples (DdpmTrainRun *run, GCancellable *cancellable, GError **error);

G_END_DECLS
