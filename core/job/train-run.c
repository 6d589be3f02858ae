#include "core/job/train-run.h"

#include <math.h>

#include "core/base/error.h"
#include "core/job/train-run-private.h"

#define SMOOTHING 0.02 /* share of the newest loss in the smoothed one */

static void
run_clear (DdpmTrainRun *run)
{
  ddpm_train_show_clear (&run->show);
  ddpm_train_step_clear (&run->work);
  ddpm_train_output_clear (&run->output);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmTrainRun, run_clear)

void
ddpm_train_run_tell (const DdpmTrainRun *run, DdpmPhase phase, const char *message)
{
  const guint64 total = run->setup->options.steps;
  const double steps_per_s = ddpm_train_rate_get (&run->rate);
  const DdpmProgress progress = {
    .phase = phase,
    .step = run->counters.step,
    .total = total,
    .seconds_left = steps_per_s > 0 ? (double) (total - run->counters.step) / steps_per_s : -1,
    .loss = run->counters.smoothed,
    .held_out = run->held_out_average,
    .steps_per_s = steps_per_s,
    .message = message,
  };

  if (run->func != NULL)
    run->func (&progress, run->user_data);
}

gboolean
ddpm_train_run_is_last (const DdpmTrainRun *run)
{
  return run->counters.step == run->setup->options.steps;
}

double
ddpm_train_run_get_lr (const DdpmTrainRun *run, guint64 step)
{
  const DdpmTrainOptions *options = &run->setup->options;
  const double lr = ldexp (options->lr, -(int) run->counters.guard.setbacks);

  return options->warmup_steps == 0 ? lr : lr * MIN (1.0, (double) step / (double) options->warmup_steps);
}

/* What turned out about pictures that were decoded meanwhile. */
static void
tell_of_pictures (const DdpmTrainRun *run)
{
  char *message = NULL;

  while ((message = ddpm_dataset_take_message (run->setup->dataset)) != NULL)
    {
      ddpm_train_run_tell (run, DDPM_PHASE_TRAIN, message);
      g_free (message);
    }
}

typedef enum
{
  STEP_MADE,
  STEP_STOPPED, /* G_IO_ERROR_CANCELLED or G_IO_ERROR_CLOSED: it is still to be made */
  STEP_DIVERGED
} StepResult;

/* One update of everything. Nothing is touched when loss or gradient are not finite, or when the step is
 * stopped. *reason: why it has diverged. */
static StepResult
make_step (DdpmTrainRun *run, const char **reason, GCancellable *cancellable, GError **error)
{
  DdpmTrainCounters *counters = &run->counters;
  const guint64 number = counters->step + 1;
  double loss;

  run->work.batch.round = (guint) counters->guard.setbacks;
  if (!ddpm_train_step_compute (&run->work, number, cancellable, &loss, error))
    return STEP_STOPPED;
  if (!isfinite (loss))
    *reason = "the loss is no longer a number";
  else if (!isfinite (run->work.grad_norm))
    *reason = "the gradient is no longer a number";
  else if (!ddpm_train_step_update (&run->work, number, ddpm_train_run_get_lr (run, number)))
    *reason = "a weight is no longer a number";
  else if (!ddpm_train_guard_add (&counters->guard, loss))
    *reason = "the loss has run away";
  if (*reason != NULL)
    return STEP_DIVERGED;

  counters->smoothed =
    isnan (counters->smoothed) ? loss : counters->smoothed + SMOOTHING * (loss - counters->smoothed);
  counters->loss_sum += loss;
  counters->loss_count++;
  counters->grad_norm = run->work.grad_norm;
  counters->step = number;
  atomic_store (run->step, number);
  return STEP_MADE;
}

/* Ends a run that has diverged too often. */
static gboolean
give_up (DdpmTrainRun *run, const char *reason, GError **error)
{
  const double lr = ldexp (run->setup->options.lr, -(int) run->counters.guard.setbacks);

  g_set_error (error, DDPM_ERROR, DDPM_ERROR_NUMERIC,
               "The training has diverged at step %" G_GUINT64_FORMAT
               " (%s), even with the learning rate halved %d times, to %g; the checkpoint of step "
               "%" G_GUINT64_FORMAT " is intact: start again, or go on from that model with --from, with a "
               "smaller --lr",
               run->counters.step + 1, reason, DDPM_TRAIN_GUARD_MOST_SETBACKS, lr, run->output.saved_step);
  return FALSE;
}

/* Back to the last good state with half the learning rate. That becomes the checkpoint at once: what is
 * resumed after this has gone back. */
static gboolean
go_back (DdpmTrainRun *run, const char *reason, GCancellable *cancellable, GError **error)
{
  DdpmRanks *ranks = run->setup->options.ranks;
  const guint64 setbacks = run->counters.guard.setbacks + 1, step = run->counters.step + 1;
  g_autofree char *message = NULL;
  gboolean ok = TRUE;

  if (setbacks > DDPM_TRAIN_GUARD_MOST_SETBACKS)
    return give_up (run, reason, error);
  if (run->writes)
    ok = ddpm_train_output_go_back (&run->output, &run->counters, &run->work.slabs, error);
  run->counters.guard.setbacks = setbacks;
  if (!ddpm_ranks_agree (ranks, ok, cancellable, error)
      || !ddpm_train_run_share_state (run, cancellable, error))
    return FALSE;
  atomic_store (run->step, run->counters.step);
  message =
    g_strdup_printf ("diverged at step %" G_GUINT64_FORMAT " (%s): back to step %" G_GUINT64_FORMAT
                     ", with half the learning rate, %g (%" G_GUINT64_FORMAT " of %d times)",
                     step, reason, run->counters.step, ldexp (run->setup->options.lr, -(int) setbacks),
                     setbacks, DDPM_TRAIN_GUARD_MOST_SETBACKS);
  ddpm_train_run_tell (run, DDPM_PHASE_TRAIN, message);
  return ddpm_ranks_agree (ranks, !run->writes || ddpm_train_run_save (run, error), cancellable, error);
}

/* Ends a run that was stopped, or whose other processes have gone; *error says which. */
static gboolean
stop (DdpmTrainRun *run, GError **error)
{
  const gboolean was_cancelled = g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  if (!run->writes)
    return FALSE;
  if (run->counters.step == 0 && !was_cancelled)
    return FALSE;
  /* mpirun does not wait: it kills after a quarter of a second, or a whole one */
  run->is_hurried = run->setup->options.ranks != NULL;
  g_clear_error (error);
  if (run->counters.step == 0)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
                           "Stopped before the first step; --resume begins with it");
      return FALSE;
    }
  if (!(run->counters.step > run->output.saved_step ? ddpm_train_run_save (run, error)
                                                    : ddpm_train_output_store (&run->output, error)))
    return FALSE;
  g_set_error (error, G_IO_ERROR, was_cancelled ? G_IO_ERROR_CANCELLED : G_IO_ERROR_CLOSED,
               "%s after step %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
               "; the checkpoint is written, and --resume goes on from it",
               was_cancelled ? "Stopped" : "Another process of this training has ended", run->counters.step,
               run->setup->options.steps);
  return FALSE;
}

static gboolean
make_steps (DdpmTrainRun *run, GCancellable *cancellable, GError **error)
{
  while (!ddpm_train_run_is_last (run))
    {
      const char *reason = NULL;
      StepResult result;

      ddpm_train_rate_begin_step (&run->rate);
      result = make_step (run, &reason, cancellable, error);
      if (result == STEP_STOPPED)
        return FALSE;
      if (result == STEP_DIVERGED)
        {
          if (!go_back (run, reason, cancellable, error))
            return FALSE;
          continue;
        }
      ddpm_train_rate_end_step (&run->rate);
      ddpm_train_run_tell (run, DDPM_PHASE_TRAIN, NULL);
      tell_of_pictures (run);
      if (!ddpm_train_run_finish_step (run, TRUE, cancellable, error))
        return FALSE;
    }
  return TRUE;
}

/* A resumed run that has no step left to do comes here, too. */
static gboolean
finish (DdpmTrainRun *run, GCancellable *cancellable, GError **error)
{
  if (!run->writes)
    return TRUE;
  if (!ddpm_train_run_save (run, error))
    return FALSE;
  return run->setup->options.sample_every == 0 || ddpm_train_run_make_samples (run, cancellable, error);
}

gboolean
ddpm_train_run (DdpmTrainSetup *setup, _Atomic guint64 *step, DdpmProgressFunc func, gpointer user_data,
                GCancellable *cancellable, GError **error)
{
  g_auto (DdpmTrainRun) run = { .setup = setup,
                                .step = step,
                                .func = func,
                                .user_data = user_data,
                                .writes = ddpm_ranks_is_first (setup->options.ranks) };
  g_autoptr (GError) local = NULL;

  if (!ddpm_train_run_begin (&run, cancellable, error))
    return FALSE;
  if (ddpm_train_run_finish_step (&run, FALSE, cancellable, &local) && make_steps (&run, cancellable, &local))
    return finish (&run, cancellable, error);
  if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_CANCELLED)
      || g_error_matches (local, G_IO_ERROR, G_IO_ERROR_CLOSED))
    stop (&run, &local);
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}
