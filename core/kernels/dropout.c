/* Dropout masks from Philox 4x32-10 (Salmon et al. 2011), a vector of counters at a time: the same numbers
 * that core/base/rng.c draws one after the other. Compiled once per CPU level. */
#include <math.h>

#include "core/kernels/level.h"

#define ROUNDS 10

/* The upper and the lower half of each lane's product with a constant. */
FORCE_INLINE void
multiply_wide (uvec x, uint32_t factor, uvec *high, uvec *low)
{
#if defined(__x86_64__)
  typedef uint64_t wide_vec __attribute__ ((vector_size (4 * VECTOR)));
#if defined(__AVX512F__)
  const __m512i f = _mm512_set1_epi32 ((int) factor);
  const wide_vec even = (wide_vec) _mm512_mul_epu32 ((__m512i) x, f);
  const wide_vec odd = (wide_vec) _mm512_mul_epu32 ((__m512i) ((wide_vec) x >> 32), f);
#elif defined(__AVX2__)
  const __m256i f = _mm256_set1_epi32 ((int) factor);
  const wide_vec even = (wide_vec) _mm256_mul_epu32 ((__m256i) x, f);
  const wide_vec odd = (wide_vec) _mm256_mul_epu32 ((__m256i) ((wide_vec) x >> 32), f);
#else
  const __m128i f = _mm_set1_epi32 ((int) factor);
  const wide_vec even = (wide_vec) _mm_mul_epu32 ((__m128i) x, f);
  const wide_vec odd = (wide_vec) _mm_mul_epu32 ((__m128i) ((wide_vec) x >> 32), f);
#endif
  *high = (uvec) (even >> 32 | (odd & 0xffffffff00000000u));
  *low = (uvec) ((even & 0xffffffffu) | odd << 32);
#else
  for (int i = 0; i < VECTOR; i++)
    {
      const uint64_t product = (uint64_t) x[i] * factor;

      (*high)[i] = (uint32_t) (product >> 32);
      (*low)[i] = (uint32_t) product;
    }
#endif
}

/* words[4] of each of VECTOR counters, which differ in the first word alone. */
FORCE_INLINE void
philox (const DdpmDropoutStream *stream, uvec block, uvec words[4])
{
  const uvec zero = { 0 };
  uvec c0 = block, c1 = zero + stream->counter[0], c2 = zero + stream->counter[1],
       c3 = zero + stream->counter[2];
  uint32_t k0 = stream->key[0], k1 = stream->key[1];

  for (int round = 0; round < ROUNDS; round++)
    {
      uvec high0, low0, high1, low1;

      multiply_wide (c0, 0xD2511F53u, &high0, &low0);
      multiply_wide (c2, 0xCD9E8D57u, &high1, &low1);
      c0 = high1 ^ c1 ^ k0;
      c1 = low1;
      c2 = high0 ^ c3 ^ k1;
      c3 = low0;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

/* Four masks of each of VECTOR counters: one a byte. */
FORCE_INLINE uvec
draw_masks (const DdpmDropoutStream *stream, uint32_t first, uint32_t threshold)
{
  uvec block, words[4], masks = { 0 };

  for (uint32_t i = 0; i < VECTOR; i++)
    block[i] = first + i;
  philox (stream, block, words);
  for (int i = 0; i < 4; i++)
    masks |= ((uvec) (words[i] >> 8 >= threshold) & 1) << 8 * i;
  return masks;
}

void
KERNEL (dropout_mask) (const DdpmDropoutStream *stream, float dropout, size_t n, uint8_t *mask)
{
  /* x 2^-24 >= dropout as x >= threshold: nothing is rounded */
  const uint32_t threshold = (uint32_t) ceilf (dropout * 0x1p24f);
  const size_t step = 4 * VECTOR;
  size_t i = 0;

  for (; i + step <= n; i += step)
    {
      const uvec masks = draw_masks (stream, (uint32_t) (i / 4), threshold);

      memcpy (mask + i, &masks, step);
    }
  if (i < n)
    {
      const uvec masks = draw_masks (stream, (uint32_t) (i / 4), threshold);

      memcpy (mask + i, &masks, n - i);
    }
}
