/* Names as diffusers makes them: BASE.safetensors, BASE.VARIANT.safetensors; in pieces
 * BASE.safetensors.index.json, and with a variant BASE.safetensors.index.VARIANT.json or
 * BASE.VARIANT.safetensors.index.json. */
#include "core/model/weights-file.h"

#include <string.h>

#include "core/base/error.h"
#include "core/base/text.h"

#define BASE "diffusion_pytorch_model"

/* Pieces themselves are called BASE-00001-of-00003.safetensors. */
static gboolean
is_variant (const char *name)
{
  const char *rest = name + strlen (BASE ".");

  return g_str_has_prefix (name, BASE ".") && g_str_has_suffix (name, ".safetensors")
         && strstr (rest, "-of-") == NULL;
}

static gboolean
is_index (const char *name)
{
  return g_str_has_prefix (name, BASE ".") && strstr (name, ".safetensors.index.") != NULL
         && g_str_has_suffix (name, ".json");
}

/* The better of two names is the smaller one. */
static guint
get_rank (const char *name)
{
  if (strcmp (name, BASE ".safetensors") == 0)
    return 0;
  if (strcmp (name, BASE ".safetensors.index.json") == 0)
    return 1;
  return (is_index (name) ? 1 : 0) + (strstr (name, ".fp16.") != NULL ? 2 : 4);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  const char *x = *(const char *const *) a, *y = *(const char *const *) b;

  if (get_rank (x) != get_rank (y))
    return get_rank (x) < get_rank (y) ? -1 : 1;
  return strcmp (x, y);
}

/* Why there is nothing to open: a pickled file, or none at all. */
static void
explain_missing (GFile *folder, GError **error)
{
  g_autoptr (GFile) expected = g_file_get_child (folder, BASE ".safetensors");
  g_autofree char *name = g_file_get_parse_name (expected);
  g_autoptr (GDir) dir = g_dir_open (g_file_peek_path (folder), 0, NULL);
  const char *entry;

  while (dir != NULL && (entry = g_dir_read_name (dir)) != NULL)
    if (ddpm_file_is_pickle (entry))
      {
        g_autoptr (GFile) pickle = g_file_get_child (folder, entry);
        g_autofree char *pickle_name = g_file_get_parse_name (pickle);

        ddpm_safetensors_refuse_pickle (pickle_name, error);
        return;
      }
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, _ ("%s is missing; copy or download the model again"),
               name);
}

DdpmSafetensors *
ddpm_weights_file_open (GFile *folder, char **name, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir =
    g_file_peek_path (folder) != NULL ? g_dir_open (g_file_peek_path (folder), 0, NULL) : NULL;
  g_autoptr (GFile) file = NULL;
  const char *entry;

  while (dir != NULL && (entry = g_dir_read_name (dir)) != NULL)
    if (is_variant (entry) || is_index (entry))
      g_ptr_array_add (names, g_strdup (entry));
  if (names->len == 0)
    {
      explain_missing (folder, error);
      return NULL;
    }
  g_ptr_array_sort (names, compare_names);
  entry = g_ptr_array_index (names, 0);
  file = g_file_get_child (folder, entry);
  *name = g_file_get_parse_name (file);
  return is_index (entry) ? ddpm_safetensors_open_pieces (file, error) : ddpm_safetensors_open (file, error);
}
