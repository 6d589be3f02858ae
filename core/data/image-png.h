/* PNG in memory, by libpng. Messages here are reasons ("the file ends too early") that name no file. */
#pragma once

#include "core/data/image-probe.h"

G_BEGIN_DECLS

gboolean ddpm_png_is_png (gconstpointer bytes, gsize n_bytes);

/* Width, height and n_channels as a file's first bytes say, not checked otherwise. */
gboolean ddpm_png_probe (const guint8 *bytes, gsize n_bytes, DdpmImageHeader *header);

/* Errors: DDPM_ERROR_FILE, DDPM_ERROR_MEMORY. */
DdpmImage *ddpm_png_decode (gconstpointer bytes, gsize n_bytes, GError **error);

/* See ddpm_image_save_png. Errors: DDPM_ERROR_MEMORY, DDPM_ERROR_FILE (the picture is too large for a PNG).
 */
GByteArray *ddpm_png_encode (const DdpmImage *image, const char *const *text, GError **error);

G_END_DECLS
