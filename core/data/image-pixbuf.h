/* Pictures of all kinds but PNG, by gdk-pixbuf. Messages here are reasons ("not a picture") that name no
 * file. */
#pragma once

#include "core/data/image-probe.h"

G_BEGIN_DECLS

/* A whole file's bytes; orientation applied. reduction: see ddpm_image_load_reduced. Errors: DDPM_ERROR_FILE,
 * DDPM_ERROR_UNSUPPORTED, DDPM_ERROR_MEMORY. */
DdpmImage *ddpm_pixbuf_decode (const guint8 *bytes, gsize n_bytes, guint reduction, GError **error);

/* Whether the bytes that a file starts with are of a kind that can be read; so a film of some gigabytes in a
 * folder of pictures is not read to its end to learn that it is none. Errors: DDPM_ERROR_FILE,
 * DDPM_ERROR_UNSUPPORTED. */
gboolean ddpm_pixbuf_check_start (const guint8 *bytes, gsize n_bytes, GError **error);

/* Reads on from the stream, appending to the bytes that came out of it so far, until width, height and
 * n_channels of the header are known: of other kinds than JPEG. */
gboolean ddpm_pixbuf_probe (GByteArray *start, GInputStream *stream, DdpmImageHeader *header);

G_END_DECLS
