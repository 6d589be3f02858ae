/* Folders that are not decoded before they are trained on. */
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/data/dataset-private.h"
#include "tests/unit/scratch.h"

#define N_PICTURES 24

static const char *
get_name (guint index)
{
  static char names[N_PICTURES][16];

  g_snprintf (names[index], sizeof names[index], "%c/%02u.%s", 'a' + index / 8, index,
              index % 5 == 0 ? "jpg" : "png");
  return names[index];
}

static void
save (const char *scratch, const char *name, guint width, guint height, guint n_channels, guint number)
{
  g_autoptr (GFile) file = scratch_file (scratch, name);
  g_autoptr (DdpmImage) image = ddpm_image_new (width, height, n_channels);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < width * height * n_channels; i++)
    image->pixels[i] = (number * 11 + i * 7 % 97 + i % n_channels * 20) % 256 / 255.0f;
  for (guint i = 3; i < width * height * n_channels && n_channels == 4; i += 4)
    image->pixels[i] = 1;
  ddpm_image_save_png (image, file, NULL, &error);
  g_assert_no_error (error);
}

static void
save_jpeg (const char *scratch, const char *name, guint width, guint height, guint number)
{
  g_autoptr (GFile) file = scratch_file (scratch, name);
  g_autoptr (GdkPixbuf) pixbuf = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, (int) width, (int) height);
  guint8 *pixels = gdk_pixbuf_get_pixels (pixbuf);
  g_autoptr (GError) error = NULL;

  for (guint y = 0; y < height; y++)
    for (guint i = 0; i < 3 * width; i++)
      pixels[y * (guint) gdk_pixbuf_get_rowstride (pixbuf) + i] =
        (guint8) (number * 5 + y + i / 3 + i % 3 * 20);
  gdk_pixbuf_save (pixbuf, g_file_peek_path (file), "jpeg", &error, NULL);
  g_assert_no_error (error);
}

/* Of several sizes and kinds, in three folders. */
static void
fill (const char *scratch)
{
  for (guint i = 0; i < N_PICTURES; i++)
    if (i % 5 == 0)
      save_jpeg (scratch, get_name (i), 90 + i, 70, i);
    else
      save (scratch, get_name (i), 20 + i % 3, 16 + i, 3, i);
}

static DdpmDataset *
load_with (const char *scratch, const DdpmDatasetOptions *options)
{
  g_autoptr (GFile) folder = g_file_new_for_path (scratch);
  g_autoptr (GError) error = NULL;
  DdpmDataset *dataset = ddpm_dataset_load (folder, options, NULL, NULL, NULL, &error);

  g_assert_no_error (error);
  return dataset;
}

static DdpmDataset *
load (const char *scratch, gboolean headers_only, guint64 memory_bytes)
{
  return load_with (scratch, &(DdpmDatasetOptions) { .fit = { DDPM_FIT_PARTS, 8, 8, 12 },
                                                     .multiple = 8,
                                                     .headers_only = headers_only,
                                                     .memory_bytes = memory_bytes });
}

static void
assert_same_picture (const DdpmDataset *a, guint of_a, const DdpmDataset *b, guint of_b)
{
  const guint32 member_a = of_a, member_b = of_b;
  const gsize n_bytes = (gsize) a->n_channels * a->pictures[of_a].width * a->pictures[of_a].height;
  DdpmHeldPicture held_a, held_b;

  g_assert_cmpuint (a->n_channels, ==, b->n_channels);
  g_assert_cmpuint (a->pictures[of_a].width, ==, b->pictures[of_b].width);
  g_assert_cmpuint (a->pictures[of_a].height, ==, b->pictures[of_b].height);
  g_assert_true (ddpm_dataset_hold (a, &member_a, 1, 0, &held_a));
  g_assert_true (ddpm_dataset_hold (b, &member_b, 1, 0, &held_b));
  g_assert_cmpmem (held_a.values, n_bytes, held_b.values, n_bytes);
  ddpm_dataset_release (a, &held_a);
  ddpm_dataset_release (b, &held_b);
}

/* ---- the same values from everywhere ---- */

static void
assert_same (const DdpmDataset *a, const DdpmDataset *b)
{
  g_assert_cmpuint (a->n_pictures, ==, b->n_pictures);
  for (guint round = 0; round < 2; round++)
    for (guint i = 0; i < a->n_pictures; i++)
      assert_same_picture (a, i * 5 % N_PICTURES, b, i * 5 % N_PICTURES);
}

static void
test_same_values (void)
{
  static const guint64 bounds[] = { 0, 1, 2000, 1000000 };
  g_autoptr (Scratch) scratch = scratch_new ();
  guint32 expected[N_PICTURES];

  fill (scratch);
  for (guint i = 0; i < N_PICTURES; i++)
    expected[i] = i * 5 % N_PICTURES;
  g_autoptr (DdpmDataset) checked = load (scratch, FALSE, 0);
  g_assert_true (checked->is_checked);
  g_assert_cmpuint (checked->n_memory_bytes, ==, checked->n_bytes);
  for (guint k = 0; k < G_N_ELEMENTS (bounds); k++)
    for (guint headers_only = 0; headers_only < 2; headers_only++)
      {
        g_autoptr (DdpmDataset) dataset = load (scratch, headers_only, bounds[k]);

        g_assert_cmpint (dataset->is_checked, ==, !headers_only);
        g_assert_cmpuint (dataset->n_bytes, ==, checked->n_bytes);
        if (bounds[k] > 0)
          g_assert_cmpuint (dataset->n_memory_bytes, <=, bounds[k]);
        g_assert_cmpint (dataset->fingerprint == checked->fingerprint, ==, !headers_only);
        ddpm_dataset_expect (dataset, expected, N_PICTURES);
        assert_same (checked, dataset);
        g_assert_cmpint (ddpm_picture_store_get_file_bytes (dataset->inner->store) > 0, ==,
                         bounds[k] > 0 && bounds[k] < 1000000);
        g_assert_true (ddpm_dataset_check (dataset, NULL));
      }
}

/* A JPEG of which an eighth is decoded is what the whole of it would be, nearly. */
static void
test_reduced (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) file = scratch_file (scratch, "a.jpg");
  const DdpmFit fit = { DDPM_FIT_MIDDLE, 8, 8, 0 };
  float tensor[3 * 64], expected[3 * 64];

  save_jpeg (scratch, "a.jpg", 166, 72, 2);
  g_assert_cmpuint (ddpm_fit_get_reduction (&fit, 166, 72), ==, 8);
  g_autoptr (DdpmDataset) dataset = load_with (scratch, &(DdpmDatasetOptions) { .fit = fit });
  g_autoptr (DdpmImage) whole = ddpm_image_load (file, NULL);
  g_autoptr (DdpmImage) fitted = ddpm_fit_apply (&fit, whole, 166, 72);
  g_assert_true (ddpm_dataset_get (dataset, 0, &(DdpmView) { 0 }, tensor));
  ddpm_image_to_tensor (fitted, FALSE, expected);
  for (guint i = 0; i < 3 * 64; i++)
    g_assert_cmpfloat_with_epsilon (tensor[i], expected[i], 0.1);
}

/* ---- what cannot be read ---- */

static void
cut (const char *scratch, const char *name)
{
  g_autofree char *path = g_build_filename (scratch, name, NULL);
  g_autofree char *bytes = NULL;
  gsize n_bytes;

  g_assert_true (g_file_get_contents (path, &bytes, &n_bytes, NULL));
  scratch_write (scratch, name, bytes, n_bytes - 60);
}

/* The next of the members takes its place, the same in every mode, and that is told once. */
static void
test_broken (void)
{
  static const guint32 members[] = { 2, 7, 12, 23 };
  static const guint32 taken[] = { 2, 12, 12, 2 };
  g_autoptr (Scratch) scratch = scratch_new ();

  fill (scratch);
  cut (scratch, get_name (7));
  cut (scratch, get_name (23));
  g_autoptr (DdpmDataset) checked = load (scratch, FALSE, 0);
  g_assert_cmpuint (checked->n_pictures, ==, N_PICTURES - 2);
  g_assert_cmpuint (checked->n_skipped, ==, 2);
  for (guint64 bound = 1; bound <= 1000000; bound *= 1000000)
    {
      g_autoptr (DdpmDataset) dataset = load (scratch, TRUE, bound);
      g_autofree char *message = NULL, *second = NULL, *none = NULL;

      g_assert_cmpuint (dataset->n_pictures, ==, N_PICTURES);
      ddpm_dataset_expect (dataset, members, 4);
      for (guint round = 0; round < 2; round++)
        for (guint i = 0; i < 4; i++)
          {
            DdpmHeldPicture held;

            g_assert_true (ddpm_dataset_hold (dataset, members, 4, i, &held));
            g_assert_cmpuint (held.index, ==, taken[i]);
            ddpm_dataset_release (dataset, &held);
          }
      assert_same_picture (dataset, 2, checked, 2);
      assert_same_picture (dataset, 12, checked, 11);
      message = ddpm_dataset_take_message (dataset);
      second = ddpm_dataset_take_message (dataset);
      none = ddpm_dataset_take_message (dataset);
      g_assert_cmpstr (message, ==,
                       "a/07.png cannot be read (the file ends too early); the next picture takes its place");
      g_assert_nonnull (strstr (second, "c/23.png"));
      g_assert_null (none);
      g_assert_true (ddpm_dataset_check (dataset, NULL));
      g_assert_false (ddpm_dataset_get (dataset, 7, &(DdpmView) { 0 }, (float[3 * 64]){ 0 }));
    }
}

static void
assert_lost (const DdpmDataset *dataset, const guint32 *members, guint n_members, const char *words)
{
  g_autoptr (GError) error = NULL;
  DdpmHeldPicture held;

  g_assert_false (ddpm_dataset_hold (dataset, members, n_members, 0, &held));
  g_assert_false (ddpm_dataset_check (dataset, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_FILE);
  if (strstr (error->message, words) == NULL)
    g_error ("expected “%s” in “%s”", words, error->message);
}

/* What is gone or another file than before may be back later: there is no going on without it. */
static void
test_lost (void)
{
  static const guint32 members[] = { 2, 3 };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autofree char *path = g_build_filename (scratch, get_name (2), NULL);

  fill (scratch);
  g_autoptr (DdpmDataset) gone = load (scratch, TRUE, 0), changed = load (scratch, TRUE, 0);
  g_autoptr (DdpmDataset) broken = load (scratch, TRUE, 0);
  cut (scratch, get_name (2));
  assert_lost (changed, members, 2, "a/02.png cannot be read while it is trained on: it has changed");
  g_assert_cmpint (g_unlink (path), ==, 0);
  assert_lost (gone, members, 2, "it is no longer there");

  /* none can be read */
  fill (scratch);
  cut (scratch, get_name (2));
  cut (scratch, get_name (3));
  g_autoptr (DdpmDataset) none = load (scratch, TRUE, 0);
  assert_lost (none, members, 2, "None of the pictures");
}

/* ---- what the scan finds ---- */

static void
test_repeated (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autofree char *from = g_build_filename (scratch, "a.png", NULL);
  g_autofree char *link_to = g_build_filename (scratch, "link.png", NULL);
  const gsize long_bytes = 20000;
  g_autofree char *bytes = NULL;
  gsize n_bytes;

  save (scratch, "a.png", 120, 120, 3, 1);
  save (scratch, "small.png", 10, 10, 3, 2);
  save (scratch, "small-too.png", 10, 10, 3, 2);
  g_assert_true (g_file_get_contents (from, &bytes, &n_bytes, NULL));
  bytes = g_realloc (bytes, long_bytes);
  memset (bytes + n_bytes, 0, long_bytes - n_bytes);
  scratch_write (scratch, "a.png", bytes, long_bytes);
  g_assert_cmpint (link (from, link_to), ==, 0);
  scratch_write (scratch, "copy.png", bytes, long_bytes);
  bytes[long_bytes / 2]++; /* of the same size, with the same ends */
  scratch_write (scratch, "other.png", bytes, long_bytes);
  g_autoptr (DdpmDataset) dataset = load (scratch, TRUE, 0);
  g_assert_cmpuint (dataset->n_pictures, ==, 6);
  g_assert_cmpuint (dataset->n_repeated, ==, 3);
}

static void
test_counts (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();

  fill (scratch);
  save (scratch, "alpha.png", 20, 16, 4, 1);
  save (scratch, "grey.png", 7, 16, 1, 1);
  scratch_write (scratch, "words.txt", "words", 5);
  g_autoptr (DdpmDataset) dataset = load (scratch, TRUE, 0);
  g_assert_cmpuint (dataset->n_pictures, ==, N_PICTURES + 2);
  g_assert_cmpuint (dataset->n_skipped, ==, 1);
  g_assert_cmpuint (dataset->n_of_channels[1], ==, 1);
  g_assert_cmpuint (dataset->n_of_channels[3], ==, N_PICTURES);
  g_assert_cmpuint (dataset->n_of_channels[4], ==, 1);
  g_assert_cmpuint (dataset->n_enlarged, ==, 1);
  g_assert_cmpuint (dataset->n_sizes, ==, 26);
  /* the one with alpha is opaque */
  g_assert_cmpuint (dataset->n_channels, ==, 3);
}

/* Some pictures whose headers allow it are looked at for transparency, then for colour. */
static void
test_channels (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) file = scratch_file (scratch, "clear.png");
  g_autoptr (DdpmImage) clear = ddpm_image_new (9, 9, 4);

  save (scratch, "grey.png", 20, 16, 1, 1);
  g_autoptr (DdpmDataset) grey = load (scratch, TRUE, 0);
  g_assert_cmpuint (grey->n_channels, ==, 1);
  for (guint i = 0; i < 40; i++)
    {
      g_autofree char *name = g_strdup_printf ("opaque-%02u.png", i);

      save (scratch, name, 10, 10, 4, i);
    }
  g_autoptr (DdpmDataset) opaque = load (scratch, TRUE, 0);
  g_assert_cmpuint (opaque->n_channels, ==, 3);
  g_assert_true (ddpm_image_save_png (clear, file, NULL, NULL));
  g_autoptr (DdpmDataset) transparent = load (scratch, TRUE, 0);
  g_assert_cmpuint (transparent->n_channels, ==, 4);
}

/* Names, bytes at the ends and sizes count; where pictures are kept does not. */
static void
test_fingerprint (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autofree char *from = g_build_filename (scratch, get_name (3), NULL);
  g_autofree char *to = g_build_filename (scratch, "a", "04x.png", NULL);

  fill (scratch);
  g_autoptr (DdpmDataset) first = load (scratch, TRUE, 0), again = load (scratch, TRUE, 1);
  g_assert_cmpuint (first->fingerprint, ==, again->fingerprint);
  save (scratch, get_name (8), 22, 24, 3, 9); /* other pixels */
  g_autoptr (DdpmDataset) edited = load (scratch, TRUE, 0);
  g_assert_cmpuint (edited->fingerprint, !=, first->fingerprint);
  save (scratch, get_name (8), 22, 24, 3, 8);
  g_autoptr (DdpmDataset) back = load (scratch, TRUE, 0);
  g_assert_cmpuint (back->fingerprint, ==, first->fingerprint);
  g_assert_cmpint (g_rename (from, to), ==, 0);
  g_autoptr (DdpmDataset) renamed = load (scratch, TRUE, 0);
  g_assert_cmpuint (renamed->fingerprint, !=, first->fingerprint);
}

/* The cache folder of these tests is their own. */
int
main (int argc, char **argv)
{
  g_autoptr (Scratch) cache = scratch_new ();

  g_setenv ("XDG_CACHE_HOME", cache, TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dataset-large/same-values", test_same_values);
  g_test_add_func ("/dataset-large/reduced", test_reduced);
  g_test_add_func ("/dataset-large/broken", test_broken);
  g_test_add_func ("/dataset-large/lost", test_lost);
  g_test_add_func ("/dataset-large/repeated", test_repeated);
  g_test_add_func ("/dataset-large/counts", test_counts);
  g_test_add_func ("/dataset-large/channels", test_channels);
  g_test_add_func ("/dataset-large/fingerprint", test_fingerprint);
  return g_test_run ();
}
