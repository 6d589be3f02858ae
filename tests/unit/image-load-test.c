/* Reading pictures: what gdk-pixbuf reads, and files that are not what they seem. PNGs have a test of their
 * own. */
#include "core/data/image-probe.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/image-common.h"
#include "tests/unit/scratch.h"

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
  g_autoptr (DdpmImage) plain = ddpm_image_new (40, 30, 3);
  g_autoptr (GFile) png = scratch_file (scratch, "called.png"), file = scratch_file (scratch, "called.jpg");
  g_autoptr (GError) error = NULL;
  DdpmImageHeader header;

  g_assert_true (ddpm_image_save_png (plain, png, NULL, &error));
  g_assert_true (g_file_move (png, file, G_FILE_COPY_NONE, NULL, NULL, NULL, &error));
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
