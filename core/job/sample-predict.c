#include "core/job/sample-predict.h"

#include <string.h>

#include "core/base/error.h"

/* Values that a thread guides at once. */
#define GUIDE_PIECE 4096

struct _DdpmSamplePredictor
{
  const DdpmSampleJob *job; /* borrowed, like the team */
  DdpmTeam *team;
  DdpmUnetPass *pass;

  gsize n_values, n_outputs; /* floats of one window, and of what the network says of one */
  guint pass_batch;          /* windows that the network sees at once; with guidance each is there twice */
  float *windows;   /* [pass_batch][n_values], or NULL: it sees the canvas itself, without guidance */
  float *output;    /* [pass_batch][n_outputs]; with guidance first with the label, then without */
  float *canvas;    /* [batch][canvas's n_outputs], the average, or NULL: it sees the canvas whole */
  float *timesteps; /* [pass_batch] */
  guint32 *labels;  /* [pass_batch], or NULL: the network has none */
};

static guint
get_pass_batch (const DdpmSampleJob *job, guint window_batch)
{
  return job->guided ? 2 * window_batch : window_batch;
}

static DdpmPassOptions
get_pass_options (const DdpmSampleJob *job, guint window_batch)
{
  const DdpmWindowAxis *x = &job->windows.x, *y = &job->windows.y;

  return (DdpmPassOptions) {
    .batch = get_pass_batch (job, window_batch),
    .height = y->size,
    .width = x->size,
    .mode = DDPM_PASS_INFERENCE,
    .precision = job->options.precision,
    .circular_x = x->size == x->length && (job->seamless & DDPM_SEAMLESS_X) != 0,
    .circular_y = y->size == y->length && (job->seamless & DDPM_SEAMLESS_Y) != 0,
  };
}

static gsize
get_window_pixels (const DdpmSampleJob *job)
{
  return (gsize) job->windows.x.size * job->windows.y.size;
}

gsize
ddpm_sample_predictor_predict_bytes (const DdpmSampleJob *job, guint batch, guint window_batch)
{
  const DdpmUnetConfig *config = ddpm_unet_get_config (job->model->unet);
  const DdpmPassOptions options = get_pass_options (job, window_batch);
  const gboolean whole = ddpm_windows_is_whole (&job->windows);
  const guint n_channels = config->out_channels + (job->guided || !whole ? config->in_channels : 0);
  const gsize n_floats = options.batch * n_channels * get_window_pixels (job)
                         + (whole ? 0 : batch * ddpm_sample_job_get_n_outputs (job));

  return ddpm_unet_predict_pass_bytes (job->model->unet, job->options.n_threads, &options)
         + sizeof (float) * n_floats;
}

guint
ddpm_sample_predictor_count_windows (const DdpmSampleJob *job)
{
  const guint n = job->batch * ddpm_windows_count (&job->windows);

  return (n + job->window_batch - 1) / job->window_batch * job->window_batch;
}

static guint32 *
make_labels (const DdpmSampleJob *job, guint pass_batch)
{
  const DdpmClassEmbed kind = ddpm_unet_get_config (job->model->unet)->class_embed;
  guint32 *labels;

  if (kind != DDPM_CLASS_EMBED_TABLE && kind != DDPM_CLASS_EMBED_TIMESTEP)
    return NULL;
  labels = g_new (guint32, pass_batch);
  for (guint i = 0; i < pass_batch; i++)
    labels[i] =
      i < job->window_batch ? ddpm_sample_job_get_label (job, 0) : ddpm_model_get_no_label (job->model);
  return labels;
}

/* The labels of n windows from number `window` on, which are those of the network's pictures from `first` on.
 */
static void
set_labels (DdpmSamplePredictor *predictor, guint first, guint window, guint n)
{
  const DdpmSampleJob *job = predictor->job;
  const guint n_windows = ddpm_windows_count (&job->windows);
  const guint n_pieces = job->fill != NULL ? ddpm_sample_fill_get_n_pieces (job->fill) : 1;

  for (guint i = 0; i < n && predictor->labels != NULL; i++)
    predictor->labels[i] = ddpm_sample_job_get_label (job, (first + (window + i) / n_windows) / n_pieces);
}

DdpmSamplePredictor *
ddpm_sample_predictor_new (const DdpmSampleJob *job, DdpmTeam *team, GError **error)
{
  g_autoptr (DdpmSamplePredictor) predictor = g_new0 (DdpmSamplePredictor, 1);
  const DdpmPassOptions options = get_pass_options (job, job->window_batch);
  const gboolean whole = ddpm_windows_is_whole (&job->windows);

  predictor->job = job;
  predictor->team = team;
  predictor->n_values = job->n_channels * get_window_pixels (job);
  predictor->n_outputs = ddpm_unet_get_config (job->model->unet)->out_channels * get_window_pixels (job);
  predictor->pass_batch = options.batch;
  predictor->timesteps = g_new (float, options.batch);
  predictor->labels = make_labels (job, options.batch);
  predictor->output = g_try_new (float, predictor->n_outputs *options.batch);
  if (job->guided || !whole)
    predictor->windows = g_try_new0 (float, predictor->n_values *options.batch);
  if (!whole)
    predictor->canvas = g_try_new (float, ddpm_sample_job_get_n_outputs (job) * job->batch);
  if (predictor->output == NULL || ((job->guided || !whole) && predictor->windows == NULL)
      || (!whole && predictor->canvas == NULL))
    {
      ddpm_sample_job_set_memory_error (job, error);
      return NULL;
    }
  predictor->pass = ddpm_unet_pass_new (job->model->unet, team, &options, error);
  if (predictor->pass == NULL || !ddpm_model_pack_weights (job->model, predictor->pass, team, error))
    return NULL;
  return g_steal_pointer (&predictor);
}

void
ddpm_sample_predictor_free (DdpmSamplePredictor *predictor)
{
  if (predictor == NULL)
    return;
  ddpm_unet_pass_free (predictor->pass);
  g_free (predictor->windows);
  g_free (predictor->output);
  g_free (predictor->canvas);
  g_free (predictor->timesteps);
  g_free (predictor->labels);
  g_free (predictor);
}

/* A piece of the output with the label, from that and what the network said without: as far beyond as the
 * guidance says. The variance is the one with the label, as in Dhariwal and Nichol's own samplers. */
static void
guide_task (guint task, guint worker, gpointer data)
{
  DdpmSamplePredictor *predictor = data;
  const DdpmSampleJob *job = predictor->job;
  const guint n_pieces = (predictor->n_values + GUIDE_PIECE - 1) / GUIDE_PIECE;
  const gsize begin = (gsize) (task % n_pieces) * GUIDE_PIECE;
  const gsize n = MIN (GUIDE_PIECE, predictor->n_values - begin);
  float *output = predictor->output + (task / n_pieces) * predictor->n_outputs + begin;
  const float *without = output + job->window_batch * predictor->n_outputs;
  const float scale = (float) job->options.guidance;

  for (gsize i = 0; i < n; i++)
    output[i] = without[i] + scale * (output[i] - without[i]);
}

/* What the network says of x[window_batch][n_values], guided, to predictor->output. Where there is guidance x
 * is predictor->windows, which has places for it twice. */
static void
ask (DdpmSamplePredictor *predictor, const float *x)
{
  const DdpmSampleJob *job = predictor->job;
  const gsize n = job->window_batch * predictor->n_values;

  if (job->guided)
    memcpy (predictor->windows + n, x, n * sizeof (float));
  ddpm_unet_pass_forward (predictor->pass, x, predictor->timesteps, predictor->labels, predictor->output);
  if (job->guided)
    ddpm_team_run (predictor->team,
                   job->window_batch * ((predictor->n_values + GUIDE_PIECE - 1) / GUIDE_PIECE), guide_task,
                   predictor);
}

/* Windows of the batch's pictures, one picture's after the other's. */
typedef struct
{
  DdpmSamplePredictor *predictor;
  const float *x; /* the canvases */
  guint first, n; /* those that the network sees now */
} Look;

/* One channel of a window. */
static void
take_task (guint task, guint worker, gpointer data)
{
  const Look *look = data;
  const DdpmSamplePredictor *predictor = look->predictor;
  const DdpmSampleJob *job = predictor->job;
  const guint n_windows = ddpm_windows_count (&job->windows);
  const guint place = task / job->n_channels, channel = task % job->n_channels, number = look->first + place;
  const gsize plane = (gsize) job->height * job->width;

  ddpm_windows_take (&job->windows, number % n_windows,
                     look->x + ((gsize) (number / n_windows) * job->n_channels + channel) * plane,
                     predictor->windows + place * predictor->n_values + channel * get_window_pixels (job));
}

/* One row of a channel of all canvases: windows are added in their order, whoever does it. */
static void
average_task (guint task, guint worker, gpointer data)
{
  const Look *look = data;
  const DdpmSamplePredictor *predictor = look->predictor;
  const DdpmSampleJob *job = predictor->job;
  const guint n_windows = ddpm_windows_count (&job->windows), n_rows = job->windows.y.size;
  const guint row = task % job->height, channel = task / job->height;
  const gsize canvas_size = ddpm_sample_job_get_n_outputs (job);

  for (guint i = 0; i < look->n; i++)
    {
      const guint number = look->first + i, window = number % n_windows;
      const float *said = predictor->output + i * predictor->n_outputs + channel * get_window_pixels (job);
      float *to = predictor->canvas + (number / n_windows) * canvas_size
                  + ((gsize) channel * job->height + row) * job->width;
      const guint first_row =
        (row + job->height - job->windows.y.begins[window / job->windows.x.n]) % job->height;

      for (guint r = first_row; r < n_rows; r += job->height)
        ddpm_windows_add_row (&job->windows, window, r, said + (gsize) r * job->windows.x.size, to);
    }
}

float *
ddpm_sample_predictor_run (DdpmSamplePredictor *predictor, guint first, const float *x, float t)
{
  const DdpmSampleJob *job = predictor->job;
  const guint n_all = job->batch * ddpm_windows_count (&job->windows);
  const guint out_channels = ddpm_unet_get_config (job->model->unet)->out_channels;

  for (guint i = 0; i < predictor->pass_batch; i++)
    predictor->timesteps[i] = t;
  if (predictor->canvas == NULL)
    {
      if (job->guided)
        x = memcpy (predictor->windows, x, job->batch * predictor->n_values * sizeof (float));
      set_labels (predictor, first, 0, job->batch);
      ask (predictor, x);
      return predictor->output;
    }

  memset (predictor->canvas, 0, job->batch * ddpm_sample_job_get_n_outputs (job) * sizeof (float));
  for (guint window = 0; window < n_all; window += job->window_batch)
    {
      Look look = { predictor, x, window, MIN (job->window_batch, n_all - window) };

      set_labels (predictor, first, window, look.n);
      ddpm_team_run (predictor->team, look.n * job->n_channels, take_task, &look);
      ask (predictor, predictor->windows);
      ddpm_team_run (predictor->team, out_channels * job->height, average_task, &look);
    }
  return predictor->canvas;
}
