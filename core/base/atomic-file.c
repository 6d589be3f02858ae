#include "core/base/atomic-file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"

#define TEMPORARY_SUFFIX ".tmp"

/* While it is being written the temporary file is locked: that tells it from one left behind by a program
 * that was killed. */
struct _DdpmAtomicFile
{
  char *path;
  char *folder;
  char *temporary_path; /* NULL once committed */
  int fd;               /* -1 until opened */
  gboolean flushed;
};

static gboolean
fail (const DdpmAtomicFile *file, int reason, GError **error)
{
  g_autofree char *name = g_filename_display_name (file->path);
  gboolean full = reason == ENOSPC || reason == EDQUOT || reason == EFBIG;

  g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, "%s cannot be written: %s%s", name, g_strerror (reason),
               full ? "; make room and try again, what was there before is unchanged" : "");
  return FALSE;
}

/* ".NAME.": what the names of all temporary files of this file begin with. */
static char *
get_temporary_prefix (const DdpmAtomicFile *file)
{
  g_autofree char *name = g_path_get_basename (file->path);

  return g_strconcat (".", name, ".", NULL);
}

static void
remove_left_behind (const DdpmAtomicFile *file)
{
  g_autofree char *prefix = get_temporary_prefix (file);
  g_autoptr (GDir) dir = g_dir_open (file->folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = NULL;
      int fd;

      if (!g_str_has_prefix (name, prefix) || !g_str_has_suffix (name, TEMPORARY_SUFFIX)
          || strlen (name) != strlen (prefix) + 8 + strlen (TEMPORARY_SUFFIX))
        continue;
      path = g_build_filename (file->folder, name, NULL);
      fd = g_open (path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0);
      if (fd < 0)
        continue;
      if (flock (fd, LOCK_EX | LOCK_NB) == 0)
        g_unlink (path);
      close (fd);
    }
}

/* A file opened, locked and still there; its permissions are those of any new file, which mkstemp would not
 * give. */
static gboolean
create_temporary (DdpmAtomicFile *file)
{
  g_autofree char *prefix = get_temporary_prefix (file);

  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *path =
        g_strdup_printf ("%s/%s%08x" TEMPORARY_SUFFIX, file->folder, prefix, g_random_int ());
      int fd = g_open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      struct stat info;

      if (fd < 0 && errno == EEXIST)
        continue;
      if (fd < 0)
        return FALSE;
      /* Between opening and locking, another program may have taken it for one left behind. */
      if (flock (fd, LOCK_EX) == 0 && fstat (fd, &info) == 0 && info.st_nlink == 0)
        {
          close (fd);
          continue;
        }
      file->fd = fd;
      file->temporary_path = g_steal_pointer (&path);
      return TRUE;
    }

  errno = EEXIST;
  return FALSE;
}

DdpmAtomicFile *
ddpm_atomic_file_new (GFile *file, GError **error)
{
  g_autoptr (DdpmAtomicFile) atomic = NULL;

  if (g_file_peek_path (file) == NULL)
    {
      g_autofree char *name = g_file_get_parse_name (file);

      g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, "%s is not a file on this machine; give a path", name);
      return NULL;
    }

  atomic = g_new0 (DdpmAtomicFile, 1);
  atomic->fd = -1;
  atomic->path = g_file_get_path (file);
  atomic->folder = g_path_get_dirname (atomic->path);
  remove_left_behind (atomic);
  if (!create_temporary (atomic))
    {
      fail (atomic, errno, error);
      return NULL;
    }
  return g_steal_pointer (&atomic);
}

gboolean
ddpm_atomic_file_write (DdpmAtomicFile *file, gconstpointer data, gsize size_bytes, GError **error)
{
  const guint8 *at = data;

  while (size_bytes > 0)
    {
      gssize written = write (file->fd, at, MIN (size_bytes, 1u << 30));

      if (written < 0 && errno == EINTR)
        continue;
      if (written < 0)
        return fail (file, errno, error);
      at += written;
      size_bytes -= written;
    }
  return TRUE;
}

gboolean
ddpm_atomic_file_flush (DdpmAtomicFile *file, GError **error)
{
  if (file->flushed)
    return TRUE;
  if (fsync (file->fd) != 0)
    return fail (file, errno, error);
  file->flushed = TRUE;
  return TRUE;
}

/* Makes the renaming itself last. A file system that cannot do this for a folder has done what it can. */
static void
flush_folder (const char *folder)
{
  int fd = g_open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

  if (fd < 0)
    return;
  fsync (fd);
  close (fd);
}

gboolean
ddpm_atomic_file_commit (DdpmAtomicFile *file, GError **error)
{
  if (!ddpm_atomic_file_flush (file, error))
    return FALSE;
  if (g_rename (file->temporary_path, file->path) != 0)
    return fail (file, errno, error);
  g_clear_pointer (&file->temporary_path, g_free);
  flush_folder (file->folder);
  return TRUE;
}

void
ddpm_atomic_file_free (DdpmAtomicFile *file)
{
  if (file == NULL)
    return;
  if (file->temporary_path != NULL)
    g_unlink (file->temporary_path);
  if (file->fd >= 0)
    close (file->fd);
  g_free (file->temporary_path);
  g_free (file->folder);
  g_free (file->path);
  g_free (file);
}

gboolean
ddpm_atomic_file_replace (GFile *file, gconstpointer data, gsize size_bytes, GError **error)
{
  g_autoptr (DdpmAtomicFile) atomic = ddpm_atomic_file_new (file, error);

  return atomic != NULL && ddpm_atomic_file_write (atomic, data, size_bytes, error)
         && ddpm_atomic_file_commit (atomic, error);
}

void
ddpm_delete_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      if (g_file_test (child, G_FILE_TEST_IS_DIR) && !g_file_test (child, G_FILE_TEST_IS_SYMLINK))
        ddpm_delete_tree (child);
      else
        g_unlink (child);
    }
  g_rmdir (path);
}
