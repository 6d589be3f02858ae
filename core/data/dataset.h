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
  char *path;   /* relative to the folder, for display */
  char *reason; /* one sentence part: "not a picture", "the file ends too early" … */
} DdpmSkipped;

typedef struct
{
  guint n_pictures;
  guint n_channels;       /* 1, 3 or 4 */
  guint height, width;    /* pixels, of every picture */
  gboolean premultiplied; /* n_channels == 4 */
  guint8 *values;         /* [n_pictures][n_channels][height][width], premultiplied, 8 bits */
  char **paths;           /* [n_pictures], relative to the folder, sorted bytewise: the order of the data */
  DdpmSkipped *skipped;
  guint n_skipped;
  guint n_resized;     /* pictures that had another size */
  guint64 fingerprint; /* of values and shape: a resumed run checks that the data are the same */
} DdpmDataset;

/* Called after each file; `done` of `total`. */
typedef void (*DdpmDatasetProgressFunc) (guint done, guint total, gpointer user_data);

/* Reads every file below `folder` (subfolders too, hidden ones not), skipping and counting what is not a
 * readable picture. width, height 0: the size all (or most) pictures have in common, made a multiple of
 * `multiple` and at most 64. Errors: DDPM_ERROR_FILE when the folder cannot be read or holds no readable
 * picture (the sentence says how many were skipped and why the first was), DDPM_ERROR_MEMORY,
 * G_IO_ERROR_CANCELLED. */
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
