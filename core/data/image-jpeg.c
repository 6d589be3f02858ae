#include "core/data/image-jpeg.h"

#include <string.h>

#define WINDOW_BYTES 4096
#define MOST_SEGMENTS 4096 /* before the frame; cameras write some ten */
#define FRAME_BYTES 10     /* marker, length, bits, height, width, components */
#define EXIF_BYTES 512     /* of an Exif segment that are looked at: its first directory comes first */
#define ORIENTATION_TAG 0x0112

/* A part of the file. */
typedef struct
{
  GInputStream *stream;
  guint8 bytes[WINDOW_BYTES];
  guint64 offset;
  gsize n;
} Window;

/* `n` bytes at that offset, or fewer where the file ends (in *got). NULL: it cannot be read. */
static const guint8 *
look_at (Window *window, guint64 offset, gsize n, gsize *got)
{
  if (offset < window->offset || offset + n > window->offset + window->n)
    {
      if (!g_seekable_seek (G_SEEKABLE (window->stream), (goffset) offset, G_SEEK_SET, NULL, NULL)
          || !g_input_stream_read_all (window->stream, window->bytes, WINDOW_BYTES, &window->n, NULL, NULL))
        return NULL;
      window->offset = offset;
    }
  *got = MIN (n, window->n - (gsize) (offset - window->offset));
  return window->bytes + (offset - window->offset);
}

static guint
get_u16 (const guint8 *bytes, gboolean little)
{
  return little ? bytes[0] | bytes[1] << 8 : bytes[0] << 8 | bytes[1];
}

static guint32
get_u32 (const guint8 *bytes, gboolean little)
{
  const guint32 first = get_u16 (bytes, little), second = get_u16 (bytes + 2, little);

  return little ? first | second << 16 : first << 16 | second;
}

/* 1 … 8, or 0: not told. exif[n]: what follows a segment's length. */
static guint
find_orientation (const guint8 *exif, gsize n)
{
  const guint8 *tiff = exif + 6;
  gboolean little;
  guint32 at;

  if (n < 14 || memcmp (exif, "Exif\0\0", 6) != 0)
    return 0;
  n -= 6;
  little = tiff[0] == 'I';
  if ((memcmp (tiff, "II*\0", 4) != 0 && memcmp (tiff, "MM\0*", 4) != 0))
    return 0;
  at = get_u32 (tiff + 4, little);
  if (at > n - 2)
    return 0;
  for (guint left = get_u16 (tiff + at, little); left > 0 && at + 14 <= n; left--, at += 12)
    if (get_u16 (tiff + at + 2, little) == ORIENTATION_TAG)
      {
        const guint orientation = get_u16 (tiff + at + 10, little);

        return orientation <= 8 ? orientation : 0;
      }
  return 0;
}

gboolean
ddpm_jpeg_is_jpeg (const guint8 *bytes, gsize n_bytes)
{
  return n_bytes >= 3 && memcmp (bytes, "\xff\xd8\xff", 3) == 0;
}

/* SOF0 … SOF15 but for those numbers that mean tables. */
static gboolean
is_frame (guint8 marker)
{
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

static gboolean
take_frame (const guint8 *frame, guint orientation, DdpmImageHeader *header)
{
  const guint height = get_u16 (frame + 5, FALSE), width = get_u16 (frame + 7, FALSE);

  header->width = orientation >= 5 ? height : width;
  header->height = orientation >= 5 ? width : height;
  header->n_channels = frame[9] == 1 ? 1 : 3;
  header->is_jpeg = TRUE;
  return ddpm_image_check_size (width, height, NULL);
}

gboolean
ddpm_jpeg_probe (const guint8 *start, gsize n_start, GInputStream *stream, DdpmImageHeader *header)
{
  Window window = { .stream = stream, .n = MIN (n_start, WINDOW_BYTES) };
  guint64 offset = 2;
  guint orientation = 0;

  memcpy (window.bytes, start, window.n);
  for (guint i = 0; i < MOST_SEGMENTS; i++)
    {
      gsize got = 0;
      const guint8 *segment = look_at (&window, offset, FRAME_BYTES, &got);

      if (segment == NULL || got < FRAME_BYTES || segment[0] != 0xff)
        return FALSE;
      if (is_frame (segment[1]))
        return take_frame (segment, orientation, header);
      if (segment[1] == 0xff) /* filling */
        {
          offset++;
          continue;
        }
      const guint length = get_u16 (segment + 2, FALSE);
      if (segment[1] == 0xe1 && orientation == 0)
        {
          segment = look_at (&window, offset + 4, MIN (length, EXIF_BYTES), &got);
          orientation = segment != NULL ? find_orientation (segment, got) : 0;
        }
      offset += 2 + length;
    }
  return FALSE;
}
