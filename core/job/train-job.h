/* Training a model on a folder of pictures: L_simple (Ho et al. 2020, equation 14, algorithm 1). */
#pragma once

#include "core/data/dataset.h"
#include "core/job/progress.h"
#include "core/model/model.h"

G_BEGIN_DECLS

typedef struct
{
  GFile *pictures;      /* folder */
  GFile *output;        /* model folder to write */
  GFile *from;          /* a model to start from, with its EMA weights and fresh moments; NULL: random weights */
  gboolean resume;      /* go on from output/training, bit for bit */
  guint width, height;  /* pixels; 0: by the pictures */
  guint n_channels;     /* entries of block_out_channels; 0: by the size */
  guint channels[DDPM_UNET_MAX_LEVELS];
  guint layers_per_block;
  guint attention[DDPM_UNET_MAX_LEVELS]; /* resolutions (height in pixels) that get attention */
  guint n_attention;
  guint batch;
  guint64 steps;
  double lr;
  guint64 warmup_steps;
  double max_grad_norm;
  double ema;           /* largest decay */
  double dropout;
  gboolean flip;        /* mirror left to right at random */
  DdpmBetaSchedule schedule;
  DdpmPixels pixels;
  guint32 seed;
  guint n_threads;      /* 0: all */
  guint64 save_every;   /* steps between checkpoints; 0: by time, about every five minutes */
  guint64 sample_every; /* steps between sample grids; 0: never */
  DdpmDtype dtype;      /* of the diffusers weights: F32 or F16 */
} DdpmTrainOptions;

void ddpm_train_options_init (DdpmTrainOptions *options); /* DESIGN's defaults of training */
void ddpm_train_options_clear (DdpmTrainOptions *options);

typedef struct _DdpmTrainJob DdpmTrainJob;
#define DDPM_TYPE_TRAIN_JOB (ddpm_train_job_get_type ())
G_DECLARE_FINAL_TYPE (DdpmTrainJob, ddpm_train_job, DDPM, TRAIN_JOB, GObject)

/* Copies the options. Errors: DDPM_ERROR_USAGE with a sentence that names the option. */
DdpmTrainJob *ddpm_train_job_new (const DdpmTrainOptions *options, GError **error);

/* Reads the pictures and the model or checkpoint, decides what the options left open, predicts memory. Called by _run if
 * it was not before. Progress: phase PREPARE. */
gboolean ddpm_train_job_prepare (DdpmTrainJob *job, DdpmProgressFunc func, gpointer user_data,
                                 GCancellable *cancellable, GError **error);

/* What prepare found, for the front end to print. Owned by the job. */
typedef struct
{
  const DdpmDataset *dataset;
  const DdpmUnetConfig *config;
  gsize n_parameters;
  double flop_per_picture; /* forward */
  gsize peak_bytes;
  guint64 first_step;      /* > 0: resumed there */
  const DdpmTrainOptions *options; /* as decided */
} DdpmTrainPlan;
const DdpmTrainPlan *ddpm_train_job_get_plan (DdpmTrainJob *job);

/* Trains to the end, writing output/train.csv, output/samples/step-N.png, checkpoints and the model. A cancelled run
 * finishes its step, writes the checkpoint and returns G_IO_ERROR_CANCELLED. Errors: DDPM_ERROR_*. */
gboolean ddpm_train_job_run (DdpmTrainJob *job, DdpmProgressFunc func, gpointer user_data, GCancellable *cancellable,
                             GError **error);

/* Steps done so far. */
guint64 ddpm_train_job_get_step (DdpmTrainJob *job);

G_END_DECLS
