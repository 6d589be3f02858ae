/* A new run is decided in the order in which one thing depends on the other: the model of --from if there is
 * one, the pictures' size, the network for that size, the pictures, the network's channels. A resumed one
 * takes all of that from options.json and only makes sure that it still fits. */
#include "core/job/train-plan.h"

#include "core/base/error.h"
#include "core/job/train-data.h"
#include "core/job/train-adapt.h"
#include "core/job/train-from.h"
#include "core/job/train-hints.h"
#include "core/job/train-memory.h"
#include "core/job/train-network.h"
#include "core/job/train-objective.h"
#include "core/job/train-options.h"
#include "core/job/train-proposal.h"
#include "core/job/train-resume.h"

GFile *
ddpm_train_get_options_file (GFile *output)
{
  return g_file_resolve_relative_path (output, "training/options.json");
}

GFile *
ddpm_train_get_state_file (GFile *output)
{
  return g_file_resolve_relative_path (output, "training/state.safetensors");
}

gboolean
ddpm_train_check_output (GFile *output, GError **error)
{
  static const char *const taken[] = {
    "training/options.json", "training/state.safetensors",          "model_index.json", "unet",
    "config.json",           "diffusion_pytorch_model.safetensors", "train.csv"
  };
  g_autofree char *name = g_file_get_parse_name (output);
  const GFileType type = g_file_query_file_type (output, G_FILE_QUERY_INFO_NONE, NULL);

  if (type != G_FILE_TYPE_UNKNOWN && type != G_FILE_TYPE_DIRECTORY)
    return ddpm_refuse (error, DDPM_ERROR_USAGE, "%s is a file; name a folder for the model with -o", name);
  for (guint i = 0; i < G_N_ELEMENTS (taken); i++)
    {
      g_autoptr (GFile) file = g_file_resolve_relative_path (output, taken[i]);

      if (!g_file_query_exists (file, NULL))
        continue;
      if (i < 2)
        return ddpm_refuse (
          error, DDPM_ERROR_USAGE,
          "%s holds a training already; go on with it with --resume, or name another folder with -o", name);
      return ddpm_refuse (
        error, DDPM_ERROR_USAGE,
        "%s holds a model already (%s); name another folder with -o, and --from %s to start from it", name,
        taken[i], name);
    }
  return TRUE;
}

static gboolean
begin_new (DdpmTrainSetup *setup, const DdpmTrainReading *reading, GError **error)
{
  DdpmTrainOptions *options = &setup->options;
  DdpmUnetConfig *config = &setup->config;
  const gboolean size_is_given = options->width != 0;

  ddpm_train_options_set_defaults (options);
  ddpm_scheduler_config_init (&setup->scheduler);
  setup->scheduler.beta_schedule = options->schedule;
  setup->scheduler.prediction_type = options->prediction;
  setup->scheduler.variance_type = options->variance;
  if (!ddpm_train_objective_decide (setup, error))
    return FALSE;
  /* Before the pictures are read if that can be: a wrong size should not cost a minute. */
  if (size_is_given && !ddpm_train_network_decide (config, options, options->height, options->width, error))
    return FALSE;
  if (!ddpm_train_propose_views (setup, MAX (options->width, options->height), reading, error)
      || !ddpm_train_data_load (setup, ddpm_train_network_get_multiple (options), options->pixels, reading,
                                error))
    return FALSE;
  if (!size_is_given
      && !ddpm_train_network_decide (config, options, setup->dataset->height, setup->dataset->width, error))
    return FALSE;
  config->in_channels = setup->dataset->n_channels;
  config->out_channels = ddpm_variance_get_out_channels (options->variance, config->in_channels);
  return ddpm_train_data_find_labels (setup, error);
}

/* The parts that hold for all three ways to begin. */
static gboolean
complete (DdpmTrainSetup *setup, const DdpmTrainOptions *given, GError **error)
{
  DdpmTrainOptions *options = &setup->options;
  const DdpmDataset *dataset = setup->dataset;

  options->width = dataset->width;
  options->height = dataset->height;
  options->pixels = ddpm_train_get_pixels (dataset->n_channels);
  setup->config.sample_height = dataset->height;
  setup->config.sample_width = dataset->width;
  setup->config.dropout = options->dropout;
  /* A part of a picture, or one that was turned a little, ends where it was cut, and its sides do not meet: a
   * network that took them for neighbours would learn to paint the cut. */
  setup->config.circular_padding =
    options->tileable && options->crop == 0 && options->rotate_degrees == 0 && options->scale_jitter == 0;
  setup->notes.circular_padding = setup->notes.circular_padding || options->tileable;
  ddpm_train_network_describe (&setup->config, options);
  if (!ddpm_unet_config_check_size (&setup->config, dataset->height, dataset->width, error))
    return FALSE;
  setup->unet = ddpm_unet_new (&setup->config, error);
  if (setup->unet == NULL)
    return FALSE;

  setup->notes.premultiplied = dataset->premultiplied;
  if (setup->notes.recommended_sampler == NULL)
    {
      setup->notes.recommended_sampler = g_strdup ("ddim");
      setup->notes.recommended_steps = 50;
    }
  if (!options->resume)
    ddpm_train_data_complete (setup);
  if (options->resume && !ddpm_train_resume_find_step (setup, given->steps, error))
    return FALSE;
  if (setup->from != NULL && !ddpm_train_adapt_fits (setup->from->unet, setup->unet))
    return ddpm_refuse (
      error, DDPM_ERROR_FILE,
      "--from: %s is no longer the model that this training began with; start a new one in another folder",
      setup->from->name);
  ddpm_train_propose_batch (setup);
  if (!options->resume)
    ddpm_train_hints_find (setup);
  return ddpm_train_decide_memory (setup, error);
}

DdpmTrainSetup *
ddpm_train_setup_new (const DdpmTrainOptions *options, DdpmDatasetProgressFunc func, gpointer user_data,
                      GCancellable *cancellable, GError **error)
{
  g_autoptr (DdpmTrainSetup) setup = g_new0 (DdpmTrainSetup, 1);
  const DdpmTrainReading reading = { func, user_data, cancellable };
  gboolean begun;

  ddpm_train_options_copy (&setup->options, options);
  if (!options->resume && !ddpm_train_check_output (options->output, error))
    return NULL;
  if (options->resume)
    begun = ddpm_train_resume_begin (setup, &reading, error);
  else if (options->from != NULL)
    begun = ddpm_train_from_begin (setup, &reading, error);
  else
    begun = begin_new (setup, &reading, error);
  if (!begun || !complete (setup, options, error))
    return NULL;
  return g_steal_pointer (&setup);
}

void
ddpm_train_setup_free (DdpmTrainSetup *setup)
{
  if (setup == NULL)
    return;
  g_clear_pointer (&setup->from, ddpm_model_free);
  g_clear_pointer (&setup->unet, ddpm_unet_free);
  g_clear_pointer (&setup->dataset, ddpm_dataset_free);
  g_clear_pointer (&setup->labels, g_free);
  g_clear_pointer (&setup->training, g_free);
  g_clear_pointer (&setup->held_out, g_free);
  ddpm_train_hints_clear (&setup->hints);
  g_clear_pointer (&setup->origin.name, g_free);
  ddpm_model_notes_clear (&setup->notes);
  ddpm_scheduler_config_clear (&setup->scheduler);
  ddpm_train_options_clear (&setup->options);
  g_free (setup);
}
