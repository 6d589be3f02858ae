/* Rows of numbers: activations, sums, softmax. Compiled once per CPU level. */
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

/* The largest of n >= 1 numbers. */
static float
find_max (const float *x, unsigned n)
{
  float max = x[0];
  unsigned i = 0;

  if (n >= VECTOR)
    {
      vec maxima = vec_load (x);

      for (i = VECTOR; i + VECTOR <= n; i += VECTOR)
        {
          const vec v = vec_load (x + i);

          maxima = vec_select (v > maxima, v, maxima);
        }
      max = vec_max (maxima);
    }
  for (; i < n; i++)
    max = x[i] > max ? x[i] : max;
  return max;
}

void
KERNEL (softmax) (float *scores, unsigned n_rows, unsigned n)
{
  for (unsigned row = 0; row < n_rows; row++, scores += n)
    {
      const float max = find_max (scores, n);
      float factor;

      for (unsigned i = 0; i < n; i += VECTOR)
        {
          const unsigned lanes = MIN (VECTOR, n - i);

          vec_store_n (scores + i, vec_exp (vec_load_n (scores + i, lanes) - max), lanes);
        }
      factor = 1.0f / KERNEL (sum) (scores, n);
      for (unsigned i = 0; i < n; i++)
        scores[i] *= factor;
    }
}

void
KERNEL (softmax_backward) (const float *p, float *g, unsigned n_rows, unsigned n, float scale)
{
  for (unsigned row = 0; row < n_rows; row++, p += n, g += n)
    {
      vec products = { 0 };
      float total;

      for (unsigned i = 0; i < n; i += VECTOR)
        {
          const unsigned lanes = MIN (VECTOR, n - i);

          products += vec_load_n (p + i, lanes) * vec_load_n (g + i, lanes);
        }
      total = vec_sum (products);
      for (unsigned i = 0; i < n; i++)
        g[i] = scale * p[i] * (g[i] - total);
    }
}
