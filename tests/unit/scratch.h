/* A folder for one test's files, removed with everything in it. */
#pragma once

#include <gio/gio.h>
#include <glib/gstdio.h>

/* Free with scratch_free. */
static inline char *
scratch_new (void)
{
  g_autoptr (GError) error = NULL;
  char *path = g_dir_make_tmp ("ddpm-test-XXXXXX", &error);

  g_assert_no_error (error);
  return path;
}

static inline void
scratch_remove (const char *path)
{
  g_autoptr (GDir) entries = g_file_test (path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open (path, 0, NULL);
  const char *name;

  while (entries != NULL && (name = g_dir_read_name (entries)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      scratch_remove (child);
    }
  g_assert_cmpint (g_remove (path), ==, 0);
}

static inline void
scratch_free (char *path)
{
  scratch_remove (path);
  g_free (path);
}

typedef char Scratch;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Scratch, scratch_free)

/* scratch/name, its folders made. */
static inline GFile *
scratch_file (const char *scratch, const char *name)
{
  g_autofree char *path = g_build_filename (scratch, name, NULL);
  g_autofree char *folder = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0777), ==, 0);
  return g_file_new_for_path (path);
}

static inline void
scratch_write (const char *scratch, const char *name, gconstpointer bytes, gsize n_bytes)
{
  g_autoptr (GFile) file = scratch_file (scratch, name);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (g_file_peek_path (file), bytes, n_bytes, &error);
  g_assert_no_error (error);
}
