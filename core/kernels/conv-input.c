/* From pictures to tiles in transformed form: pad, normalise and turn round on the way, then transform.
 * Compiled once per CPU level. */
#include "core/kernels/act.h"
#include "core/kernels/level.h"
#include "core/kernels/transpose.h"
#include "core/kernels/winograd.h"

/* --- strips: rows of one picture with their padding, a vector of channels for each pixel ------- */

typedef struct
{
  vec *pixels; /* [rows][cols] */
  unsigned rows, cols;
  int top, left; /* where the strip begins, in the dilated picture */
} Strip;

/* What strips are cut from. */
typedef struct
{
  const DdpmConvSource *source;
  unsigned n_images, height, width, dilation;
  unsigned circular;
} Picture;

/* Floats. A block's channels are as many places in memory, read a little of each in turn: more than
 * processors look ahead in by themselves. */
#define FETCH_AHEAD 256

/* What happens to numbers on the way. Each has loops of its own. */
typedef enum
{
  WAY_PLAIN, /* nothing */
  WAY_SILU,  /* scale, shift and SiLU */
  WAY_ANY
} Way;

static Way
find_way (const DdpmConvSource *source)
{
  if (source->mask != NULL || source->n_channels < VECTOR)
    return WAY_ANY;
  if (source->scale == NULL)
    return WAY_PLAIN;
  return source->act == DDPM_KERNEL_ACT_SILU ? WAY_SILU : WAY_ANY;
}

FORCE_INLINE vec
load_channel (const DdpmConvSource *source, Way way, unsigned channel, unsigned image, unsigned n_images,
              size_t pixel)
{
  const float *from = source->x + channel * source->ld + pixel;
  vec x = vec_load (from);

  __builtin_prefetch (from + FETCH_AHEAD);
  if (way != WAY_PLAIN && (way == WAY_SILU || source->scale != NULL))
    x = vec_act (x * source->scale[channel * n_images + image] + source->shift[channel * n_images + image],
                 way == WAY_SILU ? DDPM_KERNEL_ACT_SILU : source->act);
  if (way == WAY_ANY && source->mask != NULL)
    {
      const uint8_t *mask = source->mask + channel * source->ld + pixel;

      for (int i = 0; i < VECTOR; i++)
        x[i] *= (float) mask[i] * source->mask_scale;
    }
  return x;
}

/* A vector of channels for each of VECTOR pixels. */
FORCE_INLINE void
load_pixels (const DdpmConvSource *source, Way way, unsigned image, unsigned n_images, size_t pixel,
             vec pixels[VECTOR])
{
  if (way == WAY_ANY)
    for (unsigned c = 0; c < VECTOR; c++)
      pixels[c] =
        c < source->n_channels ? load_channel (source, way, c, image, n_images, pixel) : (vec) { 0 };
  else
#pragma GCC unroll 16
    for (unsigned c = 0; c < VECTOR; c++)
      pixels[c] = load_channel (source, way, c, image, n_images, pixel);
  vec_transpose (pixels);
}

/* n_rows rows of the picture from pixel `first` on, where vectors of pixels end with the rows, to rows of the
 * strip. */
FORCE_INLINE void
fill_even_rows (const Picture *picture, Way way, unsigned image, size_t first, unsigned n_rows, vec *row,
                unsigned cols)
{
  for (; n_rows > 0; n_rows--, first += picture->width, row += cols)
    for (unsigned col = 0; col < picture->width; col += VECTOR)
      {
        vec pixels[VECTOR];

        load_pixels (picture->source, way, image, picture->n_images, first + col, pixels);
#pragma GCC unroll 16
        for (int i = 0; i < VECTOR; i++)
          row[col + i] = pixels[i];
      }
}

/* The same of any width and dilation: n pixels. */
FORCE_INLINE void
fill_uneven_rows (const Picture *picture, Way way, unsigned image, size_t first, size_t n, vec *row,
                  unsigned cols)
{
  unsigned col = 0;

  for (size_t i = 0; i < n; i += VECTOR)
    {
      const unsigned n_pixels = MIN (VECTOR, n - i);
      vec pixels[VECTOR];

      load_pixels (picture->source, way, image, picture->n_images, first + i, pixels);
      for (unsigned lane = 0; lane < n_pixels;)
        {
          const unsigned end = lane + MIN (n_pixels - lane, picture->width - col);

          for (; lane < end; lane++, col++)
            row[col * picture->dilation] = pixels[lane];
          if (col == picture->width)
            {
              col = 0;
              row += (size_t) cols * picture->dilation;
            }
        }
    }
}

FORCE_INLINE void
fill_rows_by (const Picture *picture, Way way, unsigned image, size_t first, unsigned n_rows, vec *row,
              unsigned cols)
{
  if (picture->dilation == 1 && picture->width % VECTOR == 0)
    fill_even_rows (picture, way, image, first, n_rows, row, cols);
  else
    fill_uneven_rows (picture, way, image, first, (size_t) n_rows * picture->width, row, cols);
}

/* Picture rows row_begin … row_end-1 to the strip's rows from strip_row on. */
static void
fill_rows (const Picture *picture, unsigned image, unsigned row_begin, unsigned row_end, const Strip *strip,
           unsigned strip_row)
{
  const size_t first = ((size_t) image * picture->height + row_begin) * picture->width;
  const unsigned n_rows = row_end - row_begin;
  vec *row = strip->pixels + (size_t) strip_row * strip->cols - strip->left;

  switch (find_way (picture->source))
    {
    case WAY_PLAIN:
      fill_rows_by (picture, WAY_PLAIN, image, first, n_rows, row, strip->cols);
      break;
    case WAY_SILU:
      fill_rows_by (picture, WAY_SILU, image, first, n_rows, row, strip->cols);
      break;
    case WAY_ANY:
    default:
      fill_rows_by (picture, WAY_ANY, image, first, n_rows, row, strip->cols);
    }
}

/* The other end of each row, left and right. */
static void
wrap_columns (const Picture *picture, const Strip *strip)
{
  const int width = picture->width * picture->dilation;

  for (unsigned y = 0; y < strip->rows; y++)
    {
      vec *row = strip->pixels + (size_t) y * strip->cols - strip->left;

      for (int x = strip->left; x < 0; x++)
        row[x] = row[x + width];
      for (int x = width; x < strip->left + (int) strip->cols; x++)
        row[x] = row[x - width];
    }
}

static void
clear_pixels (vec *pixels, size_t n)
{
  memset (pixels, 0, n * sizeof *pixels);
}

/* Picture rows that go on with the first one after the last, as the strip's rows. */
static void
fill_circular_rows (const Picture *picture, unsigned image, const Strip *strip)
{
  const int height = picture->height * picture->dilation;

  for (unsigned y = 0; y < strip->rows; y++)
    {
      const unsigned row = (strip->top + (int) y + height) % height;

      if (row % picture->dilation == 0)
        fill_rows (picture, image, row / picture->dilation, row / picture->dilation + 1, strip, y);
    }
}

/* Zeros around the rows row_begin … row_end-1 of a strip, which hold `width` pixels of the picture. */
static void
clear_around (const Strip *strip, unsigned row_begin, unsigned row_end, unsigned width)
{
  const unsigned left = -strip->left, right = strip->cols - left - width;

  clear_pixels (strip->pixels, (size_t) row_begin * strip->cols);
  for (unsigned row = row_begin; row < row_end; row++)
    {
      clear_pixels (strip->pixels + (size_t) row * strip->cols, left);
      clear_pixels (strip->pixels + (size_t) (row + 1) * strip->cols - right, right);
    }
  clear_pixels (strip->pixels + (size_t) row_end * strip->cols,
                (size_t) (strip->rows - row_end) * strip->cols);
}

static void
fill_strip (const Picture *picture, unsigned image, const Strip *strip)
{
  const int height = picture->height, dilation = picture->dilation;
  const int bottom = strip->top + (int) strip->rows;

  if (dilation > 1)
    clear_pixels (strip->pixels, (size_t) strip->rows * strip->cols);
  if (picture->circular & DDPM_CONV_CIRCULAR_Y)
    {
      if (dilation == 1 && !(picture->circular & DDPM_CONV_CIRCULAR_X))
        clear_around (strip, 0, strip->rows, picture->width);
      fill_circular_rows (picture, image, strip);
    }
  else
    {
      const int first = strip->top <= 0 ? 0 : (strip->top + dilation - 1) / dilation;
      const int end = MIN ((bottom + dilation - 1) / dilation, height);

      if (dilation == 1)
        clear_around (strip, first - strip->top, (first < end ? end : first) - strip->top, picture->width);
      if (first < end)
        fill_rows (picture, image, first, end, strip, first * dilation - strip->top);
    }
  if (picture->circular & DDPM_CONV_CIRCULAR_X)
    wrap_columns (picture, strip);
}

/* --- tiles --------------------------------------------------------------------------------- */

/* The first of two tiles that lie side by side leaves zeros in the other's places, who fills them in. */
FORCE_INLINE void
store_half_pair (uint16_t *to, vec point, int is_second)
{
  const vec zero = { 0 };
  uvec pairs = is_second ? vec_pair_bf16 (zero, point) : vec_pair_bf16 (point, zero), first;

  if (is_second)
    {
      memcpy (&first, to, sizeof first);
      pairs |= first;
    }
  memcpy (to, &pairs, sizeof pairs);
}

/* n_points of two tiles' points of a block, the first tile's number even. */
FORCE_INLINE void
store_pairs (const vec *first, const vec *second, unsigned first_point, unsigned n_points,
             const DdpmConvTiles *tiles, unsigned tile, unsigned block)
{
  const size_t group = ((size_t) (tile / TILE_GROUP) * tiles->n_blocks + block) * TILE_GROUP * VECTOR;
  uint16_t *to =
    (uint16_t *) tiles->values + group + tile % TILE_GROUP * VECTOR + first_point * tiles->point_stride;

#pragma GCC unroll 36
  for (unsigned point = 0; point < n_points; point++)
    {
      const uvec pairs = vec_pair_bf16 (first[point], second[point]);

      memcpy (to + point * tiles->point_stride, &pairs, sizeof pairs);
    }
}

/* n_points of a tile's points of a block. */
FORCE_INLINE void
store_points (const vec *points, unsigned first_point, unsigned n_points, const DdpmConvTiles *tiles,
              unsigned tile, unsigned block)
{
  const size_t stride = tiles->point_stride;
  const size_t group =
    ((size_t) (tile / TILE_GROUP) * tiles->n_blocks + block) * TILE_GROUP * VECTOR + first_point * stride;
  const size_t place = group + tile % TILE_GROUP * VECTOR;
  const size_t pair = group + tile % TILE_GROUP / 2 * 2 * VECTOR;

  switch (tiles->numbers)
    {
    case DDPM_CONV_BF16:
#pragma GCC unroll 36
      for (unsigned point = 0; point < n_points; point++)
        vec_store_bf16 ((uint16_t *) tiles->values + place + point * stride, points[point]);
      break;
    case DDPM_CONV_BF16_PAIRS:
#pragma GCC unroll 36
      for (unsigned point = 0; point < n_points; point++)
        store_half_pair ((uint16_t *) tiles->values + pair + point * stride, points[point], tile % 2);
      break;
    case DDPM_CONV_FLOATS:
    default:
#pragma GCC unroll 36
      for (unsigned point = 0; point < n_points; point++)
        vec_store ((float *) tiles->values + place + point * stride, points[point]);
    }
}

/* The taps of one row of positions side by side. */
static void
unfold_row (const DdpmConvShape *shape, const Strip *strip, unsigned strip_row, unsigned tile,
            unsigned n_tiles, unsigned block, const DdpmConvTiles *tiles)
{
  const unsigned kernel = shape->kernel;

  for (unsigned i = 0; i < n_tiles; i++)
    for (unsigned tap = 0; tap < kernel * kernel; tap++)
      store_points (
        &strip->pixels[(size_t) (strip_row + tap / kernel) * strip->cols + i * shape->stride + tap % kernel],
        0, 1, tiles, tile + i, block * kernel * kernel + tap);
}

/* n_rows rows of the points of one row of tiles, from row first_row on, which `columns` makes. */
FORCE_INLINE void
transform_row (Transform columns, Transform rows, int n_in, int n_points, int first_row, int n_rows, int step,
               const Strip *strip, unsigned strip_row, unsigned tile, unsigned n_tiles, unsigned block,
               const DdpmConvTiles *tiles)
{
  const vec *in = strip->pixels + (size_t) strip_row * strip->cols;
  const int first = first_row * n_points, n = n_rows * n_points;

  for (unsigned i = 0; i < n_tiles; i++, in += step)
    {
      vec points[DDPM_CONV_MAX_POINTS];

      transform_rows (columns, rows, n_in, n_rows, n_points, in, strip->cols, points);
      if (tiles->numbers == DDPM_CONV_BF16_PAIRS && (tile + i) % 2 == 0 && i + 1 < n_tiles)
        {
          vec second[DDPM_CONV_MAX_POINTS];

          in += step;
          transform_rows (columns, rows, n_in, n_rows, n_points, in, strip->cols, second);
          store_pairs (points, second, first, n, tiles, tile + i, block);
          i++;
        }
      else
        store_points (points, first, n, tiles, tile + i, block);
    }
}

/* Calls of one strip at a time: a run of tile rows of one picture. */
typedef struct
{
  const DdpmConvShape *shape;
  const DdpmConvTiles *tiles;
  unsigned block;
  int is_grad;
} Task;

/* Tiles that fill up the last group. */
static void
clear_rest (const Task *task)
{
  const DdpmConvShape *shape = task->shape;
  const DdpmConvTiles *tiles = task->tiles;
  const unsigned n_tiles = (tiles->row_end - tiles->row_begin) * ddpm_conv_count_tile_cols (shape);
  const unsigned n_taps = task->is_grad ? 1 : ddpm_conv_count_taps (shape);
  const vec zeros[DDPM_CONV_MAX_POINTS] = { { 0 } };

  for (unsigned tile = n_tiles; tile % TILE_GROUP != 0; tile++)
    for (unsigned tap = 0; tap < n_taps; tap++)
      store_points (zeros, 0, ddpm_conv_count_points (shape->method), tiles, tile,
                    task->block * n_taps + tap);
}

static void
transform_strip (const Task *task, const Strip *strip, unsigned row_begin, unsigned n_rows)
{
  const DdpmConvShape *shape = task->shape;
  const unsigned n_tiles = ddpm_conv_count_tile_cols (shape), size = ddpm_conv_tile_size (shape->method);

  for (unsigned i = 0; i < n_rows; i++)
    {
      const unsigned tile = (row_begin + i - task->tiles->row_begin) * n_tiles;

      if (shape->method == DDPM_CONV_UNFOLD)
        unfold_row (shape, strip, i * shape->stride, tile, n_tiles, task->block, task->tiles);
      else if (shape->method == DDPM_CONV_WINOGRAD_2 && !task->is_grad)
        transform_row (winograd_2_input, winograd_2_input, 4, 4, 0, 4, 2, strip, i * size, tile, n_tiles,
                       task->block, task->tiles);
      else if (shape->method == DDPM_CONV_WINOGRAD_2)
        transform_row (winograd_2_grad, winograd_2_grad, 2, 4, 0, 4, 2, strip, i * size, tile, n_tiles,
                       task->block, task->tiles);
      else if (!task->is_grad)
        {
          transform_row (winograd_4_input_upper, winograd_4_input, 6, 6, 0, 3, 4, strip, i * size, tile,
                         n_tiles, task->block, task->tiles);
          transform_row (winograd_4_input_lower, winograd_4_input, 6, 6, 3, 3, 4, strip, i * size, tile,
                         n_tiles, task->block, task->tiles);
        }
      else
        {
          transform_row (winograd_4_grad_upper, winograd_4_grad, 4, 6, 0, 3, 4, strip, i * size, tile,
                         n_tiles, task->block, task->tiles);
          transform_row (winograd_4_grad_lower, winograd_4_grad, 4, 6, 3, 3, 4, strip, i * size, tile,
                         n_tiles, task->block, task->tiles);
        }
    }
}

/* step, halo: of a tile row, in picture rows. */
static void
run (const Task *task, const Picture *picture, unsigned step, unsigned halo, unsigned pad, unsigned row_begin,
     unsigned row_end, float *scratch)
{
  const unsigned rows_per_image = ddpm_conv_count_tile_rows (task->shape) / task->shape->n_images;

  for (unsigned row = row_begin; row < row_end;)
    {
      const unsigned image = row / rows_per_image, in_image = row % rows_per_image;
      const unsigned n_rows = MIN (row_end - row, rows_per_image - in_image);
      const Strip strip = { .pixels = (vec *) scratch,
                            .rows = n_rows * step + halo,
                            .cols = ddpm_conv_count_tile_cols (task->shape) * step + halo,
                            .top = (int) (in_image * step) - (int) pad,
                            .left = -(int) pad };

      fill_strip (picture, image, &strip);
      transform_strip (task, &strip, row, n_rows);
      row += n_rows;
    }
  if (row_end == task->tiles->row_end)
    clear_rest (task);
}

/* --- where a tile is one pixel: without a strip --------------------------------------------- */

/* Tiles of a group that come of one vector of pixels. */
#define RUN MIN (VECTOR, TILE_GROUP)

/* VECTOR tiles from `tile` on, which begins a run. */
FORCE_INLINE void
store_runs (const vec *pixels, const DdpmConvTiles *tiles, unsigned tile, unsigned block)
{
#pragma GCC unroll 4
  for (int run = 0; run < VECTOR; run += RUN)
    {
      const unsigned first = tile + run;
      const size_t group = (size_t) (first / TILE_GROUP) * tiles->n_blocks + block;
      const size_t place = (group * TILE_GROUP + first % TILE_GROUP) * VECTOR;

      if (tiles->numbers == DDPM_CONV_FLOATS)
#pragma GCC unroll 8
        for (int i = 0; i < RUN; i++)
          vec_store ((float *) tiles->values + place + i * VECTOR, pixels[run + i]);
      else if (tiles->numbers == DDPM_CONV_BF16)
#pragma GCC unroll 8
        for (int i = 0; i < RUN; i++)
          vec_store_bf16 ((uint16_t *) tiles->values + place + i * VECTOR, pixels[run + i]);
      else
#pragma GCC unroll 8
        for (int i = 0; i < RUN; i += 2)
          {
            const uvec pair = vec_pair_bf16 (pixels[run + i], pixels[run + i + 1]);

            memcpy ((uint16_t *) tiles->values + place + i * VECTOR, &pair, sizeof pair);
          }
    }
}

/* n pixels from `pixel` on, which are tiles from `tile` on. */
FORCE_INLINE void
copy_pixels (const Task *task, const DdpmConvSource *source, Way way, unsigned image, size_t pixel,
             unsigned n, unsigned tile)
{
  vec pixels[VECTOR];

  load_pixels (source, way, image, task->shape->n_images, pixel, pixels);
  if (n == VECTOR && tile % RUN == 0)
    {
      store_runs (pixels, task->tiles, tile, task->block);
      return;
    }
  for (unsigned i = 0; i < n; i++)
    store_points (&pixels[i], 0, 1, task->tiles, tile + i, task->block);
}

/* Rows of pictures with `width` pixels and n_pixels in all. */
FORCE_INLINE void
copy_rows_by (const Task *task, const DdpmConvSource *source, Way way, unsigned width, size_t n_pixels,
              unsigned row_begin, unsigned row_end)
{
  const size_t first = (size_t) task->tiles->row_begin * width, end = (size_t) row_end * width;

  for (size_t pixel = (size_t) row_begin * width; pixel < end;)
    {
      const unsigned image = pixel / n_pixels;
      const size_t image_end = MIN (end, (image + 1) * n_pixels);

      for (; pixel < image_end; pixel += MIN (VECTOR, image_end - pixel))
        copy_pixels (task, source, way, image, pixel, MIN (VECTOR, image_end - pixel), pixel - first);
    }
  if (row_end == task->tiles->row_end)
    clear_rest (task);
}

static void
copy_rows (const Task *task, const DdpmConvSource *source, unsigned width, size_t n_pixels,
           unsigned row_begin, unsigned row_end)
{
  switch (find_way (source))
    {
    case WAY_PLAIN:
      copy_rows_by (task, source, WAY_PLAIN, width, n_pixels, row_begin, row_end);
      break;
    case WAY_SILU:
      copy_rows_by (task, source, WAY_SILU, width, n_pixels, row_begin, row_end);
      break;
    case WAY_ANY:
    default:
      copy_rows_by (task, source, WAY_ANY, width, n_pixels, row_begin, row_end);
    }
}

void
KERNEL (conv_input_tiles) (const DdpmConvShape *shape, const DdpmConvSource *source, unsigned block,
                           unsigned row_begin, unsigned row_end, float *strip, const DdpmConvTiles *tiles)
{
  const Task task = { shape, tiles, block, 0 };
  const Picture picture = { source,       shape->n_images, shape->height,
                            shape->width, shape->dilation, shape->circular };

  if (shape->kernel == 1 && shape->stride == 1 && shape->dilation == 1 && shape->pad == 0)
    {
      copy_rows (&task, source, shape->width, (size_t) shape->height * shape->width, row_begin, row_end);
      return;
    }
  run (&task, &picture, ddpm_conv_tile_size (shape->method) * shape->stride, shape->kernel - 1, shape->pad,
       row_begin, row_end, strip);
}

void
KERNEL (conv_grad_tiles) (const DdpmConvShape *shape, const DdpmConvSource *grad, unsigned block,
                          unsigned row_begin, unsigned row_end, float *strip, const DdpmConvTiles *tiles)
{
  const Task task = { shape, tiles, block, 1 };
  const Picture picture = { grad, shape->n_images, shape->out_height, shape->out_width, 1, 0 };

  if (shape->method == DDPM_CONV_UNFOLD)
    {
      copy_rows (&task, grad, shape->out_width, (size_t) shape->out_height * shape->out_width, row_begin,
                 row_end);
      return;
    }
  run (&task, &picture, ddpm_conv_tile_size (shape->method), 0, 0, row_begin, row_end, strip);
}
