/* Where models are looked for, and what is there. */
#include "core/model/model.h"

#include <string.h>

#include "core/base/error.h"
#include "core/base/text.h"

gboolean
ddpm_model_is_folder (const char *path)
{
  static const char *const signs[] = { "model_index.json", "config.json", "unet/config.json" };

  for (guint i = 0; i < G_N_ELEMENTS (signs); i++)
    {
      g_autofree char *file = g_build_filename (path, signs[i], NULL);

      if (g_file_test (file, G_FILE_TEST_IS_REGULAR))
        return TRUE;
    }
  return FALSE;
}

/* Paths of the folders that hold models, in the order in which they count. */
static GPtrArray *
get_search_folders (GFile *extra_folder)
{
  GPtrArray *folders = g_ptr_array_new_with_free_func (g_free);
  const char *const *system = g_get_system_data_dirs ();
  g_autofree char *executable = g_file_read_link ("/proc/self/exe", NULL);

  if (extra_folder != NULL && g_file_peek_path (extra_folder) != NULL)
    g_ptr_array_add (folders, g_file_get_path (extra_folder));
  g_ptr_array_add (folders, g_build_filename (g_get_user_data_dir (), "gimp-ddpm", "models", NULL));
  for (guint i = 0; system[i] != NULL; i++)
    g_ptr_array_add (folders, g_build_filename (system[i], "gimp-ddpm", "models", NULL));
  if (executable != NULL)
    {
      g_autofree char *folder = g_path_get_dirname (executable);
      g_autofree char *parent = g_path_get_dirname (folder);

      g_ptr_array_add (folders, g_build_filename (folder, "models", NULL));
      g_ptr_array_add (folders, g_build_filename (parent, "models", NULL));
    }
  return folders;
}

static char *
find_by_name (const char *name, GPtrArray *folders)
{
  if (strchr (name, G_DIR_SEPARATOR) != NULL || g_str_equal (name, ".") || g_str_equal (name, ".."))
    return NULL;
  for (guint i = 0; i < folders->len; i++)
    {
      g_autofree char *path = g_build_filename (g_ptr_array_index (folders, i), name, NULL);

      if (ddpm_model_is_folder (path))
        return g_steal_pointer (&path);
    }
  return NULL;
}

GFile *
ddpm_model_find (const char *name, GFile *extra_folder, GError **error)
{
  g_autoptr (GPtrArray) folders = get_search_folders (extra_folder);
  g_autofree char *found = NULL, *list = NULL;

  if (*name == 0)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
                   _ ("no model is named; give the name of one or its folder"));
      return NULL;
    }
  if (ddpm_model_is_folder (name))
    return g_file_new_for_path (name);
  found = find_by_name (name, folders);
  if (found != NULL)
    return g_file_new_for_path (found);
  /* ddpm_model_open says what is wrong with it. */
  if (g_file_test (name, G_FILE_TEST_EXISTS))
    return g_file_new_for_path (name);

  if (strchr (name, G_DIR_SEPARATOR) != NULL)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
                   _ ("there is no folder %s; give the folder of a model"), name);
      return NULL;
    }
  g_ptr_array_add (folders, NULL);
  list = g_strjoinv (", ", (char **) folders->pdata);
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
               _ ("there is no model \"%s\": it is no folder here, and none of that name is in %s"), name,
               list);
  return NULL;
}

static gint
compare_strings (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

char **
ddpm_model_list (GFile *extra_folder)
{
  g_autoptr (GPtrArray) folders = get_search_folders (extra_folder);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  GPtrArray *names = g_ptr_array_new ();

  for (guint i = 0; i < folders->len; i++)
    {
      const char *folder = g_ptr_array_index (folders, i);
      g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
      const char *name;

      while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
        {
          g_autofree char *path = g_build_filename (folder, name, NULL);
          char *copy;

          if (*name == '.' || g_hash_table_contains (seen, name) || !ddpm_model_is_folder (path))
            continue;
          copy = g_strdup (name);
          g_hash_table_add (seen, copy);
          g_ptr_array_add (names, copy);
        }
    }
  g_ptr_array_sort (names, compare_strings);
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (names, FALSE);
}
