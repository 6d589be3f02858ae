/* A network's shape: its parameters and what it costs. */
#include "core/nn/unet.h"

#include <math.h>

#include "core/base/rng.h"
#include "core/nn/unet-graph.h"

#define FOURIER_SCALE 16.0f /* of a time embedding's frequencies, as diffusers draws them */

DdpmUnet *
ddpm_unet_new (const DdpmUnetConfig *config, GError **error)
{
  DdpmUnet *unet;

  if (!ddpm_unet_config_validate (config, error))
    return NULL;
  unet = g_new0 (DdpmUnet, 1);
  unet->config = *config;
  unet->params = g_array_new (FALSE, FALSE, sizeof (DdpmParam));
  unet->tensors = g_array_new (FALSE, FALSE, sizeof (UnetTensor));
  unet->layers = g_array_new (FALSE, FALSE, sizeof (UnetLayer));
  unet->param_numbers = g_hash_table_new (g_str_hash, g_str_equal);
  ddpm_unet_build (unet);
  return unet;
}

void
ddpm_unet_free (DdpmUnet *unet)
{
  if (unet == NULL)
    return;
  g_hash_table_unref (unet->param_numbers);
  for (guint i = 0; i < unet->params->len; i++)
    g_free ((char *) unet_param (unet, i)->name);
  g_array_unref (unet->params);
  g_array_unref (unet->tensors);
  g_array_unref (unet->layers);
  g_free (unet);
}

const DdpmUnetConfig *
ddpm_unet_get_config (const DdpmUnet *unet)
{
  return &unet->config;
}

const DdpmParam *
ddpm_unet_get_params (const DdpmUnet *unet, guint *n_params)
{
  *n_params = unet->params->len;
  return unet_param (unet, 0);
}

const DdpmParam *
ddpm_unet_find_param (const DdpmUnet *unet, const char *name)
{
  const gint number = GPOINTER_TO_INT (g_hash_table_lookup (unet->param_numbers, name));

  return number > 0 ? unet_param (unet, number - 1) : NULL;
}

gsize
ddpm_unet_get_n_weights (const DdpmUnet *unet)
{
  return unet->n_weights;
}

/* --- initial weights ----------------------------------------------------------------------- */

static void
init_uniform (const DdpmUnet *unet, guint32 seed, gint param_number, float bound, float *weights)
{
  const DdpmParam *param = unet_param (unet, param_number);
  float *values = weights + param->offset;

  ddpm_rng_uniform ((DdpmRngKey) { .seed = seed, .purpose = DDPM_RNG_WEIGHTS, .index = param_number }, values,
                    param->n_values);
  for (gsize i = 0; i < param->n_values; i++)
    values[i] = bound * (2.0f * values[i] - 1.0f);
}

static void
init_normal (const DdpmUnet *unet, guint32 seed, gint param_number, float scale, float *weights)
{
  const DdpmParam *param = unet_param (unet, param_number);
  float *values = weights + param->offset;

  ddpm_rng_normal ((DdpmRngKey) { .seed = seed, .purpose = DDPM_RNG_WEIGHTS, .index = param_number }, values,
                   param->n_values);
  for (gsize i = 0; i < param->n_values; i++)
    values[i] *= scale;
}

static void
init_constant (const DdpmUnet *unet, gint param_number, float value, float *weights)
{
  const DdpmParam *param = unet_param (unet, param_number);

  for (gsize i = 0; i < param->n_values; i++)
    weights[param->offset + i] = value;
}

void
ddpm_unet_init_weights (const DdpmUnet *unet, guint32 seed, float *weights)
{
  for (guint i = 0; i < unet->layers->len; i++)
    {
      const UnetLayer *layer = unet_layer (unet, i);
      const DdpmParam *weight;

      if (layer->weight < 0)
        continue;
      weight = unet_param (unet, layer->weight);
      if (layer->kind == UNET_NORM)
        {
          init_constant (unet, layer->weight, 1.0f, weights);
          init_constant (unet, layer->bias, 0.0f, weights);
        }
      else if (layer->kind == UNET_CLASS || layer->kind == UNET_TIME)
        {
          const gboolean is_fourier =
            layer->kind == UNET_TIME && unet->config.time_embedding_type == DDPM_TIME_EMBEDDING_FOURIER;

          init_normal (unet, seed, layer->weight, is_fourier ? FOURIER_SCALE : 1.0f, weights);
        }
      else
        {
          const float bound = 1.0f / sqrtf ((float) (weight->n_values / weight->shape[0]));

          init_uniform (unet, seed, layer->weight, bound, weights);
          init_uniform (unet, seed, layer->bias, bound, weights);
        }
    }
}

/* --- cost ---------------------------------------------------------------------------------- */

static double
count_pixels (const DdpmUnet *unet, gint tensor, guint height, guint width)
{
  const gint level = unet_tensor (unet, tensor)->level;

  return level < 0 ? 1.0 : (double) (height >> level) * (width >> level);
}

double
unet_layer_get_flop (const DdpmUnet *unet, const UnetLayer *layer, guint height, guint width)
{
  const double n_pixels = count_pixels (unet, layer->output, height, width);

  if (layer->kind == UNET_CONV || layer->kind == UNET_LINEAR)
    return 2.0 * unet_param (unet, layer->weight)->n_values * n_pixels;
  if (layer->kind == UNET_ATTENTION)
    return 4.0 * n_pixels * n_pixels * layer->heads * layer->head_dim;
  return 0;
}

double
ddpm_unet_get_flop (const DdpmUnet *unet, guint height, guint width)
{
  double flop = 0;

  for (guint i = 0; i < unet->layers->len; i++)
    flop += unet_layer_get_flop (unet, unet_layer (unet, i), height, width);
  return flop;
}
