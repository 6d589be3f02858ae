/* Where a convolution's numbers lie: padded planes of the input and of the output's gradient, and how many
 * floats of scratch they take. Private to core/nn. */
#pragma once

#include "core/kernels/kernels.h"
#include "core/nn/unet-graph.h"

/* Columns (pairs of input channel and tap) of the weight gradient in one task. */
#define UNET_CONV_GRAD_COLUMNS 72

typedef struct
{
  guint n_in, n_out, n_taps;
  gsize n_columns; /* n_in * n_taps */
  guint batch, in_height, in_width, out_height, out_width;
  DdpmConvPlanes planes;      /* of the input */
  DdpmConvGrid grid;          /* of the forward pass */
  DdpmConvPlanes grad_planes; /* of the output's gradient */
  gsize grad_channel_stride;
  gsize grad_start; /* where position (0, 0) of the gradient lies in its planes */
} UnetConvGeometry;

/* Floats that a layer needs while it runs. */
typedef struct
{
  gsize gathered, gathered_grad;
  gsize packed;   /* in training the larger of forward and data gradient */
  gsize unfolded; /* of each thread, in training */
} UnetConvScratch;

UnetConvGeometry unet_conv_get_geometry (const DdpmUnet *unet, const UnetLayer *layer, guint batch,
                                         guint height, guint width);

UnetConvScratch unet_conv_measure (const DdpmUnet *unet, const UnetLayer *layer, const DdpmKernels *kernels,
                                   guint batch, guint height, guint width, DdpmPassMode mode);

/* Blocks of output channels that the kernels compute together. */
guint unet_conv_count_blocks (const DdpmKernels *kernels, guint channels);

/* Rows that do not fill whole vectors are unfolded for the weight gradient. */
gboolean unet_conv_needs_unfolding (const UnetConvGeometry *geometry, const DdpmKernels *kernels);

/* Floats from channel to channel for n_pixels in all pictures: whole cache lines, an odd number of them, so
 * that channels do not compete for the same places in the cache. */
gsize unet_pad_channel (gsize n_pixels);
