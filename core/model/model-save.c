/* Writing a model folder. All files are written aside and flushed before the first of them takes its place,
 * so a full disk or a program killed while writing leaves the model that was there. */
#include "core/model/model.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#include "core/base/error.h"
#include "core/model/json-fields.h"

static gboolean
make_folder (GFile *folder, const char *child, GError **error)
{
  g_autoptr (GFile) file = g_file_get_child (folder, child);
  g_autofree char *name = g_file_get_parse_name (file);

  if (g_file_peek_path (file) != NULL && g_mkdir_with_parents (g_file_peek_path (file), 0777) == 0)
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, "the folder %s cannot be made: %s", name,
               g_file_peek_path (file) == NULL ? "it is not on this machine" : g_strerror (errno));
  return FALSE;
}

static JsonArray *
make_component (const char *class_name)
{
  JsonArray *array = json_array_new ();

  json_array_add_string_element (array, "diffusers");
  json_array_add_string_element (array, class_name);
  return array;
}

/* DDIMPipeline and PNDMPipeline make every scheduler one of theirs; DDPMPipeline takes it as it is. */
static const char *
get_pipeline (const char *scheduler_class)
{
  if (g_str_equal (scheduler_class, "DDIMScheduler"))
    return "DDIMPipeline";
  return g_str_equal (scheduler_class, "PNDMScheduler") ? "PNDMPipeline" : "DDPMPipeline";
}

static JsonNode *
make_index (const DdpmSchedulerConfig *scheduler)
{
  JsonObject *object = json_object_new ();
  JsonNode *node = json_node_new (JSON_NODE_OBJECT);

  json_node_take_object (node, object);
  json_object_set_string_member (object, "_class_name", get_pipeline (scheduler->class_name));
  json_object_set_string_member (object, "_diffusers_version", DDPM_DIFFUSERS_VERSION);
  json_object_set_array_member (object, "scheduler", make_component (scheduler->class_name));
  json_object_set_array_member (object, "unet", make_component ("UNet2DModel"));
  return node;
}

/* Takes node. The file is flushed and waits to be committed. */
static gboolean
prepare_json (GFile *folder, const char *path, JsonNode *node, GPtrArray *prepared, GError **error)
{
  g_autoptr (JsonNode) owned = node;
  g_autoptr (GFile) file = g_file_resolve_relative_path (folder, path);
  g_autoptr (DdpmAtomicFile) atomic = ddpm_atomic_file_new (file, error);
  g_autofree char *text = ddpm_json_to_text (owned);

  if (atomic == NULL || !ddpm_atomic_file_write (atomic, text, strlen (text), error)
      || !ddpm_atomic_file_write (atomic, "\n", 1, error) || !ddpm_atomic_file_flush (atomic, error))
    return FALSE;
  g_ptr_array_add (prepared, g_steal_pointer (&atomic));
  return TRUE;
}

static gboolean
prepare_weights (GFile *folder, const DdpmUnet *unet, const float *weights, DdpmDtype dtype,
                 GPtrArray *prepared, GError **error)
{
  g_autoptr (GFile) file = g_file_resolve_relative_path (folder, "unet/diffusion_pytorch_model.safetensors");
  g_autoptr (DdpmAtomicFile) atomic = ddpm_atomic_file_new (file, error);
  guint n_params;
  const DdpmParam *params = ddpm_unet_get_params (unet, &n_params);
  g_autofree DdpmTensorToWrite *tensors = g_new0 (DdpmTensorToWrite, n_params);

  for (guint i = 0; i < n_params; i++)
    {
      tensors[i].name = params[i].name;
      tensors[i].n_dims = params[i].n_dims;
      memcpy (tensors[i].shape, params[i].shape, sizeof (params[i].shape));
      tensors[i].values = weights + params[i].offset;
    }
  if (atomic == NULL || !ddpm_safetensors_write_to (atomic, tensors, n_params, dtype, NULL, error)
      || !ddpm_atomic_file_flush (atomic, error))
    return FALSE;
  g_ptr_array_add (prepared, g_steal_pointer (&atomic));
  return TRUE;
}

gboolean
ddpm_model_save (GFile *folder, const DdpmUnet *unet, const float *weights,
                 const DdpmSchedulerConfig *scheduler, const DdpmModelNotes *notes, DdpmDtype dtype,
                 GError **error)
{
  g_autoptr (GPtrArray) prepared = g_ptr_array_new_with_free_func ((GDestroyNotify) ddpm_atomic_file_free);

  /* The index comes last: who finds it finds the rest. */
  if (!make_folder (folder, "unet", error) || !make_folder (folder, "scheduler", error)
      || !prepare_weights (folder, unet, weights, dtype, prepared, error)
      || !prepare_json (folder, "unet/config.json", ddpm_unet_config_to_json (ddpm_unet_get_config (unet)),
                        prepared, error)
      || !prepare_json (folder, "scheduler/scheduler_config.json", ddpm_scheduler_config_to_json (scheduler),
                        prepared, error)
      || !prepare_json (folder, "ddpm.json", ddpm_model_notes_to_json (notes), prepared, error)
      || !prepare_json (folder, "model_index.json", make_index (scheduler), prepared, error))
    return FALSE;

  for (guint i = 0; i < prepared->len; i++)
    if (!ddpm_atomic_file_commit (g_ptr_array_index (prepared, i), error))
      return FALSE;
  return TRUE;
}
