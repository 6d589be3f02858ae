/* Makes what the tests of the command work on: folders of small pictures, and tiny models with random
 * weights.
 *
 *   make-pictures pictures FOLDER COUNT WIDTH HEIGHT CHANNELS    PNG files picture-00.png …
 *   make-pictures mask FILE WIDTH HEIGHT X Y SIZE                black with a white square
 *   make-pictures jpeg FILE WIDTH HEIGHT                         one JPEG
 *   make-pictures model FOLDER CHANNELS WIDTH HEIGHT WIDTHS…     a model folder, float16
 *   make-pictures labelled-model …                               the same, with the labels apple and pear
 *   make-pictures weights FOLDER                                 weights for FOLDER/config.json, float16
 */
#include "core/ddpm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gdk-pixbuf/gdk-pixbuf.h>

/* A soft disc at a place of its own; four channels: transparent around it. */
static DdpmImage *
draw_picture (guint index, guint width, guint height, guint n_channels)
{
  DdpmImage *image = ddpm_image_new (width, height, n_channels);
  double cx = width * (0.3 + 0.05 * (index % 9)), cy = height * (0.7 - 0.05 * (index % 7));

  for (guint y = 0; y < height; y++)
    for (guint x = 0; x < width; x++)
      {
        double r = hypot (x + 0.5 - cx, y + 0.5 - cy) / (0.35 * MIN (width, height));
        float inside = (float) CLAMP (1.5 - r, 0.0, 1.0);
        float *pixel = image->pixels + ((gsize) y * width + x) * n_channels;
        float colour[3] = { 0.2f + 0.1f * (index % 8), 0.9f - 0.1f * (index % 5), (float) x / width };

        for (guint c = 0; c < MIN (n_channels, 3); c++)
          pixel[c] = n_channels == 4 ? colour[c] : inside * colour[c];
        if (n_channels == 4)
          pixel[3] = inside;
      }
  return image;
}

static gboolean
make_pictures (const char *folder, guint count, guint width, guint height, guint n_channels, GError **error)
{
  for (guint i = 0; i < count; i++)
    {
      g_autoptr (DdpmImage) image = draw_picture (i, width, height, n_channels);
      g_autofree char *path = g_strdup_printf ("%s/picture-%02u.png", folder, i);
      g_autoptr (GFile) file = g_file_new_for_path (path);
      if (!ddpm_image_save_png (image, file, NULL, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
make_mask (const char *path, guint width, guint height, guint x, guint y, guint size, GError **error)
{
  g_autoptr (DdpmImage) image = ddpm_image_new (width, height, 1);
  g_autoptr (GFile) file = g_file_new_for_path (path);

  for (guint v = y; v < MIN (y + size, height); v++)
    for (guint u = x; u < MIN (x + size, width); u++)
      image->pixels[v * width + u] = 1;
  return ddpm_image_save_png (image, file, NULL, error);
}

static gboolean
make_jpeg (const char *path, guint width, guint height, GError **error)
{
  g_autoptr (GdkPixbuf) pixbuf = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, (int) width, (int) height);

  gdk_pixbuf_fill (pixbuf, 0x3070c0ff);
  return gdk_pixbuf_save (pixbuf, path, "jpeg", error, NULL);
}

static gboolean
make_model (const char *path, gboolean labelled, guint n_channels, guint width, guint height, char **widths,
            GError **error)
{
  g_autoptr (GFile) folder = g_file_new_for_path (path);
  g_auto (DdpmSchedulerConfig) scheduler = { 0 };
  char *labels[] = { "apple", "pear", NULL };
  DdpmModelNotes notes = { .premultiplied = n_channels == 4, .labels = labelled ? labels : NULL };
  DdpmUnetConfig config;

  ddpm_unet_config_init (&config);
  config.sample_width = width;
  config.sample_height = height;
  config.in_channels = config.out_channels = n_channels;
  config.n_levels = g_strv_length (widths);
  for (guint i = 0; i < config.n_levels; i++)
    {
      config.block_out_channels[i] = (guint) atoi (widths[i]);
      config.down_block_types[i] = config.up_block_types[i] = DDPM_BLOCK_PLAIN;
    }
  config.layers_per_block = 1;
  config.class_embed = labelled ? DDPM_CLASS_EMBED_TABLE : DDPM_CLASS_EMBED_NONE;
  config.num_class_embeds = labelled ? G_N_ELEMENTS (labels) : 0; /* one for each, one for none */
  config.norm_num_groups = ddpm_unet_config_choose_groups (config.block_out_channels, config.n_levels);
  g_autoptr (DdpmUnet) unet = ddpm_unet_new (&config, error);
  if (unet == NULL)
    return FALSE;
  g_autofree float *weights = g_new (float, ddpm_unet_get_n_weights (unet));
  ddpm_unet_init_weights (unet, 1, weights);
  ddpm_scheduler_config_init (&scheduler);
  return ddpm_model_save (folder, unet, weights, &scheduler, &notes, DDPM_DTYPE_F16, error);
}

static gboolean
make_weights (const char *path, GError **error)
{
  g_autofree char *config_path = g_build_filename (path, "config.json", NULL);
  g_autofree char *weights_path = g_build_filename (path, "diffusion_pytorch_model.safetensors", NULL);
  g_autoptr (GFile) config_file = g_file_new_for_path (config_path);
  g_autoptr (GFile) weights_file = g_file_new_for_path (weights_path);
  g_autoptr (JsonNode) node = ddpm_json_read (config_file, error);
  g_autoptr (DdpmUnet) unet = NULL;
  g_autofree float *weights = NULL;
  g_autofree DdpmTensorToWrite *tensors = NULL;
  DdpmUnetConfig config;
  const DdpmParam *params;
  guint n_params;

  if (node == NULL || !ddpm_unet_config_from_json (&config, node, config_path, error)
      || (unet = ddpm_unet_new (&config, error)) == NULL)
    return FALSE;
  weights = g_new (float, ddpm_unet_get_n_weights (unet));
  ddpm_unet_init_weights (unet, 1, weights);
  params = ddpm_unet_get_params (unet, &n_params);
  tensors = g_new0 (DdpmTensorToWrite, n_params);
  for (guint i = 0; i < n_params; i++)
    {
      tensors[i] = (DdpmTensorToWrite) { .name = params[i].name,
                                         .n_dims = params[i].n_dims,
                                         .values = weights + params[i].offset };
      memcpy (tensors[i].shape, params[i].shape, sizeof params[i].shape);
    }
  return ddpm_safetensors_write (weights_file, tensors, n_params, DDPM_DTYPE_F16, NULL, error);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  gboolean made = FALSE;

  if (argc == 7 && strcmp (argv[1], "pictures") == 0)
    made = make_pictures (argv[2], (guint) atoi (argv[3]), (guint) atoi (argv[4]), (guint) atoi (argv[5]),
                          (guint) atoi (argv[6]), &error);
  else if (argc == 8 && strcmp (argv[1], "mask") == 0)
    made = make_mask (argv[2], (guint) atoi (argv[3]), (guint) atoi (argv[4]), (guint) atoi (argv[5]),
                      (guint) atoi (argv[6]), (guint) atoi (argv[7]), &error);
  else if (argc == 5 && strcmp (argv[1], "jpeg") == 0)
    made = make_jpeg (argv[2], (guint) atoi (argv[3]), (guint) atoi (argv[4]), &error);
  else if (argc >= 7 && (strcmp (argv[1], "model") == 0 || strcmp (argv[1], "labelled-model") == 0))
    made = make_model (argv[2], strcmp (argv[1], "model") != 0, (guint) atoi (argv[3]),
                       (guint) atoi (argv[4]), (guint) atoi (argv[5]), argv + 6, &error);
  else if (argc == 3 && strcmp (argv[1], "weights") == 0)
    made = make_weights (argv[2], &error);
  if (made)
    return 0;
  fprintf (stderr, "make-pictures: %s\n", error != NULL ? error->message : "wrong usage");
  return 1;
}
