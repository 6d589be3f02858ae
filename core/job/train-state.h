/* The checkpoint of a training run: one safetensors file with four float32 slabs, "weights", "ema", "first"
 * and "second" (Adam's moments), each in the order of the network's parameters, and the counters in its
 * metadata. One file, so that a checkpoint is there as a whole or not at all; random numbers have no state.
 */
#pragma once

#include <gio/gio.h>

#include "core/job/train-guard.h"

G_BEGIN_DECLS

typedef struct
{
  guint64 step;        /* updates done */
  guint64 fingerprint; /* of the dataset */
  double smoothed;     /* loss; NaN before the first step */
  double loss_sum;     /* of the steps since the last line of train.csv … */
  guint64 loss_count;  /* … and how many those are */
  guint64 logged;      /* the last step with a line in train.csv */
  double grad_norm;    /* of the last step */
  DdpmTrainGuard guard;
} DdpmTrainCounters;

typedef struct
{
  float *weights, *ema, *first, *second; /* [n] each */
  gsize n;
} DdpmTrainSlabs;

/* Written aside, flushed and renamed; equal states give equal files. Errors: DDPM_ERROR_FILE. */
gboolean ddpm_train_state_write (GFile *file, const DdpmTrainCounters *counters, const DdpmTrainSlabs *slabs,
                                 GError **error);

/* slabs' pointers may be NULL: then only the counters are filled in, and the sizes checked. Errors:
 * DDPM_ERROR_FILE. */
gboolean ddpm_train_state_read (GFile *file, DdpmTrainCounters *counters, const DdpmTrainSlabs *slabs,
                                GError **error);

G_END_DECLS
