#include "core/data/folder.h"

#include <string.h>

#include "core/base/error.h"

void
ddpm_skipped_clear (gpointer skipped)
{
  DdpmSkipped *s = skipped;

  g_free (s->path);
  g_free (s->reason);
}

GArray *
ddpm_skipped_new (void)
{
  GArray *skipped = g_array_new (FALSE, FALSE, sizeof (DdpmSkipped));

  g_array_set_clear_func (skipped, ddpm_skipped_clear);
  return skipped;
}

void
ddpm_skipped_add (GArray *skipped, const char *path, const char *reason)
{
  DdpmSkipped entry = { g_filename_display_name (path), g_strdup (reason) };

  g_array_append_val (skipped, entry);
}

static int
compare_skipped (gconstpointer a, gconstpointer b)
{
  return strcmp (((const DdpmSkipped *) a)->path, ((const DdpmSkipped *) b)->path);
}

void
ddpm_skipped_sort (GArray *skipped)
{
  g_array_sort (skipped, compare_skipped);
}

GFile *
ddpm_folder_get_file (GFile *folder, const char *path)
{
  return path[0] == '\0' ? g_object_ref (folder) : g_file_resolve_relative_path (folder, path);
}

/* A walk through the folders: the list of those found so far grows while it is worked off. */
typedef struct
{
  GFile *top;
  GPtrArray *folders; /* (char *) relative paths */
  GPtrArray *files;
  GArray *skipped;
} Walk;

/* Takes the path. */
static void
sort_entry (Walk *walk, char *path, GFileType type)
{
  g_autofree char *owned = path;
  gboolean link = type == G_FILE_TYPE_SYMBOLIC_LINK;

  if (link)
    {
      g_autoptr (GFile) file = ddpm_folder_get_file (walk->top, path);

      type = g_file_query_file_type (file, G_FILE_QUERY_INFO_NONE, NULL);
    }

  if (type == G_FILE_TYPE_REGULAR)
    g_ptr_array_add (walk->files, g_steal_pointer (&owned));
  else if (type == G_FILE_TYPE_DIRECTORY && !link)
    g_ptr_array_add (walk->folders, g_steal_pointer (&owned));
  else if (type == G_FILE_TYPE_DIRECTORY)
    ddpm_skipped_add (walk->skipped, path, "a link to a folder, which is not followed");
  else if (link && (type == G_FILE_TYPE_UNKNOWN || type == G_FILE_TYPE_SYMBOLIC_LINK))
    ddpm_skipped_add (walk->skipped, path, "a link to a file that does not exist");
  else
    ddpm_skipped_add (walk->skipped, path, "not a plain file");
}

/* One folder, without what is below it. */
static gboolean
read_folder (Walk *walk, const char *folder_path, GCancellable *cancellable, GError **error)
{
  g_autoptr (GFile) folder = ddpm_folder_get_file (walk->top, folder_path);
  g_autoptr (GFileEnumerator) entries = NULL;

  entries =
    g_file_enumerate_children (folder, G_FILE_ATTRIBUTE_STANDARD_NAME "," G_FILE_ATTRIBUTE_STANDARD_TYPE,
                               G_FILE_QUERY_INFO_NOFOLLOW_SYMLINKS, cancellable, error);
  if (entries == NULL)
    return FALSE;

  for (;;)
    {
      GFileInfo *info; /* the enumerator's */

      if (!g_file_enumerator_iterate (entries, &info, NULL, cancellable, error))
        return FALSE;
      if (info == NULL)
        return TRUE;

      const char *name = g_file_info_get_name (info);
      if (name[0] != '.')
        sort_entry (walk,
                    folder_path[0] == '\0' ? g_strdup (name) : g_build_filename (folder_path, name, NULL),
                    g_file_info_get_file_type (info));
    }
}

static int
compare_paths (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* GIO's own messages name the folder once more. */
static void
set_folder_error (GFile *folder, const GError *reason, GError **error)
{
  g_autofree char *name = g_file_get_parse_name (folder);

  if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, "there is no folder %s; check the name", name);
  else if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_NOT_DIRECTORY))
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
                 "%s is not a folder; name the folder that holds the pictures", name);
  else if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED))
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
                 "the folder %s may not be read (permission denied); check its permissions", name);
  else
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, "the folder %s cannot be read: %s", name,
                 reason->message);
}

gboolean
ddpm_folder_list (GFile *folder, GPtrArray *files, GArray *skipped, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) folders = g_ptr_array_new_with_free_func (g_free);
  Walk walk = { folder, folders, files, skipped };

  g_ptr_array_add (folders, g_strdup (""));
  for (guint i = 0; i < folders->len; i++)
    {
      const char *path = g_ptr_array_index (folders, i);
      g_autoptr (GError) reason = NULL;

      if (read_folder (&walk, path, cancellable, &reason))
        continue;
      if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        {
          g_propagate_error (error, g_steal_pointer (&reason));
          return FALSE;
        }
      if (i == 0)
        {
          set_folder_error (folder, reason, error);
          return FALSE;
        }
      ddpm_skipped_add (skipped, path, "a folder that cannot be read");
    }
  g_ptr_array_sort (files, compare_paths);
  return TRUE;
}
