/* Everything that makes pictures with a model: new ones, variations of one, in-betweens of two. */
#pragma once

#include "core/diffusion/sampler.h"
#include "core/job/progress.h"
#include "core/model/model.h"

G_BEGIN_DECLS

typedef enum
{
  DDPM_TASK_GENERATE,
  DDPM_TASK_VARY,       /* q (x_t0 | input), then denoise (SDEdit, Meng et al. 2022) */
  DDPM_TASK_INTERPOLATE /* Ho et al. 2020, section 4.4 */
} DdpmSampleTask;

#define DDPM_MAX_SEED 2147483647
#define DDPM_MAX_COUNT 1000
#define DDPM_MAX_GUIDANCE 100

typedef struct
{
  DdpmSampleTask task;
  guint count;  /* pictures to make, 1 … DDPM_MAX_COUNT; interpolation: in-betweens */
  guint32 seed; /* 0 … DDPM_MAX_SEED; picture i uses (seed, purpose, i) */
  DdpmSamplerKind sampler;
  guint n_steps; /* of the sampler, 1 … T */
  double eta;
  double strength;     /* VARY, INTERPOLATE: 0 … 1; t0 = round (strength (T - 1)) */
  guint width, height; /* pixels of the result, GENERATE; 0: the model's own size */
  guint batch;         /* pictures at once; 0: chosen by size */
  guint n_threads;     /* 0: all */
  /* One of the model's labels, in any case; NULL: none. Borrowed until ddpm_sample_job_new returns. */
  const char *label;
  /* How far to go from what the network says without the label towards, and beyond, what it says with it (Ho
   * and Salimans 2022): 0 … DDPM_MAX_GUIDANCE; 1, the default: only what it says with it, in half the time.
   */
  double guidance;
  DdpmPrecision precision;
  gboolean preview; /* progress brings the current estimates of x_0 along */
  /* VARY: [0]; INTERPOLATE: first the lower, then the upper. Any size and channel count: each is brought to
   * the model's size, and results back to the size of inputs[0]. Borrowed until ddpm_sample_job_new returns.
   */
  const DdpmImage *inputs[2];
} DdpmSampleOptions;

/* Defaults: 1 picture, seed 0, f32, the model's recommended sampler and steps (else DDIM, 50 steps), eta 0,
 * strength 0.5, no label, guidance 1. */
void ddpm_sample_options_init (DdpmSampleOptions *options, const DdpmModel *model);

typedef struct _DdpmSampleJob DdpmSampleJob;
#define DDPM_TYPE_SAMPLE_JOB (ddpm_sample_job_get_type ())
G_DECLARE_FINAL_TYPE (DdpmSampleJob, ddpm_sample_job, DDPM, SAMPLE_JOB, GObject)

/* Checks every option. The model, whose weights may still be in its file, is borrowed and must outlive the
 * job; it may serve several jobs, one after the other. Errors: DDPM_ERROR_USAGE with a sentence that names
 * the option, DDPM_ERROR_UNSUPPORTED, DDPM_ERROR_MEMORY if the job would not fit into what the machine has
 * free. */
DdpmSampleJob *ddpm_sample_job_new (DdpmModel *model, const DdpmSampleOptions *options, GError **error);

/* Peak memory of the job: its pass with the packed weights, tensors and pictures. */
gsize ddpm_sample_job_predict_bytes (DdpmSampleJob *job);

/* Steps of all batches together: what progress.total will be. */
guint64 ddpm_sample_job_get_total_steps (DdpmSampleJob *job);

/* Progress: phase SAMPLE after each step. Errors: G_IO_ERROR_CANCELLED, DDPM_ERROR_MEMORY,
 * DDPM_ERROR_NUMERIC. */
gboolean ddpm_sample_job_run (DdpmSampleJob *job, DdpmProgressFunc func, gpointer user_data,
                              GCancellable *cancellable, GError **error);
void ddpm_sample_job_run_async (DdpmSampleJob *job, DdpmProgressFunc func, gpointer user_data,
                                GCancellable *cancellable, GAsyncReadyCallback ready, gpointer ready_data);
gboolean ddpm_sample_job_run_finish (DdpmSampleJob *job, GAsyncResult *result, GError **error);

/* From any thread: finish after the step under way, with the current estimates of x_0. Pictures of batches
 * that have not begun are not made; the first batch takes one step at least. */
void ddpm_sample_job_stop_here (DdpmSampleJob *job);

/* Finished pictures, in order; fewer than count after a cancelled or stopped run. In the model's channels,
 * and with the inputs' alpha where the model has none and they do; in the model's size, or that of inputs[0].
 * With strength 0 variations are the input itself, in-betweens the plain mixture. Owned by the job, until it
 * runs again. */
DdpmImage *const *ddpm_sample_job_get_images (DdpmSampleJob *job, guint *n_images);

/* The settings of picture `index` as one line of JSON, for layer parasites and PNG text: task, model, seed,
 * index, count, sampler, steps, eta, strength, lambda, label and guidance where they apply, width, height,
 * batch, version. Caller frees. */
char *ddpm_sample_job_describe (DdpmSampleJob *job, guint index);

G_END_DECLS
