/* A convolution as products: which method, how it is cut into chunks and tasks, and the scratch it takes. All
 * of it follows from shapes and the CPU level. Private to core/nn. */
#pragma once

#include "core/kernels/kernels.h"
#include "core/nn/unet-graph.h"

/* The direction of a product. */
typedef enum
{
  UNET_CONV_FORWARD,
  UNET_CONV_DATA_GRAD,  /* from the output's gradient to the input's */
  UNET_CONV_WEIGHT_GRAD /* from the input and the output's gradient to the weights' */
} UnetConvDirection;

/* How the work is cut into tasks. What one thread has written is far from another: its own share of the rows
 * or of the channels is where a thread stays. */
typedef enum
{
  UNET_CONV_BY_ROWS,  /* many tiles: a task does everything for a chunk */
  UNET_CONV_BY_PARTS, /* few tiles: a task does everything but the transform of the input for some output
                         channels, and transforms its weights part by part, which stay in a core's cache while
                         they are multiplied */
  UNET_CONV_BY_STEPS  /* each step is divided for itself; so is the weight gradient */
} UnetConvDivision;

/* What is read has n_in channels, what is written n_out. Chunks are runs of tile rows, small enough for the
 * tiles to stay in the cache between the steps (by parts and by steps there is one); strips are the parts of
 * a chunk that a task transforms. */
typedef struct
{
  DdpmConvShape shape;
  guint n_in, n_out, in_blocks, out_blocks; /* channels, and vectors of them */
  guint n_taps, n_points;
  gboolean bf16;           /* what is multiplied; sums are floats */
  DdpmConvNumbers numbers; /* of the tiles that are multiplied: the input's, and the gradients of the weights'
                              gradient */
  guint n_rows, n_chunks, rows_per_chunk, rows_per_strip; /* tile rows */
  UnetConvDivision division;
  gsize in_stride, out_stride, weight_stride; /* numbers from point to point */
  gsize strip, tiles_in, tiles_out;           /* floats, of a chunk */
  gsize points;                               /* floats, of all transformed weights or their gradient */
  gsize worker; /* floats of scratch that each thread needs; tiles by rows included */
} UnetConvPlan;

/* Blocks of output and of input channels in a part of the weights. */
#define UNET_CONV_PART_OUT 2
#define UNET_CONV_PART_IN 4

UnetConvPlan unet_conv_plan (const DdpmUnet *unet, const UnetLayer *layer, const DdpmKernels *kernels,
                             UnetConvDirection direction, const DdpmPassOptions *options);

/* Floats of a layer's packed weights, [out blocks][in blocks][taps of the kernel][in][out]. */
gsize unet_conv_count_packed (const DdpmUnet *unet, const UnetLayer *layer, const DdpmKernels *kernels);

/* Floats from channel to channel for n_pixels in all pictures: whole cache lines, an odd number of them, so
 * that channels do not compete for the same places in the cache. */
gsize unet_pad_channel (gsize n_pixels);
