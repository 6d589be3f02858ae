/* What headers tell, and JPEGs at a fraction of their size. */
#include "core/data/image-probe.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <math.h>
#include <string.h>

#include "tests/unit/scratch.h"

/* A smooth picture of waves. */
static GByteArray *
save_jpeg (guint width, guint height)
{
  g_autoptr (GdkPixbuf) pixbuf = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, (int) width, (int) height);
  guint8 *pixels = gdk_pixbuf_get_pixels (pixbuf);
  const guint stride = (guint) gdk_pixbuf_get_rowstride (pixbuf);
  char *bytes = NULL;
  gsize n_bytes = 0;

  for (guint y = 0; y < height; y++)
    for (guint x = 0; x < width; x++)
      for (guint c = 0; c < 3; c++)
        pixels[y * stride + 3 * x + c] = (guint8) (128 + 60 * sin (0.05 * x + c) + 50 * cos (0.04 * y - c));
  g_assert_true (gdk_pixbuf_save_to_buffer (pixbuf, &bytes, &n_bytes, "jpeg", NULL, "quality", "98", NULL));
  return g_byte_array_new_take ((guint8 *) bytes, n_bytes);
}

/* Rounded up, and what an average over the whole picture's pixels gives. */
static void
test_reduced (void)
{
  static const guint sizes[][2] = { { 160, 96 }, { 151, 83 }, { 9, 200 } };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) file = scratch_file (scratch, "a.jpg");

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    for (guint reduction = 1; reduction <= 8; reduction *= 2)
      {
        const guint width = (sizes[s][0] + reduction - 1) / reduction;
        const guint height = (sizes[s][1] + reduction - 1) / reduction;
        g_autoptr (GByteArray) jpeg = save_jpeg (sizes[s][0], sizes[s][1]);
        g_autoptr (GError) error = NULL;

        scratch_write (scratch, "a.jpg", jpeg->data, jpeg->len);
        g_autoptr (DdpmImage) whole = ddpm_image_load (file, &error);
        g_autoptr (DdpmImage) reduced = ddpm_image_load_reduced (file, reduction, &error);
        g_assert_no_error (error);
        g_assert_cmpuint (reduced->width, ==, width);
        g_assert_cmpuint (reduced->height, ==, height);
        g_autoptr (DdpmImage) scaled = ddpm_image_scale (whole, width, height);
        for (guint i = 0; i < 3 * width * height; i++)
          g_assert_cmpfloat_with_epsilon (reduced->pixels[i], scaled->pixels[i], 0.12);
      }
}

static void
append_segment (GByteArray *jpeg, guint8 marker, const guint8 *bytes, guint n_bytes)
{
  const guint8 head[] = { 0xff, marker, (n_bytes + 2) >> 8, (n_bytes + 2) & 255 };

  g_byte_array_append (jpeg, head, sizeof head);
  g_byte_array_append (jpeg, bytes, n_bytes);
}

static GByteArray *
begin_jpeg (void)
{
  return g_byte_array_append (g_byte_array_new (), (const guint8[]) { 0xff, 0xd8 }, 2);
}

static gboolean
probe (const char *scratch, const GByteArray *bytes, DdpmImageHeader *header)
{
  g_autoptr (GFile) file = scratch_file (scratch, "probed");

  scratch_write (scratch, "probed", bytes->data, bytes->len);
  return ddpm_image_probe (file, header);
}

/* Notes of any length and number may come before the frame; the first orientation counts. */
static void
test_long_header (void)
{
  guint8 exif[1000] = { 'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0,    42,   0, 0, 0, 8, 0, 2, 1, 0, 0, 3,
                        0,   0,   0,   1,   0, 9, 0,   0,   0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0 };
  static const guint8 frame[] = { 8, 0x01, 0x02, 0x03, 0x04, 1, 1, 0x11, 0 };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GByteArray) jpeg = begin_jpeg ();
  g_autofree guint8 *note = g_malloc0 (60000);
  DdpmImageHeader header;

  append_segment (jpeg, 0xe0, note, 14);
  append_segment (jpeg, 0xe1, exif, sizeof exif);
  for (guint i = 0; i < 3; i++)
    append_segment (jpeg, 0xe2 + i, note, 60000);
  append_segment (jpeg, 0xe1, note, 20000);
  append_segment (jpeg, 0xc4, note, 30); /* a table, though its number is among the frames' */
  append_segment (jpeg, 0xc2, frame, sizeof frame);
  g_assert_true (probe (scratch, jpeg, &header));
  g_assert_true (header.is_jpeg);
  g_assert_cmpuint (header.width, ==, 0x0102); /* on its side */
  g_assert_cmpuint (header.height, ==, 0x0304);
  g_assert_cmpuint (header.n_channels, ==, 1);

  /* and without it */
  memset (jpeg->data + 2 + 18 + 4, 'x', 4);
  g_assert_true (probe (scratch, jpeg, &header));
  g_assert_cmpuint (header.width, ==, 0x0304);
  g_assert_cmpuint (header.height, ==, 0x0102);
}

/* Wherever a file ends, and whatever one of its bytes is, what is found is nothing, or a size that may be. */
static void
test_damaged_headers (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GByteArray) jpeg = save_jpeg (20, 10);
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);
  const guint whole = jpeg->len;
  DdpmImageHeader header;

  g_assert_true (probe (scratch, jpeg, &header));
  g_assert_cmpuint (header.n_channels, ==, 3);
  for (guint n = 0; n < 180; n++)
    {
      jpeg->len = n;
      if (probe (scratch, jpeg, &header))
        g_assert_true (ddpm_image_check_size (header.width, header.height, NULL));
    }
  jpeg->len = whole;
  for (guint i = 0; i < 1000; i++)
    {
      const guint at = (guint) g_rand_int_range (rand, 2, 200);
      const guint8 kept = jpeg->data[at];

      jpeg->data[at] = (guint8) g_rand_int_range (rand, 0, 256);
      if (probe (scratch, jpeg, &header))
        g_assert_true (ddpm_image_check_size (header.width, header.height, NULL));
      jpeg->data[at] = kept;
    }
}

/* The ends are looked at, and the whole on request. */
static void
test_hashes (void)
{
  static const guint changed[] = { 100, 19999, 10000 };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GByteArray) jpeg = begin_jpeg ();
  static const guint8 frame[] = { 8, 0, 10, 0, 20, 3, 1, 0x11, 0 };
  g_autoptr (GFile) file = scratch_file (scratch, "probed");
  DdpmImageHeader first, header;
  guint64 first_hash, hash;

  append_segment (jpeg, 0xc0, frame, sizeof frame);
  g_byte_array_set_size (jpeg, 20000);
  memset (jpeg->data + 20, 7, 20000 - 20);
  g_assert_true (probe (scratch, jpeg, &first));
  g_assert_cmpuint (first.n_file_bytes, ==, 20000);
  g_assert_cmpuint (first.inode, !=, 0);
  g_assert_true (ddpm_image_hash_file (file, NULL, &first_hash));
  for (guint i = 0; i < G_N_ELEMENTS (changed); i++)
    {
      jpeg->data[changed[i]]++;
      g_assert_true (probe (scratch, jpeg, &header));
      g_assert_true (ddpm_image_hash_file (file, NULL, &hash));
      g_assert_cmpint (header.hash == first.hash, ==, i == 2);
      g_assert_cmpuint (hash, !=, first_hash);
      jpeg->data[changed[i]]--;
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/image-probe/reduced", test_reduced);
  g_test_add_func ("/image-probe/long-header", test_long_header);
  g_test_add_func ("/image-probe/damaged-headers", test_damaged_headers);
  g_test_add_func ("/image-probe/hashes", test_hashes);
  return g_test_run ();
}
