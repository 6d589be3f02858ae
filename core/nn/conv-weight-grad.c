/* The weights' gradient of a convolution: the tiles of input and output gradient multiplied point by point,
 * chunk by chunk, and transformed back at the end. */
#include "core/nn/conv-weight-grad.h"

#include "core/nn/conv-product.h"

/* Blocks of output channels and of input channels in a task of multiplication. */
#define MULTIPLY_OUT_BLOCKS 3
#define MULTIPLY_IN_BLOCKS 16

typedef struct
{
  DdpmUnetPass *pass;
  const UnetLayer *layer;
  UnetConvPlan plan;
  DdpmConvSource input, grad;
  guint chunk;
  guint n_sum_tasks, n_input_tasks;
} Run;

static float *
get_points (const Run *run)
{
  return (float *) run->pass->arena.base + run->pass->plan.points;
}

/* The output gradient of one channel, summed over each picture. */
static void
sum_channel (const Run *run, guint channel)
{
  const guint n_images = run->plan.shape.n_images;
  const gsize n_pixels = (gsize) run->plan.shape.out_height * run->plan.shape.out_width;
  const float *grad = run->grad.x + channel * run->grad.ld;
  float *sums = (float *) run->pass->arena.base + run->pass->plan.sums + channel * n_images;

  for (guint image = 0; image < n_images; image++)
    sums[image] = run->pass->kernels->sum (grad + image * n_pixels, n_pixels);
}

static void
run_transform_task (guint task, guint worker, gpointer data)
{
  const Run *run = data;
  const UnetConvPlan *plan = &run->plan;
  const DdpmKernels *kernels = run->pass->kernels;
  float *strip =
    (float *) run->pass->arena.base + run->pass->plan.worker + worker * run->pass->plan.worker_stride;
  const guint n_images = plan->shape.n_images;
  guint begin, end;

  if (task < run->n_sum_tasks)
    {
      sum_channel (run, task);
      return;
    }
  task -= run->n_sum_tasks;
  if (task < run->n_input_tasks)
    {
      const guint block = task % plan->in_blocks;
      const DdpmConvSource source =
        unet_conv_get_block (&run->input, block, kernels->vector, plan->n_in, n_images);
      const DdpmConvTiles tiles = unet_conv_get_tiles_in (run->pass, plan, run->chunk);

      unet_conv_get_strip (plan, run->chunk, task / plan->in_blocks, &begin, &end);
      kernels->conv_input_tiles (&plan->shape, &source, block, begin, end, strip, &tiles);
      return;
    }
  task -= run->n_input_tasks;

  const guint block = task % plan->out_blocks;
  const DdpmConvSource source =
    unet_conv_get_block (&run->grad, block, kernels->vector, plan->n_out, n_images);
  const DdpmConvTiles tiles = unet_conv_get_tiles_out (run->pass, plan, run->chunk);

  unet_conv_get_strip (plan, run->chunk, task / plan->out_blocks, &begin, &end);
  kernels->conv_grad_tiles (&plan->shape, &source, block, begin, end, strip, &tiles);
}

static guint
count_in_tasks (const UnetConvPlan *plan)
{
  return (plan->in_blocks * plan->n_taps + MULTIPLY_IN_BLOCKS - 1) / MULTIPLY_IN_BLOCKS;
}

static guint
count_out_tasks (const UnetConvPlan *plan)
{
  return (plan->out_blocks + MULTIPLY_OUT_BLOCKS - 1) / MULTIPLY_OUT_BLOCKS;
}

static void
run_multiply_task (guint task, guint worker, gpointer data)
{
  const Run *run = data;
  const UnetConvPlan *plan = &run->plan;
  const DdpmConvTiles in = unet_conv_get_tiles_in (run->pass, plan, run->chunk);
  const DdpmConvTiles grads = unet_conv_get_tiles_out (run->pass, plan, run->chunk);
  const guint n_in_tasks = count_in_tasks (plan), n_out_tasks = count_out_tasks (plan);
  const guint in_block = task % n_in_tasks * MULTIPLY_IN_BLOCKS;
  const guint out_block = task / n_in_tasks % n_out_tasks * MULTIPLY_OUT_BLOCKS;
  const guint point = task / n_in_tasks / n_out_tasks;
  const DdpmKernels *kernels = run->pass->kernels;

  (plan->bf16 ? kernels->conv_multiply_grad_bf16 : kernels->conv_multiply_grad) (
    &in, &grads, unet_conv_count_groups (run->pass, plan, run->chunk), point, in_block,
    MIN (in_block + MULTIPLY_IN_BLOCKS, in.n_blocks), out_block,
    MIN (out_block + MULTIPLY_OUT_BLOCKS, plan->out_blocks), run->chunk > 0,
    get_points (run) + point * plan->weight_stride);
}

static void
run_collect_task (guint task, guint worker, gpointer data)
{
  const Run *run = data;
  const UnetConvPlan *plan = &run->plan;
  const DdpmKernels *kernels = run->pass->kernels;

  kernels->conv_add_weight_grad (
    plan->shape.method, get_points (run) + (gsize) task * plan->n_taps * kernels->vector * kernels->vector,
    plan->weight_stride, plan->shape.kernel * plan->shape.kernel, plan->n_out, plan->n_in,
    task / plan->in_blocks, task % plan->in_blocks, unet_pass_grad_weight (run->pass, run->layer->weight));
}

void
unet_conv_run_weight_grad (DdpmUnetPass *pass, const UnetLayer *layer)
{
  Run run = { .pass = pass,
              .layer = layer,
              .plan =
                unet_conv_plan (pass->unet, layer, pass->kernels, UNET_CONV_WEIGHT_GRAD, &pass->options),
              .input = unet_conv_get_input (pass, layer),
              .grad = unet_conv_get_output_grad (pass, layer) };
  const UnetConvPlan *plan = &run.plan;

  for (; run.chunk < plan->n_chunks; run.chunk++)
    {
      const guint n_strips = unet_conv_count_strips (plan, run.chunk);

      run.n_sum_tasks = run.chunk == 0 ? plan->n_out : 0;
      run.n_input_tasks = n_strips * plan->in_blocks;
      ddpm_team_run (pass->team, run.n_sum_tasks + run.n_input_tasks + n_strips * plan->out_blocks,
                     run_transform_task, &run);
      unet_profile_end_step (pass, UNET_STEP_TRANSFORM);
      ddpm_team_run (pass->team, plan->n_points * count_in_tasks (plan) * count_out_tasks (plan),
                     run_multiply_task, &run);
      unet_profile_end_step (pass, UNET_STEP_MULTIPLY);
    }
  ddpm_team_run (pass->team, plan->in_blocks * plan->out_blocks, run_collect_task, &run);
  unet_profile_end_step (pass, UNET_STEP_TRANSFORM);
}
