/* Reading pictures: every kind of PNG, what gdk-pixbuf reads, and files that are not what they seem. */
#include "core/data/image-probe.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <png.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "tests/unit/scratch.h"

/* ---- making PNGs ---- */

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
test_png_kinds (void)
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

/* ---- damaged files ---- */

static void
assert_refused (gconstpointer bytes, gsize n_bytes, int code, const char *words)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DdpmImage) image = ddpm_image_decode (bytes, n_bytes, &error);

  g_assert_null (image);
  g_assert_error (error, DDPM_ERROR, code);
  if (strstr (error->message, words) == NULL)
    g_error ("expected “%s” in “%s”", words, error->message);
}

/* However short: an error, and from the end of the signature on the right one. */
static void
test_png_truncated (void)
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
test_png_flipped (void)
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
test_png_lies (void)
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

static void
test_not_pictures (void)
{
  static const char text[] = "This is the text of a letter, and not a picture at all.\n";
  static const char xcf[] = "gimp xcf v011\0and so on, a kind no loader is made for ...";
  static const char jpeg_start[] = "\xff\xd8\xff\xe0\0\x10JFIF\0\1\1";

  assert_refused (text, sizeof text - 1, DDPM_ERROR_FILE, "not a picture");
  assert_refused ("x", 1, DDPM_ERROR_FILE, "not a picture");
  assert_refused (xcf, sizeof xcf - 1, DDPM_ERROR_UNSUPPORTED, "no loader for XCF is installed");
  assert_refused (jpeg_start, sizeof jpeg_start - 1, DDPM_ERROR_FILE, "the file");
}

/* ---- what gdk-pixbuf reads ---- */

/* 32 x 16: red and green above, blue and white below. */
static GdkPixbuf *
make_quarters (void)
{
  GdkPixbuf *pixbuf = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, 32, 16);
  static const guint32 colours[] = { 0xff0000ff, 0x00ff00ff, 0x0000ffff, 0xffffffff };

  for (guint i = 0; i < 4; i++)
    {
      g_autoptr (GdkPixbuf) part = gdk_pixbuf_new_subpixbuf (pixbuf, i % 2 * 16, i / 2 * 8, 16, 8);

      gdk_pixbuf_fill (part, colours[i]);
    }
  return pixbuf;
}

static GByteArray *
save_quarters (const char *type)
{
  g_autoptr (GdkPixbuf) pixbuf = make_quarters ();
  g_autoptr (GError) error = NULL;
  char *bytes;
  gsize n_bytes;

  gdk_pixbuf_save_to_buffer (pixbuf, &bytes, &n_bytes, type, &error, NULL);
  g_assert_no_error (error);
  return g_byte_array_new_take ((guint8 *) bytes, n_bytes);
}

/* r, g, b or w: the colour in the middle of each quarter, in reading order. */
static void
assert_quarters (const DdpmImage *image, const char *expected)
{
  for (guint i = 0; i < 4; i++)
    {
      guint x = (1 + 2 * (i % 2)) * image->width / 4;
      guint y = (1 + 2 * (i / 2)) * image->height / 4;
      const float *p = image->pixels + (y * image->width + x) * image->n_channels;
      gboolean r = p[0] > 0.8f, g = p[1] > 0.8f, b = p[2] > 0.8f;

      g_assert_cmpint (r && g && b ? 'w' : r ? 'r' : g ? 'g' : b ? 'b' : '-', ==, expected[i]);
    }
}

static void
test_other_formats (void)
{
  static const char *const types[] = { "jpeg", "tiff", "bmp" };

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      g_autoptr (GByteArray) bytes = save_quarters (types[i]);
      g_autoptr (GError) error = NULL;
      g_autoptr (DdpmImage) image = ddpm_image_decode (bytes->data, bytes->len, &error);

      g_assert_no_error (error);
      g_assert_cmpuint (image->width, ==, 32);
      g_assert_cmpuint (image->height, ==, 16);
      g_assert_false (ddpm_image_has_transparency (image));
      assert_quarters (image, "rgbw");
    }
}

/* EXIF's eight orientations, written into a JPEG by hand; the probe has to know of them, too. */
static void
test_orientation (void)
{
  static const char *const expected[] = { "rgbw", "grwb", "wbgr", "bwrg", "rbgw", "brwg", "wgbr", "gwrb" };
  guint8 exif[] = { 0xff, 0xe1, 0,    34, 'E', 'x', 'i', 'f', 0, 0, 'I', 'I', 42, 0, 8, 0, 0, 0,
                    1,    0,    0x12, 1,  3,   0,   1,   0,   0, 0, 0,   0,   0,  0, 0, 0, 0, 0 };
  g_autoptr (Scratch) scratch = scratch_new ();

  for (guint orientation = 1; orientation <= 8; orientation++)
    {
      g_autoptr (GByteArray) plain = save_quarters ("jpeg");
      g_autoptr (GByteArray) turned = g_byte_array_new ();
      g_autoptr (GFile) file = scratch_file (scratch, "turned.jpg");
      g_autoptr (GError) error = NULL;
      DdpmImageHeader header;

      exif[28] = orientation;
      g_byte_array_append (turned, plain->data, 2);
      g_byte_array_append (turned, exif, sizeof exif);
      g_byte_array_append (turned, plain->data + 2, plain->len - 2);
      scratch_write (scratch, "turned.jpg", turned->data, turned->len);

      g_autoptr (DdpmImage) image = ddpm_image_load (file, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (image->width, ==, orientation < 5 ? 32 : 16);
      assert_quarters (image, expected[orientation - 1]);
      g_assert_true (ddpm_image_probe (file, &header));
      g_assert_cmpuint (header.width, ==, image->width);
      g_assert_cmpuint (header.height, ==, image->height);
    }
}

/* libjpeg would fill the missing rows with grey. What a camera adds after the end does no harm. */
static void
test_jpeg_truncated (void)
{
  g_autoptr (GByteArray) jpeg = save_quarters ("jpeg");
  g_autoptr (GError) error = NULL;

  for (guint n = 3; n < jpeg->len; n++)
    {
      g_autofree guint8 *bytes = g_memdup2 (jpeg->data, n);

      assert_refused (bytes, n, DDPM_ERROR_FILE, "the file");
    }
  assert_refused (jpeg->data, jpeg->len - 20, DDPM_ERROR_FILE, "the file ends too early");

  g_byte_array_append (jpeg, (const guint8 *) "appendix", 8);
  g_autoptr (DdpmImage) image = ddpm_image_decode (jpeg->data, jpeg->len, &error);
  g_assert_no_error (error);
  assert_quarters (image, "rgbw");
}

/* Two frames of one pixel, red then blue. */
static void
test_gif_first_frame (void)
{
  static const guint8 gif[] = "GIF89a\1\0\1\0\x80\0\0\xff\0\0\0\0\xff"
                              "\x2c\0\0\0\0\1\0\1\0\0\2\2\x44\1\0"
                              "\x2c\0\0\0\0\1\0\1\0\0\2\2\x4c\1\0;";
  g_autoptr (GError) error = NULL;
  g_autoptr (DdpmImage) image = ddpm_image_decode (gif, sizeof gif - 1, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (image->width, ==, 1);
  g_assert_cmpuint (image->height, ==, 1);
  g_assert_cmpfloat (image->pixels[0], ==, 1.0f);
  g_assert_cmpfloat (image->pixels[2], ==, 0.0f);
  g_assert_false (ddpm_image_has_transparency (image));
}

/* A header of gdk-pixbuf's kinds may lie as well: BMP, 65,536 x 65,536 pixels. */
static void
test_size_limit (void)
{
  g_autoptr (GByteArray) bmp = save_quarters ("bmp");

  bmp->data[20] = bmp->data[24] = 1;
  bmp->data[18] = bmp->data[22] = 0;
  assert_refused (bmp->data, bmp->len, DDPM_ERROR_FILE, "65536 x 65536 pixels are too many");
}

/* ---- files ---- */

static void
assert_file_refused (const char *path, const char *words)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autofree char *name = g_path_get_basename (path);
  g_autoptr (GError) error = NULL;
  DdpmImageHeader header;

  g_assert_null (ddpm_image_load (file, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_FILE);
  g_assert_nonnull (strstr (error->message, name));
  if (strstr (error->message, words) == NULL)
    g_error ("expected “%s” in “%s”", words, error->message);
  g_assert_false (ddpm_image_probe (file, &header));

  g_clear_error (&error);
  g_assert_null (ddpm_image_load_reduced (file, 1, &error));
  g_assert_null (strstr (error->message, name));
}

static void
test_files (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autofree char *missing = g_build_filename (scratch, "missing ☃.png", NULL);
  g_autofree char *pipe = g_build_filename (scratch, "pipe.png", NULL);
  g_autofree char *text = g_build_filename (scratch, "text.png", NULL);
  g_autofree char *empty = g_build_filename (scratch, "empty.jpg", NULL);
  g_autofree char *long_text = g_build_filename (scratch, "long.tif", NULL);
  g_autofree char *letters = g_strnfill (100000, 'y');

  scratch_write (scratch, "text.png", "hello\n", 6);
  scratch_write (scratch, "empty.jpg", "", 0);
  scratch_write (scratch, "long.tif", letters, 100000);
  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);

  assert_file_refused (missing, "there is no such file");
  assert_file_refused (scratch, "it is a folder");
  assert_file_refused (pipe, "not a plain file");
  assert_file_refused (text, "not a picture");
  assert_file_refused (empty, "the file is empty");
  assert_file_refused (long_text, "not a picture");
}

/* 2 GB that begin like a PNG take no room on the disk, and must take none in memory. */
static void
test_huge_file (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) file = scratch_file (scratch, "huge.png");
  g_autoptr (GError) error = NULL;

  scratch_write (scratch, "huge.png", "\x89PNG\r\n\x1a\n", 8);
  g_assert_cmpint (truncate (g_file_peek_path (file), G_GINT64_CONSTANT (2) << 30), ==, 0);
  g_assert_null (ddpm_image_load (file, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_FILE);
  g_assert_nonnull (strstr (error->message, "the file is larger than 1024 MB"));
}

/* The kind is told by the bytes, not by the name. */
static void
test_wrong_name (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GByteArray) png = make_png (&kinds[11], 40, 30);
  g_autoptr (GFile) file = scratch_file (scratch, "called.jpg");
  g_autoptr (GError) error = NULL;
  DdpmImageHeader header;

  scratch_write (scratch, "called.jpg", png->data, png->len);
  g_autoptr (DdpmImage) image = ddpm_image_load (file, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (image->width, ==, 40);
  g_assert_true (ddpm_image_probe (file, &header));
  g_assert_cmpuint (header.width, ==, 40);
  g_assert_cmpuint (header.height, ==, 30);
}

/* Larger than the pieces a file is read in. */
static void
test_large_file (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  g_autoptr (GFile) file = scratch_file (scratch, "noise.png");
  g_autoptr (DdpmImage) noise = ddpm_image_new (500, 400, 4);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 500 * 400 * 4; i++)
    noise->pixels[i] = g_rand_int_range (rand, 0, 256) / 255.0f;
  g_assert_true (ddpm_image_save_png (noise, file, NULL, &error));
  g_autoptr (DdpmImage) image = ddpm_image_load (file, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (image->pixels, 500 * 400 * 4 * sizeof (float), noise->pixels,
                   500 * 400 * 4 * sizeof (float));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/image-load/png/kinds", test_png_kinds);
  g_test_add_func ("/image-load/png/truncated", test_png_truncated);
  g_test_add_func ("/image-load/png/flipped", test_png_flipped);
  g_test_add_func ("/image-load/png/lies", test_png_lies);
  g_test_add_func ("/image-load/not-pictures", test_not_pictures);
  g_test_add_func ("/image-load/other-formats", test_other_formats);
  g_test_add_func ("/image-load/orientation", test_orientation);
  g_test_add_func ("/image-load/jpeg-truncated", test_jpeg_truncated);
  g_test_add_func ("/image-load/gif-first-frame", test_gif_first_frame);
  g_test_add_func ("/image-load/size-limit", test_size_limit);
  g_test_add_func ("/image-load/files", test_files);
  g_test_add_func ("/image-load/huge-file", test_huge_file);
  g_test_add_func ("/image-load/wrong-name", test_wrong_name);
  g_test_add_func ("/image-load/large-file", test_large_file);
  return g_test_run ();
}
