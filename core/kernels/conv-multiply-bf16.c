/* The matrix products of a convolution's points in bfloat16, by the instructions of AVX512_BF16: pairs of
 * input channels, for the weight gradient pairs of tiles, are multiplied and added to floats. Otherwise as
 * conv-multiply.c. */
#include "core/kernels/level.h"

#include <immintrin.h>

/* Vectors of output channels computed together: with TILE_GROUP tiles they fill the registers. */
#define OUT_VECTORS 3

FORCE_INLINE __m512
multiply_add_pair (__m512 sum, __m512bh wide, const uint16_t *pair)
{
  int both;

  memcpy (&both, pair, sizeof both);
  return _mm512_dpbf16_ps (sum, wide, (__m512bh) _mm512_set1_epi32 (both));
}

/* One group of tiles, n_vectors blocks of output channels; in, weights and out are of the part's first
 * blocks. */
FORCE_INLINE void
multiply_group (const DdpmConvPart *part, const uint16_t *restrict in, const uint16_t *restrict weights,
                int n_vectors, float *restrict out)
{
  const size_t out_stride = part->out_stride;
  __m512 sums[TILE_GROUP][OUT_VECTORS];

#pragma GCC unroll 8
  for (int tile = 0; tile < TILE_GROUP; tile++)
#pragma GCC unroll 3
    for (int v = 0; v < n_vectors; v++)
      sums[tile][v] = _mm512_setzero_ps ();
  for (unsigned block = part->in_begin; block < part->in_end; block++, in += TILE_GROUP * VECTOR)
    {
      const unsigned n = MIN (VECTOR, part->n_in - block / part->n_taps * VECTOR);
      const uint16_t *w = weights + (size_t) (block - part->in_begin) * VECTOR * VECTOR;

      for (unsigned c = 0; c < n; c += 2, w += 2 * VECTOR)
        {
          __m512bh wide[OUT_VECTORS];

#pragma GCC unroll 3
          for (int v = 0; v < n_vectors; v++)
            wide[v] = (__m512bh) _mm512_loadu_si512 (w + v * out_stride);
#pragma GCC unroll 8
          for (int tile = 0; tile < TILE_GROUP; tile++)
#pragma GCC unroll 3
            for (int v = 0; v < n_vectors; v++)
              sums[tile][v] = multiply_add_pair (sums[tile][v], wide[v], in + tile * VECTOR + c);
        }
    }
#pragma GCC unroll 3
  for (int v = 0; v < n_vectors; v++)
#pragma GCC unroll 8
    for (int tile = 0; tile < TILE_GROUP; tile++, out += VECTOR)
      vec_store (out, part->accumulate ? vec_load (out) + (vec) sums[tile][v] : (vec) sums[tile][v]);
}

void
KERNEL (conv_multiply_bf16) (const DdpmConvTiles *input, const DdpmConvPart *part,
                             const DdpmConvTiles *output)
{
  const uint16_t *in = (const uint16_t *) input->values + part->point * input->point_stride;
  float *out = (float *) output->values + part->point * output->point_stride;

  for (unsigned block = part->out_begin; block < part->out_end;)
    {
      const unsigned left = part->out_end - block;
      /* 4 is 2 and 2 rather than 3 and 1 */
      const unsigned n_vectors = left == 4 ? 2 : MIN (OUT_VECTORS, left);
      const uint16_t *weights =
        (const uint16_t *) part->weights + (block - part->out_begin) * part->out_stride;

      for (unsigned group = part->group_begin; group < part->group_end; group++)
        {
          const uint16_t *from =
            in + ((size_t) group * input->n_blocks + part->in_begin) * TILE_GROUP * VECTOR;
          float *to = out + ((size_t) group * output->n_blocks + block) * TILE_GROUP * VECTOR;

          if (n_vectors == 3)
            multiply_group (part, from, weights, 3, to);
          else if (n_vectors == 2)
            multiply_group (part, from, weights, 2, to);
          else
            multiply_group (part, from, weights, 1, to);
        }
      block += n_vectors;
    }
}

/* --- weight gradient ----------------------------------------------------------------------- */

/* Input channels of the gradient computed together. */
#define GRAD_CHANNELS TILE_GROUP

/* GRAD_CHANNELS rows of a block's gradient: in and grads are of the first group. */
FORCE_INLINE void
multiply_grad_rows (const uint16_t *restrict in, size_t in_group, const uint16_t *restrict grads,
                    size_t grad_group, unsigned n_groups, int n_vectors, float *restrict out,
                    size_t out_block_stride, int accumulate)
{
  __m512 sums[GRAD_CHANNELS][OUT_VECTORS];

#pragma GCC unroll 8
  for (int c = 0; c < GRAD_CHANNELS; c++)
#pragma GCC unroll 3
    for (int v = 0; v < n_vectors; v++)
      sums[c][v] = _mm512_setzero_ps ();
  for (unsigned group = 0; group < n_groups; group++, in += in_group, grads += grad_group)
    for (int tile = 0; tile < TILE_GROUP; tile += 2)
      {
        __m512bh wide[OUT_VECTORS];

#pragma GCC unroll 3
        for (int v = 0; v < n_vectors; v++)
          wide[v] = (__m512bh) _mm512_loadu_si512 (grads + (v * TILE_GROUP + tile) * VECTOR);
#pragma GCC unroll 8
        for (int c = 0; c < GRAD_CHANNELS; c++)
#pragma GCC unroll 3
          for (int v = 0; v < n_vectors; v++)
            sums[c][v] = multiply_add_pair (sums[c][v], wide[v], in + tile * VECTOR + 2 * c);
      }
#pragma GCC unroll 8
  for (int c = 0; c < GRAD_CHANNELS; c++)
#pragma GCC unroll 3
    for (int v = 0; v < n_vectors; v++)
      {
        float *to = out + v * out_block_stride + c * VECTOR;

        vec_store (to, accumulate ? vec_load (to) + (vec) sums[c][v] : (vec) sums[c][v]);
      }
}

void
KERNEL (conv_multiply_grad_bf16) (const DdpmConvTiles *input, const DdpmConvTiles *grads, unsigned n_groups,
                                  unsigned point, unsigned in_begin, unsigned in_end, unsigned out_begin,
                                  unsigned out_end, int accumulate, float *points)
{
  const size_t in_group = (size_t) input->n_blocks * TILE_GROUP * VECTOR;
  const size_t grad_group = (size_t) grads->n_blocks * TILE_GROUP * VECTOR;
  const size_t out_block_stride = (size_t) input->n_blocks * VECTOR * VECTOR;

  for (unsigned block = out_begin; block < out_end;)
    {
      const unsigned left = out_end - block, n_vectors = left == 4 ? 2 : MIN (OUT_VECTORS, left);
      const uint16_t *grad =
        (const uint16_t *) grads->values + point * grads->point_stride + (size_t) block * TILE_GROUP * VECTOR;

      for (unsigned in_block = in_begin; in_block < in_end; in_block++)
        for (unsigned c = 0; c < VECTOR; c += GRAD_CHANNELS)
          {
            const uint16_t *in = (const uint16_t *) input->values + point * input->point_stride
                                 + (size_t) in_block * TILE_GROUP * VECTOR + 2 * c;
            float *out = points + block * out_block_stride + ((size_t) in_block * VECTOR + c) * VECTOR;

            if (n_vectors == 3)
              multiply_grad_rows (in, in_group, grad, grad_group, n_groups, 3, out, out_block_stride,
                                  accumulate);
            else if (n_vectors == 2)
              multiply_grad_rows (in, in_group, grad, grad_group, n_groups, 2, out, out_block_stride,
                                  accumulate);
            else
              multiply_grad_rows (in, in_group, grad, grad_group, n_groups, 1, out, out_block_stride,
                                  accumulate);
          }
      block += n_vectors;
    }
}
