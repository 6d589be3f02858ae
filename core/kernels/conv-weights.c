/* From weights to the matrices of the points, and the gradient the way back. Compiled once per CPU level. */
#include "core/kernels/level.h"
#include "core/kernels/winograd.h"

void
KERNEL (conv_pack) (const float *weights, size_t out_stride, size_t in_stride, int turn, unsigned n_taps,
                    unsigned n_out, unsigned n_in, unsigned out_block, unsigned in_block, float *packed)
{
  const unsigned outs = MIN (VECTOR, n_out - out_block * VECTOR),
                 ins = MIN (VECTOR, n_in - in_block * VECTOR);
  const float *from =
    weights + (size_t) out_block * VECTOR * out_stride + (size_t) in_block * VECTOR * in_stride;

  for (unsigned tap = 0; tap < n_taps; tap++)
    for (unsigned in = 0; in < VECTOR; in++, packed += VECTOR)
      for (unsigned out = 0; out < VECTOR; out++)
        packed[out] = in < ins && out < outs
                        ? from[out * out_stride + in * in_stride + (turn ? n_taps - 1 - tap : tap)]
                        : 0.0f;
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
  for (unsigned out = 0; out < outs; out++)
    for (unsigned in = 0; in < ins; in++)
      for (unsigned tap = 0; tap < n_taps; tap++)
        to[((size_t) out * n_in + in) * n_taps + tap] += taps[((size_t) tap * VECTOR + in) * VECTOR + out];
}
