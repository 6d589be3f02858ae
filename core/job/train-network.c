#include "core/job/train-network.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"

/* Widths by the longer side of the pictures: each level halves it. They cost about 1 to 2 GFLOP a picture up
 * to 128 pixels, which two cores train 60 to 100 times a second: a small network that sees many pictures
 * beats a wider one that sees few. Most of the work is at the fine levels, most of the parameters at the
 * coarse ones. Multiples of 16 fill the kernels' vectors. */
static const struct
{
  guint most_pixels;
  guint n_levels;
  guint widths[DDPM_UNET_MAX_LEVELS];
} shapes[] = {
  { 16, 2, { 64, 128 } },
  { 32, 3, { 32, 96, 160 } },
  { 64, 4, { 16, 32, 96, 160 } },
  { 128, 5, { 16, 16, 32, 96, 160 } },
  { G_MAXUINT, 6, { 16, 16, 32, 64, 96, 160 } },
};

/* Attention compares every pixel with every other: up to 16 x 16 of them that costs little. */
#define LEAST_ATTENTION 8 /* pixels, itself excluded: there the middle block's attention is near enough */
#define MOST_ATTENTION 16

#define MAX_HEAD_DIM 32
#define MIN_HEAD_DIM 8

gboolean
ddpm_train_network_is_given (const DdpmTrainOptions *options)
{
  return options->n_channels != 0 || options->layers_per_block != DDPM_TRAIN_OPEN
         || options->n_attention != DDPM_TRAIN_OPEN;
}

guint
ddpm_train_network_get_multiple (const DdpmTrainOptions *options)
{
  return options->n_channels != 0 ? 1u << (options->n_channels - 1) : 4;
}

static void
choose_widths (DdpmUnetConfig *config, const DdpmTrainOptions *options, guint height, guint width)
{
  guint shape = 0;

  if (options->n_channels != 0)
    {
      config->n_levels = options->n_channels;
      memcpy (config->block_out_channels, options->channels, sizeof config->block_out_channels);
      return;
    }
  while (MAX (height, width) > shapes[shape].most_pixels)
    shape++;
  config->n_levels = shapes[shape].n_levels;
  memcpy (config->block_out_channels, shapes[shape].widths, sizeof config->block_out_channels);
  /* 28 pixels, say, can be halved only twice */
  while (config->n_levels > 2 && ((height | width) & ((1u << (config->n_levels - 1)) - 1)) != 0)
    config->n_levels--;
}

static gboolean
check_attention (const DdpmUnetConfig *config, const DdpmTrainOptions *options, guint height, GError **error)
{
  g_autoptr (GString) heights = g_string_new (NULL);

  for (guint level = 0; level < config->n_levels; level++)
    g_string_append_printf (heights, "%s%u", level > 0 ? ", " : "", height >> level);
  for (guint i = 0; i < options->n_attention; i++)
    {
      guint level = 0;

      while (level < config->n_levels && height >> level != options->attention[i])
        level++;
      if (level < config->n_levels)
        continue;
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                   "--attention %u: the network has no level of that height; its levels are %s pixels high",
                   options->attention[i], heights->str);
      return FALSE;
    }
  return TRUE;
}

static gboolean
wants_attention (const DdpmTrainOptions *options, guint height)
{
  if (options->n_attention == DDPM_TRAIN_OPEN)
    return height > LEAST_ATTENTION && height <= MOST_ATTENTION;
  for (guint i = 0; i < options->n_attention; i++)
    if (options->attention[i] == height)
      return TRUE;
  return FALSE;
}

static guint
get_common_divisor (guint a, guint b)
{
  while (b != 0)
    {
      const guint rest = a % b;

      a = b;
      b = rest;
    }
  return a;
}

/* The largest head of at most MAX_HEAD_DIM channels that divides every width with attention; 0, a single
 * head, if that would be very small ones. */
static guint
choose_head_dim (const DdpmUnetConfig *config)
{
  guint divisor = config->block_out_channels[config->n_levels - 1]; /* the middle block's */

  for (guint level = 0; level < config->n_levels; level++)
    if (config->down_block_types[level] == DDPM_BLOCK_ATTENTION)
      divisor = get_common_divisor (divisor, config->block_out_channels[level]);
  for (guint dim = MIN (MAX_HEAD_DIM, divisor); dim >= MIN_HEAD_DIM; dim--)
    if (divisor % dim == 0)
      return dim;
  return 0;
}

gboolean
ddpm_train_network_decide (DdpmUnetConfig *config, const DdpmTrainOptions *options, guint height, guint width,
                           GError **error)
{
  ddpm_unet_config_init (config);
  config->layers_per_block = options->layers_per_block;
  config->dropout = options->dropout;
  choose_widths (config, options, height, width);
  if (!ddpm_unet_config_check_size (config, height, width, error)
      || (options->n_attention != DDPM_TRAIN_OPEN && !check_attention (config, options, height, error)))
    return FALSE;
  for (guint level = 0; level < config->n_levels; level++)
    {
      const DdpmBlockType type =
        wants_attention (options, height >> level) ? DDPM_BLOCK_ATTENTION : DDPM_BLOCK_PLAIN;

      config->down_block_types[level] = type;
      config->up_block_types[config->n_levels - 1 - level] = type;
    }
  config->add_attention = options->n_attention != 0;
  config->norm_num_groups = ddpm_unet_config_choose_groups (config->block_out_channels, config->n_levels);
  config->attention_head_dim = choose_head_dim (config);
  return TRUE;
}

void
ddpm_train_network_describe (const DdpmUnetConfig *config, DdpmTrainOptions *options)
{
  options->n_channels = config->n_levels;
  memcpy (options->channels, config->block_out_channels, sizeof options->channels);
  options->layers_per_block = config->layers_per_block;
  options->n_attention = 0;
  for (guint level = 0; level < config->n_levels; level++)
    if (config->down_block_types[level] == DDPM_BLOCK_ATTENTION)
      options->attention[options->n_attention++] = config->sample_height >> level;
  if (options->n_attention == 0 && config->add_attention)
    options->n_attention = DDPM_TRAIN_OPEN; /* in the middle alone: there is no other word for it */
}

static int
compare (gconstpointer a, gconstpointer b)
{
  const guint x = *(const guint *) a, y = *(const guint *) b;

  return x < y ? -1 : x > y;
}

/* Whether two lists of resolutions name the same ones. */
static gboolean
name_the_same (const guint *list, guint n, const guint *other, guint n_other)
{
  guint a[DDPM_UNET_MAX_LEVELS], b[DDPM_UNET_MAX_LEVELS];

  if (n != n_other)
    return FALSE;
  memcpy (a, list, n * sizeof *a);
  memcpy (b, other, n * sizeof *b);
  qsort (a, n, sizeof *a, compare);
  qsort (b, n, sizeof *b, compare);
  return memcmp (a, b, n * sizeof *a) == 0;
}

const char *
ddpm_train_network_find_difference (const DdpmUnetConfig *config, const DdpmTrainOptions *options)
{
  DdpmTrainOptions described = { 0 };

  ddpm_train_network_describe (config, &described);
  if (options->n_channels != 0
      && (options->n_channels != described.n_channels
          || memcmp (options->channels, described.channels, described.n_channels * sizeof (guint)) != 0))
    return "--channels";
  if (options->n_attention != DDPM_TRAIN_OPEN
      && (described.n_attention == DDPM_TRAIN_OPEN
          || !name_the_same (options->attention, options->n_attention, described.attention,
                             described.n_attention)))
    return "--attention";
  return NULL;
}
