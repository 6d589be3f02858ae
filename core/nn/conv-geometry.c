#include "core/nn/conv-geometry.h"

#define LINE_FLOATS 16 /* of a cache line */

gsize
unet_pad_channel (gsize n_pixels)
{
  const gsize lines = (n_pixels + LINE_FLOATS - 1) / LINE_FLOATS;

  return (lines | 1) * LINE_FLOATS;
}

/* With what a gather may write beyond the last plane. */
static gsize
pad_gathered (gsize n_floats)
{
  return unet_pad_channel (n_floats + DDPM_KERNEL_SLACK);
}

static void
init_1x1 (UnetConvGeometry *g)
{
  const guint row = g->batch * g->in_height * g->in_width;

  /* Every pixel by itself: all pictures are one long row. With a norm the rows are the pictures. */
  g->planes = (DdpmConvPlanes) { .plane_height = 1, .plane_width = g->in_height * g->in_width, .stride = 1 };
  g->grid = (DdpmConvGrid) { .n_images = 1,
                             .rows = 1,
                             .cols = row,
                             .plane_width = row,
                             .channel_stride = pad_gathered (row),
                             .n_taps = 1 };
  g->grad_planes = g->planes;
  g->grad_channel_stride = g->grid.channel_stride;
}

static void
init_3x3 (UnetConvGeometry *g, const UnetLayer *layer)
{
  const guint plane_height = g->out_height + 2, plane_width = g->out_width + 2;
  const gsize plane = (gsize) plane_height * plane_width, phase = g->batch * plane;

  g->planes = (DdpmConvPlanes) { plane_height, plane_width, layer->pad, layer->stride };
  g->grid = (DdpmConvGrid) { .n_images = g->batch,
                             .rows = g->out_height,
                             .cols = g->out_width,
                             .plane_width = plane_width,
                             .image_stride = plane,
                             .channel_stride = pad_gathered (phase * layer->stride * layer->stride),
                             .n_taps = 9 };
  for (guint tap = 0; tap < 9; tap++)
    {
      const guint ky = tap / 3, kx = tap % 3;

      if (layer->stride == 1)
        g->grid.tap_offset[tap] = ky * plane_width + kx;
      else
        g->grid.tap_offset[tap] = (ky % 2 * 2 + kx % 2) * phase + ky / 2 * plane_width + kx / 2;
    }
  g->grad_planes = (DdpmConvPlanes) { plane_height, plane_width, 1, 1 };
  g->grad_channel_stride = pad_gathered (phase);
  g->grad_start = plane_width + 1;
}

UnetConvGeometry
unet_conv_get_geometry (const DdpmUnet *unet, const UnetLayer *layer, guint batch, guint height, guint width)
{
  const UnetTensor *in = unet_tensor (unet, layer->input), *out = unet_tensor (unet, layer->output);
  UnetConvGeometry g = { .n_in = in->channels,
                         .n_out = out->channels,
                         .n_taps = layer->kernel * layer->kernel,
                         .batch = batch,
                         .in_height = height >> in->level,
                         .in_width = width >> in->level,
                         .out_height = height >> out->level,
                         .out_width = width >> out->level };

  g.n_columns = (gsize) g.n_in * g.n_taps;
  if (layer->kernel == 1)
    init_1x1 (&g);
  else
    init_3x3 (&g, layer);
  return g;
}

guint
unet_conv_count_blocks (const DdpmKernels *kernels, guint channels)
{
  return (channels + kernels->conv_block - 1) / kernels->conv_block;
}

gboolean
unet_conv_needs_unfolding (const UnetConvGeometry *geometry, const DdpmKernels *kernels)
{
  return geometry->n_taps > 1 && geometry->grid.cols % kernels->vector != 0;
}

UnetConvScratch
unet_conv_measure (const DdpmUnet *unet, const UnetLayer *layer, const DdpmKernels *kernels, guint batch,
                   guint height, guint width, DdpmPassMode mode)
{
  const UnetConvGeometry g = unet_conv_get_geometry (unet, layer, batch, height, width);
  const gsize forward = g.n_columns * unet_conv_count_blocks (kernels, g.n_out) * kernels->conv_block;
  /* the data gradient exchanges in and out */
  const gsize backward =
    (gsize) g.n_out * g.n_taps * unet_conv_count_blocks (kernels, g.n_in) * kernels->conv_block;
  UnetConvScratch scratch = { .gathered = g.n_in * g.grid.channel_stride, .packed = forward };

  if (mode == DDPM_PASS_INFERENCE)
    return scratch;
  scratch.gathered_grad = g.n_out * g.grad_channel_stride;
  scratch.packed = MAX (forward, backward);
  if (unet_conv_needs_unfolding (&g, kernels))
    scratch.unfolded = MIN (UNET_CONV_GRAD_COLUMNS, g.n_columns)
                       * unet_pad_channel ((gsize) g.batch * g.out_height * g.out_width);
  return scratch;
}
