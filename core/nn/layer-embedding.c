/* Small layers on vectors, [channels][batch]: the timestep's sinusoid, the class table and activations
 * (UNET2D.md, sections 3 and 4). The calling thread does them. */
#include <math.h>

#include "core/nn/unet-pass.h"

/* Sinusoids of the timestep (Vaswani et al. 2017, section 3.5). In float as the reference computes them; a
 * width that is odd leaves a zero. */
void
unet_time_forward (DdpmUnetPass *pass, const UnetLayer *layer)
{
  const DdpmUnetConfig *config = &pass->unet->config;
  const guint width = unet_tensor (pass->unet, layer->output)->channels, half = width / 2,
              batch = pass->batch;
  float *sines = unet_pass_value (pass, layer->output), *cosines = sines;

  if (width % 2 != 0)
    for (guint b = 0; b < batch; b++)
      sines[(gsize) (width - 1) * batch + b] = 0.0f;
  if (config->flip_sin_to_cos)
    sines += (gsize) half * batch;
  else
    cosines += (gsize) half * batch;
  for (guint k = 0; k < half; k++)
    {
      const float exponent = -logf (10000.0f) * (float) k / (float) (half - config->freq_shift);
      const float frequency = expf (exponent);

      for (guint b = 0; b < batch; b++)
        {
          const float angle = pass->timesteps[b] * frequency;

          sines[k * batch + b] = sinf (angle);
          cosines[k * batch + b] = cosf (angle);
        }
    }
}

/* output = input + table[label] */
void
unet_class_forward (DdpmUnetPass *pass, const UnetLayer *layer)
{
  const guint channels = unet_tensor (pass->unet, layer->output)->channels, batch = pass->batch;
  const float *table = unet_pass_weight (pass, layer->weight), *input = unet_pass_value (pass, layer->input);
  float *output = unet_pass_value (pass, layer->output);

  for (guint c = 0; c < channels; c++)
    for (guint b = 0; b < batch; b++)
      output[c * batch + b] = input[c * batch + b] + table[(gsize) pass->labels[b] * channels + c];
}

void
unet_class_backward (DdpmUnetPass *pass, const UnetLayer *layer)
{
  const guint channels = unet_tensor (pass->unet, layer->output)->channels, batch = pass->batch;
  const float *grad = unet_pass_grad (pass, layer->output);
  float *grad_table = unet_pass_grad_weight (pass, layer->weight);
  gboolean accumulate;
  float *grad_input = unet_pass_claim_grad (pass, layer->input, &accumulate);

  for (guint c = 0; c < channels; c++)
    for (guint b = 0; b < batch; b++)
      grad_table[(gsize) pass->labels[b] * channels + c] += grad[c * batch + b];
  pass->kernels->scale_add (grad, (gsize) channels * batch, 1.0f, accumulate, grad_input);
}

void
unet_act_forward (DdpmUnetPass *pass, const UnetLayer *layer)
{
  const gsize n = (gsize) unet_tensor (pass->unet, layer->input)->channels * pass->batch;

  pass->kernels->act_forward (unet_pass_value (pass, layer->input), n, 1.0f, 0.0f, (DdpmKernelAct) layer->act,
                              unet_pass_value (pass, layer->output));
}

void
unet_act_backward (DdpmUnetPass *pass, const UnetLayer *layer)
{
  const gsize n = (gsize) unet_tensor (pass->unet, layer->input)->channels * pass->batch;
  gboolean accumulate;
  float *grad_input = unet_pass_claim_grad (pass, layer->input, &accumulate);

  pass->kernels->act_backward (unet_pass_value (pass, layer->input), unet_pass_grad (pass, layer->output), n,
                               (DdpmKernelAct) layer->act, accumulate, grad_input);
}
