/* What a network should be trained to say: the ablation of Ho et al. 2020, table 2, on a folder of pictures.
 *
 * One small network is trained again and again, from the same weights on the same pictures, timesteps and
 * noise, each time to say something else, with another loss or variance; and measured on pictures that were
 * held out. */
#pragma once

#include "core/data/distances.h"
#include "core/job/train-job.h"

G_BEGIN_DECLS

#define DDPM_OBJECTIVE_STUDY_MOST_POINTS 20
#define DDPM_OBJECTIVE_STUDY_MOST_VARIANTS 16

/* One training: SIMPLE with a fixed variance, HYBRID with a learned one, VLB with either. */
typedef struct
{
  DdpmPrediction prediction;
  DdpmLoss loss;
  gboolean learned; /* the variance; else it is fixed, small */
} DdpmObjectiveVariant;

typedef struct
{
  GFile *pictures;     /* folder */
  GFile *output;       /* a folder that is there, for a model of each training */
  guint width, height; /* pixels */
  guint n_channels;    /* entries of channels */
  guint channels[DDPM_UNET_MAX_LEVELS];
  guint batch;
  guint64 steps;       /* of each training, with a warm-up of 500 or a tenth of them */
  guint n_points;      /* measurements of each training, 1 … MOST_POINTS, evenly over its steps */
  guint held_out;      /* one picture in so many is not trained on, but measured, … */
  guint most_measured; /* … of which so many are, evenly from them */
  guint n_samples;     /* made by each model at last, 1 … DDPM_MAX_COUNT … */
  guint sampler_steps; /* … by ancestral sampling in so many steps, 1 … 1000 */
  guint32 seed;        /* 0 … DDPM_MAX_SEED */
  guint n_threads;     /* 0: all */
  guint n_variants;
  DdpmObjectiveVariant variants[DDPM_OBJECTIVE_STUDY_MOST_VARIANTS];
} DdpmObjectiveStudyOptions;

typedef struct
{
  guint n_points;
  double steps[DDPM_OBJECTIVE_STUDY_MOST_POINTS]; /* when it was measured */
  double bits[DDPM_OBJECTIVE_STUDY_MOST_POINTS];  /* per dimension: the whole bound, of pictures held out */
  double standard_error_bits;                     /* of the last one */
  double simple;           /* at last: the mean of (output - target)^2, each of its own target */
  DdpmDistances distances; /* of the samples from the folder's pictures */
  char *failure; /* a sentence: the training has diverged for good, or its model says nothing finite, and what
                  * was not measured is NaN; else NULL */
} DdpmObjectiveResult;

typedef struct
{
  guint n_pictures, n_measured, n_compared; /* in the folder; held out and measured; beside the samples */
  guint width, height, n_picture_channels;
  gsize n_parameters; /* of the network with a fixed variance */
  guint n_results;    /* as many as variants, in their order */
  DdpmObjectiveResult results[DDPM_OBJECTIVE_STUDY_MOST_VARIANTS];
} DdpmObjectiveStudy;

/* Progress: phase TRAIN over all trainings, with a message first that says how long it takes, then one for
 * each training that ends. Models are written to output/NAME, say epsilon-simple. Results do not depend on
 * the number of threads. Errors: those of training, of evaluation and of sampling but for what becomes a
 * `failure`; DDPM_ERROR_USAGE for a folder of which no picture is held out; G_IO_ERROR_CANCELLED. */
gboolean ddpm_objective_study_run (const DdpmObjectiveStudyOptions *options, DdpmProgressFunc func,
                                   gpointer user_data, GCancellable *cancellable, DdpmObjectiveStudy *study,
                                   GError **error);
void ddpm_objective_study_clear (DdpmObjectiveStudy *study);

/* "epsilon", "x0", "v" or "mu", as users write it. */
const char *ddpm_objective_variant_get_prediction_name (const DdpmObjectiveVariant *variant);

/* "simple", "vlb", "hybrid" or "vlb-learned". */
const char *ddpm_objective_variant_get_loss_name (const DdpmObjectiveVariant *variant);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmObjectiveStudy, ddpm_objective_study_clear)

G_END_DECLS
