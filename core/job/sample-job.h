/* Everything that makes pictures with a model: new ones, variations of one, in-betweens of two, parts of one
 * made anew, and one as it comes to be. */
#pragma once

#include "core/diffusion/sampler.h"
#include "core/job/progress.h"
#include "core/model/model.h"

G_BEGIN_DECLS

typedef enum
{
  DDPM_TASK_GENERATE,
  DDPM_TASK_VARY,        /* q (x_t0 | input), then denoise (SDEdit, Meng et al. 2022) */
  DDPM_TASK_INTERPOLATE, /* Ho et al. 2020, section 4.4 */
  DDPM_TASK_FILL,        /* what a mask says of a picture is made anew (RePaint, Lugmayr et al. 2022) */
  DDPM_TASK_PROGRESSIVE  /* one new picture by its estimates of x_0, from step T to 0 (Ho et al. 2020, 4.3) */
} DdpmSampleTask;

typedef enum
{
  DDPM_INTERPOLATION_NOISE, /* both ends noised alike, mixed (Ho et al. 2020, section 4.4) */
  DDPM_INTERPOLATION_LATENT /* both ends inverted, mixed on a sphere (Song et al. 2021, DDIM, section 5.3) */
} DdpmInterpolation;

/* At what size the network sees pictures. */
typedef enum
{
  /* As the pictures: the model's own size, and for networks without attention moderate ones, DIRECT; larger
   * ones WINDOWS; smaller ones FIT. FILL: the pieces of the mask, each with as much again around it on every
   * side, but not less than the model's size: FIT where that scales them down to half at most. */
  DDPM_SIZING_AUTO,
  DDPM_SIZING_DIRECT,  /* as a whole, at any size; the network was trained for one only */
  DDPM_SIZING_WINDOWS, /* by overlapping windows, averaged at every step (Bar-Tal et al. 2023), in memory that
                          hardly depends on the size */
  DDPM_SIZING_FIT      /* in the model's own size, scaled to that and back */
} DdpmSizing;

/* Axes along which pictures go on at their other end, so that they can be laid like tiles. */
typedef enum
{
  DDPM_SEAMLESS_NONE = 0,
  DDPM_SEAMLESS_X = 1 << 0, /* left and right */
  DDPM_SEAMLESS_Y = 1 << 1  /* top and bottom */
} DdpmSeamless;

/* The words for them, in their order, NULL-terminated. */
extern const char *const ddpm_sample_task_names[];   /* "generate", … */
extern const char *const ddpm_interpolation_names[]; /* "noise", "latent" */
extern const char *const ddpm_sizing_names[];        /* "auto", "direct", "windows", "fit" */
extern const char *const ddpm_seamless_names[];      /* "none", "x", "y", "both" */

#define DDPM_PREVIEW_MAX_SIDE 512 /* pixels */

#define DDPM_MAX_SEED 2147483647
#define DDPM_MAX_COUNT 1000
#define DDPM_MAX_GUIDANCE 100
#define DDPM_MAX_RESAMPLINGS 100

/* Words in the place of a label, unless the model has one of that name. */
#define DDPM_LABEL_ANY "any"
#define DDPM_LABEL_NONE "none"

typedef struct
{
  DdpmSampleTask task;
  guint count;  /* pictures to make, 1 … DDPM_MAX_COUNT; INTERPOLATE: in-betweens; PROGRESSIVE: estimates */
  guint32 seed; /* 0 … DDPM_MAX_SEED; picture i uses (seed, purpose, i) */
  DdpmSamplerKind sampler;
  guint n_steps;         /* of the sampler, 1 … T */
  guint spacing, sigmas; /* as in DdpmSamplerOptions; 0, the default: as the model's scheduler says */
  double eta;
  DdpmLangevinOptions langevin; /* of that sampler */
  double strength;              /* VARY, INTERPOLATE: 0 … 1; t0 = round (strength (T - 1)) */
  /* VARY: the last picture's strength, 0 … 1; the others are spread evenly from `strength` to it. Each is the
   * picture that a variation of its strength has at its place. Below 0, the default: all have `strength`. */
  double ladder_to;
  /* INTERPOLATE. LATENT takes DDIM with eta 0 where sampler and eta name one that adds noise at random: that
   * cannot be undone. */
  DdpmInterpolation interpolation;
  /* GENERATE: 0 … 1; all pictures have the noise in common from T down to t = round (shared (T - 1)) (Ho et
   * al. 2020, figure 7). Takes a sampler that adds noise. 1, the default: nothing in common. */
  double shared;
  guint width, height; /* pixels of the result, GENERATE, PROGRESSIVE; 0: the model's own size */
  DdpmSizing sizing;
  DdpmSeamless seamless; /* models with circular padding make pictures that tile in any case */
  guint batch;           /* pictures at once; 0: chosen by size */
  guint n_threads;       /* 0: all */
  /* One of the model's labels, in any case; DDPM_LABEL_ANY: each picture's own, drawn by the seed, where the
   * model has labels; DDPM_LABEL_NONE or NULL: none. Borrowed until ddpm_sample_job_new returns. */
  const char *label;
  /* How far to go from what the network says without the label towards, and beyond, what it says with it (Ho
   * and Salimans 2022): 0 … DDPM_MAX_GUIDANCE; 1, the default: only what it says with it, in half the time.
   */
  double guidance;
  DdpmPrecision precision;
  gboolean preview; /* progress brings the current estimates of x_0 along; fewer pictures at once */
  /* VARY, FILL: [0]; INTERPOLATE: first the lower, then the upper. Any size and channel count: each is
   * brought to the model's size, and results back to the size of inputs[0]. Borrowed until
   * ddpm_sample_job_new returns. */
  const DdpmImage *inputs[2];
  /* FILL: 1 channel, of the size of inputs[0]; 1: made anew, 0: kept bit for bit, between: blended. NULL:
   * what is transparent is made anew. Borrowed until ddpm_sample_job_new returns. */
  const DdpmImage *mask;
  guint resamplings; /* FILL: RePaint's r, how often a stretch of steps is gone through, 1 … */
} DdpmSampleOptions;

/* Defaults: 1 picture, seed 0, f32, the model's recommended sampler and steps (else DDIM, 50 steps), eta 0,
 * strength 0.5, no ladder, nothing shared, 5 resamplings, no label, guidance 1. */
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

/* About how many seconds a run will take with the processors to itself, from the network's operations and a
 * measurement of this machine, which takes up to a tenth of one. Below 0: not known. */
double ddpm_sample_job_estimate_seconds (DdpmSampleJob *job);

/* GENERATE, PROGRESSIVE: whether the steps begin at a timestep, *first, where clearly more is left of a
 * picture than the schedule leaves in the end, so that pictures out of nothing may come out pale. Some
 * numbers of steps do by the spacing "leading", as in diffusers: 600 of 1000 begin at 599. */
gboolean ddpm_sample_job_begins_late (DdpmSampleJob *job, guint *first);

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

/* INTERPOLATE by LATENT, after the run: how far the picture that inputs[end] becomes by inversion and back is
 * from it, both in the model's size: root mean square over all values, 0 … 255. Below 0: not known, as the
 * run did not get that far. */
double ddpm_sample_job_get_inversion_error (DdpmSampleJob *job, guint end);

/* Finished pictures, in order; fewer than count after a cancelled or stopped run. In the model's channels,
 * and with the inputs' alpha where the model has none and they do; in the model's size, or that of inputs[0].
 * With strength 0 variations are the input itself, in-betweens the plain mixture. Owned by the job, until it
 * runs again. */
DdpmImage *const *ddpm_sample_job_get_images (DdpmSampleJob *job, guint *n_images);

/* The settings of picture `index` as one line of JSON, for layer parasites and PNG text: task, model, seed,
 * index, count, sampler, steps, spacing and sigmas if they were asked for, eta, what the task has of
 * strength, ladder-to and own-strength, method, lambda and inversion-error, shared, resamplings, timestep,
 * label (and own-label, where it was drawn) and guidance where they apply, width, height, sizing and seamless
 * as they came to be, batch, version. Caller frees. */
char *ddpm_sample_job_describe (DdpmSampleJob *job, guint index);

G_END_DECLS
