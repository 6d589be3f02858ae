/* Group norm with its activation: y = act (xhat * weight + bias), xhat = (x - mean) * rstd over each
 * picture's group of channels; with scale_shift s, b: y = act ((xhat * weight + bias) * (1 + s) + b).
 *
 * Both are act (A x + S) with one A and one S per channel and picture. The forward pass computes only
 * these, unless the output is stored; the convolutions that read it do the rest. */
#include "core/base/rng.h"
#include "core/nn/unet-pass.h"

typedef struct
{
  DdpmUnetPass *pass;
  const UnetLayer *layer;
  UnetNormStats stats;
  guint channels, group_channels;
  gsize n_pixels, stride;
  const float *weight, *bias;
  const float *scale_shift; /* [2 * channels][batch], or NULL */
  const guint8 *mask;
  /* backward */
  float *grad_x, *sums, *sums_xhat; /* sums [channels][batch] */
  gboolean accumulate;
} NormWork;

static NormWork
begin (DdpmUnetPass *pass, const UnetLayer *layer)
{
  const guint channels = unet_tensor (pass->unet, layer->input)->channels;
  float *sums = (float *) pass->arena.base + pass->plan.sums;

  return (NormWork) { .pass = pass,
                      .layer = layer,
                      .stats = unet_pass_norm_stats (pass, layer),
                      .channels = channels,
                      .group_channels = channels / layer->groups,
                      .n_pixels = unet_pass_n_pixels (pass, layer->input),
                      .stride = unet_pass_stride (pass, layer->input),
                      .weight = unet_pass_weight (pass, layer->weight),
                      .bias = unet_pass_weight (pass, layer->bias),
                      .scale_shift =
                        layer->scale_shift >= 0 ? unet_pass_value (pass, layer->scale_shift) : NULL,
                      .mask = unet_pass_norm_mask (pass, layer),
                      .sums = sums,
                      .sums_xhat = sums + (gsize) channels * pass->batch };
}

/* 1 + s of channel and picture at place = channel * batch + image. */
static float
get_extra_scale (const NormWork *work, gsize place)
{
  return work->scale_shift != NULL ? 1.0f + work->scale_shift[place] : 1.0f;
}

/* --- forward ------------------------------------------------------------------------------- */

/* One group of one picture. */
static void
run_stats_task (guint task, guint worker, gpointer data)
{
  const NormWork *work = data;
  const DdpmUnetPass *pass = work->pass;
  const guint batch = pass->batch, image = task % batch, first = task / batch * work->group_channels;
  const float *x = unet_pass_value (pass, work->layer->input) + first * work->stride + image * work->n_pixels;
  float mean, rstd;

  pass->kernels->norm_stats (x, work->stride, work->group_channels, work->n_pixels,
                             (float) pass->unet->config.norm_eps, &mean, &rstd);
  work->stats.mean[task] = mean;
  work->stats.rstd[task] = rstd;
  for (guint c = first; c < first + work->group_channels; c++)
    {
      const gsize place = (gsize) c * batch + image;
      const float scale = rstd * work->weight[c], shift = work->bias[c] - mean * scale;
      const float extra = get_extra_scale (work, place);

      work->stats.scale[place] = scale * extra;
      work->stats.shift[place] = shift * extra;
      if (work->scale_shift != NULL)
        work->stats.shift[place] += work->scale_shift[(gsize) work->channels * batch + place];
    }
}

/* One channel: the output itself. */
static void
run_store_task (guint channel, guint worker, gpointer data)
{
  const NormWork *work = data;
  const DdpmUnetPass *pass = work->pass;
  const float *x = unet_pass_value (pass, work->layer->input) + channel * work->stride;
  float *y = unet_pass_value (pass, work->layer->output) + channel * work->stride;

  for (guint image = 0; image < pass->batch; image++)
    {
      const gsize place = (gsize) channel * pass->batch + image;

      pass->kernels->act_forward (x + image * work->n_pixels, work->n_pixels, work->stats.scale[place],
                                  work->stats.shift[place], (DdpmKernelAct) work->layer->act,
                                  y + image * work->n_pixels);
    }
}

/* One channel of the dropout mask. */
static void
run_mask_task (guint channel, guint worker, gpointer data)
{
  const NormWork *work = data;
  const DdpmUnetPass *pass = work->pass;
  guint8 *mask = unet_pass_norm_mask (pass, work->layer) + channel * work->stride;
  const guint32 layer_number = work->layer - unet_layer (pass->unet, 0);
  const DdpmRngKey key = { pass->dropout_seed, DDPM_RNG_DROPOUT, pass->dropout_step,
                           layer_number * 65536 + channel };
  const float dropout = (float) pass->unet->config.dropout;
  const gsize first = pass->dropout_first * work->n_pixels, end = first + work->stride;
  float uniform[256];

  for (gsize i = first / 4 * 4; i < end; i += G_N_ELEMENTS (uniform))
    {
      const gsize n = MIN (G_N_ELEMENTS (uniform), end - i);

      ddpm_rng_uniform_from (key, i, uniform, n);
      for (gsize j = MAX (i, first) - i; j < n; j++)
        mask[i + j - first] = uniform[j] >= dropout;
    }
}

void
unet_norm_forward (DdpmUnetPass *pass, const UnetLayer *layer)
{
  NormWork work = begin (pass, layer);

  ddpm_team_run (pass->team, layer->groups * pass->batch, run_stats_task, &work);
  if (unet_tensor (pass->unet, layer->output)->norm < 0)
    ddpm_team_run (pass->team, work.channels, run_store_task, &work);
  if (work.mask != NULL)
    ddpm_team_run (pass->team, work.channels, run_mask_task, &work);
}

/* --- backward ------------------------------------------------------------------------------ */

/* One group of one picture. With du the gradient of A x + S (in place of the output's), w = weight (1 + s)
 * and N values in the group: dx = rstd (w du - sum (w du) / N - xhat sum (w du xhat) / N). */
static void
run_backward_task (guint task, guint worker, gpointer data)
{
  const NormWork *work = data;
  const DdpmUnetPass *pass = work->pass;
  const guint batch = pass->batch, image = task % batch, first = task / batch * work->group_channels;
  const gsize start = image * work->n_pixels;
  const float mean = work->stats.mean[task], rstd = work->stats.rstd[task];
  const float mask_scale = (float) (1.0 / (1.0 - pass->unet->config.dropout));
  const float *x = unet_pass_value (pass, work->layer->input) + start;
  float *grad = unet_pass_grad (pass, work->layer->output) + start;
  double sum = 0, sum_xhat = 0;

  for (guint c = first; c < first + work->group_channels; c++)
    {
      const gsize place = (gsize) c * batch + image;
      const double w = work->weight[c] * get_extra_scale (work, place);

      pass->kernels->norm_act_backward (x + c * work->stride, grad + c * work->stride, work->n_pixels,
                                        work->stats.scale[place], work->stats.shift[place], mean, rstd,
                                        (DdpmKernelAct) work->layer->act,
                                        work->mask != NULL ? work->mask + c * work->stride + start : NULL,
                                        mask_scale, &work->sums[place], &work->sums_xhat[place]);
      sum += w * work->sums[place];
      sum_xhat += w * work->sums_xhat[place];
    }
  sum /= (double) work->n_pixels * work->group_channels;
  sum_xhat /= (double) work->n_pixels * work->group_channels;
  for (guint c = first; c < first + work->group_channels; c++)
    {
      const float w = work->weight[c] * get_extra_scale (work, (gsize) c * batch + image);

      pass->kernels->norm_input_backward (x + c * work->stride, grad + c * work->stride, work->n_pixels,
                                          rstd * w, (float) (-rstd * rstd * sum_xhat),
                                          (float) (rstd * (rstd * mean * sum_xhat - sum)), work->accumulate,
                                          work->grad_x + c * work->stride + start);
    }
}

/* From sum du and sum du xhat of every channel and picture: the gradients of weight, bias, s and b. */
static void
add_param_grads (const NormWork *work)
{
  DdpmUnetPass *pass = work->pass;
  const guint batch = pass->batch;
  float *grad_weight = unet_pass_grad_weight (pass, work->layer->weight);
  float *grad_bias = unet_pass_grad_weight (pass, work->layer->bias);
  const gsize n = (gsize) work->channels * batch;
  gboolean accumulate = FALSE;
  float *grad_scale =
    work->scale_shift != NULL ? unet_pass_claim_grad (pass, work->layer->scale_shift, &accumulate) : NULL;

  for (gsize place = 0; place < n; place++)
    {
      const guint c = place / batch;
      const float extra = get_extra_scale (work, place);

      grad_weight[c] += extra * work->sums_xhat[place];
      grad_bias[c] += extra * work->sums[place];
      if (grad_scale != NULL)
        {
          const float ds = work->weight[c] * work->sums_xhat[place] + work->bias[c] * work->sums[place];

          grad_scale[place] = accumulate ? grad_scale[place] + ds : ds;
          grad_scale[n + place] = accumulate ? grad_scale[n + place] + work->sums[place] : work->sums[place];
        }
    }
}

void
unet_norm_backward (DdpmUnetPass *pass, const UnetLayer *layer)
{
  NormWork work = begin (pass, layer);

  work.grad_x = unet_pass_claim_grad (pass, layer->input, &work.accumulate);
  ddpm_team_run (pass->team, layer->groups * pass->batch, run_backward_task, &work);
  add_param_grads (&work);
}
