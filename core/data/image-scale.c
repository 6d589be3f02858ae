/* Resampling, one axis after the other: an area average where an axis shrinks (every source pixel weighs what
 * the target pixel covers of it), the cubic of Catmull and Rom (1974) where it grows. Colour is premultiplied
 * meanwhile, so what lies under transparent pixels never shows. */
#include "core/data/image.h"

#include <math.h>
#include <string.h>

/* How target pixels first … first + n_out - 1 of an axis scaled from n_in to n_scaled pixels come from source
 * pixels. */
typedef struct
{
  guint n_out;
  guint n_taps;   /* most taps a target pixel has: the stride of `weights` */
  guint *start;   /* [n_out] the first source pixel */
  guint *count;   /* [n_out] taps in use; start + count <= n_in */
  float *weights; /* [n_out][n_taps], each row sums to 1 */
} Axis;

static void
axis_clear (Axis *axis)
{
  g_free (axis->start);
  g_free (axis->count);
  g_free (axis->weights);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Axis, axis_clear)

/* Target pixel `target` covers [target * n_in, (target + 1) * n_in) in units of 1 / n_scaled source pixel, so
 * the coverage is exact in integers. */
static guint
fill_area (guint64 target, guint n_in, guint64 n_scaled, guint *start, float *weights)
{
  guint64 from = target * n_in;
  guint64 to = from + n_in;
  guint first = from / n_scaled;
  guint end = (to + n_scaled - 1) / n_scaled;

  for (guint j = first; j < end; j++)
    {
      guint64 left = MAX (from, j * n_scaled);
      guint64 right = MIN (to, (j + 1) * n_scaled);

      weights[j - first] = (double) (right - left) / n_in;
    }
  *start = first;
  return end - first;
}

static double
catmull_rom (double x)
{
  x = fabs (x);
  if (x < 1.0)
    return (1.5 * x - 2.5) * x * x + 1.0;
  if (x < 2.0)
    return ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0;
  return 0.0;
}

/* Taps beyond the border count for the border's pixel; the border is `rim` pixels outside the axis. */
static guint
fill_cubic (guint64 target, guint n_in, guint64 n_scaled, gint rim, guint *start, float *weights)
{
  double centre = (target + 0.5) * n_in / n_scaled - 0.5;
  gint64 base = floor (centre);
  gint64 first = CLAMP (base - 1, -rim, (gint64) n_in - 1 + rim);
  gint64 last = CLAMP (base + 2, -rim, (gint64) n_in - 1 + rim);
  double sums[4] = { 0 };

  for (gint64 j = base - 1; j <= base + 2; j++)
    sums[CLAMP (j, first, last) - first] += catmull_rom (centre - j);
  for (gint64 j = first; j <= last; j++)
    weights[j - first] = sums[j - first];
  *start = first + rim;
  return last - first + 1;
}

static void
axis_init (Axis *axis, guint n_in, guint rim, guint64 n_scaled, guint64 first, guint n_out)
{
  axis->n_out = n_out;
  axis->n_taps = n_scaled < n_in ? n_in / n_scaled + 2 : 4;
  axis->start = g_new (guint, n_out);
  axis->count = g_new (guint, n_out);
  axis->weights = g_new0 (float, (gsize) n_out * axis->n_taps);

  for (guint i = 0; i < n_out; i++)
    {
      float *weights = axis->weights + (gsize) i * axis->n_taps;

      if (n_scaled > n_in)
        {
          axis->count[i] = fill_cubic (first + i, n_in, n_scaled, (gint) rim, &axis->start[i], weights);
          continue;
        }
      axis->count[i] = fill_area (first + i, n_in, n_scaled, &axis->start[i], weights);
      axis->start[i] += rim;
    }
}

/* One row of straight pixels, premultiplied in double precision. */
static void
premultiply_row (const float *in, guint width, guint n_channels, double *out)
{
  gboolean has_alpha = n_channels == 2 || n_channels == 4;

  for (gsize x = 0; x < width; x++)
    for (guint c = 0; c < n_channels; c++)
      {
        const float *p = in + x * n_channels;

        out[x * n_channels + c] = has_alpha && c != n_channels - 1 ? (double) p[c] * p[n_channels - 1] : p[c];
      }
}

/* in[height][width][n] -> out[height][axis->n_out][n], for rows first … first + n_rows - 1 of the source. */
static void
resample_across (const DdpmImage *in, guint first, guint n_rows, const Axis *axis, float *out)
{
  guint n = in->n_channels;
  gsize n_values = (gsize) in->width * n;
  g_autofree double *row = g_new (double, n_values);

  for (guint y = 0; y < n_rows; y++)
    {
      premultiply_row (in->pixels + (first + y) * n_values, in->width, n, row);
      for (guint x = 0; x < axis->n_out; x++)
        {
          const float *weights = axis->weights + (gsize) x * axis->n_taps;
          const double *p = row + (gsize) axis->start[x] * n;
          double sum[4] = { 0 };

          for (guint k = 0; k < axis->count[x]; k++)
            for (guint c = 0; c < n; c++)
              sum[c] += weights[k] * p[k * n + c];
          for (guint c = 0; c < n; c++)
            out[((gsize) y * axis->n_out + x) * n + c] = sum[c];
        }
    }
}

/* Premultiplied sums of one row -> straight pixels in 0 … 1. */
static void
finish_row (const double *in, guint width, guint n, float *out)
{
  gboolean has_alpha = n == 2 || n == 4;

  for (gsize x = 0; x < width; x++)
    {
      const double *p = in + x * n;
      double alpha = has_alpha ? CLAMP (p[n - 1], 0.0, 1.0) : 1.0;

      for (guint c = 0; c < n; c++)
        {
          double v = has_alpha && c != n - 1 ? (alpha > 0.0 ? p[c] / alpha : 0.0) : p[c];

          out[x * n + c] = CLAMP (v, 0.0, 1.0);
        }
    }
}

/* The part (x, y, width, height) of the image, which has a rim of as many pixels on each side, scaled without
 * it to scaled_width x scaled_height; only that part is computed. */
static DdpmImage *
resample (const DdpmImage *image, guint rim_x, guint rim_y, guint64 scaled_width, guint64 scaled_height,
          guint64 x, guint64 y, guint width, guint height)
{
  guint n = image->n_channels;
  g_auto (Axis) across = { 0 };
  g_auto (Axis) down = { 0 };
  gsize row_values = (gsize) width * n;

  axis_init (&across, image->width - 2 * rim_x, rim_x, scaled_width, x, width);
  axis_init (&down, image->height - 2 * rim_y, rim_y, scaled_height, y, height);

  guint first = down.start[0];
  guint n_rows = down.start[height - 1] + down.count[height - 1] - first;
  g_autofree float *rows = g_malloc_n (n_rows, row_values * sizeof (float));
  g_autofree double *sums = g_new (double, row_values);
  DdpmImage *result = ddpm_image_new (width, height, n);

  resample_across (image, first, n_rows, &across, rows);
  for (guint i = 0; i < height; i++)
    {
      const float *weights = down.weights + (gsize) i * down.n_taps;

      for (gsize v = 0; v < row_values; v++)
        sums[v] = 0.0;
      for (guint k = 0; k < down.count[i]; k++)
        {
          const float *row = rows + (down.start[i] - first + k) * row_values;

          for (gsize v = 0; v < row_values; v++)
            sums[v] += (double) weights[k] * row[v];
        }
      finish_row (sums, width, n, result->pixels + i * row_values);
    }
  return result;
}

DdpmImage *
ddpm_image_scale (const DdpmImage *image, guint width, guint height)
{
  g_return_val_if_fail (width > 0 && height > 0, NULL);

  if (width == image->width && height == image->height)
    return ddpm_image_copy (image);
  return resample (image, 0, 0, width, height, 0, 0, width, height);
}

/* Pixels that the cubic sees beyond an edge. */
#define CUBIC_RIM 2

DdpmImage *
ddpm_image_scale_tile (const DdpmImage *image, guint width, guint height, gboolean wraps_x, gboolean wraps_y)
{
  const guint rim_x = wraps_x ? CUBIC_RIM : 0, rim_y = wraps_y ? CUBIC_RIM : 0, n = image->n_channels;
  g_autoptr (DdpmImage) larger = NULL;

  g_return_val_if_fail (width > 0 && height > 0, NULL);

  if (width == image->width && height == image->height)
    return ddpm_image_copy (image);
  larger = ddpm_image_new (image->width + 2 * rim_x, image->height + 2 * rim_y, n);
  for (guint y = 0; y < larger->height; y++)
    for (guint x = 0; x < larger->width; x++)
      {
        const guint from_x = (x + rim_x * (image->width - 1)) % image->width;
        const guint from_y = (y + rim_y * (image->height - 1)) % image->height;

        memcpy (larger->pixels + ((gsize) y * larger->width + x) * n,
                image->pixels + ((gsize) from_y * image->width + from_x) * n, n * sizeof (float));
      }
  return resample (larger, rim_x, rim_y, width, height, 0, 0, width, height);
}

DdpmImage *
ddpm_image_fit (const DdpmImage *image, guint width, guint height)
{
  guint64 scaled_width = width;
  guint64 scaled_height = height;

  g_return_val_if_fail (width > 0 && height > 0, NULL);

  if ((guint64) image->width * height > (guint64) image->height * width)
    scaled_width = MAX (width, ((guint64) image->width * height + image->height / 2) / image->height);
  else
    scaled_height = MAX (height, ((guint64) image->height * width + image->width / 2) / image->width);

  guint64 x = (scaled_width - width) / 2;
  guint64 y = (scaled_height - height) / 2;
  if (scaled_width == image->width && scaled_height == image->height)
    return ddpm_image_crop (image, x, y, width, height);
  return resample (image, 0, 0, scaled_width, scaled_height, x, y, width, height);
}
