/* Pictures to twice and half their size. Compiled once per CPU level. */
#include "core/kernels/level.h"

/* Lanes of a vector side by side with itself, and of two vectors one behind the other. */
#define LOW_TWICE(i, h) ((i) / 2)
#define HIGH_TWICE(i, h) (VECTOR / 2 + (i) / 2)
#define EVEN(i, h) (2 * (i))
#define ODD(i, h) (2 * (i) + 1)

/* n floats of a vector to both rows of a square. */
FORCE_INLINE void
store_rows (float *upper, float *lower, vec v, unsigned n, int accumulate)
{
  if (n == VECTOR)
    {
      vec_store (upper, accumulate ? vec_load (upper) + v : v);
      vec_store (lower, accumulate ? vec_load (lower) + v : v);
      return;
    }
  vec_store_n (upper, accumulate ? vec_load_n (upper, n) + v : v, n);
  vec_store_n (lower, accumulate ? vec_load_n (lower, n) + v : v, n);
}

FORCE_INLINE void
double_rows (const float *x, unsigned width, size_t n_rows, float factor, int accumulate, float *y)
{
  const unsigned whole = width - width % VECTOR, n_rest = 2 * (width % VECTOR);

  for (size_t row = 0; row < n_rows; row++, x += width, y += 4 * width)
    {
      float *lower = y + 2 * width;

      for (unsigned i = 0; i < whole; i += VECTOR)
        {
          const vec v = vec_load (x + i) * factor;

          store_rows (y + 2 * i, lower + 2 * i, __builtin_shufflevector (v, v, ALL_LANES (LOW_TWICE, 0)),
                      VECTOR, accumulate);
          store_rows (y + 2 * i + VECTOR, lower + 2 * i + VECTOR,
                      __builtin_shufflevector (v, v, ALL_LANES (HIGH_TWICE, 0)), VECTOR, accumulate);
        }
      if (n_rest > 0)
        {
          const vec v = vec_load_n (x + whole, n_rest / 2) * factor;
          float *to = y + 2 * whole, *lower_to = lower + 2 * whole;

          store_rows (to, lower_to, __builtin_shufflevector (v, v, ALL_LANES (LOW_TWICE, 0)),
                      MIN (n_rest, VECTOR), accumulate);
          if (n_rest > VECTOR)
            store_rows (to + VECTOR, lower_to + VECTOR,
                        __builtin_shufflevector (v, v, ALL_LANES (HIGH_TWICE, 0)), n_rest - VECTOR,
                        accumulate);
        }
    }
}

FORCE_INLINE void
halve_rows (const float *x, unsigned width, size_t n_rows, float factor, int accumulate, float *y)
{
  const unsigned whole = width - width % VECTOR;

  for (size_t row = 0; row < n_rows; row++, x += 4 * width, y += width)
    {
      const float *lower = x + 2 * width;

      for (unsigned i = 0; i < whole; i += VECTOR)
        {
          const vec left = vec_load (x + 2 * i) + vec_load (lower + 2 * i);
          const vec right = vec_load (x + 2 * i + VECTOR) + vec_load (lower + 2 * i + VECTOR);
          const vec sum = factor
                          * (__builtin_shufflevector (left, right, ALL_LANES (EVEN, 0))
                             + __builtin_shufflevector (left, right, ALL_LANES (ODD, 0)));

          vec_store (y + i, accumulate ? vec_load (y + i) + sum : sum);
        }
      for (unsigned i = whole; i < width; i++)
        {
          const float sum = factor * (x[2 * i] + lower[2 * i] + (x[2 * i + 1] + lower[2 * i + 1]));

          y[i] = accumulate ? y[i] + sum : sum;
        }
    }
}

/* Rows narrower than a vector, which the deepest levels of a network have, with their length known
 * beforehand. */
#define WITH_WIDTH(function)                              \
  switch (width)                                          \
    {                                                     \
    case 4:                                               \
      function (x, 4, n_rows, factor, accumulate, y);     \
      break;                                              \
    case 8:                                               \
      function (x, 8, n_rows, factor, accumulate, y);     \
      break;                                              \
    default:                                              \
      function (x, width, n_rows, factor, accumulate, y); \
      break;                                              \
    }

void
KERNEL (double_plane) (const float *x, unsigned width, size_t n_rows, float factor, int accumulate, float *y)
{
  WITH_WIDTH (double_rows)
}

void
KERNEL (halve_plane) (const float *x, unsigned width, size_t n_rows, float factor, int accumulate, float *y)
{
  WITH_WIDTH (halve_rows)
}
