/* Halving by 2x2 averages, doubling by repetition, and plain copies, channel by channel. */
#include "core/nn/unet-pass.h"

typedef struct
{
  DdpmUnetPass *pass;
  UnetResample way;
  float scale;       /* of what is summed or spread */
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
                          .way = layer->resample,
                          .scale = layer->resample == UNET_RESAMPLE_HALVE ? 0.25f : 1.0f,
                          .small_width = width,
                          .small_rows = pass->batch * unet_pass_n_pixels (pass, small) / width };
}

/* One channel, in the way that is asked for: backward, a sum is spread and what was spread is summed. */
static void
run_task (guint channel, guint worker, gpointer data)
{
  const ResampleWork *work = data;
  const DdpmKernels *kernels = work->pass->kernels;
  const float *from = work->from + channel * work->from_stride;
  float *to = work->to + channel * work->to_stride;

  switch (work->way)
    {
    case UNET_RESAMPLE_HALVE:
      kernels->halve_plane (from, work->small_width, work->small_rows, work->scale, work->accumulate, to);
      break;
    case UNET_RESAMPLE_DOUBLE:
      kernels->double_plane (from, work->small_width, work->small_rows, work->scale, work->accumulate, to);
      break;
    case UNET_RESAMPLE_COPY:
    default:
      kernels->scale_add (from, work->from_stride, 1.0f, work->accumulate, to);
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
  ddpm_team_run (pass->team, unet_tensor (pass->unet, layer->input)->channels, run_task, &work);
}

void
unet_resample_backward (DdpmUnetPass *pass, const UnetLayer *layer)
{
  ResampleWork work = begin (pass, layer);

  if (layer->resample != UNET_RESAMPLE_COPY)
    work.way = layer->resample == UNET_RESAMPLE_HALVE ? UNET_RESAMPLE_DOUBLE : UNET_RESAMPLE_HALVE;
  work.from = unet_pass_grad (pass, layer->output);
  work.to = unet_pass_claim_grad (pass, layer->input, &work.accumulate);
  work.from_stride = unet_pass_stride (pass, layer->output);
  work.to_stride = unet_pass_stride (pass, layer->input);
  ddpm_team_run (pass->team, unet_tensor (pass->unet, layer->input)->channels, run_task, &work);
}
