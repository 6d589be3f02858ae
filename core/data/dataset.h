/* A folder of pictures, scaled, cropped and converted to what a network trains on. */
#pragma once

#include "core/data/image.h"

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
  guint n_pictures;
  guint n_channels;       /* 1, 3 or 4 */
  guint height, width;    /* pixels, of every picture */
  gboolean premultiplied; /* n_channels == 4 */
  guint8 *values;         /* [n_pictures][n_channels][height][width], premultiplied, 8 bits */
  char **paths; /* [n_pictures], NULL-terminated, relative to the folder, as the file system encodes names,
                   sorted bytewise: the order of the data */
  DdpmSkipped *skipped;
  guint n_skipped;
  guint n_resized;     /* pictures that had another size than width x height */
  guint64 fingerprint; /* of values and shape: a resumed run checks that the data are the same */
} DdpmDataset;

/* Called after each file; `done` of `total`. */
typedef void (*DdpmDatasetProgressFunc) (guint done, guint total, gpointer user_data);

/* Reads every file below `folder` (subfolders too, hidden ones not, links to folders not), skipping and
 * counting what is not a readable picture; the rest is fitted (ddpm_image_fit) to one size and converted
 * (ddpm_image_convert).
 *
 * width and height in pixels must be multiples of `multiple` (0 counts as 1). One of them 0: a square. Both
 * 0, by the pictures: the size more than half of them have, scaled down where its larger side is above 64;
 * without such a size 64 x 64, or 32 x 32 where half of the pictures have a side below 64; then rounded to a
 * multiple. func (may be NULL) hears 0 of total while sizes are looked at.
 *
 * Errors: DDPM_ERROR_FILE when the folder cannot be read or holds no readable picture (the sentence says how
 * many were skipped and why the first was), DDPM_ERROR_USAGE for a size that is no multiple,
 * DDPM_ERROR_MEMORY, G_IO_ERROR_CANCELLED. */
DdpmDataset *ddpm_dataset_load (GFile *folder, guint width, guint height, guint multiple, DdpmPixels pixels,
                                DdpmDatasetProgressFunc func, gpointer user_data, GCancellable *cancellable,
                                GError **error);
void ddpm_dataset_free (DdpmDataset *dataset);

/* tensor[n_channels][height][width] in [-1, 1] of picture `index`, mirrored left to right if flip. */
void ddpm_dataset_get (const DdpmDataset *dataset, guint index, gboolean flip, float *tensor);

/* "grey", "rgb", "rgba", "auto". */
gboolean ddpm_pixels_from_name (const char *name, DdpmPixels *pixels);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmDataset, ddpm_dataset_free)

G_END_DECLS
