#include "core/job/train-sample.h"

#include "core/job/sample-job.h"

#define GAP_PIXELS 2
#define HALVES_GAP_PIXELS 10
#define STEPS 25
#define MOST_LABEL_ROWS 8 /* "no label" is one of them */
#define FIRST_SHARE 10    /* the first grid comes after the tenth part of the steps between others */

static guint64
get_first_step (const DdpmTrainOptions *options)
{
  const guint64 every = options->sample_every;

  return every < FIRST_SHARE ? every : every / FIRST_SHARE;
}

gboolean
ddpm_train_samples_are_due (const DdpmTrainOptions *options, guint64 step)
{
  if (options->sample_every == 0)
    return FALSE;
  return step % options->sample_every == 0 || step == get_first_step (options) || step == options->steps;
}

guint64
ddpm_train_samples_get_next (const DdpmTrainOptions *options, guint64 step)
{
  const guint64 every = options->sample_every, first = get_first_step (options);

  if (every == 0 || step >= options->steps)
    return 0;
  return MIN (step < first ? first : (step / every + 1) * every, options->steps);
}

guint64
ddpm_train_samples_count (const DdpmTrainOptions *options, guint64 after, guint64 last)
{
  const guint64 every = options->sample_every, first = get_first_step (options);
  guint64 n;

  if (every == 0 || last <= after)
    return 0;
  n = last / every - after / every;
  n += first % every != 0 && first > after && first <= last;
  return n + (last == options->steps && last % every != 0 && last != first);
}

/* A row for each label, or where there are many for some of them, spread evenly. */
char **
ddpm_train_samples_get_row_names (const DdpmTrainSetup *setup)
{
  char **labels = setup->notes.labels;
  const guint n = labels != NULL ? g_strv_length (labels) : 0;
  const guint n_rows = MIN (n, MOST_LABEL_ROWS - 1);
  char **names = n > 0 ? g_new0 (char *, n_rows + 2) : NULL;

  for (guint row = 0; row < n_rows; row++)
    names[row] = g_strdup (labels[(guint64) row * n / n_rows]);
  if (n > 0)
    names[n_rows] = g_strdup ("");
  return names;
}

static guint
get_n_steps (const DdpmTrainSetup *setup)
{
  return MIN (STEPS, setup->scheduler.num_train_timesteps);
}

guint64
ddpm_train_samples_count_passes (const DdpmTrainSetup *setup)
{
  g_auto (GStrv) row_names = ddpm_train_samples_get_row_names (setup);
  const guint rows = row_names != NULL ? g_strv_length (row_names) : setup->sample_columns;

  return (guint64) 2 * rows * setup->sample_columns * get_n_steps (setup);
}

/* The network as it will be used, which may wrap its pictures around where it does not while it is trained.
 */
static DdpmUnet *
make_unet (const DdpmTrainSetup *setup, GError **error)
{
  DdpmUnetConfig config = setup->config;

  config.circular_padding = setup->notes.circular_padding;
  return ddpm_unet_new (&config, error);
}

/* Several jobs as one, for progress. */
typedef struct
{
  const DdpmTrainSetup *setup;
  DdpmModel model; /* made of what the run has at hand, borrowed */
  DdpmProgressFunc func;
  gpointer user_data;
  GCancellable *cancellable;
  guint64 done, total; /* steps, of the jobs before; of all */
} Sampling;

static void
tell (const DdpmProgress *progress, gpointer data)
{
  const Sampling *sampling = data;
  DdpmProgress whole = *progress;

  whole.step += sampling->done;
  whole.total = sampling->total;
  if (whole.steps_per_s > 0)
    whole.seconds_left = (double) (whole.total - whole.step) / whole.steps_per_s;
  if (sampling->func != NULL)
    sampling->func (&whole, sampling->user_data);
}

/* Makes `count` pictures with `label` ("" and NULL: none) and moves them to images[count]. */
static gboolean
run_job (Sampling *sampling, const char *label, guint count, guint batch, DdpmImage **images, GError **error)
{
  const DdpmTrainSetup *setup = sampling->setup;
  g_autoptr (DdpmSampleJob) job = NULL;
  DdpmSampleOptions options;
  DdpmImage *const *made = NULL;
  guint n_made = 0;

  ddpm_sample_options_init (&options, &sampling->model);
  options.sampler = DDPM_SAMPLER_DDIM;
  options.n_steps = get_n_steps (setup);
  options.count = count;
  options.batch = batch;
  options.width = setup->dataset->width;
  options.height = setup->dataset->height;
  options.n_threads = setup->options.n_threads;
  options.label = label != NULL && label[0] != '\0' ? label : NULL;
  job = ddpm_sample_job_new (&sampling->model, &options, error);
  if (job == NULL || !ddpm_sample_job_run (job, tell, sampling, sampling->cancellable, error))
    return FALSE;
  sampling->done += ddpm_sample_job_get_total_steps (job);
  made = ddpm_sample_job_get_images (job, &n_made);
  for (guint i = 0; i < n_made; i++)
    images[i] = ddpm_image_copy (made[i]);
  return TRUE;
}

static gboolean
make_half (Sampling *sampling, const DdpmTrainSamples *samples, float *weights, DdpmImage **images,
           GError **error)
{
  const guint columns = samples->columns, rows = samples->rows;

  sampling->model.weights = weights;
  if (samples->row_names == NULL)
    return run_job (sampling, NULL, rows * columns, columns, images, error);
  for (guint row = 0; row < rows; row++)
    if (!run_job (sampling, samples->row_names[row], columns, columns, images + row * columns, error))
      return FALSE;
  return TRUE;
}

DdpmTrainSamples *
ddpm_train_samples_new (const DdpmTrainSetup *setup, float *average, float *raw, DdpmProgressFunc func,
                        gpointer user_data, GCancellable *cancellable, GError **error)
{
  g_autoptr (DdpmTrainSamples) samples = g_new0 (DdpmTrainSamples, 1);
  g_autoptr (DdpmUnet) unet = make_unet (setup, error);
  Sampling sampling = {
    .setup = setup,
    .model = { .name = (char *) "training",
               .folder = setup->options.output,
               .unet = unet,
               .scheduler = setup->scheduler,
               .notes = setup->notes,
               .dtype = DDPM_DTYPE_F32 },
    .func = func,
    .user_data = user_data,
    .cancellable = cancellable,
  };

  if (unet == NULL)
    return NULL;
  samples->row_names = ddpm_train_samples_get_row_names (setup);
  samples->columns = samples->rows = setup->sample_columns;
  if (samples->row_names != NULL)
    samples->rows = g_strv_length (samples->row_names);
  samples->average = g_new0 (DdpmImage *, samples->rows * samples->columns + 1);
  samples->raw = g_new0 (DdpmImage *, samples->rows * samples->columns + 1);
  sampling.total = (guint64) 2 * samples->rows * get_n_steps (setup);
  if (!make_half (&sampling, samples, average, samples->average, error)
      || !make_half (&sampling, samples, raw, samples->raw, error))
    return NULL;
  return g_steal_pointer (&samples);
}

static void
free_images (DdpmImage **images)
{
  for (guint i = 0; images != NULL && images[i] != NULL; i++)
    ddpm_image_free (images[i]);
  g_free (images);
}

void
ddpm_train_samples_free (DdpmTrainSamples *samples)
{
  if (samples == NULL)
    return;
  g_strfreev (samples->row_names);
  free_images (samples->average);
  free_images (samples->raw);
  g_free (samples);
}

DdpmImage *
ddpm_train_samples_get_grid (const DdpmTrainSamples *samples)
{
  const guint n = samples->rows * samples->columns;
  g_autoptr (DdpmImage) average = ddpm_image_grid (samples->average, n, samples->columns, GAP_PIXELS);
  g_autoptr (DdpmImage) raw = ddpm_image_grid (samples->raw, n, samples->columns, GAP_PIXELS);
  DdpmImage *const halves[] = { average, raw };

  return ddpm_image_grid (halves, 2, 2, HALVES_GAP_PIXELS);
}
