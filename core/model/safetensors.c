/* Reading: the file is mapped, its header scanned, and every number in it held against the file's size before
 * it is used. Nothing is allocated but a record for each tensor, so what a file costs is in proportion to
 * what it weighs. */
#include "core/model/safetensors-private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/model/json-scan.h"
#include "core/model/tensor.h"

/* The limit of the format's own library. */
#define MAX_HEADER_BYTES (100u << 20)

/* What a header says of one tensor. */
typedef struct
{
  DdpmTensor tensor;
  guint64 begin, end; /* bytes, counted from the first after the header */
  gboolean has_dtype, has_shape, has_offsets;
} Entry;

static void
clear_tensor (gpointer data)
{
  g_free (((DdpmTensor *) data)->name);
}

static void
clear_entry (gpointer data)
{
  clear_tensor (&((Entry *) data)->tensor);
}

/* Where a converted file would stand. */
static char *
get_converted_name (const char *name)
{
  const char *dot = strrchr (name, '.');
  const gboolean is_pickle = ddpm_file_is_pickle (name);

  return g_strdup_printf ("%.*s%s.safetensors", (int) (dot != NULL ? dot - name : strlen (name)), name,
                          is_pickle ? "" : "-converted");
}

gboolean
ddpm_safetensors_refuse_pickle (const char *name, GError **error)
{
  g_autofree char *converted = get_converted_name (name);
  g_autofree char *from = g_shell_quote (name), *to = g_shell_quote (converted);

  g_set_error (
    error, DDPM_ERROR, DDPM_ERROR_UNSUPPORTED,
    _ ("%s is a pickled file, which can run any program when it is opened, so it is not read; Python with "
       "PyTorch converts it, taking nothing but tensors from it: python3 -c 'import sys, torch, "
       "safetensors.torch as s; d = torch.load(sys.argv[1], weights_only=True, map_location=\"cpu\"); "
       "s.save_file({k: v.contiguous() for k, v in d.get(\"state_dict\", d).items()}, sys.argv[2])' %s %s"),
    name, from, to);
  return FALSE;
}

gboolean
ddpm_file_is_pickle (const char *name)
{
  static const char *const suffixes[] = { ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle" };
  g_autofree char *lower = g_ascii_strdown (name, -1);

  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++)
    if (g_str_has_suffix (lower, suffixes[i]))
      return TRUE;
  return FALSE;
}

/* What people have instead of a safetensors file, told by its first bytes. */
static gboolean
check_kind (const char *name, const guint8 *data, gsize size, GError **error)
{
  static const char lfs[] = "version https://git-lfs";
  gboolean zip = size >= 4 && memcmp (data, "PK\3\4", 4) == 0;
  gboolean pickle = size >= 2 && data[0] == 0x80 && data[1] >= 2 && data[1] <= 5;

  if ((zip || pickle) && !(size > 8 && data[8] == '{'))
    return ddpm_safetensors_refuse_pickle (name, error);
  if (size >= sizeof (lfs) - 1 && memcmp (data, lfs, sizeof (lfs) - 1) == 0)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
                   _ ("%s is only a Git LFS pointer to the weights; fetch them with \"git lfs pull\""), name);
      return FALSE;
    }
  return TRUE;
}

static gboolean
scan_shape (DdpmJsonScan *scan, DdpmTensor *tensor, GError **error)
{
  gboolean first = TRUE, more;
  guint64 size;

  tensor->n_dims = 0;
  if (!ddpm_json_scan_expect (scan, '[', error))
    return FALSE;
  while (ddpm_json_scan_next (scan, ']', &first, &more, error))
    {
      if (!more)
        return TRUE;
      if (!ddpm_json_scan_size (scan, &size, error))
        return FALSE;
      if (tensor->n_dims == DDPM_TENSOR_MAX_DIMS || size > G_MAXSIZE)
        return ddpm_json_scan_fail (scan, error, _ ("a shape has more than %d dimensions"),
                                    DDPM_TENSOR_MAX_DIMS);
      tensor->shape[tensor->n_dims++] = size;
    }
  return FALSE;
}

static gboolean
scan_dtype (DdpmJsonScan *scan, DdpmTensor *tensor, GError **error)
{
  g_autofree char *name = ddpm_json_scan_string (scan, error);

  if (name == NULL)
    return FALSE;
  if (ddpm_dtype_from_name (name, &tensor->dtype))
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_UNSUPPORTED,
               _ ("the tensor \"%s\" is stored as \"%s\", which is not supported"), tensor->name, name);
  return FALSE;
}

static gboolean
scan_offsets (DdpmJsonScan *scan, Entry *entry, GError **error)
{
  return ddpm_json_scan_expect (scan, '[', error) && ddpm_json_scan_size (scan, &entry->begin, error)
         && ddpm_json_scan_expect (scan, ',', error) && ddpm_json_scan_size (scan, &entry->end, error)
         && ddpm_json_scan_expect (scan, ']', error);
}

/* One member of {"dtype", "shape", "data_offsets"}; others are stepped over. */
static gboolean
scan_member (DdpmJsonScan *scan, Entry *entry, GError **error)
{
  g_autofree char *key = ddpm_json_scan_string (scan, error);
  gboolean *seen = NULL;

  if (key == NULL || !ddpm_json_scan_expect (scan, ':', error))
    return FALSE;
  if (g_str_equal (key, "dtype"))
    seen = &entry->has_dtype;
  else if (g_str_equal (key, "shape"))
    seen = &entry->has_shape;
  else if (g_str_equal (key, "data_offsets"))
    seen = &entry->has_offsets;
  else
    return ddpm_json_scan_skip (scan, 2, error);

  if (*seen)
    return ddpm_json_scan_fail (scan, error, _ ("\"%s\" stands here for the second time"), key);
  *seen = TRUE;
  if (seen == &entry->has_dtype)
    return scan_dtype (scan, &entry->tensor, error);
  return seen == &entry->has_shape ? scan_shape (scan, &entry->tensor, error)
                                   : scan_offsets (scan, entry, error);
}

static gboolean
scan_entry (DdpmJsonScan *scan, Entry *entry, GError **error)
{
  gboolean first = TRUE, more;

  if (!ddpm_json_scan_expect (scan, '{', error))
    return FALSE;
  do
    {
      if (!ddpm_json_scan_next (scan, '}', &first, &more, error)
          || (more && !scan_member (scan, entry, error)))
        return FALSE;
    }
  while (more);

  if (!entry->has_dtype || !entry->has_shape || !entry->has_offsets)
    return ddpm_json_scan_fail (scan, error, _ ("the tensor \"%s\" lacks its dtype, shape or data_offsets"),
                                entry->tensor.name);
  return TRUE;
}

static gboolean
scan_metadata (DdpmJsonScan *scan, GHashTable *metadata, GError **error)
{
  gboolean first = TRUE, more;

  if (!ddpm_json_scan_expect (scan, '{', error))
    return FALSE;
  while (ddpm_json_scan_next (scan, '}', &first, &more, error))
    {
      g_autofree char *key = NULL;
      char *value;

      if (!more)
        return TRUE;
      key = ddpm_json_scan_string (scan, error);
      if (key == NULL || !ddpm_json_scan_expect (scan, ':', error))
        return FALSE;
      value = ddpm_json_scan_string (scan, error);
      if (value == NULL)
        return FALSE;
      if (!g_hash_table_insert (metadata, g_steal_pointer (&key), value))
        return ddpm_json_scan_fail (scan, error, _ ("a name in \"__metadata__\" stands there twice"));
    }
  return FALSE;
}

static gboolean
scan_header (DdpmSafetensors *file, const char *text, gsize length, GArray *entries, GError **error)
{
  DdpmJsonScan scan;
  gboolean first = TRUE, more, has_metadata = FALSE;

  if (!ddpm_json_scan_init (&scan, text, length, error) || !ddpm_json_scan_expect (&scan, '{', error))
    return FALSE;
  while (ddpm_json_scan_next (&scan, '}', &first, &more, error))
    {
      g_autofree char *key = NULL;
      Entry *entry;

      if (!more)
        return ddpm_json_scan_end (&scan, error);
      key = ddpm_json_scan_string (&scan, error);
      if (key == NULL || !ddpm_json_scan_expect (&scan, ':', error))
        return FALSE;
      if (g_str_equal (key, "__metadata__"))
        {
          if (has_metadata)
            return ddpm_json_scan_fail (&scan, error, _ ("\"__metadata__\" stands here for the second time"));
          has_metadata = TRUE;
          if (!scan_metadata (&scan, file->metadata, error))
            return FALSE;
          continue;
        }
      g_array_set_size (entries, entries->len + 1);
      entry = &g_array_index (entries, Entry, entries->len - 1);
      entry->tensor.name = g_steal_pointer (&key);
      if (!scan_entry (&scan, entry, error))
        return FALSE;
    }
  return FALSE;
}

static gint
compare_entries (gconstpointer a, gconstpointer b)
{
  const Entry *x = a, *y = b;

  if (x->begin != y->begin)
    return x->begin < y->begin ? -1 : 1;
  return x->end < y->end ? -1 : x->end > y->end;
}

/* The product of the shape, in bytes, is what the offsets say. */
static gboolean
check_entry (Entry *entry, gsize data_size, GError **error)
{
  DdpmTensor *tensor = &entry->tensor;
  gsize n = 1, size;
  gboolean fits = TRUE, empty = FALSE;

  for (guint i = 0; i < tensor->n_dims; i++)
    empty = empty || tensor->shape[i] == 0;
  for (guint i = 0; i < tensor->n_dims && !empty; i++)
    fits = fits && g_size_checked_mul (&n, n, tensor->shape[i]);
  if (empty)
    n = 0;
  fits = fits && g_size_checked_mul (&size, n, ddpm_dtype_get_size_bytes (tensor->dtype));

  if (entry->begin > entry->end || entry->end > data_size)
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
                 _ ("its tensor \"%s\" claims bytes %" PRIu64 " to %" PRIu64 ", but there are %zu"),
                 tensor->name, entry->begin, entry->end, data_size);
  else if (!fits || size != entry->end - entry->begin)
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
                 _ ("its tensor \"%s\" has %" PRIu64 " bytes, which is not what its shape and type need"),
                 tensor->name, entry->end - entry->begin);
  else
    {
      tensor->n_values = n;
      tensor->size_bytes = size;
      return TRUE;
    }
  return FALSE;
}

/* All tensors together cover the data, each byte once, and no two have the same name. */
static gboolean
take_entries (DdpmSafetensors *file, GArray *entries, const guint8 *data, gsize data_size, GError **error)
{
  guint64 covered = 0;

  g_array_sort (entries, compare_entries);
  for (guint i = 0; i < entries->len; i++)
    {
      Entry *entry = &g_array_index (entries, Entry, i);

      if (!check_entry (entry, data_size, error))
        return FALSE;
      if (entry->begin != covered)
        {
          g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
                       entry->begin < covered ? _ ("its tensor \"%s\" shares bytes with another one")
                                              : _ ("there is a gap before its tensor \"%s\""),
                       entry->tensor.name);
          return FALSE;
        }
      covered = entry->end;
      entry->tensor.data = data + entry->begin;
      g_array_append_val (file->tensors, entry->tensor);
      entry->tensor.name = NULL;
    }
  if (covered != data_size)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, _ ("%" PRIu64 " bytes follow its last tensor"),
                   data_size - covered);
      return FALSE;
    }

  for (guint i = 0; i < file->tensors->len; i++)
    {
      DdpmTensor *tensor = &g_array_index (file->tensors, DdpmTensor, i);

      if (!g_hash_table_insert (file->by_name, tensor->name, tensor))
        {
          g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, _ ("it has two tensors named \"%s\""),
                       tensor->name);
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
unsupported (GError **error)
{
  return error != NULL && g_error_matches (*error, DDPM_ERROR, DDPM_ERROR_UNSUPPORTED);
}

/* Errors are the end of a sentence that names the file. */
static gboolean
parse (DdpmSafetensors *file, const guint8 *data, gsize size, GError **error)
{
  g_autoptr (GArray) entries = NULL;
  guint64 header_size;

  if (size < 8)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, _ ("it has only %zu bytes"), size);
      return FALSE;
    }
  memcpy (&header_size, data, 8);
  header_size = GUINT64_FROM_LE (header_size);
  if (header_size > size - 8)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
                   _ ("its header should have %" PRIu64 " bytes, but only %zu follow"), header_size,
                   size - 8);
      return FALSE;
    }
  if (header_size > MAX_HEADER_BYTES)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
                   _ ("its header has %" PRIu64 " bytes, and %u are the limit"), header_size,
                   MAX_HEADER_BYTES);
      return FALSE;
    }

  entries = g_array_new (FALSE, TRUE, sizeof (Entry));
  g_array_set_clear_func (entries, clear_entry);
  if (!scan_header (file, (const char *) data + 8, header_size, entries, error))
    {
      if (!unsupported (error))
        g_prefix_error (error, "%s", _ ("in its header, "));
      return FALSE;
    }
  return take_entries (file, entries, data + 8 + header_size, size - 8 - header_size, error);
}

static GMappedFile *
map_file (GFile *file, const char *name, GError **error)
{
  g_autoptr (GError) reason = NULL;
  const char *path = g_file_peek_path (file);
  GMappedFile *map = NULL;
  GStatBuf info;

  if (path == NULL || g_stat (path, &info) != 0)
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, _ ("%s cannot be read: %s"), name,
                 path == NULL ? _ ("it is not on this machine") : g_strerror (errno));
  else if (!S_ISREG (info.st_mode))
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
                 _ ("%s is not a file; a safetensors file should be there"), name);
  else if (ddpm_file_is_pickle (name))
    ddpm_safetensors_refuse_pickle (name, error);
  else if ((map = g_mapped_file_new (path, FALSE, &reason)) == NULL)
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, _ ("%s cannot be read: %s"), name, reason->message);
  return map;
}

DdpmSafetensors *
ddpm_safetensors_open (GFile *file, GError **error)
{
  g_autofree char *name = g_file_get_parse_name (file);
  g_autoptr (DdpmSafetensors) opened = g_new0 (DdpmSafetensors, 1);
  const guint8 *data;
  gsize size;

  opened->map = map_file (file, name, error);
  if (opened->map == NULL)
    return NULL;
  data = (const guint8 *) g_mapped_file_get_contents (opened->map);
  size = g_mapped_file_get_length (opened->map);
  if (!check_kind (name, data, size, error))
    return NULL;

  opened->tensors = g_array_new (FALSE, TRUE, sizeof (DdpmTensor));
  g_array_set_clear_func (opened->tensors, clear_tensor);
  opened->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  opened->metadata = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  if (!parse (opened, data, size, error))
    {
      g_prefix_error (error,
                      unsupported (error)
                        ? "%s: "
                        : _ ("%s is damaged or no safetensors file, copy or download it again: "),
                      name);
      return NULL;
    }
  return g_steal_pointer (&opened);
}

void
ddpm_safetensors_free (DdpmSafetensors *file)
{
  if (file == NULL)
    return;
  g_clear_pointer (&file->by_name, g_hash_table_unref);
  g_clear_pointer (&file->metadata, g_hash_table_unref);
  g_clear_pointer (&file->tensors, g_array_unref);
  g_clear_pointer (&file->pieces, g_ptr_array_unref);
  g_clear_pointer (&file->map, g_mapped_file_unref);
  g_free (file);
}

const DdpmTensor *
ddpm_safetensors_get_tensors (const DdpmSafetensors *file, guint *n_tensors)
{
  *n_tensors = file->tensors->len;
  return (const DdpmTensor *) file->tensors->data;
}

const DdpmTensor *
ddpm_safetensors_find (const DdpmSafetensors *file, const char *name)
{
  return g_hash_table_lookup (file->by_name, name);
}

const char *
ddpm_safetensors_get_metadata (const DdpmSafetensors *file, const char *key)
{
  return g_hash_table_lookup (file->metadata, key);
}

void
ddpm_safetensors_forget (const DdpmSafetensors *file)
{
  if (file->map != NULL)
    madvise (g_mapped_file_get_contents (file->map), g_mapped_file_get_length (file->map), MADV_DONTNEED);
  for (guint i = 0; file->pieces != NULL && i < file->pieces->len; i++)
    ddpm_safetensors_forget (g_ptr_array_index (file->pieces, i));
}

gsize
ddpm_safetensors_get_size_bytes (const DdpmSafetensors *file)
{
  gsize size_bytes = file->map != NULL ? g_mapped_file_get_length (file->map) : 0;

  for (guint i = 0; file->pieces != NULL && i < file->pieces->len; i++)
    size_bytes += ddpm_safetensors_get_size_bytes (g_ptr_array_index (file->pieces, i));
  return size_bytes;
}
