/* Convolution as an implicit matrix product. Compiled once per CPU level.
 *
 * Forward:  gather (pad, and normalise on the way)  ->  multiply by packed weights.
 * Data gradient: the same two steps on the output's gradient with flipped weights.
 * Weight gradient: dot products of the gathered input with the gathered output gradient. */
#include "core/kernels/act.h"
#include "core/kernels/level.h"

/* --- gather -------------------------------------------------------------------------------- */

/* n pixels of a row, transformed. Reads and writes whole vectors, so up to VECTOR - 1 floats beyond. */
FORCE_INLINE void
gather_row (const DdpmConvSource *source, unsigned image, size_t first_pixel, size_t n, float *row)
{
  const float *x = source->x + first_pixel;

  if (source->scale == NULL)
    memcpy (row, x, n * sizeof *row);
  else
    act_row (x, n, source->scale[image], source->shift[image], source->act, row);
  if (source->mask != NULL)
    for (size_t i = 0; i < n; i++)
      row[i] *= source->mask[first_pixel + i] != 0 ? source->mask_scale : 0.0f;
}

/* Rows go down top to bottom, so that what one writes beyond its end is overwritten by the padding and the
 * next row. */
static void
gather_plane (const DdpmConvSource *source, const DdpmConvPlanes *planes, unsigned image, float *plane)
{
  const unsigned width = planes->plane_width, right = width - source->width - planes->pad;
  const size_t first_pixel = (size_t) image * source->height * source->width;
  const unsigned below = planes->plane_height - source->height - planes->pad;
  float *row = plane;

  memset (row, 0, (size_t) planes->pad * width * sizeof *row);
  row += (size_t) planes->pad * width;
  for (unsigned y = 0; y < source->height; y++, row += width)
    {
      gather_row (source, image, first_pixel + (size_t) y * source->width, source->width, row + planes->pad);
      memset (row, 0, planes->pad * sizeof *row);
      memset (row + planes->pad + source->width, 0, right * sizeof *row);
    }
  memset (row, 0, (size_t) below * width * sizeof *row);
}

/* Stride 2: pixel (y, x) of the padded picture goes to phase (y % 2, x % 2) at (y / 2, x / 2). */
static void
gather_phases (const DdpmConvSource *source, const DdpmConvPlanes *planes, float *gathered)
{
  const size_t plane_size = (size_t) planes->plane_height * planes->plane_width;
  const size_t phase_size = plane_size * source->n_images;
  const float *x = source->x;

  memset (gathered, 0, 4 * phase_size * sizeof *gathered);
  for (unsigned image = 0; image < source->n_images; image++)
    for (unsigned y = planes->pad; y < source->height + planes->pad; y++)
      for (unsigned column = planes->pad; column < source->width + planes->pad; column++)
        gathered[(y % 2 * 2 + column % 2) * phase_size + image * plane_size + y / 2 * planes->plane_width
                 + column / 2] = *x++;
}

void
KERNEL (conv_gather) (const DdpmConvSource *source, const DdpmConvPlanes *planes, float *gathered)
{
  const size_t plane_size = (size_t) planes->plane_height * planes->plane_width;
  const size_t n_phases = (size_t) planes->stride * planes->stride;

  if (planes->stride == 2)
    gather_phases (source, planes, gathered);
  else
    for (unsigned image = 0; image < source->n_images; image++)
      gather_plane (source, planes, image, gathered + image * plane_size);
  memset (gathered + n_phases * source->n_images * plane_size, 0, DDPM_KERNEL_SLACK * sizeof *gathered);
}

/* --- multiply ------------------------------------------------------------------------------ */

void
KERNEL (conv_pack) (const float *weights, size_t out_stride, size_t in_stride, const unsigned *tap_index,
                    unsigned n_taps, unsigned n_out, unsigned n_in, unsigned block_begin, unsigned block_end,
                    float *packed)
{
  packed += (size_t) block_begin * n_in * n_taps * CONV_BLOCK;
  for (unsigned block = block_begin; block < block_end; block++)
    for (unsigned in = 0; in < n_in; in++)
      for (unsigned tap = 0; tap < n_taps; tap++)
        for (unsigned i = 0; i < CONV_BLOCK; i++)
          {
            const unsigned out = block * CONV_BLOCK + i;

            *packed++ = out < n_out ? weights[out * out_stride + in * in_stride + tap_index[tap]] : 0.0f;
          }
}

/* sums[CONV_BLOCK][CONV_VECTORS] over all channels and taps; base[v] is where vector v begins in channel 0.
 */
FORCE_INLINE void
multiply_block (const float *restrict packed, unsigned n_in, unsigned n_taps, const ptrdiff_t *tap_offset,
                size_t channel_stride, const float *const *base, vec sums[CONV_BLOCK][CONV_VECTORS])
{
  vec sum[CONV_BLOCK][CONV_VECTORS] = { 0 };

  for (unsigned in = 0; in < n_in; in++)
    for (unsigned tap = 0; tap < n_taps; tap++)
      {
        const ptrdiff_t offset = (ptrdiff_t) (in * channel_stride) + tap_offset[tap];
        vec x[CONV_VECTORS];

#pragma GCC unroll 4
        for (int v = 0; v < CONV_VECTORS; v++)
          x[v] = vec_load (base[v] + offset);
#pragma GCC unroll 8
        for (int i = 0; i < CONV_BLOCK; i++)
#pragma GCC unroll 4
          for (int v = 0; v < CONV_VECTORS; v++)
            sum[i][v] += packed[i] * x[v];
        packed += CONV_BLOCK;
      }
#pragma GCC unroll 8
  for (int i = 0; i < CONV_BLOCK; i++)
#pragma GCC unroll 4
    for (int v = 0; v < CONV_VECTORS; v++)
      sums[i][v] = sum[i][v];
}

/* A vector of positions: where it begins, and what of it is kept. */
typedef struct
{
  unsigned image, row, col; /* of its first lane */
  size_t start;             /* in a gathered channel */
} Positions;

static Positions
find_positions (const DdpmConvGrid *grid, unsigned vector)
{
  Positions p;

  if (grid->cols % VECTOR == 0)
    {
      const unsigned per_row = grid->cols / VECTOR;

      p.image = vector / (per_row * grid->rows);
      p.row = vector / per_row % grid->rows;
      p.col = vector % per_row * VECTOR;
    }
  else
    {
      const unsigned per_image = ddpm_conv_count_vectors (grid, VECTOR) / grid->n_images;
      const unsigned first = vector % per_image * VECTOR;

      p.image = vector / per_image;
      p.row = first / grid->plane_width;
      p.col = first % grid->plane_width;
    }
  p.start = p.image * grid->image_stride + (size_t) p.row * grid->plane_width + p.col;
  return p;
}

/* n results of channel `out`, from position (image, row, col) on within one row. */
static void
store_run (const DdpmConvTarget *target, const DdpmConvGrid *grid, unsigned out, const Positions *p,
           unsigned n, const float *values)
{
  const size_t place = p->image * target->image_size
                       + (size_t) (p->row * target->step + target->row_start) * target->width
                       + p->col * target->step + target->col_start;
  float *to = target->out + out * target->ld + place;
  const float *residual =
    target->residual != NULL ? target->residual + out * target->residual_ld + place : NULL;
  const float bias = target->bias != NULL ? target->bias[out * grid->n_images + p->image] : 0.0f;

  for (unsigned i = 0; i < n; i++)
    {
      const size_t step = (size_t) i * target->step;
      const float value = target->scale * (values[i] + bias + (residual != NULL ? residual[step] : 0.0f));

      to[step] = target->accumulate ? to[step] + value : value;
    }
}

static void
store_vector (const DdpmConvTarget *target, const DdpmConvGrid *grid, unsigned out, Positions p, vec values)
{
  float lanes[VECTOR];

  vec_store (lanes, values);
  if (grid->cols % VECTOR == 0)
    {
      store_run (target, grid, out, &p, VECTOR, lanes);
      return;
    }
  for (unsigned lane = 0; lane < VECTOR && p.row < grid->rows;)
    {
      const unsigned to_row_end = grid->plane_width - p.col;

      if (p.col < grid->cols)
        store_run (target, grid, out, &p, MIN (VECTOR - lane, grid->cols - p.col), lanes + lane);
      lane += to_row_end;
      p.row++;
      p.col = 0;
    }
}

/* The common case: a whole vector in one row of a plain output. */
FORCE_INLINE void
store_whole_vector (const DdpmConvTarget *target, const DdpmConvGrid *grid, unsigned out, const Positions *p,
                    vec values)
{
  const size_t place = p->image * target->image_size + (size_t) p->row * target->width + p->col;
  float *to = target->out + out * target->ld + place;

  if (target->bias != NULL)
    values += target->bias[out * grid->n_images + p->image];
  if (target->residual != NULL)
    values += vec_load (target->residual + out * target->residual_ld + place);
  values *= target->scale;
  if (target->accumulate)
    values += vec_load (to);
  vec_store (to, values);
}

void
KERNEL (conv_multiply) (const DdpmConvGrid *grid, const float *gathered, const float *packed, unsigned n_in,
                        unsigned n_out, unsigned block_begin, unsigned block_end, unsigned vector_begin,
                        unsigned vector_end, const DdpmConvTarget *target)
{
  const int whole = grid->cols % VECTOR == 0 && target->step == 1;
  const size_t block_size = (size_t) n_in * grid->n_taps * CONV_BLOCK;

  for (unsigned block = block_begin; block < block_end; block++)
    for (unsigned first = vector_begin; first < vector_end; first += CONV_VECTORS)
      {
        const unsigned n_vectors = MIN (CONV_VECTORS, vector_end - first);
        const unsigned n_channels = MIN (CONV_BLOCK, n_out - block * CONV_BLOCK);
        Positions positions[CONV_VECTORS];
        const float *base[CONV_VECTORS];
        vec sums[CONV_BLOCK][CONV_VECTORS];

        for (unsigned v = 0; v < CONV_VECTORS; v++)
          {
            positions[v] = find_positions (grid, first + MIN (v, n_vectors - 1));
            base[v] = gathered + positions[v].start;
          }
        multiply_block (packed + block * block_size, n_in, grid->n_taps, grid->tap_offset,
                        grid->channel_stride, base, sums);
        for (unsigned i = 0; i < n_channels; i++)
          for (unsigned v = 0; v < n_vectors; v++)
            if (whole)
              store_whole_vector (target, grid, block * CONV_BLOCK + i, &positions[v], sums[i][v]);
            else
              store_vector (target, grid, block * CONV_BLOCK + i, positions[v], sums[i][v]);
      }
}

/* --- weight gradient ----------------------------------------------------------------------- */

/* Rows (output channels) by columns (input channel and tap) of the gradient computed together. */
#if VECTOR == 16
#define GRAD_ROWS 6
#define GRAD_COLUMNS 4
#else
#define GRAD_ROWS 3
#define GRAD_COLUMNS 3
#endif

/* Positions taken at a time, so that the rows of both operands stay in the cache. */
#define GRAD_POSITIONS 2048

/* A part of the positions: rows row_begin … row_end-1 of all pictures' rows, of each the columns from
 * col_begin on. */
typedef struct
{
  unsigned row_begin, row_end;
  size_t col_begin, n_cols;
} GradPart;

/* Where a row of positions begins, in the gathered input and in the gradient; next_row moves on without
 * divisions, which would cost as much as a row does. */
typedef struct
{
  size_t input, grad;
  unsigned row;
} GradRow;

FORCE_INLINE GradRow
first_row (const DdpmConvGrid *grid, const GradPart *part)
{
  const unsigned image = part->row_begin / grid->rows, row = part->row_begin % grid->rows;

  return (GradRow) { .input = image * grid->image_stride + (size_t) row * grid->plane_width + part->col_begin,
                     .grad = (size_t) part->row_begin * grid->cols + part->col_begin,
                     .row = row };
}

FORCE_INLINE void
next_row (const DdpmConvGrid *grid, GradRow *place)
{
  place->input += grid->plane_width;
  place->grad += grid->cols;
  if (++place->row == grid->rows)
    {
      place->row = 0;
      place->input += grid->image_stride - (size_t) grid->rows * grid->plane_width;
    }
}

/* sums += products of one vector of positions, `lanes` of which count. */
FORCE_INLINE void
multiply_vectors (const float *const *grads, size_t grad_place, const float *const *inputs,
                  size_t input_place, unsigned lanes, vec sums[GRAD_ROWS][GRAD_COLUMNS])
{
  vec grad[GRAD_ROWS];

#pragma GCC unroll 6
  for (int i = 0; i < GRAD_ROWS; i++)
    grad[i] = lanes == VECTOR ? vec_load (grads[i] + grad_place) : vec_load_n (grads[i] + grad_place, lanes);
#pragma GCC unroll 6
  for (int j = 0; j < GRAD_COLUMNS; j++)
    {
      const float *from = inputs[j] + input_place;
      const vec x = lanes == VECTOR ? vec_load (from) : vec_load_n (from, lanes);

#pragma GCC unroll 6
      for (int i = 0; i < GRAD_ROWS; i++)
        sums[i][j] += grad[i] * x;
    }
}

static void
multiply_gradients (const DdpmConvGrid *grid, const GradPart *part, const float *const *grads,
                    const float *const *inputs, float sums[GRAD_ROWS][GRAD_COLUMNS])
{
  const size_t whole = part->n_cols - part->n_cols % VECTOR;
  const unsigned rest = part->n_cols % VECTOR;
  GradRow place = first_row (grid, part);
  vec sum[GRAD_ROWS][GRAD_COLUMNS] = { 0 };

  for (unsigned row = part->row_begin; row < part->row_end; row++, next_row (grid, &place))
    for (size_t col = 0; col < whole; col += VECTOR)
      multiply_vectors (grads, place.grad + col, inputs, place.input + col, VECTOR, sum);

#pragma GCC unroll 6
  for (int i = 0; i < GRAD_ROWS; i++)
#pragma GCC unroll 6
    for (int j = 0; j < GRAD_COLUMNS; j++)
      sums[i][j] = vec_sum (sum[i][j]);
  if (rest == 0)
    return;

  /* in a loop of its own, so that the sums above stay in registers */
  memset (sum, 0, sizeof sum);
  place = first_row (grid, part);
  for (unsigned row = part->row_begin; row < part->row_end; row++, next_row (grid, &place))
    multiply_vectors (grads, place.grad + whole, inputs, place.input + whole, rest, sum);
  for (int i = 0; i < GRAD_ROWS; i++)
    for (int j = 0; j < GRAD_COLUMNS; j++)
      sums[i][j] += vec_sum (sum[i][j]);
}

/* Of one part, the gradients of weights [out_begin, out_end) x [column_begin, column_end). */
static void
add_part (const DdpmConvGrid *grid, const GradPart *part, const float *gathered, const float *grad_out,
          size_t grad_ld, size_t n_columns, unsigned out_begin, unsigned out_end, size_t column_begin,
          size_t column_end, float *grad_weights)
{
  for (unsigned out = out_begin; out < out_end; out += GRAD_ROWS)
    for (size_t column = column_begin; column < column_end; column += GRAD_COLUMNS)
      {
        const float *grads[GRAD_ROWS], *inputs[GRAD_COLUMNS];
        float sums[GRAD_ROWS][GRAD_COLUMNS];

        /* At the edges the last row or column is computed again and not added. */
        for (unsigned i = 0; i < GRAD_ROWS; i++)
          grads[i] = grad_out + MIN (out + i, out_end - 1) * grad_ld;
        for (unsigned j = 0; j < GRAD_COLUMNS; j++)
          {
            const size_t k = MIN (column + j, column_end - 1);

            inputs[j] =
              gathered + k / grid->n_taps * grid->channel_stride + grid->tap_offset[k % grid->n_taps];
          }
        multiply_gradients (grid, part, grads, inputs, sums);
        for (unsigned i = 0; i < GRAD_ROWS && out + i < out_end; i++)
          for (unsigned j = 0; j < GRAD_COLUMNS && column + j < column_end; j++)
            grad_weights[(out + i) * n_columns + column + j] += sums[i][j];
      }
}

void
KERNEL (conv_weight_grad) (const DdpmConvGrid *grid, const float *gathered, const float *grad_out,
                           size_t grad_ld, size_t n_columns, unsigned out_begin, unsigned out_end,
                           size_t column_begin, size_t column_end, float *grad_weights)
{
  const unsigned n_rows = grid->n_images * grid->rows;
  const unsigned rows_at_once = grid->cols < GRAD_POSITIONS ? GRAD_POSITIONS / grid->cols : 1;

  for (unsigned row = 0; row < n_rows; row += rows_at_once)
    for (size_t col = 0; col < grid->cols; col += GRAD_POSITIONS)
      {
        const GradPart part = { row, MIN (row + rows_at_once, n_rows), col,
                                MIN (GRAD_POSITIONS, grid->cols - col) };

        add_part (grid, &part, gathered, grad_out, grad_ld, n_columns, out_begin, out_end, column_begin,
                  column_end, grad_weights);
      }
}

/* Taps side by side instead of shifted readings: rows shorter than a vector become one long row. */
void
KERNEL (conv_unfold) (const DdpmConvGrid *grid, const float *gathered, size_t column_begin, size_t column_end,
                      size_t column_stride, float *columns)
{
  for (size_t k = column_begin; k < column_end; k++, columns += column_stride)
    {
      const float *from =
        gathered + k / grid->n_taps * grid->channel_stride + grid->tap_offset[k % grid->n_taps];
      float *to = columns;

      for (unsigned image = 0; image < grid->n_images; image++)
        for (unsigned row = 0; row < grid->rows; row++, to += grid->cols)
          {
            const float *source = from + image * grid->image_stride + (size_t) row * grid->plane_width;

            for (unsigned col = 0; col < grid->cols; col++)
              to[col] = source[col];
          }
    }
}
