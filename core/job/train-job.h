/* Training a model on a folder of pictures (Ho et al. 2020, algorithm 1). */
#pragma once

#include "core/data/dataset.h"
#include "core/diffusion/objective.h"
#include "core/job/progress.h"
#include "core/job/train-ranks.h"
#include "core/model/model.h"

G_BEGIN_DECLS

/* What a front end was not told stays open: ddpm_train_options_init sets every option to its open value
 * below, a front end sets those that were given, and the job decides the rest: a resumed run and --from from
 * what is stored, otherwise from the pictures, and from the memory and speed of the machine it begins on
 * (core/job/train-proposal.h). None of these values is one that may be given. */
#define DDPM_TRAIN_OPEN G_MAXUINT           /* guint, guint32; a gboolean is open while it is FALSE */
#define DDPM_TRAIN_OPEN_COUNT G_MAXUINT64   /* guint64 */
#define DDPM_TRAIN_OPEN_SWITCH (-1)         /* a gboolean where FALSE is a decision, too */
#define DDPM_TRAIN_OPEN_REAL (-G_MAXDOUBLE) /* double */
#define DDPM_TRAIN_OPEN_SCHEDULE ((DdpmBetaSchedule) - 1)
#define DDPM_TRAIN_OPEN_PREDICTION ((DdpmPrediction) (-1))
#define DDPM_TRAIN_OPEN_VARIANCE ((DdpmVariance) (-1))
#define DDPM_TRAIN_OPEN_DTYPE ((DdpmDtype) (-1))

typedef struct
{
  GFile *pictures; /* folder; may be NULL with resume */
  GFile *output;   /* model folder to write */
  GFile *from;     /* a model to start from, with its EMA weights and fresh moments; NULL: random weights */
  gboolean resume; /* go on from output/training, bit for bit. Of the options below only steps, n_threads,
                    * save_every, sample_every, recompute and cache_memory may then differ from those the run
                    * began with. */
  guint width, height; /* pixels; 0: open, by the pictures (from: the model's own) */
  guint n_channels;    /* entries of block_out_channels; 0: open, by the size */
  guint channels[DDPM_UNET_MAX_LEVELS];
  guint layers_per_block;                /* 1 … 16; default 1 */
  guint attention[DDPM_UNET_MAX_LEVELS]; /* resolutions (height in pixels) that get attention */
  guint n_attention;                     /* 0: nowhere, nor in the middle block, which has it otherwise;
                                          * default: the level above 8 and at most 16 pixels high */
  guint batch;                           /* 1 … 4096; default 32, fewer of large pictures */
  guint accumulate; /* passes that make a step, each on an equal part of the batch, whose gradients are added:
                     * memory of a part, the same model up to rounding. 1 … 4096, without remainder in batch;
                     * default: 1, or as many as memory makes necessary */
  guint precision;  /* a DdpmPrecision: of factors in convolutions; default F32 */
  guint64 steps;    /* 1 … 10^9, those of the whole run; default: by the pictures and the time */
  double hours;     /* above 0 … 10^5: take as many steps as the machine makes in that time; given with open
                     * steps only; default: at most 3 */
  double lr;        /* above 0 … 1; default 3e-4, less for a large network or with from */
  guint64 warmup_steps;   /* default 500 */
  double max_grad_norm;   /* 0: no limit; default 1 */
  double ema;             /* largest decay, 0 … below 1; default 0.9999; less early in the run, so that
                           * the average spans the last ninth of the steps done */
  double dropout;         /* 0 … below 1; default 0 */
  gboolean flip;          /* mirror left to right at random; default: where pictures are few */
  gboolean flip_vertical; /* mirror upside down at random */
  gboolean rotate;        /* by quarter turns at random; width and height have to be equal */
  double rotate_degrees;  /* turned by up to that to both sides, 0 … 180; default 0 */
  double scale_jitter;    /* larger or smaller by up to a factor of 1 + scale_jitter, 0 … 1; default 0 */
  double colour_jitter;   /* see DdpmAugment, 0 … 1; default 0 */
  gboolean quick_scan;    /* do not decode pictures before they are trained on, as with large folders */
  guint64 cache_memory;   /* 10^6 bytes of memory for pictures; 0: a quarter of what is free, the default */
  /* Parts of the pictures, at random places, after they were scaled down to this many pixels on their shorter
   * side; 0: all that fits into their middle. Default: 0, but for a few photographs. */
  guint crop;
  /* The opposite sides of every picture meet, and those of the model's pictures will: whole ones are shifted
   * at random, parts may reach over the edges. */
  gboolean tileable;
  guint held_out; /* one picture in so many (0 … 10^6) is not trained on, but measured; 0: none; default: 20,
                   * or none with fewer than 40 pictures */
  /* Folders directly in `pictures` are labels, those with at least min_label_pictures (1 … 10^6, default 10);
   * what lies elsewhere has none. With from: the model's own labels keep what they mean. */
  gboolean labels;
  guint min_label_pictures;
  double label_dropout; /* share of pictures that are trained on without their label, 0 … 1; default 0.1 */
  DdpmBetaSchedule schedule; /* default linear */
  DdpmPrediction prediction; /* what the network says; default epsilon */
  DdpmVariance variance;     /* FIXED_SMALL, the default, FIXED_LARGE, or LEARNED_RANGE */
  guint loss;         /* a DdpmLoss that suits the variance; default SIMPLE, or HYBRID where it is learned */
  DdpmPixels pixels;  /* AUTO: open */
  guint32 seed;       /* 0 … DDPM_MAX_SEED; default 0 */
  guint n_threads;    /* 0: all */
  guint64 save_every; /* steps between checkpoints; 0: by time, about every five minutes, the default */
  guint64 sample_every; /* steps between sample grids; 0: never; default: about four minutes */
  /* Compute values inside ResNet and attention blocks again in the backward pass instead of keeping them:
   * less memory, a third more work at most, the same model. FALSE: only where memory would not do otherwise.
   */
  gboolean recompute;
  DdpmDtype dtype; /* of the diffusers weights: F32 or F16, the default */
  /* The processes that train together, each with a job of the same options; all of them get the same errors.
   * Borrowed for as long as the job lives. NULL: this one alone. */
  DdpmRanks *ranks;
} DdpmTrainOptions;

void ddpm_train_options_init (DdpmTrainOptions *options); /* everything open */
void ddpm_train_options_clear (DdpmTrainOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmTrainOptions, ddpm_train_options_clear)

typedef struct _DdpmTrainJob DdpmTrainJob;
#define DDPM_TYPE_TRAIN_JOB (ddpm_train_job_get_type ())
G_DECLARE_FINAL_TYPE (DdpmTrainJob, ddpm_train_job, DDPM, TRAIN_JOB, GObject)

/* Copies the options and checks those that are given. Errors: DDPM_ERROR_USAGE with a sentence that names the
 * option. */
DdpmTrainJob *ddpm_train_job_new (const DdpmTrainOptions *options, GError **error);

/* Reads the pictures and the model or checkpoint, decides what the options left open, predicts memory; writes
 * nothing. Called by _run if it was not before. Progress: phase PREPARE. Errors: DDPM_ERROR_*,
 * G_IO_ERROR_CANCELLED. */
gboolean ddpm_train_job_prepare (DdpmTrainJob *job, DdpmProgressFunc func, gpointer user_data,
                                 GCancellable *cancellable, GError **error);

/* What the pictures of a new run would allow that it was not asked for. */
typedef struct
{
  char **labels; /* names of folders with 10 pictures or more; NULL: not two of them, or options.labels */
  char **models; /* names of some for options.from, with the same channels; NULL: none, or one is given */
  gboolean edges_meet; /* those of most pictures, without options.tileable */
} DdpmTrainHints;

/* The model of options.from. */
typedef struct
{
  char *name;
  guint n_channels, width, height; /* width, height: pixels, 0 if it does not say */
} DdpmTrainOrigin;

/* What prepare found, for the front end to print. Owned by the job. */
typedef struct
{
  const DdpmDataset *dataset;
  const DdpmUnetConfig *config;
  gsize n_parameters;
  double flop_per_picture;  /* forward */
  gsize peak_bytes;         /* of memory: slabs, passes and pictures */
  gboolean recompute;       /* as the option, or because memory would not do otherwise */
  gsize peak_kept_bytes;    /* what it would be without that */
  gboolean must_accumulate; /* memory made more than one pass a step necessary */
  guint n_held_out;         /* pictures that are not trained on */
  guint64 first_step;       /* steps done before; > 0: resumed there */
  guint64 next_samples;     /* the step that the next sample grid follows; 0: none */
  char *const *label_names; /* NULL-terminated; NULL: no labels */
  const guint32 *labels;    /* of each picture, the place in label_names, or their number: none */
  double pictures_per_s;    /* that this machine trains on while nothing else runs, measured; 0: not known */
  double seconds;        /* that all takes while nothing else runs: steps, samples, decoding; 0: not known */
  double next_samples_s; /* until next_samples are there */
  double slowdown;       /* by what else was running at that moment: 1 or more */
  const DdpmTrainOrigin *origin; /* its name is NULL without options.from, and for a resumed run */
  const DdpmTrainHints *hints;   /* nothing in it for a resumed run */
  gboolean flip_is_proposed;     /* options->flip and crop are not 0, and not because they were given */
  gboolean crop_is_proposed;
  const DdpmTrainOptions *options; /* as decided */
} DdpmTrainPlan;
const DdpmTrainPlan *ddpm_train_job_get_plan (DdpmTrainJob *job); /* NULL before prepare */

/* Trains to the end, writing output/train.csv, output/samples/step-N.png, checkpoints (output/training) and
 * the model. A cancelled run drops the step it is at, writes the checkpoint and returns G_IO_ERROR_CANCELLED.
 * Progress: phase TRAIN after each step, and with a message when something was written; phase SAMPLE while a
 * sample grid is made. Errors: DDPM_ERROR_*; the last checkpoint is then intact. */
gboolean ddpm_train_job_run (DdpmTrainJob *job, DdpmProgressFunc func, gpointer user_data,
                             GCancellable *cancellable, GError **error);

/* Steps done so far; from any thread. */
guint64 ddpm_train_job_get_step (DdpmTrainJob *job);

G_END_DECLS
