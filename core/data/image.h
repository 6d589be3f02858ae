/* A picture: float, 0 … 1, sRGB-encoded, straight alpha. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct
{
  guint width, height; /* pixels */
  guint n_channels;    /* 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA */
  float *pixels;       /* [height][width][n_channels] */
} DdpmImage;

DdpmImage *ddpm_image_new (guint width, guint height, guint n_channels); /* zero-filled */
DdpmImage *ddpm_image_copy (const DdpmImage *image);
void ddpm_image_free (DdpmImage *image);

/* libpng for every PNG (16-bit, palette, grey + alpha, interlaced; tRNS becomes alpha), gdk-pixbuf for the rest, EXIF
 * orientation applied. The file's own channel count is kept. Width and height above 65,535 or more than 2^28 pixels are refused.
 * Errors: DDPM_ERROR_FILE with a sentence that names the file. */
DdpmImage *ddpm_image_load (GFile *file, GError **error);

/* 8-bit PNG, rint (255 v). text: NULL-terminated key, value, … stored as tEXt/iTXt, or NULL.
 * Written aside and renamed. Errors: DDPM_ERROR_FILE. */
gboolean ddpm_image_save_png (const DdpmImage *image, GFile *file, const char *const *text, GError **error);

/* To another channel count. Dropping alpha composes over black where `premultiplied-to-black` sprites expect it; grey is
 * 0.2126 R + 0.7152 G + 0.0722 B of the encoded values; adding alpha makes it 1. */
DdpmImage *ddpm_image_convert (const DdpmImage *image, guint n_channels);

/* Resampled with premultiplied alpha: area average when smaller, bicubic when larger, per axis. Same size: an exact copy. */
DdpmImage *ddpm_image_scale (const DdpmImage *image, guint width, guint height);

/* The part (x, y, width, height), which must lie inside. */
DdpmImage *ddpm_image_crop (const DdpmImage *image, guint x, guint y, guint width, guint height);

/* Scaled so that width x height is covered, then centre-cropped. */
DdpmImage *ddpm_image_fit (const DdpmImage *image, guint width, guint height);

gboolean ddpm_image_has_transparency (const DdpmImage *image); /* any alpha below 1 */
gboolean ddpm_image_has_colour (const DdpmImage *image);       /* any pixel whose R, G and B differ */

/* tensor[n_channels][height][width] in [-1, 1]: 2v - 1; premultiplied: colour times alpha first. */
void ddpm_image_to_tensor (const DdpmImage *image, gboolean premultiplied, float *tensor);

/* The inverse, clamp (x / 2 + 0.5, 0, 1); premultiplied: colour divided by alpha (limited to 1), black where alpha rounds to 0 of 255. */
DdpmImage *ddpm_image_from_tensor (const float *tensor, guint n_channels, guint height, guint width,
                                   gboolean premultiplied);

/* n pictures of one size side by side, `columns` in a row (0: about square), gap pixels between them (transparent, or black without alpha). */
DdpmImage *ddpm_image_grid (DdpmImage *const *images, guint n, guint columns, guint gap);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmImage, ddpm_image_free)

G_END_DECLS
