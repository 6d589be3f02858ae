/* How close a fill comes to what was there: pictures that `ddpm train` held out, a square of each made anew.
 *
 *     fill MODEL FOLDER OUT.png [RESAMPLINGS STEPS SAMPLER ETA FILLS PICTURES]
 *
 * Prints for each kind of picture made for the square the root mean square distance to the truth, in levels
 * of 255 of sRGB, colours premultiplied: of one fill, of the mean of several, and of the square made of its
 * rim alone (the solution of Laplace's equation, the smoothest there is). OUT.png shows them side by side:
 * the truth, what was known, the rim's, fills. A second line tells the same of means and standard deviations
 * of small blocks. */
#include "core/ddpm.h"
#include "core/job/train-held-out.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SHARE 20 /* one of so many pictures is held out */
#define BLOCK 7  /* pixels */

static void
list_pictures (const char *folder, const char *relative, GPtrArray *paths)
{
  g_autofree char *path = g_build_filename (folder, relative, NULL);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  if (dir == NULL)
    {
      if (ddpm_train_held_out_contains (relative, SHARE))
        g_ptr_array_add (paths, g_steal_pointer (&path));
      return;
    }
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *below = *relative != '\0' ? g_build_filename (relative, name, NULL) : g_strdup (name);

      list_pictures (folder, below, paths);
    }
}

static int
compare_paths (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* The square that is made anew: the middle third. */
static gboolean
is_in_square (const DdpmImage *image, guint x, guint y)
{
  return x >= image->width / 3 && x < image->width * 2 / 3 && y >= image->height / 3
         && y < image->height * 2 / 3;
}

static DdpmImage *
make_mask (const DdpmImage *image)
{
  DdpmImage *mask = ddpm_image_new (image->width, image->height, 1);

  for (guint y = 0; y < image->height; y++)
    for (guint x = 0; x < image->width; x++)
      mask->pixels[y * image->width + x] = is_in_square (image, x, y);
  return mask;
}

static DdpmImage *
premultiply (const DdpmImage *image)
{
  DdpmImage *result = ddpm_image_copy (image);
  const guint n = image->n_channels;

  if (n % 2 == 0)
    for (gsize i = 0; i < (gsize) image->width * image->height; i++)
      for (guint c = 0; c + 1 < n; c++)
        result->pixels[i * n + c] *= result->pixels[i * n + n - 1];
  return result;
}

/* Laplace's equation in the square, by Gauss and Seidel's iteration; premultiplied. */
static DdpmImage *
spread_rim (const DdpmImage *truth)
{
  DdpmImage *image = ddpm_image_copy (truth);
  const guint n = image->n_channels;
  const gsize row = (gsize) image->width * n;

  for (guint round = 0; round < 4000; round++)
    for (guint y = 1; y + 1 < image->height; y++)
      for (guint x = 1; x + 1 < image->width; x++)
        for (guint c = 0; c < n && is_in_square (image, x, y); c++)
          {
            float *at = image->pixels + y * row + x * n + c;

            *at = (at[-(gssize) n] + at[n] + at[-(gssize) row] + at[row]) / 4;
          }
  return image;
}

/* The mean square distance, in levels of 255, of the means and standard deviations of blocks of the square:
 * of how it looks to an eye that does not compare grain by grain. */
static double
get_distance_of_looks (const DdpmImage *a, const DdpmImage *b)
{
  double sum = 0;
  guint n = 0;

  for (guint top = a->height / 3; top + BLOCK <= a->height * 2 / 3; top += BLOCK)
    for (guint left = a->width / 3; left + BLOCK <= a->width * 2 / 3; left += BLOCK)
      for (guint c = 0; c < a->n_channels; c++, n += 2)
        {
          double sums[2] = { 0 }, squares[2] = { 0 }, deviations[2];

          for (guint i = 0; i < BLOCK * BLOCK; i++)
            for (guint k = 0; k < 2; k++)
              {
                const gsize pixel = (gsize) (top + i / BLOCK) * a->width + left + i % BLOCK;
                const double value = 255.0 * (k == 0 ? a : b)->pixels[pixel * a->n_channels + c];

                sums[k] += value / (BLOCK * BLOCK);
                squares[k] += value * value / (BLOCK * BLOCK);
              }
          for (guint k = 0; k < 2; k++)
            deviations[k] = sqrt (MAX (squares[k] - sums[k] * sums[k], 0));
          sum += pow (sums[0] - sums[1], 2) + pow (deviations[0] - deviations[1], 2);
        }
  return sum / n;
}

static double
get_distance (const DdpmImage *a, const DdpmImage *b)
{
  double sum = 0;
  gsize n = 0;

  for (guint y = 0; y < a->height; y++)
    for (guint x = 0; x < a->width; x++)
      for (guint c = 0; c < a->n_channels && is_in_square (a, x, y); c++, n++)
        {
          const gsize i = ((gsize) y * a->width + x) * a->n_channels + c;

          sum += pow (255.0 * (a->pixels[i] - b->pixels[i]), 2);
        }
  return sum / n;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GFile) folder = NULL, out = NULL;
  g_autoptr (DdpmModel) model = NULL;
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) shown = g_ptr_array_new_with_free_func ((GDestroyNotify) ddpm_image_free);
  g_autoptr (DdpmImage) grid = NULL;
  DdpmSampleOptions options;
  double one = 0, mean = 0, rim = 0, one_looks = 0, rim_looks = 0;
  guint n_closer = 0, n_pictures;

  if (argc < 4)
    return 2;
  folder = ddpm_model_find (argv[1], NULL, &error);
  model = folder != NULL ? ddpm_model_open_header (folder, &error) : NULL;
  if (model == NULL)
    g_error ("%s", error->message);
  list_pictures (argv[2], "", paths);
  g_ptr_array_sort (paths, compare_paths);

  ddpm_sample_options_init (&options, model);
  options.task = DDPM_TASK_FILL;
  options.n_threads = 1;
  options.resamplings = argc > 4 ? atoi (argv[4]) : options.resamplings;
  options.n_steps = argc > 5 ? atoi (argv[5]) : options.n_steps;
  if (argc > 6)
    ddpm_sampler_kind_from_name (argv[6], &options.sampler);
  options.eta = argc > 7 ? atof (argv[7]) : 0;
  options.count = argc > 8 ? atoi (argv[8]) : 4;
  n_pictures = MIN (paths->len, argc > 9 ? atoi (argv[9]) : 12);
  for (guint p = 0; p < n_pictures; p++)
    {
      g_autoptr (GFile) file = g_file_new_for_path (paths->pdata[p * paths->len / n_pictures]);
      g_autoptr (DdpmImage) loaded = ddpm_image_load (file, &error);
      g_autoptr (DdpmImage) fitted =
        ddpm_image_crop (loaded, 0, 0, MIN (loaded->width, 64), MIN (loaded->height, 64));
      g_autoptr (DdpmImage) picture =
        ddpm_image_convert (fitted, ddpm_unet_get_config (model->unet)->in_channels);
      g_autoptr (DdpmImage) truth = premultiply (picture);
      g_autoptr (DdpmImage) spread = spread_rim (truth), average = ddpm_image_copy (truth);
      g_autoptr (DdpmImage) mask = make_mask (picture), known = ddpm_image_copy (truth);
      g_autoptr (DdpmSampleJob) job = NULL;
      double own = 0;
      const double by_rim = get_distance (truth, spread);
      guint n_images;
      DdpmImage *const *images;

      options.inputs[0] = picture;
      options.mask = mask;
      job = ddpm_sample_job_new (model, &options, &error);
      if (job == NULL || !ddpm_sample_job_run (job, NULL, NULL, NULL, &error))
        g_error ("%s", error->message);
      images = ddpm_sample_job_get_images (job, &n_images);
      for (gsize i = 0; i < (gsize) truth->width * truth->height * truth->n_channels; i++)
        {
          average->pixels[i] = 0;
          known->pixels[i] *= 1 - mask->pixels[i / truth->n_channels];
        }
      g_ptr_array_add (shown, ddpm_image_copy (picture));
      g_ptr_array_add (shown, g_steal_pointer (&known));
      g_ptr_array_add (shown, ddpm_image_copy (spread));
      for (guint k = 0; k < n_images; k++)
        {
          g_autoptr (DdpmImage) fill = premultiply (images[k]);

          own += get_distance (truth, fill) / n_images;
          one_looks += get_distance_of_looks (truth, fill) / n_images;
          for (gsize i = 0; i < (gsize) truth->width * truth->height * truth->n_channels; i++)
            average->pixels[i] += fill->pixels[i] / n_images;
          if (k < 4)
            g_ptr_array_add (shown, ddpm_image_copy (images[k]));
        }
      one += own;
      mean += get_distance (truth, average);
      rim += by_rim;
      rim_looks += get_distance_of_looks (truth, spread);
      n_closer += own < by_rim;
    }
  printf ("%u pictures: fill %.1f, mean of %u %.1f, rim %.1f; closer than the rim's: %u\n", n_pictures,
          sqrt (one / n_pictures), options.count, sqrt (mean / n_pictures), sqrt (rim / n_pictures),
          n_closer);
  printf ("means and deviations of blocks: fill %.1f, rim %.1f\n", sqrt (one_looks / n_pictures),
          sqrt (rim_looks / n_pictures));
  grid = ddpm_image_grid ((DdpmImage *const *) shown->pdata, shown->len, shown->len / n_pictures, 2);
  out = g_file_new_for_path (argv[3]);
  if (!ddpm_image_save_png (grid, out, NULL, &error))
    g_error ("%s", error->message);
  return 0;
}
