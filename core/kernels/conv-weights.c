/* From weights to the matrices of the points, and the gradient the way back. Compiled once per CPU level. */
#include "core/kernels/level.h"
#include "core/kernels/transpose.h"
#include "core/kernels/winograd.h"

/* The way of a number through [columns][taps], one after the other. */
typedef struct
{
  unsigned col, tap;
} Place;

FORCE_INLINE void
advance (Place *place, unsigned n_taps)
{
  if (++place->tap == n_taps)
    {
      place->tap = 0;
      place->col++;
    }
}

/* VECTOR numbers of rows from `from` on, which are row_stride apart; n_rows by n_numbers of them are there,
 * zeros elsewhere. */
FORCE_INLINE void
load_rows (const float *from, size_t row_stride, unsigned n_rows, unsigned n_numbers, vec rows[VECTOR])
{
  if (n_rows == VECTOR && n_numbers >= VECTOR)
#pragma GCC unroll 16
    for (unsigned row = 0; row < VECTOR; row++)
      rows[row] = vec_load (from + row * row_stride);
  else
    for (unsigned row = 0; row < VECTOR; row++)
      rows[row] = row < n_rows ? vec_load_n (from + row * row_stride, MIN (n_numbers, VECTOR)) : (vec) { 0 };
}

/* n_rows rows of [n_cols][taps] to [taps][columns][rows], `VECTOR` of both. */
FORCE_INLINE void
pack_rows (const float *from, size_t row_stride, unsigned n_rows, unsigned n_cols, unsigned n_taps, int turn,
           float *packed)
{
  const unsigned n_numbers = n_cols * n_taps;
  Place place = { 0, 0 };

  for (unsigned first = 0; first < VECTOR * n_taps; first += VECTOR)
    {
      vec numbers[VECTOR];

      load_rows (from + first, row_stride, n_rows, first < n_numbers ? n_numbers - first : 0, numbers);
      vec_transpose (numbers);
#pragma GCC unroll 16
      for (unsigned i = 0; i < VECTOR; i++, advance (&place, n_taps))
        vec_store (packed + ((turn ? n_taps - 1 - place.tap : place.tap) * VECTOR + place.col) * VECTOR,
                   numbers[i]);
    }
}

void
KERNEL (conv_pack) (const float *weights, size_t out_stride, size_t in_stride, int turn, unsigned n_taps,
                    unsigned n_out, unsigned n_in, unsigned out_block, unsigned in_block, float *packed)
{
  const unsigned outs = MIN (VECTOR, n_out - out_block * VECTOR),
                 ins = MIN (VECTOR, n_in - in_block * VECTOR);
  const float *from =
    weights + (size_t) out_block * VECTOR * out_stride + (size_t) in_block * VECTOR * in_stride;

  if (in_stride == n_taps)
    {
      pack_rows (from, out_stride, outs, ins, n_taps, turn, packed);
      return;
    }
  pack_rows (from, in_stride, ins, outs, n_taps, turn, packed);
  for (unsigned tap = 0; tap < n_taps; tap++, packed += VECTOR * VECTOR)
    {
      vec square[VECTOR];

      load_rows (packed, VECTOR, VECTOR, VECTOR, square);
      vec_transpose (square);
#pragma GCC unroll 16
      for (unsigned i = 0; i < VECTOR; i++)
        vec_store (packed + i * VECTOR, square[i]);
    }
}

/* The points of one input channel. */
FORCE_INLINE void
transform_channel (Transform transform, int n_points, const float *packed, vec *points)
{
  vec taps[9];

#pragma GCC unroll 9
  for (int tap = 0; tap < 9; tap++)
    taps[tap] = vec_load (packed + (size_t) tap * VECTOR * VECTOR);
  transform_square (transform, 3, n_points, taps, 3, points);
}

FORCE_INLINE void
transform_block (Transform transform, int n_points, const float *packed, float *points, size_t point_stride)
{
  for (unsigned in = 0; in < VECTOR; in++, packed += VECTOR, points += VECTOR)
    {
      vec values[DDPM_CONV_MAX_POINTS];

      transform_channel (transform, n_points, packed, values);
#pragma GCC unroll 36
      for (int point = 0; point < n_points * n_points; point++)
        vec_store (points + point * point_stride, values[point]);
    }
}

/* Two channels side by side, [out][2]. */
FORCE_INLINE void
store_pair (uint16_t *to, vec first, vec second)
{
  const uvec pair = vec_pair_bf16 (first, second);

  memcpy (to, &pair, sizeof pair);
}

FORCE_INLINE void
transform_block_bf16 (Transform transform, int n_points, const float *packed, uint16_t *points,
                      size_t point_stride)
{
  for (unsigned in = 0; in < VECTOR; in += 2, packed += 2 * VECTOR, points += 2 * VECTOR)
    {
      vec first[DDPM_CONV_MAX_POINTS], second[DDPM_CONV_MAX_POINTS];

      transform_channel (transform, n_points, packed, first);
      transform_channel (transform, n_points, packed + VECTOR, second);
#pragma GCC unroll 36
      for (int point = 0; point < n_points * n_points; point++)
        store_pair (points + point * point_stride, first[point], second[point]);
    }
}

static void
round_taps (unsigned n_taps, const float *packed, uint16_t *pairs)
{
  for (unsigned i = 0; i < n_taps * VECTOR; i += 2, packed += 2 * VECTOR, pairs += 2 * VECTOR)
    store_pair (pairs, vec_load (packed), vec_load (packed + VECTOR));
}

void
KERNEL (conv_transform_weights) (DdpmConvMethod method, int bf16, unsigned n_taps, const float *packed,
                                 void *points, size_t point_stride)
{
  if (method == DDPM_CONV_UNFOLD)
    round_taps (n_taps, packed, points);
  else if (method == DDPM_CONV_WINOGRAD_4 && bf16)
    transform_block_bf16 (winograd_4_weights, 6, packed, points, point_stride);
  else if (method == DDPM_CONV_WINOGRAD_4)
    transform_block (winograd_4_weights, 6, packed, points, point_stride);
  else if (bf16)
    transform_block_bf16 (winograd_2_weights, 4, packed, points, point_stride);
  else
    transform_block (winograd_2_weights, 4, packed, points, point_stride);
}

/* One block's gradient by tap, [taps][in][out]. */
FORCE_INLINE void
collect_taps (Transform transform, int n_points, const float *points, size_t point_stride, float *taps)
{
  for (unsigned in = 0; in < VECTOR; in++, points += VECTOR, taps += VECTOR)
    {
      vec values[DDPM_CONV_MAX_POINTS], grads[9];

#pragma GCC unroll 36
      for (int point = 0; point < n_points * n_points; point++)
        values[point] = vec_load (points + point * point_stride);
      transform_square (transform, n_points, 3, values, n_points, grads);
#pragma GCC unroll 9
      for (int tap = 0; tap < 9; tap++)
        vec_store (taps + (size_t) tap * VECTOR * VECTOR, grads[tap]);
    }
}

/* Of [taps][columns][rows], `VECTOR` of both, n_rows by n_cols are added to rows of [n_cols][taps]. */
static void
add_rows (const float *taps, unsigned n_taps, unsigned n_rows, unsigned n_cols, float *to, size_t row_stride)
{
  const unsigned n_numbers = n_cols * n_taps;
  Place place = { 0, 0 };

  for (unsigned first = 0; first < n_numbers; first += VECTOR, to += VECTOR)
    {
      const unsigned n = MIN (VECTOR, n_numbers - first);
      vec numbers[VECTOR];

#pragma GCC unroll 16
      for (unsigned i = 0; i < VECTOR; i++, advance (&place, n_taps))
        numbers[i] = vec_load (taps + (place.tap * VECTOR + place.col) * VECTOR);
      vec_transpose (numbers);
      if (n_rows == VECTOR && n == VECTOR)
#pragma GCC unroll 16
        for (unsigned row = 0; row < VECTOR; row++)
          vec_store (to + row * row_stride, vec_load (to + row * row_stride) + numbers[row]);
      else
        for (unsigned row = 0; row < n_rows; row++)
          vec_store_n (to + row * row_stride, vec_load_n (to + row * row_stride, n) + numbers[row], n);
    }
}

void
KERNEL (conv_add_weight_grad) (DdpmConvMethod method, const float *points, size_t point_stride,
                               unsigned n_taps, unsigned n_out, unsigned n_in, unsigned out_block,
                               unsigned in_block, float *grad_weights)
{
  const unsigned outs = MIN (VECTOR, n_out - out_block * VECTOR),
                 ins = MIN (VECTOR, n_in - in_block * VECTOR);
  float *to = grad_weights + ((size_t) out_block * VECTOR * n_in + (size_t) in_block * VECTOR) * n_taps;
  float collected[9 * VECTOR * VECTOR];
  const float *taps = collected;

  if (method == DDPM_CONV_WINOGRAD_4)
    collect_taps (winograd_4_weight_grad, 6, points, point_stride, collected);
  else if (method == DDPM_CONV_WINOGRAD_2)
    collect_taps (winograd_2_weight_grad, 4, points, point_stride, collected);
  else
    taps = points;
  add_rows (taps, n_taps, outs, ins, to, (size_t) n_in * n_taps);
}
