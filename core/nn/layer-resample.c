/* Halving by 2x2 averages, doubling by repetition, and plain copies, channel by channel. */
#include "core/nn/unet-pass.h"

typedef struct
{
  DdpmUnetPass *pass;
  UnetResample resample;
  const float *from; /* the side that is read */
  float *to;
  guint small_width;                        /* of the smaller side */
  gsize from_stride, to_stride, small_rows; /* small_rows: in all pictures */
  gboolean accumulate;
} ResampleWork;

static ResampleWork
begin (DdpmUnetPass *pass, const UnetLayer *layer)
{
  const gint small = layer->resample == UNET_RESAMPLE_HALVE ? layer->output : layer->input;
  const guint width = pass->width >> unet_tensor (pass->unet, small)->level;

  return (ResampleWork) { .pass = pass,
                          .resample = layer->resample,
                          .small_width = width,
                          .small_rows = pass->batch * unet_pass_n_pixels (pass, small) / width };
}

static void
run_forward_task (guint channel, guint worker, gpointer data)
{
  const ResampleWork *work = data;
  const DdpmKernels *kernels = work->pass->kernels;
  const float *from = work->from + channel * work->from_stride;
  float *to = work->to + channel * work->to_stride;

  switch (work->resample)
    {
    case UNET_RESAMPLE_HALVE:
      kernels->halve_plane (from, work->small_width, work->small_rows, 0.25f, FALSE, to);
      break;
    case UNET_RESAMPLE_DOUBLE:
      kernels->double_plane (from, work->small_width, work->small_rows, 1.0f, FALSE, to);
      break;
    case UNET_RESAMPLE_COPY:
    default:
      kernels->scale_add (from, work->from_stride, 1.0f, FALSE, to);
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
  const DdpmKernels *kernels = work->pass->kernels;
  const float *from = work->from + channel * work->from_stride;
  float *to = work->to + channel * work->to_stride;

  switch (work->resample)
    {
    case UNET_RESAMPLE_HALVE:
      kernels->double_plane (from, work->small_width, work->small_rows, 0.25f, work->accumulate, to);
      break;
    case UNET_RESAMPLE_DOUBLE:
      kernels->halve_plane (from, work->small_width, work->small_rows, 1.0f, work->accumulate, to);
      break;
    case UNET_RESAMPLE_COPY:
    default:
      kernels->scale_add (from, work->from_stride, 1.0f, work->accumulate, to);
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
