/* Attention with factors in bfloat16, by the instructions of AVX512_BF16: pairs of neighbours are multiplied
 * and added to floats. The softmax between the products, and its gradient, are in float. Otherwise as
 * attention.c. */
#include "core/kernels/level.h"
#include "core/kernels/attention.h"
#include "core/kernels/matrix.h"
#include "core/kernels/transpose.h"

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

/* pairs[n_rows][ceil (n_cols / 2)], rows n_to apart: neighbours are two numbers of a row of x, the last
 * perhaps with a zero. */
static void
pair_columns (const float *x, size_t ld, size_t n_rows, size_t n_cols, uint32_t *pairs, size_t n_to)
{
  for (size_t row = 0; row < n_rows; row++, x += ld, pairs += n_to)
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
      pair_columns (a->value + key, a->ld, a->head_dim, n_keys, value_pairs, FORWARD_KEYS / 2);
      multiply_pairs (&to_scores);
      softmax_add_keys (&softmax, scores, n, n_keys, a->scale);
      pair_rows (scores, BLOCK, n_keys, n, score_pairs, BLOCK);
      multiply_pairs (&to_output);
    }
  softmax_finish (&softmax, a, query_begin, n);
}

/* --- backward ------------------------------------------------------------------------------ */

/* All queries and one block of keys, and a block of queries' scores with them. */
typedef struct
{
  const DdpmAttention *a;
  size_t n_dim_pairs, n_padded; /* pixels, in whole vectors */
  /* pairs of dimensions, [n_dim_pairs][n_padded] */
  uint32_t *query_pairs, *grad_output_pairs;
  /* pairs of pixels, [head_dim][n_padded / 2] */
  uint32_t *queries, *grad_outputs;
  float *mean_grads; /* [n_padded] */

  size_t key, n_keys;
  uint32_t *key_pairs, *value_pairs; /* [n_dim_pairs][BLOCK] */
  uint32_t *keys;                    /* [head_dim][BLOCK / 2] */

  size_t query, n_queries;
  float *p, *grad;                   /* [queries][keys], rows BLOCK floats */
  uint32_t *p_pairs, *grad_pairs;    /* of queries: [queries / 2][keys] */
  uint32_t *grad_rows, *grad_turned; /* of keys: [queries][keys / 2], and [keys / 2][queries] */
} Backward;

static uint32_t *
take (float **scratch, size_t n)
{
  uint32_t *taken = (uint32_t *) *scratch;

  *scratch += n;
  return taken;
}

static Backward
backward_begin (const DdpmAttention *a, float *scratch)
{
  const size_t n_dim_pairs = (a->head_dim + 1) / 2, n_padded = round_up (a->n_pixels);

  return (Backward) { .a = a,
                      .n_dim_pairs = n_dim_pairs,
                      .n_padded = n_padded,
                      .query_pairs = take (&scratch, n_dim_pairs * n_padded),
                      .grad_output_pairs = take (&scratch, n_dim_pairs * n_padded),
                      .queries = take (&scratch, a->head_dim * n_padded / 2),
                      .grad_outputs = take (&scratch, a->head_dim * n_padded / 2),
                      .mean_grads = (float *) take (&scratch, n_padded),
                      .key_pairs = take (&scratch, n_dim_pairs * BLOCK),
                      .value_pairs = take (&scratch, n_dim_pairs * BLOCK),
                      .keys = take (&scratch, a->head_dim * BLOCK / 2),
                      .p = (float *) take (&scratch, BLOCK * BLOCK),
                      .grad = (float *) take (&scratch, BLOCK * BLOCK),
                      .p_pairs = take (&scratch, BLOCK * BLOCK / 2),
                      .grad_pairs = take (&scratch, BLOCK * BLOCK / 2),
                      .grad_rows = take (&scratch, BLOCK * BLOCK / 2),
                      .grad_turned = take (&scratch, BLOCK * BLOCK / 2) };
}

static void
round_queries (const Backward *b)
{
  const DdpmAttention *a = b->a;

  pair_rows (a->query, a->ld, a->head_dim, a->n_pixels, b->query_pairs, b->n_padded);
  pair_rows (a->grad_output, a->ld, a->head_dim, a->n_pixels, b->grad_output_pairs, b->n_padded);
  pair_columns (a->query, a->ld, a->head_dim, a->n_pixels, b->queries, b->n_padded / 2);
  pair_columns (a->grad_output, a->ld, a->head_dim, a->n_pixels, b->grad_outputs, b->n_padded / 2);
}

static void
round_keys (const Backward *b)
{
  const DdpmAttention *a = b->a;

  pair_rows (a->key + b->key, a->ld, a->head_dim, b->n_keys, b->key_pairs, BLOCK);
  pair_rows (a->value + b->key, a->ld, a->head_dim, b->n_keys, b->value_pairs, BLOCK);
  pair_columns (a->key + b->key, a->ld, a->head_dim, b->n_keys, b->keys, BLOCK / 2);
}

/* c[queries][keys] = x^T y */
static void
multiply_dims (const Backward *b, const uint32_t *x, const uint32_t *y, float *c)
{
  const DdpmMatrixProduct product = { .a = (const float *) (x + b->query),
                                      .a_row = 1,
                                      .a_col = b->n_padded,
                                      .b = (const float *) y,
                                      .ldb = BLOCK,
                                      .c = c,
                                      .ldc = BLOCK,
                                      .n_rows = b->n_queries,
                                      .n_cols = round_up (b->n_keys),
                                      .n_sum = b->n_dim_pairs };

  multiply_pairs (&product);
}

/* c[head_dim][n_to] += x[head_dim][n_from] scores[n_from][n_to]; the first block begins the sum. */
static void
multiply_scores (const Backward *b, const uint32_t *x, size_t x_row, size_t n_from, const uint32_t *scores,
                 float *c, size_t n_to, int is_first)
{
  const DdpmMatrixProduct product = { .a = (const float *) x,
                                      .a_row = x_row,
                                      .a_col = 1,
                                      .b = (const float *) scores,
                                      .ldb = BLOCK,
                                      .c = c,
                                      .ldc = b->a->ld,
                                      .accumulate = !is_first,
                                      .n_rows = b->a->head_dim,
                                      .n_cols = n_to,
                                      .n_sum = (n_from + 1) / 2 };

  multiply_pairs (&product);
}

/* A vector of query i's P and dS, as find_score_grads in attention.c. */
FORCE_INLINE vec
find_score_grad (const Backward *b, size_t i, size_t key, vec *p)
{
  const DdpmAttention *a = b->a;
  const size_t query = b->query + i;

  *p = vec_exp (vec_load (b->p + i * BLOCK + key) * a->scale - a->max[query]) * a->factor[query];
  return *p * (vec_load (b->grad + i * BLOCK + key) - b->mean_grads[query]) * a->scale;
}

/* From q^T k and do^T v to P and dS, two queries at a time. */
static void
find_score_pairs (const Backward *b)
{
  for (size_t i = 0; i < b->n_queries; i += 2)
    for (size_t key = 0; key < b->n_keys; key += VECTOR)
      {
        vec p[2] = { { 0 } }, grad[2] = { { 0 } };

        grad[0] = find_score_grad (b, i, key, &p[0]);
        if (i + 1 < b->n_queries)
          grad[1] = find_score_grad (b, i + 1, key, &p[1]);
        store_pairs (b->p_pairs + i / 2 * BLOCK + key, vec_pair_bf16 (p[0], p[1]));
        store_pairs (b->grad_pairs + i / 2 * BLOCK + key, vec_pair_bf16 (grad[0], grad[1]));
        vec_store_bf16 ((uint16_t *) b->grad_rows + i * BLOCK + key, grad[0]);
        vec_store_bf16 ((uint16_t *) b->grad_rows + (i + 1) * BLOCK + key, grad[1]);
      }
}

static void
turn_score_grads (const Backward *b)
{
  for (size_t i = 0; i < b->n_queries; i += VECTOR)
    for (size_t pair = 0; 2 * pair < b->n_keys; pair += VECTOR)
      {
        vec square[VECTOR];

#pragma GCC unroll 16
        for (int lane = 0; lane < VECTOR; lane++)
          square[lane] = vec_load ((const float *) b->grad_rows + (i + lane) * (BLOCK / 2) + pair);
        vec_transpose (square);
#pragma GCC unroll 16
        for (int lane = 0; lane < VECTOR; lane++)
          vec_store ((float *) b->grad_turned + (pair + lane) * BLOCK + i, square[lane]);
      }
  if (b->n_keys % 2 != 0)
    for (size_t i = 0; i < b->n_queries; i++)
      b->grad_turned[b->n_keys / 2 * BLOCK + i] &= 0xffffu;
}

/* dv = do P, dk = q dS, dq = k dS^T */
static void
add_blocks (const Backward *b)
{
  const DdpmAttention *a = b->a;
  const size_t query = b->query, key = b->key;

  multiply_dims (b, b->query_pairs, b->key_pairs, b->p);
  multiply_dims (b, b->grad_output_pairs, b->value_pairs, b->grad);
  find_score_pairs (b);
  turn_score_grads (b);
  multiply_scores (b, b->grad_outputs + query / 2, b->n_padded / 2, b->n_queries, b->p_pairs,
                   a->grad_value + key, b->n_keys, query == 0);
  multiply_scores (b, b->queries + query / 2, b->n_padded / 2, b->n_queries, b->grad_pairs, a->grad_key + key,
                   b->n_keys, query == 0);
  multiply_scores (b, b->keys, BLOCK / 2, b->n_keys, b->grad_turned, a->grad_query + query, b->n_queries,
                   key == 0);
}

void
KERNEL (attention_backward_bf16) (const DdpmAttention *a, float *scratch)
{
  Backward b = backward_begin (a, scratch);

  find_mean_grads (a, b.mean_grads);
  round_queries (&b);
  for (b.key = 0; b.key < a->n_pixels; b.key += BLOCK)
    {
      b.n_keys = MIN (BLOCK, a->n_pixels - b.key);
      round_keys (&b);
      for (b.query = 0; b.query < a->n_pixels; b.query += BLOCK)
        {
          b.n_queries = MIN (BLOCK, a->n_pixels - b.query);
          add_blocks (&b);
        }
    }
}
