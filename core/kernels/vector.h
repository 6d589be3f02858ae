/* Vectors of floats as wide as the CPU level that this file is compiled for, in GCC's and clang's
 * portable notation. Only the files of core/kernels that are compiled once per level include it. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

FORCE_INLINE vec
vec_select (ivec mask, vec yes, vec no)
{
  return (vec) ((mask & (ivec) yes) | (~mask & (ivec) no));
}

/* Lanes in a fixed order, so that a sum is the same every time. */
FORCE_INLINE float
vec_sum (vec v)
{
  float sum = 0.0f;

  for (int i = 0; i < VECTOR; i++)
    sum += v[i];
  return sum;
}

FORCE_INLINE float
vec_max (vec v)
{
  float max = v[0];

  for (int i = 1; i < VECTOR; i++)
    max = v[i] > max ? v[i] : max;
  return max;
}

/* exp (x) to 2 units in the last place; NaN stays NaN. 2^n e^r with |r| <= ln 2 / 2 and a polynomial
 * of degree 6 for e^r (its Taylor series is accurate enough on that interval). */
FORCE_INLINE vec
vec_exp (vec x)
{
  const vec zero = { 0 };
  const vec low = zero - 87.0f, high = zero + 88.0f;
  const vec magic = zero + 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */

  x = vec_select (x < low, low, x);
  x = vec_select (x > high, high, x);

  const vec shifted = x * 1.44269504088896341f + magic;
  const vec n = shifted - magic;
  const vec r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  vec p = r * 1.3888889e-3f + 8.3333333e-3f;

  p = p * r + 4.1666668e-2f;
  p = p * r + 0.16666667f;
  p = p * r + 0.5f;
  p = p * r * r + r + 1.0f;

  const ivec exponent = ((ivec) shifted - (ivec) magic + 127) << 23;

  return p * (vec) exponent;
}
