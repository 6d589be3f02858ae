/* Reading a picture: which library, how much, and what to say when it cannot be read.
 *
 * A file's kind is decided by its bytes, never by its name. Inside this file an error's message is the reason
 * alone; ddpm_image_load puts the file's name before it. */
#include "core/data/image.h"

#include "core/base/error.h"
#include "core/data/image-pixbuf.h"
#include "core/data/image-png.h"

#define START_BYTES 4096 /* enough for gdk-pixbuf to know a kind, and for the size of most files */
#define READ_BYTES (256 * 1024)

static DdpmImage *
decode (const guint8 *bytes, gsize n_bytes, guint reduction, GError **error)
{
  if (n_bytes == 0)
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_FILE, "the file is empty");
      return NULL;
    }
  if (ddpm_png_is_png (bytes, n_bytes))
    return ddpm_png_decode (bytes, n_bytes, error);
  return ddpm_pixbuf_decode (bytes, n_bytes, reduction, error);
}

DdpmImage *
ddpm_image_decode (gconstpointer bytes, gsize n_bytes, GError **error)
{
  return decode (bytes, n_bytes, 1, error);
}

/* Appends up to n bytes. FALSE: an error; fewer than n: the end. */
static gboolean
append_bytes (GInputStream *stream, GByteArray *bytes, gsize n, GError **error)
{
  guint before = bytes->len;
  gsize n_read = 0;

  g_byte_array_set_size (bytes, before + n);
  gboolean read = g_input_stream_read_all (stream, bytes->data + before, n, &n_read, NULL, error);
  g_byte_array_set_size (bytes, before + n_read);
  return read;
}

/* Before anything is opened: opening a pipe would wait for its writer. */
static gboolean
check_file (GFile *file, GError **error)
{
  g_autoptr (GFileInfo) info =
    g_file_query_info (file, G_FILE_ATTRIBUTE_STANDARD_TYPE, G_FILE_QUERY_INFO_NONE, NULL, error);

  if (info == NULL)
    return FALSE;
  if (g_file_info_get_file_type (info) == G_FILE_TYPE_SPECIAL)
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_FILE, "not a plain file");
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_file_size (guint64 n_bytes, GError **error)
{
  if (n_bytes <= DDPM_IMAGE_MAX_FILE_BYTES)
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, "the file is larger than %u MB",
               DDPM_IMAGE_MAX_FILE_BYTES >> 20);
  return FALSE;
}

/* The size a stream has is not always known, so it is looked at before and while reading. */
static GByteArray *
read_file (GFile *file, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GFileInputStream) stream = NULL;
  g_autoptr (GFileInfo) info = NULL;
  gsize n = START_BYTES;

  if (!check_file (file, error))
    return NULL;
  stream = g_file_read (file, NULL, error);
  if (stream == NULL)
    return NULL;
  info = g_file_input_stream_query_info (stream, G_FILE_ATTRIBUTE_STANDARD_SIZE, NULL, NULL);

  for (;;)
    {
      guint before = bytes->len;

      if (!append_bytes (G_INPUT_STREAM (stream), bytes, n, error))
        return NULL;
      if (bytes->len - before < n)
        return g_steal_pointer (&bytes);
      if (before == 0 && !ddpm_png_is_png (bytes->data, bytes->len)
          && !ddpm_pixbuf_check_start (bytes->data, bytes->len, error))
        return NULL;
      if (!check_file_size (info != NULL ? MAX (bytes->len, g_file_info_get_size (info)) : bytes->len, error))
        return NULL;
      n = READ_BYTES;
    }
}

/* GIO's messages name the file once more, so only their meaning is kept. */
static const char *
explain_io_error (const GError *reason)
{
  if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    return "there is no such file";
  if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED))
    return "it may not be read (permission denied)";
  if (g_error_matches (reason, G_IO_ERROR, G_IO_ERROR_IS_DIRECTORY))
    return "it is a folder";
  return reason->message;
}

DdpmImage *
ddpm_image_load_reduced (GFile *file, guint reduction, GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autoptr (GByteArray) bytes = read_file (file, &reason);

  if (bytes != NULL)
    return decode (bytes->data, bytes->len, reduction, error);

  if (reason->domain == DDPM_ERROR)
    g_propagate_error (error, g_steal_pointer (&reason));
  else
    g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_FILE, explain_io_error (reason));
  return NULL;
}

DdpmImage *
ddpm_image_load (GFile *file, GError **error)
{
  g_autofree char *name = g_file_get_parse_name (file);
  DdpmImage *image = ddpm_image_load_reduced (file, 1, error);

  if (image == NULL)
    g_prefix_error (error, "%s cannot be read as a picture: ", name);
  return image;
}
