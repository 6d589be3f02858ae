/* One loader for decoding and for looking at sizes: which kind a file is, how large it is allowed to be, and
 * what to say when it cannot be read. A file's kind is decided by its bytes, never by its name. */
#include "core/data/image-pixbuf.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <string.h>

#include "core/base/error.h"
#include "core/data/image-jpeg.h"

#define PROBE_BYTES 4096

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

/* What is known of a picture when its header is read. */
typedef struct
{
  guint reduction;     /* that is asked for */
  guint width, height; /* of the whole picture; 0: not known yet */
  GError *error;       /* why it is not read further */
} Size;

static void
size_clear (Size *size)
{
  g_clear_error (&size->error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Size, size_clear)

/* libjpeg's own size of a reduced picture; asked for exactly that, gdk-pixbuf does not scale again. */
static int
reduce (int side, guint reduction)
{
  return (int) ((side + reduction - 1) / reduction);
}

static void
on_size_prepared (GdkPixbufLoader *loader, int width, int height, gpointer data)
{
  Size *size = data;

  if (size->error == NULL)
    ddpm_image_check_size (MAX (width, 0), MAX (height, 0), &size->error);
  if (size->error != NULL)
    {
      gdk_pixbuf_loader_set_size (loader, 0, 0); /* tells the loader to stop */
      return;
    }
  size->width = width;
  size->height = height;
  if (size->reduction > 1)
    gdk_pixbuf_loader_set_size (loader, reduce (width, size->reduction), reduce (height, size->reduction));
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

DdpmImage *
ddpm_pixbuf_decode (const guint8 *bytes, gsize n_bytes, guint reduction, GError **error)
{
  const gboolean is_jpeg = ddpm_jpeg_is_jpeg (bytes, n_bytes);
  /* before the loader, which may still write to it when closed */
  g_auto (Size) size = { .reduction = is_jpeg ? reduction : 1 };
  g_autoptr (Loader) loader = gdk_pixbuf_loader_new ();
  g_autoptr (GError) reason = NULL;
  GdkPixbuf *pixbuf; /* the loader's */

  g_signal_connect (loader, "size-prepared", G_CALLBACK (on_size_prepared), &size);
  gboolean read =
    gdk_pixbuf_loader_write (loader, bytes, n_bytes, &reason) && gdk_pixbuf_loader_close (loader, &reason);
  pixbuf = gdk_pixbuf_loader_get_pixbuf (loader);
  if (size.error != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&size.error));
      return NULL;
    }
  if (!read || pixbuf == NULL)
    {
      set_pixbuf_error (reason, bytes, n_bytes, error);
      return NULL;
    }
  if (is_jpeg && is_cut_jpeg (bytes, n_bytes))
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_FILE, "the file ends too early");
      return NULL;
    }

  g_autoptr (GdkPixbuf) upright = gdk_pixbuf_apply_embedded_orientation (pixbuf);
  return image_from_pixbuf (upright != NULL ? upright : pixbuf, error);
}

gboolean
ddpm_pixbuf_check_start (const guint8 *bytes, gsize n_bytes, GError **error)
{
  g_autoptr (Loader) loader = NULL;
  g_autoptr (GError) reason = NULL;

  loader = gdk_pixbuf_loader_new ();
  if (gdk_pixbuf_loader_write (loader, bytes, n_bytes, &reason)
      || !g_error_matches (reason, GDK_PIXBUF_ERROR, GDK_PIXBUF_ERROR_UNKNOWN_TYPE))
    return TRUE;
  set_pixbuf_error (reason, bytes, n_bytes, error);
  return FALSE;
}

static gboolean
take_header (GdkPixbufLoader *loader, const Size *size, DdpmImageHeader *header)
{
  GdkPixbuf *pixbuf = gdk_pixbuf_loader_get_pixbuf (loader);
  const char *orientation;

  if (pixbuf == NULL || size->width == 0)
    return FALSE;
  orientation = gdk_pixbuf_get_option (pixbuf, "orientation");
  gboolean on_its_side = orientation != NULL && orientation[0] >= '5' && orientation[0] <= '8';
  header->width = on_its_side ? size->height : size->width;
  header->height = on_its_side ? size->width : size->height;
  header->n_channels = gdk_pixbuf_get_n_channels (pixbuf);
  return TRUE;
}

gboolean
ddpm_pixbuf_probe (GByteArray *start, GInputStream *stream, DdpmImageHeader *header)
{
  g_auto (Size) size = { .reduction = 1 }; /* before the loader, which may still write to it when closed */
  g_autoptr (Loader) loader = gdk_pixbuf_loader_new ();
  guint done = 0;

  g_signal_connect (loader, "size-prepared", G_CALLBACK (on_size_prepared), &size);
  while (done < start->len && start->len <= DDPM_IMAGE_MAX_FILE_BYTES)
    {
      gsize n_read = 0;

      if (!gdk_pixbuf_loader_write (loader, start->data + done, start->len - done, NULL)
          || size.error != NULL)
        return FALSE;
      if (take_header (loader, &size, header))
        return TRUE;
      done = start->len;
      g_byte_array_set_size (start, done + PROBE_BYTES);
      gboolean read = g_input_stream_read_all (stream, start->data + done, PROBE_BYTES, &n_read, NULL, NULL);
      g_byte_array_set_size (start, done + n_read);
      if (!read)
        return FALSE;
    }
  /* some loaders begin when they have everything */
  return gdk_pixbuf_loader_close (loader, NULL) && size.error == NULL && take_header (loader, &size, header);
}
