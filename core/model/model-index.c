/* A pipeline is a network and its scheduler, and nothing else takes part in making the picture. */
#include "core/model/model-index.h"

#include <string.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/model/json-fields.h"
#include "core/model/json.h"

/* What a pipeline has beside a network and its scheduler, and what for. */
static const char *
explain_component (const char *key)
{
  if (strcmp (key, "vqvae") == 0 || strcmp (key, "vae") == 0)
    return _ ("the decoder that makes a picture of what the network makes (latents)");
  if (strcmp (key, "text_encoder") == 0 || strcmp (key, "tokenizer") == 0 || strcmp (key, "bert") == 0)
    return _ ("which reads the words that the network is told");
  return _ ("which takes part in making the picture");
}

/* "ConsistencyModelPipeline" of model_index.json, and the class of its scheduler; NULL: not said. */
static void
get_classes (JsonObject *index, const char **pipeline, const char **scheduler)
{
  JsonNode *class_node = json_object_get_member (index, "_class_name");
  JsonNode *pair = json_object_get_member (index, "scheduler");

  *pipeline = class_node != NULL ? ddpm_json_node_to_string (class_node) : NULL;
  *scheduler = NULL;
  if (pair != NULL && JSON_NODE_HOLDS_ARRAY (pair) && json_array_get_length (json_node_get_array (pair)) == 2)
    *scheduler = ddpm_json_node_to_string (json_array_get_element (json_node_get_array (pair), 1));
}

static gboolean
check_pipeline (JsonObject *index, const char *name, GError **error)
{
  static const char *const known[] = {
    "DDPMPipeline", "DDIMPipeline", "PNDMPipeline", "DDPM", "DDIM", "PNDM", NULL
  };
  const char *class_name = NULL, *scheduler = NULL, *key = NULL;
  JsonObjectIter iter;
  JsonNode *value;

  get_classes (index, &class_name, &scheduler);
  json_object_iter_init (&iter, index);
  while (json_object_iter_next (&iter, &key, &value))
    if (JSON_NODE_HOLDS_ARRAY (value) && strcmp (key, "unet") != 0 && strcmp (key, "scheduler") != 0)
      return ddpm_refuse (
        error, DDPM_ERROR_UNSUPPORTED,
        _ ("%s describes a %s with the component \"%s\", %s; that part is not here: only models of a unet "
           "and a scheduler can be used"),
        name, class_name != NULL ? class_name : _ ("model"), key, explain_component (key));
  if (class_name == NULL || g_strv_contains (known, class_name))
    return TRUE;
  return ddpm_refuse (
    error, DDPM_ERROR_UNSUPPORTED,
    _ ("%s describes a %s, whose way to make pictures (%s) is not here; only unconditional models of the "
       "kinds DDPMPipeline, DDIMPipeline and PNDMPipeline can be used"),
    name, class_name, scheduler != NULL ? scheduler : _ ("its scheduler is not said"));
}

/* A folder without an index may have parts all the same. */
static gboolean
check_parts (GFile *folder, GError **error)
{
  static const char *const parts[] = { "vae", "vqvae", "text_encoder", "bert" };
  g_autofree char *name = g_file_get_parse_name (folder);

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      g_autoptr (GFile) part = g_file_get_child (folder, parts[i]);

      if (g_file_query_exists (part, NULL))
        return ddpm_refuse (
          error, DDPM_ERROR_UNSUPPORTED,
          _ ("%s has the component \"%s\", %s; that part is not here: only models of a unet "
             "and a scheduler can be used"),
          name, parts[i], explain_component (parts[i]));
    }
  return TRUE;
}

/* Who gives the network's folder in a model's would get a network without its scheduler, or one whose latents
 * need a decoder. */
static gboolean
check_not_inside (GFile *folder, GError **error)
{
  g_autofree char *base_name = g_file_get_basename (folder), *name = g_file_get_parse_name (folder);
  g_autoptr (GFile) parent = g_file_get_parent (folder);
  g_autofree char *parent_name = parent != NULL ? g_file_get_parse_name (parent) : NULL;
  gboolean has_index;

  if (parent == NULL || (strcmp (base_name, "unet") != 0 && strcmp (base_name, "unet_ema") != 0))
    return TRUE;
  if (!ddpm_model_index_check (parent, &has_index, error))
    return FALSE;
  return !has_index
         || ddpm_refuse (error, DDPM_ERROR_UNSUPPORTED,
                         _ ("%s is the network of the model %s, whose scheduler lies beside it; give that "
                            "folder"),
                         name, parent_name);
}

gboolean
ddpm_model_index_check (GFile *folder, gboolean *has_index, GError **error)
{
  g_autoptr (GFile) file = g_file_get_child (folder, "model_index.json");
  g_autofree char *name = g_file_get_parse_name (file);
  g_autoptr (JsonNode) node = NULL;

  *has_index = g_file_query_exists (file, NULL);
  if (!*has_index)
    return check_parts (folder, error) && check_not_inside (folder, error);
  node = ddpm_json_read (file, error);
  return node != NULL && check_pipeline (json_node_get_object (node), name, error);
}
