/* The picture itself: making, converting, cutting, tiling, and the way to a network's tensor and back. */
#include "core/data/image.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/text.h"

/* Also turns NaN into 0. */
static inline float
clamp_unit (float v)
{
  return fminf (fmaxf (v, 0.0f), 1.0f);
}

static inline gboolean
has_alpha (guint n_channels)
{
  return n_channels == 2 || n_channels == 4;
}

static inline gsize
count_pixels (const DdpmImage *image)
{
  return (gsize) image->width * image->height;
}

static DdpmImage *
image_wrap (guint width, guint height, guint n_channels, float *pixels)
{
  DdpmImage *image = g_new (DdpmImage, 1);

  image->width = width;
  image->height = height;
  image->n_channels = n_channels;
  image->pixels = pixels;
  return image;
}

DdpmImage *
ddpm_image_new (guint width, guint height, guint n_channels)
{
  g_return_val_if_fail (width > 0 && height > 0 && n_channels >= 1 && n_channels <= 4, NULL);

  return image_wrap (width, height, n_channels,
                     g_malloc0_n ((gsize) width * height, n_channels * sizeof (float)));
}

gboolean
ddpm_image_check_size (guint64 width, guint64 height, GError **error)
{
  if (width == 0 || height == 0)
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_FILE, _ ("it has no pixels"));
      return FALSE;
    }
  if (width <= DDPM_IMAGE_MAX_SIDE && height <= DDPM_IMAGE_MAX_SIDE
      && width * height <= DDPM_IMAGE_MAX_PIXELS)
    return TRUE;

  g_set_error (
    error, DDPM_ERROR, DDPM_ERROR_FILE,
    _ ("%" PRIu64 " x %" PRIu64 " pixels are too many (at most %u on a side and %u million in all)"), width,
    height, DDPM_IMAGE_MAX_SIDE, DDPM_IMAGE_MAX_PIXELS / 1000000);
  return FALSE;
}

DdpmImage *
ddpm_image_try_new (guint width, guint height, guint n_channels, GError **error)
{
  float *pixels;

  g_return_val_if_fail (n_channels >= 1 && n_channels <= 4, NULL);

  if (!ddpm_image_check_size (width, height, error))
    return NULL;

  pixels = g_try_malloc0_n ((gsize) width * height, n_channels * sizeof (float));
  if (pixels == NULL)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_MEMORY,
                   _ ("its %u x %u pixels need %.0f MB of memory that cannot be had"), width, height,
                   (double) width * height * n_channels * sizeof (float) / 1e6);
      return NULL;
    }
  return image_wrap (width, height, n_channels, pixels);
}

DdpmImage *
ddpm_image_copy (const DdpmImage *image)
{
  DdpmImage *copy = ddpm_image_new (image->width, image->height, image->n_channels);

  memcpy (copy->pixels, image->pixels, count_pixels (image) * image->n_channels * sizeof (float));
  return copy;
}

void
ddpm_image_free (DdpmImage *image)
{
  if (image == NULL)
    return;

  g_free (image->pixels);
  g_free (image);
}

/* Any pixel as straight RGBA. */
static void
expand_pixel (const float *in, guint n_channels, float rgba[4])
{
  gboolean grey = n_channels < 3;

  rgba[0] = in[0];
  rgba[1] = grey ? in[0] : in[1];
  rgba[2] = grey ? in[0] : in[2];
  rgba[3] = has_alpha (n_channels) ? in[n_channels - 1] : 1.0f;
}

static void
reduce_pixel (float rgba[4], guint n_channels, float *out)
{
  if (!has_alpha (n_channels) && rgba[3] < 1.0f)
    for (guint c = 0; c < 3; c++)
      rgba[c] = rgba[c] * rgba[3] + (1.0f - rgba[3]);

  if (n_channels < 3)
    /* written this way, equal R, G and B stay exactly what they are */
    out[0] = rgba[1] + 0.2126f * (rgba[0] - rgba[1]) + 0.0722f * (rgba[2] - rgba[1]);
  else
    memcpy (out, rgba, 3 * sizeof (float));

  if (has_alpha (n_channels))
    out[n_channels - 1] = rgba[3];
}

DdpmImage *
ddpm_image_convert (const DdpmImage *image, guint n_channels)
{
  gsize n_pixels = count_pixels (image);

  g_return_val_if_fail (n_channels >= 1 && n_channels <= 4, NULL);

  if (n_channels == image->n_channels)
    return ddpm_image_copy (image);

  DdpmImage *result = ddpm_image_new (image->width, image->height, n_channels);
  for (gsize i = 0; i < n_pixels; i++)
    {
      float rgba[4];

      expand_pixel (image->pixels + i * image->n_channels, image->n_channels, rgba);
      reduce_pixel (rgba, n_channels, result->pixels + i * n_channels);
    }
  return result;
}

/* Copies `from`, which lies inside, to (x, y) of `to`; both have the same channel count. */
static void
copy_part (const DdpmImage *from, guint from_x, guint from_y, guint width, guint height, DdpmImage *to,
           guint x, guint y)
{
  guint n = from->n_channels;

  for (guint row = 0; row < height; row++)
    memcpy (to->pixels + ((gsize) (y + row) * to->width + x) * n,
            from->pixels + ((gsize) (from_y + row) * from->width + from_x) * n,
            (gsize) width * n * sizeof (float));
}

DdpmImage *
ddpm_image_crop (const DdpmImage *image, guint x, guint y, guint width, guint height)
{
  g_return_val_if_fail (width <= image->width && x <= image->width - width, NULL);
  g_return_val_if_fail (height <= image->height && y <= image->height - height, NULL);

  DdpmImage *result = ddpm_image_new (width, height, image->n_channels);
  copy_part (image, x, y, width, height, result, 0, 0);
  return result;
}

gboolean
ddpm_image_has_transparency (const DdpmImage *image)
{
  gsize n_pixels = count_pixels (image);

  if (!has_alpha (image->n_channels))
    return FALSE;
  for (gsize i = 0; i < n_pixels; i++)
    if (image->pixels[(i + 1) * image->n_channels - 1] < 1.0f)
      return TRUE;
  return FALSE;
}

gboolean
ddpm_image_has_colour (const DdpmImage *image)
{
  gsize n_pixels = count_pixels (image);

  if (image->n_channels < 3)
    return FALSE;
  for (gsize i = 0; i < n_pixels; i++)
    {
      const float *p = image->pixels + i * image->n_channels;

      if (p[0] != p[1] || p[0] != p[2])
        return TRUE;
    }
  return FALSE;
}

void
ddpm_image_to_tensor (const DdpmImage *image, gboolean premultiplied, float *tensor)
{
  guint n = image->n_channels;
  gsize n_pixels = count_pixels (image);
  gboolean multiply = premultiplied && has_alpha (n);

  for (gsize i = 0; i < n_pixels; i++)
    {
      const float *p = image->pixels + i * n;

      for (guint c = 0; c < n; c++)
        {
          float v = multiply && c != n - 1 ? p[c] * p[n - 1] : p[c];

          tensor[c * n_pixels + i] = 2.0f * v - 1.0f;
        }
    }
}

DdpmImage *
ddpm_image_from_tensor (const float *tensor, guint n_channels, guint height, guint width,
                        gboolean premultiplied)
{
  gsize n_pixels = (gsize) width * height;
  gboolean divide = premultiplied && has_alpha (n_channels);

  DdpmImage *image = ddpm_image_new (width, height, n_channels);
  for (gsize i = 0; i < n_pixels; i++)
    {
      float *p = image->pixels + i * n_channels;

      for (guint c = 0; c < n_channels; c++)
        p[c] = clamp_unit (tensor[c * n_pixels + i] * 0.5f + 0.5f);

      if (divide)
        {
          float alpha = p[n_channels - 1];

          for (guint c = 0; c < n_channels - 1; c++)
            p[c] = alpha < 0.5f / 255.0f ? 0.0f : fminf (p[c] / alpha, 1.0f);
        }
    }
  return image;
}

DdpmImage *
ddpm_image_grid (DdpmImage *const *images, guint n, guint columns, guint gap)
{
  guint n_rows, width, height;

  g_return_val_if_fail (n > 0, NULL);

  width = images[0]->width;
  height = images[0]->height;
  columns = columns > 0 ? MIN (columns, n) : (guint) ceil (sqrt (n));
  n_rows = (n + columns - 1) / columns;
  for (guint i = 1; i < n; i++)
    g_return_val_if_fail (images[i]->width == width && images[i]->height == height
                            && images[i]->n_channels == images[0]->n_channels,
                          NULL);

  DdpmImage *grid = ddpm_image_new (columns * width + (columns - 1) * gap,
                                    n_rows * height + (n_rows - 1) * gap, images[0]->n_channels);
  for (guint i = 0; i < n; i++)
    copy_part (images[i], 0, 0, width, height, grid, i % columns * (width + gap),
               i / columns * (height + gap));
  return grid;
}
