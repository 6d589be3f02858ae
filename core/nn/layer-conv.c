/* Convolutions of kernel 1 or 3, stride 1 or 2: y = scale * (W * x + bias + time_bias + residual).
 *
 * x may be a norm's output that is not stored; then its normalisation and activation happen while x is
 * gathered into padded planes. */
#include "core/nn/conv-geometry.h"
#include "core/nn/unet-pass.h"

/* Vectors of positions and output blocks in a task: enough of the input to stay in a core's cache, and tasks
 * enough for every thread. Depends on shapes alone. */
#define TASK_INPUT_FLOATS (96 * 1024)
#define TASK_MIN_POSITIONS 48
#define TASK_MAX_POSITIONS 1536
#define MIN_TASKS 16

/* Output channels of the weight gradient in a task. Where rows are unfolded, which is work for each column, a
 * task has all of them. */
#define GRAD_TASK_OUT 48

/* --- tasks --------------------------------------------------------------------------------- */

/* One run of multiply: which positions of which grid, with which weights, to where. */
typedef struct
{
  DdpmConvGrid grid;
  DdpmConvTarget target;
  const float *gathered;
  float *packed;
  guint n_in, n_out;
  guint n_blocks, blocks_per_task, n_block_tasks;
  guint n_vectors, vectors_per_task, n_tasks;
  /* how `packed` is made from the weights */
  gsize out_stride, in_stride;
  guint tap_index[9];
} Product;

static void
divide_product (Product *product, const DdpmKernels *kernels)
{
  const guint positions = CLAMP (TASK_INPUT_FLOATS / product->n_in, TASK_MIN_POSITIONS, TASK_MAX_POSITIONS);
  const guint group = kernels->conv_vectors;
  guint n_vector_tasks;

  product->n_blocks = unet_conv_count_blocks (kernels, product->n_out);
  product->n_vectors = ddpm_conv_count_vectors (&product->grid, kernels->vector);
  product->vectors_per_task = MAX (positions / kernels->vector / group, 1) * group;
  n_vector_tasks = (product->n_vectors + product->vectors_per_task - 1) / product->vectors_per_task;
  product->n_block_tasks = MIN ((MIN_TASKS + n_vector_tasks - 1) / n_vector_tasks, product->n_blocks);
  product->blocks_per_task = (product->n_blocks + product->n_block_tasks - 1) / product->n_block_tasks;
  product->n_block_tasks = (product->n_blocks + product->blocks_per_task - 1) / product->blocks_per_task;
  product->n_tasks = n_vector_tasks * product->n_block_tasks;
}

static void
run_product_task (const DdpmKernels *kernels, const Product *product, guint task)
{
  const guint block = task % product->n_block_tasks * product->blocks_per_task;
  const guint vector = task / product->n_block_tasks * product->vectors_per_task;

  kernels->conv_multiply (&product->grid, product->gathered, product->packed, product->n_in, product->n_out,
                          block, MIN (block + product->blocks_per_task, product->n_blocks), vector,
                          MIN (vector + product->vectors_per_task, product->n_vectors), &product->target);
}

typedef struct
{
  DdpmUnetPass *pass;
  const UnetLayer *layer;
  UnetConvGeometry geometry;
  Product products[4];
  guint n_products;
  gboolean gather_grad; /* backward */
  gboolean pack;
  guint n_weight_tasks;
} Work;

static void
pack_block (const Work *work, guint number)
{
  const DdpmUnetPass *pass = work->pass;

  for (guint i = 0; i < work->n_products; i++)
    {
      const Product *product = &work->products[i];

      if (number < product->n_blocks)
        {
          pass->kernels->conv_pack (unet_pass_weight (pass, work->layer->weight), product->out_stride,
                                    product->in_stride, product->tap_index, product->grid.n_taps,
                                    product->n_out, product->n_in, number, number + 1, product->packed);
          return;
        }
      number -= product->n_blocks;
    }
}

static guint
count_pack_tasks (const Work *work)
{
  guint n = 0;

  for (guint i = 0; work->pack && i < work->n_products; i++)
    n += work->products[i].n_blocks;
  return n;
}

static void
gather_input (const Work *work, guint channel)
{
  const DdpmUnetPass *pass = work->pass;
  const UnetConvGeometry *g = &work->geometry;
  const gint norm_number = unet_tensor (pass->unet, work->layer->input)->norm;
  const UnetLayer *norm = norm_number >= 0 ? unet_layer (pass->unet, norm_number) : NULL;
  const gint from = norm != NULL ? norm->input : work->layer->input;
  const gsize stride = unet_pass_stride (pass, from);
  DdpmConvSource source = { .x = unet_pass_value (pass, from) + channel * stride,
                            .n_images = g->batch,
                            .height = g->in_height,
                            .width = g->in_width };

  if (work->layer->kernel == 1)
    {
      source.height = 1;
      source.width = g->in_height * g->in_width;
    }
  if (norm != NULL)
    {
      const UnetNormStats stats = unet_pass_norm_stats (pass, norm);
      const guint8 *mask = unet_pass_norm_mask (pass, norm);

      source.scale = stats.scale + channel * pass->batch;
      source.shift = stats.shift + channel * pass->batch;
      source.act = (DdpmKernelAct) norm->act;
      source.mask = mask != NULL ? mask + channel * stride : NULL;
      source.mask_scale = (float) (1.0 / (1.0 - pass->unet->config.dropout));
    }
  pass->kernels->conv_gather (
    &source, &g->planes, (float *) pass->arena.base + pass->plan.gathered + channel * g->grid.channel_stride);
}

/* The output gradient of one channel, and its sum over each picture. */
static void
gather_grad (const Work *work, guint channel)
{
  const DdpmUnetPass *pass = work->pass;
  const UnetConvGeometry *g = &work->geometry;
  const gsize n_pixels = (gsize) g->out_height * g->out_width;
  const float *grad =
    unet_pass_grad (pass, work->layer->output) + channel * unet_pass_stride (pass, work->layer->output);
  float *sums = (float *) pass->arena.base + pass->plan.sums + channel * g->batch;
  DdpmConvSource source = { .x = grad, .n_images = g->batch, .height = g->out_height, .width = g->out_width };

  if (work->layer->kernel == 1)
    {
      source.height = 1;
      source.width = n_pixels;
    }
  pass->kernels->conv_gather (&source, &g->grad_planes,
                              (float *) pass->arena.base + pass->plan.gathered_grad
                                + channel * g->grad_channel_stride);
  for (guint image = 0; image < g->batch; image++)
    sums[image] = pass->kernels->sum (grad + image * n_pixels, n_pixels);
}

static void
run_prepare_task (guint task, guint worker, gpointer data)
{
  const Work *work = data;
  const guint n_grad = work->gather_grad ? work->geometry.n_out : 0;

  if (task < work->geometry.n_in)
    gather_input (work, task);
  else if (task < work->geometry.n_in + n_grad)
    gather_grad (work, task - work->geometry.n_in);
  else
    pack_block (work, task - work->geometry.n_in - n_grad);
}

static void
prepare (Work *work)
{
  const guint n_grad = work->gather_grad ? work->geometry.n_out : 0;

  ddpm_team_run (work->pass->team, work->geometry.n_in + n_grad + count_pack_tasks (work), run_prepare_task,
                 work);
}

static guint
count_weight_tasks (const UnetConvGeometry *g, const DdpmKernels *kernels)
{
  const guint n_column_tasks = (g->n_columns + UNET_CONV_GRAD_COLUMNS - 1) / UNET_CONV_GRAD_COLUMNS;

  return unet_conv_needs_unfolding (g, kernels)
           ? n_column_tasks
           : n_column_tasks * ((g->n_out + GRAD_TASK_OUT - 1) / GRAD_TASK_OUT);
}

static void
run_weight_task (const Work *work, guint task, guint worker)
{
  const DdpmUnetPass *pass = work->pass;
  const DdpmKernels *kernels = pass->kernels;
  const UnetConvGeometry *g = &work->geometry;
  const gsize stride = unet_pass_stride (pass, work->layer->output);
  const guint n_column_tasks = (g->n_columns + UNET_CONV_GRAD_COLUMNS - 1) / UNET_CONV_GRAD_COLUMNS;
  const gsize begin = (gsize) (task % n_column_tasks) * UNET_CONV_GRAD_COLUMNS;
  const gsize end = MIN (begin + UNET_CONV_GRAD_COLUMNS, g->n_columns);
  const float *gathered = (float *) pass->arena.base + pass->plan.gathered;
  const float *grad = unet_pass_grad (pass, work->layer->output);
  float *grad_weights = unet_pass_grad_weight (pass, work->layer->weight);

  if (unet_conv_needs_unfolding (g, kernels))
    {
      float *columns = (float *) pass->arena.base + pass->plan.worker + worker * pass->plan.worker_stride;
      const DdpmConvGrid unfolded = {
        .n_images = 1,
        .rows = 1,
        .cols = g->batch * g->out_height * g->out_width,
        .channel_stride = stride,
        .n_taps = 1,
      };

      kernels->conv_unfold (&g->grid, gathered, begin, end, stride, columns);
      kernels->conv_weight_grad (&unfolded, columns, grad, stride, g->n_columns, 0, g->n_out, 0, end - begin,
                                 grad_weights + begin);
    }
  else
    {
      const guint out = task / n_column_tasks * GRAD_TASK_OUT;

      kernels->conv_weight_grad (&g->grid, gathered, grad, stride, g->n_columns, out,
                                 MIN (out + GRAD_TASK_OUT, g->n_out), begin, end, grad_weights);
    }
}

/* Weight gradient and data gradient are independent: one run of the team does both. */
static void
run_task (guint task, guint worker, gpointer data)
{
  const Work *work = data;

  if (task < work->n_weight_tasks)
    {
      run_weight_task (work, task, worker);
      return;
    }
  task -= work->n_weight_tasks;
  for (guint i = 0; i < work->n_products; i++)
    {
      if (task < work->products[i].n_tasks)
        {
          run_product_task (work->pass->kernels, &work->products[i], task);
          return;
        }
      task -= work->products[i].n_tasks;
    }
}

static void
run_all (Work *work)
{
  guint n_tasks = work->n_weight_tasks;

  for (guint i = 0; i < work->n_products; i++)
    n_tasks += work->products[i].n_tasks;
  ddpm_team_run (work->pass->team, n_tasks, run_task, work);
}

/* --- forward ------------------------------------------------------------------------------- */

/* bias[out][image] = bias[out] + time_bias[out][image] in the scratch for sums. */
static const float *
add_biases (const Work *work)
{
  const DdpmUnetPass *pass = work->pass;
  const UnetLayer *layer = work->layer;
  const guint n_images = work->geometry.grid.n_images;
  const float *bias = unet_pass_weight (pass, layer->bias);
  const float *time_bias = layer->time_bias >= 0 ? unet_pass_value (pass, layer->time_bias) : NULL;
  float *sums = (float *) pass->arena.base + pass->plan.sums;

  for (guint out = 0; out < work->geometry.n_out; out++)
    for (guint image = 0; image < n_images; image++)
      sums[out * n_images + image] =
        bias[out] + (time_bias != NULL ? time_bias[out * n_images + image] : 0.0f);
  return sums;
}

static Work
begin_forward (DdpmUnetPass *pass, const UnetLayer *layer)
{
  Work work = { .pass = pass,
                .layer = layer,
                .geometry =
                  unet_conv_get_geometry (pass->unet, layer, pass->batch, pass->height, pass->width),
                .n_products = 1 };
  const UnetConvGeometry *g = &work.geometry;
  Product *product = &work.products[0];
  float *base = pass->arena.base;

  product->grid = g->grid;
  product->gathered = base + pass->plan.gathered;
  product->packed = base + pass->plan.packed + pass->plan.packed_of[layer - unet_layer (pass->unet, 0)];
  product->n_in = g->n_in;
  product->n_out = g->n_out;
  product->out_stride = (gsize) g->n_in * g->n_taps;
  product->in_stride = g->n_taps;
  for (guint tap = 0; tap < g->n_taps; tap++)
    product->tap_index[tap] = tap;
  divide_product (product, pass->kernels);
  return work;
}

static void
run_pack_task (guint task, guint worker, gpointer data)
{
  pack_block (data, task);
}

void
unet_conv_pack (DdpmUnetPass *pass, const UnetLayer *layer)
{
  Work work = begin_forward (pass, layer);

  ddpm_team_run (pass->team, work.products[0].n_blocks, run_pack_task, &work);
}

void
unet_conv_forward (DdpmUnetPass *pass, const UnetLayer *layer)
{
  Work work = begin_forward (pass, layer);
  const UnetConvGeometry *g = &work.geometry;
  const gsize stride = unet_pass_stride (pass, layer->output);

  work.pack = pass->mode == DDPM_PASS_TRAINING; /* the weights have changed */
  work.products[0].target = (DdpmConvTarget) {
    .out = unet_pass_value (pass, layer->output),
    .ld = stride,
    .image_size = (gsize) g->out_height * g->out_width,
    .width = g->out_width,
    .step = 1,
    .bias = add_biases (&work),
    .residual = layer->residual >= 0 ? unet_pass_value (pass, layer->residual) : NULL,
    .residual_ld = stride,
    .scale = layer->scale,
  };
  prepare (&work);
  run_all (&work);
}

/* --- backward ------------------------------------------------------------------------------ */

/* The data gradient is a convolution of the output's gradient with the weights turned round, in and out
 * exchanged. With stride 2, pixels of each parity see a different part of the kernel: four convolutions. */
static void
add_data_products (Work *work, float *grad_x, gboolean accumulate)
{
  const DdpmUnetPass *pass = work->pass;
  const UnetLayer *layer = work->layer;
  const UnetConvGeometry *g = &work->geometry;
  const guint stride = layer->stride, kernel = layer->kernel;
  float *base = pass->arena.base, *packed = base + pass->plan.packed;

  for (guint phase = 0; phase < stride * stride; phase++)
    {
      const guint row_start = phase / stride, col_start = phase % stride;
      Product *product = &work->products[work->n_products++];

      product->grid =
        (DdpmConvGrid) { .n_images = g->grid.n_images,
                         .rows = kernel == 1 ? 1 : (g->in_height - row_start + stride - 1) / stride,
                         .cols = kernel == 1 ? g->grid.cols : (g->in_width - col_start + stride - 1) / stride,
                         .plane_width = g->grid.plane_width,
                         .image_stride = g->grid.image_stride,
                         .channel_stride = g->grad_channel_stride };
      for (guint tap = 0; tap < g->n_taps; tap++)
        {
          const gint y = (gint) (row_start + layer->pad) - (gint) (tap / kernel);
          const gint x = (gint) (col_start + layer->pad) - (gint) (tap % kernel);

          if (y % (gint) stride != 0 || x % (gint) stride != 0)
            continue;
          product->tap_index[product->grid.n_taps] = tap;
          product->grid.tap_offset[product->grid.n_taps++] =
            (gssize) g->grad_start + y / (gint) stride * (gssize) g->grid.plane_width + x / (gint) stride;
        }
      product->gathered = base + pass->plan.gathered_grad;
      product->packed = packed;
      product->n_in = g->n_out;
      product->n_out = g->n_in;
      product->out_stride = g->n_taps;
      product->in_stride = (gsize) g->n_in * g->n_taps;
      product->target = (DdpmConvTarget) { .out = grad_x,
                                           .ld = unet_pass_stride (pass, layer->input),
                                           .image_size = (gsize) g->in_height * g->in_width,
                                           .width = g->in_width,
                                           .step = stride,
                                           .row_start = row_start,
                                           .col_start = col_start,
                                           .scale = 1.0f,
                                           .accumulate = accumulate };
      divide_product (product, pass->kernels);
      packed += (gsize) product->n_blocks * pass->kernels->conv_block * product->n_in * product->grid.n_taps;
    }
}

/* d bias and d time_bias from the sums that gather_grad left. */
static void
add_bias_grads (const Work *work)
{
  DdpmUnetPass *pass = work->pass;
  const UnetLayer *layer = work->layer;
  const guint batch = pass->batch;
  const float *sums = (float *) pass->arena.base + pass->plan.sums;
  float *grad_bias = unet_pass_grad_weight (pass, layer->bias);
  gboolean accumulate = FALSE;
  float *grad_time =
    layer->time_bias >= 0 ? unet_pass_claim_grad (pass, layer->time_bias, &accumulate) : NULL;

  for (guint out = 0; out < work->geometry.n_out; out++)
    for (guint image = 0; image < batch; image++)
      grad_bias[out] += sums[out * batch + image];
  if (grad_time != NULL)
    pass->kernels->scale_add (sums, (gsize) work->geometry.n_out * batch, 1.0f, accumulate, grad_time);
}

typedef struct
{
  const DdpmKernels *kernels;
  float *grad, *grad_residual;
  gsize stride;
  float scale;
  gboolean accumulate;
} ResidualWork;

/* One channel: the output's gradient times scale, which is the residual's as well. */
static void
run_residual_task (guint channel, guint worker, gpointer data)
{
  const ResidualWork *work = data;
  float *grad = work->grad + channel * work->stride;

  if (work->scale != 1.0f)
    work->kernels->scale_add (grad, work->stride, work->scale, FALSE, grad);
  if (work->grad_residual != NULL)
    work->kernels->scale_add (grad, work->stride, 1.0f, work->accumulate,
                              work->grad_residual + channel * work->stride);
}

static void
backward_residual (DdpmUnetPass *pass, const UnetLayer *layer)
{
  ResidualWork work = { .kernels = pass->kernels,
                        .grad = unet_pass_grad (pass, layer->output),
                        .stride = unet_pass_stride (pass, layer->output),
                        .scale = layer->scale };

  if (layer->residual >= 0)
    work.grad_residual = unet_pass_claim_grad (pass, layer->residual, &work.accumulate);
  if (work.grad_residual != NULL || work.scale != 1.0f)
    ddpm_team_run (pass->team, unet_tensor (pass->unet, layer->output)->channels, run_residual_task, &work);
}

void
unet_conv_backward (DdpmUnetPass *pass, const UnetLayer *layer)
{
  Work work = { .pass = pass,
                .layer = layer,
                .geometry =
                  unet_conv_get_geometry (pass->unet, layer, pass->batch, pass->height, pass->width),
                .gather_grad = TRUE,
                .pack = TRUE };
  gboolean accumulate;
  float *grad_x;

  backward_residual (pass, layer);
  grad_x = unet_pass_claim_grad (pass, layer->input, &accumulate);
  if (grad_x != NULL)
    add_data_products (&work, grad_x, accumulate);
  work.n_weight_tasks = count_weight_tasks (&work.geometry, pass->kernels);
  prepare (&work);
  add_bias_grads (&work);
  run_all (&work);
}
