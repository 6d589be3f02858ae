/* A folder of pictures, scaled, cropped and converted to what a network trains on. */
#pragma once

#include "core/data/fit.h"

G_BEGIN_DECLS

typedef enum
{
  DDPM_PIXELS_AUTO, /* RGBA if any picture has transparency, else RGB if any has colour, else grey */
  DDPM_PIXELS_GREY,
  DDPM_PIXELS_RGB,
  DDPM_PIXELS_RGBA
} DdpmPixels;

typedef struct
{
  char *path;   /* relative to the folder, UTF-8, for display */
  char *reason; /* one sentence part: "not a picture", "the file ends too early" … */
} DdpmSkipped;

typedef struct
{
  guint width, height; /* pixels */
  guint8 *values;      /* [n_channels][height][width], premultiplied, 8 bits */
} DdpmDatasetPicture;

typedef struct
{
  guint width, height; /* pixels, upright */
  guint n_pictures;    /* that have this size in their files */
} DdpmSizeCount;

typedef struct
{
  guint n_pictures;
  guint n_channels;       /* 1, 3 or 4 */
  guint height, width;    /* pixels that are trained on */
  gboolean wraps;         /* pictures go on with their other end beyond an edge */
  gboolean premultiplied; /* n_channels == 4 */
  DdpmDatasetPicture
    *pictures;   /* [n_pictures]; each width x height or larger, or of any size where they wrap */
  gsize n_bytes; /* of all values */
  char **paths;  /* [n_pictures], NULL-terminated, relative to the folder, as the file system encodes names,
                    sorted bytewise: the order of the data */
  DdpmSkipped *skipped;
  guint n_skipped;
  guint n_resized;  /* pictures that are kept in another size than they had */
  guint n_enlarged; /* … in a larger one */
  guint n_repeated; /* pictures with the same content as one before them */
  DdpmSizeCount
    *sizes; /* [n_sizes] that pictures have in their files; the most frequent first, then larger ones */
  guint n_sizes;
  guint
    n_of_channels[5]; /* [c]: pictures with c channels in their files: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA
                       */
  guint64 n_file_bytes; /* of all files that are used */
  guint64 fingerprint;  /* of values and shape: a resumed run checks that the data are the same */
} DdpmDataset;

/* Called after each file; `done` of `total`. */
typedef void (*DdpmDatasetProgressFunc) (guint done, guint total, gpointer user_data);

/* Reads every file below `folder` (subfolders too, hidden ones not, links to folders not), skipping and
 * counting what is not a readable picture; the rest is fitted (core/data/fit.h) and converted
 * (ddpm_image_convert).
 *
 * fit: its width and height in pixels must be multiples of `multiple` (0 counts as 1). One of them 0: a
 * square. Both 0, by the pictures: the size more than half of them have, scaled down where its larger side is
 * above 64; without such a size 64 x 64, or 32 x 32 where half of the pictures have a side below 64; then
 * rounded to a multiple. func (may be NULL) hears 0 of total while sizes are looked at.
 *
 * Errors: DDPM_ERROR_FILE when the folder cannot be read or holds no readable picture (the sentence says how
 * many were skipped and why the first was), DDPM_ERROR_USAGE for a size that is no multiple
 * or a shorter side below it, DDPM_ERROR_MEMORY, G_IO_ERROR_CANCELLED. */
DdpmDataset *ddpm_dataset_load (GFile *folder, const DdpmFit *fit, guint multiple, DdpmPixels pixels,
                                DdpmDatasetProgressFunc func, gpointer user_data, GCancellable *cancellable,
                                GError **error);
void ddpm_dataset_free (DdpmDataset *dataset);

/* A fingerprint of what one was of, and of numbers[n]. */
guint64 ddpm_dataset_extend_fingerprint (guint64 fingerprint, const guint32 *numbers, guint n);

/* The part of a picture that begins at (x, y), mirrored left to right, then top to bottom, then turned
 * clockwise (a square one, unless by half turns). Zero: the upper left part as it is. */
typedef struct
{
  guint x, y; /* pixels */
  gboolean flip, flip_vertical;
  guint quarter_turns; /* 0 … 3 */
} DdpmView;

/* tensor[n_channels][height][width] in [-1, 1] of picture `index`. */
void ddpm_dataset_get (const DdpmDataset *dataset, guint index, const DdpmView *view, float *tensor);

/* "grey", "rgb", "rgba", "auto". */
gboolean ddpm_pixels_from_name (const char *name, DdpmPixels *pixels);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmDataset, ddpm_dataset_free)

G_END_DECLS
