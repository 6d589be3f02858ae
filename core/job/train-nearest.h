/* Whether a model repeats what it was shown: the training pictures nearest to its own.
 *
 * Pictures are compared as the network sees them (alpha premultiplied), averaged down to 32x32 pixels at
 * most, by their Euclidean distance, at the best of all flips, quarter turns and places that training shows
 * them in; of small turns, other scales and other colours, which it may show, too, nothing is tried. What
 * counts is how much nearer the nearest one is than those that come next: the ratio of its distance to the
 * mean of the next ten (Carlini et al. 2023, "Extracting training data from diffusion models", section 5.1;
 * Yoon et al. 2023, "Diffusion probabilistic models generalize when they fail to memorize", with one instead
 * of ten). It is about as far below 1 as for pictures that are held out where a model makes new ones. */
#pragma once

#include "core/base/parallel.h"
#include "core/job/train-plan.h"

G_BEGIN_DECLS

/* A picture whose ratio is below this counts as a copy (Carlini et al.: alpha = 0.5). */
#define DDPM_TRAIN_COPY_RATIO 0.5

typedef struct
{
  guint32 picture; /* of the dataset: the nearest one … */
  DdpmView view;   /* … and how it looks the most alike */
  double distance; /* root of the mean square, in units of -1 … 1 */
  double ratio;    /* to the mean distance of the next ones; NaN where there is only one picture */
} DdpmTrainMatch;

/* What some matches say together. */
typedef struct
{
  double ratio;  /* their mean; NaN: not known */
  double copies; /* the share below DDPM_TRAIN_COPY_RATIO */
} DdpmTrainScore;

typedef struct _DdpmTrainNearest DdpmTrainNearest;

/* Looks at setup's training pictures and keeps a small one of each of their places; of so many that they are
 * decoded while they are trained on, or that there is no room for all places, at some that are spread evenly.
 * Memory is bounded. */
DdpmTrainNearest *ddpm_train_nearest_new (const DdpmTrainSetup *setup, DdpmTeam *team);
void ddpm_train_nearest_free (DdpmTrainNearest *nearest);

guint ddpm_train_nearest_get_n_pictures (const DdpmTrainNearest *nearest); /* that are looked at */

/* What a table takes at most, in bytes. */
gsize ddpm_train_nearest_predict_bytes (const DdpmTrainSetup *setup);

/* matches[n] of tensors[n][n_channels][height][width] in [-1, 1]. */
void ddpm_train_nearest_find (const DdpmTrainNearest *nearest, DdpmTeam *team, const float *tensors, guint n,
                              DdpmTrainMatch *matches);

/* The score of pictures that are held out, of some where there are many. NaN: there are none. */
DdpmTrainScore ddpm_train_nearest_score_held_out (const DdpmTrainNearest *nearest, DdpmTeam *team);

DdpmTrainScore ddpm_train_matches_score (const DdpmTrainMatch *matches, guint n);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmTrainNearest, ddpm_train_nearest_free)

G_END_DECLS
