/* The loss on pictures that are not trained on: it tells learning from learning by heart. */
#pragma once

#include "core/base/parallel.h"
#include "core/job/train-plan.h"

G_BEGIN_DECLS

#define DDPM_TRAIN_HELD_OUT_EVERY 500 /* steps from one measurement to the next */
#define DDPM_TRAIN_HELD_OUT_VIEWS 256 /* that are measured, rounded up to whole batches */

/* Decides which pictures are held out: one in options.held_out, by their names alone, so that others keep
 * their place when pictures are added. An open option becomes 0 for few pictures. */
void ddpm_train_held_out_choose (DdpmTrainSetup *setup);

/* Whether the picture of this name (its path in the folder) is among them, where one in `share` is. */
gboolean ddpm_train_held_out_contains (const char *path, guint share);

/* Memory that a measurement takes for a while, in bytes. */
gsize ddpm_train_held_out_predict_bytes (const DdpmTrainSetup *setup);

/* The mean loss of weights[n_weights] on about 256 views of the held out pictures, the same ones with the
 * same noise, timesteps and labels each time. There have to be held out pictures. Errors: DDPM_ERROR_MEMORY,
 * G_IO_ERROR_CANCELLED. */
gboolean ddpm_train_held_out_measure (const DdpmTrainSetup *setup, const DdpmSchedule *schedule,
                                      DdpmTeam *team, const float *weights, GCancellable *cancellable,
                                      double *loss, GError **error);

G_END_DECLS
