/* The activations of UNet2DModel and their derivatives on vectors. For files compiled once per CPU level. */
#pragma once

#include <math.h>

#include "core/kernels/kernels.h"
#include "core/kernels/vector.h"

/* u tanh (softplus (u)); with e = exp (u), tanh (ln (1 + e)) = (e^2 + 2e) / (e^2 + 2e + 2). */
FORCE_INLINE float
mish (float u)
{
  const float e = expf (u < 20.0f ? u : 20.0f), w = e * (e + 2.0f);

  return u * w / (w + 2.0f);
}

FORCE_INLINE float
mish_derivative (float u)
{
  const float e = expf (u < 20.0f ? u : 20.0f), w = e * (e + 2.0f);
  const float tanh_softplus = w / (w + 2.0f), sigmoid = e / (1.0f + e);

  return tanh_softplus + u * sigmoid * (1.0f - tanh_softplus * tanh_softplus);
}

FORCE_INLINE float
gelu (float u)
{
  return 0.5f * u * (1.0f + erff (u * 0.70710678f));
}

FORCE_INLINE float
gelu_derivative (float u)
{
  return 0.5f * (1.0f + erff (u * 0.70710678f)) + u * 0.39894228f * expf (-0.5f * u * u);
}

FORCE_INLINE vec
vec_act (vec u, DdpmKernelAct act)
{
  const vec zero = { 0 };

  switch (act)
    {
    case DDPM_KERNEL_ACT_SILU:
      return u * vec_reciprocal (1.0f + vec_exp (-u));
    case DDPM_KERNEL_ACT_RELU:
      return vec_max (zero, u);
    case DDPM_KERNEL_ACT_MISH:
      for (int i = 0; i < VECTOR; i++)
        u[i] = mish (u[i]);
      return u;
    case DDPM_KERNEL_ACT_GELU:
      for (int i = 0; i < VECTOR; i++)
        u[i] = gelu (u[i]);
      return u;
    case DDPM_KERNEL_ACT_NONE:
    default:
      return u;
    }
}

FORCE_INLINE vec
vec_act_derivative (vec u, DdpmKernelAct act)
{
  const vec zero = { 0 };
  vec sigmoid;

  switch (act)
    {
    case DDPM_KERNEL_ACT_SILU:
      sigmoid = vec_reciprocal (1.0f + vec_exp (-u));
      return sigmoid * (1.0f + u * (1.0f - sigmoid));
    case DDPM_KERNEL_ACT_RELU:
      return vec_select (u > zero, zero + 1.0f, zero);
    case DDPM_KERNEL_ACT_MISH:
      for (int i = 0; i < VECTOR; i++)
        u[i] = mish_derivative (u[i]);
      return u;
    case DDPM_KERNEL_ACT_GELU:
      for (int i = 0; i < VECTOR; i++)
        u[i] = gelu_derivative (u[i]);
      return u;
    case DDPM_KERNEL_ACT_NONE:
    default:
      return zero + 1.0f;
    }
}

typedef uint8_t byte_vec __attribute__ ((vector_size (VECTOR)));
typedef uint16_t half_vec __attribute__ ((vector_size (2 * VECTOR)));

/* The first n of a dropout mask as numbers; the other lanes are 0. Step by step, because gcc takes a vector
 * apart that becomes four times as wide at once. */
FORCE_INLINE vec
vec_load_mask (const uint8_t *mask, unsigned n)
{
  byte_vec bytes = { 0 };

  memcpy (&bytes, mask, n);

  const half_vec halves = __builtin_convertvector (bytes, half_vec);

  return __builtin_convertvector (__builtin_convertvector (halves, ivec), vec);
}

/* y[n] = act (scale x + shift), in whole vectors: up to VECTOR - 1 floats beyond n are read and written. */
FORCE_INLINE void
act_row_of (const float *x, size_t n, float scale, float shift, DdpmKernelAct act, float *y)
{
  for (size_t i = 0; i < n; i += VECTOR)
    vec_store (y + i, vec_act (vec_load (x + i) * scale + shift, act));
}

/* The same with one loop per activation. */
static inline void
act_row (const float *x, size_t n, float scale, float shift, DdpmKernelAct act, float *y)
{
  switch (act)
    {
    case DDPM_KERNEL_ACT_SILU:
      act_row_of (x, n, scale, shift, DDPM_KERNEL_ACT_SILU, y);
      break;
    case DDPM_KERNEL_ACT_RELU:
      act_row_of (x, n, scale, shift, DDPM_KERNEL_ACT_RELU, y);
      break;
    case DDPM_KERNEL_ACT_MISH:
      act_row_of (x, n, scale, shift, DDPM_KERNEL_ACT_MISH, y);
      break;
    case DDPM_KERNEL_ACT_GELU:
      act_row_of (x, n, scale, shift, DDPM_KERNEL_ACT_GELU, y);
      break;
    case DDPM_KERNEL_ACT_NONE:
    default:
      act_row_of (x, n, scale, shift, DDPM_KERNEL_ACT_NONE, y);
      break;
    }
}
