/* Convolutions of kernel 1 or 3, stride 1 or 2: y = scale * (W * x + bias + time_bias + residual).
 *
 * x may be a norm's output that is not stored; then its normalisation and activation happen while x is
 * brought into tiles. How a convolution is computed: core/kernels/conv.h. */
#include "core/nn/conv-product.h"
#include "core/nn/conv-weight-grad.h"

/* --- forward ------------------------------------------------------------------------------- */

typedef struct
{
  const DdpmUnetPass *pass;
  const UnetLayer *layer;
  float *packed;
  gboolean round; /* to bfloat16 */
} PackWork;

static float *
get_packed (const DdpmUnetPass *pass, const UnetLayer *layer)
{
  return (float *) pass->arena.base + pass->plan.packed
         + pass->plan.packed_of[layer - unet_layer (pass->unet, 0)];
}

/* One block of output channels. */
static void
run_pack_task (guint block, guint worker, gpointer data)
{
  const PackWork *work = data;
  const DdpmKernels *kernels = work->pass->kernels;
  const guint n_in = unet_tensor (work->pass->unet, work->layer->input)->channels;
  const guint n_out = unet_tensor (work->pass->unet, work->layer->output)->channels;
  const guint n_taps = work->layer->kernel * work->layer->kernel;
  const guint in_blocks = (n_in + kernels->vector - 1) / kernels->vector;
  const gsize size = (gsize) n_taps * kernels->vector * kernels->vector;

  float squares[9 * DDPM_KERNEL_SLACK * DDPM_KERNEL_SLACK];

  for (guint in = 0; in < in_blocks; in++)
    {
      const gsize place = ((gsize) block * in_blocks + in) * size;

      kernels->conv_pack (unet_pass_weight (work->pass, work->layer->weight), (gsize) n_in * n_taps, n_taps,
                          FALSE, n_taps, n_out, n_in, block, in,
                          work->round ? squares : work->packed + place);
      if (work->round)
        kernels->conv_transform_weights (DDPM_CONV_UNFOLD, TRUE, n_taps, squares,
                                         (guint16 *) work->packed + place, 0);
    }
}

void
unet_conv_pack (DdpmUnetPass *pass, const UnetLayer *layer)
{
  const UnetConvPlan plan =
    unet_conv_plan (pass->unet, layer, pass->kernels, UNET_CONV_FORWARD, &pass->options);
  PackWork work = { .pass = pass,
                    .layer = layer,
                    .packed = get_packed (pass, layer),
                    .round = plan.bf16 && plan.shape.method == DDPM_CONV_UNFOLD };
  const guint n_out = unet_tensor (pass->unet, layer->output)->channels;

  ddpm_team_run (pass->team, (n_out + pass->kernels->vector - 1) / pass->kernels->vector, run_pack_task,
                 &work);
}

/* bias[out][image] = bias[out] + time_bias[out][image] in the scratch for sums. */
static const float *
add_biases (const DdpmUnetPass *pass, const UnetLayer *layer)
{
  const guint n_out = unet_tensor (pass->unet, layer->output)->channels, batch = pass->batch;
  const float *bias = unet_pass_weight (pass, layer->bias);
  const float *time_bias = layer->time_bias >= 0 ? unet_pass_value (pass, layer->time_bias) : NULL;
  float *sums = (float *) pass->arena.base + pass->plan.sums;

  for (guint out = 0; out < n_out; out++)
    for (guint image = 0; image < batch; image++)
      sums[out * batch + image] = bias[out] + (time_bias != NULL ? time_bias[out * batch + image] : 0.0f);
  return sums;
}

void
unet_conv_forward (DdpmUnetPass *pass, const UnetLayer *layer)
{
  UnetConvProduct product = { .plan = unet_conv_plan (pass->unet, layer, pass->kernels, UNET_CONV_FORWARD,
                                                      &pass->options),
                              .source = unet_conv_get_input (pass, layer),
                              .target = { .out = unet_pass_value (pass, layer->output),
                                          .ld = unet_pass_stride (pass, layer->output),
                                          .bias = add_biases (pass, layer),
                                          .scale = layer->scale } };
  const guint n_taps = layer->kernel * layer->kernel;

  if (layer->residual >= 0)
    product.target.residual = unet_pass_value (pass, layer->residual);
  if (pass->mode == DDPM_PASS_INFERENCE)
    product.packed = get_packed (pass, layer);
  else
    {
      product.weights = unet_pass_weight (pass, layer->weight); /* they have changed */
      product.out_stride = (gsize) product.plan.n_in * n_taps;
      product.in_stride = n_taps;
    }
  unet_conv_run_product (pass, &product);
}

/* --- backward ------------------------------------------------------------------------------ */

/* d bias and d time_bias from the sums that the weight gradient left. */
static void
add_bias_grads (DdpmUnetPass *pass, const UnetLayer *layer)
{
  const guint n_out = unet_tensor (pass->unet, layer->output)->channels;
  const guint batch = pass->batch;
  const float *sums = (float *) pass->arena.base + pass->plan.sums;
  float *grad_bias = unet_pass_grad_weight (pass, layer->bias);
  gboolean accumulate = FALSE;
  float *grad_time =
    layer->time_bias >= 0 ? unet_pass_claim_grad (pass, layer->time_bias, &accumulate) : NULL;

  for (guint out = 0; out < n_out; out++)
    for (guint image = 0; image < batch; image++)
      grad_bias[out] += sums[out * batch + image];
  if (grad_time != NULL)
    pass->kernels->scale_add (sums, (gsize) n_out * batch, 1.0f, accumulate, grad_time);
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

/* What the input gets, with in and out exchanged. */
static void
backward_data (DdpmUnetPass *pass, const UnetLayer *layer)
{
  gboolean accumulate;
  float *grad_x = unet_pass_claim_grad (pass, layer->input, &accumulate);
  const guint n_taps = layer->kernel * layer->kernel;

  if (grad_x == NULL)
    return;

  UnetConvProduct product = { .plan = unet_conv_plan (pass->unet, layer, pass->kernels, UNET_CONV_DATA_GRAD,
                                                      &pass->options),
                              .source = unet_conv_get_output_grad (pass, layer),
                              .target = { .out = grad_x,
                                          .ld = unet_pass_stride (pass, layer->input),
                                          .scale = 1.0f,
                                          .accumulate = accumulate },
                              .weights = unet_pass_weight (pass, layer->weight),
                              .out_stride = n_taps,
                              .turn = TRUE };

  product.in_stride = (gsize) product.plan.n_out * n_taps;
  unet_conv_run_product (pass, &product);
}

void
unet_conv_backward (DdpmUnetPass *pass, const UnetLayer *layer)
{
  backward_residual (pass, layer);
  unet_conv_run_weight_grad (pass, layer);
  add_bias_grads (pass, layer);
  backward_data (pass, layer);
}
