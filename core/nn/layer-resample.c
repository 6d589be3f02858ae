/* Halving by 2x2 averages, doubling by repetition, and plain copies, channel by channel. */
#include "core/nn/unet-pass.h"

typedef struct
{
  DdpmUnetPass *pass;
  UnetResample resample;
  const float *from; /* the side that is read */
  float *to;
  guint small_width;                          /* of the smaller side */
  gsize from_stride, to_stride, small_pixels; /* small_pixels: in all pictures */
  gboolean accumulate;
} ResampleWork;

/* to = factor * sum of each 2x2 square of from; rows of pictures follow each other, heights are even. */
static void
sum_squares (const ResampleWork *work, const float *from, float *to, float factor)
{
  const guint width = work->small_width;

  for (gsize i = 0; i < work->small_pixels; i++)
    {
      const float *square = from + i / width * 4 * width + i % width * 2;
      const float sum = factor * (square[0] + square[1] + square[2 * width] + square[2 * width + 1]);

      to[i] = work->accumulate ? to[i] + sum : sum;
    }
}

/* Each pixel times factor into its 2x2 square. */
static void
fill_squares (const ResampleWork *work, const float *from, float *to, float factor)
{
  const guint width = work->small_width;

  for (gsize i = 0; i < work->small_pixels; i++)
    {
      float *square = to + i / width * 4 * width + i % width * 2;
      const float value = factor * from[i];

      for (guint corner = 0; corner < 4; corner++)
        {
          float *pixel = square + corner / 2 * 2 * width + corner % 2;

          *pixel = work->accumulate ? *pixel + value : value;
        }
    }
}

static ResampleWork
begin (DdpmUnetPass *pass, const UnetLayer *layer)
{
  const gint small = layer->resample == UNET_RESAMPLE_HALVE ? layer->output : layer->input;

  return (ResampleWork) { .pass = pass,
                          .resample = layer->resample,
                          .small_width = pass->width >> unet_tensor (pass->unet, small)->level,
                          .small_pixels = pass->batch * unet_pass_n_pixels (pass, small) };
}

static void
run_forward_task (guint channel, guint worker, gpointer data)
{
  const ResampleWork *work = data;
  const float *from = work->from + channel * work->from_stride;
  float *to = work->to + channel * work->to_stride;

  switch (work->resample)
    {
    case UNET_RESAMPLE_HALVE:
      sum_squares (work, from, to, 0.25f);
      break;
    case UNET_RESAMPLE_DOUBLE:
      fill_squares (work, from, to, 1.0f);
      break;
    case UNET_RESAMPLE_COPY:
    default:
      work->pass->kernels->scale_add (from, work->from_stride, 1.0f, FALSE, to);
      break;
    }
}

void
unet_resample_forward (DdpmUnetPass *pass, const UnetLayer *layer)
{
  ResampleWork work = begin (pass, layer);

  work.from = unet_pass_value (pass, layer->input);
  work.to = unet_pass_value (pass, layer->output);
  work.from_stride = unet_pass_stride (pass, layer->input);
  work.to_stride = unet_pass_stride (pass, layer->output);
  ddpm_team_run (pass->team, unet_tensor (pass->unet, layer->input)->channels, run_forward_task, &work);
}

static void
run_backward_task (guint channel, guint worker, gpointer data)
{
  const ResampleWork *work = data;
  const float *from = work->from + channel * work->from_stride;
  float *to = work->to + channel * work->to_stride;

  switch (work->resample)
    {
    case UNET_RESAMPLE_HALVE:
      fill_squares (work, from, to, 0.25f);
      break;
    case UNET_RESAMPLE_DOUBLE:
      sum_squares (work, from, to, 1.0f);
      break;
    case UNET_RESAMPLE_COPY:
    default:
      work->pass->kernels->scale_add (from, work->from_stride, 1.0f, work->accumulate, to);
      break;
    }
}

void
unet_resample_backward (DdpmUnetPass *pass, const UnetLayer *layer)
{
  ResampleWork work = begin (pass, layer);

  work.from = unet_pass_grad (pass, layer->output);
  work.to = unet_pass_claim_grad (pass, layer->input, &work.accumulate);
  work.from_stride = unet_pass_stride (pass, layer->output);
  work.to_stride = unet_pass_stride (pass, layer->input);
  ddpm_team_run (pass->team, unet_tensor (pass->unet, layer->input)->channels, run_backward_task, &work);
}
