/* Self-attention over the pixels of a picture (Vaswani et al. 2017, equation 1), head by head:
 * o = v softmax (q^T k / sqrt (head_dim))^T, with q, k, v and o as [head_dim][pixels].
 *
 * Queries are taken a block at a time, so that only a block's scores exist. The backward pass computes
 * them again. */
#include <math.h>

#include "core/nn/unet-pass.h"

#define QUERY_BLOCK 64

typedef struct
{
  DdpmUnetPass *pass;
  const UnetLayer *layer;
  gsize n_pixels, stride;
  guint n_blocks;
  float scale;
  const float *query, *key, *value;
  float *output; /* forward: o; backward: its gradient */
  float *grad_query, *grad_key, *grad_value;
} AttentionWork;

gsize
unet_attention_scratch_floats (gsize n_pixels, DdpmPassMode mode)
{
  const gsize scores = MIN (QUERY_BLOCK, n_pixels) * n_pixels;

  return mode == DDPM_PASS_TRAINING ? 2 * scores : scores;
}

static AttentionWork
begin (DdpmUnetPass *pass, const UnetLayer *layer)
{
  const gsize n_pixels = unet_pass_n_pixels (pass, layer->query);

  return (AttentionWork) { .pass = pass,
                           .layer = layer,
                           .n_pixels = n_pixels,
                           .stride = unet_pass_stride (pass, layer->query),
                           .n_blocks = (n_pixels + QUERY_BLOCK - 1) / QUERY_BLOCK,
                           .scale = 1.0f / sqrtf (layer->head_dim),
                           .query = unet_pass_value (pass, layer->query),
                           .key = unet_pass_value (pass, layer->key),
                           .value = unet_pass_value (pass, layer->value) };
}

/* scores[n_queries][n_pixels] = softmax (scale q^T k) */
static void
compute_scores (const AttentionWork *work, gsize start, gsize first_query, gsize n_queries, float *scores)
{
  ddpm_gemm (TRUE, FALSE, n_queries, work->n_pixels, work->layer->head_dim, work->scale,
             work->query + start + first_query, work->stride, work->key + start, work->stride, 0, scores,
             work->n_pixels);
  work->pass->kernels->softmax (scores, n_queries, work->n_pixels);
}

/* One block of queries of one head of one picture. */
static void
run_forward_task (guint task, guint worker, gpointer data)
{
  const AttentionWork *work = data;
  const DdpmUnetPass *pass = work->pass;
  const guint head_dim = work->layer->head_dim;
  const guint image = task / work->n_blocks % pass->batch, head = task / work->n_blocks / pass->batch;
  const gsize first = (gsize) (task % work->n_blocks) * QUERY_BLOCK;
  const gsize n = MIN (QUERY_BLOCK, work->n_pixels - first);
  const gsize start = (gsize) head * head_dim * work->stride + image * work->n_pixels;
  float *scores = (float *) pass->arena.base + pass->plan.worker + worker * pass->plan.worker_stride;

  compute_scores (work, start, first, n, scores);
  ddpm_gemm (FALSE, TRUE, head_dim, n, work->n_pixels, 1, work->value + start, work->stride, scores,
             work->n_pixels, 0, work->output + start + first, work->stride);
}

void
unet_attention_forward (DdpmUnetPass *pass, const UnetLayer *layer)
{
  AttentionWork work = begin (pass, layer);

  work.output = unet_pass_value (pass, layer->output);
  ddpm_team_run (pass->team, work.n_blocks * pass->batch * layer->heads, run_forward_task, &work);
}

/* One head of one picture. With P the scores and do the output's gradient: dv = do P, dP = do^T v,
 * dS = P (dP - sum P dP) scale, dq = k dS^T, dk = q dS. */
static void
run_backward_task (guint task, guint worker, gpointer data)
{
  const AttentionWork *work = data;
  const DdpmUnetPass *pass = work->pass;
  const gsize n_pixels = work->n_pixels, stride = work->stride, head_dim = work->layer->head_dim;
  const guint image = task % pass->batch, head = task / pass->batch;
  const gsize start = head * head_dim * stride + image * n_pixels;
  float *scores = (float *) pass->arena.base + pass->plan.worker + worker * pass->plan.worker_stride;
  float *grad_scores = scores + MIN (QUERY_BLOCK, n_pixels) * n_pixels;

  for (gsize first = 0; first < n_pixels; first += QUERY_BLOCK)
    {
      const gsize n = MIN (QUERY_BLOCK, n_pixels - first);
      const float *grad_out = work->output + start + first;
      const float beta = first > 0 ? 1 : 0;

      compute_scores (work, start, first, n, scores);
      ddpm_gemm (FALSE, FALSE, head_dim, n_pixels, n, 1, grad_out, stride, scores, n_pixels, beta,
                 work->grad_value + start, stride);
      ddpm_gemm (TRUE, FALSE, n, n_pixels, head_dim, 1, grad_out, stride, work->value + start, stride, 0,
                 grad_scores, n_pixels);
      pass->kernels->softmax_backward (scores, grad_scores, n, n_pixels, work->scale);
      ddpm_gemm (FALSE, TRUE, head_dim, n, n_pixels, 1, work->key + start, stride, grad_scores, n_pixels, 0,
                 work->grad_query + start + first, stride);
      ddpm_gemm (FALSE, FALSE, head_dim, n_pixels, n, 1, work->query + start + first, stride, grad_scores,
                 n_pixels, beta, work->grad_key + start, stride);
    }
}

void
unet_attention_backward (DdpmUnetPass *pass, const UnetLayer *layer)
{
  AttentionWork work = begin (pass, layer);
  gboolean accumulate;

  /* Queries, keys and values have no other reader: there is nothing to add to. */
  work.output = unet_pass_grad (pass, layer->output);
  work.grad_query = unet_pass_claim_grad (pass, layer->query, &accumulate);
  work.grad_key = unet_pass_claim_grad (pass, layer->key, &accumulate);
  work.grad_value = unet_pass_claim_grad (pass, layer->value, &accumulate);
  ddpm_team_run (pass->team, pass->batch * layer->heads, run_backward_task, &work);
}
