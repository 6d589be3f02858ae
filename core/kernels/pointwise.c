/* Rows of numbers: activations, sums. Compiled once per CPU level. */
#include "core/kernels/act.h"
#include "core/kernels/level.h"

void
KERNEL (act_forward) (const float *x, size_t n, float scale, float shift, DdpmKernelAct act, float *y)
{
  const size_t whole = n - n % VECTOR;

  act_row (x, whole, scale, shift, act, y);
  if (whole < n)
    vec_store_n (y + whole, vec_act (vec_load_n (x + whole, n - whole) * scale + shift, act), n - whole);
}

void
KERNEL (act_backward) (const float *x, const float *grad_y, size_t n, DdpmKernelAct act, int accumulate,
                       float *grad_x)
{
  for (size_t i = 0; i < n; i += VECTOR)
    {
      const unsigned lanes = MIN (VECTOR, n - i);
      vec g = vec_load_n (grad_y + i, lanes) * vec_act_derivative (vec_load_n (x + i, lanes), act);

      if (accumulate)
        g += vec_load_n (grad_x + i, lanes);
      vec_store_n (grad_x + i, g, lanes);
    }
}

void
KERNEL (scale_add) (const float *x, size_t n, float a, int accumulate, float *out)
{
  if (accumulate)
    for (size_t i = 0; i < n; i++)
      out[i] += a * x[i];
  else
    for (size_t i = 0; i < n; i++)
      out[i] = a * x[i];
}

float
KERNEL (sum) (const float *x, size_t n)
{
  vec sums = { 0 };
  float rest = 0.0f;
  size_t i = 0;

  for (; i + VECTOR <= n; i += VECTOR)
    sums += vec_load (x + i);
  for (; i < n; i++)
    rest += x[i];
  return vec_sum (sums) + rest;
}
