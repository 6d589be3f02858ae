/* What a training run shows of what it has learned: a grid of samples, and beside each of them the training
 * picture that comes nearest to it. */
#pragma once

#include "core/job/train-nearest.h"
#include "core/job/train-state.h"

G_BEGIN_DECLS

typedef struct
{
  const DdpmTrainSetup *setup; /* borrowed */
  DdpmTeam *team;              /* borrowed */
  DdpmTrainNearest *nearest;   /* NULL until it is needed */
  DdpmTrainScore held_out;     /* what to compare scores with; ratio NaN: not known */
} DdpmTrainShow;

void ddpm_train_show_init (DdpmTrainShow *show, const DdpmTrainSetup *setup, DdpmTeam *team);
void ddpm_train_show_clear (DdpmTrainShow *show);

/* Writes output/samples/step-N.png (ddpm_train_samples_get_grid) and output/samples/nearest-N.png: in pairs,
 * samples of the averaged weights, those first that are likest to what they were trained on, and what that
 * is. score: of those samples. *message, which the caller frees, says all that. Progress: phase SAMPLE.
 * Errors: those of a sampling job, DDPM_ERROR_FILE. */
gboolean ddpm_train_show_make (DdpmTrainShow *show, const DdpmTrainSlabs *slabs, guint64 step,
                               DdpmProgressFunc func, gpointer user_data, GCancellable *cancellable,
                               DdpmTrainScore *score, char **message, GError **error);

/* output/samples/KIND-N.png; caller unrefs. */
GFile *ddpm_train_show_get_file (const DdpmTrainSetup *setup, const char *kind, guint64 step);

G_END_DECLS
