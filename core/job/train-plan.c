/* A new run is decided in the order in which one thing depends on the other: the model of --from if there is
 * one, the pictures' size, the network for that size, the pictures, the network's channels. A resumed one
 * takes all of that from options.json and only makes sure that it still fits. */
#include "core/job/train-plan.h"

#include "core/base/error.h"
#include "core/data/labels.h"
#include "core/job/train-from.h"
#include "core/job/train-held-out.h"
#include "core/job/train-memory.h"
#include "core/job/train-network.h"
#include "core/job/train-options.h"
#include "core/job/train-state.h"

#define OPTIONS_VERSION 1

typedef struct
{
  DdpmDatasetProgressFunc func;
  gpointer user_data;
  GCancellable *cancellable;
} Reading;

static gboolean refuse (GError **error, DdpmError code, const char *format, ...) G_GNUC_PRINTF (3, 4);

static gboolean
refuse (GError **error, DdpmError code, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  if (error != NULL)
    *error = g_error_new_valist (DDPM_ERROR, code, format, args);
  va_end (args);
  return FALSE;
}

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
    return refuse (error, DDPM_ERROR_USAGE, "%s is a file; name a folder for the model with -o", name);
  for (guint i = 0; i < G_N_ELEMENTS (taken); i++)
    {
      g_autoptr (GFile) file = g_file_resolve_relative_path (output, taken[i]);

      if (!g_file_query_exists (file, NULL))
        continue;
      if (i < 2)
        return refuse (
          error, DDPM_ERROR_USAGE,
          "%s holds a training already; go on with it with --resume, or name another folder with -o", name);
      return refuse (
        error, DDPM_ERROR_USAGE,
        "%s holds a model already (%s); name another folder with -o, and --from %s to start from it", name,
        taken[i], name);
    }
  return TRUE;
}

static gboolean
load_pictures (DdpmTrainSetup *setup, guint multiple, DdpmPixels pixels, const Reading *reading,
               GError **error)
{
  const DdpmTrainOptions *options = &setup->options;
  const DdpmFit fit = { .kind = options->tileable ? options->crop != 0 ? DDPM_FIT_TILE_PARTS : DDPM_FIT_TILE
                                : options->crop != 0 ? DDPM_FIT_PARTS
                                                     : DDPM_FIT_MIDDLE,
                        .width = options->width,
                        .height = options->height,
                        .shorter_side = options->crop };

  setup->dataset = ddpm_dataset_load (options->pictures, &fit, multiple, pixels, reading->func,
                                      reading->user_data, reading->cancellable, error);
  if (setup->dataset == NULL)
    return FALSE;
  if (options->rotate && setup->dataset->width != setup->dataset->height)
    return refuse (error, DDPM_ERROR_USAGE,
                   "--rotate turns pictures by quarters, which only square ones can be, not those of %ux%u; "
                   "leave it out or choose a square --size",
                   setup->dataset->width, setup->dataset->height);
  return TRUE;
}

/* Looks for labels, where they are asked for, and gives the network a row for each and one for none. */
static gboolean
begin_labels (DdpmTrainSetup *setup, GError **error)
{
  const DdpmTrainOptions *options = &setup->options;
  g_auto (GStrv) names = NULL;

  if (!options->labels)
    return TRUE;
  names = ddpm_labels_find ((const char *const *) setup->dataset->paths, options->min_label_pictures);
  if (names[0] == NULL)
    {
      g_autofree char *folder = g_file_get_parse_name (options->pictures);

      return refuse (
        error, DDPM_ERROR_USAGE,
        "--labels: no folder in %s holds %u pictures or more; put the pictures of each label into "
        "a folder of its name, or lower --min-label-pictures",
        folder, options->min_label_pictures);
    }
  setup->config.class_embed = DDPM_CLASS_EMBED_TABLE;
  setup->config.num_class_embeds = g_strv_length (names) + 1;
  g_strfreev (setup->notes.labels);
  setup->notes.labels = g_steal_pointer (&names);
  return TRUE;
}

static DdpmPixels
get_pixels_of_channels (guint n_channels)
{
  return n_channels == 1 ? DDPM_PIXELS_GREY : n_channels == 3 ? DDPM_PIXELS_RGB : DDPM_PIXELS_RGBA;
}

/* Opens options.from, and refuses what this trainer cannot train. */
static gboolean
open_from (DdpmTrainSetup *setup, GError **error)
{
  const DdpmUnetConfig *config = NULL;

  setup->from = ddpm_model_open_header (setup->options.from, error);
  if (setup->from == NULL)
    return FALSE;
  config = ddpm_unet_get_config (setup->from->unet);
  if (config->in_channels != config->out_channels)
    return refuse (
      error, DDPM_ERROR_UNSUPPORTED,
      "--from: %s takes %u channels and gives %u, as models do that learn their variance; only models that "
      "give as many as they take can be trained further",
      setup->from->name, config->in_channels, config->out_channels);
  if (config->in_channels != 1 && config->in_channels != 3 && config->in_channels != 4)
    return refuse (
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
  const char *name = setup->from->name;
  const guint n_channels = ddpm_unet_get_config (setup->from->unet)->in_channels;

  if (ddpm_train_network_is_given (options))
    return refuse (
      error, DDPM_ERROR_USAGE,
      "--channels, --layers and --attention cannot be given with --from, since the network is that of %s",
      name);
  if (options->schedule != DDPM_TRAIN_OPEN_SCHEDULE
      && options->schedule != setup->from->scheduler.beta_schedule)
    return refuse (error, DDPM_ERROR_USAGE,
                   "--schedule cannot differ from that of %s with --from; leave it out", name);
  if (options->pixels != DDPM_PIXELS_AUTO && options->pixels != get_pixels_of_channels (n_channels))
    return refuse (error, DDPM_ERROR_USAGE, "--pixels does not fit %s, which has %u channels; leave it out",
                   name, n_channels);
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

static gboolean
begin_from (DdpmTrainSetup *setup, const Reading *reading, GError **error)
{
  DdpmTrainOptions *options = &setup->options;
  DdpmUnetConfig *config = &setup->config;

  if (!open_from (setup, error) || !check_options_with_from (setup, error))
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

  if (options->width != 0 && !ddpm_unet_config_check_size (config, options->height, options->width, error))
    return FALSE;
  return load_pictures (setup, ddpm_unet_config_get_size_multiple (config),
                        get_pixels_of_channels (config->in_channels), reading, error)
         && begin_labels (setup, error);
}

static gboolean
begin_new (DdpmTrainSetup *setup, const Reading *reading, GError **error)
{
  DdpmTrainOptions *options = &setup->options;
  DdpmUnetConfig *config = &setup->config;
  const gboolean size_is_given = options->width != 0;

  ddpm_train_options_set_defaults (options);
  ddpm_scheduler_config_init (&setup->scheduler);
  setup->scheduler.beta_schedule = options->schedule;
  /* Before the pictures are read if that can be: a wrong size should not cost a minute. */
  if (size_is_given && !ddpm_train_network_decide (config, options, options->height, options->width, error))
    return FALSE;
  if (!load_pictures (setup, ddpm_train_network_get_multiple (options), options->pixels, reading, error))
    return FALSE;
  if (!size_is_given
      && !ddpm_train_network_decide (config, options, setup->dataset->height, setup->dataset->width, error))
    return FALSE;
  config->in_channels = config->out_channels = setup->dataset->n_channels;
  return begin_labels (setup, error);
}

/* Reads options.json: the options go to `stored`, the rest to setup and `fingerprint`. */
static gboolean
read_stored (DdpmTrainSetup *setup, DdpmTrainOptions *stored, guint64 *fingerprint, GError **error)
{
  g_autoptr (GFile) file = ddpm_train_get_options_file (setup->options.output);
  g_autofree char *name = g_file_get_parse_name (file);
  g_autoptr (JsonNode) root = NULL;
  JsonObject *object = NULL;
  static const char *const parts[] = { "options", "unet", "scheduler", "notes" };
  const char *dataset = NULL;

  if (!g_file_query_exists (file, NULL))
    return refuse (error, DDPM_ERROR_FILE,
                   "There is no training to resume: %s does not exist; leave out --resume to start one",
                   name);
  root = ddpm_json_read (file, error);
  if (root == NULL)
    return FALSE;
  object = JSON_NODE_HOLDS_OBJECT (root) ? json_node_get_object (root) : NULL;
  if (object == NULL || json_object_get_int_member_with_default (object, "version", 0) != OPTIONS_VERSION)
    return refuse (error, DDPM_ERROR_FILE,
                   "%s is damaged or was written by another version; start a new training in another folder",
                   name);
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      JsonNode *node = json_object_get_member (object, parts[i]);

      if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
        return refuse (error, DDPM_ERROR_FILE,
                       "%s: \"%s\" is missing; the file is damaged and the training cannot be resumed", name,
                       parts[i]);
    }
  dataset = json_object_get_string_member_with_default (object, "dataset_fingerprint", "");
  if (!g_ascii_string_to_unsigned (dataset, 16, 0, G_MAXUINT64, fingerprint, NULL))
    return refuse (
      error, DDPM_ERROR_FILE,
      "%s: \"dataset_fingerprint\" is missing; the file is damaged and the training cannot be resumed", name);
  if (!ddpm_train_options_from_json (stored, json_object_get_object_member (object, "options"), name, error)
      || !ddpm_unet_config_from_json (&setup->config, json_object_get_member (object, "unet"), name, error)
      || !ddpm_scheduler_config_from_json (&setup->scheduler, json_object_get_member (object, "scheduler"),
                                           name, error)
      || !ddpm_model_notes_from_json (&setup->notes, json_object_get_member (object, "notes"), name, error))
    return FALSE;
  if (stored->labels
      && (setup->notes.labels == NULL
          || g_strv_length (setup->notes.labels) + 1 != setup->config.num_class_embeds))
    return refuse (
      error, DDPM_ERROR_FILE,
      "%s: the labels do not fit the network; the file is damaged and the training cannot be resumed", name);
  return TRUE;
}

static gboolean
check_network_on_resume (const DdpmTrainSetup *setup, const DdpmTrainOptions *given, GError **error)
{
  const char *option = NULL;

  if (given->pixels != DDPM_PIXELS_AUTO
      && given->pixels != get_pixels_of_channels (setup->config.in_channels))
    option = "--pixels";
  else if (given->schedule != DDPM_TRAIN_OPEN_SCHEDULE && given->schedule != setup->scheduler.beta_schedule)
    option = "--schedule";
  else
    option = ddpm_train_network_find_difference (&setup->config, given);
  if (option == NULL)
    return TRUE;
  return refuse (
    error, DDPM_ERROR_USAGE,
    "%s differs from what this training began with; leave it out to resume, or start a new model in "
    "another folder",
    option);
}

/* What is held out, labels of the pictures, and the fingerprint of all that the run learns from. */
static void
complete_data (DdpmTrainSetup *setup)
{
  const DdpmDataset *dataset = setup->dataset;

  setup->fingerprint = dataset->fingerprint;
  ddpm_train_held_out_choose (setup);
  if (setup->n_held_out > 0)
    setup->fingerprint =
      ddpm_dataset_extend_fingerprint (setup->fingerprint, setup->held_out, setup->n_held_out);
  if (!setup->options.labels)
    return;
  setup->labels =
    ddpm_labels_assign ((const char *const *) dataset->paths, (const char *const *) setup->notes.labels);
  setup->fingerprint =
    ddpm_dataset_extend_fingerprint (setup->fingerprint, setup->labels, dataset->n_pictures);
}

static gboolean
begin_resumed (DdpmTrainSetup *setup, const Reading *reading, GError **error)
{
  DdpmTrainOptions *options = &setup->options;
  g_auto (DdpmTrainOptions) stored = { 0 };
  guint64 fingerprint = 0;

  ddpm_train_options_init (&stored);
  if (!read_stored (setup, &stored, &fingerprint, error) || !check_network_on_resume (setup, options, error)
      || !ddpm_train_options_resume (options, &stored, error)
      || !ddpm_unet_config_check_size (&setup->config, options->height, options->width, error)
      || !load_pictures (setup, ddpm_unet_config_get_size_multiple (&setup->config),
                         get_pixels_of_channels (setup->config.in_channels), reading, error))
    return FALSE;
  complete_data (setup);
  if (setup->fingerprint != fingerprint)
    {
      g_autofree char *name = g_file_get_parse_name (options->pictures);

      return refuse (
        error, DDPM_ERROR_FILE,
        "The pictures in %s are not those that this training began with; bring them back to resume, or "
        "start a new model with --from",
        name);
    }
  return TRUE;
}

/* Where a resumed run stands: at its checkpoint, or at its beginning if it was stopped before the first one.
 * `steps` as given: when they are open, the stored ones may be too few, from before the run was made longer
 * and killed. */
static gboolean
find_first_step (DdpmTrainSetup *setup, guint64 steps, GError **error)
{
  g_autoptr (GFile) file = ddpm_train_get_state_file (setup->options.output);
  const DdpmTrainSlabs sizes = { .n = ddpm_unet_get_n_weights (setup->unet) };
  DdpmTrainCounters counters = { 0 };

  if (!g_file_query_exists (file, NULL))
    return setup->options.from == NULL || open_from (setup, error);
  if (!ddpm_train_state_read (file, &counters, &sizes, error))
    return FALSE;
  if (counters.fingerprint != setup->fingerprint)
    {
      g_autofree char *name = g_file_get_parse_name (file);

      return refuse (
        error, DDPM_ERROR_FILE,
        "%s belongs to another training than the options.json beside it; start a new one in another folder",
        name);
    }
  if (steps == DDPM_TRAIN_OPEN_COUNT)
    setup->options.steps = MAX (setup->options.steps, counters.step);
  if (counters.step > setup->options.steps)
    return refuse (error, DDPM_ERROR_USAGE,
                   "--steps %" G_GUINT64_FORMAT " is less than the %" G_GUINT64_FORMAT
                   " steps that this training has done already; give more, or leave it out",
                   setup->options.steps, counters.step);
  setup->first_step = counters.step;
  return TRUE;
}

/* The parts that hold for all three ways to begin. */
static gboolean
complete (DdpmTrainSetup *setup, const DdpmTrainOptions *given, GError **error)
{
  DdpmTrainOptions *options = &setup->options;
  const DdpmDataset *dataset = setup->dataset;

  options->width = dataset->width;
  options->height = dataset->height;
  options->pixels = get_pixels_of_channels (dataset->n_channels);
  options->schedule = setup->scheduler.beta_schedule;
  setup->config.sample_height = dataset->height;
  setup->config.sample_width = dataset->width;
  setup->config.dropout = options->dropout;
  /* A part of a picture ends where it was cut, and its sides do not meet: a network that took them for
   * neighbours would learn to paint the cut. */
  setup->config.circular_padding = options->tileable && options->crop == 0;
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
    complete_data (setup);
  if (options->resume && !find_first_step (setup, given->steps, error))
    return FALSE;
  if (setup->from != NULL && !ddpm_train_from_fits (setup->from->unet, setup->unet))
    return refuse (
      error, DDPM_ERROR_FILE,
      "--from: %s is no longer the model that this training began with; start a new one in another folder",
      setup->from->name);
  return ddpm_train_decide_memory (setup, error);
}

DdpmTrainSetup *
ddpm_train_setup_new (const DdpmTrainOptions *options, DdpmDatasetProgressFunc func, gpointer user_data,
                      GCancellable *cancellable, GError **error)
{
  g_autoptr (DdpmTrainSetup) setup = g_new0 (DdpmTrainSetup, 1);
  const Reading reading = { func, user_data, cancellable };
  gboolean begun;

  ddpm_train_options_copy (&setup->options, options);
  if (!options->resume && !ddpm_train_check_output (options->output, error))
    return NULL;
  if (options->resume)
    begun = begin_resumed (setup, &reading, error);
  else if (options->from != NULL)
    begun = begin_from (setup, &reading, error);
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
  ddpm_model_notes_clear (&setup->notes);
  ddpm_scheduler_config_clear (&setup->scheduler);
  ddpm_train_options_clear (&setup->options);
  g_free (setup);
}

gboolean
ddpm_train_setup_store (const DdpmTrainSetup *setup, GError **error)
{
  g_autoptr (GFile) file = ddpm_train_get_options_file (setup->options.output);
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *fingerprint = g_strdup_printf ("%016" G_GINT64_MODIFIER "x", setup->fingerprint);

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "version");
  json_builder_add_int_value (builder, OPTIONS_VERSION);
  json_builder_set_member_name (builder, "dataset_fingerprint");
  json_builder_add_string_value (builder, fingerprint);
  json_builder_set_member_name (builder, "options");
  json_builder_begin_object (builder);
  ddpm_train_options_to_json (&setup->options, builder);
  json_builder_end_object (builder);
  json_builder_set_member_name (builder, "unet");
  json_builder_add_value (builder, ddpm_unet_config_to_json (&setup->config));
  json_builder_set_member_name (builder, "scheduler");
  json_builder_add_value (builder, ddpm_scheduler_config_to_json (&setup->scheduler));
  json_builder_set_member_name (builder, "notes");
  json_builder_add_value (builder, ddpm_model_notes_to_json (&setup->notes));
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  return ddpm_json_write (file, root, error);
}
