/* The optimiser's arithmetic (Loshchilov and Hutter 2019, algorithm 2). Compiled once per CPU level. */
#include "core/kernels/level.h"

FORCE_INLINE vec
load (const float *values, unsigned n)
{
  return n == VECTOR ? vec_load (values) : vec_load_n (values, n);
}

FORCE_INLINE void
store (float *values, vec v, unsigned n)
{
  if (n == VECTOR)
    vec_store (values, v);
  else
    vec_store_n (values, v, n);
}

FORCE_INLINE void
update (const DdpmAdamwStep *s, float *weights, const float *grads, float *first, float *second, unsigned n)
{
  const vec g = load (grads, n) * s->grad_scale;
  const vec m = load (first, n) * s->keep1 + g * s->gain1;
  const vec v = load (second, n) * s->keep2 + (g * g) * s->gain2;

  store (first, m, n);
  store (second, v, n);
  store (weights, load (weights, n) * s->decay - m * s->rate / (vec_sqrt (v) * s->correction + s->eps), n);
}

void
KERNEL (adamw) (const DdpmAdamwStep *step, float *weights, const float *grads, float *first, float *second,
                size_t n)
{
  const size_t whole = n - n % VECTOR;

  for (size_t i = 0; i < whole; i += VECTOR)
    update (step, weights + i, grads + i, first + i, second + i, VECTOR);
  if (whole < n)
    update (step, weights + whole, grads + whole, first + whole, second + whole, n - whole);
}

typedef float half_vec __attribute__ ((vector_size (2 * VECTOR), aligned (4), may_alias));
typedef double wide_vec __attribute__ ((vector_size (4 * VECTOR)));

double
KERNEL (sum_squares) (const float *x, size_t n)
{
  wide_vec sums[4] = { { 0 } };
  double sum = 0;
  size_t i = 0;

  for (; i + 2 * VECTOR <= n; i += 2 * VECTOR)
#pragma GCC unroll 4
    for (int part = 0; part < 4; part++)
      {
        const wide_vec values =
          __builtin_convertvector (*(const half_vec *) (x + i + part * (VECTOR / 2)), wide_vec);

        sums[part] += values * values;
      }
  sums[0] = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  for (int lane = 0; lane < VECTOR / 2; lane++)
    sum += sums[0][lane];
  for (; i < n; i++)
    sum += (double) x[i] * x[i];
  return sum;
}

/* In the form average += gain (x - average): gain and 1 - gain rounded to float do not add up to 1, and with
 * a gain of 1e-4 the average would settle three parts in ten thousand beside x. */
void
KERNEL (move_average) (float *average, const float *x, size_t n, float gain)
{
  const size_t whole = n - n % VECTOR;

  for (size_t i = 0; i < whole; i += VECTOR)
    vec_store (average + i, vec_load (average + i) + gain * (vec_load (x + i) - vec_load (average + i)));
  for (size_t i = whole; i < n; i++)
    average[i] += gain * (x[i] - average[i]);
}
