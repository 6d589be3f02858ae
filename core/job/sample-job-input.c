#include "core/job/sample-job-input.h"

#include <math.h>

/* 2 and 4 channels are the kinds with alpha, their last channel. */
static gboolean
has_alpha (guint n_channels)
{
  return n_channels == 2 || n_channels == 4;
}

/* Straight colours without their alpha. */
static DdpmImage *
strip_alpha (const DdpmImage *image)
{
  const guint n = image->n_channels;
  const gsize n_pixels = (gsize) image->width * image->height;
  DdpmImage *stripped = ddpm_image_new (image->width, image->height, n - 1);

  for (gsize i = 0; i < n_pixels; i++)
    for (guint c = 0; c < n - 1; c++)
      stripped->pixels[i * (n - 1) + c] = image->pixels[i * n + c];
  return stripped;
}

float *
ddpm_sample_make_tensor (const DdpmImage *image, guint n_channels, guint height, guint width,
                         gboolean premultiplied)
{
  g_autoptr (DdpmImage) scaled = ddpm_image_scale (image, width, height);
  g_autoptr (DdpmImage) converted = NULL;
  float *tensor = g_new (float, (gsize) n_channels *height *width);

  if (has_alpha (scaled->n_channels) && !has_alpha (n_channels))
    {
      DdpmImage *stripped = strip_alpha (scaled);

      ddpm_image_free (scaled);
      scaled = stripped;
    }
  converted = ddpm_image_convert (scaled, n_channels);
  ddpm_image_to_tensor (converted, premultiplied, tensor);
  /* layers of high dynamic range hold what no model was trained on */
  for (gsize i = 0; i < (gsize) n_channels * height * width; i++)
    tensor[i] = isnan (tensor[i]) ? 0.0f : CLAMP (tensor[i], -1.0f, 1.0f);
  return tensor;
}

static float
get_alpha (const DdpmImage *image, gsize pixel)
{
  const guint n = image->n_channels;

  return has_alpha (n) ? image->pixels[pixel * n + n - 1] : 1.0f;
}

static DdpmImage *
add_alpha_of_inputs (const DdpmImage *image, const DdpmImage *const inputs[2], double lambda)
{
  const guint n = image->n_channels;
  const gsize n_pixels = (gsize) image->width * image->height;
  g_autoptr (DdpmImage) upper =
    inputs[1] != NULL ? ddpm_image_scale (inputs[1], image->width, image->height) : NULL;
  DdpmImage *result = ddpm_image_new (image->width, image->height, n + 1);

  for (gsize i = 0; i < n_pixels; i++)
    {
      float alpha = get_alpha (inputs[0], i);

      if (upper != NULL)
        alpha = (float) ((1 - lambda) * alpha + lambda * get_alpha (upper, i));
      for (guint c = 0; c < n; c++)
        result->pixels[i * (n + 1) + c] = image->pixels[i * n + c];
      result->pixels[i * (n + 1) + n] = alpha;
    }
  return result;
}

DdpmImage *
ddpm_sample_restore (DdpmImage *result, const DdpmImage *const inputs[2], double lambda)
{
  g_autoptr (DdpmImage) image = result;

  if (image->width != inputs[0]->width || image->height != inputs[0]->height)
    {
      image = ddpm_image_scale (result, inputs[0]->width, inputs[0]->height);
      ddpm_image_free (result);
    }
  if (!has_alpha (image->n_channels)
      && (has_alpha (inputs[0]->n_channels) || (inputs[1] != NULL && has_alpha (inputs[1]->n_channels))))
    return add_alpha_of_inputs (image, inputs, lambda);
  return g_steal_pointer (&image);
}
