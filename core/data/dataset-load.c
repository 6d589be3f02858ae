/* From a folder to a dataset.
 *
 * look at all headers (sorted, so that the data do not depend on the file system) → decide the size → decode
 * all files, or some → decide the channels → give the values their places. Values are 8 bits, a quarter of
 * the memory floats would take. */
#include "core/data/dataset-private.h"

#include <string.h>

#include "core/base/error.h"
#include "core/data/folder-scan.h"
#include "core/data/folder.h"
#include "core/data/picture-file.h"

#define LOOKED_AT 32 /* pictures of a large folder that say whether there is transparency, or colour */

/* What is known while loading. */
typedef struct
{
  GFile *folder;
  const DdpmDatasetOptions *options;
  DdpmFit fit;
  GArray *found;     /* DdpmFound */
  GArray *skipped;   /* DdpmSkipped */
  GPtrArray *values; /* (guint8 *) of all that were found, as RGBA; empty: not decoded */
  gboolean any_transparency, any_colour;
  DdpmDatasetProgressFunc func;
  gpointer user_data;
  GCancellable *cancellable;
} Loading;

static void
loading_clear (Loading *loading)
{
  g_array_unref (loading->found);
  g_array_unref (loading->skipped);
  g_ptr_array_unref (loading->values);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Loading, loading_clear)

/* ---- size ---- */

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

static gboolean
decide_size (Loading *loading, guint multiple, GError **error)
{
  DdpmFit *fit = &loading->fit;

  if (fit->width == 0)
    ddpm_found_choose_size (loading->found, multiple, &fit->width, &fit->height);
  return check_shorter_side (fit, error);
}

/* ---- decoding ---- */

static guint8 *
decode (Loading *loading, guint index, GError **error)
{
  const DdpmFound *found = &g_array_index (loading->found, DdpmFound, index);
  g_autoptr (GFile) file = ddpm_folder_get_file (loading->folder, found->path);
  const DdpmPictureFile picture = { file, found->header.width, found->header.height, found->header.is_jpeg };
  gboolean has_transparency = FALSE, has_colour = FALSE;
  guint8 *values = ddpm_picture_file_decode (&picture, &loading->fit, &has_transparency, &has_colour, error);

  loading->any_transparency |= has_transparency;
  loading->any_colour |= has_colour;
  return values;
}

static gboolean
is_large (const Loading *loading)
{
  guint64 n_pixels = 0, n_bytes = 0;

  for (guint i = 0; i < loading->found->len; i++)
    {
      const DdpmImageHeader *header = &g_array_index (loading->found, DdpmFound, i).header;
      guint width, height;

      ddpm_fit_get_size (&loading->fit, header->width, header->height, &width, &height);
      n_pixels += (guint64) header->width * header->height;
      n_bytes += 4 * (guint64) width * height;
    }
  return n_pixels > DDPM_DATASET_CHECKED_PIXELS || n_bytes > DDPM_DATASET_CHECKED_BYTES;
}

/* All of them; those that cannot be read go over to the skipped ones. */
static gboolean
decode_all (Loading *loading, GError **error)
{
  const guint total = loading->found->len;

  for (guint i = 0; i < loading->found->len;)
    {
      g_autoptr (GError) reason = NULL;
      guint8 *values = NULL;

      if (g_cancellable_set_error_if_cancelled (loading->cancellable, error))
        return FALSE;
      values = decode (loading, i, &reason);
      if (values != NULL)
        {
          g_ptr_array_add (loading->values, values);
          i++;
        }
      else
        {
          ddpm_skipped_add (loading->skipped, g_array_index (loading->found, DdpmFound, i).path,
                            reason->message);
          g_array_remove_index (loading->found, i);
        }
      if (loading->func != NULL)
        loading->func (i + total - loading->found->len, total, loading->user_data);
    }
  return TRUE;
}

/* Decodes some of the pictures with as many channels as that, evenly spread, until `found` is set. */
static gboolean
look_for (Loading *loading, gboolean (*may_have) (guint n_channels), const gboolean *known, GError **error)
{
  guint n_candidates = 0, number = 0, looked_at = 0;

  for (guint i = 0; i < loading->found->len; i++)
    n_candidates += may_have (g_array_index (loading->found, DdpmFound, i).header.n_channels);
  for (guint i = 0; i < loading->found->len && !*known; i++)
    {
      if (!may_have (g_array_index (loading->found, DdpmFound, i).header.n_channels))
        continue;
      if (number++ < (guint64) looked_at * n_candidates / LOOKED_AT)
        continue;
      looked_at++;
      g_free (decode (loading, i, NULL)); /* one that cannot be read says nothing */
      if (g_cancellable_set_error_if_cancelled (loading->cancellable, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
may_be_transparent (guint n_channels)
{
  return n_channels == 2 || n_channels == 4;
}

static gboolean
may_have_colour (guint n_channels)
{
  return n_channels >= 3;
}

static gboolean
decode_some (Loading *loading, GError **error)
{
  if (loading->options->pixels != DDPM_PIXELS_AUTO)
    return TRUE;
  return look_for (loading, may_be_transparent, &loading->any_transparency, error)
         && (loading->any_transparency || look_for (loading, may_have_colour, &loading->any_colour, error));
}

static guint
decide_channels (const Loading *loading)
{
  switch (loading->options->pixels)
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

/* ---- the dataset ---- */

static guint64
begin_fingerprint (const DdpmDataset *dataset)
{
  const guint32 shape[] = { dataset->n_pictures, dataset->n_channels, dataset->height, dataset->width };

  return ddpm_dataset_extend_fingerprint (DDPM_HASH_BEGIN, shape, G_N_ELEMENTS (shape));
}

/* Values go to their places, and into the fingerprint. */
static void
take_values (DdpmDataset *dataset, Loading *loading)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  guint64 fingerprint = begin_fingerprint (dataset);

  for (guint i = 0; i < dataset->n_pictures; i++)
    {
      const DdpmDatasetPicture *picture = &dataset->pictures[i];
      const gsize n_pixels = (gsize) picture->width * picture->height;
      const gsize n_bytes = n_pixels * dataset->n_channels;
      const guint32 size[] = { picture->height, picture->width };
      guint8 *values = g_steal_pointer (&g_ptr_array_index (loading->values, i));
      guint64 hash;

      ddpm_picture_drop_channels (values, n_pixels, dataset->n_channels);
      if (picture->width != dataset->width || picture->height != dataset->height)
        fingerprint = ddpm_dataset_extend_fingerprint (fingerprint, size, G_N_ELEMENTS (size));
      fingerprint = ddpm_hash_bytes (fingerprint, values, n_bytes);
      hash = ddpm_hash_bytes (ddpm_dataset_extend_fingerprint (DDPM_HASH_BEGIN, size, 2), values, n_bytes);
      dataset->n_repeated += !g_hash_table_add (seen, g_memdup2 (&hash, sizeof hash));
      ddpm_picture_store_put (dataset->inner->store, i, g_realloc (values, n_bytes));
    }
  dataset->fingerprint = fingerprint;
}

static gboolean
fingerprint_files (DdpmDataset *dataset, const Loading *loading, GError **error)
{
  const guint32 fit[] = { loading->fit.kind, loading->fit.shorter_side };
  guint64 fingerprint =
    ddpm_dataset_extend_fingerprint (begin_fingerprint (dataset), fit, G_N_ELEMENTS (fit));

  for (guint i = 0; i < dataset->n_pictures; i++)
    {
      const DdpmImageHeader *header = &dataset->inner->headers[i];
      const guint32 numbers[] = { header->width,
                                  header->height,
                                  header->n_file_bytes & G_MAXUINT32,
                                  header->n_file_bytes >> 32,
                                  header->hash & G_MAXUINT32,
                                  header->hash >> 32 };

      fingerprint = ddpm_hash_bytes (fingerprint, dataset->paths[i], strlen (dataset->paths[i]) + 1);
      fingerprint = ddpm_dataset_extend_fingerprint (fingerprint, numbers, G_N_ELEMENTS (numbers));
    }
  dataset->fingerprint = fingerprint;
  return ddpm_found_count_repeated (loading->folder, loading->found, loading->cancellable,
                                    &dataset->n_repeated, error);
}

static void
take_pictures (DdpmDataset *dataset, Loading *loading)
{
  const guint n = loading->found->len;

  dataset->n_pictures = n;
  dataset->pictures = g_new (DdpmDatasetPicture, n);
  dataset->paths = g_new0 (char *, n + 1);
  dataset->inner->headers = g_new (DdpmImageHeader, n);
  for (guint i = 0; i < n; i++)
    {
      DdpmFound *found = &g_array_index (loading->found, DdpmFound, i);
      const DdpmImageHeader *header = &found->header;
      DdpmDatasetPicture *picture = &dataset->pictures[i];

      ddpm_fit_get_size (&loading->fit, header->width, header->height, &picture->width, &picture->height);
      dataset->paths[i] = g_strdup (found->path);
      dataset->inner->headers[i] = *header;
      dataset->n_resized += header->width != picture->width || header->height != picture->height;
      dataset->n_enlarged += header->width < picture->width || header->height < picture->height;
    }
}

static DdpmDataset *
finish (Loading *loading, GError **error)
{
  g_autoptr (DdpmDataset) dataset = g_new0 (DdpmDataset, 1);
  gsize n_skipped;

  dataset->n_channels = decide_channels (loading);
  dataset->width = loading->fit.width;
  dataset->height = loading->fit.height;
  dataset->wraps = ddpm_fit_wraps (loading->fit.kind);
  dataset->premultiplied = dataset->n_channels == 4;
  dataset->is_checked = loading->values->len > 0;
  dataset->inner = ddpm_dataset_inner_new (loading->folder, &loading->fit);
  take_pictures (dataset, loading);
  ddpm_found_count (loading->found, dataset);
  ddpm_dataset_open_store (dataset, loading->options);
  if (dataset->is_checked)
    take_values (dataset, loading);
  else if (!fingerprint_files (dataset, loading, error))
    return NULL;

  ddpm_skipped_sort (loading->skipped);
  dataset->skipped = (DdpmSkipped *) g_array_steal (loading->skipped, &n_skipped);
  dataset->n_skipped = n_skipped;
  return g_steal_pointer (&dataset);
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

/* Whether anything was found. */
static gboolean
check_found (const Loading *loading, GError **error)
{
  if (loading->found->len > 0)
    return TRUE;
  set_nothing_error (loading, error);
  return FALSE;
}

DdpmDataset *
ddpm_dataset_load (GFile *folder, const DdpmDatasetOptions *options, DdpmDatasetProgressFunc func,
                   gpointer user_data, GCancellable *cancellable, GError **error)
{
  const guint multiple = MAX (options->multiple, 1);
  g_auto (Loading) loading = { .folder = folder,
                               .options = options,
                               .fit = options->fit,
                               .found = ddpm_found_new (),
                               .skipped = ddpm_skipped_new (),
                               .values = g_ptr_array_new_with_free_func (g_free),
                               .func = func,
                               .user_data = user_data,
                               .cancellable = cancellable };

  loading.fit.width = options->fit.width > 0 ? options->fit.width : options->fit.height;
  loading.fit.height = options->fit.height > 0 ? options->fit.height : options->fit.width;
  if (loading.fit.width > 0 && !check_asked_size (&loading.fit, multiple, error))
    return NULL;
  if (!ddpm_folder_scan (folder, loading.found, loading.skipped, func, user_data, cancellable, error)
      || !check_found (&loading, error) || !decide_size (&loading, multiple, error))
    return NULL;
  if (!(options->headers_only || is_large (&loading) ? decode_some (&loading, error)
                                                     : decode_all (&loading, error))
      || !check_found (&loading, error))
    return NULL;
  return finish (&loading, error);
}
