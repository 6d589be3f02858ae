/* How well a model knows pictures: the terms of the variational bound (Ho et al. 2020, equation 5, as in
 * their tables 1 and 2), measured on a folder. */
#pragma once

#include "core/job/progress.h"
#include "core/model/model.h"

G_BEGIN_DECLS

#define DDPM_EVALUATE_N_PARTS 10 /* of the timesteps, that the simple loss is told by */

typedef struct
{
  GFile *pictures;     /* folder; borrowed */
  guint width, height; /* pixels; 0, 0: the model's own size */
  guint crop;          /* parts of the pictures, as in training; 0: whole ones */
  guint held_out;      /* only the pictures that a training with --held-out N holds out; 0: all */
  guint max_pictures;  /* so many, evenly from all of them; 0: all */
  /* Timesteps of each picture besides 0: one at random from each of so many parts of the others, which makes
   * an estimate without bias. 0: every one, which makes the bound itself. */
  guint n_draws;
  gboolean ignore_labels; /* take pictures as if they had no label */
  guint32 seed;           /* 0 … DDPM_MAX_SEED: of noise, timesteps and parts */
  guint n_threads;        /* 0: all */
} DdpmEvaluateOptions;

/* Bits are per dimension: per value of a picture. */
typedef struct
{
  guint n_pictures, n_labelled; /* measured; of these with a label that the model knows */
  guint width, height, n_channels;
  guint n_timesteps; /* of the model */
  guint n_draws;     /* as in the options, at most n_timesteps - 1 */
  double simple;     /* the mean of (output - target)^2 over all timesteps (equation 14) */
  double simple_of_part[DDPM_EVALUATE_N_PARTS]; /* NaN where no timestep was drawn */
  double prior_bits;                            /* L_T */
  double between_bits;                          /* L_1 … L_(T-1), summed */
  double decoder_bits;                          /* L_0 */
  double total_bits;                            /* of the picture, as the model encodes it without loss */
  double standard_error_bits;                   /* of total_bits; NaN for a single picture */
} DdpmEvaluation;

/* The model may be one that was opened without its weights. Results do not depend on the number of threads.
 * Progress: phases PREPARE and EVALUATE, in timesteps of pictures. Errors: DDPM_ERROR_*,
 * G_IO_ERROR_CANCELLED. */
gboolean ddpm_evaluate (const DdpmModel *model, const DdpmEvaluateOptions *options, DdpmProgressFunc func,
                        gpointer user_data, GCancellable *cancellable, DdpmEvaluation *evaluation,
                        GError **error);

G_END_DECLS
