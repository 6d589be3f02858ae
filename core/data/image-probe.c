#include "core/data/image-probe.h"

#include "core/data/image-jpeg.h"
#include "core/data/image-pixbuf.h"
#include "core/data/image-png.h"

#define READ_BYTES (256 * 1024)

guint64
ddpm_hash_bytes (guint64 hash, gconstpointer bytes, gsize n)
{
  const guint8 *b = bytes;

  for (gsize i = 0; i < n; i++)
    hash = (hash ^ b[i]) * G_GUINT64_CONSTANT (0x100000001b3);
  return hash;
}

/* Before anything is opened: opening a pipe would wait for its writer. */
static gboolean
take_file_info (GFile *file, DdpmImageHeader *header)
{
  g_autoptr (GFileInfo) info = g_file_query_info (
    file,
    G_FILE_ATTRIBUTE_STANDARD_TYPE "," G_FILE_ATTRIBUTE_STANDARD_SIZE "," G_FILE_ATTRIBUTE_UNIX_DEVICE
                                   "," G_FILE_ATTRIBUTE_UNIX_INODE,
    G_FILE_QUERY_INFO_NONE, NULL, NULL);

  if (info == NULL || g_file_info_get_file_type (info) == G_FILE_TYPE_SPECIAL)
    return FALSE;
  header->n_file_bytes = g_file_info_get_size (info);
  header->device = g_file_info_get_attribute_uint32 (info, G_FILE_ATTRIBUTE_UNIX_DEVICE);
  header->inode = g_file_info_get_attribute_uint64 (info, G_FILE_ATTRIBUTE_UNIX_INODE);
  return header->n_file_bytes <= DDPM_IMAGE_MAX_FILE_BYTES;
}

/* The start tells little of a photograph, whose first bytes may be those of its camera; the end is of its
 * pixels. */
static gboolean
hash_ends (const GByteArray *start, GInputStream *stream, DdpmImageHeader *header)
{
  const guint64 end = header->n_file_bytes - MIN (header->n_file_bytes, DDPM_PROBE_BYTES);
  guint8 bytes[DDPM_PROBE_BYTES];
  gsize n_read = 0;

  header->hash = ddpm_hash_bytes (DDPM_HASH_BEGIN, start->data, MIN (start->len, DDPM_PROBE_BYTES));
  if (end == 0)
    return TRUE;
  if (!g_seekable_seek (G_SEEKABLE (stream), (goffset) end, G_SEEK_SET, NULL, NULL)
      || !g_input_stream_read_all (stream, bytes, sizeof bytes, &n_read, NULL, NULL))
    return FALSE;
  header->hash = ddpm_hash_bytes (header->hash, bytes, n_read);
  return TRUE;
}

gboolean
ddpm_image_probe (GFile *file, DdpmImageHeader *header)
{
  g_autoptr (GByteArray) start = g_byte_array_new ();
  g_autoptr (GFileInputStream) stream = NULL;
  gsize n_read = 0;
  gboolean known;

  *header = (DdpmImageHeader) { 0 };
  if (!take_file_info (file, header))
    return FALSE;
  stream = g_file_read (file, NULL, NULL);
  g_byte_array_set_size (start, DDPM_PROBE_BYTES);
  if (stream == NULL
      || !g_input_stream_read_all (G_INPUT_STREAM (stream), start->data, start->len, &n_read, NULL, NULL))
    return FALSE;
  g_byte_array_set_size (start, n_read);
  if (ddpm_png_is_png (start->data, start->len))
    known = ddpm_png_probe (start->data, start->len, header)
            && ddpm_image_check_size (header->width, header->height, NULL);
  else if (ddpm_jpeg_is_jpeg (start->data, start->len))
    known = ddpm_jpeg_probe (start->data, start->len, G_INPUT_STREAM (stream), header);
  else
    known = ddpm_pixbuf_probe (start, G_INPUT_STREAM (stream), header);
  return known && hash_ends (start, G_INPUT_STREAM (stream), header);
}

gboolean
ddpm_image_hash_file (GFile *file, GCancellable *cancellable, guint64 *hash)
{
  g_autoptr (GFileInputStream) stream = g_file_read (file, cancellable, NULL);
  g_autofree guint8 *bytes = g_malloc (READ_BYTES);
  gsize n_read = READ_BYTES;

  *hash = DDPM_HASH_BEGIN;
  while (stream != NULL && n_read == READ_BYTES)
    {
      if (!g_input_stream_read_all (G_INPUT_STREAM (stream), bytes, READ_BYTES, &n_read, cancellable, NULL))
        return FALSE;
      *hash = ddpm_hash_bytes (*hash, bytes, n_read);
    }
  return stream != NULL;
}
