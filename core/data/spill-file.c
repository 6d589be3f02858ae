#include "core/data/spill-file.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct _DdpmSpillFile
{
  int descriptor;
  guint64 most_bytes;
};

DdpmSpillFile *
ddpm_spill_file_new (const char *folder, guint64 most_bytes)
{
  g_autofree char *name = g_build_filename (folder, "pictures-XXXXXX", NULL);
  DdpmSpillFile *file = NULL;
  struct statvfs disk;
  int descriptor;

  if (g_mkdir_with_parents (folder, 0700) != 0)
    return NULL;
  descriptor = g_mkstemp (name);
  if (descriptor < 0)
    return NULL;
  if (g_unlink (name) != 0 || fstatvfs (descriptor, &disk) != 0)
    {
      close (descriptor);
      return NULL;
    }
  file = g_new (DdpmSpillFile, 1);
  file->descriptor = descriptor;
  file->most_bytes = MIN (most_bytes, (guint64) disk.f_bavail * disk.f_frsize / 2);
  return file;
}

void
ddpm_spill_file_free (DdpmSpillFile *file)
{
  if (file == NULL)
    return;
  close (file->descriptor);
  g_free (file);
}

guint64
ddpm_spill_file_get_most_bytes (const DdpmSpillFile *file)
{
  return file->most_bytes;
}

gboolean
ddpm_spill_file_write (DdpmSpillFile *file, guint64 offset, gconstpointer bytes, gsize n_bytes)
{
  const guint8 *from = bytes;

  while (n_bytes > 0)
    {
      const ssize_t n = pwrite (file->descriptor, from, n_bytes, (off_t) offset);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return FALSE;
      from += n;
      offset += n;
      n_bytes -= n;
    }
  return TRUE;
}

gboolean
ddpm_spill_file_read (DdpmSpillFile *file, guint64 offset, gpointer bytes, gsize n_bytes)
{
  guint8 *to = bytes;

  while (n_bytes > 0)
    {
      const ssize_t n = pread (file->descriptor, to, n_bytes, (off_t) offset);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return FALSE;
      to += n;
      offset += n;
      n_bytes -= n;
    }
  return TRUE;
}
