/* What the network says of noisy pictures: with a label and guidance, for a batch at once, of canvases of any
 * size. */
#pragma once

#include "core/job/sample-job-private.h"

G_BEGIN_DECLS

typedef struct _DdpmSamplePredictor DdpmSamplePredictor;

/* Packs the model's weights. job and team are borrowed. Errors: DDPM_ERROR_MEMORY, those of reading the
 * weights, G_IO_ERROR_CANCELLED. */
DdpmSamplePredictor *ddpm_sample_predictor_new (const DdpmSampleJob *job, DdpmTeam *team, GError **error);
void ddpm_sample_predictor_free (DdpmSamplePredictor *predictor);

/* Bytes of a predictor for `batch` canvases, of which the network sees window_batch windows at once (or as
 * many as there are canvases, whole): the network's pass and what lies around it. */
gsize ddpm_sample_predictor_predict_bytes (const DdpmSampleJob *job, guint batch, guint window_batch);

/* Windows, or canvases, that the network goes through for a step of a batch, places left over included. */
guint ddpm_sample_predictor_count_windows (const DdpmSampleJob *job);

/* output[job->batch][n_outputs] for x[job->batch][n_values] at timestep t, the network's pictures from number
 * `first` on. Unfinished if the team was cancelled. Owned by the predictor, until the next call; may be
 * written to. */
float *ddpm_sample_predictor_run (DdpmSamplePredictor *predictor, guint first, const float *x, float t);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmSamplePredictor, ddpm_sample_predictor_free)

G_END_DECLS
