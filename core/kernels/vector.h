/* Vectors of floats as wide as the CPU level that this file is compiled for, in GCC's and clang's
 * portable notation. Only the files of core/kernels that are compiled once per level include it. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__)
#define VECTOR 16
#elif defined(__AVX2__)
#define VECTOR 8
#else
#define VECTOR 4 /* SSE2, NEON */
#endif

/* ddpm_LEVEL_name: each level has its own copy of every kernel. */
#define LEVEL_PASTE(level, name) ddpm_##level##_##name
#define LEVEL_EXPAND(level, name) LEVEL_PASTE (level, name)
#define KERNEL(name) LEVEL_EXPAND (DDPM_LEVEL, name)

#define FORCE_INLINE static inline __attribute__ ((always_inline))

typedef float vec __attribute__ ((vector_size (4 * VECTOR)));
typedef int32_t ivec __attribute__ ((vector_size (4 * VECTOR)));
typedef float unaligned_vec __attribute__ ((vector_size (4 * VECTOR), aligned (4), may_alias));

FORCE_INLINE vec
vec_load (const float *p)
{
  return *(const unaligned_vec *) p;
}

FORCE_INLINE void
vec_store (float *p, vec v)
{
  *(unaligned_vec *) p = v;
}

/* The first n floats; the other lanes are 0. */
FORCE_INLINE vec
vec_load_n (const float *p, unsigned n)
{
  vec v = { 0 };

  memcpy (&v, p, n * sizeof (float));
  return v;
}

FORCE_INLINE void
vec_store_n (float *p, vec v, unsigned n)
{
  memcpy (p, &v, n * sizeof (float));
}

typedef uint32_t uvec __attribute__ ((vector_size (4 * VECTOR)));
typedef uint16_t hvec __attribute__ ((vector_size (2 * VECTOR)));
typedef uint16_t unaligned_hvec __attribute__ ((vector_size (2 * VECTOR), aligned (2), may_alias));

/* Rounded to bfloat16, to the nearest even: the upper 16 bits of each lane count. */
FORCE_INLINE uvec
vec_round_bf16 (vec v)
{
  const uvec bits = (uvec) v;

  return bits + 0x7fff + (bits >> 16 & 1);
}

FORCE_INLINE void
vec_store_bf16 (uint16_t *p, vec v)
{
#ifdef __AVX512BF16__
  const __m256bh halves = _mm512_cvtneps_pbh ((__m512) v);

  memcpy (p, &halves, sizeof halves);
#else
  *(unaligned_hvec *) p = __builtin_convertvector (vec_round_bf16 (v) >> 16, hvec);
#endif
}

/* Two vectors in bfloat16, lanes side by side: [lane][2]. */
FORCE_INLINE uvec
vec_pair_bf16 (vec first, vec second)
{
#ifdef __AVX512BF16__
  const __m512bh halves = _mm512_cvtne2ps_pbh ((__m512) second, (__m512) first);
  const uvec lanes = { 0x100000, 0x110001, 0x120002, 0x130003, 0x140004, 0x150005, 0x160006, 0x170007,
                       0x180008, 0x190009, 0x1a000a, 0x1b000b, 0x1c000c, 0x1d000d, 0x1e000e, 0x1f000f };

  return (uvec) _mm512_permutexvar_epi16 ((__m512i) lanes, (__m512i) halves);
#else
  return vec_round_bf16 (first) >> 16 | (vec_round_bf16 (second) & 0xffff0000u);
#endif
}

/* Brings near what lies a page further on. Processors look ahead by themselves only within a page, which is
 * no more than a channel of a picture. */
FORCE_INLINE void
fetch_ahead (const float *p)
{
  __builtin_prefetch (p + 1024, 0, 2);
}

FORCE_INLINE vec
vec_select (ivec mask, vec yes, vec no)
{
  return (vec) ((mask & (ivec) yes) | (~mask & (ivec) no));
}

/* The larger and the smaller; where x is NaN, NaN. Compilers do not find the instruction by themselves. */
#if defined(__AVX512F__)
#define VEC_MINMAX(which, limit, x) (vec) _mm512_##which##_ps ((__m512) (limit), (__m512) (x))
#elif defined(__AVX2__)
#define VEC_MINMAX(which, limit, x) (vec) _mm256_##which##_ps ((__m256) (limit), (__m256) (x))
#elif defined(__x86_64__)
#define VEC_MINMAX(which, limit, x) (vec) _mm_##which##_ps ((__m128) (limit), (__m128) (x))
#endif

FORCE_INLINE vec
vec_max (vec limit, vec x)
{
#ifdef VEC_MINMAX
  return VEC_MINMAX (max, limit, x);
#else
  return vec_select (limit > x, limit, x);
#endif
}

FORCE_INLINE vec
vec_min (vec limit, vec x)
{
#ifdef VEC_MINMAX
  return VEC_MINMAX (min, limit, x);
#else
  return vec_select (limit < x, limit, x);
#endif
}

FORCE_INLINE vec
vec_sqrt (vec x)
{
#if defined(__AVX512F__)
  return (vec) _mm512_sqrt_ps ((__m512) x);
#elif defined(__AVX2__)
  return (vec) _mm256_sqrt_ps ((__m256) x);
#elif defined(__x86_64__)
  return (vec) _mm_sqrt_ps ((__m128) x);
#elif defined(__aarch64__)
  return (vec) vsqrtq_f32 ((float32x4_t) x);
#else
  for (int i = 0; i < VECTOR; i++)
    x[i] = __builtin_sqrtf (x[i]);
  return x;
#endif
}

/* 1 / x to 2 units in the last place, for x between 1 and 2e38; NaN stays NaN. A division takes the place of
 * ten other instructions where vectors are widest. */
FORCE_INLINE vec
vec_reciprocal (vec x)
{
#ifdef __AVX512F__
  const vec about = (vec) _mm512_rcp14_ps ((__m512) x);

  return about + about * (1.0f - x * about);
#else
  return 1.0f / x;
#endif
}

/* f (i, h) for each lane i, as a shuffle's list of lanes. */
#define LANES_4(f, i, h) f (i, h), f (i + 1, h), f (i + 2, h), f (i + 3, h)
#if VECTOR == 16
#define ALL_LANES(f, h) LANES_4 (f, 0, h), LANES_4 (f, 4, h), LANES_4 (f, 8, h), LANES_4 (f, 12, h)
#elif VECTOR == 8
#define ALL_LANES(f, h) LANES_4 (f, 0, h), LANES_4 (f, 4, h)
#else
#define ALL_LANES(f, h) LANES_4 (f, 0, h)
#endif

/* Each lane changes places with the one `h` away from it. */
#define OTHER_LANE(i, h) ((i) ^ (h))
#define SWAP_LANES(v, h) __builtin_shufflevector (v, v, ALL_LANES (OTHER_LANE, h))

/* Always in the same order: halves, quarters, … */
FORCE_INLINE float
vec_sum (vec v)
{
#if VECTOR >= 16
  v += SWAP_LANES (v, 8);
#endif
#if VECTOR >= 8
  v += SWAP_LANES (v, 4);
#endif
  v += SWAP_LANES (v, 2);
  v += SWAP_LANES (v, 1);
  return v[0];
}

/* exp (x) to 2 units in the last place, x taken as between -87 and 88; NaN stays NaN. 2^n e^r with |r| <= ln
 * 2 / 2; e^r is 1 + r + r^2 (a polynomial of degree 3), its coefficients those with the smallest relative
 * error on that interval, 1.05e-7. */
FORCE_INLINE vec
vec_exp (vec x)
{
  const vec zero = { 0 };
  const vec magic =
    zero + 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer, found in the lowest bits */

  x = vec_min (zero + 88.0f, vec_max (zero - 87.0f, x));

  const vec shifted = x * 1.44269504088896341f + magic;
  const vec n = shifted - magic;
  const vec r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  vec p = r * 8.31250101e-3f + 4.18903306e-2f;

  p = p * r + 0.166671157f;
  p = p * r + 0.499992311f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return p * (vec) (((ivec) shifted << 23) + (127 << 23)); /* 2^n: n in the exponent's place */
}
