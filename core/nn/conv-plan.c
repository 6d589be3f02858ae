#include "core/nn/conv-plan.h"

#define LINE_FLOATS 16 /* of a cache line */

/* Of a chunk's transformed input and output together, for the weight gradient: what a core's own cache holds,
 * or, since the sums are read and written with every chunk, so many times as much as they; a few MB at most,
 * which a last-level cache holds. */
#define CHUNK_FLOATS (128 * 1024)
#define CHUNK_SUMS 4
#define MAX_CHUNK_FLOATS (2 * 1024 * 1024)

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

static guint
count_tiles (const UnetConvPlan *plan, guint n_rows)
{
  return n_rows * ddpm_conv_count_tile_cols (&plan->shape);
}

/* From so many tiles on there are tasks enough if each takes ROW_TILES. */
#define ROW_TILES 32
#define MIN_TILES_BY_ROWS (4 * ROW_TILES)

/* Of more tiles a task takes more, as far as a core's own cache holds them: each channel is another page of
 * memory, of which more is read at once, and neighbours have fewer rows in common. */
#define ENOUGH_TASKS 16
#define LONG_ROW_TILES 256
#define LONG_ROW_FLOATS (96 * 1024)

/* With few tiles a transformed weight is used so few times that writing it to memory and reading it again
 * would take longer than the multiplications. */
#define MAX_TILES_BY_PARTS 64

static void
divide_rows (UnetConvPlan *plan, const DdpmKernels *kernels, UnetConvDirection direction)
{
  const guint n_tiles = count_tiles (plan, plan->n_rows),
              rows_per_image = plan->n_rows / plan->shape.n_images;
  const gsize tile_floats = (gsize) plan->n_points * (plan->in_blocks * plan->n_taps + plan->out_blocks)
                            * kernels->vector / (plan->bf16 ? 2 : 1);
  const gsize row_floats = tile_floats * count_tiles (plan, 1);
  guint most = plan->n_rows; /* in a chunk */

  if (direction == UNET_CONV_WEIGHT_GRAD)
    {
      const gsize sums = (gsize) plan->n_points * plan->in_blocks * plan->n_taps * plan->out_blocks
                         * kernels->vector * kernels->vector;

      most = CLAMP (CLAMP (CHUNK_SUMS * sums, CHUNK_FLOATS, MAX_CHUNK_FLOATS) / row_floats, 1, plan->n_rows);
    }
  else if (n_tiles >= MIN_TILES_BY_ROWS)
    {
      const gsize row_tiles = MIN (n_tiles / ENOUGH_TASKS, LONG_ROW_FLOATS / tile_floats);

      most = MAX (CLAMP (row_tiles, ROW_TILES, LONG_ROW_TILES) / count_tiles (plan, 1), 1);
    }
  plan->n_chunks = (plan->n_rows + most - 1) / most;
  plan->rows_per_chunk = (plan->n_rows + plan->n_chunks - 1) / plan->n_chunks;

  if (direction != UNET_CONV_WEIGHT_GRAD && n_tiles >= MIN_TILES_BY_ROWS)
    plan->division = UNET_CONV_BY_ROWS;
  else if (direction != UNET_CONV_WEIGHT_GRAD && n_tiles <= MAX_TILES_BY_PARTS
           && plan->shape.method != DDPM_CONV_UNFOLD)
    plan->division = UNET_CONV_BY_PARTS;
  else
    plan->division = UNET_CONV_BY_STEPS;

  plan->rows_per_strip = plan->rows_per_chunk;
  for (guint n_strips = 2;
       plan->division != UNET_CONV_BY_ROWS && n_strips <= plan->rows_per_chunk
       && ddpm_conv_strip_floats (&plan->shape, kernels->vector, MIN (plan->rows_per_strip, rows_per_image))
            > STRIP_FLOATS;
       n_strips++)
    plan->rows_per_strip = (plan->rows_per_chunk + n_strips - 1) / n_strips;
  /* a pair of tiles is in one strip */
  if (plan->numbers == DDPM_CONV_BF16_PAIRS && count_tiles (plan, plan->rows_per_strip) % 2 != 0)
    plan->rows_per_strip++;
  plan->strip =
    ddpm_conv_strip_floats (&plan->shape, kernels->vector, MIN (plan->rows_per_strip, rows_per_image));
}

/* Points and weights in memory, and what each thread needs. */
static void
measure (UnetConvPlan *plan, const DdpmKernels *kernels)
{
  const guint vector = kernels->vector, group = kernels->tile_group, rows = plan->rows_per_chunk;
  const gsize square = (gsize) vector * vector, packed = plan->shape.kernel * plan->shape.kernel * square;
  const gboolean is_grad = plan->numbers == DDPM_CONV_BF16_PAIRS; /* then out are factors, points are sums */
  const guint per_float = plan->bf16 ? 2 : 1;

  plan->in_stride =
    ddpm_conv_point_stride (&plan->shape, vector, group, rows, plan->in_blocks * plan->n_taps);
  plan->out_stride = ddpm_conv_point_stride (&plan->shape, vector, group, rows, plan->out_blocks);
  plan->tiles_in = plan->in_stride * plan->n_points / per_float;
  plan->tiles_out = plan->out_stride * plan->n_points / (is_grad ? per_float : 1);
  if (plan->division == UNET_CONV_BY_PARTS)
    {
      plan->weight_stride = unet_pad_channel (UNET_CONV_PART_OUT * UNET_CONV_PART_IN * square);
      plan->worker = MAX (plan->strip, packed + plan->n_points * plan->weight_stride);
      return;
    }
  plan->weight_stride = unet_pad_channel ((gsize) plan->out_blocks * plan->in_blocks * plan->n_taps * square);
  plan->points = plan->weight_stride * plan->n_points / (is_grad ? 1 : per_float);
  plan->worker = MAX (plan->strip, packed);
  if (plan->division == UNET_CONV_BY_ROWS)
    plan->worker = MAX (plan->worker, plan->strip + plan->tiles_in + plan->tiles_out);
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

static unsigned
get_circular (const DdpmUnet *unet, const UnetLayer *layer, const DdpmPassOptions *options)
{
  if (layer->kernel == 1)
    return 0;
  return (unet->config.circular_padding || options->circular_x ? DDPM_CONV_CIRCULAR_X : 0)
         | (unet->config.circular_padding || options->circular_y ? DDPM_CONV_CIRCULAR_Y : 0);
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
                                   .circular = get_circular (unet, layer, options),
                                   .out_height = options->height >> out->level,
                                   .out_width = options->width >> out->level },
                        .n_in = turned ? out->channels : in->channels,
                        .n_out = turned ? in->channels : out->channels,
                        .bf16 = options->precision == DDPM_PRECISION_BF16 };

  if (turned)
    turn_shape (&plan.shape);
  choose_method (&plan.shape, kernels, plan.bf16);
  if (plan.bf16)
    plan.numbers = direction == UNET_CONV_WEIGHT_GRAD ? DDPM_CONV_BF16_PAIRS : DDPM_CONV_BF16;
  plan.in_blocks = count_blocks (kernels, plan.n_in);
  plan.out_blocks = count_blocks (kernels, plan.n_out);
  plan.n_taps = ddpm_conv_count_taps (&plan.shape);
  plan.n_points = ddpm_conv_count_points (plan.shape.method);
  plan.n_rows = ddpm_conv_count_tile_rows (&plan.shape);
  divide_rows (&plan, kernels, direction);
  measure (&plan, kernels);
  return plan;
}

gsize
unet_conv_count_packed (const DdpmUnet *unet, const UnetLayer *layer, const DdpmKernels *kernels)
{
  return (gsize) count_blocks (kernels, unet_tensor (unet, layer->input)->channels)
         * count_blocks (kernels, unet_tensor (unet, layer->output)->channels) * layer->kernel * layer->kernel
         * kernels->vector * kernels->vector;
}
