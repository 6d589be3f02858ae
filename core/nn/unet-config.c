/* The shape of a UNet2DModel: diffusers' defaults, and the rules that a shape has to keep before a network is
 * built from it. Everything below this file may rely on those rules: groups divide their channels, every
 * attention has at least one head, every level but the last has its sampler, and no product overflows. */
#include "core/nn/unet-config.h"

#include <math.h>

#include "core/base/error.h"
#include "core/base/text.h"

/* Far beyond any network that exists, and small enough that products of four of them fit in 64 bits. */
#define MAX_CHANNELS 65536u
#define MAX_LAYERS_PER_BLOCK 64u
#define MAX_CLASSES 10000000u
#define MAX_TIMESTEPS 1000000u
#define MAX_SIDE_PIXELS 16384u
#define MAX_PARAMETERS 4e9
#define MAX_GROUPS 32u

void
ddpm_unet_config_init (DdpmUnetConfig *config)
{
  *config = (DdpmUnetConfig) {
    .in_channels = 3,
    .out_channels = 3,
    .time_embedding_type = DDPM_TIME_EMBEDDING_POSITIONAL,
    .flip_sin_to_cos = TRUE,
    .n_levels = 4,
    .down_block_types = { DDPM_BLOCK_PLAIN, DDPM_BLOCK_ATTENTION, DDPM_BLOCK_ATTENTION,
                          DDPM_BLOCK_ATTENTION },
    .up_block_types = { DDPM_BLOCK_ATTENTION, DDPM_BLOCK_ATTENTION, DDPM_BLOCK_ATTENTION, DDPM_BLOCK_PLAIN },
    .mid_block = TRUE,
    .block_out_channels = { 224, 448, 672, 896 },
    .layers_per_block = 2,
    .mid_block_scale_factor = 1.0,
    .downsample_padding = 1,
    .downsample_type = DDPM_RESAMPLE_CONV,
    .upsample_type = DDPM_RESAMPLE_CONV,
    .act_fn = DDPM_ACT_SILU,
    .attention_head_dim = 8,
    .norm_num_groups = 32,
    .norm_eps = 1e-5,
    .add_attention = TRUE,
    .class_embed = DDPM_CLASS_EMBED_NONE,
  };
}

static gboolean fail (GError **error, DdpmError code, const char *format, ...) G_GNUC_PRINTF (3, 4);

static gboolean
fail (GError **error, DdpmError code, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  if (error != NULL)
    *error = g_error_new_valist (DDPM_ERROR, code, format, args);
  va_end (args);
  return FALSE;
}

static gboolean
check_range (const char *key, guint value, guint min, guint max, GError **error)
{
  if (value >= min && value <= max)
    return TRUE;
  return fail (error, DDPM_ERROR_USAGE, _ ("%s is %u, but has to be between %u and %u"), key, value, min,
               max);
}

static gboolean
check_embeddings (const DdpmUnetConfig *config, GError **error)
{
  if (config->time_embedding_type == DDPM_TIME_EMBEDDING_LEARNED
      && !check_range ("num_train_timesteps", config->num_train_timesteps, 1, MAX_TIMESTEPS, error))
    return FALSE;
  if (config->class_embed == DDPM_CLASS_EMBED_TABLE
      && !check_range ("num_class_embeds", config->num_class_embeds, 1, MAX_CLASSES, error))
    return FALSE;
  if (!check_range ("time_embedding_dim", config->time_embedding_dim, 0, 4 * MAX_CHANNELS, error))
    return FALSE;
  /* frequencies are divided by half the first width less freq_shift */
  if (config->time_embedding_type == DDPM_TIME_EMBEDDING_POSITIONAL
      && (!isfinite (config->freq_shift) || config->block_out_channels[0] / 2 == config->freq_shift))
    return fail (error, DDPM_ERROR_USAGE,
                 _ ("freq_shift is %g, but has to be a number other than half of the first width (%u)"),
                 config->freq_shift, config->block_out_channels[0]);
  return TRUE;
}

static gboolean
check_numbers (const DdpmUnetConfig *config, GError **error)
{
  if (!check_range ("in_channels", config->in_channels, 1, MAX_CHANNELS, error)
      || !check_range ("out_channels", config->out_channels, 1, MAX_CHANNELS, error)
      || !check_range ("the number of levels", config->n_levels, 1, DDPM_UNET_MAX_LEVELS, error)
      || !check_range ("layers_per_block", config->layers_per_block, 1, MAX_LAYERS_PER_BLOCK, error)
      || !check_range ("downsample_padding", config->downsample_padding, 0, 1, error)
      || !check_range ("the sample height", config->sample_height, 0, MAX_SIDE_PIXELS, error)
      || !check_range ("the sample width", config->sample_width, 0, MAX_SIDE_PIXELS, error)
      || !check_range ("norm_num_groups", config->norm_num_groups, 1, MAX_CHANNELS, error))
    return FALSE;

  if (!isfinite (config->mid_block_scale_factor) || config->mid_block_scale_factor == 0)
    return fail (error, DDPM_ERROR_USAGE,
                 _ ("mid_block_scale_factor is %g, but has to be a number other than 0"),
                 config->mid_block_scale_factor);
  if (!(config->dropout >= 0 && config->dropout < 1))
    return fail (error, DDPM_ERROR_USAGE, _ ("dropout is %g, but has to be at least 0 and less than 1"),
                 config->dropout);
  if (!(config->norm_eps >= 0 && config->norm_eps <= 1))
    return fail (error, DDPM_ERROR_USAGE, _ ("norm_eps is %g, but has to be between 0 and 1"),
                 config->norm_eps);
  if (config->act_fn == DDPM_ACT_NONE || config->act_fn > DDPM_ACT_RELU)
    return fail (error, DDPM_ERROR_USAGE,
                 _ ("act_fn is not one of \"silu\", \"mish\", \"gelu\" and \"relu\""));
  return TRUE;
}

static gboolean
check_attention (const DdpmUnetConfig *config, guint width, GError **error)
{
  if (width >= config->attention_head_dim)
    return TRUE;
  return fail (
    error, DDPM_ERROR_USAGE,
    _ ("attention_head_dim is %u, but a level with attention is only %u channels wide: not one head fits"),
    config->attention_head_dim, width);
}

static gboolean
check_widths (const DdpmUnetConfig *config, GError **error)
{
  for (guint i = 0; i < config->n_levels; i++)
    {
      guint width = config->block_out_channels[i];

      if (!check_range ("a width in block_out_channels", width, 1, MAX_CHANNELS, error))
        return FALSE;
      if (width % config->norm_num_groups != 0)
        return fail (error, DDPM_ERROR_USAGE,
                     _ ("the width %u in block_out_channels cannot be cut into %u groups (norm_num_groups)"),
                     width, config->norm_num_groups);
    }
  return TRUE;
}

static gboolean
check_levels (const DdpmUnetConfig *config, GError **error)
{
  guint n_levels = config->n_levels;

  for (guint i = 0; i < n_levels; i++)
    {
      DdpmBlockType down = config->down_block_types[i];
      DdpmBlockType up = config->up_block_types[i];

      if (down > DDPM_BLOCK_RESNET_SAMPLE || up > DDPM_BLOCK_RESNET_SAMPLE)
        return fail (error, DDPM_ERROR_USAGE, _ ("a block of level %u is of no known type"), i);
      if (down == DDPM_BLOCK_ATTENTION && !check_attention (config, config->block_out_channels[i], error))
        return FALSE;
      if (up == DDPM_BLOCK_ATTENTION
          && !check_attention (config, config->block_out_channels[n_levels - 1 - i], error))
        return FALSE;

      /* Without its sampler a level would not fit the skips of the other side. */
      if (i + 1 < n_levels && down == DDPM_BLOCK_ATTENTION && config->downsample_type == DDPM_RESAMPLE_NONE)
        return fail (error, DDPM_ERROR_USAGE,
                     _ ("downsample_type is neither \"conv\" nor \"resnet\", but level %u needs one of "
                        "them"),
                     i);
      if (i + 1 < n_levels && up == DDPM_BLOCK_ATTENTION && config->upsample_type == DDPM_RESAMPLE_NONE)
        return fail (error, DDPM_ERROR_USAGE,
                     _ ("upsample_type is neither \"conv\" nor \"resnet\", but up block %u needs one of "
                        "them"),
                     i);
    }

  return TRUE;
}

static gboolean
check_middle (const DdpmUnetConfig *config, GError **error)
{
  guint width = config->block_out_channels[config->n_levels - 1];

  if (!config->mid_block || !config->add_attention)
    return TRUE;
  if (config->attn_norm_num_groups != 0 && width % config->attn_norm_num_groups != 0)
    return fail (error, DDPM_ERROR_USAGE,
                 _ ("the last width in block_out_channels, %u, cannot be cut into %u groups "
                    "(attn_norm_num_groups)"),
                 width, config->attn_norm_num_groups);
  return check_attention (config, width, error);
}

/* Values of the 3x3 convolutions and of the class table, the parts that can grow out of hand: an estimate
 * from below, in double so that it cannot overflow. */
static double
estimate_parameters (const DdpmUnetConfig *config)
{
  double embedding =
    config->time_embedding_dim != 0 ? config->time_embedding_dim : 4.0 * config->block_out_channels[0];
  double sum = embedding * (embedding + ddpm_unet_config_get_n_classes (config));

  if (config->time_embedding_type == DDPM_TIME_EMBEDDING_LEARNED)
    sum += (double) config->block_out_channels[0] * config->num_train_timesteps;

  sum += 9.0 * config->block_out_channels[0] * ((double) config->in_channels + config->out_channels);
  for (guint i = 0; i < config->n_levels; i++)
    {
      double width = config->block_out_channels[i];

      sum += (2.0 * config->layers_per_block + 1) * width * (2 * 9.0 * width + embedding);
    }
  return sum;
}

gboolean
ddpm_unet_config_validate (const DdpmUnetConfig *config, GError **error)
{
  double parameters;

  if (!check_numbers (config, error) || !check_widths (config, error) || !check_levels (config, error)
      || !check_embeddings (config, error) || !check_middle (config, error))
    return FALSE;

  parameters = estimate_parameters (config);
  if (parameters > MAX_PARAMETERS)
    return fail (
      error, DDPM_ERROR_USAGE,
      _ ("this network would have %.0f thousand million parameters or more, and %.0f are the limit; make "
         "block_out_channels or layers_per_block smaller"),
      parameters / 1e9, MAX_PARAMETERS / 1e9);
  return TRUE;
}

guint
ddpm_unet_config_get_n_classes (const DdpmUnetConfig *config)
{
  return config->class_embed == DDPM_CLASS_EMBED_TABLE ? config->num_class_embeds : 0;
}

guint
ddpm_unet_config_get_size_multiple (const DdpmUnetConfig *config)
{
  return 1u << (config->n_levels - 1);
}

gboolean
ddpm_unet_config_check_size (const DdpmUnetConfig *config, guint height, guint width, GError **error)
{
  guint multiple = ddpm_unet_config_get_size_multiple (config);
  guint low_width, low_height, high_width, high_height;

  if (height == 0 || width == 0 || height > MAX_SIDE_PIXELS || width > MAX_SIDE_PIXELS)
    return fail (error, DDPM_ERROR_USAGE,
                 _ ("a size of %ux%u pixels is impossible; width and height have to be between %u and %u"),
                 width, height, multiple, MAX_SIDE_PIXELS);
  if (height % multiple == 0 && width % multiple == 0)
    return TRUE;

  low_width = MAX (width - width % multiple, multiple);
  low_height = MAX (height - height % multiple, multiple);
  high_width = (width + multiple - 1) / multiple * multiple;
  high_height = (height + multiple - 1) / multiple * multiple;
  if (low_width == high_width && low_height == high_height)
    return fail (error, DDPM_ERROR_USAGE,
                 _ ("a size of %ux%u pixels does not fit this network, which halves it %u times; the nearest "
                    "size that works is %ux%u"),
                 width, height, config->n_levels - 1, low_width, low_height);
  return fail (error, DDPM_ERROR_USAGE,
               _ ("a size of %ux%u pixels does not fit this network, which halves it %u times; the nearest "
                  "sizes that work are %ux%u and %ux%u"),
               width, height, config->n_levels - 1, low_width, low_height, high_width, high_height);
}

guint
ddpm_unet_config_choose_groups (const guint *widths, guint n)
{
  guint groups = MAX_GROUPS;

  for (guint i = 0; i < n; i++)
    groups = MIN (groups, MAX (widths[i] / 4, 1));

  for (; groups > 1; groups--)
    {
      guint i = 0;

      while (i < n && widths[i] % groups == 0)
        i++;
      if (i == n)
        break;
    }
  return groups;
}
