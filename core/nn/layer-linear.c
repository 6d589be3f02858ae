/* Linear layers on vectors: output [out][batch] = weight [out][in] input [in][batch] + bias.
 *
 * Layers that follow each other and read the same input, as the projections of the time embedding for all
 * ResNet blocks do (unet-graph.c), are one piece of work: the first of them in the pass's direction does all.
 */
#include "core/nn/unet-pass.h"

#define TASK_ROWS 64    /* output channels of one layer */
#define TASK_COLUMNS 64 /* input channels, whose gradient comes from all layers */

typedef struct
{
  DdpmUnetPass *pass;
  const UnetLayer *layers; /* one behind the other */
  guint n_layers, n_in;
  const float *x; /* [batch][in] */
  /* backward */
  guint n_weight_tasks;
  float *grad_x; /* [batch][in] */
  float *grad_input;
  gboolean accumulate;
} LinearWork;

static gboolean
is_neighbour (const DdpmUnet *unet, const UnetLayer *layer, gint distance)
{
  const gint number = layer - unet_layer (unet, 0) + distance;
  const UnetLayer *other;

  if (number < 0 || number >= (gint) unet->layers->len)
    return FALSE;
  other = unet_layer (unet, number);
  return other->kind == UNET_LINEAR && other->input == layer->input;
}

/* All layers that `layer` belongs to. The input is turned into rows of channels where it is not one column.
 */
static LinearWork
begin (DdpmUnetPass *pass, const UnetLayer *layer)
{
  const DdpmUnet *unet = pass->unet;
  const guint n_in = unet_tensor (unet, layer->input)->channels, batch = pass->batch;
  const float *input = unet_pass_value (pass, layer->input);
  float *scratch = (float *) pass->arena.base + pass->plan.sums;
  LinearWork work = { .pass = pass, .layers = layer, .n_layers = 1, .n_in = n_in, .x = input };

  while (is_neighbour (unet, work.layers, -1))
    {
      work.layers--;
      work.n_layers++;
    }
  while (is_neighbour (unet, work.layers + work.n_layers - 1, 1))
    work.n_layers++;
  if (batch > 1)
    {
      for (guint b = 0; b < batch; b++)
        for (guint i = 0; i < n_in; i++)
          scratch[(gsize) b * n_in + i] = input[(gsize) i * batch + b];
      work.x = scratch;
    }
  work.grad_x = scratch + (gsize) batch * n_in;
  return work;
}

gsize
unet_linear_count_scratch (const DdpmUnet *unet, const UnetLayer *layer, guint batch)
{
  return 2 * (gsize) batch * unet_tensor (unet, layer->input)->channels + DDPM_KERNEL_SLACK;
}

static guint
count_row_tasks (const LinearWork *work, const UnetLayer *layer)
{
  return (unet_tensor (work->pass->unet, layer->output)->channels + TASK_ROWS - 1) / TASK_ROWS;
}

static guint
count_all_row_tasks (const LinearWork *work)
{
  guint n_tasks = 0;

  for (guint i = 0; i < work->n_layers; i++)
    n_tasks += count_row_tasks (work, &work->layers[i]);
  return n_tasks;
}

/* Rows *begin … *end-1 of the layer that is returned. */
static const UnetLayer *
find_rows (const LinearWork *work, guint task, guint *begin, guint *end)
{
  const UnetLayer *layer = work->layers;

  for (; task >= count_row_tasks (work, layer); layer++)
    task -= count_row_tasks (work, layer);
  *begin = task * TASK_ROWS;
  *end = MIN (*begin + TASK_ROWS, unet_tensor (work->pass->unet, layer->output)->channels);
  return layer;
}

static void
run_forward_task (guint task, guint worker, gpointer data)
{
  const LinearWork *work = data;
  const DdpmUnetPass *pass = work->pass;
  guint begin, end;
  const UnetLayer *layer = find_rows (work, task, &begin, &end);

  pass->kernels->linear (unet_pass_weight (pass, layer->weight) + (gsize) begin * work->n_in,
                         unet_pass_weight (pass, layer->bias) + begin, end - begin, work->n_in, work->x,
                         pass->batch, unet_pass_value (pass, layer->output) + (gsize) begin * pass->batch);
}

void
unet_linear_forward (DdpmUnetPass *pass, const UnetLayer *layer)
{
  LinearWork work;

  if (is_neighbour (pass->unet, layer, -1))
    return;
  work = begin (pass, layer);
  ddpm_team_run (pass->team, count_all_row_tasks (&work), run_forward_task, &work);
}

/* --- backward ------------------------------------------------------------------------------ */

/* d weight [out][in] += d output [out][batch] x [batch][in] */
static void
add_weight_grads (const LinearWork *work, guint task)
{
  const DdpmUnetPass *pass = work->pass;
  const guint batch = pass->batch;
  guint begin, end;
  const UnetLayer *layer = find_rows (work, task, &begin, &end);
  const float *grad = unet_pass_grad (pass, layer->output);
  float *grad_bias = unet_pass_grad_weight (pass, layer->bias);
  const DdpmMatrixProduct product = { .a = grad + (gsize) begin * batch,
                                      .a_row = batch,
                                      .a_col = 1,
                                      .b = work->x,
                                      .ldb = work->n_in,
                                      .c = unet_pass_grad_weight (pass, layer->weight)
                                           + (gsize) begin * work->n_in,
                                      .ldc = work->n_in,
                                      .n_rows = end - begin,
                                      .n_cols = work->n_in,
                                      .n_sum = batch,
                                      .accumulate = TRUE };

  pass->kernels->matrix_multiply (&product);
  for (guint out = begin; out < end; out++)
    for (guint b = 0; b < batch; b++)
      grad_bias[out] += grad[(gsize) out * batch + b];
}

/* Some columns of d input [batch][in] = sum over the layers of d output^T [batch][out] weight [out][in]. */
static void
add_input_grads (const LinearWork *work, guint task)
{
  const DdpmUnetPass *pass = work->pass;
  const guint batch = pass->batch, begin = task * TASK_COLUMNS, end = MIN (begin + TASK_COLUMNS, work->n_in);

  for (guint i = 0; i < work->n_layers; i++)
    {
      const UnetLayer *layer = &work->layers[i];
      const DdpmMatrixProduct product = { .a = unet_pass_grad (pass, layer->output),
                                          .a_row = 1,
                                          .a_col = batch,
                                          .b = unet_pass_weight (pass, layer->weight) + begin,
                                          .ldb = work->n_in,
                                          .c = work->grad_x + begin,
                                          .ldc = work->n_in,
                                          .n_rows = batch,
                                          .n_cols = end - begin,
                                          .n_sum = unet_tensor (pass->unet, layer->output)->channels,
                                          .accumulate = i > 0 };

      pass->kernels->matrix_multiply (&product);
    }
  for (guint c = begin; c < end; c++)
    for (guint b = 0; b < batch; b++)
      {
        float *to = work->grad_input + (gsize) c * batch + b;

        *to = (work->accumulate ? *to : 0.0f) + work->grad_x[(gsize) b * work->n_in + c];
      }
}

static void
run_backward_task (guint task, guint worker, gpointer data)
{
  const LinearWork *work = data;

  if (task < work->n_weight_tasks)
    add_weight_grads (work, task);
  else
    add_input_grads (work, task - work->n_weight_tasks);
}

void
unet_linear_backward (DdpmUnetPass *pass, const UnetLayer *layer)
{
  LinearWork work;
  guint n_tasks;

  if (is_neighbour (pass->unet, layer, 1))
    return;
  work = begin (pass, layer);
  work.n_weight_tasks = count_all_row_tasks (&work);
  work.grad_input = unet_pass_claim_grad (pass, layer->input, &work.accumulate);
  n_tasks = work.n_weight_tasks;
  if (work.grad_input != NULL)
    n_tasks += (work.n_in + TASK_COLUMNS - 1) / TASK_COLUMNS;
  ddpm_team_run (pass->team, n_tasks, run_backward_task, &work);
}
