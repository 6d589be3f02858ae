#include "core/data/pyramid.h"

#define REACH 2 /* of the filter, to either side */

static const float filter[2 * REACH + 1] = { 1 / 16.0f, 4 / 16.0f, 6 / 16.0f, 4 / 16.0f, 1 / 16.0f };

/* Where pixel i, which may lie REACH beyond an edge, is mirrored to. */
static guint
mirror (int i, int n)
{
  i = ABS (i);
  return (guint) (i < n ? i : 2 * (n - 1) - i);
}

guint
ddpm_pyramid_get_coarser (guint side)
{
  return (side + 1) / 2;
}

gsize
ddpm_pyramid_get_n_scratch (guint height, guint width)
{
  return (gsize) height * width;
}

/* Rows of in[n_in][width] become rows of out[coarser n_in][width]. */
static void
reduce_rows (const float *in, guint n_in, guint width, float *out)
{
  for (guint y = 0; y < n_in; y += 2, out += width)
    {
      for (guint x = 0; x < width; x++)
        out[x] = 0;
      for (int k = -REACH; k <= REACH; k++)
        {
          const float *row = in + (gsize) mirror ((int) y + k, (int) n_in) * width;

          for (guint x = 0; x < width; x++)
            out[x] += filter[k + REACH] * row[x];
        }
    }
}

void
ddpm_pyramid_reduce (const float *plane, guint height, guint width, float *coarse, float *scratch)
{
  const guint rows = ddpm_pyramid_get_coarser (height), columns = ddpm_pyramid_get_coarser (width);

  reduce_rows (plane, height, width, scratch);
  for (guint y = 0; y < rows; y++, scratch += width)
    for (guint x = 0; x < columns; x++)
      {
        float sum = 0;

        for (int k = -REACH; k <= REACH; k++)
          sum += filter[k + REACH] * scratch[mirror (2 * (int) x + k, (int) width)];
        *coarse++ = sum;
      }
}

/* The enlarged plane is the coarse one with zeros between its pixels, blurred by twice the filter: pixels of
 * the coarse one that have a place under it, mirrored ones included. */
void
ddpm_pyramid_subtract (const float *plane, guint height, guint width, const float *coarse, float *detail,
                       float *scratch)
{
  const guint rows = ddpm_pyramid_get_coarser (height), columns = ddpm_pyramid_get_coarser (width);

  /* scratch[rows][width]: enlarged in width */
  for (guint y = 0; y < rows; y++)
    for (guint x = 0; x < width; x++)
      {
        float sum = 0;

        for (int k = -REACH + (int) (x % 2); k <= REACH; k += 2)
          sum += 2 * filter[k + REACH] * coarse[y * columns + mirror ((int) x + k, (int) width) / 2];
        scratch[(gsize) y * width + x] = sum;
      }
  for (guint y = 0; y < height; y++, plane += width, detail += width)
    {
      for (guint x = 0; x < width; x++)
        detail[x] = plane[x];
      for (int k = -REACH + (int) (y % 2); k <= REACH; k += 2)
        {
          const float *row = scratch + (gsize) mirror ((int) y + k, (int) height) / 2 * width;

          for (guint x = 0; x < width; x++)
            detail[x] -= 2 * filter[k + REACH] * row[x];
        }
    }
}
