/* From a picture's file to its 8-bit values: decoded, fitted, converted. What comes out depends on the file,
 * its size and the fit alone. */
#pragma once

#include "core/data/fit.h"

G_BEGIN_DECLS

typedef struct
{
  GFile *file;
  guint width, height; /* pixels, as its header says */
  gboolean is_jpeg;
} DdpmPictureFile;

/* [4][height][width] of the fitted picture, premultiplied. has_transparency, has_colour: of the whole
 * picture. Errors: DDPM_ERROR_FILE, DDPM_ERROR_UNSUPPORTED, DDPM_ERROR_MEMORY; the message is only the
 * reason. */
guint8 *ddpm_picture_file_decode (const DdpmPictureFile *picture, const DdpmFit *fit,
                                  gboolean *has_transparency, gboolean *has_colour, GError **error);

/* RGBA -> RGB or grey over white, in place: the first n_channels * n_pixels bytes are then the picture. */
void ddpm_picture_drop_channels (guint8 *values, gsize n_pixels, guint n_channels);

/* Bytes of memory that decoding takes for a while, roughly. */
guint64 ddpm_picture_file_predict_bytes (const DdpmPictureFile *picture, const DdpmFit *fit);

G_END_DECLS
