/* One step of training: the gradient on its batch, and the update of weights, average and moments.
 *
 * What a step does is a function of the state before it, its number and batch.round alone. Each time a
 * training goes back a new round begins: its steps are made again with the same pictures, so that each is
 * still seen once an epoch, but with other noise, since what met that noise before did not end well. */
#pragma once

#include "core/job/train-batch.h"
#include "core/job/train-plan.h"
#include "core/job/train-ranks.h"
#include "core/job/train-state.h"
#include "core/nn/unet-pass.h"

G_BEGIN_DECLS

typedef struct
{
  const DdpmTrainSetup *setup; /* borrowed */
  DdpmTeam *team;
  DdpmSchedule *schedule;
  DdpmUnetPass *pass;
  DdpmTrainBatch batch; /* this process's share of a part of a step's … */
  guint share_first;    /* … from this place of the part on */
  DdpmArena arena;
  DdpmTrainSlabs slabs; /* the state that is trained */
  float *grads;         /* [slabs.n] */
  DdpmRankSums sums;    /* of grads, where there are several processes */
  double grad_norm;     /* of the last gradient, before clipping */
} DdpmTrainStep;

/* Takes the memory of a run; the slabs are zero and to be filled in by the caller. Errors: DDPM_ERROR_MEMORY,
 * those of a schedule. */
gboolean ddpm_train_step_init (DdpmTrainStep *step, const DdpmTrainSetup *setup, GError **error);
void ddpm_train_step_clear (DdpmTrainStep *step);

/* The loss of step `number` (1 … 10^9), its gradient in grads and that one's norm, both of the whole batch
 * whatever this process's share is. The slabs stay as they are. Errors: G_IO_ERROR_CANCELLED, also if another
 * process was cancelled, and G_IO_ERROR_CLOSED if one has gone; those of ddpm_dataset_check. Nothing of that
 * is complete then. */
gboolean ddpm_train_step_compute (DdpmTrainStep *step, guint64 number, GCancellable *cancellable,
                                  double *loss, GError **error);

/* Moves the slabs along the gradient that was computed for this step. FALSE: the weights are no longer
 * finite. */
gboolean ddpm_train_step_update (DdpmTrainStep *step, guint64 number, double lr);

/* Whether every number of the slabs is finite. */
gboolean ddpm_train_step_is_finite (const DdpmTrainStep *step);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmTrainStep, ddpm_train_step_clear)

G_END_DECLS
