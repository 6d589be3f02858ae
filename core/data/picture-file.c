#include "core/data/picture-file.h"

#include <math.h>

#include "core/base/error.h"

static guint
get_reduction (const DdpmPictureFile *picture, const DdpmFit *fit)
{
  return picture->is_jpeg ? ddpm_fit_get_reduction (fit, picture->width, picture->height) : 1;
}

/* [4][height][width], premultiplied. NULL without memory. */
static guint8 *
premultiply (const DdpmImage *image)
{
  const gsize n_pixels = (gsize) image->width * image->height;
  g_autoptr (DdpmImage) rgba = ddpm_image_convert (image, 4);
  guint8 *out = g_try_malloc (4 * n_pixels);

  for (gsize i = 0; i < n_pixels && out != NULL; i++)
    {
      const float *p = rgba->pixels + 4 * i;

      for (guint c = 0; c < 3; c++)
        out[c * n_pixels + i] = lrintf (255.0f * p[c] * p[3]);
      out[3 * n_pixels + i] = lrintf (255.0f * p[3]);
    }
  return out;
}

guint8 *
ddpm_picture_file_decode (const DdpmPictureFile *picture, const DdpmFit *fit, gboolean *has_transparency,
                          gboolean *has_colour, GError **error)
{
  g_autoptr (DdpmImage) image = ddpm_image_load_reduced (picture->file, get_reduction (picture, fit), error);
  g_autoptr (DdpmImage) fitted = NULL;
  guint8 *values = NULL;

  if (image == NULL)
    return NULL;
  fitted = ddpm_fit_apply (fit, image, picture->width, picture->height);
  values = premultiply (fitted);
  if (values == NULL)
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_MEMORY, "there is not enough memory for its %u x %u pixels",
                 fitted->width, fitted->height);
  *has_transparency = ddpm_image_has_transparency (image);
  *has_colour = ddpm_image_has_colour (image);
  return values;
}

/* What is written never lies after what is still to be read. */
void
ddpm_picture_drop_channels (guint8 *values, gsize n_pixels, guint n_channels)
{
  const guint8 *alpha = values + 3 * n_pixels;

  if (n_channels == 3)
    for (gsize v = 0; v < 3 * n_pixels; v++)
      values[v] += 255 - alpha[v % n_pixels];
  else if (n_channels == 1)
    for (gsize p = 0; p < n_pixels; p++)
      {
        float r = values[p], g = values[n_pixels + p], b = values[2 * n_pixels + p];

        values[p] = lrintf (g + 0.2126f * (r - g) + 0.0722f * (b - g)) + (255 - alpha[p]);
      }
}

guint64
ddpm_picture_file_predict_bytes (const DdpmPictureFile *picture, const DdpmFit *fit)
{
  const guint reduction = get_reduction (picture, fit);
  const guint64 n_pixels = (guint64) picture->width * picture->height;

  /* a progressive JPEG's coefficients are whole whatever comes out: two bytes each, three components */
  return (picture->is_jpeg ? 6 * n_pixels : 0) + 20 * n_pixels / (reduction * reduction);
}
