/* Self-attention over the pixels of a picture (Vaswani et al. 2017, equation 1), head by head:
 * o = v softmax (q^T k / sqrt (head_dim))^T, with q, k, v and o as [head_dim][pixels]. */
#include <math.h>

#include "core/nn/unet-pass.h"

gsize
unet_attention_count_scratch (const DdpmUnet *unet, const UnetLayer *layer, const DdpmPassOptions *options)
{
  const gint level = unet_tensor (unet, layer->query)->level;
  const gsize n_pixels = (gsize) (options->height >> level) * (options->width >> level);

  const gboolean bf16 = options->precision == DDPM_PRECISION_BF16;
  const gsize forward =
    bf16 ? DDPM_ATTENTION_BF16_FLOATS + (gsize) layer->head_dim * DDPM_ATTENTION_BF16_DIM_FLOATS
         : DDPM_ATTENTION_FORWARD_FLOATS;

  if (options->mode != DDPM_PASS_TRAINING)
    return forward;
  return MAX (forward, bf16 ? DDPM_ATTENTION_BF16_BACKWARD_FLOATS (layer->head_dim, n_pixels)
                            : DDPM_ATTENTION_BACKWARD_FLOATS + n_pixels);
}

typedef struct
{
  DdpmUnetPass *pass;
  const UnetLayer *layer;
  gsize n_pixels, stride;
  guint n_blocks;
  DdpmAttention first; /* head 0 of picture 0 */
} AttentionWork;

static AttentionWork
begin (DdpmUnetPass *pass, const UnetLayer *layer)
{
  const gsize n_pixels = unet_pass_n_pixels (pass, layer->query),
              stride = unet_pass_stride (pass, layer->query);
  float *stats = unet_pass_value (pass, layer->stats);

  return (AttentionWork) { .pass = pass,
                           .layer = layer,
                           .n_pixels = n_pixels,
                           .stride = stride,
                           .n_blocks = (n_pixels + DDPM_ATTENTION_BLOCK - 1) / DDPM_ATTENTION_BLOCK,
                           .first = { .query = unet_pass_value (pass, layer->query),
                                      .key = unet_pass_value (pass, layer->key),
                                      .value = unet_pass_value (pass, layer->value),
                                      .output = unet_pass_value (pass, layer->output),
                                      .ld = stride,
                                      .n_pixels = n_pixels,
                                      .head_dim = layer->head_dim,
                                      .scale = 1.0f / sqrtf (layer->head_dim),
                                      .max = stats,
                                      .factor = stats + layer->heads * stride } };
}

/* The same of a head and picture: number = head * batch + picture. */
static DdpmAttention
find_head (const AttentionWork *work, guint number)
{
  const guint image = number % work->pass->batch, head = number / work->pass->batch;
  const gsize start = (gsize) head * work->layer->head_dim * work->stride + image * work->n_pixels;
  const gsize stats_start = head * work->stride + image * work->n_pixels;
  DdpmAttention attention = work->first;

  attention.query += start;
  attention.key += start;
  attention.value += start;
  attention.output += start;
  attention.max += stats_start;
  attention.factor += stats_start;
  if (attention.grad_output != NULL)
    {
      attention.grad_output += start;
      attention.grad_query += start;
      attention.grad_key += start;
      attention.grad_value += start;
    }
  return attention;
}

static float *
get_scratch (const DdpmUnetPass *pass, guint worker)
{
  return (float *) pass->arena.base + pass->plan.worker + worker * pass->plan.worker_stride;
}

/* One block of queries of one head of one picture. */
static void
run_forward_task (guint task, guint worker, gpointer data)
{
  const AttentionWork *work = data;
  const DdpmUnetPass *pass = work->pass;
  const DdpmAttention attention = find_head (work, task / work->n_blocks);
  const gsize begin = (gsize) (task % work->n_blocks) * DDPM_ATTENTION_BLOCK;
  const gsize end = MIN (begin + DDPM_ATTENTION_BLOCK, work->n_pixels);

  if (pass->options.precision == DDPM_PRECISION_BF16)
    pass->kernels->attention_forward_bf16 (&attention, begin, end, get_scratch (pass, worker));
  else
    pass->kernels->attention_forward (&attention, begin, end, get_scratch (pass, worker));
}

void
unet_attention_forward (DdpmUnetPass *pass, const UnetLayer *layer)
{
  AttentionWork work = begin (pass, layer);

  ddpm_team_run (pass->team, work.n_blocks * pass->batch * layer->heads, run_forward_task, &work);
}

static void
run_backward_task (guint task, guint worker, gpointer data)
{
  const AttentionWork *work = data;
  const DdpmAttention attention = find_head (work, task);

  if (work->pass->options.precision == DDPM_PRECISION_BF16)
    work->pass->kernels->attention_backward_bf16 (&attention, get_scratch (work->pass, worker));
  else
    work->pass->kernels->attention_backward (&attention, get_scratch (work->pass, worker));
}

void
unet_attention_backward (DdpmUnetPass *pass, const UnetLayer *layer)
{
  AttentionWork work = begin (pass, layer);
  gboolean accumulate;

  /* Queries, keys and values have no other reader: there is nothing to add to. */
  work.first.grad_output = unet_pass_grad (pass, layer->output);
  work.first.grad_query = unet_pass_claim_grad (pass, layer->query, &accumulate);
  work.first.grad_key = unet_pass_claim_grad (pass, layer->key, &accumulate);
  work.first.grad_value = unet_pass_claim_grad (pass, layer->value, &accumulate);
  ddpm_team_run (pass->team, pass->batch * layer->heads, run_backward_task, &work);
}
