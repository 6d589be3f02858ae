/* A file that nobody else sees, for values that memory has no room for: it has no name from the moment it is
 * open, so the system takes it away with the process, however that ends. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _DdpmSpillFile DdpmSpillFile;

/* In `folder`, which is made if need be; most_bytes: what is promised not to be exceeded, which becomes half
 * of the disk's free space where that is less. NULL where there cannot be such a file, which is no error:
 * callers do without. */
DdpmSpillFile *ddpm_spill_file_new (const char *folder, guint64 most_bytes);
void ddpm_spill_file_free (DdpmSpillFile *file);

guint64 ddpm_spill_file_get_most_bytes (const DdpmSpillFile *file);

/* From any thread; FALSE: the disk is full, or fails. */
gboolean ddpm_spill_file_write (DdpmSpillFile *file, guint64 offset, gconstpointer bytes, gsize n_bytes);
gboolean ddpm_spill_file_read (DdpmSpillFile *file, guint64 offset, gpointer bytes, gsize n_bytes);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmSpillFile, ddpm_spill_file_free)

G_END_DECLS
