#include "core/job/train-from.h"

#include "core/base/error.h"
#include "core/job/train-network.h"
#include "core/job/train-objective.h"
#include "core/job/train-options.h"
#include "core/job/train-proposal.h"

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
      "models that give as many as they take, or twice as many to learn their variance, can be trained on",
      setup->from->name, config->in_channels, config->out_channels);
  if (config->in_channels != 1 && config->in_channels != 3 && config->in_channels != 4)
    return ddpm_refuse (
      error, DDPM_ERROR_UNSUPPORTED,
      "--from: %s has %u channels; only grey (1), RGB (3) and RGBA (4) models can be trained further",
      setup->from->name, config->in_channels);
  return TRUE;
}

/* --from brings network and schedule along; options that would make others are refused. */
static gboolean
check_options_with_from (const DdpmTrainSetup *setup, GError **error)
{
  const DdpmTrainOptions *options = &setup->options;
  const DdpmClassEmbed class_embed = ddpm_unet_get_config (setup->from->unet)->class_embed;
  const char *name = setup->from->name, *option;

  if (ddpm_train_network_is_given (options))
    return ddpm_refuse (
      error, DDPM_ERROR_USAGE,
      "--channels, --layers and --attention cannot be given with --from, since the network is that of %s",
      name);
  if (options->labels && class_embed != DDPM_CLASS_EMBED_NONE && class_embed != DDPM_CLASS_EMBED_TABLE)
    return ddpm_refuse (
      error, DDPM_ERROR_USAGE,
      "--labels cannot be given with --from %s, which has no table of labels but takes them "
      "as %s; leave it out",
      name, class_embed == DDPM_CLASS_EMBED_TIMESTEP ? "numbers" : "vectors");
  option = ddpm_train_objective_find_difference (&setup->from->scheduler, options);
  if (option != NULL)
    return ddpm_refuse (error, DDPM_ERROR_USAGE, "%s cannot differ from that of %s with --from; leave it out",
                        option, name);
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

/* The pictures, in the channels that were asked for; otherwise in the model's, and in more where theirs would
 * be lost in those. */
static gboolean
load_pictures (DdpmTrainSetup *setup, const DdpmTrainReading *reading, GError **error)
{
  const DdpmUnetConfig *config = ddpm_unet_get_config (setup->from->unet);
  const guint multiple = ddpm_unet_config_get_size_multiple (config);
  const DdpmPixels own = ddpm_train_get_pixels (config->in_channels);
  const gboolean is_open = setup->options.pixels == DDPM_PIXELS_AUTO && own != DDPM_PIXELS_RGBA;

  if (!ddpm_train_data_load (setup, multiple,
                             is_open                                     ? DDPM_PIXELS_AUTO
                             : setup->options.pixels != DDPM_PIXELS_AUTO ? setup->options.pixels
                                                                         : own,
                             reading, error))
    return FALSE;
  if (!is_open || setup->dataset->n_channels >= config->in_channels)
    return TRUE;
  g_clear_pointer (&setup->dataset, ddpm_dataset_free);
  return ddpm_train_data_load (setup, multiple, own, reading, error);
}

gboolean
ddpm_train_from_begin (DdpmTrainSetup *setup, const DdpmTrainReading *reading, GError **error)
{
  DdpmTrainOptions *options = &setup->options;
  DdpmUnetConfig *config = &setup->config;

  if (!ddpm_train_from_open (setup, error) || !check_options_with_from (setup, error))
    return FALSE;
  *config = *ddpm_unet_get_config (setup->from->unet);
  setup->origin = (DdpmTrainOrigin) { g_strdup (setup->from->name), config->in_channels, config->sample_width,
                                      config->sample_height };
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
  if (!ddpm_train_propose_views (setup, MAX (options->width, options->height), reading, error)
      || !load_pictures (setup, reading, error))
    return FALSE;
  config->in_channels = setup->dataset->n_channels;
  config->out_channels = ddpm_variance_get_out_channels (options->variance, config->in_channels);
  return ddpm_train_data_find_labels (setup, error);
}
