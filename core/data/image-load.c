/* Reading a picture: which library, how much, and what to say when it cannot be read.
 *
 * A file's kind is decided by its bytes, never by its name. Inside this file an error's message is the reason
 * alone; ddpm_image_load puts the file's name before it. */
#include "core/data/image.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <string.h>

#include "core/base/error.h"
#include "core/data/image-png.h"

#define START_BYTES 4096 /* enough for gdk-pixbuf to know a kind, and for the size of most files */
#define READ_BYTES (256 * 1024)

static const struct
{
  const char *name;
  guint offset;
  const char *magic;
  guint n_magic;
} kinds[] = {
  { "JPEG", 0, "\xff\xd8\xff", 3 },
  { "GIF", 0, "GIF8", 4 },
  { "WebP", 8, "WEBP", 4 },
  { "TIFF", 0, "II*\0", 4 },
  { "TIFF", 0, "MM\0*", 4 },
  { "AVIF", 4, "ftypavif", 8 },
  { "HEIF", 4, "ftypheic", 8 },
  { "HEIF", 4, "ftypmif1", 8 },
  { "JPEG XL", 0, "\xff\x0a", 2 },
  { "JPEG XL", 4, "JXL \r\n\x87\n", 8 },
  { "JPEG 2000", 4, "jP  \r\n\x87\n", 8 },
  { "Photoshop", 0, "8BPS", 4 },
  { "XCF", 0, "gimp xcf", 8 },
  { "OpenEXR", 0, "\x76\x2f\x31\x01", 4 },
};

/* For the case that gdk-pixbuf does not know it. NULL: no picture at all. */
static const char *
name_kind (const guint8 *bytes, gsize n_bytes)
{
  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (n_bytes >= kinds[i].offset + kinds[i].n_magic
        && memcmp (bytes + kinds[i].offset, kinds[i].magic, kinds[i].n_magic) == 0)
      return kinds[i].name;
  return NULL;
}

/* libjpeg fills what is missing of a picture with grey and says nothing. In the compressed data 0xff is
 * always followed by 0 or a restart marker, so when the last start of a scan has no end-of-image marker after
 * it, the file was cut off. */
static gboolean
is_cut_jpeg (const guint8 *bytes, gsize n_bytes)
{
  if (n_bytes < 4 || bytes[0] != 0xff || bytes[1] != 0xd8)
    return FALSE;
  for (gsize i = n_bytes - 2; i > 0; i--)
    if (bytes[i] == 0xff && (bytes[i + 1] == 0xd9 || bytes[i + 1] == 0xda))
      return bytes[i + 1] == 0xda;
  return TRUE;
}

static void
set_pixbuf_error (const GError *reason, const guint8 *bytes, gsize n_bytes, GError **error)
{
  const char *kind = name_kind (bytes, n_bytes);

  if (reason == NULL)
    g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_FILE, "the file is damaged");
  else if (g_error_matches (reason, GDK_PIXBUF_ERROR, GDK_PIXBUF_ERROR_INSUFFICIENT_MEMORY))
    g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_MEMORY, "its pixels need more memory than can be had");
  else if (!g_error_matches (reason, GDK_PIXBUF_ERROR, GDK_PIXBUF_ERROR_UNKNOWN_TYPE))
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, "the file is damaged (%s)", reason->message);
  else if (kind != NULL)
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_UNSUPPORTED,
                 "no loader for %s is installed; install gdk-pixbuf's, or convert the file to PNG", kind);
  else
    g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_FILE, "not a picture");
}

/* A loader must be closed before it goes, whatever became of it. */
static void
loader_drop (GdkPixbufLoader *loader)
{
  gdk_pixbuf_loader_close (loader, NULL);
  g_object_unref (loader);
}

typedef GdkPixbufLoader Loader;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Loader, loader_drop)

static void
on_size_prepared (GdkPixbufLoader *loader, int width, int height, gpointer error)
{
  GError **size_error = error;

  if (*size_error != NULL || !ddpm_image_check_size (MAX (width, 0), MAX (height, 0), size_error))
    gdk_pixbuf_loader_set_size (loader, 0, 0); /* tells the loader to stop */
}

static DdpmImage *
image_from_pixbuf (const GdkPixbuf *pixbuf, GError **error)
{
  guint n = gdk_pixbuf_get_n_channels (pixbuf);
  gsize stride = gdk_pixbuf_get_rowstride (pixbuf);
  const guint8 *bytes = gdk_pixbuf_read_pixels (pixbuf);
  DdpmImage *image =
    ddpm_image_try_new (gdk_pixbuf_get_width (pixbuf), gdk_pixbuf_get_height (pixbuf), n, error);

  if (image == NULL)
    return NULL;

  gsize row_values = (gsize) image->width * n;
  for (gsize y = 0; y < image->height; y++)
    for (gsize i = 0; i < row_values; i++)
      image->pixels[y * row_values + i] = bytes[y * stride + i] / 255.0f;
  return image;
}

static DdpmImage *
decode_by_pixbuf (const guint8 *bytes, gsize n_bytes, GError **error)
{
  g_autoptr (GError) size_error = NULL; /* before the loader, which may still write to it when closed */
  g_autoptr (Loader) loader = gdk_pixbuf_loader_new ();
  g_autoptr (GError) reason = NULL;
  GdkPixbuf *pixbuf; /* the loader's */

  g_signal_connect (loader, "size-prepared", G_CALLBACK (on_size_prepared), &size_error);
  gboolean read =
    gdk_pixbuf_loader_write (loader, bytes, n_bytes, &reason) && gdk_pixbuf_loader_close (loader, &reason);
  pixbuf = gdk_pixbuf_loader_get_pixbuf (loader);
  if (size_error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&size_error));
      return NULL;
    }
  if (!read || pixbuf == NULL)
    {
      set_pixbuf_error (reason, bytes, n_bytes, error);
      return NULL;
    }
  if (is_cut_jpeg (bytes, n_bytes))
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_FILE, "the file ends too early");
      return NULL;
    }

  g_autoptr (GdkPixbuf) upright = gdk_pixbuf_apply_embedded_orientation (pixbuf);
  return image_from_pixbuf (upright != NULL ? upright : pixbuf, error);
}

DdpmImage *
ddpm_image_decode (gconstpointer bytes, gsize n_bytes, GError **error)
{
  if (n_bytes == 0)
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_FILE, "the file is empty");
      return NULL;
    }
  if (ddpm_png_is_png (bytes, n_bytes))
    return ddpm_png_decode (bytes, n_bytes, error);
  return decode_by_pixbuf (bytes, n_bytes, error);
}

/* Whether the bytes a file starts with are of a kind that can be read; so a film of some gigabytes in a
 * folder of pictures is not read to its end to learn that it is none. */
static gboolean
check_start (const guint8 *bytes, gsize n_bytes, GError **error)
{
  g_autoptr (Loader) loader = NULL;
  g_autoptr (GError) reason = NULL;

  if (ddpm_png_is_png (bytes, n_bytes))
    return TRUE;

  loader = gdk_pixbuf_loader_new ();
  if (gdk_pixbuf_loader_write (loader, bytes, n_bytes, &reason)
      || !g_error_matches (reason, GDK_PIXBUF_ERROR, GDK_PIXBUF_ERROR_UNKNOWN_TYPE))
    return TRUE;
  set_pixbuf_error (reason, bytes, n_bytes, error);
  return FALSE;
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
      if (before == 0 && !check_start (bytes->data, bytes->len, error))
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
ddpm_image_load_or_reason (GFile *file, GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autoptr (GByteArray) bytes = read_file (file, &reason);

  if (bytes != NULL)
    return ddpm_image_decode (bytes->data, bytes->len, error);

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
  DdpmImage *image = ddpm_image_load_or_reason (file, error);

  if (image == NULL)
    g_prefix_error (error, "%s cannot be read as a picture: ", name);
  return image;
}

/* A JPEG's pixbuf, and with it the orientation, is there as soon as its header is read. */
static gboolean
probe_by_pixbuf (GdkPixbufLoader *loader, guint *width, guint *height)
{
  GdkPixbuf *pixbuf = gdk_pixbuf_loader_get_pixbuf (loader);
  const char *orientation;

  if (pixbuf == NULL)
    return FALSE;

  orientation = gdk_pixbuf_get_option (pixbuf, "orientation");
  gboolean on_its_side = orientation != NULL && orientation[0] >= '5' && orientation[0] <= '8';
  *width = on_its_side ? gdk_pixbuf_get_height (pixbuf) : gdk_pixbuf_get_width (pixbuf);
  *height = on_its_side ? gdk_pixbuf_get_width (pixbuf) : gdk_pixbuf_get_height (pixbuf);
  return TRUE;
}

gboolean
ddpm_image_probe_size (GFile *file, guint *width, guint *height)
{
  g_autoptr (GError) size_error = NULL; /* before the loader, which may still write to it when closed */
  g_autoptr (Loader) loader = NULL;
  g_autoptr (GFileInputStream) stream = NULL;
  guint8 bytes[START_BYTES];
  gsize n_read = 0, total = 0;

  if (!check_file (file, NULL))
    return FALSE;
  stream = g_file_read (file, NULL, NULL);
  if (stream == NULL
      || !g_input_stream_read_all (G_INPUT_STREAM (stream), bytes, sizeof bytes, &n_read, NULL, NULL))
    return FALSE;
  if (ddpm_png_is_png (bytes, n_read))
    return ddpm_png_probe_size (bytes, n_read, width, height)
           && ddpm_image_check_size (*width, *height, NULL);

  loader = gdk_pixbuf_loader_new ();
  g_signal_connect (loader, "size-prepared", G_CALLBACK (on_size_prepared), &size_error);
  while (n_read > 0 && total <= DDPM_IMAGE_MAX_FILE_BYTES)
    {
      total += n_read;
      if (!gdk_pixbuf_loader_write (loader, bytes, n_read, NULL) || size_error != NULL)
        return FALSE;
      if (probe_by_pixbuf (loader, width, height))
        return TRUE;
      if (!g_input_stream_read_all (G_INPUT_STREAM (stream), bytes, sizeof bytes, &n_read, NULL, NULL))
        return FALSE;
    }
  /* some loaders begin when they have everything */
  return gdk_pixbuf_loader_close (loader, NULL) && size_error == NULL
         && probe_by_pixbuf (loader, width, height);
}
