/* A folder of pictures, scaled, cropped and converted to what a network trains on.
 *
 * Loading looks at every file's header, so sizes, places in memory and the order of the data are known before
 * any pixel is. A folder of usual size is then decoded at once: all that cannot be read is known before
 * training begins. A large one (DDPM_DATASET_CHECKED_*) is decoded in the background while it is trained on,
 * in the order in which training needs the pictures. In both cases values are kept in memory up to a bound,
 * then in a file without a name in the user's cache folder, then not at all (core/data/picture-store.h), and
 * what a picture looks like does not depend on where it was kept. */
#pragma once

#include "core/data/fit.h"
#include "core/data/view.h"

G_BEGIN_DECLS

/* Folders beyond one of these are not decoded before they are trained on: pixels in all files, about half a
 * minute's decoding, and bytes of values as RGBA. */
#define DDPM_DATASET_CHECKED_PIXELS 1000000000u
#define DDPM_DATASET_CHECKED_BYTES (1u << 29)

typedef enum
{
  DDPM_PIXELS_AUTO, /* RGBA if any picture has transparency, else RGB if any has colour, else grey; of a large
                     * folder, if any of 32 has whose headers allow it */
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
  guint width, height; /* pixels that are kept */
} DdpmDatasetPicture;

typedef struct
{
  guint width, height; /* pixels, upright */
  guint n_pictures;    /* that have this size in their files */
} DdpmSizeCount;

typedef struct _DdpmDatasetInner DdpmDatasetInner;

typedef struct
{
  guint n_pictures;
  guint n_channels;       /* 1, 3 or 4 */
  guint height, width;    /* pixels that are trained on */
  gboolean wraps;         /* pictures go on with their other end beyond an edge */
  gboolean premultiplied; /* n_channels == 4 */
  gboolean is_checked;    /* every picture has been decoded; otherwise some may turn out not to be readable */
  DdpmDatasetPicture
    *pictures;          /* [n_pictures]; each width x height or larger, or of any size where they wrap */
  gsize n_bytes;        /* of all values */
  gsize n_memory_bytes; /* of those that memory holds at a time, at most */
  char **paths; /* [n_pictures], NULL-terminated, relative to the folder, as the file system encodes names,
                   sorted bytewise: the order of the data */
  DdpmSkipped *skipped;
  guint n_skipped;
  guint n_resized;  /* pictures that are kept in another size than they had */
  guint n_enlarged; /* … in a larger one */
  guint n_repeated; /* pictures like one before them: with the same values, or in the same bytes where that is
                     * not checked */
  DdpmSizeCount *sizes; /* [n_sizes] that pictures have in their files; the most frequent first, then larger
                           ones */
  guint n_sizes;
  guint n_of_channels[5]; /* [c]: pictures with c channels in their files: 1 grey, 2 grey and alpha, 3 RGB, 4
                           * RGBA
                           */
  guint64 n_file_bytes;   /* of all files that are used */
  /* A resumed run checks with it that the data are the same: of shape and values; where those are not known
   * yet, of all paths, and of the size, the first and the last 4096 bytes of each file: a picture that was
   * edited or encoded again has other ones. */
  guint64 fingerprint;
  DdpmDatasetInner *inner; /* how its values are got at */
} DdpmDataset;

typedef struct
{
  /* Its width and height in pixels must be multiples of `multiple` (0 counts as 1). One of them 0: a square.
   * Both 0, by the pictures: the size more than half of them have, scaled down where its larger side is above
   * 64; without such a size 64 x 64, or 32 x 32 where half of the pictures have a side below 64; then rounded
   * to a multiple. */
  DdpmFit fit;
  guint multiple;
  DdpmPixels pixels;
  gboolean headers_only; /* as if the folder were large */
  guint64 memory_bytes;  /* for values, but for those in use; 0: a quarter of what is free … */
  guint n_sharing;       /* … shared by so many processes; 0 counts as 1 */
} DdpmDatasetOptions;

/* Called after each file; `done` of `total`; once more from the beginning when all are decoded. */
typedef void (*DdpmDatasetProgressFunc) (guint done, guint total, gpointer user_data);

/* Reads every file below `folder` (subfolders too, hidden ones not, links to folders not), skipping and
 * counting what is not a readable picture; the rest is fitted (core/data/fit.h) and converted
 * (ddpm_image_convert). func may be NULL.
 *
 * Errors: DDPM_ERROR_FILE when the folder cannot be read or holds no readable picture (the sentence says how
 * many were skipped and why the first was), DDPM_ERROR_USAGE for a size that is no multiple
 * or a shorter side below it, DDPM_ERROR_MEMORY, G_IO_ERROR_CANCELLED. */
DdpmDataset *ddpm_dataset_load (GFile *folder, const DdpmDatasetOptions *options,
                                DdpmDatasetProgressFunc func, gpointer user_data, GCancellable *cancellable,
                                GError **error);
void ddpm_dataset_free (DdpmDataset *dataset);

/* A fingerprint of what one was of, and of numbers[n]. */
guint64 ddpm_dataset_extend_fingerprint (guint64 fingerprint, const guint32 *numbers, guint n);

/* ---- values; from any thread ---- */

typedef struct
{
  guint index;
  const guint8 *values; /* [n_channels][height][width] of pictures[index], premultiplied, 8 bits */
} DdpmHeldPicture;

/* The values of picture members[place], waited for if need be, until they are released. If it turns out not
 * to be readable, the next of members[n_members] takes its place. FALSE: the folder is no longer what it was,
 * or no picture can be read: ddpm_dataset_check tells. */
gboolean ddpm_dataset_hold (const DdpmDataset *dataset, const guint32 *members, guint n_members, guint place,
                            DdpmHeldPicture *held);
void ddpm_dataset_release (const DdpmDataset *dataset, DdpmHeldPicture *held);

/* tensor[n_channels][height][width] in [-1, 1] of a picture that is held. */
void ddpm_dataset_show (const DdpmDataset *dataset, const DdpmHeldPicture *held, const DdpmView *view,
                        float *tensor);

/* The same of picture `index`. FALSE: it cannot be read. */
gboolean ddpm_dataset_get (const DdpmDataset *dataset, guint index, const DdpmView *view, float *tensor);

/* Pictures that will be held next, in this order: they are brought meanwhile. What was expected before is
 * forgotten. */
void ddpm_dataset_expect (const DdpmDataset *dataset, const guint32 *indices, guint n);

/* Why holding a picture has failed; once it has, it does not recover. Errors: DDPM_ERROR_FILE,
 * DDPM_ERROR_MEMORY. */
gboolean ddpm_dataset_check (const DdpmDataset *dataset, GError **error);

/* One thing that happened meanwhile ("b.jpg cannot be read …, the next picture takes its place") and was not
 * told yet, or NULL. Caller frees. */
char *ddpm_dataset_take_message (const DdpmDataset *dataset);

/* "grey", "rgb", "rgba", "auto". */
gboolean ddpm_pixels_from_name (const char *name, DdpmPixels *pixels);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmDataset, ddpm_dataset_free)

G_END_DECLS
