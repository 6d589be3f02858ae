/* The network as a list of layers that read and write numbered tensors. Private to core/nn.
 *
 * The list is made once from the config (unet-graph.c) and knows no batch and no pixels: a tensor's
 * size is its channels and its level, the number of times the picture has been halved. */
#pragma once

#include "core/nn/unet.h"

#define DDPM_NO_TENSOR -1
#define DDPM_NO_PARAM -1
#define DDPM_VECTOR_LEVEL -1 /* one number per channel and picture, no pixels */

typedef struct
{
  guint channels;
  gint level;
  gint parent; /* it is a part of another tensor, from channel `parent_channel` on; or DDPM_NO_TENSOR */
  guint parent_channel;
  gint norm;        /* not stored: consumers compute it from this norm layer's input; or -1 */
  gboolean no_grad; /* nothing trained lies behind it */
} UnetTensor;

typedef enum
{
  UNET_TIME,   /* output [channels] = sinusoid, or row of a table, of the timestep or the label */
  UNET_CLASS,  /* output = input + what the label says: a row of the class table, the residual or a vector */
  UNET_LINEAR, /* output = weight input + bias, on vectors */
  UNET_ACT,    /* output = act (input), on vectors */
  UNET_CONV,   /* output = scale * (conv (input) + bias + time_bias + residual) */
  UNET_NORM,   /* output = dropout (act (group norm (input))) */
  UNET_ATTENTION, /* output = softmax (q^T k / sqrt (head_dim)) v, head by head */
  UNET_RESAMPLE,  /* output = input, halved by averaging, doubled by repetition or copied */
  UNET_N_KINDS
} UnetLayerKind;

typedef enum
{
  UNET_RESAMPLE_COPY,
  UNET_RESAMPLE_HALVE,
  UNET_RESAMPLE_DOUBLE
} UnetResample;

typedef struct
{
  UnetLayerKind kind;
  guint segment;      /* layers of one follow each other: a ResNet or attention block, or what lies between */
  gint input, output; /* tensors */
  gint weight, bias;  /* parameters */

  gboolean of_label; /* time: of the label, not of the timestep */

  /* conv */
  guint kernel, stride, pad; /* 1 or 3; 1 or 2; zeros before the first row and column */
  gint time_bias;            /* tensor [out], or DDPM_NO_TENSOR */
  gint residual;             /* also class: tensor like the output, or DDPM_NO_TENSOR */
  float scale;

  /* norm; act also serves UNET_ACT */
  guint groups;
  gint scale_shift; /* tensor [2 * channels], scale first, or DDPM_NO_TENSOR */
  DdpmActivation act;
  gboolean dropout;
  /* What the backward pass needs. norm: scale and shift [channels], mean and rstd [groups]; attention: of
   * each head, as many planes for the largest scores, then for the factors (kernels.h) */
  gint stats;
  gint mask; /* tensor of the dropout mask, one byte a value, or DDPM_NO_TENSOR */

  /* attention */
  gint query, key, value; /* tensors [heads * head_dim] */
  guint heads, head_dim;

  UnetResample resample;
} UnetLayer;

struct _DdpmUnet
{
  DdpmUnetConfig config;
  GArray *params;            /* DdpmParam */
  GArray *tensors;           /* UnetTensor */
  GArray *layers;            /* UnetLayer, in the order of the forward pass */
  GHashTable *param_numbers; /* name -> number + 1 */
  gsize n_weights;
  gint input, output; /* tensors */
  guint n_segments;   /* begun */
};

#define unet_tensor(unet, number) (&g_array_index ((unet)->tensors, UnetTensor, (number)))
#define unet_layer(unet, number) (&g_array_index ((unet)->layers, UnetLayer, (number)))
#define unet_param(unet, number) (&g_array_index ((unet)->params, DdpmParam, (number)))

/* Fills params, tensors and layers from unet->config, which has been validated. */
void ddpm_unet_build (DdpmUnet *unet);

/* Multiplications and additions of a layer in one forward pass over one picture. */
double unet_layer_get_flop (const DdpmUnet *unet, const UnetLayer *layer, guint height, guint width);
