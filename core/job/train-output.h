/* The folder a training writes to: its lock, its log, the checkpoint and the model. */
#pragma once

#include "core/job/train-log.h"
#include "core/job/train-plan.h"
#include "core/job/train-state.h"

G_BEGIN_DECLS

typedef struct
{
  const DdpmTrainSetup *setup; /* borrowed */
  GFile *state_file, *good_file;
  int lock;           /* the open training folder; -1: none */
  gboolean is_stored; /* options.json says what this run does */
  DdpmTrainLog *log;
  guint64 saved_step; /* of the last checkpoint; 0: none */
  gint64 saved_us;    /* when that was, monotonic */
} DdpmTrainOutput;

/* Makes and locks the folder, makes sure that it is still what the run was prepared for, and opens the log
 * after setup's first step. Errors: DDPM_ERROR_FILE, DDPM_ERROR_USAGE. */
gboolean ddpm_train_output_open (DdpmTrainOutput *output, const DdpmTrainSetup *setup, GError **error);
void ddpm_train_output_clear (DdpmTrainOutput *output);

/* Writes options.json if this run has not done so. Errors: DDPM_ERROR_FILE. */
gboolean ddpm_train_output_store (DdpmTrainOutput *output, GError **error);

/* Writes checkpoint and model. Errors: DDPM_ERROR_FILE, saying what is intact. */
gboolean ddpm_train_output_save (DdpmTrainOutput *output, const DdpmTrainCounters *counters,
                                 const DdpmTrainSlabs *slabs, GError **error);

/* Keeps a state to go back to, as training/good.safetensors. It is no checkpoint: those are written by the
 * clock, while a run may go back only to where any other one with these options would. Errors:
 * DDPM_ERROR_FILE. */
gboolean ddpm_train_output_keep (DdpmTrainOutput *output, const DdpmTrainCounters *counters,
                                 const DdpmTrainSlabs *slabs, GError **error);
gboolean ddpm_train_output_has_kept (const DdpmTrainOutput *output);

/* Fills in counters and slabs as they were kept, and drops what the log says of later steps. Errors:
 * DDPM_ERROR_FILE. */
gboolean ddpm_train_output_go_back (DdpmTrainOutput *output, DdpmTrainCounters *counters,
                                    const DdpmTrainSlabs *slabs, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmTrainOutput, ddpm_train_output_clear)

G_END_DECLS
