/* Writing a picture, so that whatever happens either the old file or the whole new one is there. */
#include "core/data/image.h"

#include "core/base/atomic-file.h"
#include "core/base/error.h"
#include "core/data/image-png.h"

/* A rename would replace a device or a pipe by a plain file. */
static gboolean
check_target (GFile *file, GError **error)
{
  GFileType type = g_file_query_file_type (file, G_FILE_QUERY_INFO_NONE, NULL);
  g_autofree char *name = g_file_get_parse_name (file);
  g_autoptr (GFile) folder = g_file_get_parent (file);

  if (type == G_FILE_TYPE_UNKNOWN && folder != NULL && !g_file_query_exists (folder, NULL))
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
                   "%s cannot be written: its folder does not exist; create it first", name);
      return FALSE;
    }
  if (type == G_FILE_TYPE_REGULAR || type == G_FILE_TYPE_UNKNOWN)
    return TRUE;

  g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, "%s is %s; choose the name of a picture file to write",
               name, type == G_FILE_TYPE_DIRECTORY ? "a folder" : "not a plain file");
  return FALSE;
}

gboolean
ddpm_image_save_png (const DdpmImage *image, GFile *file, const char *const *text, GError **error)
{
  g_autofree char *path = g_file_get_path (file);
  g_autofree char *name = g_file_get_parse_name (file);
  g_autoptr (GError) reason = NULL;
  g_autoptr (GByteArray) bytes = NULL;
  gboolean written;

  if (!check_target (file, error))
    return FALSE;

  bytes = ddpm_png_encode (image, text, error);
  if (bytes == NULL)
    {
      g_prefix_error (error, "%s cannot be written: ", name);
      return FALSE;
    }

  if (path != NULL)
    return ddpm_atomic_file_replace (file, bytes->data, bytes->len, error);
  written = g_file_replace_contents (file, (const char *) bytes->data, bytes->len, NULL, FALSE,
                                     G_FILE_CREATE_NONE, NULL, NULL, &reason);
  if (!written)
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, "%s cannot be written: %s", name, reason->message);
  return written;
}
