#include "ui/cli/output.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define GRID_GAP 2 /* pixels between the pictures of a grid */

static gboolean
has_suffix (const char *path, const char *suffix)
{
  gsize n = strlen (path), n_suffix = strlen (suffix);

  return n > n_suffix && g_ascii_strcasecmp (path + n - n_suffix, suffix) == 0;
}

/* A name that asks for a kind of picture this program does not write. */
static gboolean
is_other_picture (const char *path)
{
  static const char *const suffixes[] = { ".jpg",  ".jpeg", ".webp", ".gif", ".tif",
                                          ".tiff", ".bmp",  ".avif", ".xcf" };

  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++)
    if (has_suffix (path, suffixes[i]))
      return TRUE;
  return FALSE;
}

static gboolean
check_folder (const char *folder, GError **error)
{
  if (!g_file_test (folder, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, "the folder \"%s\" does not exist; make it first",
                   folder);
      return FALSE;
    }
  if (!g_file_test (folder, G_FILE_TEST_IS_DIR))
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, "\"%s\" is a file, not a folder", folder);
      return FALSE;
    }
  if (access (folder, W_OK | X_OK) != 0)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, "nothing can be written into \"%s\": %s", folder,
                   g_strerror (errno));
      return FALSE;
    }
  return TRUE;
}

gboolean
ddpm_output_init (DdpmOutput *output, const char *path, GError **error)
{
  gboolean exists = g_file_test (path, G_FILE_TEST_EXISTS);

  output->path = g_strdup (path);
  output->is_folder = g_file_test (path, G_FILE_TEST_IS_DIR) || (!exists && !has_suffix (path, ".png"));
  if (!g_file_test (path, G_FILE_TEST_IS_DIR) && is_other_picture (path))
    {
      g_set_error (
        error, DDPM_ERROR, DDPM_ERROR_USAGE,
        "\"%s\" cannot be written: pictures are written as PNG; choose a name that ends in .png, or a folder",
        path);
      return FALSE;
    }
  if (!output->is_folder)
    {
      g_autofree char *parent = g_path_get_dirname (path);
      if (!has_suffix (path, ".png"))
        {
          g_set_error (
            error, DDPM_ERROR, DDPM_ERROR_USAGE,
            "\"%s\" is a file that is not a PNG by its name; choose a name that ends in .png, or a folder",
            path);
          return FALSE;
        }
      return check_folder (parent, error);
    }
  if (g_mkdir_with_parents (path, 0777) != 0)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, "the folder \"%s\" cannot be made: %s", path,
                   g_strerror (errno));
      return FALSE;
    }
  return check_folder (path, error);
}

void
ddpm_output_clear (DdpmOutput *output)
{
  g_clear_pointer (&output->path, g_free);
}

static gboolean
write_picture (const DdpmImage *image, const char *path, DdpmSampleJob *job, guint index, GError **error)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autofree char *description = ddpm_sample_job_describe (job, index);
  const char *const text[] = { "ddpm", description, NULL };

  return ddpm_image_save_png (image, file, text, error);
}

/* The grid carries the settings of its first picture: the others differ in their index only. */
static gboolean
write_grid (const DdpmOutput *output, DdpmSampleJob *job, guint32 seed, char **written, GError **error)
{
  guint n_images;
  DdpmImage *const *images = ddpm_sample_job_get_images (job, &n_images);
  g_autoptr (DdpmImage) grid = ddpm_image_grid (images, n_images, output->columns, GRID_GAP);
  g_autofree char *path =
    output->is_folder ? g_strdup_printf ("%s/seed-%u-grid.png", output->path, seed) : g_strdup (output->path);

  if (!write_picture (grid, path, job, 0, error))
    return FALSE;
  *written = g_strdup_printf ("%s: %u picture%s side by side", path, n_images, n_images == 1 ? "" : "s");
  return TRUE;
}

gboolean
ddpm_output_write (const DdpmOutput *output, DdpmSampleJob *job, guint32 seed, char **written, GError **error)
{
  guint n_images;
  DdpmImage *const *images = ddpm_sample_job_get_images (job, &n_images);

  if (output->is_grid || (!output->is_folder && n_images > 1))
    return write_grid (output, job, seed, written, error);
  if (!output->is_folder)
    {
      *written = g_strdup_printf ("%s: %ux%u pixels", output->path, images[0]->width, images[0]->height);
      return write_picture (images[0], output->path, job, 0, error);
    }
  for (guint i = 0; i < n_images; i++)
    {
      g_autofree char *path = g_strdup_printf ("%s/seed-%u-%04u.png", output->path, seed, i + 1);
      if (!write_picture (images[i], path, job, i, error))
        return FALSE;
    }
  *written = g_strdup_printf ("%s: %u picture%s, seed-%u-0001.png to seed-%u-%04u.png", output->path,
                              n_images, n_images == 1 ? "" : "s", seed, seed, n_images);
  return TRUE;
}
