/* Self-attention of one head over one picture's pixels, o = v softmax (scale q^T k)^T, all of them
 * [head_dim][n_pixels]. Compiled once per CPU level.
 *
 * Blocks of queries meet blocks of keys one after the other, and only one block of scores exists at a time
 * (Dao et al. 2022, arXiv:2205.14135). Scores lie with the queries along the lanes of the vectors, so that
 * what softmax needs of each query, its largest score and the sum of its exponentials, are sums from row to
 * row. */
#include "core/kernels/level.h"
#include "core/kernels/attention.h"
#include "core/kernels/matrix.h"
#include "core/kernels/transpose.h"

_Static_assert (DDPM_ATTENTION_FORWARD_FLOATS >= FORWARD_KEYS * BLOCK, "scratch of the forward pass");
_Static_assert (DDPM_ATTENTION_BACKWARD_FLOATS >= 3 * BLOCK * BLOCK, "scratch of the backward pass");

void
KERNEL (attention_forward) (const DdpmAttention *a, size_t query_begin, size_t query_end, float *scores)
{
  const size_t n = query_end - query_begin;
  Softmax softmax;

  softmax_init (&softmax);
  for (size_t key = 0; key < a->n_pixels; key += FORWARD_KEYS)
    {
      const size_t n_keys = MIN (FORWARD_KEYS, a->n_pixels - key);
      const DdpmMatrixProduct to_scores = { .a = a->key + key,
                                            .a_row = 1,
                                            .a_col = a->ld,
                                            .b = a->query + query_begin,
                                            .ldb = a->ld,
                                            .c = scores,
                                            .ldc = BLOCK,
                                            .n_rows = n_keys,
                                            .n_cols = round_up (n),
                                            .n_sum = a->head_dim };
      const DdpmMatrixProduct to_output = { .a = a->value + key,
                                            .a_row = a->ld,
                                            .a_col = 1,
                                            .b = scores,
                                            .ldb = BLOCK,
                                            .c = a->output + query_begin,
                                            .ldc = a->ld,
                                            .accumulate = key > 0,
                                            .keep = softmax.keep,
                                            .n_rows = a->head_dim,
                                            .n_cols = n,
                                            .n_sum = n_keys };

      matrix_multiply (&to_scores);
      softmax_add_keys (&softmax, scores, n, n_keys, a->scale);
      matrix_multiply (&to_output);
    }
  softmax_finish (&softmax, a, query_begin, n);
}

/* --- backward ------------------------------------------------------------------------------ */

/* One block of queries with one block of keys. */
typedef struct
{
  const DdpmAttention *a;
  size_t query, n_queries, key, n_keys;
  /* [queries][keys], rows BLOCK floats */
  float *p;      /* the softmax's result, P */
  float *grad;   /* the scores' gradient, dS */
  float *turned; /* the same as [keys][queries] */
} Pair;

/* c[queries][keys] = x^T y, with x and y [head_dim][pixels] */
static void
multiply_pixels (const Pair *pair, const float *x, const float *y, float *c)
{
  const DdpmMatrixProduct product = { .a = x + pair->query,
                                      .a_row = 1,
                                      .a_col = pair->a->ld,
                                      .b = y + pair->key,
                                      .ldb = pair->a->ld,
                                      .c = c,
                                      .ldc = BLOCK,
                                      .n_rows = pair->n_queries,
                                      .n_cols = round_up (pair->n_keys),
                                      .n_sum = pair->a->head_dim };

  matrix_multiply (&product);
}

/* c[head_dim][n_to] += x[head_dim][n_from] scores[n_from][n_to]; the first block begins the sum. */
static void
multiply_scores (const Pair *pair, const float *x, size_t n_from, const float *scores, float *c, size_t n_to,
                 int is_first)
{
  const DdpmMatrixProduct product = { .a = x,
                                      .a_row = pair->a->ld,
                                      .a_col = 1,
                                      .b = scores,
                                      .ldb = BLOCK,
                                      .c = c,
                                      .ldc = pair->a->ld,
                                      .accumulate = !is_first,
                                      .n_rows = pair->a->head_dim,
                                      .n_cols = n_to,
                                      .n_sum = n_from };

  matrix_multiply (&product);
}

/* From q^T k and do^T v to P and dS = scale P (do^T v - sum do o). */
static void
find_score_grads (const Pair *pair, const float *mean_grads)
{
  const DdpmAttention *a = pair->a;

  for (size_t i = 0; i < pair->n_queries; i++)
    {
      const float max = a->max[pair->query + i], factor = a->factor[pair->query + i];
      const float mean_grad = mean_grads[pair->query + i];

      for (size_t k = i * BLOCK; k < i * BLOCK + pair->n_keys; k += VECTOR)
        {
          const vec p = vec_exp (vec_load (pair->p + k) * a->scale - max) * factor;

          vec_store (pair->p + k, p);
          vec_store (pair->grad + k, p * (vec_load (pair->grad + k) - mean_grad) * a->scale);
        }
    }
  for (size_t i = 0; i < pair->n_queries; i += VECTOR)
    for (size_t k = 0; k < pair->n_keys; k += VECTOR)
      {
        vec square[VECTOR];

        for (int lane = 0; lane < VECTOR; lane++)
          square[lane] = vec_load (pair->grad + (i + lane) * BLOCK + k);
        vec_transpose (square);
        for (int lane = 0; lane < VECTOR; lane++)
          vec_store (pair->turned + (k + lane) * BLOCK + i, square[lane]);
      }
}

/* dv = do P, dk = q dS, dq = k dS^T */
static void
add_pair (const Pair *pair, const float *mean_grads)
{
  const DdpmAttention *a = pair->a;
  const size_t query = pair->query, key = pair->key;

  multiply_pixels (pair, a->query, a->key, pair->p);
  multiply_pixels (pair, a->grad_output, a->value, pair->grad);
  find_score_grads (pair, mean_grads);
  multiply_scores (pair, a->grad_output + query, pair->n_queries, pair->p, a->grad_value + key, pair->n_keys,
                   query == 0);
  multiply_scores (pair, a->query + query, pair->n_queries, pair->grad, a->grad_key + key, pair->n_keys,
                   query == 0);
  multiply_scores (pair, a->key + key, pair->n_keys, pair->turned, a->grad_query + query, pair->n_queries,
                   key == 0);
}

void
KERNEL (attention_backward) (const DdpmAttention *a, float *scratch)
{
  float *mean_grads = scratch + 3 * BLOCK * BLOCK;
  Pair pair = {
    .a = a, .p = scratch, .grad = scratch + BLOCK * BLOCK, .turned = scratch + 2 * BLOCK * BLOCK
  };

  find_mean_grads (a, mean_grads);
  for (pair.key = 0; pair.key < a->n_pixels; pair.key += BLOCK)
    for (pair.query = 0; pair.query < a->n_pixels; pair.query += BLOCK)
      {
        pair.n_keys = MIN (BLOCK, a->n_pixels - pair.key);
        pair.n_queries = MIN (BLOCK, a->n_pixels - pair.query);
        add_pair (&pair, mean_grads);
      }
}
