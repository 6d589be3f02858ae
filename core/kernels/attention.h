/* What attention in float and in bfloat16 have in common: the softmax of the forward pass, block of keys by
 * block of keys, and what it subtracts in the backward pass. For files compiled once per CPU level. */
#pragma once

#include <math.h>

#include "core/kernels/level.h"

#define BLOCK DDPM_ATTENTION_BLOCK

/* Scores of the forward pass: this many keys. */
#define FORWARD_KEYS 128

_Static_assert (BLOCK % VECTOR == 0, "blocks are whole vectors");

static inline size_t
round_up (size_t n)
{
  return (n + VECTOR - 1) / VECTOR * VECTOR;
}

/* Of a block of queries: the largest score so far, the sum of the exponentials so far, and what has been
 * summed up before the last keys counts times from now on. */
typedef struct
{
  float max[BLOCK], sum[BLOCK], keep[BLOCK];
} Softmax;

static inline void
softmax_init (Softmax *softmax)
{
  for (size_t i = 0; i < BLOCK; i++)
    {
      softmax->max[i] = -INFINITY;
      softmax->sum[i] = 0.0f;
    }
}

/* n_keys scores of a vector of queries, BLOCK apart, become exponentials of their distance to the largest so
 * far. */
static inline void
soften_vector (Softmax *softmax, size_t query, float *scores, size_t n_keys, float scale)
{
  const vec old_max = vec_load (softmax->max + query);
  vec largest = vec_load (scores), new_max, sums = { 0 }, keep;

  for (size_t k = 1; k < n_keys; k++)
    largest = vec_max (largest, vec_load (scores + k * BLOCK));
  new_max = vec_max (old_max, largest * scale);
  for (size_t k = 0; k < n_keys; k++)
    {
      const vec p = vec_exp (vec_load (scores + k * BLOCK) * scale - new_max);

      vec_store (scores + k * BLOCK, p);
      sums += p;
    }
  keep = vec_exp (old_max - new_max);
  vec_store (softmax->keep + query, keep);
  vec_store (softmax->sum + query, vec_load (softmax->sum + query) * keep + sums);
  vec_store (softmax->max + query, new_max);
}

static inline void
softmax_add_keys (Softmax *softmax, float *scores, size_t n_queries, size_t n_keys, float scale)
{
  for (size_t query = 0; query < n_queries; query += VECTOR)
    soften_vector (softmax, query, scores + query, n_keys, scale);
}

/* When all keys have gone by: what the output lacks, and what the backward pass will need. */
static inline void
softmax_finish (const Softmax *softmax, const DdpmAttention *a, size_t query_begin, size_t n)
{
  float *output = a->output + query_begin;

  for (size_t i = 0; i < n; i += VECTOR)
    {
      const vec factor = 1.0f / vec_load (softmax->sum + i);
      const unsigned left = MIN (VECTOR, n - i);

      vec_store_n (a->max + query_begin + i, vec_load (softmax->max + i), left);
      vec_store_n (a->factor + query_begin + i, factor, left);
      for (unsigned d = 0; d < a->head_dim; d++)
        {
          float *to = output + d * a->ld + i;

          if (left == VECTOR)
            vec_store (to, vec_load (to) * factor);
          else
            vec_store_n (to, vec_load_n (to, left) * factor, left);
        }
    }
}

/* The mean of each query's dP under P, sum P dP, is the sum over d of do o. */
static inline void
find_mean_grads (const DdpmAttention *a, float *mean_grads)
{
  for (size_t i = 0; i < a->n_pixels; i += VECTOR)
    {
      vec sum = { 0 };

      for (unsigned d = 0; d < a->head_dim; d++)
        sum += vec_load (a->grad_output + d * a->ld + i) * vec_load (a->output + d * a->ld + i);
      vec_store (mean_grads + i, sum);
    }
}
