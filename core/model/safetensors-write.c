/* Writing: the header first, then the tensors in the order of their names, converted piece by piece. */
#include "core/model/safetensors.h"

#include <string.h>

#include "core/model/json.h"
#include "core/model/tensor.h"

#define PIECE_VALUES 65536u

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  const DdpmTensorToWrite *const *x = a, *const *y = b;

  return strcmp ((*x)->name, (*y)->name);
}

/* Pointers to the tensors, in the order in which they are written. */
static GPtrArray *
sort_tensors (const DdpmTensorToWrite *tensors, guint n_tensors)
{
  GPtrArray *sorted = g_ptr_array_sized_new (n_tensors);

  for (guint i = 0; i < n_tensors; i++)
    g_ptr_array_add (sorted, (gpointer) &tensors[i]);
  g_ptr_array_sort (sorted, compare_names);
  return sorted;
}

static gsize
count_values (const DdpmTensorToWrite *tensor)
{
  gsize n = 1;

  for (guint i = 0; i < tensor->n_dims; i++)
    n *= tensor->shape[i];
  return n;
}

static void
append_string (GString *text, const char *string)
{
  g_autoptr (JsonNode) node = json_node_init_string (json_node_alloc (), string);
  g_autofree char *quoted = ddpm_json_to_text (node);

  g_string_append (text, quoted);
}

static void
append_metadata (GString *text, const char *const *metadata)
{
  g_string_append (text, "\"__metadata__\":{\"format\":\"pt\"");
  for (; metadata != NULL && metadata[0] != NULL; metadata += 2)
    {
      g_string_append_c (text, ',');
      append_string (text, metadata[0]);
      g_string_append_c (text, ':');
      append_string (text, metadata[1]);
    }
  g_string_append_c (text, '}');
}

static GString *
make_header (GPtrArray *tensors, DdpmDtype dtype, const char *const *metadata)
{
  GString *text = g_string_new ("{");
  gsize at = 0;

  append_metadata (text, metadata);
  for (guint i = 0; i < tensors->len; i++)
    {
      const DdpmTensorToWrite *tensor = g_ptr_array_index (tensors, i);
      gsize size = count_values (tensor) * ddpm_dtype_get_size_bytes (dtype);

      g_string_append_c (text, ',');
      append_string (text, tensor->name);
      g_string_append_printf (text, ":{\"dtype\":\"%s\",\"shape\":[", ddpm_dtype_get_name (dtype));
      for (guint j = 0; j < tensor->n_dims; j++)
        g_string_append_printf (text, "%s%" G_GSIZE_FORMAT, j > 0 ? "," : "", tensor->shape[j]);
      g_string_append_printf (text, "],\"data_offsets\":[%" G_GSIZE_FORMAT ",%" G_GSIZE_FORMAT "]}", at,
                              at + size);
      at += size;
    }
  g_string_append_c (text, '}');
  while (text->len % 8 != 0)
    g_string_append_c (text, ' ');
  return text;
}

static gboolean
write_values (DdpmAtomicFile *file, const float *values, gsize n, DdpmDtype dtype, guint8 *piece,
              GError **error)
{
  gsize size_bytes = ddpm_dtype_get_size_bytes (dtype);

  for (gsize i = 0; i < n; i += PIECE_VALUES)
    {
      gsize n_piece = MIN (n - i, PIECE_VALUES);

      ddpm_dtype_encode (dtype, values + i, n_piece, piece);
      if (!ddpm_atomic_file_write (file, piece, n_piece * size_bytes, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
ddpm_safetensors_write_to (DdpmAtomicFile *file, const DdpmTensorToWrite *tensors, guint n_tensors,
                           DdpmDtype dtype, const char *const *metadata, GError **error)
{
  g_autoptr (GPtrArray) sorted = sort_tensors (tensors, n_tensors);
  g_autoptr (GString) header = NULL;
  g_autofree guint8 *piece = g_malloc (PIECE_VALUES * sizeof (float));
  guint64 header_size;

  g_return_val_if_fail (dtype == DDPM_DTYPE_F32 || dtype == DDPM_DTYPE_F16 || dtype == DDPM_DTYPE_BF16,
                        FALSE);

  header = make_header (sorted, dtype, metadata);
  header_size = GUINT64_TO_LE ((guint64) header->len);
  if (!ddpm_atomic_file_write (file, &header_size, 8, error)
      || !ddpm_atomic_file_write (file, header->str, header->len, error))
    return FALSE;
  for (guint i = 0; i < sorted->len; i++)
    {
      const DdpmTensorToWrite *tensor = g_ptr_array_index (sorted, i);

      if (!write_values (file, tensor->values, count_values (tensor), dtype, piece, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
ddpm_safetensors_write (GFile *file, const DdpmTensorToWrite *tensors, guint n_tensors, DdpmDtype dtype,
                        const char *const *metadata, GError **error)
{
  g_autoptr (DdpmAtomicFile) atomic = ddpm_atomic_file_new (file, error);

  return atomic != NULL && ddpm_safetensors_write_to (atomic, tensors, n_tensors, dtype, metadata, error)
         && ddpm_atomic_file_commit (atomic, error);
}
