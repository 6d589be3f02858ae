/* From a config to the list of layers: what UNet2DModel's constructors and forward functions say,
 * block by block. */
#include "core/nn/unet-graph.h"

#include <stdarg.h>

#define NONE DDPM_NO_TENSOR

/* --- parts --------------------------------------------------------------------------------- */

static gint
add_tensor (DdpmUnet *unet, guint channels, gint level)
{
  const UnetTensor tensor = { .channels = channels, .level = level, .parent = NONE, .norm = -1 };

  g_array_append_val (unet->tensors, tensor);
  return unet->tensors->len - 1;
}

static UnetLayer *
add_layer (DdpmUnet *unet, UnetLayerKind kind, gint input, gint output)
{
  const UnetLayer layer = { .kind = kind,
                            .segment = unet->n_segments,
                            .input = input,
                            .output = output,
                            .weight = DDPM_NO_PARAM,
                            .bias = DDPM_NO_PARAM,
                            .time_bias = NONE,
                            .residual = NONE,
                            .scale = 1.0f,
                            .scale_shift = NONE,
                            .stats = NONE,
                            .mask = NONE,
                            .query = NONE,
                            .key = NONE,
                            .value = NONE };

  g_array_append_val (unet->layers, layer);
  return unet_layer (unet, unet->layers->len - 1);
}

/* n_dims sizes follow. */
static gint
add_param (DdpmUnet *unet, const char *prefix, const char *suffix, guint n_dims, ...)
{
  DdpmParam param = { .name = g_strconcat (prefix, suffix, NULL),
                      .n_dims = n_dims,
                      .offset = unet->n_weights };
  const gint number = unet->params->len;
  va_list sizes;

  param.n_values = 1;
  va_start (sizes, n_dims);
  for (guint i = 0; i < n_dims; i++)
    {
      param.shape[i] = va_arg (sizes, guint);
      param.n_values *= param.shape[i];
    }
  va_end (sizes);
  unet->n_weights += param.n_values;
  g_array_append_val (unet->params, param);
  g_hash_table_insert (unet->param_numbers, (gpointer) param.name, GINT_TO_POINTER (number + 1));
  return number;
}

/* --- layers -------------------------------------------------------------------------------- */

static gint
add_linear (DdpmUnet *unet, const char *prefix, gint input, guint out_channels)
{
  const guint in_channels = unet_tensor (unet, input)->channels;
  const gint output = add_tensor (unet, out_channels, DDPM_VECTOR_LEVEL);
  UnetLayer *layer = add_layer (unet, UNET_LINEAR, input, output);

  layer->weight = add_param (unet, prefix, ".weight", 2, out_channels, in_channels);
  layer->bias = add_param (unet, prefix, ".bias", 1, out_channels);
  return output;
}

static gint
add_act (DdpmUnet *unet, gint input, DdpmActivation act)
{
  const gint output = add_tensor (unet, unet_tensor (unet, input)->channels, DDPM_VECTOR_LEVEL);

  add_layer (unet, UNET_ACT, input, output)->act = act;
  return output;
}

/* Returns the layer, for what is added to its result. kernel 1 without 1x1 in its shape is a linear layer
 * applied to every pixel. */
static UnetLayer *
add_conv (DdpmUnet *unet, const char *prefix, gint input, guint out_channels, guint kernel, guint stride,
          guint pad, gboolean linear_shape)
{
  const UnetTensor in = *unet_tensor (unet, input);
  const gint output = add_tensor (unet, out_channels, in.level + (stride == 2));
  UnetLayer *layer = add_layer (unet, UNET_CONV, input, output);

  layer->kernel = kernel;
  layer->stride = stride;
  layer->pad = pad;
  layer->weight = linear_shape
                    ? add_param (unet, prefix, ".weight", 2, out_channels, in.channels)
                    : add_param (unet, prefix, ".weight", 4, out_channels, in.channels, kernel, kernel);
  layer->bias = add_param (unet, prefix, ".bias", 1, out_channels);
  return layer;
}

/* The result is not stored: the convolutions that read it normalise on the way. */
static UnetLayer *
add_norm (DdpmUnet *unet, const char *prefix, gint input, guint groups, DdpmActivation act)
{
  const UnetTensor in = *unet_tensor (unet, input);
  const gint output = add_tensor (unet, in.channels, in.level);
  const gint stats = add_tensor (unet, 2 * in.channels + 2 * groups, DDPM_VECTOR_LEVEL);
  UnetLayer *layer = add_layer (unet, UNET_NORM, input, output);

  unet_tensor (unet, output)->norm = unet->layers->len - 1;
  layer->weight = add_param (unet, prefix, ".weight", 1, in.channels);
  layer->bias = add_param (unet, prefix, ".bias", 1, in.channels);
  layer->groups = groups;
  layer->act = act;
  layer->stats = stats;
  return layer;
}

static gint
add_resample (DdpmUnet *unet, gint input, UnetResample resample)
{
  const UnetTensor in = *unet_tensor (unet, input);
  const gint level = in.level + (resample == UNET_RESAMPLE_HALVE) - (resample == UNET_RESAMPLE_DOUBLE);
  const gint output = add_tensor (unet, in.channels, level);

  add_layer (unet, UNET_RESAMPLE, input, output)->resample = resample;
  return output;
}

/* [a, b] along the channels. Nothing is copied: both become parts of the new tensor, which is possible once
 * for each tensor. */
static gint
concatenate (DdpmUnet *unet, gint a, gint b)
{
  const guint a_channels = unet_tensor (unet, a)->channels;
  gint whole;

  if (a == b || unet_tensor (unet, a)->parent != NONE)
    a = add_resample (unet, a, UNET_RESAMPLE_COPY);
  whole = add_tensor (unet, a_channels + unet_tensor (unet, b)->channels, unet_tensor (unet, a)->level);
  unet_tensor (unet, a)->parent = whole;
  unet_tensor (unet, b)->parent = whole;
  unet_tensor (unet, b)->parent_channel = a_channels;
  return whole;
}

/* --- blocks -------------------------------------------------------------------------------- */

/* The layers that follow belong together. */
static void
begin_segment (DdpmUnet *unet)
{
  unet->n_segments++;
}

typedef struct
{
  DdpmUnet *unet;
  gint emb;      /* act (time and class embedding), what every ResNet block projects */
  GArray *skips; /* gint */
} Builder;

/* UNET2D.md, section 5. resample: UNET_RESAMPLE_COPY for none. */
static gint
add_resnet (Builder *b, const char *prefix, gint input, guint out_channels, UnetResample resample,
            double divisor)
{
  DdpmUnet *unet = b->unet;
  const DdpmUnetConfig *config = &unet->config;
  const guint in_channels = unet_tensor (unet, input)->channels;
  g_autofree char *norm1 = g_strconcat (prefix, ".norm1", NULL),
                  *norm2 = g_strconcat (prefix, ".norm2", NULL);
  g_autofree char *conv1 = g_strconcat (prefix, ".conv1", NULL),
                  *conv2 = g_strconcat (prefix, ".conv2", NULL);
  g_autofree char *proj = g_strconcat (prefix, ".time_emb_proj", NULL);
  g_autofree char *shortcut = g_strconcat (prefix, ".conv_shortcut", NULL);
  gint h, e;
  UnetLayer *conv, *norm;

  begin_segment (unet);
  h = add_norm (unet, norm1, input, config->norm_num_groups, config->act_fn)->output;
  if (resample != UNET_RESAMPLE_COPY)
    {
      unet_tensor (unet, h)->norm = -1;
      h = add_resample (unet, h, resample);
      input = add_resample (unet, input, resample);
    }
  e = add_linear (unet, proj, b->emb, config->scale_shift ? 2 * out_channels : out_channels);
  conv = add_conv (unet, conv1, h, out_channels, 3, 1, 1, FALSE);
  conv->time_bias = config->scale_shift ? NONE : e;

  norm = add_norm (unet, norm2, conv->output, config->norm_num_groups, config->act_fn);
  norm->scale_shift = config->scale_shift ? e : NONE;
  h = norm->output;
  if (config->dropout > 0)
    {
      const gint mask = add_tensor (unet, (out_channels + 3) / 4, unet_tensor (unet, h)->level);

      norm = unet_layer (unet, unet->layers->len - 1);
      norm->dropout = TRUE;
      norm->mask = mask;
    }
  if (in_channels != out_channels)
    input = add_conv (unet, shortcut, input, out_channels, 1, 1, 0, FALSE)->output;
  conv = add_conv (unet, conv2, h, out_channels, 3, 1, 1, FALSE);
  conv->residual = input;
  conv->scale = (float) (1.0 / divisor);
  return conv->output;
}

/* UNET2D.md, section 7. groups 0: no norm. */
static gint
add_attention (Builder *b, const char *prefix, gint input, guint groups, double divisor)
{
  static const char *const names[] = { ".to_q", ".to_k", ".to_v" };
  DdpmUnet *unet = b->unet;
  const UnetTensor in = *unet_tensor (unet, input);
  const guint asked = unet->config.attention_head_dim;
  const guint head_dim = asked == 0 ? in.channels : asked, heads = in.channels / head_dim;
  g_autofree char *norm = g_strconcat (prefix, ".group_norm", NULL);
  g_autofree char *out = g_strconcat (prefix, ".to_out.0", NULL);
  gint h = input, projected[3], mixed, stats;
  UnetLayer *layer;

  begin_segment (unet);
  if (groups > 0)
    h = add_norm (unet, norm, input, groups, DDPM_ACT_NONE)->output;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *name = g_strconcat (prefix, names[i], NULL);

      projected[i] = add_conv (unet, name, h, heads * head_dim, 1, 1, 0, TRUE)->output;
    }
  mixed = add_tensor (unet, heads * head_dim, in.level);
  stats = add_tensor (unet, 2 * heads, in.level);
  layer = add_layer (unet, UNET_ATTENTION, projected[0], mixed);
  layer->query = projected[0];
  layer->key = projected[1];
  layer->value = projected[2];
  layer->heads = heads;
  layer->head_dim = head_dim;
  layer->stats = stats;

  layer = add_conv (unet, out, mixed, in.channels, 1, 1, 0, TRUE);
  layer->residual = input;
  layer->scale = (float) (1.0 / divisor);
  return layer->output;
}

static gint
add_down_block (Builder *b, gint h, guint level)
{
  DdpmUnet *unet = b->unet;
  const DdpmUnetConfig *config = &unet->config;
  const DdpmBlockType type = config->down_block_types[level];
  const guint channels = config->block_out_channels[level];
  const DdpmResampleType sampler = type == DDPM_BLOCK_PLAIN           ? DDPM_RESAMPLE_CONV
                                   : type == DDPM_BLOCK_RESNET_SAMPLE ? DDPM_RESAMPLE_RESNET
                                                                      : config->downsample_type;
  g_autofree char *block = g_strdup_printf ("down_blocks.%u", level);

  for (guint i = 0; i < config->layers_per_block; i++)
    {
      g_autofree char *resnet = g_strdup_printf ("%s.resnets.%u", block, i);
      g_autofree char *attention = g_strdup_printf ("%s.attentions.%u", block, i);

      h = add_resnet (b, resnet, h, channels, UNET_RESAMPLE_COPY, 1);
      if (type == DDPM_BLOCK_ATTENTION)
        h = add_attention (b, attention, h, config->norm_num_groups, 1);
      g_array_append_val (b->skips, h);
    }
  if (level + 1 == config->n_levels || sampler == DDPM_RESAMPLE_NONE)
    return h;

  if (sampler == DDPM_RESAMPLE_CONV)
    {
      g_autofree char *conv = g_strconcat (block, ".downsamplers.0.conv", NULL);

      begin_segment (unet);
      h = add_conv (unet, conv, h, channels, 3, 2, config->downsample_padding, FALSE)->output;
    }
  else
    {
      g_autofree char *resnet = g_strconcat (block, ".downsamplers.0", NULL);

      h = add_resnet (b, resnet, h, channels, UNET_RESAMPLE_HALVE, 1);
    }
  g_array_append_val (b->skips, h);
  return h;
}

static gint
add_mid_block (Builder *b, gint h)
{
  const DdpmUnetConfig *config = &b->unet->config;
  const guint channels = config->block_out_channels[config->n_levels - 1];
  const double divisor = config->mid_block_scale_factor;
  const guint groups = config->attn_norm_num_groups > 0 ? config->attn_norm_num_groups
                       : config->scale_shift            ? 0
                                                        : config->norm_num_groups;

  h = add_resnet (b, "mid_block.resnets.0", h, channels, UNET_RESAMPLE_COPY, divisor);
  if (config->add_attention)
    h = add_attention (b, "mid_block.attentions.0", h, groups, divisor);
  return add_resnet (b, "mid_block.resnets.1", h, channels, UNET_RESAMPLE_COPY, divisor);
}

static gint
pop_skip (Builder *b)
{
  const gint skip = g_array_index (b->skips, gint, b->skips->len - 1);

  g_array_set_size (b->skips, b->skips->len - 1);
  return skip;
}

/* number 0 is the deepest */
static gint
add_up_block (Builder *b, gint h, guint number)
{
  DdpmUnet *unet = b->unet;
  const DdpmUnetConfig *config = &unet->config;
  const DdpmBlockType type = config->up_block_types[number];
  const guint channels = config->block_out_channels[config->n_levels - 1 - number];
  const DdpmResampleType sampler = type == DDPM_BLOCK_PLAIN           ? DDPM_RESAMPLE_CONV
                                   : type == DDPM_BLOCK_RESNET_SAMPLE ? DDPM_RESAMPLE_RESNET
                                                                      : config->upsample_type;
  g_autofree char *block = g_strdup_printf ("up_blocks.%u", number);

  for (guint i = 0; i <= config->layers_per_block; i++)
    {
      g_autofree char *resnet = g_strdup_printf ("%s.resnets.%u", block, i);
      g_autofree char *attention = g_strdup_printf ("%s.attentions.%u", block, i);

      h = add_resnet (b, resnet, concatenate (unet, h, pop_skip (b)), channels, UNET_RESAMPLE_COPY, 1);
      if (type == DDPM_BLOCK_ATTENTION)
        h = add_attention (b, attention, h, config->norm_num_groups, 1);
    }
  if (number + 1 == config->n_levels || sampler == DDPM_RESAMPLE_NONE)
    return h;

  if (sampler == DDPM_RESAMPLE_CONV)
    {
      g_autofree char *conv = g_strconcat (block, ".upsamplers.0.conv", NULL);

      begin_segment (unet);
      return add_conv (unet, conv, add_resample (unet, h, UNET_RESAMPLE_DOUBLE), channels, 3, 1, 1, FALSE)
        ->output;
    }
  else
    {
      g_autofree char *resnet = g_strconcat (block, ".upsamplers.0", NULL);

      return add_resnet (b, resnet, h, channels, UNET_RESAMPLE_DOUBLE, 1);
    }
}

/* UNET2D.md, section 3. What is learned of time, in number `weight`, serves the label as well. */
static gint
add_time (DdpmUnet *unet, gint weight, gboolean of_label)
{
  const guint width = unet->config.block_out_channels[0];
  const gboolean is_fourier = unet->config.time_embedding_type == DDPM_TIME_EMBEDDING_FOURIER;
  const gint output = add_tensor (unet, is_fourier ? 2 * width : width, DDPM_VECTOR_LEVEL);
  UnetLayer *layer = add_layer (unet, UNET_TIME, NONE, output);

  layer->weight = weight;
  layer->of_label = of_label;
  /* a fourier embedding's frequencies stay as they were drawn */
  unet_tensor (unet, output)->no_grad = unet->config.time_embedding_type != DDPM_TIME_EMBEDDING_LEARNED;
  return output;
}

static gint
add_mlp (DdpmUnet *unet, const char *name, gint input, guint dim)
{
  g_autofree char *linear_1 = g_strconcat (name, ".linear_1", NULL);
  g_autofree char *linear_2 = g_strconcat (name, ".linear_2", NULL);

  return add_linear (unet, linear_2, add_act (unet, add_linear (unet, linear_1, input, dim), DDPM_ACT_SILU),
                     dim);
}

/* UNET2D.md, section 4: adds it to emb. */
static gint
add_class (DdpmUnet *unet, gint emb, gint time_weight)
{
  const DdpmUnetConfig *config = &unet->config;
  const guint dim = unet_tensor (unet, emb)->channels;
  gint label = NONE, sum;
  UnetLayer *layer;

  if (config->class_embed == DDPM_CLASS_EMBED_TIMESTEP)
    label = add_mlp (unet, "class_embedding", add_time (unet, time_weight, TRUE), dim);
  sum = add_tensor (unet, dim, DDPM_VECTOR_LEVEL);
  layer = add_layer (unet, UNET_CLASS, emb, sum);
  layer->residual = label;
  if (config->class_embed == DDPM_CLASS_EMBED_TABLE)
    layer->weight = add_param (unet, "class_embedding", ".weight", 2, config->num_class_embeds, dim);
  return sum;
}

/* The activation that every ResNet block begins with is computed once. */
static gint
add_embedding (DdpmUnet *unet)
{
  const DdpmUnetConfig *config = &unet->config;
  const guint width = config->block_out_channels[0];
  const guint dim = config->time_embedding_dim > 0 ? config->time_embedding_dim : 4 * width;
  gint weight = DDPM_NO_PARAM, emb;

  if (config->time_embedding_type == DDPM_TIME_EMBEDDING_FOURIER)
    weight = add_param (unet, "time_proj", ".weight", 1, width);
  else if (config->time_embedding_type == DDPM_TIME_EMBEDDING_LEARNED)
    weight = add_param (unet, "time_proj", ".weight", 2, config->num_train_timesteps, width);
  emb = add_mlp (unet, "time_embedding", add_time (unet, weight, FALSE), dim);
  if (config->class_embed != DDPM_CLASS_EMBED_NONE)
    emb = add_class (unet, emb, weight);
  return add_act (unet, emb, config->act_fn);
}

static guint
get_rank (const UnetLayer *layer, gint emb)
{
  return layer->kind == UNET_LINEAR && layer->input == emb ? 1 : layer->segment == 0 ? 0 : 2;
}

/* The projections of the embedding for all ResNet blocks go to the first segment's end: one after the other
 * they are too small to keep all threads at work (layer-linear.c). */
static void
move_projections (DdpmUnet *unet, gint emb)
{
  g_autoptr (GArray) layers = g_steal_pointer (&unet->layers);

  unet->layers = g_array_sized_new (FALSE, FALSE, sizeof (UnetLayer), layers->len);
  for (guint rank = 0; rank <= 2; rank++)
    for (guint i = 0; i < layers->len; i++)
      {
        UnetLayer layer = g_array_index (layers, UnetLayer, i);
        UnetTensor *output = unet_tensor (unet, layer.output);

        if (get_rank (&layer, emb) != rank)
          continue;
        if (rank == 1)
          layer.segment = 0;
        if (output->norm >= 0)
          output->norm = unet->layers->len;
        g_array_append_val (unet->layers, layer);
      }
}

void
ddpm_unet_build (DdpmUnet *unet)
{
  const DdpmUnetConfig *config = &unet->config;
  g_autoptr (GArray) skips = g_array_new (FALSE, FALSE, sizeof (gint));
  Builder b = { .unet = unet, .skips = skips };
  gint h;

  unet->input = add_tensor (unet, config->in_channels, 0);
  b.emb = add_embedding (unet);
  h = add_conv (unet, "conv_in", unet->input, config->block_out_channels[0], 3, 1, 1, FALSE)->output;
  g_array_append_val (skips, h);
  for (guint level = 0; level < config->n_levels; level++)
    h = add_down_block (&b, h, level);
  if (config->mid_block)
    h = add_mid_block (&b, h);
  for (guint i = 0; i < config->n_levels; i++)
    h = add_up_block (&b, h, i);
  begin_segment (unet);
  h = add_norm (unet, "conv_norm_out", h, config->norm_num_groups, DDPM_ACT_SILU)->output;
  unet->output = add_conv (unet, "conv_out", h, config->out_channels, 3, 1, 1, FALSE)->output;
  move_projections (unet, b.emb);
}
