/* Tells a training that has diverged from one that has a bad moment, by its loss.
 *
 * The loss is watched on a logarithmic scale, where the few batches that cost a hundred times as much as
 * others weigh little, and smoothed over about a hundred steps. It runs away when for
 * DDPM_TRAIN_GUARD_PATIENCE steps on end it is at least four times the lowest it has been, or back where it
 * was after the first hundred steps after having been at half of that. The lowest counts with what chance may
 * have done for it, which is more the fewer steps there were.
 *
 * A run that has diverged goes back to its last good state and halves its learning rate. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define DDPM_TRAIN_GUARD_PATIENCE 200 /* steps */
#define DDPM_TRAIN_GUARD_MOST_SETBACKS 3

/* Part of a checkpoint. */
typedef struct
{
  guint64 n;        /* losses seen */
  guint64 n_bad;    /* steps on end on which the loss was too high */
  guint64 setbacks; /* times the run went back and halved its learning rate */
  double level;     /* the logarithm of the loss, smoothed */
  double spread;    /* the variance of one loss's logarithm */
  double start;     /* … after the first hundred steps; NaN before */
  double lowest;    /* … at its lowest, with what chance may have done */
} DdpmTrainGuard;

void ddpm_train_guard_init (DdpmTrainGuard *guard);

/* Takes the loss of one more step, which is finite. FALSE: it has run away. */
gboolean ddpm_train_guard_add (DdpmTrainGuard *guard, double loss);

/* Whether the loss is not too high at this moment; and whether it is so low that this is a state to go back
 * to: one that has just begun to run away is not. */
gboolean ddpm_train_guard_is_calm (const DdpmTrainGuard *guard);
gboolean ddpm_train_guard_is_well (const DdpmTrainGuard *guard);

G_END_DECLS
