#include "core/data/labels.h"

#include <string.h>

/* NULL: the picture lies in no folder. */
static char *
get_label (const char *path)
{
  const char *end = strchr (path, '/');
  g_autofree char *folder = end != NULL ? g_strndup (path, end - path) : NULL;

  return folder != NULL ? g_filename_display_name (folder) : NULL;
}

static int
compare (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

char **
ddpm_labels_find (const char *const *paths, guint least_pictures)
{
  g_autoptr (GHashTable) counts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GPtrArray *names = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer name, count;

  for (guint i = 0; paths[i] != NULL; i++)
    {
      char *label = get_label (paths[i]);

      if (label != NULL)
        {
          count = g_hash_table_lookup (counts, label);
          g_hash_table_replace (counts, label, GUINT_TO_POINTER (GPOINTER_TO_UINT (count) + 1));
        }
    }
  g_hash_table_iter_init (&iter, counts);
  while (g_hash_table_iter_next (&iter, &name, &count))
    if (GPOINTER_TO_UINT (count) >= least_pictures)
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare);
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (names, FALSE);
}

guint32 *
ddpm_labels_assign (const char *const *paths, const char *const *names)
{
  const guint n_paths = g_strv_length ((char **) paths);
  guint32 *labels = g_new (guint32, n_paths);

  for (guint i = 0; i < n_paths; i++)
    {
      g_autofree char *label = get_label (paths[i]);

      labels[i] = 0;
      while (names[labels[i]] != NULL && g_strcmp0 (names[labels[i]], label) != 0)
        labels[i]++;
    }
  return labels;
}
