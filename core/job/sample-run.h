/* A run of a sampling job, shared by the files that do it: sample-job-run.c is the loop, sample-step.c a step
 * of a batch, sample-invert.c the way back from pictures to latents, sample-finish.c what becomes of finished
 * tensors. */
#pragma once

#include "core/job/sample-predict.h"

G_BEGIN_DECLS

typedef struct
{
  DdpmSampleJob *job;
  DdpmTeam *team;
  DdpmSamplePredictor *predictor;

  gsize n_values;    /* floats of one picture */
  float *ends[2];    /* inputs as tensors, [n_values]; NULL where there are none */
  float *latents[2]; /* LATENT: what they are made of, [n_values], or NULL */
  float *x;          /* [batch][n_values] */
  float *estimate;   /* [batch][n_values], of x_0 */
  float *noise;      /* [n_values] */
  guint n_states;    /* planes that the sampler remembers of a picture */
  float *state;      /* [batch][n_states][n_values], or NULL: none */
  float *thresholds; /* [batch], of the step, where the sampler needs them */
  float *known;      /* FILL: [batch][n_values], what there is around the pieces */
  float *mask;       /* FILL: [batch][height][width], what of it is made anew */
  DdpmImage *filled; /* FILL: the picture whose pieces are being made, or NULL */

  DdpmProgressFunc func;
  gpointer user_data;
  guint64 n_done; /* steps */
  gint64 start_us;
} DdpmSampleRun;

/* Pictures that are made at once: the network's, from number `first` on. */
typedef struct
{
  const DdpmSampleCourse *course;
  guint first, n;
} DdpmSampleBatch;

/* Number k of the batch's course: run->x one step on, run->estimate what it will come to. FALSE: cancelled,
 * and the batch of no more use. */
gboolean ddpm_sample_run_step (DdpmSampleRun *run, const DdpmSampleBatch *batch, guint k,
                               GCancellable *cancellable, GError **error);

/* Tells how far the run is. The first n_pictures estimates are shown. */
void ddpm_sample_run_report (DdpmSampleRun *run, guint n_pictures);

/* run->latents from run->ends; run->x is overwritten. If the job is stopped they are of no use. Errors:
 * DDPM_ERROR_MEMORY, G_IO_ERROR_CANCELLED. */
gboolean ddpm_sample_run_invert (DdpmSampleRun *run, guint n_preview, GCancellable *cancellable,
                                 GError **error);

/* x[n_values] is what came back of an end. */
void ddpm_sample_run_note_inversion (DdpmSampleRun *run, guint end, const float *x);

/* The picture that the network's x[n_values] number `task` is or belongs to goes to the job's images as soon
 * as it is whole. Errors: DDPM_ERROR_NUMERIC. */
gboolean ddpm_sample_run_finish (DdpmSampleRun *run, guint task, const float *x, GError **error);

/* Hands over what is there of a picture that not all pieces were made of. */
void ddpm_sample_run_finish_early (DdpmSampleRun *run);

G_END_DECLS
