/* What every layer touches, and the order of the backward pass. Private to core/nn.
 *
 * With recomputation, values that are written and read inside one segment of layers (UnetLayer.segment) are
 * not kept from the forward to the backward pass; what lies between segments, the inputs of blocks and the
 * skips, is (Chen et al. 2016, "Training deep nets with sublinear memory cost"). */
#pragma once

#include "core/nn/unet-graph.h"

typedef struct
{
  gint tensors[8];
  guint n;
} UnetTensorList;

/* Values that a layer writes; that it reads in the forward pass; that it reads in the backward pass. A norm's
 * output that is not stored is read as what it is computed from. */
UnetTensorList unet_list_written (const DdpmUnet *unet, const UnetLayer *layer, DdpmPassMode mode);
UnetTensorList unet_list_read (const DdpmUnet *unet, const UnetLayer *layer, DdpmPassMode mode);
UnetTensorList unet_list_backward (const DdpmUnet *unet, const UnetLayer *layer);

/* Gradients that it reads or writes in the backward pass. */
UnetTensorList unet_list_grads (const UnetLayer *layer);

/* [n_tensors], caller frees: whether a value is written and read in one segment alone. Vectors cost next to
 * nothing and are kept, as are the parts of a concatenation. */
gboolean *unet_find_internal (const DdpmUnet *unet);

/* One step of the backward pass. */
typedef struct
{
  guint layer;
  gboolean again; /* run forward once more, for values that were not kept; else backward */
} UnetSweepStep;

typedef struct
{
  UnetSweepStep *steps;
  guint n_steps;
} UnetSweep;

/* recomputed[n_tensors]: values that are not kept, all of them internal. */
void unet_sweep_init (UnetSweep *sweep, const DdpmUnet *unet, const gboolean *recomputed);
void unet_sweep_clear (UnetSweep *sweep);
