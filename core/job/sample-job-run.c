/* The work of a sampling job: batches of pictures, each denoised step by step. */
#include "core/job/sample-job-private.h"

#include <math.h>
#include <string.h>

#include "core/base/error.h"
#include "core/job/sample-job-input.h"
#include "core/job/sample-predict.h"
#include "core/job/sample-start.h"

/* Values of a picture that a thread takes through a step at once; a multiple of 4. */
#define STEP_PIECE 2048

typedef struct
{
  DdpmSampleJob *job;
  DdpmTeam *team;
  DdpmSamplePredictor *predictor;

  gsize n_values;    /* floats of one picture */
  float *ends[2];    /* inputs as tensors, [n_values] */
  float *x;          /* [batch][n_values] */
  float *estimate;   /* [batch][n_values], of x_0 */
  float *noise;      /* [n_values] */
  guint n_states;    /* planes that the sampler remembers of a picture */
  float *state;      /* [batch][n_states][n_values], or NULL: none */
  float *thresholds; /* [batch], of the step, where the sampler needs them */

  DdpmProgressFunc func;
  gpointer user_data;
  guint64 n_done; /* steps */
  gint64 start_us;
} Run;

static void
run_clear (Run *run)
{
  g_clear_pointer (&run->predictor, ddpm_sample_predictor_free);
  g_clear_pointer (&run->team, ddpm_team_free);
  g_free (run->ends[0]);
  g_free (run->ends[1]);
  g_free (run->x);
  g_free (run->estimate);
  g_free (run->noise);
  g_free (run->state);
  g_free (run->thresholds);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Run, run_clear)

/* Planes that the sampler of any course remembers of a picture. */
static guint
get_n_states (const DdpmSampleJob *job)
{
  guint n_states = 0;

  for (guint i = 0; i < job->n_courses; i++)
    if (job->courses[i].sampler != NULL)
      n_states = MAX (n_states, ddpm_sampler_get_n_states (job->courses[i].sampler));
  return n_states;
}

gsize
ddpm_sample_job_get_tensor_bytes (const DdpmSampleJob *job)
{
  /* x, the estimate and what the sampler remembers for each in the batch, and perhaps its preview; noise and
   * both ends */
  return sizeof (float) * ddpm_sample_job_get_n_values (job)
         * (((job->options.preview ? 3 : 2) + get_n_states (job)) * (gsize) job->batch + 3);
}

static gboolean
run_init (Run *run, GCancellable *cancellable, GError **error)
{
  DdpmSampleJob *job = run->job;
  const gsize n = run->n_values = ddpm_sample_job_get_n_values (job);

  for (guint i = 0; i < 2; i++)
    if (job->inputs[i] != NULL)
      run->ends[i] = ddpm_sample_make_tensor (job->inputs[i], job->n_channels, job->height, job->width,
                                              job->model->notes.premultiplied);
  run->x = g_try_new0 (float, n * job->batch);
  run->estimate = g_try_new0 (float, n * job->batch);
  run->noise = g_try_new (float, n);
  run->n_states = get_n_states (job);
  if (run->n_states > 0)
    run->state = g_try_new (float, n * run->n_states * job->batch);
  if (run->x == NULL || run->estimate == NULL || run->noise == NULL
      || (run->n_states > 0 && run->state == NULL))
    {
      ddpm_sample_job_set_memory_error (job, error);
      return FALSE;
    }
  if (!ddpm_sample_job_denoises (job))
    return TRUE;
  run->thresholds = g_new (float, job->batch);

  run->team = ddpm_team_new (job->options.n_threads);
  ddpm_team_set_cancellable (run->team, cancellable);
  run->predictor = ddpm_sample_predictor_new (job, run->team, error);
  return run->predictor != NULL;
}

static DdpmImage *
make_image (const Run *run, const float *tensor)
{
  const DdpmSampleJob *job = run->job;

  return ddpm_image_from_tensor (tensor, job->n_channels, job->height, job->width,
                                 job->model->notes.premultiplied);
}

static void
report_progress (Run *run, guint n_pictures)
{
  const double elapsed_s = (double) (g_get_monotonic_time () - run->start_us) / G_USEC_PER_SEC;
  g_autoptr (GPtrArray) preview = NULL;
  DdpmProgress progress = {
    .phase = DDPM_PHASE_SAMPLE,
    .step = run->n_done,
    .total = ddpm_sample_job_get_total_steps (run->job),
    .seconds_left = -1,
    .loss = NAN,
  };

  if (run->func == NULL)
    return;

  if (elapsed_s > 0)
    {
      progress.steps_per_s = (double) run->n_done / elapsed_s;
      progress.seconds_left = (double) (progress.total - progress.step) / progress.steps_per_s;
    }
  preview = g_ptr_array_new_with_free_func ((GDestroyNotify) ddpm_image_free);
  for (guint i = 0; run->job->options.preview && i < n_pictures; i++)
    g_ptr_array_add (preview, make_image (run, run->estimate + i * run->n_values));
  progress.preview = (DdpmImage *const *) preview->pdata;
  progress.n_preview = preview->len;
  run->func (&progress, run->user_data);
}

/* Pictures that are made at once: the network's, from number `first` on. */
typedef struct
{
  const DdpmSampleCourse *course;
  guint first, n;
} Batch;

typedef struct
{
  Run *run;
  const Batch *batch;
  float *output;  /* [batch][n_outputs], what the network said */
  guint step;     /* the sampler's */
  guint n_past;   /* taken one after another before that */
  guint n_pieces; /* of each picture */
} StepWork;

/* The range of a picture's values depends on all of them. Its last estimate is no longer needed by then. */
static void
find_threshold_task (guint task, guint worker, gpointer data)
{
  const StepWork *work = data;
  const Run *run = work->run;
  const gsize n = run->n_values;
  const float *output = work->output + task * ddpm_sample_job_get_n_outputs (run->job);

  run->thresholds[task] = ddpm_sampler_get_threshold (work->batch->course->sampler, work->step, output,
                                                      run->x + task * n, run->estimate + task * n, n);
}

/* The sampler's step on a piece of a picture. */
static void
run_step_task (guint task, guint worker, gpointer data)
{
  const StepWork *work = data;
  const Run *run = work->run;
  const DdpmSampleJob *job = run->job;
  const DdpmSampler *sampler = work->batch->course->sampler;
  const guint picture = task / work->n_pieces;
  const gsize n_outputs = ddpm_sample_job_get_n_outputs (job);
  const gsize begin = (gsize) (task % work->n_pieces) * STEP_PIECE;
  const gsize n = MIN (STEP_PIECE, run->n_values - begin), at = picture * run->n_values + begin;
  const float *output = work->output + picture * n_outputs + begin;
  const gboolean needs_noise = ddpm_sampler_step_needs_noise (sampler, work->step);
  float noise[STEP_PIECE];
  const DdpmSamplerPiece piece = {
    .n = n,
    .output = output,
    .variance = n_outputs > run->n_values ? output + run->n_values : NULL,
    .noise = needs_noise ? noise : NULL,
    .threshold = run->thresholds[picture],
    .x = run->x + at,
    .x0 = run->estimate + at,
    .state = run->state != NULL ? run->state + picture * run->n_states * run->n_values + begin : NULL,
    .plane_size = run->n_values,
  };

  if (needs_noise)
    ddpm_rng_normal_from (
      ddpm_sample_get_noise_key (job, DDPM_RNG_STEP, work->batch->first + picture, work->step), begin, noise,
      n);
  ddpm_sampler_step (sampler, work->step, work->n_past, &piece);
}

/* Number k of the course. FALSE: cancelled, and the batch of no more use. */
static gboolean
run_step (Run *run, const Batch *batch, guint k, GCancellable *cancellable, GError **error)
{
  const float t = ddpm_sample_course_get_timestep (batch->course, k);
  guint repeat;
  StepWork work = {
    .run = run,
    .batch = batch,
    .output = ddpm_sample_predictor_run (run->predictor, run->x, t),
    .step = ddpm_sample_course_get_step (batch->course, k, &repeat),
    .n_past = ddpm_sample_course_get_n_past (batch->course, k),
    .n_pieces = (run->n_values + STEP_PIECE - 1) / STEP_PIECE,
  };

  if (ddpm_sampler_needs_threshold (batch->course->sampler))
    ddpm_team_run (run->team, batch->n, find_threshold_task, &work);
  ddpm_team_run (run->team, batch->n * work.n_pieces, run_step_task, &work);
  /* the team skips what is left of cancelled work */
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  run->n_done++;
  return TRUE;
}

/* Picture `index` of the job, of x. */
static gboolean
finish_picture (Run *run, guint index, const float *x, GError **error)
{
  DdpmSampleJob *job = run->job;
  DdpmImage *image;

  if (job->options.task == DDPM_TASK_VARY && ddpm_sample_job_get_course (job, index)->sampler == NULL)
    {
      g_ptr_array_add (job->images, ddpm_image_copy (job->inputs[0]));
      return TRUE;
    }
  for (gsize i = 0; i < run->n_values; i++)
    if (!isfinite (x[i]))
      {
        g_set_error (
          error, DDPM_ERROR, DDPM_ERROR_NUMERIC,
          "The model \"%s\" made picture %u of numbers that are not finite; its weights are damaged or do "
          "not fit its config.json and scheduler_config.json.",
          job->model->name, index + 1);
        return FALSE;
      }

  image = make_image (run, x);
  if (job->inputs[0] != NULL)
    image = ddpm_sample_restore (image, (const DdpmImage *const *) job->inputs,
                                 job->inputs[1] != NULL ? ddpm_sample_job_get_lambda (job, index) : 0);
  g_ptr_array_add (job->images, image);
  return TRUE;
}

/* x becomes the estimate of x_0. FALSE: cancelled, or an estimate is not finite. */
static gboolean
denoise_batch (Run *run, const Batch *batch, GCancellable *cancellable, GError **error)
{
  DdpmSampleJob *job = run->job;
  const guint n_steps = batch->course->n_steps;

  for (guint k = 0; k < n_steps; k++)
    {
      if (!run_step (run, batch, k, cancellable, error))
        return FALSE;
      report_progress (run, batch->n);
      if (k + 1 == n_steps)
        break;
      if (g_atomic_int_get (&job->stop))
        {
          memcpy (run->x, run->estimate, batch->n * run->n_values * sizeof (float));
          break;
        }
      if (job->options.task == DDPM_TASK_PROGRESSIVE
          && k == ddpm_sample_job_get_shown_step (job, job->images->len)
          && !finish_picture (run, job->images->len, run->estimate, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
run_batch (Run *run, const Batch *batch, GCancellable *cancellable, GError **error)
{
  for (guint i = 0; i < batch->n; i++)
    /* the estimates are not needed yet */
    ddpm_sample_start_picture (run->job, run->ends, batch->first + i, run->x + i * run->n_values, run->noise,
                               run->estimate);
  /* The last batch may have places left over; what was in them does no harm but must be finite. */
  memset (run->x + batch->n * run->n_values, 0,
          (run->job->batch - batch->n) * run->n_values * sizeof (float));

  if (!denoise_batch (run, batch, cancellable, error))
    return FALSE;
  for (guint i = 0; i < batch->n; i++)
    if (!finish_picture (run, batch->first + i, run->x + i * run->n_values, error))
      return FALSE;
  return TRUE;
}

gboolean
ddpm_sample_job_run (DdpmSampleJob *job, DdpmProgressFunc func, gpointer user_data, GCancellable *cancellable,
                     GError **error)
{
  g_auto (Run) run = { .job = job, .func = func, .user_data = user_data };

  g_return_val_if_fail (DDPM_IS_SAMPLE_JOB (job), FALSE);

  g_ptr_array_set_size (job->images, 0);
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  if (!run_init (&run, cancellable, error))
    return FALSE;
  run.start_us = g_get_monotonic_time ();
  for (guint first = 0; first < job->n_tasks; first += job->batch)
    {
      const Batch batch = { ddpm_sample_job_get_course (job, first), first,
                            MIN (job->batch, job->n_tasks - first) };

      if (first > 0 && g_atomic_int_get (&job->stop))
        break;
      if (!run_batch (&run, &batch, cancellable, error))
        return FALSE;
    }
  return TRUE;
}

typedef struct
{
  DdpmProgressFunc func;
  gpointer user_data;
} AsyncCall;

static void
run_in_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  const AsyncCall *call = task_data;
  GError *error = NULL;

  if (ddpm_sample_job_run (DDPM_SAMPLE_JOB (source), call->func, call->user_data, cancellable, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
ddpm_sample_job_run_async (DdpmSampleJob *job, DdpmProgressFunc func, gpointer user_data,
                           GCancellable *cancellable, GAsyncReadyCallback ready, gpointer ready_data)
{
  g_autoptr (GTask) task = NULL;
  AsyncCall *call = g_new (AsyncCall, 1);

  g_return_if_fail (DDPM_IS_SAMPLE_JOB (job));

  *call = (AsyncCall) { .func = func, .user_data = user_data };
  task = g_task_new (job, cancellable, ready, ready_data);
  g_task_set_source_tag (task, ddpm_sample_job_run_async);
  g_task_set_task_data (task, call, g_free);
  /* Pictures that are finished when it is cancelled are there nevertheless, and the run itself says what
   * happened. */
  g_task_set_check_cancellable (task, FALSE);
  g_task_run_in_thread (task, run_in_thread);
}

gboolean
ddpm_sample_job_run_finish (DdpmSampleJob *job, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, job), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}
