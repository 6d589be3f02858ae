/* From a folder to one block of bytes.
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
  GPtrArray *files;    /* (char *) relative paths, sorted */
  GArray *skipped;     /* DdpmSkipped */
  GPtrArray *pictures; /* (char *) paths of those read */
  guint8 *values;      /* [n pictures][4][height][width] */
  guint width, height;
  guint n_resized;
  gboolean any_transparency, any_colour;
  GCancellable *cancellable;
} Loading;

static void
loading_init (Loading *loading, GFile *folder, GCancellable *cancellable)
{
  *loading = (Loading) { .folder = folder, .cancellable = cancellable };
  loading->files = g_ptr_array_new_with_free_func (g_free);
  loading->pictures = g_ptr_array_new_with_free_func (g_free);
  loading->skipped = ddpm_skipped_new ();
}

static void
loading_clear (Loading *loading)
{
  g_ptr_array_unref (loading->files);
  g_ptr_array_unref (loading->pictures);
  g_array_unref (loading->skipped);
  g_free (loading->values);
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
  loading->width = round_side (MAX (lrint (width * scale), 1), multiple);
  loading->height = round_side (MAX (lrint (height * scale), 1), multiple);
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
check_asked_size (const Loading *loading, guint multiple, GError **error)
{
  g_autoptr (GError) reason = NULL;

  if (!ddpm_image_check_size (loading->width, loading->height, &reason))
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, "training pictures cannot have that size: %s",
                   reason->message);
      return FALSE;
    }
  if (loading->width % multiple == 0 && loading->height % multiple == 0)
    return TRUE;

  g_set_error (
    error, DDPM_ERROR, DDPM_ERROR_USAGE,
    "%u x %u pixels do not fit the network, whose levels need a width and height that are multiples of %u; "
    "choose %u x %u",
    loading->width, loading->height, multiple, MAX (loading->width / multiple, 1) * multiple,
    MAX (loading->height / multiple, 1) * multiple);
  return FALSE;
}

static gboolean
allocate_values (Loading *loading, GError **error)
{
  gsize n_bytes;
  guint n = loading->files->len;

  if (g_size_checked_mul (&n_bytes, (gsize) loading->width * loading->height * 4, n))
    loading->values = g_try_malloc (n_bytes);
  if (loading->values != NULL)
    return TRUE;

  g_set_error (error, DDPM_ERROR, DDPM_ERROR_MEMORY,
               "%u pictures of %u x %u need %.0f MB of memory that cannot be had; choose a smaller size or "
               "fewer pictures",
               n, loading->width, loading->height, 4.0 * loading->width * loading->height * n / 1e6);
  return FALSE;
}

/* out[4][height][width], premultiplied. */
static void
store_picture (const DdpmImage *image, guint width, guint height, guint8 *out)
{
  gsize n_pixels = (gsize) width * height;
  g_autoptr (DdpmImage) fitted = ddpm_image_fit (image, width, height);
  g_autoptr (DdpmImage) rgba = ddpm_image_convert (fitted, 4);

  for (gsize i = 0; i < n_pixels; i++)
    {
      const float *p = rgba->pixels + 4 * i;

      for (guint c = 0; c < 3; c++)
        out[c * n_pixels + i] = lrintf (255.0f * p[c] * p[3]);
      out[3 * n_pixels + i] = lrintf (255.0f * p[3]);
    }
}

static gboolean
read_pictures (Loading *loading, DdpmDatasetProgressFunc func, gpointer user_data, GError **error)
{
  gsize stride = (gsize) loading->width * loading->height * 4;

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
      else
        {
          loading->any_transparency |= ddpm_image_has_transparency (image);
          loading->any_colour |= ddpm_image_has_colour (image);
          loading->n_resized += image->width != loading->width || image->height != loading->height;
          store_picture (image, loading->width, loading->height,
                         loading->values + loading->pictures->len * stride);
          g_ptr_array_add (loading->pictures, g_strdup (path));
        }
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
drop_channels (guint8 *values, guint n_pictures, gsize n_pixels, guint n_channels)
{
  for (gsize i = 0; i < n_pictures; i++)
    {
      const guint8 *in = values + i * n_pixels * 4;
      const guint8 *alpha = in + 3 * n_pixels;
      guint8 *out = values + i * n_pixels * n_channels;

      if (n_channels == 3)
        for (gsize v = 0; v < 3 * n_pixels; v++)
          out[v] = in[v] + (255 - alpha[v % n_pixels]);
      else
        for (gsize p = 0; p < n_pixels; p++)
          {
            float r = in[p], g = in[n_pixels + p], b = in[2 * n_pixels + p];

            out[p] = lrintf (g + 0.2126f * (r - g) + 0.0722f * (b - g)) + (255 - alpha[p]);
          }
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

static guint64
fingerprint (const DdpmDataset *dataset)
{
  guint32 shape[] = { GUINT32_TO_LE (dataset->n_pictures), GUINT32_TO_LE (dataset->n_channels),
                      GUINT32_TO_LE (dataset->height), GUINT32_TO_LE (dataset->width) };
  guint64 hash = hash_bytes (G_GUINT64_CONSTANT (0xcbf29ce484222325), (const guint8 *) shape, sizeof shape);

  return hash_bytes (hash, dataset->values,
                     (gsize) dataset->n_pictures * dataset->n_channels * dataset->height * dataset->width);
}

static DdpmDataset *
finish (Loading *loading, DdpmPixels pixels)
{
  DdpmDataset *dataset = g_new0 (DdpmDataset, 1);
  gsize n_pixels = (gsize) loading->width * loading->height;
  guint8 *values = g_steal_pointer (&loading->values);
  gsize n_skipped;

  ddpm_skipped_sort (loading->skipped);
  dataset->n_pictures = loading->pictures->len;
  dataset->n_channels = decide_channels (loading, pixels);
  dataset->width = loading->width;
  dataset->height = loading->height;
  dataset->premultiplied = dataset->n_channels == 4;
  if (dataset->n_channels != 4)
    drop_channels (values, dataset->n_pictures, n_pixels, dataset->n_channels);
  dataset->values = g_realloc_n (values, dataset->n_pictures, n_pixels * dataset->n_channels);

  g_ptr_array_add (loading->pictures, NULL);
  dataset->paths = (char **) g_ptr_array_steal (loading->pictures, NULL);
  dataset->skipped = (DdpmSkipped *) g_array_steal (loading->skipped, &n_skipped);
  dataset->n_skipped = n_skipped;
  dataset->n_resized = loading->n_resized;
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
ddpm_dataset_load (GFile *folder, guint width, guint height, guint multiple, DdpmPixels pixels,
                   DdpmDatasetProgressFunc func, gpointer user_data, GCancellable *cancellable,
                   GError **error)
{
  g_auto (Loading) loading;

  multiple = MAX (multiple, 1);
  loading_init (&loading, folder, cancellable);
  loading.width = width > 0 ? width : height;
  loading.height = height > 0 ? height : width;

  if (loading.width > 0 && !check_asked_size (&loading, multiple, error))
    return NULL;
  if (!ddpm_folder_list (folder, loading.files, loading.skipped, cancellable, error))
    return NULL;
  if (loading.files->len == 0)
    {
      set_nothing_error (&loading, error);
      return NULL;
    }
  if (loading.width == 0 && !probe_sizes (&loading, multiple, func, user_data, error))
    return NULL;
  if (!allocate_values (&loading, error) || !read_pictures (&loading, func, user_data, error))
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
  g_free (dataset->skipped);
  g_strfreev (dataset->paths);
  g_free (dataset->values);
  g_free (dataset);
}

void
ddpm_dataset_get (const DdpmDataset *dataset, guint index, gboolean flip, float *tensor)
{
  gsize n_rows = (gsize) dataset->n_channels * dataset->height;
  guint width = dataset->width;

  g_return_if_fail (index < dataset->n_pictures);

  for (gsize y = 0; y < n_rows; y++)
    {
      const guint8 *row = dataset->values + (index * n_rows + y) * width;

      for (guint x = 0; x < width; x++)
        tensor[y * width + x] = row[flip ? width - 1 - x : x] / 127.5f - 1.0f;
    }
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
