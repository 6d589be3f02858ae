/* Reading PNGs: every kind of them, and ones that are damaged or lie. */
#include "core/data/image-png.h"

#include <png.h>

#include "core/data/image-probe.h"
#include "tests/unit/image-common.h"
#include "tests/unit/scratch.h"

typedef struct
{
  int colour_type, depth;
  gboolean interlaced, transparent; /* transparent: with tRNS */
} PngKind;

static void
append_bytes (png_structp png, png_bytep bytes, size_t n)
{
  g_byte_array_append (png_get_io_ptr (png), bytes, n);
}

static void
flush_nothing (png_structp png)
{
}

static guint
count_file_channels (int colour_type)
{
  return ((guint[]) { 1, 0, 3, 1, 2, 0, 4 })[colour_type];
}

/* Value of channel c at (x, y), of 2^depth - 1. */
static guint
get_value (guint x, guint y, guint c, int depth)
{
  return (x * 5 + y * 3 + c * 7 + (x * y) * 257) % (1u << depth);
}

static void
set_palette (png_structp png, png_infop info, gboolean transparent)
{
  png_color palette[256];
  guint8 alpha[256];

  for (guint i = 0; i < 256; i++)
    {
      palette[i] = (png_color) { i, 255 - i, i / 2 };
      alpha[i] = 255 - i / 3;
    }
  png_set_PLTE (png, info, palette, 1 << png_get_bit_depth (png, info));
  if (transparent)
    png_set_tRNS (png, info, alpha, 1 << png_get_bit_depth (png, info), NULL);
}

static GByteArray *
make_png (const PngKind *kind, guint width, guint height)
{
  GByteArray *out = g_byte_array_new ();
  png_structp png = png_create_write_struct (PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
  png_infop info = png_create_info_struct (png);
  guint n = count_file_channels (kind->colour_type);
  gsize row_bytes = ((gsize) width * n * kind->depth + 7) / 8;
  g_autofree guint8 *pixels = g_malloc0 (height * row_bytes);
  g_autofree guint8 **rows = g_new (guint8 *, height);

  png_set_write_fn (png, out, append_bytes, flush_nothing);
  png_set_IHDR (png, info, width, height, kind->depth, kind->colour_type,
                kind->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                PNG_FILTER_TYPE_DEFAULT);
  if (kind->colour_type == PNG_COLOR_TYPE_PALETTE)
    set_palette (png, info, kind->transparent);
  else if (kind->transparent)
    {
      png_color_16 key = { .gray = get_value (1, 1, 0, kind->depth),
                           .red = get_value (1, 1, 0, kind->depth),
                           .green = get_value (1, 1, 1, kind->depth),
                           .blue = get_value (1, 1, 2, kind->depth) };

      png_set_tRNS (png, info, NULL, 0, &key);
    }

  for (guint y = 0; y < height; y++)
    {
      rows[y] = pixels + y * row_bytes;
      for (guint i = 0; i < width * n; i++)
        {
          guint v = get_value (i / n, y, i % n, kind->depth);

          if (kind->depth == 16)
            {
              rows[y][2 * i] = v >> 8;
              rows[y][2 * i + 1] = v & 255;
            }
          else
            rows[y][i * kind->depth / 8] |= v << (8 - kind->depth - i * kind->depth % 8);
        }
    }
  png_set_rows (png, info, rows);
  png_write_png (png, info, PNG_TRANSFORM_IDENTITY, NULL);
  png_destroy_write_struct (&png, &info);
  return out;
}

/* What a reader should see at (x, y); returns the number of channels. */
static guint
expect_pixel (const PngKind *kind, guint x, guint y, float *p)
{
  guint n = count_file_channels (kind->colour_type);
  gboolean is_key = TRUE;

  if (kind->colour_type == PNG_COLOR_TYPE_PALETTE)
    {
      guint i = get_value (x, y, 0, kind->depth);

      p[0] = i / 255.0f;
      p[1] = (255 - i) / 255.0f;
      p[2] = (i / 2) / 255.0f;
      p[3] = (255 - i / 3) / 255.0f;
      return kind->transparent ? 4 : 3;
    }
  for (guint c = 0; c < n; c++)
    {
      guint v = get_value (x, y, c, kind->depth);

      p[c] = v / (float) ((1 << kind->depth) - 1);
      is_key = is_key && v == get_value (1, 1, c, kind->depth);
    }
  if (kind->transparent)
    p[n++] = is_key ? 0.0f : 1.0f;
  return n;
}

static const PngKind kinds[] = {
  { PNG_COLOR_TYPE_GRAY, 1 },
  { PNG_COLOR_TYPE_GRAY, 2 },
  { PNG_COLOR_TYPE_GRAY, 4 },
  { PNG_COLOR_TYPE_GRAY, 8 },
  { PNG_COLOR_TYPE_GRAY, 16 },
  { PNG_COLOR_TYPE_GRAY, 4, FALSE, TRUE },
  { PNG_COLOR_TYPE_GRAY, 16, FALSE, TRUE },
  { PNG_COLOR_TYPE_GRAY, 16, TRUE, FALSE },
  { PNG_COLOR_TYPE_GRAY_ALPHA, 8 },
  { PNG_COLOR_TYPE_GRAY_ALPHA, 16 },
  { PNG_COLOR_TYPE_GRAY_ALPHA, 8, TRUE, FALSE },
  { PNG_COLOR_TYPE_RGB, 8 },
  { PNG_COLOR_TYPE_RGB, 16 },
  { PNG_COLOR_TYPE_RGB, 8, FALSE, TRUE },
  { PNG_COLOR_TYPE_RGB, 16, TRUE, TRUE },
  { PNG_COLOR_TYPE_RGB, 8, TRUE, FALSE },
  { PNG_COLOR_TYPE_PALETTE, 1 },
  { PNG_COLOR_TYPE_PALETTE, 2, FALSE, TRUE },
  { PNG_COLOR_TYPE_PALETTE, 4 },
  { PNG_COLOR_TYPE_PALETTE, 8, FALSE, TRUE },
  { PNG_COLOR_TYPE_PALETTE, 8, TRUE, FALSE },
  { PNG_COLOR_TYPE_RGB_ALPHA, 8 },
  { PNG_COLOR_TYPE_RGB_ALPHA, 16 },
  { PNG_COLOR_TYPE_RGB_ALPHA, 8, TRUE, FALSE },
  { PNG_COLOR_TYPE_RGB_ALPHA, 16, TRUE, FALSE },
};

/* The header tells the same as the picture. */
static void
assert_header (const GByteArray *png, const DdpmImage *image)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) file = scratch_file (scratch, "a.png");
  DdpmImageHeader header;

  scratch_write (scratch, "a.png", png->data, png->len);
  g_assert_true (ddpm_image_probe (file, &header));
  g_assert_cmpuint (header.width, ==, image->width);
  g_assert_cmpuint (header.height, ==, image->height);
  g_assert_cmpuint (header.n_channels, ==, image->n_channels);
  g_assert_false (header.is_jpeg);
}

static void
test_kinds (void)
{
  static const guint sizes[][2] = { { 13, 11 }, { 2, 2 }, { 1, 9 } };

  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
    for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
      {
        g_autoptr (GByteArray) png = make_png (&kinds[k], sizes[s][0], sizes[s][1]);
        g_autoptr (GError) error = NULL;
        g_autoptr (DdpmImage) image = ddpm_image_decode (png->data, png->len, &error);

        g_assert_no_error (error);
        g_assert_cmpuint (image->width, ==, sizes[s][0]);
        g_assert_cmpuint (image->height, ==, sizes[s][1]);
        assert_header (png, image);
        for (guint y = 0; y < image->height; y++)
          for (guint x = 0; x < image->width; x++)
            {
              float expected[4];
              guint n = expect_pixel (&kinds[k], x, y, expected);

              g_assert_cmpuint (image->n_channels, ==, n);
              for (guint c = 0; c < n; c++)
                g_assert_cmpfloat_with_epsilon (image->pixels[(y * image->width + x) * n + c], expected[c],
                                                1e-7);
            }
      }
}

/* However short: an error, and from the end of the signature on the right one. */
static void
test_truncated (void)
{
  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
    {
      g_autoptr (GByteArray) png = make_png (&kinds[k], 13, 11);

      for (guint n = 0; n < png->len; n++)
        {
          /* a copy of its own, so that a read beyond the end is noticed */
          g_autofree guint8 *bytes = g_memdup2 (png->data, n);

          assert_refused (bytes, n, DDPM_ERROR_FILE,
                          n == 0  ? "the file is empty"
                          : n < 8 ? ""
                                  : "the file ends too early");
        }
    }
}

/* Any single wrong byte gives a picture or an error, never both, none, or a crash. Checksums catch nearly
 * all. */
static void
test_flipped (void)
{
  guint n_refused = 0, n_total = 0;

  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
    {
      g_autoptr (GByteArray) png = make_png (&kinds[k], 13, 11);

      for (guint i = 0; i < png->len; i++, n_total++)
        {
          g_autoptr (GError) error = NULL;

          png->data[i] ^= 1 << i % 8;
          g_autoptr (DdpmImage) image = ddpm_image_decode (png->data, png->len, &error);
          png->data[i] ^= 1 << i % 8;
          g_assert_true ((image == NULL) == (error != NULL));
          n_refused += image == NULL;
        }
    }
  g_assert_cmpuint (n_refused, >, n_total / 2);
}

static guint32
crc32_of (const guint8 *bytes, gsize n)
{
  guint32 crc = G_MAXUINT32;

  for (gsize i = 0; i < n; i++)
    {
      crc ^= bytes[i];
      for (guint bit = 0; bit < 8; bit++)
        crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    }
  return ~crc;
}

static void
write_be32 (guint8 *out, guint32 v)
{
  for (guint i = 0; i < 4; i++)
    out[i] = v >> (24 - 8 * i);
}

/* The header may promise anything. */
static void
test_lies (void)
{
  static const struct
  {
    guint32 width, height;
    const char *words;
  } lies[] = {
    { 0x7fffffff, 0x7fffffff, "too many" },
    { 65536, 1, "too many" },
    { 1, 65536, "too many" },
    { 65535, 65535, "too many" },
    { 16385, 16384, "too many" },
    { 0, 4, "" },
    { 0xffffffff, 4, "" },
    { 300, 200, "" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (lies); i++)
    for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
      {
        g_autoptr (GByteArray) png = make_png (&kinds[k], 13, 11);

        write_be32 (png->data + 16, lies[i].width);
        write_be32 (png->data + 20, lies[i].height);
        write_be32 (png->data + 29, crc32_of (png->data + 12, 17));
        assert_refused (png->data, png->len, DDPM_ERROR_FILE, lies[i].words);
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/image-png/kinds", test_kinds);
  g_test_add_func ("/image-png/truncated", test_truncated);
  g_test_add_func ("/image-png/flipped", test_flipped);
  g_test_add_func ("/image-png/lies", test_lies);
  return g_test_run ();
}
