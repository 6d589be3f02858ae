/* From products back to pictures: transform, turn round, add bias and residual. Compiled once per CPU level.
 */
#include "core/kernels/level.h"
#include "core/kernels/transpose.h"
#include "core/kernels/winograd.h"

/* A tile's first point. */
FORCE_INLINE const float *
find_tile (const DdpmConvTiles *tiles, unsigned tile, unsigned block)
{
  return (const float *) tiles->values
         + (((size_t) (tile / TILE_GROUP) * tiles->n_blocks + block) * TILE_GROUP + tile % TILE_GROUP)
             * VECTOR;
}

/* --- tiles to a strip: rows of one picture, a vector of channels for each pixel ------------------ */

FORCE_INLINE void
transform_row (Transform transform, int n_points, int size, const DdpmConvTiles *tiles, unsigned tile,
               unsigned n_tiles, unsigned block, vec *strip, unsigned cols)
{
  for (unsigned i = 0; i < n_tiles; i++, tile++, strip += size)
    {
      const float *from = find_tile (tiles, tile, block);
      vec points[DDPM_CONV_MAX_POINTS], values[4 * 4];

#pragma GCC unroll 36
      for (int point = 0; point < n_points * n_points; point++, from += tiles->point_stride)
        points[point] = vec_load (from);
      transform_square (transform, n_points, size, points, n_points, values);
#pragma GCC unroll 4
      for (int y = 0; y < size; y++)
#pragma GCC unroll 4
        for (int x = 0; x < size; x++)
          strip[(size_t) y * cols + x] = values[y * size + x];
    }
}

static void
fill_row (const DdpmConvShape *shape, const DdpmConvTiles *tiles, unsigned tile, unsigned n_tiles,
          unsigned block, vec *strip, unsigned cols)
{
  if (shape->method == DDPM_CONV_WINOGRAD_4)
    transform_row (winograd_4_output, 6, 4, tiles, tile, n_tiles, block, strip, cols);
  else
    transform_row (winograd_2_output, 4, 2, tiles, tile, n_tiles, block, strip, cols);
}

/* --- a strip to the output ----------------------------------------------------------------- */

/* One channel of n positions from `place` on. */
FORCE_INLINE void
store_channel (const DdpmConvTarget *target, unsigned channel, unsigned image, unsigned n_images,
               size_t place, unsigned n, vec value)
{
  float *to = target->out + channel * target->ld + place;
  const float *residual = target->residual != NULL ? target->residual + channel * target->ld + place : NULL;

  if (target->bias != NULL)
    value += target->bias[channel * n_images + image];
  if (residual != NULL)
    value += n == VECTOR ? vec_load (residual) : vec_load_n (residual, n);
  value *= target->scale;
  if (target->accumulate)
    value += n == VECTOR ? vec_load (to) : vec_load_n (to, n);
  if (n == VECTOR)
    vec_store (to, value);
  else
    vec_store_n (to, value, n);
}

/* n positions from `place` on, of all channels. */
FORCE_INLINE void
store_positions (const DdpmConvTarget *target, unsigned image, unsigned n_images, size_t place, unsigned n,
                 const vec *pixels)
{
  vec channels[VECTOR];

#pragma GCC unroll 16
  for (unsigned i = 0; i < VECTOR; i++)
    channels[i] = pixels[i < n ? i : 0];
  vec_transpose (channels);
  if (n == VECTOR && target->n_channels == VECTOR)
#pragma GCC unroll 16
    for (unsigned c = 0; c < VECTOR; c++)
      store_channel (target, c, image, n_images, place, VECTOR, channels[c]);
  else
    for (unsigned c = 0; c < target->n_channels; c++)
      store_channel (target, c, image, n_images, place, n, channels[c]);
}

/* `rows` rows of a picture from `row` on. Rows that fill the strip are one run. */
static void
store_strip (const DdpmConvShape *shape, const DdpmConvTarget *target, unsigned image, unsigned row,
             unsigned rows, const vec *strip, unsigned cols)
{
  const size_t first = ((size_t) image * shape->out_height + row) * shape->out_width;
  const unsigned n_runs = cols == shape->out_width ? 1 : rows;
  const unsigned n = rows * shape->out_width / n_runs;

  for (unsigned run = 0; run < n_runs; run++)
    {
      const vec *pixels = strip + (size_t) run * cols;
      const size_t place = first + (size_t) run * shape->out_width;
      unsigned i = 0;

      for (; i + VECTOR <= n; i += VECTOR)
        store_positions (target, image, shape->n_images, place + i, VECTOR, pixels + i);
      if (i < n)
        store_positions (target, image, shape->n_images, place + i, n - i, pixels + i);
    }
}

/* --- where a tile is one pixel: without a strip --------------------------------------------- */

FORCE_INLINE void
store_pixels (const DdpmConvTarget *target, const DdpmConvTiles *tiles, unsigned tile, unsigned block,
              unsigned image, unsigned n_images, size_t pixel, unsigned n)
{
  vec pixels[VECTOR];

  for (unsigned i = 0; i < VECTOR; i++)
    pixels[i] = vec_load (find_tile (tiles, tile + (i < n ? i : 0), block));
  store_positions (target, image, n_images, pixel, n, pixels);
}

static void
store_rows (const DdpmConvShape *shape, const DdpmConvTiles *tiles, unsigned block, unsigned row_begin,
            unsigned row_end, const DdpmConvTarget *target)
{
  const size_t n_pixels = (size_t) shape->out_height * shape->out_width;
  const size_t first = (size_t) tiles->row_begin * shape->out_width,
               end = (size_t) row_end * shape->out_width;

  for (size_t pixel = (size_t) row_begin * shape->out_width; pixel < end;)
    {
      const unsigned image = pixel / n_pixels;
      const size_t image_end = MIN (end, (image + 1) * n_pixels);

      for (; pixel + VECTOR <= image_end; pixel += VECTOR)
        store_pixels (target, tiles, pixel - first, block, image, shape->n_images, pixel, VECTOR);
      if (pixel < image_end)
        store_pixels (target, tiles, pixel - first, block, image, shape->n_images, pixel, image_end - pixel);
      pixel = image_end;
    }
}

void
KERNEL (conv_output) (const DdpmConvShape *shape, const DdpmConvTiles *tiles, unsigned block,
                      unsigned row_begin, unsigned row_end, float *scratch, const DdpmConvTarget *target)
{
  const unsigned rows_per_image = ddpm_conv_count_tile_rows (shape) / shape->n_images;
  const unsigned n_tiles = ddpm_conv_count_tile_cols (shape), size = ddpm_conv_tile_size (shape->method);
  const unsigned cols = n_tiles * size;
  vec *strip = (vec *) scratch;

  if (shape->method == DDPM_CONV_UNFOLD)
    {
      store_rows (shape, tiles, block, row_begin, row_end, target);
      return;
    }
  for (unsigned row = row_begin; row < row_end;)
    {
      const unsigned image = row / rows_per_image, in_image = row % rows_per_image;
      const unsigned n_rows = MIN (row_end - row, rows_per_image - in_image);

      for (unsigned i = 0; i < n_rows; i++)
        fill_row (shape, tiles, (row + i - tiles->row_begin) * n_tiles, n_tiles, block,
                  strip + (size_t) i * size * cols, cols);
      store_strip (shape, target, image, in_image * size,
                   MIN (n_rows * size, shape->out_height - in_image * size), strip, cols);
      row += n_rows;
    }
}
