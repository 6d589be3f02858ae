/* The batch of one training step and the loss on it: algorithm 1 of Ho et al. 2020.
 *
 * Which pictures, timesteps, noise and flips a step uses is a function of the seed and the step alone, and of
 * a picture's place in the step's whole batch, however that is cut into parts. */
#pragma once

#include "core/base/parallel.h"
#include "core/data/augment.h"
#include "core/diffusion/views.h"
#include "core/nn/unet-config.h"

G_BEGIN_DECLS

typedef struct
{
  /* set by the caller, borrowed */
  DdpmTeam *team;
  const DdpmDataset *dataset;
  const guint32 *members; /* [n_members], at least one: the pictures to draw from */
  guint n_members;
  DdpmObjective objective;
  guint32 seed;
  DdpmAugment augment;
  guint size;                    /* pictures in this batch */
  guint first, whole;            /* the batch is a part of a step's: its first place there, and all that
                                    one's pictures; 0, 0: it is all of it */
  guint round;                   /* 0; another number has other noise for the same pictures */
  guint num_class_embeds;        /* 0: no class table; its last row means "no label" */
  const guint32 *picture_labels; /* [n_pictures], rows of the table; NULL: none has a label */
  double label_dropout;          /* share of labels that are taken away */

  /* made by ddpm_train_batch_init */
  DdpmViews views; /* output becomes the gradient of the loss with respect to what the network says */
  guint32 *labels; /* [size], or NULL */

  /* its own */
  double *losses;    /* [size], sums over the picture */
  guint32 *order;    /* [n_members], that of `epoch` */
  guint32 *places;   /* [size] in members, that were drawn */
  guint32 *pictures; /* [size] that are there: others, where those cannot be read */
  guint32 *expected; /* [size] for the batch after this one */
  guint64 position;  /* of its first picture in the stream of all that are drawn … */
  guint64 distance;  /* … and from that of the batch before */
  guint64 epoch, step;
} DdpmTrainBatch;

/* Errors: DDPM_ERROR_MEMORY. */
gboolean ddpm_train_batch_init (DdpmTrainBatch *batch, GError **error);
void ddpm_train_batch_clear (DdpmTrainBatch *batch);

/* Fills in the views and labels of step number `step` (from 1). Pictures are waited for, and
 * those of the next batch are got meanwhile. When they are lost, ddpm_dataset_check says so, and what was
 * filled in is not to be used. */
void ddpm_train_batch_prepare (DdpmTrainBatch *batch, guint64 step);

/* The objective's loss, its mean over all values of the batch's pictures; the views' output becomes its
 * gradient. Of a part of a step's batch: what it adds to the whole's mean. */
double ddpm_train_batch_get_loss (DdpmTrainBatch *batch);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmTrainBatch, ddpm_train_batch_clear)

G_END_DECLS
