/* A file that appears whole or not at all: written under a temporary name in its own folder,
 * flushed to the disk, then renamed over the old one, which stays as it is until that moment.
 *
 * Whatever a program killed in the middle leaves behind is removed by the next one that writes the same file.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _DdpmAtomicFile DdpmAtomicFile;

/* Begins to write `file`, a file of this machine in a folder that exists.
 * Errors, here and below: DDPM_ERROR_FILE, with the file's name and the system's reason (full disk …). */
DdpmAtomicFile *ddpm_atomic_file_new (GFile *file, GError **error);

gboolean ddpm_atomic_file_write (DdpmAtomicFile *file, gconstpointer data, gsize size_bytes, GError **error);

/* Waits until the data are on the disk. Several files that belong together are flushed first and
 * committed then, so that a full disk leaves all of the old ones. */
gboolean ddpm_atomic_file_flush (DdpmAtomicFile *file, GError **error);

/* Flushes if that has not been done and puts the new file in the place of the old one. */
gboolean ddpm_atomic_file_commit (DdpmAtomicFile *file, GError **error);

/* Takes the temporary file away unless it has been committed. */
void ddpm_atomic_file_free (DdpmAtomicFile *file);

/* All of it at once. */
gboolean ddpm_atomic_file_replace (GFile *file, gconstpointer data, gsize size_bytes, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmAtomicFile, ddpm_atomic_file_free)

/* Deletes a folder with everything in it, as far as that can be done; nothing beyond symbolic links. */
void ddpm_delete_tree (const char *path);

G_END_DECLS
