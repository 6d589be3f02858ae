/* Weights that are split into several files, which an index names: {"weight_map": {TENSOR: FILE, …}}.
 * Together they look like one file. */
#include "core/model/safetensors-private.h"

#include <string.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/model/json-fields.h"
#include "core/model/json.h"

typedef struct
{
  DdpmSafetensors *whole;
  GFile *folder;
  const char *name;    /* of the index, for messages */
  GHashTable *by_file; /* file name -> DdpmSafetensors, owned by whole->pieces */
} Joining;

/* A file beside the index, and no way out of that folder. */
static DdpmSafetensors *
get_piece (Joining *joining, const char *file_name, GError **error)
{
  DdpmSafetensors *piece = g_hash_table_lookup (joining->by_file, file_name);
  g_autoptr (GFile) file = NULL;

  if (piece != NULL)
    return piece;
  if (*file_name == '\0' || *file_name == '.' || strpbrk (file_name, "/\\") != NULL)
    {
      g_set_error (
        error, DDPM_ERROR, DDPM_ERROR_FILE,
        _ ("%s names the file \"%s\", but only files beside it are read; download the model again"),
        joining->name, file_name);
      return NULL;
    }
  file = g_file_get_child (joining->folder, file_name);
  piece = ddpm_safetensors_open (file, error);
  if (piece == NULL)
    return NULL;
  g_ptr_array_add (joining->whole->pieces, piece);
  g_hash_table_insert (joining->by_file, (gpointer) file_name, piece);
  return piece;
}

static gboolean
add_tensor (Joining *joining, const char *tensor_name, JsonNode *node, GError **error)
{
  DdpmSafetensors *whole = joining->whole;
  const char *file_name = ddpm_json_node_to_string (node);
  const DdpmSafetensors *piece = NULL;
  const DdpmTensor *tensor = NULL;

  if (file_name == NULL)
    return ddpm_refuse (error, DDPM_ERROR_FILE, _ ("%s: \"weight_map\" has to name a file for \"%s\""),
                        joining->name, tensor_name);
  piece = get_piece (joining, file_name, error);
  if (piece == NULL)
    return FALSE;
  tensor = ddpm_safetensors_find (piece, tensor_name);
  if (tensor == NULL)
    return ddpm_refuse (
      error, DDPM_ERROR_FILE,
      _ ("%s says that the tensor \"%s\" is in %s, where it is not; download the model again"), joining->name,
      tensor_name, file_name);
  g_array_append_val (whole->tensors, *tensor);
  tensor = &g_array_index (whole->tensors, DdpmTensor, whole->tensors->len - 1);
  g_hash_table_insert (whole->by_name, tensor->name, (gpointer) tensor);
  return TRUE;
}

DdpmSafetensors *
ddpm_safetensors_open_pieces (GFile *index, GError **error)
{
  g_autofree char *name = g_file_get_parse_name (index);
  g_autoptr (GFile) folder = g_file_get_parent (index);
  g_autoptr (JsonNode) root = ddpm_json_read (index, error);
  g_autoptr (DdpmSafetensors) whole = g_new0 (DdpmSafetensors, 1);
  g_autoptr (GHashTable) by_file = g_hash_table_new (g_str_hash, g_str_equal);
  Joining joining = { whole, folder, name, by_file };
  JsonNode *map = root != NULL ? json_object_get_member (json_node_get_object (root), "weight_map") : NULL;
  JsonObjectIter iter;
  const char *tensor_name;
  JsonNode *node;

  if (root == NULL)
    return NULL;
  if (map == NULL || !JSON_NODE_HOLDS_OBJECT (map))
    {
      ddpm_refuse (error, DDPM_ERROR_FILE, _ ("%s has no \"weight_map\" that tells where each tensor is"),
                   name);
      return NULL;
    }
  whole->pieces = g_ptr_array_new_with_free_func ((GDestroyNotify) ddpm_safetensors_free);
  /* by_name points into it: it must not move */
  whole->tensors =
    g_array_sized_new (FALSE, FALSE, sizeof (DdpmTensor), json_object_get_size (json_node_get_object (map)));
  whole->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  whole->metadata = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  json_object_iter_init_ordered (&iter, json_node_get_object (map));
  while (json_object_iter_next_ordered (&iter, &tensor_name, &node))
    if (!add_tensor (&joining, tensor_name, node, error))
      return NULL;
  return g_steal_pointer (&whole);
}
