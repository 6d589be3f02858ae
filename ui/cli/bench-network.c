/* The networks that speed is measured on: published ones by name, or any model. */
#include "ui/cli/bench.h"

#include <math.h>
#include <string.h>

typedef struct
{
  const char *name;
  guint size; /* pixels */
  guint n_levels;
  guint channels[DDPM_UNET_MAX_LEVELS];
  guint attention_level; /* counted from the finest */
  gboolean by_google;    /* converted from the original code, with its paddings and constants */
} Shape;

static const Shape shapes[] = {
  { "cifar10-32", 32, 4, { 128, 256, 256, 256 }, 1, TRUE },              /* google/ddpm-cifar10-32 */
  { "celebahq-256", 256, 6, { 128, 128, 256, 256, 512, 512 }, 4, TRUE }, /* google/ddpm-celebahq-256 */
  /* the one that diffusers' notebook on training unconditional models makes */
  { "notebook-64", 64, 6, { 128, 128, 256, 256, 512, 512 }, 4, FALSE },
};

const char *
ddpm_bench_get_shapes (void)
{
  return "cifar10-32, celebahq-256, notebook-64";
}

static void
fill_config (const Shape *shape, DdpmUnetConfig *config)
{
  ddpm_unet_config_init (config);
  config->sample_height = config->sample_width = shape->size;
  config->in_channels = config->out_channels = 3;
  config->n_levels = shape->n_levels;
  for (guint i = 0; i < shape->n_levels; i++)
    {
      config->block_out_channels[i] = shape->channels[i];
      config->down_block_types[i] = config->up_block_types[shape->n_levels - 1 - i] =
        i == shape->attention_level ? DDPM_BLOCK_ATTENTION : DDPM_BLOCK_PLAIN;
    }
  config->layers_per_block = 2;
  config->norm_num_groups = 32;
  config->attention_head_dim = shape->by_google ? 0 : 8;
  config->downsample_padding = shape->by_google ? 0 : 1;
  config->flip_sin_to_cos = !shape->by_google;
  config->freq_shift = shape->by_google ? 1 : 0;
  config->norm_eps = shape->by_google ? 1e-6 : 1e-5;
}

gboolean
ddpm_bench_find_network (const char *name, DdpmUnetConfig *config, DdpmModel **model, GError **error)
{
  g_autoptr (GFile) folder = NULL;

  *model = NULL;
  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
    if (strcmp (name, shapes[i].name) == 0)
      {
        fill_config (&shapes[i], config);
        return TRUE;
      }
  folder = ddpm_model_find (name, NULL, error);
  if (folder == NULL)
    {
      g_prefix_error (error, "the network is none of %s, and as a model: ", ddpm_bench_get_shapes ());
      return FALSE;
    }
  *model = ddpm_model_open_header (folder, error);
  if (*model == NULL)
    return FALSE;
  *config = *ddpm_unet_get_config ((*model)->unet);
  if (config->sample_height > 0 && config->sample_width > 0)
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, "the model \"%s\" does not say its size; choose another",
               name);
  return FALSE;
}

/* A weight's spread keeps values about as large as they come in. */
const float *
ddpm_bench_fill_param (const DdpmParam *param, float *values, gpointer unet)
{
  guint n_params;
  const guint number = param - ddpm_unet_get_params (unet, &n_params);
  const DdpmRngKey key = { .purpose = DDPM_RNG_WEIGHTS, .index = number };
  const gboolean of_norm = param->n_dims == 1 && g_str_has_suffix (param->name, ".weight");
  const float bound = param->n_dims == 1 ? 0.1f : 1 / sqrtf (param->n_values / param->shape[0]);

  ddpm_rng_uniform (key, values, param->n_values);
  for (gsize i = 0; i < param->n_values; i++)
    values[i] = (of_norm ? 1.0f : 0.0f) + bound * (2 * values[i] - 1);
  return values;
}

void
ddpm_bench_fill_weights (DdpmUnet *unet, float *weights)
{
  guint n_params;
  const DdpmParam *params = ddpm_unet_get_params (unet, &n_params);

  for (guint i = 0; i < n_params; i++)
    ddpm_bench_fill_param (&params[i], weights + params[i].offset, unet);
}

gboolean
ddpm_bench_save (const DdpmUnetConfig *config, GFile *folder, GError **error)
{
  g_autoptr (DdpmUnet) unet = ddpm_unet_new (config, error);
  g_auto (DdpmSchedulerConfig) scheduler = { 0 };
  const DdpmModelNotes notes = { 0 };
  g_auto (DdpmArena) slab = { 0 };

  if (unet == NULL || !ddpm_arena_init (&slab, ddpm_unet_get_n_weights (unet) * sizeof (float), error))
    return FALSE;
  ddpm_bench_fill_weights (unet, slab.base);
  ddpm_scheduler_config_init (&scheduler);
  return ddpm_model_save (folder, unet, slab.base, &scheduler, &notes, DDPM_DTYPE_F32, error);
}
