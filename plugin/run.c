#include "plugin/run.h"

#include <glib/gi18n.h>

#define UPDATE_INTERVAL_ms 50

/* What the worker and the main thread share. */
typedef struct
{
  DdpmSampleTask task;
  const DdpmArguments *arguments;
  DdpmImage *const *inputs;
  DdpmRun *run; /* the worker's alone until it has ended */

  GMutex mutex; /* guards what follows */
  guint64 step, total;

  guint64 step_shown; /* the main thread's alone */
} Work;

/* On the worker thread, after each step. */
static void
note_progress (const DdpmProgress *progress, gpointer user_data)
{
  Work *work = user_data;

  g_mutex_lock (&work->mutex);
  work->step = progress->step;
  work->total = progress->total;
  g_mutex_unlock (&work->mutex);
}

static gboolean
show_progress (gpointer user_data)
{
  Work *work = user_data;
  guint64 step, total;

  g_mutex_lock (&work->mutex);
  step = work->step;
  total = work->total;
  g_mutex_unlock (&work->mutex);

  if (total > 0 && step != work->step_shown)
    {
      if (work->step_shown == 0)
        gimp_progress_set_text_printf (_ ("Generating with “%s”"), work->run->model->name);
      gimp_progress_update ((double) step / total);
      work->step_shown = step;
    }
  return G_SOURCE_CONTINUE;
}

static gboolean
do_work (Work *work, GCancellable *cancellable, GError **error)
{
  const DdpmArguments *arguments = work->arguments;
  g_autoptr (GFile) folder = ddpm_model_find (arguments->model, NULL, error);
  DdpmSampleOptions options;

  if (folder == NULL)
    return FALSE;
  work->run->model = ddpm_model_open_header (folder, error);
  if (work->run->model == NULL)
    return FALSE;

  ddpm_sample_options_init (&options, work->run->model);
  options.task = work->task;
  options.count = arguments->count;
  options.seed = arguments->seed;
  if (arguments->has_sampler)
    options.sampler = arguments->sampler;
  if (arguments->steps > 0)
    options.n_steps = arguments->steps;
  options.eta = arguments->eta;
  options.strength = arguments->strength;
  options.inputs[0] = work->inputs[0];
  options.inputs[1] = work->inputs[1];

  work->run->job = ddpm_sample_job_new (work->run->model, &options, error);
  return work->run->job != NULL
         && ddpm_sample_job_run (work->run->job, note_progress, work, cancellable, error);
}

static void
work_in_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  GError *error = NULL;

  if (do_work (task_data, cancellable, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
quit_loop (GObject *source, GAsyncResult *result, gpointer loop)
{
  g_main_loop_quit (loop);
}

DdpmRun *
ddpm_run_new (DdpmSampleTask task, const DdpmArguments *arguments, DdpmImage *const inputs[2], GError **error)
{
  g_autoptr (DdpmRun) run = g_new0 (DdpmRun, 1);
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GTask) worker = g_task_new (NULL, NULL, quit_loop, loop);
  Work work = { .task = task, .arguments = arguments, .inputs = inputs, .run = run };
  gboolean finished;
  guint timeout;

  g_mutex_init (&work.mutex);
  gimp_progress_init_printf (_ ("Opening the model “%s”"), arguments->model);
  g_task_set_task_data (worker, &work, NULL);
  g_task_run_in_thread (worker, work_in_thread);
  timeout = g_timeout_add (UPDATE_INTERVAL_ms, show_progress, &work);
  g_main_loop_run (loop);
  g_source_remove (timeout);
  g_mutex_clear (&work.mutex);

  finished = g_task_propagate_boolean (worker, error);
  if (finished)
    gimp_progress_update (1.0);
  return finished ? g_steal_pointer (&run) : NULL;
}

void
ddpm_run_free (DdpmRun *run)
{
  g_clear_object (&run->job);
  g_clear_pointer (&run->model, ddpm_model_free);
  g_free (run);
}
