#include "core/data/dataset-private.h"

#include <string.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/data/folder.h"
#include "core/data/picture-file.h"

#define MEMORY_SHARE 4 /* one in so many bytes that are free is for values */

/* Several threads may decode at a time; photographs of many megapixels, not of a file each. */
#define DECODING_BYTES (1u << 30)

guint64
ddpm_dataset_extend_fingerprint (guint64 fingerprint, const guint32 *numbers, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      const guint32 number = GUINT32_TO_LE (numbers[i]);

      fingerprint = ddpm_hash_bytes (fingerprint, &number, sizeof number);
    }
  return fingerprint;
}

/* ---- values ---- */

/* Whether the file is still the one that was looked at. */
static gboolean
check_same (GFile *file, const DdpmImageHeader *header, GError **error)
{
  g_autoptr (GFileInfo) info =
    g_file_query_info (file, G_FILE_ATTRIBUTE_STANDARD_SIZE, G_FILE_QUERY_INFO_NONE, NULL, NULL);

  if (info != NULL && (guint64) g_file_info_get_size (info) == header->n_file_bytes)
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                       info == NULL ? "it is no longer there" : "it has changed");
  return FALSE;
}

/* Waits until there is memory to decode so much more. */
static void
begin_decoding (DdpmDatasetInner *inner, guint64 bytes)
{
  g_mutex_lock (&inner->lock);
  while (inner->decoding_bytes > 0 && inner->decoding_bytes + bytes > DECODING_BYTES)
    g_cond_wait (&inner->changed, &inner->lock);
  inner->decoding_bytes += bytes;
  g_mutex_unlock (&inner->lock);
}

static void
end_decoding (DdpmDatasetInner *inner, guint64 bytes)
{
  g_mutex_lock (&inner->lock);
  inner->decoding_bytes -= bytes;
  g_cond_broadcast (&inner->changed);
  g_mutex_unlock (&inner->lock);
}

static gboolean
read_picture (guint index, guint8 *values, gpointer user_data, GError **error)
{
  const DdpmDataset *dataset = user_data;
  DdpmDatasetInner *inner = dataset->inner;
  const DdpmDatasetPicture *picture = &dataset->pictures[index];
  const DdpmImageHeader *header = &inner->headers[index];
  const gsize n_pixels = (gsize) picture->width * picture->height;
  g_autoptr (GFile) file = ddpm_folder_get_file (inner->folder, dataset->paths[index]);
  const DdpmPictureFile source = { file, header->width, header->height, header->is_jpeg };
  const guint64 bytes = ddpm_picture_file_predict_bytes (&source, &inner->fit);
  g_autofree guint8 *rgba = NULL;
  gboolean has_transparency, has_colour;

  if (!check_same (file, header, error))
    return FALSE;
  begin_decoding (inner, bytes);
  rgba = ddpm_picture_file_decode (&source, &inner->fit, &has_transparency, &has_colour, error);
  end_decoding (inner, bytes);
  if (rgba == NULL)
    return FALSE;
  ddpm_picture_drop_channels (rgba, n_pixels, dataset->n_channels);
  memcpy (values, rgba, dataset->n_channels * n_pixels);
  return TRUE;
}

DdpmDatasetInner *
ddpm_dataset_inner_new (GFile *folder, const DdpmFit *fit)
{
  DdpmDatasetInner *inner = g_new0 (DdpmDatasetInner, 1);

  inner->folder = g_object_ref (folder);
  inner->fit = *fit;
  inner->told = g_hash_table_new (NULL, NULL);
  g_mutex_init (&inner->lock);
  g_cond_init (&inner->changed);
  g_queue_init (&inner->messages);
  return inner;
}

static void
inner_free (DdpmDatasetInner *inner)
{
  ddpm_picture_store_free (inner->store);
  g_object_unref (inner->folder);
  g_free (inner->headers);
  g_hash_table_unref (inner->told);
  g_queue_clear_full (&inner->messages, g_free);
  g_clear_error (&inner->failure);
  g_mutex_clear (&inner->lock);
  g_cond_clear (&inner->changed);
  g_free (inner);
}

void
ddpm_dataset_open_store (DdpmDataset *dataset, const DdpmDatasetOptions *options)
{
  const guint64 share = ddpm_memory_get_available_bytes () / (MEMORY_SHARE * MAX (options->n_sharing, 1));
  const guint64 bound = options->memory_bytes > 0 ? options->memory_bytes : share;
  g_autofree gsize *n_bytes = g_new (gsize, dataset->n_pictures);
  g_autofree char *folder = g_build_filename (g_get_user_cache_dir (), "gimp-ddpm", NULL);
  const DdpmPictureStoreOptions store_options = {
    .memory_bytes = MIN (bound, G_MAXSIZE / 2), .folder = folder, .read = read_picture, .user_data = dataset
  };

  dataset->n_bytes = 0;
  for (guint i = 0; i < dataset->n_pictures; i++)
    {
      n_bytes[i] = (gsize) dataset->n_channels * dataset->pictures[i].width * dataset->pictures[i].height;
      dataset->n_bytes += n_bytes[i];
    }
  dataset->inner->store = ddpm_picture_store_new (dataset->n_pictures, n_bytes, &store_options);
  dataset->n_memory_bytes = ddpm_picture_store_get_most_bytes (dataset->inner->store);
}

void
ddpm_dataset_free (DdpmDataset *dataset)
{
  if (dataset == NULL)
    return;
  g_clear_pointer (&dataset->inner, inner_free); /* first: its thread reads the rest */
  for (guint i = 0; i < dataset->n_skipped; i++)
    ddpm_skipped_clear (&dataset->skipped[i]);
  g_free (dataset->skipped);
  g_free (dataset->sizes);
  g_free (dataset->pictures);
  g_strfreev (dataset->paths);
  g_free (dataset);
}

/* ---- holding them ---- */

/* A picture that is there but cannot be read is always so, and left out. FALSE: what happened may be
 * otherwise at another time, so there is no going on with another picture. */
static gboolean
leave_out (const DdpmDataset *dataset, guint index, const GError *reason)
{
  DdpmDatasetInner *inner = dataset->inner;
  g_autofree char *path = g_filename_display_name (dataset->paths[index]);
  const gboolean always = g_error_matches (reason, DDPM_ERROR, DDPM_ERROR_FILE)
                          || g_error_matches (reason, DDPM_ERROR, DDPM_ERROR_UNSUPPORTED);

  g_mutex_lock (&inner->lock);
  if (always && g_hash_table_add (inner->told, GUINT_TO_POINTER (index)))
    g_queue_push_tail (
      &inner->messages,
      g_strdup_printf ("%s cannot be read (%s); the next picture takes its place", path, reason->message));
  if (!always && inner->failure == NULL)
    g_set_error (
      &inner->failure, DDPM_ERROR, reason->domain == DDPM_ERROR ? reason->code : DDPM_ERROR_FILE,
      "The picture %s cannot be read while it is trained on: %s; bring the pictures back as they were, "
      "then --resume goes on from the last checkpoint",
      path, reason->message);
  g_mutex_unlock (&inner->lock);
  return always;
}

static void
fail_with_all (const DdpmDataset *dataset)
{
  DdpmDatasetInner *inner = dataset->inner;
  g_autofree char *name = g_file_get_parse_name (inner->folder);

  g_mutex_lock (&inner->lock);
  if (inner->failure == NULL)
    g_set_error (
      &inner->failure, DDPM_ERROR, DDPM_ERROR_FILE,
      "None of the pictures in %s that are trained on, or held out, can be read; look whether they can "
      "be opened, and start again",
      name);
  g_mutex_unlock (&inner->lock);
}

gboolean
ddpm_dataset_hold (const DdpmDataset *dataset, const guint32 *members, guint n_members, guint place,
                   DdpmHeldPicture *held)
{
  for (guint i = 0; i < n_members; i++)
    {
      const guint index = members[(place + i) % n_members];
      g_autoptr (GError) reason = NULL;

      *held = (DdpmHeldPicture) { index, ddpm_picture_store_hold (dataset->inner->store, index, &reason) };
      if (held->values != NULL)
        return TRUE;
      if (!leave_out (dataset, index, reason))
        return FALSE;
    }
  fail_with_all (dataset);
  return FALSE;
}

void
ddpm_dataset_release (const DdpmDataset *dataset, DdpmHeldPicture *held)
{
  ddpm_picture_store_release (dataset->inner->store, held->index);
  held->values = NULL;
}

void
ddpm_dataset_show (const DdpmDataset *dataset, const DdpmHeldPicture *held, const DdpmView *view,
                   float *tensor)
{
  const DdpmDatasetPicture *picture = &dataset->pictures[held->index];
  const DdpmViewedPicture viewed = { held->values, dataset->n_channels, picture->width, picture->height,
                                     dataset->wraps };

  ddpm_view_show (view, &viewed, dataset->width, dataset->height, tensor);
}

gboolean
ddpm_dataset_get (const DdpmDataset *dataset, guint index, const DdpmView *view, float *tensor)
{
  DdpmHeldPicture held;

  held = (DdpmHeldPicture) { index, ddpm_picture_store_hold (dataset->inner->store, index, NULL) };
  if (held.values == NULL)
    return FALSE;
  ddpm_dataset_show (dataset, &held, view, tensor);
  ddpm_dataset_release (dataset, &held);
  return TRUE;
}

void
ddpm_dataset_expect (const DdpmDataset *dataset, const guint32 *indices, guint n)
{
  ddpm_picture_store_expect (dataset->inner->store, indices, n);
}

gboolean
ddpm_dataset_check (const DdpmDataset *dataset, GError **error)
{
  DdpmDatasetInner *inner = dataset->inner;
  GError *failure = NULL;

  g_mutex_lock (&inner->lock);
  if (inner->failure != NULL)
    failure = g_error_copy (inner->failure);
  g_mutex_unlock (&inner->lock);
  if (failure == NULL)
    return TRUE;
  g_propagate_error (error, failure);
  return FALSE;
}

char *
ddpm_dataset_take_message (const DdpmDataset *dataset)
{
  char *message = NULL;

  g_mutex_lock (&dataset->inner->lock);
  message = g_queue_pop_head (&dataset->inner->messages);
  g_mutex_unlock (&dataset->inner->lock);
  return message;
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
