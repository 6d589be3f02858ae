#include "plugin/run.h"

#include <glib/gi18n.h>

#define UPDATE_INTERVAL_ms 50

/* What the worker and the main thread share. */
typedef struct _DdpmRunWork
{
  DdpmRun *run;
  DdpmSampleTask task;
  const DdpmArguments *arguments;
  const DdpmInputs *inputs;
  gboolean preview;

  GThread *thread; /* NULL: joined */
  GCancellable *cancellable;
  GError *error; /* the worker's until it has ended */

  GMutex mutex; /* guards what follows */
  DdpmRunState state;
  gboolean stop_here;
  DdpmImage **pictures; /* [state.count], those not taken yet; NULL: no job yet */
} Work;

static void
set_picture (Work *work, guint index, const DdpmImage *picture)
{
  if (index >= work->state.count)
    return;
  g_clear_pointer (&work->pictures[index], ddpm_image_free);
  work->pictures[index] = ddpm_image_copy (picture);
}

/* Pictures that the job finished since it was asked last; on the worker thread. */
static void
note_finished (Work *work)
{
  guint n_finished;
  DdpmImage *const *finished = ddpm_sample_job_get_images (work->run->job, &n_finished);

  for (guint i = work->state.n_finished; work->preview && i < n_finished; i++)
    set_picture (work, i, finished[i]);
  work->state.n_finished = n_finished;
}

/* On the worker thread, after each step. */
static void
note_progress (const DdpmProgress *progress, gpointer user_data)
{
  Work *work = user_data;

  g_mutex_lock (&work->mutex);
  work->state.step = progress->step;
  work->state.total = progress->total;
  work->state.seconds_left = progress->seconds_left;
  note_finished (work);
  for (guint i = 0; i < progress->n_preview; i++)
    set_picture (work, work->state.n_finished + i, progress->preview[i]);
  g_mutex_unlock (&work->mutex);
}

/* From here on it can be told to stop here. */
static void
begin_job (Work *work)
{
  g_mutex_lock (&work->mutex);
  work->state.count = work->arguments->count;
  work->state.total = ddpm_sample_job_get_total_steps (work->run->job);
  work->pictures = g_new0 (DdpmImage *, work->state.count);
  if (work->stop_here)
    ddpm_sample_job_stop_here (work->run->job);
  g_mutex_unlock (&work->mutex);
}

DdpmSampleJob *
ddpm_run_new_job (DdpmModel *model, DdpmSampleTask task, const DdpmArguments *arguments,
                  const DdpmInputs *inputs, gboolean preview, GError **error)
{
  DdpmSampleOptions options;

  ddpm_sample_options_init (&options, model);
  options.task = task;
  ddpm_arguments_set_options (arguments, model, &options);
  options.inputs[0] = inputs->pictures[0];
  options.inputs[1] = inputs->pictures[1];
  options.mask = inputs->mask;
  options.preview = preview;
  return ddpm_sample_job_new (model, &options, error);
}

static gboolean
do_work (Work *work, GError **error)
{
  DdpmRun *run = work->run;
  g_autoptr (GFile) folder = ddpm_model_find (work->arguments->model, NULL, error);

  if (folder == NULL)
    return FALSE;
  run->model = ddpm_model_open_header (folder, error);
  if (run->model == NULL)
    return FALSE;
  run->job = ddpm_run_new_job (run->model, work->task, work->arguments, work->inputs, work->preview, error);
  if (run->job == NULL)
    return FALSE;
  begin_job (work);
  return ddpm_sample_job_run (run->job, note_progress, work, work->cancellable, error);
}

static gpointer
work_in_thread (gpointer data)
{
  Work *work = data;

  do_work (work, &work->error);
  g_mutex_lock (&work->mutex);
  if (work->pictures != NULL)
    note_finished (work);
  work->state.ended = TRUE;
  g_mutex_unlock (&work->mutex);
  return NULL;
}

DdpmRun *
ddpm_run_start (DdpmSampleTask task, const DdpmArguments *arguments, const DdpmInputs *inputs,
                gboolean preview)
{
  DdpmRun *run = g_new0 (DdpmRun, 1);
  Work *work = g_new0 (Work, 1);

  *work = (Work) {
    .run = run,
    .task = task,
    .arguments = arguments,
    .inputs = inputs,
    .preview = preview,
    .cancellable = g_cancellable_new (),
    .state = { .seconds_left = -1 },
  };
  g_mutex_init (&work->mutex);
  run->work = work;
  work->thread = g_thread_new ("ddpm-run", work_in_thread, work);
  return run;
}

DdpmRunState
ddpm_run_get_state (DdpmRun *run)
{
  DdpmRunState state;

  g_mutex_lock (&run->work->mutex);
  state = run->work->state;
  g_mutex_unlock (&run->work->mutex);
  return state;
}

DdpmImage *
ddpm_run_take_picture (DdpmRun *run, guint index)
{
  Work *work = run->work;
  DdpmImage *picture = NULL;

  g_mutex_lock (&work->mutex);
  if (index < work->state.count)
    picture = g_steal_pointer (&work->pictures[index]);
  g_mutex_unlock (&work->mutex);
  return picture;
}

void
ddpm_run_cancel (DdpmRun *run)
{
  g_cancellable_cancel (run->work->cancellable);
}

void
ddpm_run_stop_here (DdpmRun *run)
{
  Work *work = run->work;

  g_mutex_lock (&work->mutex);
  work->stop_here = TRUE;
  if (work->pictures != NULL)
    ddpm_sample_job_stop_here (run->job);
  g_mutex_unlock (&work->mutex);
}

gboolean
ddpm_run_finish (DdpmRun *run, GError **error)
{
  Work *work = run->work;

  g_clear_pointer (&work->thread, g_thread_join);
  if (work->error == NULL)
    return TRUE;
  if (error != NULL)
    *error = g_error_copy (work->error);
  return FALSE;
}

typedef struct
{
  DdpmRun *run;
  GMainLoop *loop;
  guint64 step_shown;
} Progress;

static gboolean
show_progress (gpointer user_data)
{
  Progress *progress = user_data;
  const DdpmRunState state = ddpm_run_get_state (progress->run);

  if (state.ended)
    g_main_loop_quit (progress->loop);
  else if (state.total > 0 && state.step != progress->step_shown)
    {
      if (progress->step_shown == 0)
        gimp_progress_set_text_printf (_ ("Generating with “%s”"), progress->run->work->arguments->model);
      gimp_progress_update ((double) state.step / state.total);
      progress->step_shown = state.step;
    }
  return G_SOURCE_CONTINUE;
}

gboolean
ddpm_run_finish_with_progress (DdpmRun *run, GError **error)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Progress progress = { run, loop };
  gboolean finished;
  guint timeout;

  gimp_progress_init_printf (_ ("Opening the model “%s”"), run->work->arguments->model);
  timeout = g_timeout_add (UPDATE_INTERVAL_ms, show_progress, &progress);
  g_main_loop_run (loop);
  g_source_remove (timeout);

  finished = ddpm_run_finish (run, error);
  if (finished)
    gimp_progress_update (1.0);
  return finished;
}

guint
ddpm_run_get_n_pictures (DdpmRun *run)
{
  guint n_pictures = 0;

  if (run->job != NULL)
    ddpm_sample_job_get_images (run->job, &n_pictures);
  return n_pictures;
}

void
ddpm_run_free (DdpmRun *run)
{
  Work *work = run->work;

  ddpm_run_cancel (run);
  ddpm_run_finish (run, NULL);
  for (guint i = 0; work->pictures != NULL && i < work->state.count; i++)
    g_clear_pointer (&work->pictures[i], ddpm_image_free);
  g_free (work->pictures);
  g_clear_error (&work->error);
  g_object_unref (work->cancellable);
  g_mutex_clear (&work->mutex);
  g_free (work);

  g_clear_object (&run->job);
  g_clear_pointer (&run->model, ddpm_model_free);
  g_free (run);
}
