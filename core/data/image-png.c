/* PNG in memory, by libpng.
 *
 * libpng reports errors by longjmp. Every call into it is made below `protect`, whose frame holds nothing but
 * its arguments; whatever must be freed hangs on the Coder, which the caller clears on both ways out. */
#include "core/data/image-png.h"

#include <math.h>
#include <png.h>
#include <string.h>

#include "core/base/error.h"

#define SIGNATURE_BYTES 8
#define HEADER_BYTES 26 /* signature, length and name of IHDR, width, height, bits, kind of colour */

typedef struct
{
  png_structp png;
  png_infop info;
  gboolean writing;
  char message[128]; /* libpng's */
  GError *error;     /* a better one, if known */

  const guint8 *bytes; /* reading: the file, and how far it is read */
  gsize n_bytes, position;
  guint8 *rows; /* one row, or all when interlaced */
  DdpmImage *image;

  const DdpmImage *source; /* writing */
  const char *const *text;
  GByteArray *out;
} Coder;

static void
coder_clear (Coder *coder)
{
  if (coder->writing)
    png_destroy_write_struct (&coder->png, &coder->info);
  else
    png_destroy_read_struct (&coder->png, &coder->info, NULL);
  g_clear_error (&coder->error);
  g_free (coder->rows);
  ddpm_image_free (coder->image);
  g_clear_pointer (&coder->out, g_byte_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Coder, coder_clear)

static void
on_error (png_structp png, png_const_charp message)
{
  Coder *coder = png_get_error_ptr (png);

  g_strlcpy (coder->message, message, sizeof coder->message);
  png_longjmp (png, 1);
}

static void
on_warning (png_structp png, png_const_charp message)
{
}

static gboolean
protect (Coder *coder, void (*body) (Coder *coder))
{
  if (setjmp (png_jmpbuf (coder->png)))
    return FALSE;
  body (coder);
  return TRUE;
}

static void
read_bytes (png_structp png, png_bytep out, size_t n)
{
  Coder *coder = png_get_io_ptr (png);

  if (n > coder->n_bytes - coder->position)
    {
      g_set_error_literal (&coder->error, DDPM_ERROR, DDPM_ERROR_FILE, "the file ends too early");
      png_error (png, "end of file");
    }
  memcpy (out, coder->bytes + coder->position, n);
  coder->position += n;
}

static void
convert_row (const guint8 *in, gsize n_values, gboolean sixteen, float *out)
{
  for (gsize i = 0; i < n_values; i++)
    out[i] = sixteen ? (in[2 * i] << 8 | in[2 * i + 1]) / 65535.0f : in[i] / 255.0f;
}

/* The integer rows of an interlaced picture are needed together, of another one at a time. */
static void
read_pixels (Coder *coder, gsize row_bytes, gboolean sixteen, guint n_passes)
{
  DdpmImage *image = coder->image;
  gsize row_values = (gsize) image->width * image->n_channels;
  gsize kept = n_passes > 1 ? image->height : 1;

  coder->rows = g_try_malloc0_n (kept, row_bytes);
  if (coder->rows == NULL)
    {
      g_set_error (&coder->error, DDPM_ERROR, DDPM_ERROR_MEMORY,
                   "its %u x %u pixels need more memory than can be had", image->width, image->height);
      png_error (coder->png, "out of memory");
    }

  for (guint pass = 0; pass < n_passes; pass++)
    for (gsize y = 0; y < image->height; y++)
      {
        guint8 *row = coder->rows + y % kept * row_bytes;

        png_read_row (coder->png, row, NULL);
        if (pass == n_passes - 1)
          convert_row (row, row_values, sixteen, image->pixels + y * row_values);
      }
}

static void
read_body (Coder *coder)
{
  png_structp png = coder->png;
  png_infop info = coder->info;

  png_set_read_fn (png, coder, read_bytes);
  png_set_user_limits (png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* ours are checked below, in our words */
  png_read_info (png, info);
  if (!ddpm_image_check_size (png_get_image_width (png, info), png_get_image_height (png, info),
                              &coder->error))
    png_error (png, "size");
  png_set_expand (png); /* palette to RGB, bits to bytes, tRNS to alpha */
  guint n_passes = png_set_interlace_handling (png);
  png_read_update_info (png, info);

  coder->image = ddpm_image_try_new (png_get_image_width (png, info), png_get_image_height (png, info),
                                     png_get_channels (png, info), &coder->error);
  if (coder->image == NULL)
    png_error (png, "out of memory");
  read_pixels (coder, png_get_rowbytes (png, info), png_get_bit_depth (png, info) == 16, n_passes);
  png_read_end (png, NULL);
}

gboolean
ddpm_png_is_png (gconstpointer bytes, gsize n_bytes)
{
  return n_bytes >= SIGNATURE_BYTES && png_sig_cmp (bytes, 0, SIGNATURE_BYTES) == 0;
}

/* Whether a tRNS chunk, which makes a colour or a palette's entries transparent, comes before the pixels.
 * Chunks are a length, four letters, so many bytes and a checksum. */
static gboolean
has_trns (const guint8 *bytes, gsize n_bytes)
{
  guint64 i = SIGNATURE_BYTES;

  while (i + 8 <= n_bytes && memcmp (bytes + i + 4, "IDAT", 4) != 0)
    {
      if (memcmp (bytes + i + 4, "tRNS", 4) == 0)
        return TRUE;
      i += 12 + (guint64) png_get_uint_32 (bytes + i);
    }
  return FALSE;
}

gboolean
ddpm_png_probe (const guint8 *bytes, gsize n_bytes, DdpmImageHeader *header)
{
  if (n_bytes < HEADER_BYTES || !ddpm_png_is_png (bytes, n_bytes))
    return FALSE;
  header->width = png_get_uint_32 (bytes + 16);
  header->height = png_get_uint_32 (bytes + 20);
  header->n_channels = bytes[25] & PNG_COLOR_MASK_COLOR ? 3 : 1;
  header->n_channels += bytes[25] & PNG_COLOR_MASK_ALPHA || has_trns (bytes, n_bytes);
  return TRUE;
}

/* Sets the better of the two messages. Always NULL. */
static gpointer
coder_fail (Coder *coder, GError **error)
{
  if (coder->error != NULL)
    g_propagate_error (error, g_steal_pointer (&coder->error));
  else if (coder->png == NULL || coder->info == NULL)
    g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_MEMORY, "there is not enough memory");
  else
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
                 coder->writing ? "libpng: %s" : "the file is damaged (libpng: %s)", coder->message);
  return NULL;
}

DdpmImage *
ddpm_png_decode (gconstpointer bytes, gsize n_bytes, GError **error)
{
  g_auto (Coder) coder = { .bytes = bytes, .n_bytes = n_bytes };

  coder.png = png_create_read_struct (PNG_LIBPNG_VER_STRING, &coder, on_error, on_warning);
  if (coder.png != NULL)
    coder.info = png_create_info_struct (coder.png);
  if (coder.info == NULL || !protect (&coder, read_body))
    return coder_fail (&coder, error);
  return g_steal_pointer (&coder.image);
}

static void
write_bytes (png_structp png, png_bytep in, size_t n)
{
  Coder *coder = png_get_io_ptr (png);

  if (n > G_MAXUINT - coder->out->len)
    png_error (png, "over 4 GB");
  g_byte_array_append (coder->out, in, n);
}

static void
no_flush (png_structp png)
{
}

static void
write_text (Coder *coder)
{
  for (const char *const *t = coder->text; t != NULL && t[0] != NULL; t += 2)
    {
      png_text text = {
        .compression = g_str_is_ascii (t[1]) ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE,
        .key = (png_charp) t[0],
        .text = (png_charp) t[1],
      };

      png_set_text (coder->png, coder->info, &text, 1);
    }
}

static void
write_body (Coder *coder)
{
  static const int colour_types[] = { PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                      PNG_COLOR_TYPE_RGB_ALPHA };
  const DdpmImage *image = coder->source;
  gsize row_values = (gsize) image->width * image->n_channels;

  png_set_write_fn (coder->png, coder, write_bytes, no_flush);
  /* our own limits hold; libpng's default would refuse a long row of pictures */
  png_set_user_limits (coder->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_IHDR (coder->png, coder->info, image->width, image->height, 8, colour_types[image->n_channels - 1],
                PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_set_sRGB (coder->png, coder->info, PNG_sRGB_INTENT_PERCEPTUAL);
  write_text (coder);
  png_write_info (coder->png, coder->info);

  coder->rows = g_malloc (row_values);
  for (gsize y = 0; y < image->height; y++)
    {
      const float *in = image->pixels + y * row_values;

      for (gsize i = 0; i < row_values; i++)
        coder->rows[i] = rintf (fminf (fmaxf (in[i], 0.0f), 1.0f) * 255.0f);
      png_write_row (coder->png, coder->rows);
    }
  png_write_end (coder->png, NULL);
}

GByteArray *
ddpm_png_encode (const DdpmImage *image, const char *const *text, GError **error)
{
  g_auto (Coder) coder = { .writing = TRUE, .source = image, .text = text };

  for (const char *const *t = text; t != NULL && t[0] != NULL; t += 2)
    g_return_val_if_fail (t[1] != NULL && strlen (t[0]) - 1 < 79, NULL);

  coder.out = g_byte_array_new ();
  coder.png = png_create_write_struct (PNG_LIBPNG_VER_STRING, &coder, on_error, on_warning);
  if (coder.png != NULL)
    coder.info = png_create_info_struct (coder.png);
  if (coder.info == NULL || !protect (&coder, write_body))
    return coder_fail (&coder, error);
  return g_steal_pointer (&coder.out);
}
