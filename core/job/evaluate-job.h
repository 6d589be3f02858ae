/* How well a model knows pictures, measured on a folder: the terms of the variational bound (Ho et al. 2020,
 * equation 5, as in their tables 1 and 2), the likelihood by the probability flow, how closely pictures come
 * back from their latents, and how far the model's own pictures are from those of the folder. */
#pragma once

#include "core/data/distances.h"
#include "core/diffusion/rate-curve.h"
#include "core/diffusion/sampler.h"
#include "core/job/progress.h"
#include "core/model/model.h"

G_BEGIN_DECLS

#define DDPM_EVALUATE_N_PARTS 10 /* of the timesteps, that the simple loss is told by */
#define DDPM_EVALUATE_MAX_RECONSTRUCTIONS 16

typedef struct
{
  GFile *pictures;        /* folder; borrowed */
  guint width, height;    /* pixels; 0, 0: the model's own size */
  guint crop;             /* parts of the pictures, as in training; 0: whole ones */
  guint held_out;         /* only the pictures that a training with --held-out N holds out; 0: all */
  guint max_pictures;     /* so many, evenly from all of them; 0: all */
  gboolean ignore_labels; /* take pictures as if they had no label */
  guint32 seed;           /* 0 … DDPM_MAX_SEED: of noise, timesteps, parts and samples */
  guint n_threads;        /* 0: all */

  gboolean skip_bound; /* the bound and the simple loss are not measured */
  /* Timesteps of each picture besides 0: one at random from each of so many parts of the others, which makes
   * an estimate without bias. 0: every one, which makes the bound itself. */
  guint n_draws;
  /* Points of the bound's rate-distortion curve, each one more evaluation of every picture: 0, or 2 …
   * DDPM_RATE_CURVE_MOST_POINTS. */
  guint n_rates;

  guint flow_steps; /* likelihood by the probability flow in so many steps, 2 … T; 0: not measured */

  guint reconstruct_steps[DDPM_EVALUATE_MAX_RECONSTRUCTIONS]; /* 1 … T each */
  guint n_reconstructions;

  guint n_samples;         /* to compare with the folder; 0: none */
  gboolean own_sampler;    /* `sampler` is meant; else the one that the model recommends */
  DdpmSamplerKind sampler; /* of the samples … */
  guint sampler_steps;     /* … in so many steps; 0: as the model recommends */
} DdpmEvaluateOptions;

/* Progressive coding (core/diffusion/rate-curve.h): when x_t has been sent … */
typedef struct
{
  guint t;
  double bits;       /* … so many were, per dimension … */
  double distortion; /* … and x_0 is known to that: root of the mean square over all values, 0 … 255 */
} DdpmEvaluationRate;

/* Bits are per dimension: per value of a picture. Of what was not asked for all is 0. */
typedef struct
{
  guint n_pictures, n_labelled; /* measured; of these with a label that the model knows */
  guint width, height, n_channels;
  guint n_timesteps; /* of the model */

  guint n_draws; /* as in the options, at most n_timesteps - 1 */
  double simple; /* the mean of (output - target)^2 over all timesteps (equation 14) */
  double simple_of_part[DDPM_EVALUATE_N_PARTS]; /* NaN where no timestep was drawn */
  double prior_bits;                            /* L_T */
  double between_bits;                          /* L_1 … L_(T-1), summed */
  double decoder_bits;                          /* L_0 */
  double total_bits;                            /* of the picture, as the model encodes it without loss */
  double standard_error_bits;                   /* of total_bits; NaN for a single picture */
  guint n_rates;                                /* as in the options, at most n_timesteps */
  DdpmEvaluationRate rates[DDPM_RATE_CURVE_MOST_POINTS]; /* from noise to picture */

  double flow_bits; /* of pictures with noise of a byte's width (core/diffusion/flow-likelihood.h) */
  double flow_standard_error_bits; /* over pictures, their noise and signs; NaN for a single picture */

  /* Root of the mean square, 0 … 255, over all pictures; and the median of single pictures': where a step's
   * equation cannot be solved, a picture does not come back at all, and few of those decide about the mean.
   */
  double reconstruction_rms[DDPM_EVALUATE_MAX_RECONSTRUCTIONS];
  double reconstruction_median[DDPM_EVALUATE_MAX_RECONSTRUCTIONS];

  DdpmSamplerKind sampler; /* of the samples */
  guint sampler_steps;
  guint n_reference; /* pictures of the folder that samples are compared with: as many where there are */
  DdpmDistances distances; /* of the samples from those */
  /* What to compare that with: other pictures of the folder from the same ones, as many. FALSE: the folder
   * has not so many. */
  gboolean has_others;
  DdpmDistances others;
} DdpmEvaluation;

/* The model may be one that was opened without its weights. Results do not depend on the number of threads.
 * Progress: phases PREPARE, EVALUATE, in evaluations of pictures, and SAMPLE. Errors: DDPM_ERROR_*,
 * G_IO_ERROR_CANCELLED. */
gboolean ddpm_evaluate (const DdpmModel *model, const DdpmEvaluateOptions *options, DdpmProgressFunc func,
                        gpointer user_data, GCancellable *cancellable, DdpmEvaluation *evaluation,
                        GError **error);

G_END_DECLS
