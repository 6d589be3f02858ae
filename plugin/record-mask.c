/* The part of a selection that a fill was made for, as a layer's parasite "ddpm-mask": floats, the least
 * significant byte first, deflated. */
#include <gio/gio.h>
#include <math.h>
#include <string.h>

#include "plugin/record.h"

#define PARASITE "ddpm-mask"

void
ddpm_record_attach_mask (const DdpmImage *mask, const GeglRectangle *part, GimpLayer *layer)
{
  g_autoptr (DdpmImage) values = ddpm_image_crop (mask, part->x, part->y, part->width, part->height);
  const gsize n = (gsize) part->width * part->height;
  g_autofree guint32 *words = g_new (guint32, n);
  g_autoptr (GZlibCompressor) deflate = g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_ZLIB, -1);
  g_autoptr (GOutputStream) memory = g_memory_output_stream_new_resizable ();
  g_autoptr (GOutputStream) stream = g_converter_output_stream_new (memory, G_CONVERTER (deflate));
  GimpParasite *parasite;

  memcpy (words, values->pixels, n * sizeof (float));
  for (gsize i = 0; i < n; i++)
    words[i] = GUINT32_TO_LE (words[i]);
  /* nothing but memory can fail, and that ends the program */
  if (!g_output_stream_write_all (stream, words, n * sizeof (guint32), NULL, NULL, NULL)
      || !g_output_stream_close (stream, NULL, NULL))
    return;
  parasite =
    gimp_parasite_new (PARASITE, GIMP_PARASITE_PERSISTENT,
                       (guint) g_memory_output_stream_get_data_size (G_MEMORY_OUTPUT_STREAM (memory)),
                       g_memory_output_stream_get_data (G_MEMORY_OUTPUT_STREAM (memory)));
  gimp_item_attach_parasite (GIMP_ITEM (layer), parasite);
  gimp_parasite_free (parasite);
}

DdpmImage *
ddpm_record_read_mask (GimpItem *item, const GeglRectangle *part)
{
  GimpParasite *parasite = gimp_item_get_parasite (item, PARASITE);
  g_autoptr (DdpmImage) mask = NULL;
  g_autoptr (GZlibDecompressor) inflate = NULL;
  g_autoptr (GInputStream) memory = NULL, stream = NULL;
  gconstpointer bytes;
  guint32 n_bytes;
  gsize n, n_read = 0;

  if (parasite == NULL)
    return NULL;
  bytes = gimp_parasite_get_data (parasite, &n_bytes);
  memory = g_memory_input_stream_new_from_data (g_memdup2 (bytes, n_bytes), n_bytes, g_free);
  gimp_parasite_free (parasite);
  inflate = g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_ZLIB);
  stream = g_converter_input_stream_new (memory, G_CONVERTER (inflate));

  mask = ddpm_image_try_new (part->width, part->height, 1, NULL);
  if (mask == NULL)
    return NULL;
  n = (gsize) part->width * part->height;
  if (!g_input_stream_read_all (stream, mask->pixels, n * sizeof (float), &n_read, NULL, NULL)
      || n_read < n * sizeof (float))
    return NULL;
  for (gsize i = 0; i < n; i++)
    {
      guint32 word;

      memcpy (&word, mask->pixels + i, sizeof word);
      word = GUINT32_FROM_LE (word);
      memcpy (mask->pixels + i, &word, sizeof word);
      mask->pixels[i] = isnan (mask->pixels[i]) ? 0 : CLAMP (mask->pixels[i], 0, 1);
    }
  return g_steal_pointer (&mask);
}
