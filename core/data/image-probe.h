/* What a picture's file tells without being decoded. */
#pragma once

#include "core/data/image.h"

G_BEGIN_DECLS

typedef struct
{
  guint width, height; /* pixels, as ddpm_image_load would give them */
  guint n_channels; /* of the file: 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA; what is in them is not looked at */
  gboolean is_jpeg;
  guint64 n_file_bytes;
  guint64 hash;          /* of the first and the last DDPM_PROBE_BYTES, or all if there are fewer */
  guint64 device, inode; /* of the file: equal for several names of one; 0, 0: not known */
} DdpmImageHeader;

#define DDPM_PROBE_BYTES 4096

/* Mostly from the file's first bytes alone: FALSE when they cannot be made sense of, and no promise that the
 * rest can be read. */
gboolean ddpm_image_probe (GFile *file, DdpmImageHeader *header);

/* A hash of all bytes of a file. FALSE when it cannot be read, or was cancelled. */
gboolean ddpm_image_hash_file (GFile *file, GCancellable *cancellable, guint64 *hash);

/* FNV-1a, 64 bits (Fowler, Noll and Vo), begun with DDPM_HASH_BEGIN. */
#define DDPM_HASH_BEGIN G_GUINT64_CONSTANT (0xcbf29ce484222325)
guint64 ddpm_hash_bytes (guint64 hash, gconstpointer bytes, gsize n);

G_END_DECLS
