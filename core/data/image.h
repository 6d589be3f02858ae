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

#define DDPM_IMAGE_MAX_SIDE 65535u       /* pixels */
#define DDPM_IMAGE_MAX_PIXELS (1u << 28) /* width times height */
#define DDPM_IMAGE_MAX_FILE_BYTES (1u << 30)

/* Zero-filled; aborts without memory, as all functions here that have no GError do. */
DdpmImage *ddpm_image_new (guint width, guint height, guint n_channels);

/* Whether a picture of that size is within the limits above. Errors: DDPM_ERROR_FILE; the sentence part names
 * no file. */
gboolean ddpm_image_check_size (guint64 width, guint64 height, GError **error);

/* ddpm_image_new for sizes that come from a file. Errors: DDPM_ERROR_FILE (a side is 0 or over the limits
 * above), DDPM_ERROR_MEMORY; the sentence part names no file. */
DdpmImage *ddpm_image_try_new (guint width, guint height, guint n_channels, GError **error);
DdpmImage *ddpm_image_copy (const DdpmImage *image);
void ddpm_image_free (DdpmImage *image);

/* libpng for every PNG (16-bit, palette, grey + alpha, interlaced; tRNS becomes alpha), gdk-pixbuf for the
 * rest, EXIF orientation applied, the first frame of an animation. A PNG's own channel count and 16 bits are
 * kept; gdk-pixbuf makes RGB or RGBA of 8 bits of everything. No gamma or profile is applied: every value
 * counts as sRGB. Files over DDPM_IMAGE_MAX_FILE_BYTES and pictures over the limits above are refused before
 * memory is taken. Errors: DDPM_ERROR_FILE, DDPM_ERROR_UNSUPPORTED (a loader of gdk-pixbuf is missing) or
 * DDPM_ERROR_MEMORY, with a sentence that names the file. */
DdpmImage *ddpm_image_load (GFile *file, GError **error);

/* Like ddpm_image_load, but the message is only the reason ("the file ends too early"), for lists of skipped
 * files. reduction: 1; or 2, 4 or 8 for a JPEG at that fraction of its size, rounded up, which takes as much
 * less memory and much less time; other kinds come whole all the same. */
DdpmImage *ddpm_image_load_reduced (GFile *file, guint reduction, GError **error);

/* Of a whole file's bytes in memory; the message is only the reason. */
DdpmImage *ddpm_image_decode (gconstpointer bytes, gsize n_bytes, GError **error);

/* 8-bit PNG, rint (255 v), marked as sRGB. text: NULL-terminated key, value, … (UTF-8; keys 1 to 79
 * characters of ASCII) stored as tEXt, or as iTXt where the value is not ASCII; or NULL. Written aside,
 * flushed and renamed. Errors: DDPM_ERROR_FILE with a sentence that names the file; DDPM_ERROR_MEMORY. */
gboolean ddpm_image_save_png (const DdpmImage *image, GFile *file, const char *const *text, GError **error);

/* To another channel count. Dropping alpha composes over white; grey is 0.2126 R + 0.7152 G + 0.0722 B of the
 * encoded values; adding alpha makes it 1. */
DdpmImage *ddpm_image_convert (const DdpmImage *image, guint n_channels);

/* Resampled with premultiplied alpha: area average when smaller, bicubic (Catmull and Rom) limited to 0 … 1
 * when larger, per axis. Colour is black where alpha becomes 0. Same size: an exact copy. */
DdpmImage *ddpm_image_scale (const DdpmImage *image, guint width, guint height);

/* The same for a picture that goes on at its other end, left and right or above and below, where it wraps;
 * the scaled one does, too. */
DdpmImage *ddpm_image_scale_tile (const DdpmImage *image, guint width, guint height, gboolean wraps_x,
                                  gboolean wraps_y);

/* The part (x, y, width, height), which must lie inside. */
DdpmImage *ddpm_image_crop (const DdpmImage *image, guint x, guint y, guint width, guint height);

/* Scaled so that width x height is covered, then centre-cropped; takes memory for what is kept only. */
DdpmImage *ddpm_image_fit (const DdpmImage *image, guint width, guint height);

gboolean ddpm_image_has_transparency (const DdpmImage *image); /* any alpha below 1 */
gboolean ddpm_image_has_colour (const DdpmImage *image);       /* any pixel whose R, G and B differ */

/* tensor[n_channels][height][width] in [-1, 1]: 2v - 1; premultiplied: colour times alpha first. */
void ddpm_image_to_tensor (const DdpmImage *image, gboolean premultiplied, float *tensor);

/* The inverse, clamp (x / 2 + 0.5, 0, 1); premultiplied: colour divided by alpha (limited to 1), black where
 * alpha rounds to 0 of 255. */
DdpmImage *ddpm_image_from_tensor (const float *tensor, guint n_channels, guint height, guint width,
                                   gboolean premultiplied);

/* n >= 1 pictures of one size and channel count side by side, `columns` in a row (0: about square), gap
 * pixels between them (transparent, or black without alpha). */
DdpmImage *ddpm_image_grid (DdpmImage *const *images, guint n, guint columns, guint gap);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmImage, ddpm_image_free)

G_END_DECLS
