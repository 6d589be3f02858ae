/* Products of matrices and linear layers at every CPU level against plain C in double. */
#include "tests/kernels/kernels-common.h"

typedef struct
{
  guint n_rows, n_cols, n_sum;
} Shape;

/* Below, at and above the blocks of rows and vectors that stay in registers. */
static const Shape shapes[] = {
  { 1, 1, 1 },  { 2, 3, 5 },   { 3, 15, 2 },  { 4, 16, 7 },   { 5, 17, 1 },  { 6, 31, 3 },   { 7, 32, 9 },
  { 8, 33, 4 }, { 9, 48, 20 }, { 11, 63, 5 }, { 12, 64, 64 }, { 13, 65, 6 }, { 23, 130, 3 }, { 6, 8, 0 },
};

typedef enum
{
  OVERWRITE,
  ADD,
  KEEP, /* add to what is there times a factor of each column */
  N_MODES
} Mode;

static void
check_product (const DdpmKernels *kernels, const Shape *shape, gboolean transposed, Mode mode)
{
  const gsize lda = (transposed ? shape->n_rows : shape->n_sum) + 2, ldb = shape->n_cols + 3,
              ldc = shape->n_cols + 5;
  g_autofree float *a = new_random (1, lda * (MAX (shape->n_rows, shape->n_sum) + 1));
  g_autofree float *b = new_random (2, ldb * shape->n_sum), *keep = new_random (3, shape->n_cols);
  Guarded c = guarded_new (shape->n_rows * ldc);
  const DdpmMatrixProduct product = { .a = a,
                                      .a_row = transposed ? 1 : lda,
                                      .a_col = transposed ? lda : 1,
                                      .b = b,
                                      .ldb = ldb,
                                      .c = c.data,
                                      .ldc = ldc,
                                      .n_rows = shape->n_rows,
                                      .n_cols = shape->n_cols,
                                      .n_sum = shape->n_sum,
                                      .accumulate = mode != OVERWRITE,
                                      .keep = mode == KEEP ? keep : NULL };

  for (gsize i = 0; i < shape->n_sum * ldb; i++)
    if (i % ldb >= shape->n_cols) /* may be read, must not count */
      b[i] = NAN;
  for (gsize i = 0; i < c.n; i++)
    if (i % ldc < shape->n_cols)
      c.data[i] = mode == OVERWRITE ? NAN : 3.0f;
  kernels->matrix_multiply (&product);
  for (gsize i = 0; i < c.n; i++)
    {
      const gsize row = i / ldc, col = i % ldc;
      double sum = 0, magnitude = 3;

      if (col >= shape->n_cols)
        {
          g_assert_cmpfloat (c.data[i], ==, CANARY);
          continue;
        }
      if (mode != OVERWRITE)
        sum = 3.0 * (mode == KEEP ? keep[col] : 1.0);
      for (gsize k = 0; k < shape->n_sum; k++)
        {
          const double term = (double) a[row * product.a_row + k * product.a_col] * b[k * ldb + col];

          sum += term;
          magnitude += fabs (term);
        }
      assert_near (c.data[i], sum, magnitude);
    }
  guarded_free (&c, 0);
}

static void
test_multiply (gconstpointer data)
{
  for (gsize i = 0; i < G_N_ELEMENTS (shapes); i++)
    for (Mode mode = OVERWRITE; mode < N_MODES; mode++)
      {
        check_product (data, &shapes[i], FALSE, mode);
        check_product (data, &shapes[i], TRUE, mode);
      }
}

static void
check_linear (const DdpmKernels *kernels, guint n_rows, guint n_in, guint n_images)
{
  g_autofree float *weights = new_random (1, n_rows * n_in), *bias = new_random (2, n_rows);
  g_autofree float *x = new_random (3, n_images * n_in);
  Guarded y = guarded_new (n_rows * n_images);

  kernels->linear (weights, bias, n_rows, n_in, x, n_images, y.data);
  for (guint row = 0; row < n_rows; row++)
    for (guint image = 0; image < n_images; image++)
      {
        double sum = bias[row], magnitude = fabs (sum);

        for (guint i = 0; i < n_in; i++)
          {
            const double term = (double) weights[row * n_in + i] * x[image * n_in + i];

            sum += term;
            magnitude += fabs (term);
          }
        assert_near (y.data[row * n_images + image], sum, magnitude);
      }
  guarded_free (&y, 0);
}

static void
test_linear (gconstpointer data)
{
  for (guint n_rows = 1; n_rows <= 9; n_rows++)
    for (guint n_images = 1; n_images <= 5; n_images++)
      for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
        check_linear (data, n_rows, lengths[i], n_images);
}

static const LevelTest level_tests[] = {
  { "matrix-multiply", test_multiply },
  { "linear", test_linear },
};

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add_level_tests (level_tests, G_N_ELEMENTS (level_tests));
  return g_test_run ();
}
