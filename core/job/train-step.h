/* One step of training: the gradient on its batch, and the update of weights, average and moments. What a
 * step does is a function of the state before it and its number alone. */
#pragma once

#include "core/job/train-batch.h"
#include "core/job/train-plan.h"
#include "core/job/train-state.h"
#include "core/nn/unet-pass.h"

G_BEGIN_DECLS

typedef struct
{
  const DdpmTrainSetup *setup; /* borrowed */
  DdpmTeam *team;
  DdpmSchedule *schedule;
  DdpmUnetPass *pass;
  DdpmTrainBatch batch;
  DdpmArena arena;
  DdpmTrainSlabs slabs; /* the state that is trained */
  float *grads;         /* [slabs.n] */
  double grad_norm;     /* of the last gradient, before clipping */
} DdpmTrainStep;

/* Takes the memory of a run; the slabs are zero and to be filled in by the caller. Errors: DDPM_ERROR_MEMORY,
 * those of a schedule. */
gboolean ddpm_train_step_init (DdpmTrainStep *step, const DdpmTrainSetup *setup, GError **error);
void ddpm_train_step_clear (DdpmTrainStep *step);

/* The loss of step `number` (from 1), its gradient in grads and that one's norm. The slabs stay as they are.
 * FALSE: cancelled, and nothing of that is complete. */
gboolean ddpm_train_step_compute (DdpmTrainStep *step, guint64 number, GCancellable *cancellable,
                                  double *loss);

/* Moves the slabs along the gradient that was computed for this step. */
void ddpm_train_step_update (DdpmTrainStep *step, guint64 number, double lr);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmTrainStep, ddpm_train_step_clear)

G_END_DECLS
