/* Matrix products that are no convolutions: linear layers and attention. The one file that knows OpenBLAS. */
#include "core/kernels/kernels.h"

#include <cblas.h>

void
ddpm_gemm (int transpose_a, int transpose_b, size_t m, size_t n, size_t k, float alpha, const float *a,
           size_t lda, const float *b, size_t ldb, float beta, float *c, size_t ldc)
{
  /* Our own team calls from several threads; a second team inside each call would only get in the way. */
  if (openblas_get_num_threads () != 1)
    openblas_set_num_threads (1);
  cblas_sgemm (CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
               transpose_b ? CblasTrans : CblasNoTrans, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
