/* Small layers on vectors, [channels][batch]: what the timestep and the label say, and activations
 * (UNET2D.md, sections 3 and 4). The calling thread does them. */
#include <math.h>

#include "core/nn/unet-pass.h"

/* The number that a time layer is about. */
static float
get_number (const DdpmUnetPass *pass, const UnetLayer *layer, guint b)
{
  if (!layer->of_label)
    return pass->timesteps[b];
  return pass->labels != NULL ? (float) pass->labels[b] : 0.0f;
}

float
unet_time_get_divisor (const DdpmUnetPass *pass, guint b)
{
  if (pass->unet->config.time_embedding_type != DDPM_TIME_EMBEDDING_FOURIER)
    return 1.0f;
  return unet_time_get_logarithmic (pass->timesteps[b]);
}

float
unet_time_get_logarithmic (float number)
{
  return number > 0.0f ? number : 0.5f;
}

/* Sinusoids (Vaswani et al. 2017, section 3.5). In float as the reference computes them; a width that is odd
 * leaves a zero. */
static void
compute_positional (DdpmUnetPass *pass, const UnetLayer *layer)
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
          const float angle = get_number (pass, layer, b) * frequency;

          sines[k * batch + b] = sinf (angle);
          cosines[k * batch + b] = cosf (angle);
        }
    }
}

/* Random Fourier features of the logarithm (Tancik et al. 2020; Song et al. 2021): sines, then cosines. */
static void
compute_fourier (DdpmUnetPass *pass, const UnetLayer *layer)
{
  const guint half = unet_tensor (pass->unet, layer->output)->channels / 2, batch = pass->batch;
  const float *frequencies = unet_pass_weight (pass, layer->weight);
  float *sines = unet_pass_value (pass, layer->output), *cosines = sines + (gsize) half * batch;

  for (guint k = 0; k < half; k++)
    for (guint b = 0; b < batch; b++)
      {
        const float logarithm = logf (unet_time_get_logarithmic (get_number (pass, layer, b)));
        const float angle = logarithm * frequencies[k] * 2.0f * (float) G_PI;

        sines[k * batch + b] = sinf (angle);
        cosines[k * batch + b] = cosf (angle);
      }
}

/* The row of a learned table; between two of them, and beyond the last, the nearest. */
static gsize
find_row (const DdpmUnetPass *pass, const UnetLayer *layer, guint b)
{
  const float last = (float) (pass->unet->config.num_train_timesteps - 1);

  return (gsize) CLAMP (rintf (get_number (pass, layer, b)), 0.0f, last);
}

static void
look_up (DdpmUnetPass *pass, const UnetLayer *layer)
{
  const guint channels = unet_tensor (pass->unet, layer->output)->channels, batch = pass->batch;
  const float *table = unet_pass_weight (pass, layer->weight);
  float *output = unet_pass_value (pass, layer->output);

  for (guint b = 0; b < batch; b++)
    for (guint c = 0; c < channels; c++)
      output[c * batch + b] = table[find_row (pass, layer, b) * channels + c];
}

void
unet_time_forward (DdpmUnetPass *pass, const UnetLayer *layer)
{
  switch (pass->unet->config.time_embedding_type)
    {
    case DDPM_TIME_EMBEDDING_POSITIONAL:
      compute_positional (pass, layer);
      break;
    case DDPM_TIME_EMBEDDING_FOURIER:
      compute_fourier (pass, layer);
      break;
    case DDPM_TIME_EMBEDDING_LEARNED:
      look_up (pass, layer);
    }
}

void
unet_time_backward (DdpmUnetPass *pass, const UnetLayer *layer)
{
  const guint channels = unet_tensor (pass->unet, layer->output)->channels, batch = pass->batch;
  const float *grad = NULL;
  float *grad_table = NULL;

  if (unet_tensor (pass->unet, layer->output)->no_grad)
    return;
  grad = unet_pass_grad (pass, layer->output);
  grad_table = unet_pass_grad_weight (pass, layer->weight);
  for (guint b = 0; b < batch; b++)
    for (guint c = 0; c < channels; c++)
      grad_table[find_row (pass, layer, b) * channels + c] += grad[c * batch + b];
}

/* output = input + table[label], + what an MLP says of the label, or + the label itself */
void
unet_class_forward (DdpmUnetPass *pass, const UnetLayer *layer)
{
  const guint channels = unet_tensor (pass->unet, layer->output)->channels, batch = pass->batch;
  const float *table = layer->weight >= 0 ? unet_pass_weight (pass, layer->weight) : NULL;
  const float *residual = layer->residual >= 0 ? unet_pass_value (pass, layer->residual) : NULL;
  const float *vectors = pass->label_vectors, *input = unet_pass_value (pass, layer->input);
  float *output = unet_pass_value (pass, layer->output);

  for (guint c = 0; c < channels; c++)
    for (guint b = 0; b < batch; b++)
      {
        const gsize i = (gsize) c * batch + b;

        output[i] = input[i]
                    + (table != NULL      ? table[(gsize) pass->labels[b] * channels + c]
                       : residual != NULL ? residual[i]
                       : vectors != NULL  ? vectors[(gsize) b * channels + c]
                                          : 0.0f);
      }
}

void
unet_class_backward (DdpmUnetPass *pass, const UnetLayer *layer)
{
  const guint channels = unet_tensor (pass->unet, layer->output)->channels, batch = pass->batch;
  const gsize n = (gsize) channels * batch;
  const float *grad = unet_pass_grad (pass, layer->output);
  float *grad_table = layer->weight >= 0 ? unet_pass_grad_weight (pass, layer->weight) : NULL;
  gboolean accumulate;
  float *grad_input = unet_pass_claim_grad (pass, layer->input, &accumulate);

  for (guint c = 0; c < channels && grad_table != NULL; c++)
    for (guint b = 0; b < batch; b++)
      grad_table[(gsize) pass->labels[b] * channels + c] += grad[c * batch + b];
  pass->kernels->scale_add (grad, n, 1.0f, accumulate, grad_input);
  if (layer->residual >= 0)
    {
      grad_input = unet_pass_claim_grad (pass, layer->residual, &accumulate);
      pass->kernels->scale_add (grad, n, 1.0f, accumulate, grad_input);
    }
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
