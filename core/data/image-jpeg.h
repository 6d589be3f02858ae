/* A JPEG's header (ITU-T T.81, annex B), and the orientation that a camera noted in it (Exif 2.3). By
 * gdk-pixbuf that would cost as much as decoding. */
#pragma once

#include "core/data/image-probe.h"

G_BEGIN_DECLS

gboolean ddpm_jpeg_is_jpeg (const guint8 *bytes, gsize n_bytes);

/* Width, height and n_channels of the picture as it is shown. start[n_start]: what the stream begins with.
 * FALSE: there is no header that makes sense. */
gboolean ddpm_jpeg_probe (const guint8 *start, gsize n_start, GInputStream *stream, DdpmImageHeader *header);

G_END_DECLS
