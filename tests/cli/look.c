/* Looks at what the command wrote, for the tests of the command.
 *
 *   look shape FILE              "WIDTHxHEIGHTxCHANNELS" of a picture
 *   look differ A B [MASK]       the largest difference of two pictures' values, in 1/255, rounded up; 256:
 *                                other shapes; only where a mask is black
 *   look transparent FILE        how many pixels have an alpha below 1
 *   look text FILE               the text chunk "ddpm" of a PNG
 *   look metadata FILE KEY       a string of a safetensors file's metadata
 *   look json FILE PATH          the value at a JSONPath ("$.unet.sample_size"), compact; fails if there is
 *                                none
 */
#include "core/ddpm.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <gdk-pixbuf/gdk-pixbuf.h>

static gboolean
look_at_pictures (const char *what, const char *path, char **others, GError **error)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (DdpmImage) image = ddpm_image_load (file, error);
  gsize n_transparent = 0;
  float largest = 0;

  if (image == NULL)
    return FALSE;
  gsize n_pixels = (gsize) image->width * image->height;
  if (strcmp (what, "shape") == 0)
    printf ("%ux%ux%u\n", image->width, image->height, image->n_channels);
  else if (strcmp (what, "transparent") == 0)
    {
      for (gsize i = 0; i < n_pixels && image->n_channels % 2 == 0; i++)
        n_transparent += image->pixels[(i + 1) * image->n_channels - 1] < 1;
      printf ("%" G_GSIZE_FORMAT "\n", n_transparent);
    }
  else
    {
      g_autoptr (GFile) other_file = g_file_new_for_path (others[0]);
      g_autoptr (DdpmImage) other = ddpm_image_load (other_file, error);
      g_autoptr (GFile) mask_file = others[1] != NULL ? g_file_new_for_path (others[1]) : NULL;
      g_autoptr (DdpmImage) mask = mask_file != NULL ? ddpm_image_load (mask_file, error) : NULL;
      if (other == NULL || (mask_file != NULL && mask == NULL))
        return FALSE;
      gboolean alike = other->width == image->width && other->height == image->height
                       && other->n_channels == image->n_channels;
      for (gsize i = 0; alike && i < n_pixels * image->n_channels; i++)
        if (mask == NULL || mask->pixels[i / image->n_channels] == 0)
          largest = MAX (largest, fabsf (image->pixels[i] - other->pixels[i]));
      printf ("%d\n", alike ? (int) ceilf (255 * largest - 1e-3f) : 256);
    }
  return TRUE;
}

static gboolean
look_at_text (const char *path, GError **error)
{
  g_autoptr (GdkPixbuf) pixbuf = gdk_pixbuf_new_from_file (path, error);

  if (pixbuf == NULL)
    return FALSE;
  const char *text = gdk_pixbuf_get_option (pixbuf, "tEXt::ddpm");
  printf ("%s\n", text != NULL ? text : "");
  return text != NULL;
}

static gboolean
look_at_metadata (const char *path, const char *key, GError **error)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (DdpmSafetensors) opened = ddpm_safetensors_open (file, error);

  if (opened == NULL || ddpm_safetensors_get_metadata (opened, key) == NULL)
    return FALSE;
  printf ("%s\n", ddpm_safetensors_get_metadata (opened, key));
  return TRUE;
}

static gboolean
look_at_json (const char *path, const char *json_path, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();

  if (!json_parser_load_from_file (parser, path, error))
    return FALSE;
  g_autoptr (JsonNode) found = json_path_query (json_path, json_parser_get_root (parser), error);
  if (found == NULL || json_array_get_length (json_node_get_array (found)) == 0)
    return FALSE;
  g_autofree char *text = json_to_string (json_array_get_element (json_node_get_array (found), 0), FALSE);
  printf ("%s\n", text);
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  gboolean seen = FALSE;

  if (argc == 4 && strcmp (argv[1], "json") == 0)
    seen = look_at_json (argv[2], argv[3], &error);
  else if (argc == 4 && strcmp (argv[1], "metadata") == 0)
    seen = look_at_metadata (argv[2], argv[3], &error);
  else if (argc == 3 && strcmp (argv[1], "text") == 0)
    seen = look_at_text (argv[2], &error);
  else if (argc >= 3 && (strcmp (argv[1], "differ") == 0 ? argc == 4 || argc == 5 : argc == 3))
    seen = look_at_pictures (argv[1], argv[2], argv + 3, &error);
  if (seen)
    return 0;
  fprintf (stderr, "look: %s\n", error != NULL ? error->message : "nothing there, or wrong usage");
  return 1;
}
