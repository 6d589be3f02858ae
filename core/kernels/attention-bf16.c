/* The forward pass of attention with factors in bfloat16, by the instructions of AVX512_BF16: pairs of
 * neighbours are multiplied and added to floats. The softmax between the products is in float. Otherwise as
 * attention.c. */
#include "core/kernels/level.h"
#include "core/kernels/attention.h"
#include "core/kernels/matrix.h"

FORCE_INLINE void
store_pairs (uint32_t *to, uvec pairs)
{
  vec_store ((float *) to, (vec) pairs);
}

/* pairs[ceil (n_rows / 2)][n_cols], rows n_to apart: neighbours are two rows of x, the last perhaps with
 * zeros. */
static void
pair_rows (const float *x, size_t ld, size_t n_rows, size_t n_cols, uint32_t *pairs, size_t n_to)
{
  const vec zero = { 0 };

  for (size_t row = 0; row < n_rows; row += 2, x += 2 * ld, pairs += n_to)
    for (size_t i = 0; i < n_cols; i += VECTOR)
      store_pairs (pairs + i,
                   vec_pair_bf16 (vec_load (x + i), row + 1 < n_rows ? vec_load (x + ld + i) : zero));
}

/* pairs[n_rows][ceil (n_cols / 2)], rows FORWARD_KEYS / 2 apart: neighbours are two numbers of a row of x,
 * the last perhaps with a zero. */
static void
pair_columns (const float *x, size_t ld, size_t n_rows, size_t n_cols, uint32_t *pairs)
{
  for (size_t row = 0; row < n_rows; row++, x += ld, pairs += FORWARD_KEYS / 2)
    {
      for (size_t i = 0; i < n_cols; i += VECTOR)
        vec_store_bf16 ((uint16_t *) pairs + i, vec_load (x + i));
      if (n_cols % 2 != 0)
        pairs[n_cols / 2] &= 0xffffu;
    }
}

static void
multiply_pairs (const DdpmMatrixProduct *product)
{
  multiply_matrices (product, MATRIX_BF16_PAIRS);
}

void
KERNEL (attention_forward_bf16) (const DdpmAttention *a, size_t query_begin, size_t query_end, float *scratch)
{
  const size_t n = query_end - query_begin, n_dim_pairs = (a->head_dim + 1) / 2;
  float *scores = scratch;
  uint32_t *score_pairs = (uint32_t *) (scores + FORWARD_KEYS * BLOCK);
  uint32_t *query_pairs = score_pairs + FORWARD_KEYS / 2 * BLOCK;
  uint32_t *key_pairs = query_pairs + n_dim_pairs * BLOCK;
  uint32_t *value_pairs = key_pairs + n_dim_pairs * FORWARD_KEYS;
  Softmax softmax;

  softmax_init (&softmax);
  pair_rows (a->query + query_begin, a->ld, a->head_dim, n, query_pairs, BLOCK);
  for (size_t key = 0; key < a->n_pixels; key += FORWARD_KEYS)
    {
      const size_t n_keys = MIN (FORWARD_KEYS, a->n_pixels - key);
      const DdpmMatrixProduct to_scores = { .a = (const float *) key_pairs,
                                            .a_row = 1,
                                            .a_col = FORWARD_KEYS,
                                            .b = (const float *) query_pairs,
                                            .ldb = BLOCK,
                                            .c = scores,
                                            .ldc = BLOCK,
                                            .n_rows = n_keys,
                                            .n_cols = round_up (n),
                                            .n_sum = n_dim_pairs };
      const DdpmMatrixProduct to_output = { .a = (const float *) value_pairs,
                                            .a_row = FORWARD_KEYS / 2,
                                            .a_col = 1,
                                            .b = (const float *) score_pairs,
                                            .ldb = BLOCK,
                                            .c = a->output + query_begin,
                                            .ldc = a->ld,
                                            .accumulate = key > 0,
                                            .keep = softmax.keep,
                                            .n_rows = a->head_dim,
                                            .n_cols = n,
                                            .n_sum = (n_keys + 1) / 2 };

      pair_rows (a->key + key, a->ld, a->head_dim, n_keys, key_pairs, FORWARD_KEYS);
      pair_columns (a->value + key, a->ld, a->head_dim, n_keys, value_pairs);
      multiply_pairs (&to_scores);
      softmax_add_keys (&softmax, scores, n, n_keys, a->scale);
      pair_rows (scores, BLOCK, n_keys, n, score_pairs, BLOCK);
      multiply_pairs (&to_output);
    }
  softmax_finish (&softmax, a, query_begin, n);
}
