#include "core/nn/conv-plan.h"

#define LINE_FLOATS 16 /* of a cache line */

/* Of a chunk's transformed input and output together: a few MB, which a last-level cache holds. */
#define CHUNK_FLOATS (2 * 1024 * 1024)

/* Of a strip: well within a core's own cache. */
#define STRIP_FLOATS (16 * 1024)

gsize
unet_pad_channel (gsize n_pixels)
{
  const gsize lines = (n_pixels + LINE_FLOATS - 1) / LINE_FLOATS;

  return (lines | 1) * LINE_FLOATS;
}

/* Time of a method for a pair of channels, in multiplications: the products, and what transforming the
 * weights costs (measured: as much as ten tiles, or twenty that take half the time). */
#define WEIGHT_TILES 10
#define WEIGHT_TILES_BF16 20

static guint64
estimate_cost (const DdpmConvShape *shape, const DdpmKernels *kernels, gboolean bf16)
{
  const guint64 n_tiles = (guint64) ddpm_conv_count_tile_rows (shape) * ddpm_conv_count_tile_cols (shape);
  const guint64 filled = (n_tiles + kernels->tile_group - 1) / kernels->tile_group * kernels->tile_group;

  if (shape->method == DDPM_CONV_UNFOLD)
    return filled * shape->kernel * shape->kernel;
  return (filled + (bf16 ? WEIGHT_TILES_BF16 : WEIGHT_TILES)) * ddpm_conv_count_points (shape->method);
}

static void
choose_method (DdpmConvShape *shape, const DdpmKernels *kernels, gboolean bf16)
{
  static const DdpmConvMethod methods[] = { DDPM_CONV_WINOGRAD_2, DDPM_CONV_WINOGRAD_4 };
  DdpmConvShape candidate = *shape;

  shape->method = DDPM_CONV_UNFOLD;
  for (guint i = 0; i < G_N_ELEMENTS (methods) && shape->kernel == 3 && shape->stride == 1; i++)
    {
      candidate.method = methods[i];
      if (estimate_cost (&candidate, kernels, bf16) < estimate_cost (shape, kernels, bf16))
        shape->method = methods[i];
    }
}

static void
divide_rows (UnetConvPlan *plan, const DdpmKernels *kernels)
{
  const guint cols = ddpm_conv_count_tile_cols (&plan->shape);
  const gsize row_floats =
    (gsize) plan->n_points * cols * (plan->in_blocks * plan->n_taps + plan->out_blocks) * kernels->vector;
  const guint most = CLAMP (CHUNK_FLOATS / row_floats, 1, plan->n_rows);
  const guint rows_per_image = plan->n_rows / plan->shape.n_images;
  guint n_strips;

  plan->n_chunks = (plan->n_rows + most - 1) / most;
  plan->rows_per_chunk = (plan->n_rows + plan->n_chunks - 1) / plan->n_chunks;
  for (n_strips = 1; n_strips < plan->rows_per_chunk; n_strips++)
    {
      plan->rows_per_strip = (plan->rows_per_chunk + n_strips - 1) / n_strips;
      if (ddpm_conv_strip_floats (&plan->shape, kernels->vector, MIN (plan->rows_per_strip, rows_per_image))
          <= STRIP_FLOATS)
        break;
    }
  plan->rows_per_strip = (plan->rows_per_chunk + n_strips - 1) / n_strips;
  plan->worker =
    ddpm_conv_strip_floats (&plan->shape, kernels->vector, MIN (plan->rows_per_strip, rows_per_image));
}

/* With few tiles a transformed weight is used so few times that writing it to memory and reading it again
 * would take longer than the multiplications: a part at a time stays in a core's own cache. */
#define PARTS_MAX_TILES 32

static void
divide_weights (UnetConvPlan *plan, const DdpmKernels *kernels, UnetConvDirection direction)
{
  const gsize square = (gsize) kernels->vector * kernels->vector;
  const gsize packed = plan->shape.kernel * plan->shape.kernel * square;

  plan->parts = direction != UNET_CONV_WEIGHT_GRAD && plan->shape.method != DDPM_CONV_UNFOLD
                && plan->n_chunks == 1
                && plan->n_rows * ddpm_conv_count_tile_cols (&plan->shape) <= PARTS_MAX_TILES;
  if (plan->parts)
    {
      plan->weight_stride = unet_pad_channel (UNET_CONV_PART_OUT * UNET_CONV_PART_IN * square);
      plan->worker = MAX (plan->worker, packed + plan->n_points * plan->weight_stride);
    }
  else
    {
      plan->weight_stride =
        unet_pad_channel ((gsize) plan->out_blocks * plan->in_blocks * plan->n_taps * square);
      plan->points = plan->weight_stride * plan->n_points / (plan->bf16 ? 2 : 1);
      plan->worker = MAX (plan->worker, packed);
    }
}

static guint
count_blocks (const DdpmKernels *kernels, guint channels)
{
  return (channels + kernels->vector - 1) / kernels->vector;
}

/* The data gradient is a convolution of the output's gradient with the weights turned round; with stride 2
 * the gradient has zeros between its pixels. */
static void
turn_shape (DdpmConvShape *shape)
{
  const DdpmConvShape forward = *shape;

  shape->height = forward.out_height;
  shape->width = forward.out_width;
  shape->out_height = forward.height;
  shape->out_width = forward.width;
  shape->pad = forward.kernel - 1 - forward.pad;
  shape->stride = 1;
  shape->dilation = forward.stride;
}

UnetConvPlan
unet_conv_plan (const DdpmUnet *unet, const UnetLayer *layer, const DdpmKernels *kernels,
                UnetConvDirection direction, const DdpmPassOptions *options)
{
  const UnetTensor *in = unet_tensor (unet, layer->input), *out = unet_tensor (unet, layer->output);
  const gboolean turned = direction == UNET_CONV_DATA_GRAD;
  UnetConvPlan plan = { .shape = { .n_images = options->batch,
                                   .height = options->height >> in->level,
                                   .width = options->width >> in->level,
                                   .kernel = layer->kernel,
                                   .stride = layer->stride,
                                   .pad = layer->pad,
                                   .dilation = 1,
                                   .circular = unet->config.circular_padding && layer->kernel > 1,
                                   .out_height = options->height >> out->level,
                                   .out_width = options->width >> out->level },
                        .n_in = turned ? out->channels : in->channels,
                        .n_out = turned ? in->channels : out->channels,
                        .bf16 = options->precision == DDPM_PRECISION_BF16 };
  const guint vector = kernels->vector, group = kernels->tile_group;

  if (turned)
    turn_shape (&plan.shape);
  choose_method (&plan.shape, kernels, plan.bf16);
  plan.in_blocks = count_blocks (kernels, plan.n_in);
  plan.out_blocks = count_blocks (kernels, plan.n_out);
  plan.n_taps = ddpm_conv_count_taps (&plan.shape);
  plan.n_points = ddpm_conv_count_points (plan.shape.method);
  plan.n_rows = ddpm_conv_count_tile_rows (&plan.shape);
  divide_rows (&plan, kernels);
  divide_weights (&plan, kernels, direction);
  plan.in_stride =
    ddpm_conv_point_stride (&plan.shape, vector, group, plan.rows_per_chunk, plan.in_blocks * plan.n_taps);
  plan.out_stride = ddpm_conv_point_stride (&plan.shape, vector, group, plan.rows_per_chunk, plan.out_blocks);
  plan.tiles_in = plan.in_stride * plan.n_points / (plan.bf16 ? 2 : 1);
  plan.tiles_out = plan.out_stride * plan.n_points;
  return plan;
}

gsize
unet_conv_count_packed (const DdpmUnet *unet, const UnetLayer *layer, const DdpmKernels *kernels)
{
  return (gsize) count_blocks (kernels, unet_tensor (unet, layer->input)->channels)
         * count_blocks (kernels, unet_tensor (unet, layer->output)->channels) * layer->kernel * layer->kernel
         * kernels->vector * kernels->vector;
}
