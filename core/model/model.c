/* Opening a model folder: the index if there is one, the network's config, the weights' header against it,
 * the scheduler, our notes; the weights themselves last. */
#include "core/model/model.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/model/model-index.h"
#include "core/model/weights-file.h"

static gboolean
file_exists (GFile *file)
{
  return g_file_query_exists (file, NULL);
}

/* FOLDER/COMPONENT/NAME, or FOLDER/NAME where there is no such subfolder, as diffusers looks for it. */
static GFile *
get_component_file (GFile *folder, const char *component, const char *name)
{
  g_autoptr (GFile) subfolder = g_file_get_child (folder, component);

  return g_file_get_child (file_exists (subfolder) ? subfolder : folder, name);
}

static const char *
get_network_name (const DdpmModel *model)
{
  return model->is_ema ? "unet_ema" : "unet";
}

/* What is impossible in a file is the file's fault. */
static gboolean
blame_file (GFile *file, GError **error)
{
  g_autofree char *name = g_file_get_parse_name (file);

  if (error != NULL && g_error_matches (*error, DDPM_ERROR, DDPM_ERROR_USAGE))
    (*error)->code = DDPM_ERROR_FILE;
  g_prefix_error (error, "%s: ", name);
  return FALSE;
}

static gboolean
check_folder (GFile *folder, GError **error)
{
  g_autofree char *name = g_file_get_parse_name (folder);
  GFileType type = g_file_query_file_type (folder, G_FILE_QUERY_INFO_NONE, NULL);

  if (type == G_FILE_TYPE_DIRECTORY)
    return TRUE;
  if (type == G_FILE_TYPE_UNKNOWN)
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, _ ("there is no folder %s; give the folder of a model"),
                 name);
  else if (ddpm_file_is_pickle (name))
    return ddpm_safetensors_refuse_pickle (name, error);
  else
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, _ ("%s is a file; give the folder of the model"), name);
  return FALSE;
}

/* `file`, the network's config.json, is not there: what else is, tells what to do. */
static gboolean
refuse_missing (const DdpmModel *model, GFile *file, gboolean has_index, GError **error)
{
  g_autoptr (GFile) network = g_file_get_child (model->folder, get_network_name (model));
  g_autoptr (GFile) averaged = g_file_get_child (model->folder, "unet_ema");
  g_autofree char *name = g_file_get_parse_name (file), *folder = g_file_get_parse_name (model->folder);

  if (file_exists (network))
    return ddpm_refuse (error, DDPM_ERROR_FILE,
                        _ ("%s is missing, without which nothing is known of the network; copy or download "
                           "the model again"),
                        name);
  if (file_exists (averaged))
    return ddpm_refuse (error, DDPM_ERROR_FILE,
                        _ ("%s has no folder unet, only averaged weights in unet_ema; \"ddpm convert --ema\" "
                           "makes a model of these"),
                        folder);
  if (has_index)
    return ddpm_refuse (error, DDPM_ERROR_FILE,
                        _ ("%s has a model_index.json, but no folder unet with the network (its config.json "
                           "and weights); copy or download the whole model"),
                        folder);
  return ddpm_refuse (
    error, DDPM_ERROR_FILE,
    _ ("%s is not the folder of a model: %s is missing; give a folder that diffusers or \"ddpm train\" "
       "has written"),
    folder, name);
}

static gboolean
read_network (DdpmModel *model, gboolean has_index, GError **error)
{
  g_autoptr (GFile) file = get_component_file (model->folder, get_network_name (model), "config.json");
  g_autofree char *name = g_file_get_parse_name (file);
  g_autoptr (JsonNode) node = NULL;
  DdpmUnetConfig config;

  if (!file_exists (file))
    return refuse_missing (model, file, has_index, error);
  node = ddpm_json_read (file, error);
  if (node == NULL || !ddpm_unet_config_from_json (&config, node, name, error))
    return FALSE;
  config.circular_padding = model->notes.circular_padding;
  model->unet = ddpm_unet_new (&config, error);
  return model->unet != NULL || blame_file (file, error);
}

static gboolean
refuse_missing_scheduler (const DdpmModel *model, GError **error)
{
  g_autofree char *folder = g_file_get_parse_name (model->folder);

  return ddpm_refuse (error, DDPM_ERROR_FILE,
                      _ ("%s has a model_index.json, but no scheduler_config.json, in a folder scheduler or "
                         "beside it; copy or download the whole model"),
                      folder);
}

static gboolean
read_scheduler (DdpmModel *model, gboolean has_index, GError **error)
{
  g_autoptr (GFile) file = get_component_file (model->folder, "scheduler", "scheduler_config.json");
  g_autofree char *name = g_file_get_parse_name (file);
  g_autoptr (JsonNode) node = NULL;
  g_autoptr (DdpmSchedule) schedule = NULL;
  const DdpmUnetConfig *config = ddpm_unet_get_config (model->unet);

  /* A bare network, saved without a pipeline, was trained with the usual one. */
  if (!file_exists (file) && !has_index)
    {
      ddpm_scheduler_config_init (&model->scheduler);
      return TRUE;
    }
  if (!file_exists (file))
    return refuse_missing_scheduler (model, error);
  model->has_scheduler = TRUE;
  node = ddpm_json_read (file, error);
  if (node == NULL || !ddpm_scheduler_config_from_json (&model->scheduler, node, name, error))
    return FALSE;
  schedule = ddpm_schedule_new (&model->scheduler, error);
  if (schedule == NULL)
    return blame_file (file, error);
  if (config->time_embedding_type != DDPM_TIME_EMBEDDING_LEARNED
      || config->num_train_timesteps >= model->scheduler.num_train_timesteps)
    return TRUE;
  g_set_error (
    error, DDPM_ERROR, DDPM_ERROR_FILE,
    _ ("%s has %u timesteps, but the network has learned only %u of them (num_train_timesteps in its "
       "config.json); the two do not belong together"),
    name, model->scheduler.num_train_timesteps, config->num_train_timesteps);
  return FALSE;
}

static gboolean
read_notes (DdpmModel *model, GError **error)
{
  g_autoptr (GFile) file = g_file_get_child (model->folder, "ddpm.json");
  g_autofree char *name = g_file_get_parse_name (file);
  g_autoptr (JsonNode) node = NULL;

  if (!file_exists (file))
    return TRUE;
  node = ddpm_json_read (file, error);
  return node != NULL && ddpm_model_notes_from_json (&model->notes, node, name, error);
}

static gboolean
check_labels (const DdpmModel *model, GError **error)
{
  g_autoptr (GFile) file = g_file_get_child (model->folder, "ddpm.json");
  g_autofree char *name = g_file_get_parse_name (file);
  const guint n_rows = ddpm_unet_config_get_n_classes (ddpm_unet_get_config (model->unet));

  if (model->notes.labels == NULL || g_strv_length (model->notes.labels) + 1 == n_rows)
    return TRUE;
  g_set_error (
    error, DDPM_ERROR, DDPM_ERROR_FILE,
    _ ("%s: the list of labels has the length %u, but the network has %u classes, and needs one for each "
       "label and one for none"),
    name, g_strv_length (model->notes.labels), n_rows);
  return FALSE;
}

/* The type in which most is stored. */
static void
measure_weights (DdpmModel *model, const DdpmSafetensors *file)
{
  guint n_tensors;
  const DdpmTensor *tensors = ddpm_safetensors_get_tensors (file, &n_tensors);
  gsize largest = 0;

  for (guint i = 0; i < n_tensors; i++)
    if (tensors[i].n_values > largest)
      {
        largest = tensors[i].n_values;
        model->dtype = tensors[i].dtype;
      }
}

/* The weights file, checked against the network. *name is for messages, caller frees. */
static DdpmSafetensors *
open_weights (const DdpmModel *model, char **name, GError **error)
{
  g_autoptr (GFile) config = get_component_file (model->folder, get_network_name (model), "config.json");
  g_autoptr (GFile) folder = g_file_get_parent (config);
  g_autoptr (DdpmSafetensors) opened = ddpm_weights_file_open (folder, name, error);

  if (opened == NULL)
    return NULL;
  return ddpm_unet_check_weights (model->unet, opened, *name, error) ? g_steal_pointer (&opened) : NULL;
}

static gboolean
check_weights (DdpmModel *model, GError **error)
{
  g_autofree char *name = NULL;
  g_autoptr (DdpmSafetensors) opened = open_weights (model, &name, error);

  if (opened == NULL)
    return FALSE;
  model->weights_bytes = ddpm_safetensors_get_size_bytes (opened);
  measure_weights (model, opened);
  return TRUE;
}

gboolean
ddpm_model_read_weights (const DdpmModel *model, float *weights, GError **error)
{
  g_autofree char *name = NULL;
  g_autoptr (DdpmSafetensors) opened = open_weights (model, &name, error);

  return opened != NULL && ddpm_unet_load_weights (model->unet, opened, name, weights, error);
}

gboolean
ddpm_model_pack_weights (const DdpmModel *model, DdpmUnetPass *pass, DdpmTeam *team, GError **error)
{
  g_autofree char *name = NULL;
  g_autoptr (DdpmSafetensors) opened = NULL;

  if (model->weights != NULL)
    {
      ddpm_unet_pass_set_weights (pass, model->weights);
      return TRUE;
    }
  opened = open_weights (model, &name, error);
  return opened != NULL && ddpm_unet_pack_weights (model->unet, opened, name, pass, team, error);
}

/* Takes the model, which is empty but for is_ema. */
static DdpmModel *
open_header (GFile *folder, DdpmModel *empty, GError **error)
{
  g_autoptr (DdpmModel) model = empty;
  g_autofree char *base_name = NULL;
  gboolean has_index;

  if (!check_folder (folder, error))
    return NULL;
  model->folder = g_object_ref (folder);
  base_name = g_file_get_basename (folder);
  model->name = g_filename_display_name (base_name);
  if (ddpm_model_index_check (folder, &has_index, error) && read_notes (model, error)
      && read_network (model, has_index, error) && check_labels (model, error)
      && read_scheduler (model, has_index, error) && check_weights (model, error))
    return g_steal_pointer (&model);
  return NULL;
}

DdpmModel *
ddpm_model_open_header (GFile *folder, GError **error)
{
  return open_header (folder, g_new0 (DdpmModel, 1), error);
}

/* Takes the model. */
static DdpmModel *
complete (DdpmModel *header, GError **error)
{
  g_autoptr (DdpmModel) model = header;
  gsize n;

  if (model == NULL)
    return NULL;
  n = ddpm_unet_get_n_weights (model->unet);
  model->weights = g_try_new (float, n);
  if (model->weights == NULL)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_MEMORY,
                   _ ("the weights of %s need %.0f MB of memory, which cannot be had"), model->name,
                   n * sizeof (float) / 1e6);
      return NULL;
    }
  return ddpm_model_read_weights (model, model->weights, error) ? g_steal_pointer (&model) : NULL;
}

DdpmModel *
ddpm_model_open (GFile *folder, GError **error)
{
  return complete (ddpm_model_open_header (folder, error), error);
}

DdpmModel *
ddpm_model_open_ema (GFile *folder, GError **error)
{
  g_autoptr (GFile) averaged = g_file_get_child (folder, "unet_ema");
  g_autofree char *name = g_file_get_parse_name (folder);
  DdpmModel *empty = NULL;

  if (!file_exists (averaged))
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
                   _ ("%s has no folder unet_ema with averaged weights; its unet is all there is"), name);
      return NULL;
    }
  empty = g_new0 (DdpmModel, 1);
  empty->is_ema = TRUE;
  return complete (open_header (folder, empty, error), error);
}

gboolean
ddpm_model_check_channels (const DdpmModel *model, GError **error)
{
  const DdpmUnetConfig *config = ddpm_unet_get_config (model->unet);

  if (config->out_channels
      != ddpm_variance_get_out_channels (model->scheduler.variance_type, config->in_channels))
    return ddpm_refuse (error, DDPM_ERROR_UNSUPPORTED,
                        _ ("The model \"%s\" has %u channels in and %u out, which does not go with its "
                           "scheduler's variance: as many with a fixed one, twice as many with a learned "
                           "one."),
                        model->name, config->in_channels, config->out_channels);
  if (config->in_channels > 4)
    return ddpm_refuse (error, DDPM_ERROR_UNSUPPORTED,
                        _ ("The model \"%s\" has %u channels; pictures have 1 (grey) to 4 (RGB with alpha)."),
                        model->name, config->in_channels);
  return TRUE;
}

void
ddpm_model_free (DdpmModel *model)
{
  if (model == NULL)
    return;
  g_free (model->weights);
  g_clear_pointer (&model->unet, ddpm_unet_free);
  ddpm_scheduler_config_clear (&model->scheduler);
  ddpm_model_notes_clear (&model->notes);
  g_clear_object (&model->folder);
  g_free (model->name);
  g_free (model);
}
