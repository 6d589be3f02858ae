#include "core/job/train-from.h"

#include <string.h>

#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/job/train-network.h"
#include "core/job/train-objective.h"
#include "core/job/train-options.h"
#include "core/job/train-proposal.h"

#define TABLE "class_embedding.weight"

gboolean
ddpm_train_from_open (DdpmTrainSetup *setup, GError **error)
{
  const DdpmUnetConfig *config = NULL;

  setup->from = ddpm_model_open_header (setup->options.from, error);
  if (setup->from == NULL)
    return FALSE;
  config = ddpm_unet_get_config (setup->from->unet);
  if (config->out_channels
      != ddpm_variance_get_out_channels (setup->from->scheduler.variance_type, config->in_channels))
    return ddpm_refuse (
      error, DDPM_ERROR_UNSUPPORTED,
      "--from: %s takes %u channels and gives %u, which does not go with its scheduler's variance; only "
      "models "
      "that give as many as they take, or twice as many to learn their variance, can be trained further",
      setup->from->name, config->in_channels, config->out_channels);
  if (config->in_channels != 1 && config->in_channels != 3 && config->in_channels != 4)
    return ddpm_refuse (
      error, DDPM_ERROR_UNSUPPORTED,
      "--from: %s has %u channels; only grey (1), RGB (3) and RGBA (4) models can be trained further",
      setup->from->name, config->in_channels);
  return TRUE;
}

/* --from brings network, schedule and kind of pixels along; options that would make others are refused. */
static gboolean
check_options_with_from (const DdpmTrainSetup *setup, GError **error)
{
  const DdpmTrainOptions *options = &setup->options;
  const char *name = setup->from->name, *option;
  const guint n_channels = ddpm_unet_get_config (setup->from->unet)->in_channels;

  if (ddpm_train_network_is_given (options))
    return ddpm_refuse (
      error, DDPM_ERROR_USAGE,
      "--channels, --layers and --attention cannot be given with --from, since the network is that of %s",
      name);
  option = ddpm_train_objective_find_difference (&setup->from->scheduler, options);
  if (option != NULL)
    return ddpm_refuse (error, DDPM_ERROR_USAGE, "%s cannot differ from that of %s with --from; leave it out",
                        option, name);
  if (options->pixels != DDPM_PIXELS_AUTO && options->pixels != ddpm_train_get_pixels (n_channels))
    return ddpm_refuse (error, DDPM_ERROR_USAGE,
                        "--pixels does not fit %s, which has %u channels; leave it out", name, n_channels);
  return TRUE;
}

/* What is said of a model stays true of the one that goes on from it; its thumbnail is not copied. */
static void
take_notes (DdpmModelNotes *notes, const DdpmModelNotes *from)
{
  notes->labels = g_strdupv (from->labels);
  notes->circular_padding = from->circular_padding;
  notes->licence = g_strdup (from->licence);
  notes->source = g_strdup (from->source);
  notes->recommended_sampler = g_strdup (from->recommended_sampler);
  notes->recommended_steps = from->recommended_steps;
}

gboolean
ddpm_train_from_begin (DdpmTrainSetup *setup, const DdpmTrainReading *reading, GError **error)
{
  DdpmTrainOptions *options = &setup->options;
  DdpmUnetConfig *config = &setup->config;

  if (!ddpm_train_from_open (setup, error) || !check_options_with_from (setup, error))
    return FALSE;
  *config = *ddpm_unet_get_config (setup->from->unet);
  ddpm_scheduler_config_copy (&setup->scheduler, &setup->from->scheduler);
  take_notes (&setup->notes, &setup->from->notes);
  if (options->width == 0)
    {
      options->width = config->sample_width;
      options->height = config->sample_height;
    }
  if (options->dropout == DDPM_TRAIN_OPEN_REAL)
    options->dropout = config->dropout;
  ddpm_train_options_set_defaults (options);
  config->dropout = options->dropout;
  if (!ddpm_train_objective_decide (setup, error))
    return FALSE;
  if (options->width != 0 && !ddpm_unet_config_check_size (config, options->height, options->width, error))
    return FALSE;
  return ddpm_train_propose_views (setup, MAX (options->width, options->height), reading, error)
         && ddpm_train_data_load (setup, ddpm_unet_config_get_size_multiple (config),
                                  ddpm_train_get_pixels (config->in_channels), reading, error)
         && ddpm_train_data_find_labels (setup, error);
}

gboolean
ddpm_train_from_fits (const DdpmUnet *from, const DdpmUnet *unet)
{
  guint n_params, n_from;
  const DdpmParam *params = ddpm_unet_get_params (unet, &n_params);

  ddpm_unet_get_params (from, &n_from);
  for (guint i = 0; i < n_params; i++)
    {
      const DdpmParam *other = ddpm_unet_find_param (from, params[i].name);
      const gboolean is_table = strcmp (params[i].name, TABLE) == 0;

      if (!is_table && (other == NULL || other->n_values != params[i].n_values))
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

gboolean
ddpm_train_from_read (const DdpmTrainSetup *setup, float *weights, GError **error)
{
  const DdpmUnet *unet = setup->from->unet;
  g_auto (DdpmArena) arena = { 0 };
  const float *old;
  guint n_params;
  const DdpmParam *params = ddpm_unet_get_params (setup->unet, &n_params);

  if (setup->labels == NULL) /* the same network */
    return ddpm_model_read_weights (setup->from, weights, error);
  if (!ddpm_arena_init (&arena, ddpm_unet_get_n_weights (unet) * sizeof (float), error)
      || !ddpm_model_read_weights (setup->from, arena.base, error))
    return FALSE;
  old = arena.base;
  for (guint i = 0; i < n_params; i++)
    {
      const DdpmParam *param = ddpm_unet_find_param (unet, params[i].name);
      float *values = weights + params[i].offset;

      if (strcmp (params[i].name, TABLE) == 0)
        fill_table (setup, &params[i], param != NULL ? old + param->offset : NULL, values);
      else
        memcpy (values, old + param->offset, param->n_values * sizeof (float));
    }
  return TRUE;
}
