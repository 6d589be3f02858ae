/* A folder of pictures: which files count, in what order, at what size, and what becomes of their values. */
#include "core/data/dataset.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "tests/unit/scratch.h"

static void
save_image (const char *scratch, const char *name, const DdpmImage *image)
{
  g_autoptr (GFile) file = scratch_file (scratch, name);
  g_autoptr (GError) error = NULL;

  ddpm_image_save_png (image, file, NULL, &error);
  g_assert_no_error (error);
}

/* A picture of one colour; values are bytes. */
static void
save_flat (const char *scratch, const char *name, guint width, guint height, guint n_channels,
           const guint8 *colour)
{
  g_autoptr (DdpmImage) image = ddpm_image_new (width, height, n_channels);

  for (guint i = 0; i < width * height * n_channels; i++)
    image->pixels[i] = colour[i % n_channels] / 255.0f;
  save_image (scratch, name, image);
}

static void
save_size (const char *scratch, const char *name, guint width, guint height)
{
  save_flat (scratch, name, width, height, 1, (const guint8[]) { 100 });
}

static DdpmDataset *
load (const char *scratch, guint width, guint height, guint multiple, DdpmPixels pixels, GError **error)
{
  g_autoptr (GFile) folder = g_file_new_for_path (scratch);

  const DdpmDatasetOptions options = { .fit = { .width = width, .height = height },
                                       .multiple = multiple,
                                       .pixels = pixels };

  return ddpm_dataset_load (folder, &options, NULL, NULL, NULL, error);
}

/* One of the values of a picture. */
static guint
value_of (const DdpmDataset *dataset, guint index, guint at)
{
  const guint32 member = index;
  DdpmHeldPicture held;

  g_assert_true (ddpm_dataset_hold (dataset, &member, 1, 0, &held));
  const guint value = held.values[at];
  ddpm_dataset_release (dataset, &held);
  return value;
}

static DdpmDataset *
load_well (const char *scratch, guint width, guint height, guint multiple, DdpmPixels pixels)
{
  g_autoptr (GError) error = NULL;
  DdpmDataset *dataset = load (scratch, width, height, multiple, pixels, &error);

  g_assert_no_error (error);
  return dataset;
}

/* ---- which files ---- */

/* A folder as people have them: seven files that can be opened. Read: a.png, b/c.png, b/d/e.png, link.png. */
static void
fill_messy_folder (const char *scratch)
{
  g_autofree char *pipe = g_build_filename (scratch, "pipe.png", NULL);
  g_autofree char *loop = g_build_filename (scratch, "b", "loop", NULL);
  g_autofree char *link = g_build_filename (scratch, "link.png", NULL);
  g_autofree char *broken = g_build_filename (scratch, "broken.png", NULL);
  g_autofree char *a = g_build_filename (scratch, "a.png", NULL);
  g_autofree char *bytes = NULL;
  gsize n_bytes;

  save_size (scratch, "b/d/e.png", 8, 8);
  save_size (scratch, "b/c.png", 8, 8);
  save_size (scratch, "a.png", 16, 8);
  save_size (scratch, ".hidden.png", 8, 8);
  save_size (scratch, ".cache/x.png", 8, 8);
  scratch_write (scratch, "notes.txt", "Remember the milk.\n", 19);
  scratch_write (scratch, "empty.png", "", 0);
  g_assert_true (g_file_get_contents (a, &bytes, &n_bytes, NULL));
  scratch_write (scratch, "cut.png", bytes, n_bytes - 15);
  g_assert_cmpint (mkfifo (pipe, 0600), ==, 0);
  g_assert_cmpint (symlink (scratch, loop), ==, 0);
  g_assert_cmpint (symlink ("b/c.png", link), ==, 0);
  g_assert_cmpint (symlink ("nowhere.png", broken), ==, 0);
}

static void
test_files (void)
{
  static const char *const paths[] = { "a.png", "b/c.png", "b/d/e.png", "link.png", NULL };
  static const DdpmSkipped skipped[] = {
    { "b/loop", "a link to a folder, which is not followed" },
    { "broken.png", "a link to a file that does not exist" },
    { "cut.png", "the file ends too early" },
    { "empty.png", "the file is empty" },
    { "notes.txt", "not a picture" },
    { "pipe.png", "not a plain file" },
  };
  g_autoptr (Scratch) scratch = scratch_new ();

  fill_messy_folder (scratch);
  g_autoptr (DdpmDataset) dataset = load_well (scratch, 8, 8, 8, DDPM_PIXELS_AUTO);
  g_assert_cmpuint (dataset->n_pictures, ==, 4);
  g_assert_cmpstrv (dataset->paths, paths);
  g_assert_cmpuint (dataset->n_resized, ==, 1);
  g_assert_cmpuint (dataset->n_skipped, ==, G_N_ELEMENTS (skipped));
  for (guint i = 0; i < G_N_ELEMENTS (skipped); i++)
    {
      g_assert_cmpstr (dataset->skipped[i].path, ==, skipped[i].path);
      g_assert_cmpstr (dataset->skipped[i].reason, ==, skipped[i].reason);
    }
}

/* By bytes: capitals first, umlauts last, "a-b" before "a/b", and the values follow. */
static void
test_order (void)
{
  static const char *const sorted[] = { "10.png",  "9.png", "B.png", "a-b.png",
                                        "a/b.png", "b.png", "ä.png", NULL };
  static const guint shuffle[] = { 5, 2, 6, 0, 4, 3, 1 };
  g_autoptr (Scratch) scratch = scratch_new ();

  for (guint i = 0; i < 7; i++)
    save_flat (scratch, sorted[shuffle[i]], 4, 4, 1, (const guint8[]) { 10 * shuffle[i] });
  g_autoptr (DdpmDataset) dataset = load_well (scratch, 4, 4, 1, DDPM_PIXELS_AUTO);
  g_assert_cmpstrv (dataset->paths, sorted);
  for (guint i = 0; i < 7; i++)
    g_assert_cmpuint (value_of (dataset, i, 0), ==, 10 * i);
}

/* ---- values ---- */

static void
test_values (void)
{
  static const guint8 pixels[2][3][4] = { { { 255, 0, 10, 255 }, { 200, 100, 50, 128 }, { 0, 0, 0, 0 } },
                                          { { 1, 2, 3, 254 }, { 255, 255, 255, 1 }, { 9, 8, 7, 255 } } };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (DdpmImage) image = ddpm_image_new (3, 2, 4);
  float plain[24], flipped[24];

  for (guint i = 0; i < 24; i++)
    image->pixels[i] = (&pixels[0][0][0])[i] / 255.0f;
  save_image (scratch, "a.png", image);
  g_autoptr (DdpmDataset) dataset = load_well (scratch, 3, 2, 1, DDPM_PIXELS_AUTO);
  g_assert_cmpuint (dataset->n_channels, ==, 4);
  g_assert_cmpuint (dataset->width, ==, 3);
  g_assert_cmpuint (dataset->height, ==, 2);
  g_assert_true (dataset->premultiplied);
  g_assert_cmpuint (dataset->n_resized, ==, 0);

  ddpm_dataset_get (dataset, 0, &(DdpmView) { 0 }, plain);
  ddpm_dataset_get (dataset, 0, &(DdpmView) { .flip = TRUE }, flipped);
  for (guint c = 0; c < 4; c++)
    for (guint y = 0; y < 2; y++)
      for (guint x = 0; x < 3; x++)
        {
          guint alpha = pixels[y][x][3];
          guint expected = c == 3 ? alpha : (guint) lrint (pixels[y][x][c] * alpha / 255.0);
          guint at = (c * 2 + y) * 3 + x;

          g_assert_cmpuint (value_of (dataset, 0, at), ==, expected);
          g_assert_cmpfloat (plain[at], ==, expected / 127.5f - 1.0f);
          g_assert_cmpfloat (flipped[at - x + (2 - x)], ==, plain[at]);
        }
}

/* The way of a sprite with hard alpha through a network's data is exact. */
static void
test_hard_alpha_round_trip (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  g_autoptr (DdpmImage) image = ddpm_image_new (16, 16, 4);
  float tensor[16 * 16 * 4];

  for (guint i = 0; i < 256; i++)
    {
      gboolean opaque = g_rand_boolean (rand);

      for (guint c = 0; c < 3; c++)
        image->pixels[4 * i + c] = opaque ? g_rand_int_range (rand, 0, 256) / 255.0f : 0.0f;
      image->pixels[4 * i + 3] = opaque;
    }
  save_image (scratch, "sprite.png", image);
  g_autoptr (DdpmDataset) dataset = load_well (scratch, 16, 16, 8, DDPM_PIXELS_AUTO);
  ddpm_dataset_get (dataset, 0, &(DdpmView) { 0 }, tensor);
  g_autoptr (DdpmImage) back = ddpm_image_from_tensor (tensor, 4, 16, 16, TRUE);
  for (guint i = 0; i < 16 * 16 * 4; i++)
    g_assert_cmpfloat (rintf (255.0f * back->pixels[i]), ==, rintf (255.0f * image->pixels[i]));
}

static void
assert_first_values (const char *scratch, DdpmPixels pixels, guint n_channels, const guint8 *expected)
{
  g_autoptr (DdpmDataset) dataset = load_well (scratch, 4, 4, 1, pixels);

  g_assert_cmpuint (dataset->n_channels, ==, n_channels);
  g_assert_cmpint (dataset->premultiplied, ==, n_channels == 4);
  for (guint c = 0; c < n_channels; c++)
    for (guint p = 0; p < 16; p++)
      g_assert_cmpuint (value_of (dataset, 0, c * 16 + p), ==, expected[c]);
}

/* auto looks at what the pictures show, not at how they are stored; dropped alpha is over white. */
static void
test_pixels (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();

  save_flat (scratch, "a.png", 4, 4, 4, (const guint8[]) { 40, 40, 40, 255 });
  assert_first_values (scratch, DDPM_PIXELS_AUTO, 1, (const guint8[]) { 40 });
  assert_first_values (scratch, DDPM_PIXELS_RGBA, 4, (const guint8[]) { 40, 40, 40, 255 });

  save_flat (scratch, "b.png", 4, 4, 3, (const guint8[]) { 10, 20, 30 });
  assert_first_values (scratch, DDPM_PIXELS_AUTO, 3, (const guint8[]) { 40, 40, 40 });
  assert_first_values (scratch, DDPM_PIXELS_GREY, 1, (const guint8[]) { 40 });

  save_flat (scratch, "0.png", 4, 4, 2, (const guint8[]) { 100, 51 });
  assert_first_values (scratch, DDPM_PIXELS_AUTO, 4, (const guint8[]) { 20, 20, 20, 51 });
  assert_first_values (scratch, DDPM_PIXELS_RGB, 3, (const guint8[]) { 224, 224, 224 });
  assert_first_values (scratch, DDPM_PIXELS_GREY, 1, (const guint8[]) { 224 });

  save_flat (scratch, "-.png", 4, 4, 3, (const guint8[]) { 200, 100, 50 });
  assert_first_values (scratch, DDPM_PIXELS_GREY, 1, (const guint8[]) { 118 }); /* 42.52 + 71.52 + 3.61 */
}

/* Fewer channels are cut out of the four in place; every picture has to come out whole. */
static void
test_pixels_many (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GRand) rand = g_rand_new_with_seed (2);
  guint8 bytes[5][7 * 3][3];

  for (guint i = 0; i < 5; i++)
    {
      g_autoptr (DdpmImage) image = ddpm_image_new (7, 3, 3);
      g_autofree char *name = g_strdup_printf ("%u.png", i);

      for (guint p = 0; p < 63; p++)
        {
          bytes[i][p / 3][p % 3] = g_rand_int_range (rand, 0, 256);
          image->pixels[p] = bytes[i][p / 3][p % 3] / 255.0f;
        }
      save_image (scratch, name, image);
    }
  g_autoptr (DdpmDataset) rgb = load_well (scratch, 7, 3, 1, DDPM_PIXELS_AUTO);
  g_autoptr (DdpmDataset) grey = load_well (scratch, 7, 3, 1, DDPM_PIXELS_GREY);
  for (guint i = 0; i < 5; i++)
    for (guint p = 0; p < 21; p++)
      {
        const guint8 *b = bytes[i][p];
        double luma = 0.2126 * b[0] + 0.7152 * b[1] + 0.0722 * b[2];

        for (guint c = 0; c < 3; c++)
          g_assert_cmpuint (value_of (rgb, i, c * 21 + p), ==, b[c]);
        g_assert_cmpfloat_with_epsilon (value_of (grey, i, p), luma, 0.5001);
      }
}

/* ---- size ---- */

static void
test_size_common (void)
{
  /* two of this size and another one -> multiple -> the size chosen */
  static const guint cases[][5] = {
    { 28, 28, 4, 28, 28 },  { 28, 28, 8, 32, 32 },  { 32, 32, 8, 32, 32 },
    { 128, 40, 4, 64, 20 }, { 40, 128, 8, 24, 64 }, { 64, 64, 24, 48, 48 },
    { 3, 3, 8, 8, 8 },      { 65, 65, 1, 64, 64 },  { 20, 20, 128, 128, 128 }
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const guint *c = cases[i];
      g_autoptr (Scratch) scratch = scratch_new ();

      save_size (scratch, "a.png", c[0], c[1]);
      save_size (scratch, "b.png", c[0], c[1]);
      save_size (scratch, "c.png", 100, 90);
      g_autoptr (DdpmDataset) dataset = load_well (scratch, 0, 0, c[2], DDPM_PIXELS_AUTO);
      g_assert_cmpuint (dataset->width, ==, c[3]);
      g_assert_cmpuint (dataset->height, ==, c[4]);
      g_assert_cmpuint (dataset->n_resized, ==, c[0] == c[3] && c[1] == c[4] ? 1 : 3);
    }
}

static void
test_size_varied (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();

  save_size (scratch, "a.png", 70, 64);
  save_size (scratch, "b.png", 65, 90);
  g_autoptr (DdpmDataset) large = load_well (scratch, 0, 0, 8, DDPM_PIXELS_AUTO);
  g_assert_cmpuint (large->width, ==, 64);
  g_assert_cmpuint (large->height, ==, 64);

  save_size (scratch, "c.png", 63, 90);
  save_size (scratch, "d.png", 90, 20);
  save_size (scratch, "e.png", 20, 20);
  g_autoptr (DdpmDataset) small = load_well (scratch, 0, 0, 8, DDPM_PIXELS_AUTO);
  g_assert_cmpuint (small->width, ==, 32);
  g_assert_cmpuint (small->height, ==, 32);
}

static void
test_size_asked (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GError) error = NULL;

  save_size (scratch, "a.png", 50, 40);
  g_autoptr (DdpmDataset) square = load_well (scratch, 16, 0, 8, DDPM_PIXELS_AUTO);
  g_assert_cmpuint (square->width, ==, 16);
  g_assert_cmpuint (square->height, ==, 16);
  g_autoptr (DdpmDataset) wide = load_well (scratch, 24, 16, 8, DDPM_PIXELS_AUTO);
  g_assert_cmpuint (wide->width, ==, 24);
  g_assert_cmpuint (wide->height, ==, 16);

  g_assert_null (load (scratch, 30, 32, 8, DDPM_PIXELS_AUTO, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_USAGE);
  g_assert_nonnull (strstr (error->message, "30 x 32"));
  g_assert_nonnull (strstr (error->message, "24 x 32"));
  g_clear_error (&error);
  g_assert_null (load (scratch, 80000, 80000, 8, DDPM_PIXELS_AUTO, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_USAGE);
}

/* Parts are cut from pictures of different sizes, which all count towards what the data are. */
static void
test_parts (void)
{
  static const DdpmDatasetOptions options = { .fit = { DDPM_FIT_PARTS, 8, 8, 10 }, .multiple = 8 };
  static const DdpmDatasetOptions too_small = { .fit = { DDPM_FIT_TILE_PARTS, 8, 8, 7 }, .multiple = 8 };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) folder = g_file_new_for_path (scratch);
  g_autoptr (GError) error = NULL;

  save_size (scratch, "a.png", 40, 20);
  save_size (scratch, "b.png", 9, 11);
  g_autoptr (DdpmDataset) dataset = ddpm_dataset_load (folder, &options, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (dataset->width, ==, 8);
  g_assert_false (dataset->wraps);
  g_assert_cmpuint (dataset->pictures[0].width, ==, 20);
  g_assert_cmpuint (dataset->pictures[0].height, ==, 10);
  g_assert_cmpuint (dataset->pictures[1].width, ==, 9);
  g_assert_cmpuint (dataset->pictures[1].height, ==, 11);
  g_assert_cmpuint (dataset->n_bytes, ==, 200 + 99);
  g_assert_cmpuint (dataset->n_resized, ==, 1);
  g_assert_cmpuint (dataset->n_enlarged, ==, 0);
  g_assert_cmpuint (dataset->n_repeated, ==, 0);

  save_size (scratch, "b.png", 11, 9); /* the same bytes */
  g_autoptr (DdpmDataset) other = ddpm_dataset_load (folder, &options, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (other->fingerprint, !=, dataset->fingerprint);

  g_assert_null (ddpm_dataset_load (folder, &too_small, NULL, NULL, NULL, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_USAGE);
  g_assert_nonnull (strstr (error->message, "scaled down to 7"));
}

/* Told of, so that people see what they have: the same picture twice, and too small ones. */
static void
test_oddities (void)
{
  static const guint8 grey = 90;
  g_autoptr (Scratch) scratch = scratch_new ();

  save_flat (scratch, "a.png", 8, 8, 1, &grey);
  save_flat (scratch, "b.png", 8, 8, 3, (const guint8[]) { 90, 90, 90 });
  save_flat (scratch, "c/a.png", 8, 8, 1, &grey);
  save_flat (scratch, "d.png", 8, 8, 1, (const guint8[]) { 91 });
  save_flat (scratch, "e.png", 8, 7, 1, (const guint8[]) { 92 });
  g_autoptr (DdpmDataset) dataset = load_well (scratch, 8, 8, 1, DDPM_PIXELS_AUTO);
  g_assert_cmpuint (dataset->n_pictures, ==, 5);
  g_assert_cmpuint (dataset->n_repeated, ==, 2);
  g_assert_cmpuint (dataset->n_enlarged, ==, 1);
  g_assert_cmpuint (dataset->n_sizes, ==, 2);
  g_assert_cmpuint (dataset->sizes[0].width, ==, 8);
  g_assert_cmpuint (dataset->sizes[0].height, ==, 8);
  g_assert_cmpuint (dataset->sizes[0].n_pictures, ==, 4);
  g_assert_cmpuint (dataset->sizes[1].height, ==, 7);
  g_assert_cmpuint (dataset->sizes[1].n_pictures, ==, 1);
  g_assert_cmpuint (dataset->n_of_channels[1], ==, 4);
  g_assert_cmpuint (dataset->n_of_channels[3], ==, 1);
  g_assert_cmpuint (dataset->n_file_bytes, >, 5 * 60);
  g_assert_cmpuint (dataset->n_file_bytes, <, 5 * 200);
}

/* ---- errors ---- */

static void
assert_load_fails (const char *path, const char *words)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (load (path, 0, 0, 8, DDPM_PIXELS_AUTO, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_FILE);
  g_assert_nonnull (strstr (error->message, path));
  if (strstr (error->message, words) == NULL)
    g_error ("expected “%s” in “%s”", words, error->message);
}

static void
test_errors (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autofree char *missing = g_build_filename (scratch, "missing", NULL);
  g_autofree char *text = g_build_filename (scratch, "text.txt", NULL);

  assert_load_fails (missing, "there is no folder");
  assert_load_fails (scratch, "is empty");
  scratch_write (scratch, "text.txt", "text", 4);
  scratch_write (scratch, "a.png", "", 0);
  assert_load_fails (text, "is not a folder");
  assert_load_fails (scratch, "skipped: 2, the first of them a.png (the file is empty)");
}

typedef struct
{
  GCancellable *cancellable;
  guint calls, cancel_at;
} Cancelling;

static void
cancel_at (guint done, guint total, gpointer user_data)
{
  Cancelling *cancelling = user_data;

  g_assert_cmpuint (total, ==, 3);
  g_assert_false (g_cancellable_is_cancelled (cancelling->cancellable));
  if (++cancelling->calls == cancelling->cancel_at)
    g_cancellable_cancel (cancelling->cancellable);
}

/* While headers are looked at, and while pictures are decoded. */
static void
test_cancel (void)
{
  static const guint when[] = { 1, 2, 5 };
  const DdpmDatasetOptions options = { .multiple = 8 };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) folder = g_file_new_for_path (scratch);

  save_size (scratch, "a.png", 8, 8);
  save_size (scratch, "b.png", 8, 8);
  save_size (scratch, "c.png", 8, 8);
  for (guint i = 0; i < G_N_ELEMENTS (when); i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GError) error = NULL;
      Cancelling cancelling = { cancellable, 0, when[i] };

      g_assert_null (ddpm_dataset_load (folder, &options, cancel_at, &cancelling, cancellable, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
    }
}

typedef struct
{
  guint sweeps, last, total;
} Counting;

static void
count_calls (guint done, guint total, gpointer user_data)
{
  Counting *counting = user_data;

  if (counting->last == counting->total)
    {
      counting->last = 0;
      counting->total = total;
      counting->sweeps++;
    }
  g_assert_cmpuint (done, ==, ++counting->last);
  g_assert_cmpuint (total, ==, counting->total);
}

/* All eight files are looked at, the six that look like pictures decoded, but for a large folder. */
static void
test_progress (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) folder = g_file_new_for_path (scratch);
  DdpmDatasetOptions options = { .fit = { .width = 8 }, .multiple = 8 };
  g_autoptr (GError) error = NULL;
  Counting counting = { 0 }, quick = { 0 };

  fill_messy_folder (scratch);
  save_size (scratch, "f.png", 8, 8);
  g_autoptr (DdpmDataset) dataset =
    ddpm_dataset_load (folder, &options, count_calls, &counting, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (dataset->n_pictures, ==, 5);
  g_assert_cmpuint (counting.sweeps, ==, 2);
  g_assert_cmpuint (counting.last, ==, 6);

  options.headers_only = TRUE;
  g_autoptr (DdpmDataset) large = ddpm_dataset_load (folder, &options, count_calls, &quick, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (large->n_pictures, ==, 6);
  g_assert_cmpuint (quick.sweeps, ==, 1);
  g_assert_cmpuint (quick.last, ==, 8);
}

/* ---- the rest ---- */

static void
test_fingerprint (void)
{
  static const struct
  {
    const char *first, *second; /* names of two pictures, 1 and 2 */
    guint8 value;
    guint width, height;
    gboolean same;
  } cases[] = {
    { "a.png", "b.png", 1, 8, 4, TRUE },  { "x.png", "y/z.png", 1, 8, 4, TRUE },
    { "b.png", "a.png", 1, 8, 4, FALSE }, { "a.png", "b.png", 3, 8, 4, FALSE },
    { "a.png", "b.png", 1, 4, 8, FALSE },
  };
  guint64 reference = 0;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Scratch) scratch = scratch_new ();

      save_flat (scratch, cases[i].first, 8, 8, 1, &cases[i].value);
      save_flat (scratch, cases[i].second, 8, 8, 1, (const guint8[]) { 2 });
      g_autoptr (DdpmDataset) dataset =
        load_well (scratch, cases[i].width, cases[i].height, 1, DDPM_PIXELS_AUTO);
      if (i == 0)
        reference = dataset->fingerprint;
      g_assert_cmpint (dataset->fingerprint == reference, ==, cases[i].same);
    }
}

static void
test_pixels_from_name (void)
{
  static const char *const names[] = { "auto", "grey", "rgb", "rgba" };
  DdpmPixels pixels;

  for (guint i = 0; i < 4; i++)
    {
      g_assert_true (ddpm_pixels_from_name (names[i], &pixels));
      g_assert_cmpuint (pixels, ==, i);
    }
  g_assert_false (ddpm_pixels_from_name ("RGB", &pixels));
  g_assert_false (ddpm_pixels_from_name ("", &pixels));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/dataset/files", test_files);
  g_test_add_func ("/dataset/order", test_order);
  g_test_add_func ("/dataset/values", test_values);
  g_test_add_func ("/dataset/hard-alpha-round-trip", test_hard_alpha_round_trip);
  g_test_add_func ("/dataset/pixels", test_pixels);
  g_test_add_func ("/dataset/pixels/many", test_pixels_many);
  g_test_add_func ("/dataset/size/common", test_size_common);
  g_test_add_func ("/dataset/size/varied", test_size_varied);
  g_test_add_func ("/dataset/size/asked", test_size_asked);
  g_test_add_func ("/dataset/parts", test_parts);
  g_test_add_func ("/dataset/oddities", test_oddities);
  g_test_add_func ("/dataset/errors", test_errors);
  g_test_add_func ("/dataset/cancel", test_cancel);
  g_test_add_func ("/dataset/progress", test_progress);
  g_test_add_func ("/dataset/fingerprint", test_fingerprint);
  g_test_add_func ("/dataset/pixels-from-name", test_pixels_from_name);
  return g_test_run ();
}
