/* The sampling job as an object: what its options mean for its model, and what can be asked of it. */

#include "core/job/sample-job-private.h"

#include <math.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/base/text.h"
#include "core/job/sample-predict.h"
#include "core/job/sample-size.h"

#define MAX_AUTO_BATCH 16
/* With somebody who looks on the first estimates shall come soon, and finished pictures a few at a time: this
 * many at once take but 3 or 4 hundredths longer than 16, two at once 14. */
#define MAX_SHOWN_BATCH 4
#define MAX_AUTO_PASS_BYTES ((gsize) 1 << 30)
#define MAX_WINDOW_PASS_BYTES ((gsize) 1 << 29)

G_DEFINE_FINAL_TYPE (DdpmSampleJob, ddpm_sample_job, G_TYPE_OBJECT)

static void
ddpm_sample_job_finalize (GObject *object)
{
  DdpmSampleJob *job = DDPM_SAMPLE_JOB (object);

  g_clear_pointer (&job->inputs[0], ddpm_image_free);
  g_clear_pointer (&job->inputs[1], ddpm_image_free);
  g_clear_pointer (&job->fill, ddpm_sample_fill_free);
  for (guint i = 0; i < job->n_courses; i++)
    ddpm_sample_course_clear (&job->courses[i]);
  g_free (job->courses);
  ddpm_windows_clear (&job->windows);
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
  job->inversion_errors[0] = job->inversion_errors[1] = -1;
}

/* Noise in common takes noise: without it all pictures would be one and the same. */
static gboolean
check_shared (const DdpmSampleJob *job, GError **error)
{
  const DdpmSampleCourse *course = &job->courses[0];

  if (job->options.task != DDPM_TASK_GENERATE || job->options.shared == 1)
    return TRUE;
  for (guint k = 0; k < course->n_steps; k++)
    if (ddpm_sampler_step_needs_noise (course->sampler, k))
      return TRUE;
  g_set_error (
    error, DDPM_ERROR, DDPM_ERROR_USAGE,
    _ ("Pictures that share noise differ by that of later steps, and %s with eta %g adds none; take the "
       "sampler ddpm, or ddim with eta 1."),
    ddpm_sampler_kind_get_name (job->options.sampler), job->options.eta);
  return FALSE;
}

static gboolean
check_progressive (const DdpmSampleJob *job, GError **error)
{
  const guint n_steps = job->courses[0].n_steps;

  if (job->options.task != DDPM_TASK_PROGRESSIVE || job->options.count <= n_steps)
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
               _ ("%u steps have as many estimates, not %u; take more steps or fewer pictures."), n_steps,
               job->options.count);
  return FALSE;
}

static gboolean
set_course (DdpmSampleJob *job, DdpmSampleCourse *course, double strength, GError **error)
{
  const DdpmSchedulerConfig *config = &job->model->scheduler;
  const DdpmSamplerOptions options = {
    .kind = job->options.sampler,
    .n_steps = job->options.n_steps,
    .spacing = job->options.spacing,
    .sigmas = job->options.sigmas,
    .eta = job->options.eta,
    .langevin = job->options.langevin,
  };

  if (job->options.task == DDPM_TASK_VARY || job->options.task == DDPM_TASK_INTERPOLATE)
    return ddpm_sample_course_init_from (course, &options, config, strength, error);
  return ddpm_sample_course_init (course, &options, config,
                                  job->options.task == DDPM_TASK_FILL ? job->options.resamplings : 1, error);
}

static gboolean
set_courses (DdpmSampleJob *job, GError **error)
{
  const gboolean is_ladder = job->options.task == DDPM_TASK_VARY && job->options.ladder_to >= 0;

  job->n_courses = is_ladder ? job->options.count : 1;
  job->courses = g_new0 (DdpmSampleCourse, job->n_courses);
  for (guint i = 0; i < job->n_courses; i++)
    if (!set_course (job, &job->courses[i], ddpm_sample_job_get_strength (job, i), error))
      return FALSE;
  if (ddpm_sample_job_inverts (job) && ddpm_sampler_get_order (job->courses[0].sampler) == 0)
    {
      job->options.sampler = DDPM_SAMPLER_DDIM;
      job->options.eta = 0;
      ddpm_sample_course_clear (&job->courses[0]);
      if (!set_course (job, &job->courses[0], job->options.strength, error))
        return FALSE;
    }
  if (ddpm_sample_job_inverts (job)
      && !ddpm_sampler_check_inversion (job->courses[0].sampler, job->courses[0].first_step, error))
    return FALSE;
  return check_shared (job, error) && check_progressive (job, error);
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

/* `count` in batches of at most `largest`, all of about the same size, so that the last one wastes little. */
static guint
divide_evenly (guint count, guint largest)
{
  const guint n_batches = (count + largest - 1) / largest;

  return (count + n_batches - 1) / n_batches;
}

/* The ends of an interpolation are for nobody to see. */
static guint
get_largest_batch (const DdpmSampleJob *job)
{
  if (!job->options.preview)
    return MAX_AUTO_BATCH;
  return MAX_SHOWN_BATCH + (ddpm_sample_job_inverts (job) ? 2 : 0);
}

/* Canvases that are seen whole: as many as the network can work on at once. */
static void
set_whole_batch (DdpmSampleJob *job, guint most)
{
  guint largest = MIN (most, get_largest_batch (job));

  while (job->options.batch == 0 && largest > 1
         && ddpm_sample_predictor_predict_bytes (job, largest, largest) > MAX_AUTO_PASS_BYTES)
    largest--;
  job->batch =
    job->options.batch > 0 ? MIN (job->options.batch, most) : divide_evenly (job->n_tasks, largest);
  job->window_batch = job->batch;
}

/* Canvases that are seen by windows: one, if there are windows enough to work on in one. */
static void
set_window_batch (DdpmSampleJob *job, guint most)
{
  const guint n_windows = ddpm_windows_count (&job->windows);
  guint largest = MAX_AUTO_BATCH;

  job->batch = CLAMP (MAX_AUTO_BATCH / n_windows, 1, get_largest_batch (job));
  job->batch = job->options.batch > 0 ? MIN (job->options.batch, most)
                                      : divide_evenly (job->n_tasks, MIN (job->batch, most));
  largest = MIN (largest, job->batch * n_windows);
  while (largest > 1
         && ddpm_sample_predictor_predict_bytes (job, job->batch, largest) > MAX_WINDOW_PASS_BYTES)
    largest--;
  job->window_batch = divide_evenly (job->batch * n_windows, largest);
}

static void
set_batch (DdpmSampleJob *job)
{
  const guint most = job->n_courses > 1 ? 1 : job->n_tasks;

  if (ddpm_windows_is_whole (&job->windows))
    set_whole_batch (job, most);
  else
    set_window_batch (job, most);
}

void
ddpm_sample_job_set_memory_error (const DdpmSampleJob *job, GError **error)
{
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_MEMORY,
               _ ("There is not enough memory for %u x %u pixels, %u at once."), job->wanted_width,
               job->wanted_height, job->batch);
}

static gboolean
check_memory (DdpmSampleJob *job, GError **error)
{
  const guint64 needed = ddpm_sample_job_predict_bytes (job), available = ddpm_memory_get_available_bytes ();

  if (needed <= available)
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_MEMORY,
               job->batch > 1
                 ? _ ("This takes %.2f GB of memory, and %.2f GB are free; make fewer pictures at once (a "
                      "smaller batch), or close other programs.")
                 : _ ("This takes %.2f GB of memory, and %.2f GB are free; make smaller pictures, or close "
                      "other programs."),
               needed / 1e9, available / 1e9);
  return FALSE;
}

static gboolean
set_fill (DdpmSampleJob *job, const DdpmImage *mask, GError **error)
{
  const DdpmUnetConfig *config = ddpm_unet_get_config (job->model->unet);

  if (job->options.task != DDPM_TASK_FILL)
    return TRUE;
  job->fill = ddpm_sample_fill_new (
    job->inputs[0], mask, config->sample_width > 0 ? config->sample_width : DDPM_UNKNOWN_SIDE,
    config->sample_height > 0 ? config->sample_height : DDPM_UNKNOWN_SIDE, error);
  return job->fill != NULL;
}

static guint
count_tasks (const DdpmSampleJob *job)
{
  if (job->options.task == DDPM_TASK_PROGRESSIVE)
    return 1;
  if (ddpm_sample_job_inverts (job))
    return job->options.count + 2; /* and what comes back of the ends */
  return job->options.count * (job->fill != NULL ? ddpm_sample_fill_get_n_pieces (job->fill) : 1);
}

DdpmSampleJob *
ddpm_sample_job_new (DdpmModel *model, const DdpmSampleOptions *options, GError **error)
{
  g_autoptr (DdpmSampleJob) job = NULL;

  g_return_val_if_fail (model != NULL, NULL);
  g_return_val_if_fail (options != NULL && options->task <= DDPM_TASK_PROGRESSIVE, NULL);

  if (!ddpm_model_check_channels (model, error) || !ddpm_sample_options_check (options, error)
      || !ddpm_precision_check (options->precision, error))
    return NULL;

  job = g_object_new (DDPM_TYPE_SAMPLE_JOB, NULL);
  job->model = model;
  job->options = *options;
  job->n_channels = ddpm_unet_get_config (model->unet)->in_channels;
  for (guint i = 0; i < 2; i++)
    {
      const gboolean used = i < ddpm_sample_task_count_inputs (options->task);

      job->inputs[i] = used ? ddpm_image_copy (options->inputs[i]) : NULL;
      job->options.inputs[i] = NULL;
    }
  job->options.mask = NULL;
  job->options.label = NULL;
  if (!ddpm_sample_job_set_label (job, options->label, error) || !set_fill (job, options->mask, error)
      || !ddpm_sample_job_set_size (job, error) || !set_courses (job, error))
    return NULL;
  job->n_tasks = count_tasks (job);
  set_batch (job);
  return check_memory (job, error) ? g_steal_pointer (&job) : NULL;
}

gsize
ddpm_sample_job_predict_bytes (DdpmSampleJob *job)
{
  gsize bytes = ddpm_sample_job_get_image_bytes (job);

  if (job->fill != NULL)
    bytes += ddpm_sample_fill_predict_bytes (job->fill, job->options.count);
  if (ddpm_sample_job_denoises (job))
    bytes += ddpm_sample_job_get_tensor_bytes (job)
             + ddpm_sample_predictor_predict_bytes (job, job->batch, job->window_batch);
  return bytes;
}

/* Parts of the picture's own strength. */
#define MOST_LEFT 0.1

gboolean
ddpm_sample_job_begins_late (DdpmSampleJob *job, guint *first)
{
  const DdpmSampler *sampler = job->courses[0].sampler;
  guint n_timesteps;

  g_return_val_if_fail (DDPM_IS_SAMPLE_JOB (job), FALSE);

  if (job->options.task != DDPM_TASK_GENERATE && job->options.task != DDPM_TASK_PROGRESSIVE)
    return FALSE;
  const DdpmSchedule *schedule = ddpm_sampler_get_schedule (sampler);
  *first = (guint) ddpm_sampler_get_timesteps (sampler, &n_timesteps)[0];
  return sqrtf (schedule->alpha_bar[*first]) - sqrtf (schedule->alpha_bar[schedule->n_timesteps - 1])
         > MOST_LEFT;
}

guint64
ddpm_sample_job_get_total_steps (DdpmSampleJob *job)
{
  guint64 n_steps = ddpm_sample_job_count_inversion_steps (job);

  for (guint task = 0; task < job->n_tasks; task += job->batch)
    n_steps += ddpm_sample_job_get_course (job, task)->n_steps;
  return n_steps;
}

const DdpmSampleCourse *
ddpm_sample_job_get_course (const DdpmSampleJob *job, guint task)
{
  return &job->courses[job->n_courses > 1 ? task : 0];
}

gboolean
ddpm_sample_job_denoises (const DdpmSampleJob *job)
{
  for (guint i = 0; i < job->n_courses; i++)
    if (job->courses[i].sampler != NULL)
      return TRUE;
  return FALSE;
}

gboolean
ddpm_sample_job_inverts (const DdpmSampleJob *job)
{
  return job->options.task == DDPM_TASK_INTERPOLATE && job->options.interpolation == DDPM_INTERPOLATION_LATENT
         && ddpm_sample_job_denoises (job);
}

double
ddpm_sample_job_get_strength (const DdpmSampleJob *job, guint index)
{
  const double from = job->options.strength, to = job->options.ladder_to;

  if (job->options.task != DDPM_TASK_VARY || to < 0 || index == 0)
    return from;
  return index + 1 == job->options.count ? to : from + (to - from) * index / (job->options.count - 1);
}

guint
ddpm_sample_job_get_shown_step (const DdpmSampleJob *job, guint index)
{
  const guint last = job->courses[0].n_steps - 1;

  return index + 1 == job->options.count ? last : index * last / (job->options.count - 1);
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

double
ddpm_sample_job_get_inversion_error (DdpmSampleJob *job, guint end)
{
  g_return_val_if_fail (DDPM_IS_SAMPLE_JOB (job) && end < 2, -1);

  return job->inversion_errors[end];
}

DdpmImage *const *
ddpm_sample_job_get_images (DdpmSampleJob *job, guint *n_images)
{
  g_return_val_if_fail (DDPM_IS_SAMPLE_JOB (job), NULL);

  *n_images = job->images->len;
  return (DdpmImage *const *) job->images->pdata;
}
