#include "ui/gtk/model-folders.h"

#include <glib/gi18n.h>
#include <string.h>

#include "core/ddpm.h"

static char *
get_file_name (void)
{
  return g_build_filename (g_get_user_config_dir (), "gimp-ddpm", "model-folders", NULL);
}

/* One a line; never NULL. */
static char **
load_folders (void)
{
  g_autofree char *file = get_file_name (), *text = NULL;

  if (!g_file_get_contents (file, &text, NULL, NULL))
    return g_new0 (char *, 1);
  return g_strsplit (g_strchomp (text), "\n", -1);
}

static void
add_model (GPtrArray *models, const char *path)
{
  if (!g_ptr_array_find_with_equal_func (models, path, g_str_equal, NULL))
    g_ptr_array_add (models, g_strdup (path));
}

/* The model that the folder is, or those that lie in it. */
static void
add_models_of (GPtrArray *models, const char *folder)
{
  g_autoptr (GDir) dir = NULL;
  const char *name;

  if (ddpm_model_is_folder (folder))
    {
      add_model (models, folder);
      return;
    }
  dir = g_dir_open (folder, 0, NULL);
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      if (name[0] != '.' && ddpm_model_is_folder (path))
        add_model (models, path);
    }
}

static gint
compare_paths (gconstpointer a, gconstpointer b)
{
  return g_strcmp0 (*(const char *const *) a, *(const char *const *) b);
}

static char **
end_list (GPtrArray *models)
{
  g_ptr_array_sort (models, compare_paths);
  g_ptr_array_add (models, NULL);
  return (char **) g_ptr_array_free (models, FALSE);
}

char **
ddpm_model_folders_list (void)
{
  g_auto (GStrv) folders = load_folders ();
  GPtrArray *models = g_ptr_array_new ();

  for (char **folder = folders; *folder != NULL; folder++)
    if (g_path_is_absolute (*folder))
      add_models_of (models, *folder);
  return end_list (models);
}

static gboolean
remember (const char *path, GError **error)
{
  g_auto (GStrv) folders = load_folders ();
  g_autofree char *file = get_file_name (), *parent = g_path_get_dirname (file);
  g_autofree char *joined = NULL, *text = NULL;

  /* a name that the file cannot hold serves once */
  if (strchr (path, '\n') != NULL || g_strv_contains ((const char *const *) folders, path))
    return TRUE;
  g_mkdir_with_parents (parent, 0700);
  joined = g_strjoinv ("\n", folders);
  text = g_strdup_printf ("%s%s%s\n", joined, joined[0] != '\0' ? "\n" : "", path);
  return g_file_set_contents (file, text, -1, error);
}

char *
ddpm_model_folders_add (const char *path, GError **error)
{
  GPtrArray *found = g_ptr_array_new ();
  g_auto (GStrv) models = NULL;

  add_models_of (found, path);
  models = end_list (found);
  if (models[0] == NULL)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
                   _ ("There is no model in “%s”: a model's folder has a model_index.json or a config.json."),
                   path);
      return NULL;
    }
  return remember (path, error) ? g_strdup (models[0]) : NULL;
}
