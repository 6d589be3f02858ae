/* A model written once more. All of it goes to a folder of another name beside the one that was asked for,
 * which takes that name when it is whole: who is interrupted has no half of a model. */
#include "core/model/model.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <stdio.h>

#include "core/base/atomic-file.h"
#include "core/base/error.h"

#define LARGEST_HALF 65504.0f

static gboolean
is_free (GFile *output, GError **error)
{
  g_autofree char *name = g_file_get_parse_name (output);
  const char *path = g_file_peek_path (output);
  g_autoptr (GDir) dir = NULL;

  if (path == NULL)
    return ddpm_refuse (error, DDPM_ERROR_USAGE,
                        "%s is not a folder of this machine's file system; name another one", name);
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return TRUE;
  dir = g_dir_open (path, 0, NULL);
  if (dir != NULL && g_dir_read_name (dir) == NULL)
    return TRUE;
  return ddpm_refuse (error, DDPM_ERROR_USAGE,
                      "%s is there already, and nothing is overwritten; name a folder that is not", name);
}

/* What is too large would become infinite. */
static gboolean
check_range (const DdpmModel *model, DdpmDtype dtype, GError **error)
{
  const gsize n = ddpm_unet_get_n_weights (model->unet);
  float largest = 0;

  for (gsize i = 0; i < n; i++)
    if (isfinite (model->weights[i]))
      largest = MAX (largest, fabsf (model->weights[i]));
  if (dtype != DDPM_DTYPE_F16 || largest <= LARGEST_HALF)
    return TRUE;
  return ddpm_refuse (error, DDPM_ERROR_USAGE,
                      "the weights of %s reach %g, but float16 ends at %g; use bfloat16 or float32",
                      model->name, largest, LARGEST_HALF);
}

/* The picture that ddpm.json names, if it is there. */
static gboolean
copy_thumbnail (const DdpmModel *model, GFile *folder, GError **error)
{
  const char *name = model->notes.thumbnail;
  g_autoptr (GFile) from = NULL, to = NULL;

  if (name == NULL || strpbrk (name, "/\\") != NULL)
    return TRUE;
  from = g_file_get_child (model->folder, name);
  to = g_file_get_child (folder, name);
  if (g_file_query_file_type (from, G_FILE_QUERY_INFO_NONE, NULL) != G_FILE_TYPE_REGULAR
      || g_file_copy (from, to, G_FILE_COPY_NONE, NULL, NULL, NULL, error))
    return TRUE;
  if (error != NULL)
    {
      (*error)->domain = DDPM_ERROR;
      (*error)->code = DDPM_ERROR_FILE;
    }
  return FALSE;
}

gboolean
ddpm_model_convert (const DdpmModel *model, GFile *output, DdpmDtype dtype, GError **error)
{
  g_autoptr (GFile) parent = g_file_get_parent (output);
  g_autofree char *base_name = g_file_get_basename (output), *part_name = NULL, *name = NULL;
  g_autoptr (GFile) part = NULL;
  const char *path = NULL;
  gboolean ok;

  g_return_val_if_fail (model->weights != NULL, FALSE);
  if (!is_free (output, error) || !check_range (model, dtype, error))
    return FALSE;
  part_name = g_strdup_printf (".%s.part", base_name);
  part = g_file_get_child (parent != NULL ? parent : output, part_name);
  path = g_file_peek_path (part);
  ddpm_delete_tree (path); /* of one that was interrupted */
  ok = ddpm_model_save (part, model->unet, model->weights, &model->scheduler, &model->notes, dtype, error)
       && copy_thumbnail (model, part, error);
  if (ok && g_rename (path, g_file_peek_path (output)) != 0)
    {
      const int code = errno;

      name = g_file_get_parse_name (output);
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, "the folder %s cannot be made: %s", name,
                   g_strerror (code));
      ok = FALSE;
    }
  if (!ok)
    ddpm_delete_tree (path);
  return ok;
}
