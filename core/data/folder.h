/* The files below a folder, in an order that does not depend on the file system, and a list of what is left
 * out. */
#pragma once

#include "core/data/dataset.h"

G_BEGIN_DECLS

/* A GArray of DdpmSkipped that frees its elements. */
GArray *ddpm_skipped_new (void);
/* path: relative, as the file system encodes it; both are copied. */
void ddpm_skipped_add (GArray *skipped, const char *path, const char *reason);
/* Bytewise by path. */
void ddpm_skipped_sort (GArray *skipped);
/* Frees what one element holds. */
void ddpm_skipped_clear (gpointer skipped);

/* The file that has this relative path; "" is the folder itself. */
GFile *ddpm_folder_get_file (GFile *folder, const char *path);

/* Appends to files (an array that frees its elements) the relative paths of all plain files below `folder`,
 * sorted bytewise. Hidden entries are passed over; links to folders are not followed (so there are no loops)
 * but noted in `skipped`, as are broken links, devices and subfolders that cannot be read. Errors:
 * DDPM_ERROR_FILE when `folder` itself cannot be read; G_IO_ERROR_CANCELLED. */
gboolean ddpm_folder_list (GFile *folder, GPtrArray *files, GArray *skipped, GCancellable *cancellable,
                           GError **error);

G_END_DECLS
