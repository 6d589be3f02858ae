#include "plugin/pixels.h"

#include <math.h>

/* babl's name for what a DdpmImage holds: sRGB-encoded, straight alpha. */
static const Babl *
get_format (guint n_channels)
{
  static const char *const names[] = { "Y' float", "Y'A float", "R'G'B' float", "R'G'B'A float" };

  return babl_format (names[n_channels - 1]);
}

DdpmImage *
ddpm_mask_read (GimpDrawable *mask, const GeglRectangle *bounds)
{
  g_autoptr (GeglBuffer) buffer = gimp_drawable_get_buffer (mask);
  DdpmImage *values = ddpm_image_new (bounds->width, bounds->height, 1);

  gegl_buffer_get (buffer, bounds, 1.0, babl_format ("Y float"), values->pixels, GEGL_AUTO_ROWSTRIDE,
                   GEGL_ABYSS_NONE);
  return values;
}

/* Alpha times the mask. */
static DdpmImage *
mask_picture (const DdpmImage *picture, const DdpmImage *mask)
{
  const guint n = picture->n_channels <= 2 ? 2 : 4;
  const gsize n_pixels = (gsize) picture->width * picture->height;
  DdpmImage *masked = ddpm_image_convert (picture, n);

  for (gsize i = 0; i < n_pixels; i++)
    masked->pixels[i * n + n - 1] *= mask->pixels[i];
  return masked;
}

/* Whether a value of the drawable is one of the 256 that an 8-bit file in sRGB has. */
static gboolean
is_8_bit_srgb (GimpDrawable *drawable)
{
  const Babl *format = gimp_drawable_get_format (drawable);

  return babl_format_get_type (format, 0) == babl_type ("u8")
         && babl_format_get_space (format) == babl_space ("sRGB");
}

/* Values to those that such a drawable, and a file, has: babl rounds either way, as it measures what is
 * faster.
 */
static void
round_to_8_bits (DdpmImage *picture)
{
  const gsize n_values = (gsize) picture->width * picture->height * picture->n_channels;

  for (gsize i = 0; i < n_values; i++)
    picture->pixels[i] = rintf (255.0f * picture->pixels[i]) / 255.0f;
}

DdpmImage *
ddpm_drawable_read (GimpDrawable *drawable, const GeglRectangle *bounds)
{
  guint n_colours = gimp_drawable_is_gray (drawable) ? 1 : 3;
  guint n_channels = n_colours + (gimp_drawable_has_alpha (drawable) ? 1 : 0);
  g_autoptr (GeglBuffer) buffer = gimp_drawable_get_buffer (drawable);
  g_autoptr (DdpmImage) picture = ddpm_image_new (bounds->width, bounds->height, n_channels);
  GimpLayerMask *mask = NULL;

  gegl_buffer_get (buffer, bounds, 1.0, get_format (n_channels), picture->pixels, GEGL_AUTO_ROWSTRIDE,
                   GEGL_ABYSS_NONE);
  if (is_8_bit_srgb (drawable))
    round_to_8_bits (picture);
  if (gimp_item_is_layer (GIMP_ITEM (drawable)) && gimp_layer_get_apply_mask (GIMP_LAYER (drawable)))
    mask = gimp_layer_get_mask (GIMP_LAYER (drawable));
  if (mask != NULL)
    {
      g_autoptr (DdpmImage) values = ddpm_mask_read (GIMP_DRAWABLE (mask), bounds);

      return mask_picture (picture, values);
    }
  return g_steal_pointer (&picture);
}

void
ddpm_drawable_write (GimpDrawable *drawable, const DdpmImage *picture)
{
  const GeglRectangle bounds = { 0, 0, picture->width, picture->height };
  g_autoptr (GeglBuffer) buffer = gimp_drawable_get_buffer (drawable);
  g_autoptr (DdpmImage) rounded = NULL;

  if (is_8_bit_srgb (drawable))
    {
      rounded = ddpm_image_copy (picture);
      round_to_8_bits (rounded);
      picture = rounded;
    }
  gegl_buffer_set (buffer, &bounds, 0, get_format (picture->n_channels), picture->pixels,
                   GEGL_AUTO_ROWSTRIDE);
}
