/* From a folder to bytes in memory.
 *
 * list the files (sorted, so that the data do not depend on the file system) → decide the size → decode and
 * fit one after the other into premultiplied RGBA, remembering whether anything had transparency or colour →
 * keep the channels that are wanted. Values are 8 bits, a quarter of the memory floats would take. */
#include "core/data/dataset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/data/folder.h"

#define LARGEST_CHOSEN_SIDE 64 /* pixels; larger pictures are trained on request only */

/* What is known while loading. */
typedef struct
{
  GFile *folder;
  GPtrArray *files; /* (char *) relative paths, sorted */
  GArray *skipped;  /* DdpmSkipped */
  GPtrArray *paths; /* (char *) of the pictures that were read */
  GArray *pictures; /* DdpmDatasetPicture, of four channels */
  DdpmFit fit;
  guint n_resized, n_enlarged;
  GHashTable *sizes; /* (guint64 *) width << 32 | height -> number of pictures */
  guint n_of_channels[5];
  guint64 n_file_bytes;
  gboolean any_transparency, any_colour;
  GCancellable *cancellable;
} Loading;

static void
clear_picture (gpointer picture)
{
  g_free (((DdpmDatasetPicture *) picture)->values);
}

static void
loading_init (Loading *loading, GFile *folder, GCancellable *cancellable)
{
  *loading = (Loading) { .folder = folder, .cancellable = cancellable };
  loading->files = g_ptr_array_new_with_free_func (g_free);
  loading->paths = g_ptr_array_new_with_free_func (g_free);
  loading->pictures = g_array_new (FALSE, FALSE, sizeof (DdpmDatasetPicture));
  g_array_set_clear_func (loading->pictures, clear_picture);
  loading->skipped = ddpm_skipped_new ();
  loading->sizes = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
}

static void
loading_clear (Loading *loading)
{
  g_ptr_array_unref (loading->files);
  g_ptr_array_unref (loading->paths);
  g_array_unref (loading->pictures);
  g_array_unref (loading->skipped);
  g_hash_table_unref (loading->sizes);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Loading, loading_clear)

static int
compare_u64 (gconstpointer a, gconstpointer b)
{
  guint64 x = *(const guint64 *) a;
  guint64 y = *(const guint64 *) b;

  return (x > y) - (x < y);
}

/* To the nearest multiple; over the largest side chosen only where one multiple already is. */
static guint
round_side (guint side, guint multiple)
{
  guint largest = LARGEST_CHOSEN_SIDE / multiple * multiple;
  guint rounded = (side + multiple / 2) / multiple * multiple;

  return MAX (MIN (rounded, largest), multiple);
}

/* sizes[n]: width << 32 | height of the pictures; both arrays get sorted. */
static void
choose_size (Loading *loading, guint64 *sizes, guint64 *smaller_sides, guint n, guint multiple)
{
  guint width, height, n_same = 0;

  qsort (sizes, n, sizeof *sizes, compare_u64);
  qsort (smaller_sides, n, sizeof *smaller_sides, compare_u64);

  /* what more than half have is also in the middle */
  for (guint i = 0; i < n; i++)
    n_same += sizes[i] == sizes[n / 2];
  if (n_same > n / 2)
    {
      width = sizes[n / 2] >> 32;
      height = sizes[n / 2] & G_MAXUINT32;
    }
  else
    width = height = n > 0 && smaller_sides[n / 2] >= LARGEST_CHOSEN_SIDE ? LARGEST_CHOSEN_SIDE : 32;

  double scale = MIN (1.0, (double) LARGEST_CHOSEN_SIDE / MAX (width, height));
  loading->fit.width = round_side (MAX (lrint (width * scale), 1), multiple);
  loading->fit.height = round_side (MAX (lrint (height * scale), 1), multiple);
}

static gboolean
probe_sizes (Loading *loading, guint multiple, DdpmDatasetProgressFunc func, gpointer user_data,
             GError **error)
{
  guint n = 0;
  g_autofree guint64 *sizes = g_new (guint64, loading->files->len);
  g_autofree guint64 *smaller_sides = g_new (guint64, loading->files->len);

  for (guint i = 0; i < loading->files->len; i++)
    {
      g_autoptr (GFile) file = ddpm_folder_get_file (loading->folder, g_ptr_array_index (loading->files, i));
      guint width, height;

      if (g_cancellable_set_error_if_cancelled (loading->cancellable, error))
        return FALSE;
      if (ddpm_image_probe_size (file, &width, &height))
        {
          sizes[n] = (guint64) width << 32 | height;
          smaller_sides[n++] = MIN (width, height);
        }
      if (func != NULL)
        func (0, loading->files->len, user_data);
    }
  choose_size (loading, sizes, smaller_sides, n, multiple);
  return TRUE;
}

static gboolean
check_asked_size (const DdpmFit *fit, guint multiple, GError **error)
{
  g_autoptr (GError) reason = NULL;

  if (!ddpm_image_check_size (fit->width, fit->height, &reason))
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, "training pictures cannot have that size: %s",
                   reason->message);
      return FALSE;
    }
  if (fit->width % multiple == 0 && fit->height % multiple == 0)
    return TRUE;

  g_set_error (
    error, DDPM_ERROR, DDPM_ERROR_USAGE,
    "%u x %u pixels do not fit the network, whose levels need a width and height that are multiples of %u; "
    "choose %u x %u",
    fit->width, fit->height, multiple, MAX (fit->width / multiple, 1) * multiple,
    MAX (fit->height / multiple, 1) * multiple);
  return FALSE;
}

static gboolean
check_shorter_side (const DdpmFit *fit, GError **error)
{
  const gboolean parts = fit->kind == DDPM_FIT_PARTS || fit->kind == DDPM_FIT_TILE_PARTS;

  if (!parts || fit->shorter_side >= MIN (fit->width, fit->height))
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
               "parts of %u x %u pixels cannot be taken from pictures that are scaled down to %u; scale them "
               "to more than that, or choose smaller parts",
               fit->width, fit->height, fit->shorter_side);
  return FALSE;
}

/* [4][height][width], premultiplied. NULL without memory. */
static guint8 *
premultiply (const DdpmImage *image)
{
  const gsize n_pixels = (gsize) image->width * image->height;
  g_autoptr (DdpmImage) rgba = ddpm_image_convert (image, 4);
  guint8 *out = g_try_malloc (4 * n_pixels);

  for (gsize i = 0; i < n_pixels && out != NULL; i++)
    {
      const float *p = rgba->pixels + 4 * i;

      for (guint c = 0; c < 3; c++)
        out[c * n_pixels + i] = lrintf (255.0f * p[c] * p[3]);
      out[3 * n_pixels + i] = lrintf (255.0f * p[3]);
    }
  return out;
}

static void
count_size (GHashTable *sizes, guint width, guint height)
{
  const guint64 size = (guint64) width << 32 | height;
  const guint n = GPOINTER_TO_UINT (g_hash_table_lookup (sizes, &size));

  g_hash_table_replace (sizes, g_memdup2 (&size, sizeof size), GUINT_TO_POINTER (n + 1));
}

static int
compare_counts (gconstpointer a, gconstpointer b)
{
  const DdpmSizeCount *x = a, *y = b;

  if (x->n_pictures != y->n_pictures)
    return x->n_pictures < y->n_pictures ? 1 : -1;
  if (x->width != y->width)
    return x->width < y->width ? 1 : -1;
  return (x->height < y->height) - (x->height > y->height);
}

static DdpmSizeCount *
list_sizes (GHashTable *sizes)
{
  DdpmSizeCount *counts = g_new (DdpmSizeCount, g_hash_table_size (sizes));
  GHashTableIter iter;
  gpointer size, n;
  guint i = 0;

  g_hash_table_iter_init (&iter, sizes);
  while (g_hash_table_iter_next (&iter, &size, &n))
    counts[i++] =
      (DdpmSizeCount) { *(guint64 *) size >> 32, *(guint64 *) size & G_MAXUINT32, GPOINTER_TO_UINT (n) };
  qsort (counts, i, sizeof *counts, compare_counts);
  return counts;
}

static guint64
get_file_bytes (GFile *file)
{
  g_autoptr (GFileInfo) info =
    g_file_query_info (file, G_FILE_ATTRIBUTE_STANDARD_SIZE, G_FILE_QUERY_INFO_NONE, NULL, NULL);

  return info != NULL ? (guint64) g_file_info_get_size (info) : 0;
}

static gboolean
add_picture (Loading *loading, const char *path, const DdpmImage *image, GError **error)
{
  g_autoptr (DdpmImage) fitted = ddpm_fit_apply (&loading->fit, image);
  const DdpmDatasetPicture picture = { fitted->width, fitted->height, premultiply (fitted) };

  if (picture.values == NULL)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_MEMORY,
                   "there is not enough memory for all %u pictures, only for %u of them; choose a smaller "
                   "size or fewer pictures",
                   loading->files->len, loading->pictures->len);
      return FALSE;
    }
  loading->any_transparency |= ddpm_image_has_transparency (image);
  loading->any_colour |= ddpm_image_has_colour (image);
  loading->n_of_channels[image->n_channels]++;
  count_size (loading->sizes, image->width, image->height);
  loading->n_resized += image->width != fitted->width || image->height != fitted->height;
  loading->n_enlarged += image->width < fitted->width || image->height < fitted->height;
  g_array_append_val (loading->pictures, picture);
  g_ptr_array_add (loading->paths, g_strdup (path));
  return TRUE;
}

static gboolean
read_pictures (Loading *loading, DdpmDatasetProgressFunc func, gpointer user_data, GError **error)
{
  for (guint i = 0; i < loading->files->len; i++)
    {
      const char *path = g_ptr_array_index (loading->files, i);
      g_autoptr (GFile) file = ddpm_folder_get_file (loading->folder, path);
      g_autoptr (GError) reason = NULL;
      g_autoptr (DdpmImage) image = NULL;

      if (g_cancellable_set_error_if_cancelled (loading->cancellable, error))
        return FALSE;

      image = ddpm_image_load_or_reason (file, &reason);
      if (image == NULL)
        ddpm_skipped_add (loading->skipped, path, reason->message);
      else if (!add_picture (loading, path, image, error))
        return FALSE;
      else
        loading->n_file_bytes += get_file_bytes (file);
      if (func != NULL)
        func (i + 1, loading->files->len, user_data);
    }
  return TRUE;
}

static guint
decide_channels (const Loading *loading, DdpmPixels pixels)
{
  switch (pixels)
    {
    case DDPM_PIXELS_GREY:
      return 1;
    case DDPM_PIXELS_RGB:
      return 3;
    case DDPM_PIXELS_RGBA:
      return 4;
    case DDPM_PIXELS_AUTO:
      break;
    }
  return loading->any_transparency ? 4 : loading->any_colour ? 3 : 1;
}

/* RGBA -> RGB or grey over white, in place: what is written never lies after what is still to be read. */
static void
drop_channels (guint8 *values, gsize n_pixels, guint n_channels)
{
  const guint8 *alpha = values + 3 * n_pixels;

  if (n_channels == 3)
    for (gsize v = 0; v < 3 * n_pixels; v++)
      values[v] += 255 - alpha[v % n_pixels];
  else if (n_channels == 1)
    for (gsize p = 0; p < n_pixels; p++)
      {
        float r = values[p], g = values[n_pixels + p], b = values[2 * n_pixels + p];

        values[p] = lrintf (g + 0.2126f * (r - g) + 0.0722f * (b - g)) + (255 - alpha[p]);
      }
}

/* FNV-1a, 64 bits (Fowler, Noll and Vo). */
static guint64
hash_bytes (guint64 hash, const guint8 *bytes, gsize n)
{
  for (gsize i = 0; i < n; i++)
    hash = (hash ^ bytes[i]) * G_GUINT64_CONSTANT (0x100000001b3);
  return hash;
}

guint64
ddpm_dataset_extend_fingerprint (guint64 fingerprint, const guint32 *numbers, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      const guint32 number = GUINT32_TO_LE (numbers[i]);

      fingerprint = hash_bytes (fingerprint, (const guint8 *) &number, sizeof number);
    }
  return fingerprint;
}

static gsize
count_bytes (const DdpmDataset *dataset, const DdpmDatasetPicture *picture)
{
  return (gsize) dataset->n_channels * picture->height * picture->width;
}

static guint64
fingerprint (const DdpmDataset *dataset)
{
  const guint32 shape[] = { dataset->n_pictures, dataset->n_channels, dataset->height, dataset->width };
  guint64 hash =
    ddpm_dataset_extend_fingerprint (G_GUINT64_CONSTANT (0xcbf29ce484222325), shape, G_N_ELEMENTS (shape));

  for (guint i = 0; i < dataset->n_pictures; i++)
    {
      const DdpmDatasetPicture *picture = &dataset->pictures[i];
      const guint32 size[] = { picture->height, picture->width };

      if (picture->width != dataset->width || picture->height != dataset->height)
        hash = ddpm_dataset_extend_fingerprint (hash, size, G_N_ELEMENTS (size));
      hash = hash_bytes (hash, picture->values, count_bytes (dataset, picture));
    }
  return hash;
}

static guint
count_repeated (const DdpmDataset *dataset)
{
  g_autoptr (GHashTable) seen =
    g_hash_table_new_full (g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, NULL);
  guint n_repeated = 0;

  for (guint i = 0; i < dataset->n_pictures; i++)
    {
      const DdpmDatasetPicture *picture = &dataset->pictures[i];

      n_repeated +=
        !g_hash_table_add (seen, g_bytes_new_static (picture->values, count_bytes (dataset, picture)));
    }
  return n_repeated;
}

/* All of them in the channels that are wanted. */
static void
finish_pictures (DdpmDataset *dataset)
{
  for (guint i = 0; i < dataset->n_pictures; i++)
    {
      DdpmDatasetPicture *picture = &dataset->pictures[i];
      const gsize n_pixels = (gsize) picture->width * picture->height;
      const gsize n_bytes = n_pixels * dataset->n_channels;

      drop_channels (picture->values, n_pixels, dataset->n_channels);
      picture->values = g_realloc (picture->values, n_bytes);
      dataset->n_bytes += n_bytes;
    }
}

static DdpmDataset *
finish (Loading *loading, DdpmPixels pixels)
{
  DdpmDataset *dataset = g_new0 (DdpmDataset, 1);
  gsize n_skipped;

  ddpm_skipped_sort (loading->skipped);
  dataset->n_pictures = loading->pictures->len;
  dataset->n_channels = decide_channels (loading, pixels);
  dataset->width = loading->fit.width;
  dataset->height = loading->fit.height;
  dataset->wraps = ddpm_fit_wraps (loading->fit.kind);
  dataset->premultiplied = dataset->n_channels == 4;
  dataset->pictures = (DdpmDatasetPicture *) g_array_steal (loading->pictures, NULL);
  finish_pictures (dataset);

  g_ptr_array_add (loading->paths, NULL);
  dataset->paths = (char **) g_ptr_array_steal (loading->paths, NULL);
  dataset->skipped = (DdpmSkipped *) g_array_steal (loading->skipped, &n_skipped);
  dataset->n_skipped = n_skipped;
  dataset->n_resized = loading->n_resized;
  dataset->n_enlarged = loading->n_enlarged;
  dataset->n_sizes = g_hash_table_size (loading->sizes);
  dataset->sizes = list_sizes (loading->sizes);
  memcpy (dataset->n_of_channels, loading->n_of_channels, sizeof dataset->n_of_channels);
  dataset->n_file_bytes = loading->n_file_bytes;
  dataset->n_repeated = count_repeated (dataset);
  dataset->fingerprint = fingerprint (dataset);
  return dataset;
}

static void
set_nothing_error (const Loading *loading, GError **error)
{
  g_autofree char *name = g_file_get_parse_name (loading->folder);

  ddpm_skipped_sort (loading->skipped);
  if (loading->skipped->len == 0)
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
                 "the folder %s is empty; put the pictures to learn from into it", name);
  else
    {
      const DdpmSkipped *first = &g_array_index (loading->skipped, DdpmSkipped, 0);

      g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
                   "the folder %s holds no picture that can be read; skipped: %u, the first of them %s (%s)",
                   name, loading->skipped->len, first->path, first->reason);
    }
}

DdpmDataset *
ddpm_dataset_load (GFile *folder, const DdpmFit *fit, guint multiple, DdpmPixels pixels,
                   DdpmDatasetProgressFunc func, gpointer user_data, GCancellable *cancellable,
                   GError **error)
{
  g_auto (Loading) loading;

  multiple = MAX (multiple, 1);
  loading_init (&loading, folder, cancellable);
  loading.fit = *fit;
  loading.fit.width = fit->width > 0 ? fit->width : fit->height;
  loading.fit.height = fit->height > 0 ? fit->height : fit->width;

  if (loading.fit.width > 0 && !check_asked_size (&loading.fit, multiple, error))
    return NULL;
  if (!ddpm_folder_list (folder, loading.files, loading.skipped, cancellable, error))
    return NULL;
  if (loading.files->len == 0)
    {
      set_nothing_error (&loading, error);
      return NULL;
    }
  if (loading.fit.width == 0 && !probe_sizes (&loading, multiple, func, user_data, error))
    return NULL;
  if (!check_shorter_side (&loading.fit, error) || !read_pictures (&loading, func, user_data, error))
    return NULL;

  if (loading.pictures->len == 0)
    {
      set_nothing_error (&loading, error);
      return NULL;
    }
  return finish (&loading, pixels);
}

void
ddpm_dataset_free (DdpmDataset *dataset)
{
  if (dataset == NULL)
    return;
  for (guint i = 0; i < dataset->n_skipped; i++)
    ddpm_skipped_clear (&dataset->skipped[i]);
  for (guint i = 0; i < dataset->n_pictures; i++)
    clear_picture (&dataset->pictures[i]);
  g_free (dataset->skipped);
  g_free (dataset->sizes);
  g_free (dataset->pictures);
  g_strfreev (dataset->paths);
  g_free (dataset);
}

/* The pixel of the picture that a view shows at (x, y): the view's steps undone, the last one first. */
static gsize
find_pixel (const DdpmDatasetPicture *picture, const DdpmView *view, guint width, guint height, guint x,
            guint y)
{
  const gboolean half = view->quarter_turns >= 2, quarter = view->quarter_turns % 2 == 1;
  const guint across = quarter ? y : x, down = quarter ? width - 1 - x : y;
  const guint column = half != view->flip ? width - 1 - across : across;
  const guint row = half != view->flip_vertical ? height - 1 - down : down;

  return (gsize) ((view->y + row) % picture->height) * picture->width + (view->x + column) % picture->width;
}

void
ddpm_dataset_get (const DdpmDataset *dataset, guint index, const DdpmView *view, float *tensor)
{
  const DdpmDatasetPicture *picture = &dataset->pictures[index];
  const guint width = dataset->width, height = dataset->height;
  const gsize n_pixels = (gsize) picture->width * picture->height;

  g_return_if_fail (view->quarter_turns % 2 == 0 || width == height);

  for (guint c = 0; c < dataset->n_channels; c++)
    for (guint y = 0; y < height; y++)
      for (guint x = 0; x < width; x++)
        *tensor++ =
          picture->values[c * n_pixels + find_pixel (picture, view, width, height, x, y)] / 127.5f - 1.0f;
}

gboolean
ddpm_pixels_from_name (const char *name, DdpmPixels *pixels)
{
  static const char *const names[] = {
    [DDPM_PIXELS_AUTO] = "auto",
    [DDPM_PIXELS_GREY] = "grey",
    [DDPM_PIXELS_RGB] = "rgb",
    [DDPM_PIXELS_RGBA] = "rgba",
  };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (strcmp (name, names[i]) == 0)
      {
        *pixels = i;
        return TRUE;
      }
  return FALSE;
}
