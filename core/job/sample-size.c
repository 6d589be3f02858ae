#include "core/job/sample-size.h"

#include <string.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/job/sample-job-input.h"

/* A network without attention may see pictures up to this at once. */
#define MAX_DIRECT_BYTES ((gsize) 1 << 30)

/* Pieces of a fill that would have to be scaled down by more are made at their own size. */
#define MAX_FILL_SCALE 2.0

/* Windows of a network without attention are larger than the pictures that it was trained on: it takes less
 * work for overlaps, and what belongs together is seen together. */
#define WINDOW_SIDES 4

static gboolean
is_convolutional (const DdpmUnetConfig *config)
{
  if (config->mid_block && config->add_attention)
    return FALSE;
  for (guint i = 0; i < config->n_levels; i++)
    if (config->down_block_types[i] == DDPM_BLOCK_ATTENTION
        || config->up_block_types[i] == DDPM_BLOCK_ATTENTION)
      return FALSE;
  return TRUE;
}

static guint
round_up (guint size, guint multiple)
{
  return (size + multiple - 1) / multiple * multiple;
}

static gboolean
set_wanted_size (DdpmSampleJob *job, GError **error)
{
  const DdpmUnetConfig *config = ddpm_unet_get_config (job->model->unet);

  if (job->inputs[0] != NULL)
    {
      job->wanted_width = job->inputs[0]->width;
      job->wanted_height = job->inputs[0]->height;
    }
  else
    {
      job->wanted_width = job->options.width > 0 ? job->options.width : config->sample_width;
      job->wanted_height = job->options.height > 0 ? job->options.height : config->sample_height;
    }
  if (job->wanted_width == 0 || job->wanted_height == 0)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                   _ ("The model \"%s\" does not say how large its pictures are; give width and height."),
                   job->model->name);
      return FALSE;
    }
  if (job->wanted_width > DDPM_IMAGE_MAX_SIDE || job->wanted_height > DDPM_IMAGE_MAX_SIDE
      || (guint64) job->wanted_width * job->wanted_height > DDPM_IMAGE_MAX_PIXELS)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, _ ("Pictures of %u x %u pixels are too large."),
                   job->wanted_width, job->wanted_height);
      return FALSE;
    }
  return TRUE;
}

static gboolean
is_small_enough (const DdpmSampleJob *job)
{
  const guint multiple = ddpm_unet_config_get_size_multiple (ddpm_unet_get_config (job->model->unet));
  const DdpmPassOptions options = {
    .batch = job->guided ? 2 : 1,
    .height = round_up (job->wanted_height, multiple),
    .width = round_up (job->wanted_width, multiple),
    .precision = job->options.precision,
  };

  return ddpm_unet_predict_pass_bytes (job->model->unet, job->options.n_threads, &options)
         <= MAX_DIRECT_BYTES;
}

static DdpmSizing
choose_sizing (const DdpmSampleJob *job)
{
  const DdpmUnetConfig *config = ddpm_unet_get_config (job->model->unet);
  const guint own_width = config->sample_width, own_height = config->sample_height;
  const gboolean convolutional = is_convolutional (config);

  if (job->options.sizing != DDPM_SIZING_AUTO)
    return job->options.sizing;
  if (job->fill != NULL && own_width > 0 && own_height > 0
      && ddpm_sample_fill_get_scale (job->fill) <= MAX_FILL_SCALE)
    return DDPM_SIZING_FIT;
  if (own_width == 0 || own_height == 0
      || (job->wanted_width == own_width && job->wanted_height == own_height))
    return DDPM_SIZING_DIRECT;
  if (job->wanted_width <= own_width && job->wanted_height <= own_height
      && (job->inputs[0] != NULL || !convolutional))
    return DDPM_SIZING_FIT;
  return convolutional && is_small_enough (job) ? DDPM_SIZING_DIRECT : DDPM_SIZING_WINDOWS;
}

/* An axis that the network sees whole. Where it wraps and the network cannot halve it as often as it does,
 * one window goes far over both ends. Returns the canvas's length. */
static guint
set_whole_axis (DdpmWindowAxis *axis, guint wanted, guint own, guint multiple, gboolean wraps)
{
  const guint rounded = round_up (wanted, multiple);

  if (wraps && rounded != wanted)
    {
      const guint size = round_up (wanted + own, multiple);

      ddpm_window_axis_init (axis, wanted, size, size - wanted, own / 4, TRUE);
      return wanted;
    }
  ddpm_window_axis_init (axis, rounded, rounded, 0, 0, FALSE);
  return rounded;
}

/* Of as many windows as it takes of at most `window` pixels, the smallest that cover the axis, so that no
 * more than their overlap is looked at twice. */
static guint
fit_window (guint length, guint window, guint overlap, guint multiple, gboolean wraps)
{
  const guint step = window - overlap, n = ((wraps ? length : length - overlap) + step - 1) / step;
  const guint covered = length + (wraps ? n : n - 1) * overlap;

  return MIN (window, round_up ((covered + n - 1) / n, multiple));
}

/* An axis that the network sees by windows of at most `window` pixels, those of its own size as they are, or
 * whole if it is not longer than that. */
static guint
set_window_axis (DdpmWindowAxis *axis, guint wanted, guint own, guint window, guint overlap, guint multiple,
                 gboolean wraps)
{
  if (round_up (wanted, multiple) <= window)
    return set_whole_axis (axis, wraps ? wanted : MAX (wanted, own), own, multiple, wraps);
  if (window > own)
    window = fit_window (wanted, window, overlap, multiple, wraps);
  ddpm_window_axis_init (axis, wanted, window, overlap, overlap / 4, wraps);
  return wanted;
}

static void
set_canvas (DdpmSampleJob *job)
{
  const DdpmUnetConfig *config = ddpm_unet_get_config (job->model->unet);
  const guint multiple = ddpm_unet_config_get_size_multiple (config);
  const guint own_width =
    round_up (config->sample_width > 0 ? config->sample_width : DDPM_UNKNOWN_SIDE, multiple);
  const guint own_height =
    round_up (config->sample_height > 0 ? config->sample_height : DDPM_UNKNOWN_SIDE, multiple);
  const gboolean wraps_x = (job->seamless & DDPM_SEAMLESS_X) != 0,
                 wraps_y = (job->seamless & DDPM_SEAMLESS_Y) != 0, convolutional = is_convolutional (config);
  const guint sides = convolutional ? WINDOW_SIDES : 1;
  DdpmWindows *windows = &job->windows;

  switch (job->sizing)
    {
    case DDPM_SIZING_FIT:
      job->width = set_whole_axis (&windows->x, own_width, own_width, multiple, wraps_x);
      job->height = set_whole_axis (&windows->y, own_height, own_height, multiple, wraps_y);
      return;
    case DDPM_SIZING_WINDOWS:
      job->width = set_window_axis (&windows->x, job->wanted_width, own_width, sides * own_width,
                                    convolutional ? own_width : own_width / 2, multiple, wraps_x);
      job->height = set_window_axis (&windows->y, job->wanted_height, own_height, sides * own_height,
                                     convolutional ? own_height : own_height / 2, multiple, wraps_y);
      break;
    case DDPM_SIZING_DIRECT:
    case DDPM_SIZING_AUTO:
    default:
      job->width = set_whole_axis (&windows->x, job->wanted_width, own_width, multiple, wraps_x);
      job->height = set_whole_axis (&windows->y, job->wanted_height, own_height, multiple, wraps_y);
    }
  job->left = (job->width - job->wanted_width) / 2;
  job->top = (job->height - job->wanted_height) / 2;
}

gboolean
ddpm_sample_job_set_size (DdpmSampleJob *job, GError **error)
{
  const DdpmUnetConfig *config = ddpm_unet_get_config (job->model->unet);

  if (!set_wanted_size (job, error))
    return FALSE;
  job->seamless = config->circular_padding ? DDPM_SEAMLESS_X | DDPM_SEAMLESS_Y : job->options.seamless;
  job->sizing = choose_sizing (job);
  if (job->fill != NULL && job->sizing != DDPM_SIZING_FIT)
    ddpm_sample_fill_get_native_size (job->fill, &job->wanted_width, &job->wanted_height);
  set_canvas (job);
  if (job->fill != NULL)
    ddpm_sample_fill_set_canvas (job->fill, job->width, job->height, job->sizing == DDPM_SIZING_FIT);
  return ddpm_unet_config_check_size (config, job->windows.y.size, job->windows.x.size, error);
}

/* --- pictures ------------------------------------------------------------------------------- */

/* Place -1 is 1, place n is n - 2: without repeating the edge. */
static guint
mirror (gint place, guint n)
{
  const gint period = 2 * (gint) n - 2;

  if (n == 1)
    return 0;
  place = ((place % period) + period) % period;
  return place < (gint) n ? place : period - place;
}

float *
ddpm_sample_job_make_canvas (const DdpmSampleJob *job, const DdpmImage *picture)
{
  const gboolean fit = job->sizing == DDPM_SIZING_FIT;
  const guint width = fit ? job->width : job->wanted_width, height = fit ? job->height : job->wanted_height;
  g_autofree float *tensor =
    ddpm_sample_make_tensor (picture, job->n_channels, height, width, job->model->notes.premultiplied);
  float *canvas;

  if (width == job->width && height == job->height)
    return g_steal_pointer (&tensor);
  canvas = g_new (float, ddpm_sample_job_get_n_values (job));
  for (guint c = 0; c < job->n_channels; c++)
    for (guint y = 0; y < job->height; y++)
      {
        const float *from =
          tensor + ((gsize) c * height + mirror ((gint) y - (gint) job->top, height)) * width;
        float *to = canvas + ((gsize) c * job->height + y) * job->width;

        for (guint x = 0; x < job->width; x++)
          to[x] = from[mirror ((gint) x - (gint) job->left, width)];
      }
  return canvas;
}

static DdpmImage *
scale (const DdpmSampleJob *job, DdpmImage *image, guint width, guint height)
{
  g_autoptr (DdpmImage) whole = image;

  return ddpm_image_scale_tile (whole, width, height, (job->seamless & DDPM_SEAMLESS_X) != 0,
                                (job->seamless & DDPM_SEAMLESS_Y) != 0);
}

DdpmImage *
ddpm_sample_job_make_whole (const DdpmSampleJob *job, const float *canvas)
{
  return ddpm_image_from_tensor (canvas, job->n_channels, job->height, job->width,
                                 job->model->notes.premultiplied);
}

DdpmImage *
ddpm_sample_job_make_image (const DdpmSampleJob *job, const float *canvas)
{
  g_autoptr (DdpmImage) whole = ddpm_sample_job_make_whole (job, canvas);

  if (job->width == job->wanted_width && job->height == job->wanted_height)
    return g_steal_pointer (&whole);
  if (job->sizing == DDPM_SIZING_FIT)
    return scale (job, g_steal_pointer (&whole), job->wanted_width, job->wanted_height);
  return ddpm_image_crop (whole, job->left, job->top, job->wanted_width, job->wanted_height);
}

DdpmImage *
ddpm_sample_job_make_preview (const DdpmSampleJob *job, const float *canvas)
{
  const guint longer = MAX (job->wanted_width, job->wanted_height);
  DdpmImage *image;

  if (job->sizing == DDPM_SIZING_FIT)
    return ddpm_sample_job_make_whole (job, canvas);
  image = ddpm_sample_job_make_image (job, canvas);
  if (longer <= DDPM_PREVIEW_MAX_SIDE)
    return image;
  return scale (job, image, MAX ((guint64) job->wanted_width * DDPM_PREVIEW_MAX_SIDE / longer, 1),
                MAX ((guint64) job->wanted_height * DDPM_PREVIEW_MAX_SIDE / longer, 1));
}

gsize
ddpm_sample_job_get_image_bytes (const DdpmSampleJob *job)
{
  const gsize canvas = (gsize) job->width * job->height;
  const gsize wanted = (gsize) job->wanted_width * job->wanted_height;
  const gboolean is_canvas = job->width == job->wanted_width && job->height == job->wanted_height;

  /* of 4 channels at most, as where an input's alpha is put back; one of the canvas's size for a while */
  return sizeof (float) * 4 * (job->options.count * wanted + (is_canvas ? 0 : canvas));
}
