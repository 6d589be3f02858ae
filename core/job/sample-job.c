/* The sampling job as an object: what its options mean for its model, and what can be asked of it. */
#include "core/job/sample-predict.h"

#include <math.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/memory.h"

#define MAX_AUTO_BATCH 16
#define MAX_AUTO_PASS_BYTES ((gsize) 1 << 30)

G_DEFINE_FINAL_TYPE (DdpmSampleJob, ddpm_sample_job, G_TYPE_OBJECT)

static void
ddpm_sample_job_finalize (GObject *object)
{
  DdpmSampleJob *job = DDPM_SAMPLE_JOB (object);

  g_clear_pointer (&job->inputs[0], ddpm_image_free);
  g_clear_pointer (&job->inputs[1], ddpm_image_free);
  g_clear_pointer (&job->sampler, ddpm_sampler_free);
  g_ptr_array_unref (job->images);
  G_OBJECT_CLASS (ddpm_sample_job_parent_class)->finalize (object);
}

static void
ddpm_sample_job_class_init (DdpmSampleJobClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = ddpm_sample_job_finalize;
}

static void
ddpm_sample_job_init (DdpmSampleJob *job)
{
  job->images = g_ptr_array_new_with_free_func ((GDestroyNotify) ddpm_image_free);
}

static gboolean
set_label (DdpmSampleJob *job, const char *label, GError **error)
{
  char **names = job->model->notes.labels;
  g_autofree char *wanted = label != NULL ? g_utf8_casefold (label, -1) : NULL;
  g_autofree char *all = NULL;

  job->label = ddpm_unet_get_config (job->model->unet)->num_class_embeds - 1; /* "no label" */
  if (label == NULL)
    return TRUE;
  for (guint i = 0; names != NULL && names[i] != NULL; i++)
    {
      g_autofree char *name = g_utf8_casefold (names[i], -1);

      if (strcmp (name, wanted) == 0)
        {
          job->label = i;
          job->guided = job->options.guidance != 1;
          return TRUE;
        }
    }
  all = names != NULL && names[0] != NULL ? g_strjoinv (", ", names) : NULL;
  if (all != NULL)
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, "The model \"%s\" has no label \"%s\"; it has %s.",
                 job->model->name, label, all);
  else
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                 "The model \"%s\" has no labels; leave out \"%s\", or train one with --labels.",
                 job->model->name, label);
  return FALSE;
}

/* `size` pixels brought to a multiple the network can halve. */
static guint
round_size (guint size, guint multiple)
{
  return MAX ((size + multiple / 2) / multiple, 1) * multiple;
}

static gboolean
set_size (DdpmSampleJob *job, GError **error)
{
  const DdpmUnetConfig *config = ddpm_unet_get_config (job->model->unet);
  const guint multiple = ddpm_unet_config_get_size_multiple (config);

  job->width = config->sample_width;
  job->height = config->sample_height;
  if (job->options.task == DDPM_TASK_GENERATE)
    {
      job->width = job->options.width > 0 ? job->options.width : job->width;
      job->height = job->options.height > 0 ? job->options.height : job->height;
    }
  else if (job->width == 0 || job->height == 0)
    {
      job->width = round_size (job->inputs[0]->width, multiple);
      job->height = round_size (job->inputs[0]->height, multiple);
    }

  if (job->width == 0 || job->height == 0)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                   "The model \"%s\" does not say how large its pictures are; give width and height.",
                   job->model->name);
      return FALSE;
    }
  if (job->width > DDPM_IMAGE_MAX_SIDE || job->height > DDPM_IMAGE_MAX_SIDE
      || (guint64) job->width * job->height > DDPM_IMAGE_MAX_PIXELS)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, "Pictures of %u x %u pixels are too large.",
                   job->width, job->height);
      return FALSE;
    }
  return ddpm_unet_config_check_size (config, job->height, job->width, error);
}

/* The sampler, and where in its steps the run begins. */
static gboolean
set_steps (DdpmSampleJob *job, GError **error)
{
  const DdpmSampleOptions *options = &job->options;
  DdpmSamplerOptions sampler_options = {
    .kind = options->sampler,
    .n_steps = options->n_steps,
    .eta = options->eta,
  };
  g_autoptr (DdpmSampler) sampler = ddpm_sampler_new (&sampler_options, &job->model->scheduler, error);
  guint n_timesteps;

  if (sampler == NULL)
    return FALSE;
  ddpm_sampler_get_timesteps (sampler, &n_timesteps);

  if (options->task != DDPM_TASK_GENERATE)
    {
      if (options->strength == 0)
        return TRUE;
      job->noised_to =
        ddpm_schedule_timestep_of_strength (ddpm_sampler_get_schedule (sampler), options->strength);
      job->first_step = ddpm_sampler_find_step (sampler, job->noised_to);
      if (job->first_step == n_timesteps)
        {
          /* Some spacings end far above 0. What was noised has to be denoised all the same: from t0 to 0, as
           * DDPM adds noise in every step but that of 0. */
          const guint timesteps[] = { job->noised_to, 0 };

          sampler_options.timesteps = timesteps;
          sampler_options.n_timesteps = n_timesteps = job->noised_to > 0 ? 2 : 1;
          job->first_step = 0;
          g_clear_pointer (&sampler, ddpm_sampler_free);
          sampler = ddpm_sampler_new (&sampler_options, &job->model->scheduler, error);
          if (sampler == NULL)
            return FALSE;
        }
    }
  job->n_steps = n_timesteps - job->first_step;
  job->sampler = g_steal_pointer (&sampler);
  return TRUE;
}

gsize
ddpm_sample_job_get_n_values (const DdpmSampleJob *job)
{
  return (gsize) job->n_channels * job->height * job->width;
}

gsize
ddpm_sample_job_get_n_outputs (const DdpmSampleJob *job)
{
  const DdpmUnetConfig *config = ddpm_unet_get_config (job->model->unet);

  return (gsize) config->out_channels * job->height * job->width;
}

/* Batches of about the same size, so that the last one wastes little. */
static void
set_batch (DdpmSampleJob *job)
{
  const guint count = job->options.count;
  guint largest = MIN (count, MAX_AUTO_BATCH), n_batches;

  if (job->options.batch > 0)
    {
      job->batch = MIN (job->options.batch, count);
      return;
    }
  while (largest > 1 && ddpm_sample_predictor_predict_bytes (job, largest) > MAX_AUTO_PASS_BYTES)
    largest--;
  n_batches = (count + largest - 1) / largest;
  job->batch = (count + n_batches - 1) / n_batches;
}

void
ddpm_sample_job_set_memory_error (const DdpmSampleJob *job, GError **error)
{
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_MEMORY,
               "There is not enough memory for %u pictures of %u x %u pixels at once.", job->batch,
               job->width, job->height);
}

static gboolean
check_memory (DdpmSampleJob *job, GError **error)
{
  const guint64 needed = ddpm_sample_job_predict_bytes (job), available = ddpm_memory_get_available_bytes ();

  if (needed <= available)
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_MEMORY,
               "This takes %.2f GB of memory, and %.2f GB are free; %s, or close other programs.",
               needed / 1e9, available / 1e9,
               job->batch > 1 ? "make fewer pictures at once (a smaller batch)" : "make smaller pictures");
  return FALSE;
}

DdpmSampleJob *
ddpm_sample_job_new (DdpmModel *model, const DdpmSampleOptions *options, GError **error)
{
  g_autoptr (DdpmSampleJob) job = NULL;

  g_return_val_if_fail (model != NULL, NULL);
  g_return_val_if_fail (options != NULL && options->task <= DDPM_TASK_INTERPOLATE, NULL);

  if (!ddpm_model_check_channels (model, error) || !ddpm_sample_options_check (options, error)
      || !ddpm_precision_check (options->precision, error))
    return NULL;

  job = g_object_new (DDPM_TYPE_SAMPLE_JOB, NULL);
  job->model = model;
  job->options = *options;
  job->n_channels = ddpm_unet_get_config (model->unet)->in_channels;
  for (guint i = 0; i < 2; i++)
    {
      const gboolean used =
        i == 0 ? options->task != DDPM_TASK_GENERATE : options->task == DDPM_TASK_INTERPOLATE;

      job->inputs[i] = used ? ddpm_image_copy (options->inputs[i]) : NULL;
      job->options.inputs[i] = NULL;
    }
  job->options.label = NULL;
  if (!set_label (job, options->label, error) || !set_size (job, error) || !set_steps (job, error))
    return NULL;
  set_batch (job);
  return check_memory (job, error) ? g_steal_pointer (&job) : NULL;
}

gsize
ddpm_sample_job_predict_bytes (DdpmSampleJob *job)
{
  const gsize picture_bytes =
    sizeof (float) * 4
    * (job->inputs[0] != NULL ? (gsize) job->inputs[0]->width * job->inputs[0]->height
                              : (gsize) job->width * job->height);
  gsize bytes = job->options.count * picture_bytes;

  if (job->sampler != NULL)
    bytes += ddpm_sample_job_get_tensor_bytes (job) + ddpm_sample_predictor_predict_bytes (job, job->batch);
  return bytes;
}

guint64
ddpm_sample_job_get_total_steps (DdpmSampleJob *job)
{
  const guint n_batches = (job->options.count + job->batch - 1) / job->batch;

  return (guint64) n_batches * job->n_steps;
}

double
ddpm_sample_job_get_lambda (const DdpmSampleJob *job, guint index)
{
  return (index + 1.0) / (job->options.count + 1.0);
}

void
ddpm_sample_job_stop_here (DdpmSampleJob *job)
{
  g_return_if_fail (DDPM_IS_SAMPLE_JOB (job));

  g_atomic_int_set (&job->stop, TRUE);
}

DdpmImage *const *
ddpm_sample_job_get_images (DdpmSampleJob *job, guint *n_images)
{
  g_return_val_if_fail (DDPM_IS_SAMPLE_JOB (job), NULL);

  *n_images = job->images->len;
  return (DdpmImage *const *) job->images->pdata;
}
