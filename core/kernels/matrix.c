/* Products of matrices, and linear layers. Compiled once per CPU level. */
#include "core/kernels/level.h"
#include "core/kernels/matrix.h"

void
KERNEL (matrix_multiply) (const DdpmMatrixProduct *product)
{
  matrix_multiply (product);
}

/* A block of rows with a block of images: each weight is loaded once. */
FORCE_INLINE void
linear_block (const float *restrict weights, const float *restrict bias, unsigned n_in,
              const float *restrict x, unsigned n_images, float *restrict y, int rows, int images)
{
  const size_t whole = n_in - n_in % VECTOR;
  const unsigned n_rest = n_in % VECTOR;
  vec sums[4][2] = { { { 0 } } };

  for (size_t i = 0; i < whole; i += VECTOR)
#pragma GCC unroll 4
    for (int row = 0; row < rows; row++)
#pragma GCC unroll 2
      for (int image = 0; image < images; image++)
        sums[row][image] +=
          vec_load (weights + (size_t) row * n_in + i) * vec_load (x + (size_t) image * n_in + i);
#pragma GCC unroll 4
  for (int row = 0; row < rows; row++)
#pragma GCC unroll 2
    for (int image = 0; image < images; image++)
      {
        float sum = vec_sum (sums[row][image]);

        for (unsigned i = 0; i < n_rest; i++)
          sum += weights[(size_t) row * n_in + whole + i] * x[(size_t) image * n_in + whole + i];
        y[(size_t) row * n_images + image] = sum + bias[row];
      }
}

FORCE_INLINE void
linear_rows (const float *weights, const float *bias, unsigned n_in, const float *x, unsigned n_images,
             float *y, int rows)
{
  unsigned image = 0;

  for (; image + 2 <= n_images; image += 2)
    linear_block (weights, bias, n_in, x + (size_t) image * n_in, n_images, y + image, rows, 2);
  if (image < n_images)
    linear_block (weights, bias, n_in, x + (size_t) image * n_in, n_images, y + image, rows, 1);
}

void
KERNEL (linear) (const float *weights, const float *bias, unsigned n_rows, unsigned n_in, const float *x,
                 unsigned n_images, float *y)
{
  unsigned row = 0;

  for (; row + 4 <= n_rows; row += 4)
    linear_rows (weights + (size_t) row * n_in, bias + row, n_in, x, n_images, y + (size_t) row * n_images,
                 4);
  for (; row < n_rows; row++)
    linear_rows (weights + (size_t) row * n_in, bias + row, n_in, x, n_images, y + (size_t) row * n_images,
                 1);
}
