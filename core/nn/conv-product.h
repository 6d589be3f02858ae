/* Runs a convolution, forward or for the data gradient, on the thread team. Private to core/nn. */
#pragma once

#include "core/nn/conv-plan.h"
#include "core/nn/unet-pass.h"

typedef struct
{
  UnetConvPlan plan;
  DdpmConvSource source; /* of the first block of channels; n_channels is set for each */
  DdpmConvTarget target; /* likewise */

  /* [out blocks][in blocks][taps][in][out], unfolded in bfloat16 where the plan says so; or NULL: they are
   * packed on the way from `weights`, whose element (out, in, tap) is weights[out * out_stride + in *
   * in_stride + tap], taps in reverse order if `turn` */
  const float *packed;
  const float *weights;
  gsize out_stride, in_stride;
  gboolean turn;
} UnetConvProduct;

void unet_conv_run_product (DdpmUnetPass *pass, const UnetConvProduct *product);

/* A layer's input, and the gradient of its output, as sources. */
DdpmConvSource unet_conv_get_input (const DdpmUnetPass *pass, const UnetLayer *layer);
DdpmConvSource unet_conv_get_output_grad (const DdpmUnetPass *pass, const UnetLayer *layer);

/* The source of block `block` out of n_channels channels in n_images pictures. */
DdpmConvSource unet_conv_get_block (const DdpmConvSource *first, guint block, guint vector, guint n_channels,
                                    guint n_images);

/* Tiles of a chunk in scratch memory. */
DdpmConvTiles unet_conv_get_tiles_in (const DdpmUnetPass *pass, const UnetConvPlan *plan, guint chunk);
DdpmConvTiles unet_conv_get_tiles_out (const DdpmUnetPass *pass, const UnetConvPlan *plan, guint chunk);

guint unet_conv_count_groups (const DdpmUnetPass *pass, const UnetConvPlan *plan, guint chunk);
guint unet_conv_count_strips (const UnetConvPlan *plan, guint chunk);

/* Of strip `strip`, tile rows *begin … *end-1. */
void unet_conv_get_strip (const UnetConvPlan *plan, guint chunk, guint strip, guint *begin, guint *end);
