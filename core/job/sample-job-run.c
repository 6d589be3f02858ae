/* The work of a sampling job: batches of pictures, each denoised step by step. */
#include "core/job/sample-run.h"

#include <math.h>
#include <string.h>

#include "core/base/error.h"
#include "core/job/sample-size.h"
#include "core/job/sample-start.h"

static void
run_clear (DdpmSampleRun *run)
{
  g_clear_pointer (&run->predictor, ddpm_sample_predictor_free);
  g_clear_pointer (&run->team, ddpm_team_free);
  for (guint i = 0; i < 2; i++)
    {
      g_free (run->ends[i]);
      g_free (run->latents[i]);
    }
  g_free (run->x);
  g_free (run->estimate);
  g_free (run->noise);
  g_free (run->state);
  g_free (run->thresholds);
  g_free (run->known);
  g_free (run->mask);
  g_clear_pointer (&run->filled, ddpm_image_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmSampleRun, run_clear)

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
  const guint n_inversion =
    ddpm_sample_job_inverts (job) ? 2 + MIN (job->batch, 2) * DDPM_SAMPLER_N_INVERSION_STATES : 0;
  /* for each in the batch x, the estimate, what the sampler remembers, and perhaps its preview, what is known
   * of it and where; noise, both ends and what their inversion takes */
  const guint n_own = 2 + get_n_states (job) + (job->options.preview ? 1 : 0) + (job->fill != NULL ? 2 : 0);

  return sizeof (float) * ddpm_sample_job_get_n_values (job) * (n_own * (gsize) job->batch + 3 + n_inversion);
}

static gboolean
run_init (DdpmSampleRun *run, GCancellable *cancellable, GError **error)
{
  DdpmSampleJob *job = run->job;
  const gsize n = run->n_values = ddpm_sample_job_get_n_values (job);

  for (guint i = 0; i < 2; i++)
    if (job->inputs[i] != NULL && job->fill == NULL)
      run->ends[i] = ddpm_sample_job_make_canvas (job, job->inputs[i]);
  run->x = g_try_new0 (float, n * job->batch);
  run->estimate = g_try_new0 (float, n * job->batch);
  run->noise = g_try_new (float, n);
  run->n_states = get_n_states (job);
  if (run->n_states > 0)
    run->state = g_try_new (float, n * run->n_states * job->batch);
  if (job->fill != NULL)
    {
      run->known = g_try_new (float, n * job->batch);
      run->mask = g_try_new (float, (gsize) job->width * job->height * job->batch);
    }
  if (run->x == NULL || run->estimate == NULL || run->noise == NULL
      || (run->n_states > 0 && run->state == NULL)
      || (job->fill != NULL && (run->known == NULL || run->mask == NULL)))
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

void
ddpm_sample_run_report (DdpmSampleRun *run, guint n_pictures)
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
    g_ptr_array_add (preview, ddpm_sample_job_make_preview (run->job, run->estimate + i * run->n_values));
  progress.preview = (DdpmImage *const *) preview->pdata;
  progress.n_preview = preview->len;
  run->func (&progress, run->user_data);
}

/* Of a batch: the ends of an interpolation come last in it, for nobody to see. */
static guint
count_shown (const DdpmSampleJob *job, const DdpmSampleBatch *batch)
{
  if (!ddpm_sample_job_inverts (job))
    return batch->n;
  return batch->first < job->options.count ? MIN (batch->n, job->options.count - batch->first) : 0;
}

/* x becomes the estimate of x_0. FALSE: cancelled, or an estimate is not finite. */
static gboolean
denoise_batch (DdpmSampleRun *run, const DdpmSampleBatch *batch, GCancellable *cancellable, GError **error)
{
  DdpmSampleJob *job = run->job;
  const guint n_steps = batch->course->n_steps, n_shown = count_shown (job, batch);

  for (guint k = 0; k < n_steps; k++)
    {
      if (!ddpm_sample_run_step (run, batch, k, cancellable, error))
        return FALSE;
      ddpm_sample_run_report (run, n_shown);
      if (k + 1 == n_steps)
        break;
      if (g_atomic_int_get (&job->stop))
        {
          memcpy (run->x, run->estimate, batch->n * run->n_values * sizeof (float));
          break;
        }
      if (job->options.task == DDPM_TASK_PROGRESSIVE
          && k == ddpm_sample_job_get_shown_step (job, job->images->len)
          && !ddpm_sample_run_finish (run, 0, run->estimate, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
run_batch (DdpmSampleRun *run, const DdpmSampleBatch *batch, GCancellable *cancellable, GError **error)
{
  const DdpmSampleJob *job = run->job;

  for (guint i = 0; i < batch->n; i++)
    {
      /* the estimates are not needed yet */
      ddpm_sample_start_picture (job, run->latents[0] != NULL ? run->latents : run->ends, batch->first + i,
                                 run->x + i * run->n_values, run->noise, run->estimate);
      if (job->fill != NULL)
        ddpm_sample_fill_get_view (job->fill, (batch->first + i) % ddpm_sample_fill_get_n_pieces (job->fill),
                                   job->n_channels, job->model->notes.premultiplied,
                                   run->known + i * run->n_values,
                                   run->mask + i * (gsize) job->width * job->height);
    }
  /* The last batch may have places left over; what was in them does no harm but must be finite. */
  memset (run->x + batch->n * run->n_values, 0, (job->batch - batch->n) * run->n_values * sizeof (float));

  if (!denoise_batch (run, batch, cancellable, error))
    return FALSE;
  for (guint i = 0; i < batch->n; i++)
    if (!ddpm_sample_run_finish (run, batch->first + i, run->x + i * run->n_values, error))
      return FALSE;
  return TRUE;
}

/* What the first pictures come to without a model, the plain mixture, is shown meanwhile, and handed over if
 * the job is stopped. */
static gboolean
invert (DdpmSampleRun *run, GCancellable *cancellable, GError **error)
{
  const DdpmSampleJob *job = run->job;
  const guint n = MIN (job->batch, job->options.count);

  for (guint i = 0; i < n; i++)
    {
      const float lambda = (float) ddpm_sample_job_get_lambda (job, i);
      float *estimate = run->estimate + i * run->n_values;

      for (gsize v = 0; v < run->n_values; v++)
        estimate[v] = (1 - lambda) * run->ends[0][v] + lambda * run->ends[1][v];
    }
  if (!ddpm_sample_run_invert (run, n, cancellable, error))
    return FALSE;
  for (guint i = 0; i < n && g_atomic_int_get (&run->job->stop); i++)
    if (!ddpm_sample_run_finish (run, i, run->estimate + i * run->n_values, error))
      return FALSE;
  return TRUE;
}

gboolean
ddpm_sample_job_run (DdpmSampleJob *job, DdpmProgressFunc func, gpointer user_data, GCancellable *cancellable,
                     GError **error)
{
  g_auto (DdpmSampleRun) run = { .job = job, .func = func, .user_data = user_data };

  g_return_val_if_fail (DDPM_IS_SAMPLE_JOB (job), FALSE);

  g_ptr_array_set_size (job->images, 0);
  for (guint i = 0; i < 2; i++)
    job->inversion_errors[i] = ddpm_sample_job_denoises (job) ? -1 : 0;
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  if (!run_init (&run, cancellable, error))
    return FALSE;
  run.start_us = g_get_monotonic_time ();
  if (ddpm_sample_job_inverts (job) && !invert (&run, cancellable, error))
    return FALSE;
  for (guint first = job->images->len; first < job->n_tasks; first += job->batch)
    {
      const DdpmSampleBatch batch = { ddpm_sample_job_get_course (job, first), first,
                                      MIN (job->batch, job->n_tasks - first) };

      if (first > 0 && g_atomic_int_get (&job->stop))
        break;
      if (!run_batch (&run, &batch, cancellable, error))
        return FALSE;
    }
  ddpm_sample_run_finish_early (&run);
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
