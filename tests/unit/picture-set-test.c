/* Sets of pictures that a model is measured on: which they are, and what their values are. */
#include "core/job/picture-set.h"

#include <string.h>

#include "core/base/error.h"
#include "tests/unit/sample-job-common.h"
#include "tests/unit/scratch.h"

#define N_PICTURES 10

/* Values of picture `number`: of 255, so that a file keeps them. */
static DdpmImage *
new_picture (guint number, guint n_channels)
{
  DdpmImage *image = ddpm_image_new (SIZE, SIZE, n_channels);

  ddpm_rng_uniform ((DdpmRngKey) { 1, DDPM_RNG_LATENT, number, 0 }, image->pixels, count_values (image));
  for (gsize i = 0; i < count_values (image); i++)
    image->pixels[i] = rintf (255 * image->pixels[i]) / 255;
  return image;
}

static void
write_pictures (const char *scratch, guint n_channels)
{
  for (guint i = 0; i < N_PICTURES; i++)
    {
      g_autoptr (DdpmImage) image = new_picture (i, n_channels);
      g_autofree char *name = g_strdup_printf ("pictures/%02u.png", i);
      g_autoptr (GFile) file = scratch_file (scratch, name);
      g_autoptr (GError) error = NULL;

      g_assert_true (ddpm_image_save_png (image, file, NULL, &error));
      g_assert_no_error (error);
    }
}

static DdpmDataset *
load (const DdpmModel *model, const char *scratch, guint width, guint height, GError **error)
{
  g_autoptr (GFile) pictures = scratch_file (scratch, "pictures");

  return ddpm_picture_set_load (model, pictures, width, height, 0, NULL, NULL, NULL, error);
}

/* Those of a folder, in the model's channels, and the same as pictures in memory: with alpha, colours are
 * multiplied by it. */
static void
test_values (void)
{
  for (guint n_channels = 3; n_channels <= 4; n_channels++)
    {
      g_autoptr (Scratch) scratch = scratch_new ();
      g_autoptr (DdpmModel) model = new_model (n_channels, 0);
      g_autoptr (DdpmDataset) dataset = NULL;
      g_autoptr (DdpmPictureSet) set = NULL, others = NULL;
      g_autoptr (GPtrArray) images = g_ptr_array_new_with_free_func ((GDestroyNotify) ddpm_image_free);
      g_autofree guint32 *chosen = NULL;
      g_autoptr (GError) error = NULL;
      DdpmDistances distances;
      guint n;

      model->notes.premultiplied = TRUE;
      write_pictures (scratch, n_channels);
      dataset = load (model, scratch, 0, 0, &error);
      g_assert_no_error (error);
      chosen = ddpm_picture_set_choose (dataset, 0, 4, &n, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (n, ==, 4);
      for (guint i = 0; i < n; i++)
        {
          g_assert_cmpuint (chosen[i], ==, i * N_PICTURES / 4);
          g_ptr_array_add (images, new_picture (chosen[i], n_channels));
        }
      set = ddpm_picture_set_new (dataset, chosen, n, 0, &error);
      g_assert_no_error (error);
      others = ddpm_picture_set_new_from_images ((DdpmImage *const *) images->pdata, images->len);
      g_assert_cmpuint (set->n, ==, others->n);
      g_assert_cmpuint (set->n_channels, ==, n_channels);
      g_assert_cmpuint (set->height, ==, SIZE);
      g_assert_cmpuint (set->width, ==, SIZE);
      for (gsize i = 0; i < (gsize) n * n_channels * SIZE * SIZE; i++)
        g_assert_cmpfloat_with_epsilon (set->values[i], others->values[i], n_channels == 4 ? 0.005 : 1e-6);
      g_assert_true (ddpm_picture_set_compare (set, set, 1, 3, NULL, &distances, &error));
      g_assert_no_error (error);
      g_assert_cmpfloat (distances.sliced_wasserstein_mean, ==, 0);
      g_assert_cmpfloat (distances.nearest, ==, 0);
    }
}

/* All of them, or those held out, and never more than are there. */
static void
test_choice (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmDataset) dataset = NULL;
  g_autofree guint32 *all = NULL, *half = NULL, *none = NULL;
  g_autoptr (GError) error = NULL;
  guint n_all, n_half, n_none = 0;

  write_pictures (scratch, 3);
  dataset = load (model, scratch, 0, 0, &error);
  g_assert_no_error (error);
  all = ddpm_picture_set_choose (dataset, 0, 1000, &n_all, &error);
  g_assert_cmpuint (n_all, ==, N_PICTURES);
  half = ddpm_picture_set_choose (dataset, 2, 0, &n_half, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (n_half, >, 0);
  g_assert_cmpuint (n_half, <, N_PICTURES);
  for (guint i = 0; i < n_half; i++)
    g_assert_cmpuint (g_str_hash (dataset->paths[half[i]]) % 2, ==, 0);
  none = ddpm_picture_set_choose (dataset, 999983, 0, &n_none, &error);
  g_assert_null (none);
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_USAGE);
}

static void
test_size (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmDataset) smaller = NULL;
  g_autoptr (GError) error = NULL;

  write_pictures (scratch, 3);
  smaller = load (model, scratch, 4, 6, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (smaller->width, ==, 4);
  g_assert_cmpuint (smaller->height, ==, 6);
  g_assert_null (load (model, scratch, 5, 6, &error)); /* the network halves it */
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_USAGE);
}

/* Colours that are not multiplied by their alpha are not what a folder's pictures are brought to. */
static void
test_refusals (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (DdpmModel) model = new_model (4, 0);
  g_autoptr (GError) error = NULL;

  write_pictures (scratch, 4);
  g_assert_null (load (model, scratch, 0, 0, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "multiplied by their alpha"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/picture-set/values", test_values);
  g_test_add_func ("/picture-set/choice", test_choice);
  g_test_add_func ("/picture-set/size", test_size);
  g_test_add_func ("/picture-set/refusals", test_refusals);
  return g_test_run ();
}
