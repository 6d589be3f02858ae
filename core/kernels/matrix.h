/* Matrix products on plain rows. For files compiled once per CPU level. */
#pragma once

#include "core/kernels/kernels.h"
#include "core/kernels/vector.h"

/* What stays in registers: MATRIX_ROWS rows of MATRIX_VECTORS vectors of the result. */
#define MATRIX_ROWS 6
#if VECTOR == 16 || defined(__aarch64__)
#define MATRIX_VECTORS 4
#else
#define MATRIX_VECTORS 2
#endif

/* Where columns end within a block's vectors. The block comes by way of memory: a call while it is in
 * registers would have the compiler keep it out of them altogether. */
static void
store_narrow (const DdpmMatrixProduct *m, size_t row, size_t col, int rows, int vectors, const vec *block)
{
  const float *from = (const float *) block;

  for (int i = 0; i < rows; i++, from += vectors * VECTOR)
    {
      float *c = m->c + (row + i) * m->ldc;

      for (size_t j = col; j < m->n_cols; j++)
        {
          const float old = !m->accumulate ? 0.0f : m->keep == NULL ? c[j] : c[j] * m->keep[j];

          c[j] = old + from[j - col];
        }
    }
}

/* Whether a and b hold floats, or pairs of neighbouring k in bfloat16. */
typedef enum
{
  MATRIX_FLOATS,
  MATRIX_BF16_PAIRS
} MatrixKind;

FORCE_INLINE vec
multiply_add (MatrixKind kind, vec sum, const float *a, vec b)
{
#ifdef __AVX512BF16__
  if (kind == MATRIX_BF16_PAIRS)
    {
      int pair;

      memcpy (&pair, a, sizeof pair);
      return (vec) _mm512_dpbf16_ps ((__m512) sum, (__m512bh) _mm512_set1_epi32 (pair), (__m512bh) b);
    }
#endif
  return sum + *a * b;
}

/* rows * vectors of the result from (row, col) on. */
FORCE_INLINE void
multiply_block (const DdpmMatrixProduct *m, MatrixKind kind, size_t row, size_t col, int rows, int vectors)
{
  const size_t a_row = m->a_row, a_col = m->a_col, ldb = m->ldb;
  const float *restrict a = m->a + row * a_row;
  const float *restrict b = m->b + col;
  const float *keep = m->keep;
  const vec one = (vec) { 0 } + 1.0f;
  vec sums[MATRIX_ROWS][MATRIX_VECTORS] = { { { 0 } } };
  float *c;

  for (size_t k = m->n_sum; k > 0; k--, a += a_col, b += ldb)
    {
      vec wide[MATRIX_VECTORS];

#pragma GCC unroll 4
      for (int v = 0; v < vectors; v++)
        wide[v] = vec_load (b + v * VECTOR);
#pragma GCC unroll 6
      for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
          sums[i][v] = multiply_add (kind, sums[i][v], a + i * a_row, wide[v]);
    }
  if (col + vectors * VECTOR > m->n_cols)
    {
      vec block[MATRIX_ROWS * MATRIX_VECTORS];

#pragma GCC unroll 6
      for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
          block[i * vectors + v] = sums[i][v];
      store_narrow (m, row, col, rows, vectors, block);
      return;
    }
  c = m->c + row * m->ldc + col;
#pragma GCC unroll 6
  for (int i = 0; i < rows; i++, c += m->ldc)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++)
      {
        vec sum = sums[i][v];

        if (m->accumulate)
          sum += vec_load (c + v * VECTOR) * (keep == NULL ? one : vec_load (keep + col + v * VECTOR));
        vec_store (c + v * VECTOR, sum);
      }
}

FORCE_INLINE void
multiply_columns (const DdpmMatrixProduct *m, MatrixKind kind, size_t col, int vectors)
{
  size_t row = 0;

  for (; row + MATRIX_ROWS <= m->n_rows; row += MATRIX_ROWS)
    multiply_block (m, kind, row, col, MATRIX_ROWS, vectors);
  if (row + 4 <= m->n_rows)
    {
      multiply_block (m, kind, row, col, 4, vectors);
      row += 4;
    }
  if (row + 2 <= m->n_rows)
    {
      multiply_block (m, kind, row, col, 2, vectors);
      row += 2;
    }
  if (row < m->n_rows)
    multiply_block (m, kind, row, col, 1, vectors);
}

FORCE_INLINE void
multiply_matrices (const DdpmMatrixProduct *m, MatrixKind kind)
{
  size_t n_vectors = (m->n_cols + VECTOR - 1) / VECTOR, col = 0;

  for (; n_vectors >= MATRIX_VECTORS; n_vectors -= MATRIX_VECTORS, col += MATRIX_VECTORS * VECTOR)
    multiply_columns (m, kind, col, MATRIX_VECTORS);
#if MATRIX_VECTORS == 4
  if (n_vectors >= 2)
    {
      multiply_columns (m, kind, col, 2);
      n_vectors -= 2;
      col += 2 * VECTOR;
    }
#endif
  if (n_vectors > 0)
    multiply_columns (m, kind, col, 1);
}

static inline void
matrix_multiply (const DdpmMatrixProduct *m)
{
  multiply_matrices (m, MATRIX_FLOATS);
}
