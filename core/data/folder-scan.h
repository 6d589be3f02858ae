/* What a folder of pictures holds, by looking at every file's header. */
#pragma once

#include "core/data/dataset.h"
#include "core/data/image-probe.h"

G_BEGIN_DECLS

typedef struct
{
  char *path; /* relative to the folder, as the file system encodes names */
  DdpmImageHeader header;
} DdpmFound;

/* A GArray of DdpmFound that frees its elements. */
GArray *ddpm_found_new (void);

/* Appends to `found` the pictures below the folder, sorted bytewise by path, and to `skipped` (folder.h) what
 * is none. func (may be NULL) hears of every file. Errors: DDPM_ERROR_FILE when the folder cannot be read,
 * G_IO_ERROR_CANCELLED. */
gboolean ddpm_folder_scan (GFile *folder, GArray *found, GArray *skipped, DdpmDatasetProgressFunc func,
                           gpointer user_data, GCancellable *cancellable, GError **error);

/* How many have the same bytes as one before them. Files are read for that only where size, first and last
 * bytes are the same, and once where one has several names. Errors: G_IO_ERROR_CANCELLED. */
gboolean ddpm_found_count_repeated (GFile *folder, const GArray *found, GCancellable *cancellable,
                                    guint *n_repeated, GError **error);

/* The size for training that the pictures' sizes suggest, see DdpmDatasetOptions. */
void ddpm_found_choose_size (const GArray *found, guint multiple, guint *width, guint *height);

/* Sets sizes, n_of_channels and n_file_bytes. */
void ddpm_found_count (const GArray *found, DdpmDataset *dataset);

G_END_DECLS
