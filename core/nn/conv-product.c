/* A convolution forward, or its data gradient: transform the input and the weights, multiply, transform the
 * products into output. How the three are cut into tasks depends on the number of tiles (UnetConvDivision).
 */
#include "core/nn/conv-product.h"

/* Blocks of output channels in a task of multiplication: as many as the kernels keep in registers. */
#define MULTIPLY_OUT_BLOCKS 3

/* Where points are few, groups of tiles are divided until there are that many tasks. */
#define MULTIPLY_MIN_TASKS 32

/* Blocks of input channels whose weights are transformed in a task. */
#define WEIGHT_IN_BLOCKS 4

#define LINE_FLOATS 16 /* of a cache line */

/* --- chunks and strips --------------------------------------------------------------------- */

static void
get_chunk (const UnetConvPlan *plan, guint chunk, guint *begin, guint *end)
{
  *begin = chunk * plan->rows_per_chunk;
  *end = MIN (*begin + plan->rows_per_chunk, plan->n_rows);
}

static DdpmConvTiles
get_tiles (const DdpmUnetPass *pass, const UnetConvPlan *plan, guint chunk, gsize offset, gsize point_stride,
           guint n_blocks, DdpmConvNumbers numbers)
{
  DdpmConvTiles tiles = { .values = (float *) pass->arena.base + offset,
                          .numbers = numbers,
                          .point_stride = point_stride,
                          .n_blocks = n_blocks };

  get_chunk (plan, chunk, &tiles.row_begin, &tiles.row_end);
  return tiles;
}

DdpmConvTiles
unet_conv_get_tiles_in (const DdpmUnetPass *pass, const UnetConvPlan *plan, guint chunk)
{
  return get_tiles (pass, plan, chunk, pass->plan.tiles_in, plan->in_stride, plan->in_blocks * plan->n_taps,
                    plan->numbers);
}

DdpmConvTiles
unet_conv_get_tiles_out (const DdpmUnetPass *pass, const UnetConvPlan *plan, guint chunk)
{
  return get_tiles (pass, plan, chunk, pass->plan.tiles_out, plan->out_stride, plan->out_blocks,
                    plan->numbers == DDPM_CONV_BF16_PAIRS ? plan->numbers : DDPM_CONV_FLOATS);
}

guint
unet_conv_count_groups (const DdpmUnetPass *pass, const UnetConvPlan *plan, guint chunk)
{
  const guint group = pass->kernels->tile_group;
  guint begin, end;

  get_chunk (plan, chunk, &begin, &end);
  return ((end - begin) * ddpm_conv_count_tile_cols (&plan->shape) + group - 1) / group;
}

guint
unet_conv_count_strips (const UnetConvPlan *plan, guint chunk)
{
  guint begin, end;

  get_chunk (plan, chunk, &begin, &end);
  return (end - begin + plan->rows_per_strip - 1) / plan->rows_per_strip;
}

void
unet_conv_get_strip (const UnetConvPlan *plan, guint chunk, guint strip, guint *begin, guint *end)
{
  guint chunk_end;

  get_chunk (plan, chunk, begin, &chunk_end);
  *begin += strip * plan->rows_per_strip;
  *end = MIN (*begin + plan->rows_per_strip, chunk_end);
}

/* --- sources and targets ------------------------------------------------------------------- */

DdpmConvSource
unet_conv_get_input (const DdpmUnetPass *pass, const UnetLayer *layer)
{
  const gint norm_number = unet_tensor (pass->unet, layer->input)->norm;
  const UnetLayer *norm = norm_number >= 0 ? unet_layer (pass->unet, norm_number) : NULL;
  const gint from = norm != NULL ? norm->input : layer->input;
  DdpmConvSource source = { .x = unet_pass_value (pass, from), .ld = unet_pass_stride (pass, from) };

  if (norm != NULL)
    {
      const UnetNormStats stats = unet_pass_norm_stats (pass, norm);

      source.scale = stats.scale;
      source.shift = stats.shift;
      source.act = (DdpmKernelAct) norm->act;
      source.mask = unet_pass_norm_mask (pass, norm);
      source.mask_scale = (float) (1.0 / (1.0 - pass->unet->config.dropout));
    }
  return source;
}

DdpmConvSource
unet_conv_get_output_grad (const DdpmUnetPass *pass, const UnetLayer *layer)
{
  return (DdpmConvSource) { .x = unet_pass_grad (pass, layer->output),
                            .ld = unet_pass_stride (pass, layer->output) };
}

DdpmConvSource
unet_conv_get_block (const DdpmConvSource *first, guint block, guint vector, guint n_channels, guint n_images)
{
  const gsize channel = (gsize) block * vector;
  DdpmConvSource source = *first;

  source.x += channel * source.ld;
  source.n_channels = MIN (vector, n_channels - channel);
  if (source.scale != NULL)
    {
      source.scale += channel * n_images;
      source.shift += channel * n_images;
    }
  if (source.mask != NULL)
    source.mask += channel * source.ld;
  return source;
}

static DdpmConvTarget
get_target_block (const UnetConvProduct *product, guint block, guint vector)
{
  const gsize channel = (gsize) block * vector;
  DdpmConvTarget target = product->target;

  target.out += channel * target.ld;
  target.n_channels = MIN (vector, product->plan.n_out - channel);
  if (target.bias != NULL)
    target.bias += channel * product->plan.shape.n_images;
  if (target.residual != NULL)
    target.residual += channel * target.ld;
  return target;
}

/* --- tasks --------------------------------------------------------------------------------- */

typedef struct
{
  const DdpmUnetPass *pass;
  const UnetConvProduct *product;
  void *points; /* transformed weights, floats or bfloat16 */
  guint n_input_tasks, n_weight_tasks;
  guint n_ranges; /* multiply by steps: of groups of tiles */
} Run;

static float *
get_worker_scratch (const DdpmUnetPass *pass, guint worker)
{
  return (float *) pass->arena.base + pass->plan.worker + worker * pass->plan.worker_stride;
}

/* The n-th of numbers of the plan's precision. */
static void *
get_number (const UnetConvPlan *plan, void *numbers, gsize n)
{
  return (char *) numbers + n * (plan->bf16 ? sizeof (guint16) : sizeof (float));
}

static void
multiply (const Run *run, const DdpmConvTiles *in, const DdpmConvPart *part, const DdpmConvTiles *out)
{
  if (run->product->plan.bf16)
    run->pass->kernels->conv_multiply_bf16 (in, part, out);
  else
    run->pass->kernels->conv_multiply (in, part, out);
}

/* Unfolded weights are used as they are packed. */
static gboolean
has_ready_weights (const UnetConvProduct *product)
{
  return product->packed != NULL && product->plan.shape.method == DDPM_CONV_UNFOLD;
}

/* One block of weights to `points`, blocks of a point together; packed: scratch for it. */
static void
transform_weights (const Run *run, guint out_block, guint in_block, float *packed, void *points)
{
  const UnetConvProduct *product = run->product;
  const UnetConvPlan *plan = &product->plan;
  const DdpmKernels *kernels = run->pass->kernels;
  const gboolean as_packed = plan->shape.method == DDPM_CONV_UNFOLD && !plan->bf16;
  const guint n_taps = plan->shape.kernel * plan->shape.kernel;
  const gsize block = (gsize) out_block * plan->in_blocks + in_block;
  const float *ready =
    product->packed != NULL ? product->packed + block * n_taps * kernels->vector * kernels->vector : NULL;

  if (ready == NULL)
    kernels->conv_pack (product->weights, product->out_stride, product->in_stride, product->turn, n_taps,
                        plan->n_out, plan->n_in, out_block, in_block, as_packed ? points : packed);
  if (!as_packed)
    kernels->conv_transform_weights (plan->shape.method, plan->bf16, n_taps, ready != NULL ? ready : packed,
                                     points, plan->weight_stride);
}

static guint
count_weight_tasks (const UnetConvProduct *product)
{
  const UnetConvPlan *plan = &product->plan;

  if (plan->division == UNET_CONV_BY_PARTS || has_ready_weights (product))
    return 0;
  return plan->out_blocks * ((plan->in_blocks + WEIGHT_IN_BLOCKS - 1) / WEIGHT_IN_BLOCKS);
}

static void
run_weight_task (guint task, guint worker, gpointer data)
{
  const Run *run = data;
  const UnetConvPlan *plan = &run->product->plan;
  const guint per_block = (plan->in_blocks + WEIGHT_IN_BLOCKS - 1) / WEIGHT_IN_BLOCKS;
  const guint out = task / per_block, first = task % per_block * WEIGHT_IN_BLOCKS;
  const gsize size = (gsize) plan->n_taps * run->pass->kernels->vector * run->pass->kernels->vector;

  for (guint in = first; in < MIN (first + WEIGHT_IN_BLOCKS, plan->in_blocks); in++)
    transform_weights (run, out, in, get_worker_scratch (run->pass, worker),
                       get_number (plan, run->points, ((gsize) out * plan->in_blocks + in) * size));
}

static void
transform_input (const Run *run, guint block, guint row_begin, guint row_end, float *strip,
                 const DdpmConvTiles *tiles)
{
  const UnetConvPlan *plan = &run->product->plan;
  const DdpmConvSource source = unet_conv_get_block (&run->product->source, block, run->pass->kernels->vector,
                                                     plan->n_in, plan->shape.n_images);

  run->pass->kernels->conv_input_tiles (&plan->shape, &source, block, row_begin, row_end, strip, tiles);
}

static void
store_output (const Run *run, guint block, guint row_begin, guint row_end, float *strip,
              const DdpmConvTiles *tiles)
{
  const DdpmConvTarget target = get_target_block (run->product, block, run->pass->kernels->vector);

  run->pass->kernels->conv_output (&run->product->plan.shape, tiles, block, row_begin, row_end, strip,
                                   &target);
}

/* A part of the product for which all of the input's blocks are multiplied by transformed weights. */
static DdpmConvPart
begin_part (const Run *run, guint point, guint out_begin, guint out_end)
{
  const UnetConvPlan *plan = &run->product->plan;
  const guint n_blocks = plan->in_blocks * plan->n_taps;
  const gsize out_stride = (gsize) n_blocks * run->pass->kernels->vector * run->pass->kernels->vector;

  return (DdpmConvPart) { .point = point,
                          .n_in = plan->n_in,
                          .n_taps = plan->n_taps,
                          .in_end = n_blocks,
                          .out_begin = out_begin,
                          .out_end = MIN (out_end, plan->out_blocks),
                          .weights = get_number (plan, run->points,
                                                 point * plan->weight_stride + out_begin * out_stride),
                          .out_stride = out_stride };
}

/* --- by rows ------------------------------------------------------------------------------- */

/* All of a chunk, in scratch of the thread's own. */
static void
run_rows_task (guint chunk, guint worker, gpointer data)
{
  const Run *run = data;
  const UnetConvPlan *plan = &run->product->plan;
  float *strip = get_worker_scratch (run->pass, worker);
  DdpmConvTiles in = unet_conv_get_tiles_in (run->pass, plan, chunk);
  DdpmConvTiles out = unet_conv_get_tiles_out (run->pass, plan, chunk);

  in.values = strip + plan->strip;
  out.values = strip + plan->strip + plan->tiles_in;
  for (guint block = 0; block < plan->in_blocks; block++)
    transform_input (run, block, in.row_begin, in.row_end, strip, &in);
  for (guint point = 0; point < plan->n_points; point++)
    {
      DdpmConvPart part = begin_part (run, point, 0, plan->out_blocks);

      part.group_end = unet_conv_count_groups (run->pass, plan, chunk);
      multiply (run, &in, &part, &out);
    }
  for (guint block = 0; block < plan->out_blocks; block++)
    store_output (run, block, in.row_begin, in.row_end, strip, &out);
}

/* --- by steps ------------------------------------------------------------------------------ */

/* Channels of the input and, evenly between them, blocks of weights (the team gives its threads neighbouring
 * tasks: each shall have its part of both). */
static void
run_transform_task (guint task, guint worker, gpointer data)
{
  const Run *run = data;
  const UnetConvPlan *plan = &run->product->plan;
  const guint n_strips = unet_conv_count_strips (plan, 0);
  const guint64 n_tasks = run->n_weight_tasks + run->n_input_tasks;
  const guint n_weights_before = task * (guint64) run->n_weight_tasks / n_tasks,
              input = task - n_weights_before;
  const DdpmConvTiles tiles = unet_conv_get_tiles_in (run->pass, plan, 0);
  guint begin, end;

  if ((task + 1) * (guint64) run->n_weight_tasks / n_tasks > n_weights_before)
    {
      run_weight_task (n_weights_before, worker, data);
      return;
    }
  unet_conv_get_strip (plan, 0, input % n_strips, &begin, &end);
  transform_input (run, input / n_strips, begin, end, get_worker_scratch (run->pass, worker), &tiles);
}

/* A point's product for some blocks of output channels and some groups of tiles. */
static void
run_multiply_task (guint task, guint worker, gpointer data)
{
  const Run *run = data;
  const UnetConvPlan *plan = &run->product->plan;
  const DdpmConvTiles in = unet_conv_get_tiles_in (run->pass, plan, 0);
  const DdpmConvTiles out = unet_conv_get_tiles_out (run->pass, plan, 0);
  const guint n_groups = unet_conv_count_groups (run->pass, plan, 0);
  const guint per_range = (n_groups + run->n_ranges - 1) / run->n_ranges, range = task % run->n_ranges;
  const guint block = task / run->n_ranges / plan->n_points * MULTIPLY_OUT_BLOCKS;
  DdpmConvPart part =
    begin_part (run, task / run->n_ranges % plan->n_points, block, block + MULTIPLY_OUT_BLOCKS);

  part.group_begin = MIN (range * per_range, n_groups);
  part.group_end = MIN (part.group_begin + per_range, n_groups);
  multiply (run, &in, &part, &out);
}

static void
run_output_task (guint task, guint worker, gpointer data)
{
  const Run *run = data;
  const UnetConvPlan *plan = &run->product->plan;
  const guint n_strips = unet_conv_count_strips (plan, 0);
  const DdpmConvTiles tiles = unet_conv_get_tiles_out (run->pass, plan, 0);
  guint begin, end;

  unet_conv_get_strip (plan, 0, task % n_strips, &begin, &end);
  store_output (run, task / n_strips, begin, end, get_worker_scratch (run->pass, worker), &tiles);
}

/* --- by parts ------------------------------------------------------------------------------ */

/* While a point is multiplied, its share of the packed weights that come after this part are brought near. */
static void
prefetch_weights (const Run *run, const DdpmConvPart *part)
{
  const UnetConvPlan *plan = &run->product->plan;
  const gsize block =
    plan->shape.kernel * plan->shape.kernel * run->pass->kernels->vector * run->pass->kernels->vector;
  const gboolean last = part->in_end == plan->in_blocks;
  const guint in = last ? 0 : part->in_end, out_begin = part->out_begin + (last ? UNET_CONV_PART_OUT : 0);
  const gsize n = MIN (UNET_CONV_PART_IN, plan->in_blocks - in) * block;
  const gsize begin = n * part->point / plan->n_points, end = n * (part->point + 1) / plan->n_points;

  for (guint out = out_begin; out < MIN (out_begin + UNET_CONV_PART_OUT, plan->out_blocks); out++)
    for (gsize i = begin / LINE_FLOATS * LINE_FLOATS; i < end; i += LINE_FLOATS)
      __builtin_prefetch (run->product->packed + ((gsize) out * plan->in_blocks + in) * block + i, 0, 2);
}

/* All points' products for a part's blocks of output channels, a few blocks of input channels at a time,
 * whose weights are transformed here. */
static void
multiply_parts (const Run *run, DdpmConvPart part, float *scratch)
{
  const UnetConvPlan *plan = &run->product->plan;
  const DdpmKernels *kernels = run->pass->kernels;
  const DdpmConvTiles in = unet_conv_get_tiles_in (run->pass, plan, 0);
  const DdpmConvTiles out = unet_conv_get_tiles_out (run->pass, plan, 0);
  const gsize square = (gsize) kernels->vector * kernels->vector;
  float *points = scratch + plan->shape.kernel * plan->shape.kernel * square;

  part.out_stride = UNET_CONV_PART_IN * square;
  for (; part.in_begin < plan->in_blocks; part.in_begin = part.in_end)
    {
      part.in_end = MIN (part.in_begin + UNET_CONV_PART_IN, plan->in_blocks);
      part.accumulate = part.in_begin > 0;
      for (guint o = part.out_begin; o < part.out_end; o++)
        for (guint i = part.in_begin; i < part.in_end; i++)
          transform_weights (
            run, o, i, scratch,
            get_number (plan, points, (o - part.out_begin) * part.out_stride + (i - part.in_begin) * square));
      for (part.point = 0; part.point < plan->n_points; part.point++)
        {
          if (run->product->packed != NULL)
            prefetch_weights (run, &part);
          part.weights = get_number (plan, points, part.point * plan->weight_stride);
          multiply (run, &in, &part, &out);
        }
    }
}

static void
run_parts_task (guint task, guint worker, gpointer data)
{
  const Run *run = data;
  const UnetConvPlan *plan = &run->product->plan;
  const DdpmConvTiles out = unet_conv_get_tiles_out (run->pass, plan, 0);
  float *scratch = get_worker_scratch (run->pass, worker);
  const DdpmConvPart part = { .n_in = plan->n_in,
                              .n_taps = 1,
                              .out_begin = task * UNET_CONV_PART_OUT,
                              .out_end = MIN ((task + 1) * UNET_CONV_PART_OUT, plan->out_blocks),
                              .group_end = unet_conv_count_groups (run->pass, plan, 0) };
  guint begin, end;

  multiply_parts (run, part, scratch);
  for (guint block = part.out_begin; block < part.out_end; block++)
    for (guint strip = 0; strip < unet_conv_count_strips (plan, 0); strip++)
      {
        unet_conv_get_strip (plan, 0, strip, &begin, &end);
        store_output (run, block, begin, end, scratch, &out);
      }
}

/* --- the product --------------------------------------------------------------------------- */

void
unet_conv_run_product (DdpmUnetPass *pass, const UnetConvProduct *product)
{
  const UnetConvPlan *plan = &product->plan;
  const guint n_out_tasks =
    (plan->out_blocks + MULTIPLY_OUT_BLOCKS - 1) / MULTIPLY_OUT_BLOCKS * plan->n_points;
  Run run = { .pass = pass,
              .product = product,
              .n_weight_tasks = count_weight_tasks (product),
              .n_input_tasks = plan->in_blocks * unet_conv_count_strips (plan, 0) };

  run.points =
    has_ready_weights (product) ? (void *) product->packed : (float *) pass->arena.base + pass->plan.points;
  if (plan->division == UNET_CONV_BY_ROWS)
    {
      ddpm_team_run (pass->team, run.n_weight_tasks, run_weight_task, &run);
      unet_profile_end_step (pass, UNET_STEP_TRANSFORM);
      ddpm_team_run (pass->team, plan->n_chunks, run_rows_task, &run);
      unet_profile_end_step (pass, UNET_STEP_MULTIPLY);
      return;
    }
  ddpm_team_run (pass->team, run.n_weight_tasks + run.n_input_tasks, run_transform_task, &run);
  unet_profile_end_step (pass, UNET_STEP_TRANSFORM);
  if (plan->division == UNET_CONV_BY_PARTS)
    {
      ddpm_team_run (pass->team, (plan->out_blocks + UNET_CONV_PART_OUT - 1) / UNET_CONV_PART_OUT,
                     run_parts_task, &run);
      unet_profile_end_step (pass, UNET_STEP_MULTIPLY);
      return;
    }
  run.n_ranges =
    CLAMP ((MULTIPLY_MIN_TASKS + n_out_tasks - 1) / n_out_tasks, 1, unet_conv_count_groups (pass, plan, 0));
  ddpm_team_run (pass->team, n_out_tasks * run.n_ranges, run_multiply_task, &run);
  unet_profile_end_step (pass, UNET_STEP_MULTIPLY);
  ddpm_team_run (pass->team, plan->out_blocks * unet_conv_count_strips (plan, 0), run_output_task, &run);
  unet_profile_end_step (pass, UNET_STEP_TRANSFORM);
}
