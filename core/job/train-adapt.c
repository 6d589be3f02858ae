#include "core/job/train-adapt.h"

#include <string.h>

#include "core/base/arena.h"

#define TABLE "class_embedding.weight"

/* How a parameter that has a place for each channel of the pictures is laid out:
 * [n_outer][channels][n_inner].
 */
typedef struct
{
  const char *name;
  gboolean is_input;
} ChannelParam;

static const ChannelParam channel_params[] = {
  { "conv_in.weight", TRUE },
  { "conv_out.weight", FALSE },
  { "conv_out.bias", FALSE },
};

static const ChannelParam *
find_channel_param (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (channel_params); i++)
    if (strcmp (channel_params[i].name, name) == 0)
      return &channel_params[i];
  return NULL;
}

/* Whether one becomes the other by taking channels away or adding some. */
static gboolean
fits (const DdpmParam *param, guint n_channels, const DdpmParam *other, guint n_other_channels)
{
  if (find_channel_param (param->name) == NULL)
    return param->n_values == other->n_values;
  return param->n_values / n_channels == other->n_values / n_other_channels;
}

gboolean
ddpm_train_adapt_fits (const DdpmUnet *from, const DdpmUnet *unet)
{
  const guint n_channels = ddpm_unet_get_config (unet)->in_channels;
  const guint n_other_channels = ddpm_unet_get_config (from)->in_channels;
  guint n_params, n_from;
  const DdpmParam *params = ddpm_unet_get_params (unet, &n_params);

  ddpm_unet_get_params (from, &n_from);
  for (guint i = 0; i < n_params; i++)
    {
      const DdpmParam *other = ddpm_unet_find_param (from, params[i].name);

      if (strcmp (params[i].name, TABLE) != 0
          && (other == NULL || !fits (&params[i], n_channels, other, n_other_channels)))
        return FALSE;
    }
  return n_params - (ddpm_unet_find_param (unet, TABLE) != NULL)
         == n_from - (ddpm_unet_find_param (from, TABLE) != NULL);
}

/* The row of a table that belongs to a label, the last one if none does. */
static guint
find_row (char *const *names, guint n_rows, const char *label)
{
  for (guint i = 0; names != NULL && label != NULL && names[i] != NULL; i++)
    if (strcmp (names[i], label) == 0)
      return i;
  return n_rows - 1;
}

/* old: NULL, or values of the model's table; without one the embedding is not changed by a label at first. */
static void
fill_table (const DdpmTrainSetup *setup, const DdpmParam *table, const float *old, float *values)
{
  const gsize width = table->shape[1];
  const guint n_rows = setup->config.num_class_embeds;
  const guint n_old_rows = ddpm_unet_get_config (setup->from->unet)->num_class_embeds;

  memset (values, 0, table->n_values * sizeof (float));
  for (guint row = 0; row < n_rows && old != NULL; row++)
    {
      const char *label = row + 1 < n_rows && setup->notes.labels != NULL ? setup->notes.labels[row] : NULL;
      const guint old_row = find_row (setup->from->notes.labels, n_old_rows, label);

      memcpy (values + row * width, old + old_row * width, width * sizeof (float));
    }
}

/* How much of the old channel's weights the new channel's are. Grey stands for three colours that are the
 * same: what it does to the network is shared out to them, or added up, and each of them comes out of it
 * alike. A channel of transparency that was not there has no weights. */
static float
get_share (gboolean is_input, guint channel, guint n_channels, guint old, guint n_old)
{
  const float third = 1 / 3.0f;

  if (n_old == 1 && n_channels > 1)
    return channel == 3 ? 0 : is_input ? third : 1;
  if (n_channels == 1 && n_old > 1)
    return old == 3 ? 0 : is_input ? 1 : third;
  return channel == old;
}

/* values of the new parameter from those of the old one. */
static void
mix_channels (const ChannelParam *kind, const DdpmParam *param, guint n_channels, const float *old,
              guint n_old, float *values)
{
  /* an output that tells its variance, too, has all channels twice */
  const gsize n_outer = param->shape[0] / (kind->is_input ? 1 : n_channels);
  const gsize n_inner = param->n_values / (n_outer * n_channels);

  for (gsize outer = 0; outer < n_outer; outer++)
    for (guint c = 0; c < n_channels; c++)
      for (gsize i = 0; i < n_inner; i++)
        {
          float sum = 0;

          for (guint o = 0; o < n_old; o++)
            sum +=
              get_share (kind->is_input, c, n_channels, o, n_old) * old[(outer * n_old + o) * n_inner + i];
          values[(outer * n_channels + c) * n_inner + i] = sum;
        }
}

gboolean
ddpm_train_adapt_read (const DdpmTrainSetup *setup, float *weights, GError **error)
{
  const DdpmUnet *unet = setup->from->unet;
  const guint n_channels = setup->config.in_channels, n_old = ddpm_unet_get_config (unet)->in_channels;
  g_auto (DdpmArena) arena = { 0 };
  const float *old;
  guint n_params;
  const DdpmParam *params = ddpm_unet_get_params (setup->unet, &n_params);

  if (setup->labels == NULL && n_channels == n_old) /* the same network */
    return ddpm_model_read_weights (setup->from, weights, error);
  if (!ddpm_arena_init (&arena, ddpm_unet_get_n_weights (unet) * sizeof (float), error)
      || !ddpm_model_read_weights (setup->from, arena.base, error))
    return FALSE;
  old = arena.base;
  for (guint i = 0; i < n_params; i++)
    {
      const DdpmParam *param = ddpm_unet_find_param (unet, params[i].name);
      const ChannelParam *kind = find_channel_param (params[i].name);
      float *values = weights + params[i].offset;

      if (strcmp (params[i].name, TABLE) == 0)
        fill_table (setup, &params[i], param != NULL ? old + param->offset : NULL, values);
      else if (kind != NULL)
        mix_channels (kind, &params[i], n_channels, old + param->offset, n_old, values);
      else
        memcpy (values, old + param->offset, param->n_values * sizeof (float));
    }
  return TRUE;
}
