#include "core/data/folder-scan.h"

#include <math.h>
#include <stdlib.h>

#include "core/data/folder.h"

#define LARGEST_CHOSEN_SIDE 64 /* pixels; larger pictures are trained on request only */

static void
clear_found (gpointer found)
{
  g_free (((DdpmFound *) found)->path);
}

GArray *
ddpm_found_new (void)
{
  GArray *found = g_array_new (FALSE, FALSE, sizeof (DdpmFound));

  g_array_set_clear_func (found, clear_found);
  return found;
}

/* One whose header cannot be made sense of may still be decoded; mostly that tells why not. */
static void
decode_instead (GFile *file, DdpmFound *found, GArray *skipped)
{
  g_autoptr (GError) reason = NULL;
  g_autoptr (DdpmImage) image = ddpm_image_load_reduced (file, 1, &reason);

  if (image != NULL)
    {
      found->header.width = image->width;
      found->header.height = image->height;
      found->header.n_channels = image->n_channels;
      found->header.is_jpeg = FALSE;
      return;
    }
  ddpm_skipped_add (skipped, found->path, reason->message);
  g_clear_pointer (&found->path, g_free);
}

gboolean
ddpm_folder_scan (GFile *folder, GArray *found, GArray *skipped, DdpmDatasetProgressFunc func,
                  gpointer user_data, GCancellable *cancellable, GError **error)
{
  g_autoptr (GPtrArray) files = g_ptr_array_new_with_free_func (g_free);

  if (!ddpm_folder_list (folder, files, skipped, cancellable, error))
    return FALSE;
  for (guint i = 0; i < files->len; i++)
    {
      DdpmFound one = { .path = g_strdup (g_ptr_array_index (files, i)) };
      g_autoptr (GFile) file = ddpm_folder_get_file (folder, one.path);

      if (!ddpm_image_probe (file, &one.header))
        decode_instead (file, &one, skipped);
      if (one.path != NULL)
        g_array_append_val (found, one);
      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      if (func != NULL)
        func (i + 1, files->len, user_data);
    }
  return TRUE;
}

/* ---- pictures in the same bytes ---- */

static int
compare_u64 (guint64 x, guint64 y)
{
  return (x > y) - (x < y);
}

static int
compare_ends (const DdpmImageHeader *a, const DdpmImageHeader *b)
{
  return a->n_file_bytes != b->n_file_bytes ? compare_u64 (a->n_file_bytes, b->n_file_bytes)
                                            : compare_u64 (a->hash, b->hash);
}

static int
compare_found (gconstpointer a, gconstpointer b)
{
  const DdpmImageHeader *x = &(*(DdpmFound *const *) a)->header, *y = &(*(DdpmFound *const *) b)->header;

  if (compare_ends (x, y) != 0)
    return compare_ends (x, y);
  return x->device != y->device ? compare_u64 (x->device, y->device) : compare_u64 (x->inode, y->inode);
}

static gboolean
is_same_file (const DdpmImageHeader *a, const DdpmImageHeader *b)
{
  return a->inode != 0 && a->device == b->device && a->inode == b->inode;
}

/* Of group[n], whose sizes, first and last bytes are the same. */
static guint
count_repeated_in_group (GFile *folder, DdpmFound *const *group, guint n, GCancellable *cancellable)
{
  g_autoptr (GHashTable) hashes = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  guint n_repeated = 0;

  if (n < 2 || group[0]->header.n_file_bytes <= 2 * DDPM_PROBE_BYTES) /* those are all its bytes */
    return n - 1;
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GFile) file = ddpm_folder_get_file (folder, group[i]->path);
      guint64 hash;

      if (i > 0 && is_same_file (&group[i - 1]->header, &group[i]->header))
        n_repeated++;
      else if (ddpm_image_hash_file (file, cancellable, &hash)
               && !g_hash_table_add (hashes, g_memdup2 (&hash, sizeof hash)))
        n_repeated++;
    }
  return n_repeated;
}

gboolean
ddpm_found_count_repeated (GFile *folder, const GArray *found, GCancellable *cancellable, guint *n_repeated,
                           GError **error)
{
  g_autofree DdpmFound **order = g_new (DdpmFound *, found->len);
  guint end;

  for (guint i = 0; i < found->len; i++)
    order[i] = &g_array_index (found, DdpmFound, i);
  qsort (order, found->len, sizeof *order, compare_found);
  *n_repeated = 0;
  for (guint begin = 0; begin < found->len; begin = end)
    {
      for (end = begin + 1; end < found->len; end++)
        if (compare_ends (&order[begin]->header, &order[end]->header) != 0)
          break;
      *n_repeated += count_repeated_in_group (folder, order + begin, end - begin, cancellable);
      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
    }
  return TRUE;
}

/* ---- sizes ---- */

/* To the nearest multiple; over the largest side chosen only where one multiple already is. */
static guint
round_side (guint side, guint multiple)
{
  guint largest = LARGEST_CHOSEN_SIDE / multiple * multiple;
  guint rounded = (side + multiple / 2) / multiple * multiple;

  return MAX (MIN (rounded, largest), multiple);
}

static int
compare_numbers (gconstpointer a, gconstpointer b)
{
  return compare_u64 (*(const guint64 *) a, *(const guint64 *) b);
}

void
ddpm_found_choose_size (const GArray *found, guint multiple, guint *width, guint *height)
{
  const guint n = found->len;
  g_autofree guint64 *sizes = g_new (guint64, n); /* width << 32 | height */
  g_autofree guint64 *smaller_sides = g_new (guint64, n);
  guint n_same = 0;

  for (guint i = 0; i < n; i++)
    {
      const DdpmImageHeader *header = &g_array_index (found, DdpmFound, i).header;

      sizes[i] = (guint64) header->width << 32 | header->height;
      smaller_sides[i] = MIN (header->width, header->height);
    }
  qsort (sizes, n, sizeof *sizes, compare_numbers);
  qsort (smaller_sides, n, sizeof *smaller_sides, compare_numbers);

  /* what more than half have is also in the middle */
  for (guint i = 0; i < n; i++)
    n_same += sizes[i] == sizes[n / 2];
  if (n_same > n / 2)
    {
      *width = sizes[n / 2] >> 32;
      *height = sizes[n / 2] & G_MAXUINT32;
    }
  else
    *width = *height = n > 0 && smaller_sides[n / 2] >= LARGEST_CHOSEN_SIDE ? LARGEST_CHOSEN_SIDE : 32;

  double scale = MIN (1.0, (double) LARGEST_CHOSEN_SIDE / MAX (*width, *height));
  *width = round_side (MAX (lrint (*width * scale), 1), multiple);
  *height = round_side (MAX (lrint (*height * scale), 1), multiple);
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

void
ddpm_found_count (const GArray *found, DdpmDataset *dataset)
{
  g_autoptr (GHashTable) sizes = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);

  for (guint i = 0; i < found->len; i++)
    {
      const DdpmImageHeader *header = &g_array_index (found, DdpmFound, i).header;

      count_size (sizes, header->width, header->height);
      dataset->n_of_channels[header->n_channels]++;
      dataset->n_file_bytes += header->n_file_bytes;
    }
  dataset->n_sizes = g_hash_table_size (sizes);
  dataset->sizes = list_sizes (sizes);
}
