/* The order of things within a step is what makes a run resumable: update, line of the log, sample grid,
 * checkpoint. What was written after the last checkpoint is written again, the same, by the run that resumes
 * there, and nothing that belongs before a checkpoint is ever missing. The last step's grid alone comes after
 * its checkpoint, since the weights are worth more than a picture of them; a resumed run that has no step
 * left to do makes it. */
#include "core/job/train-run-private.h"

#include <math.h>

#include "core/base/apart.h"
#include "core/job/train-held-out.h"
#include "core/job/train-page.h"
#include "core/job/train-sample.h"

#define LOG_EVERY 50    /* steps */
#define KEEP_EVERY 1000 /* steps between states to go back to */
#define SAVE_EVERY_US (300 * G_USEC_PER_SEC)

/* A loss that cannot be measured is no reason to end a training. FALSE: stopped. */
static gboolean
measure_held_out (DdpmTrainRun *run, DdpmTrainLine *line, GCancellable *cancellable)
{
  const DdpmTrainSetup *setup = run->setup;
  const DdpmTrainStep *work = &run->work;
  g_autoptr (GError) error = NULL;
  g_autofree char *message = NULL;

  if (ddpm_train_held_out_measure (setup, work->schedule, work->team, work->slabs.ema, cancellable,
                                   &line->held_out_average, &error)
      && ddpm_train_held_out_measure (setup, work->schedule, work->team, work->slabs.weights, cancellable,
                                      &line->held_out, &error))
    {
      run->held_out_average = line->held_out_average;
      return TRUE;
    }
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)
      || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED))
    return FALSE;
  message = g_strdup_printf ("no loss on held out pictures at step %" G_GUINT64_FORMAT ": %s",
                             run->counters.step, error->message);
  ddpm_train_run_tell (run, DDPM_PHASE_TRAIN, message);
  return TRUE;
}

/* Lines of the log come at regular steps, and early at the end and with a grid. */
static gboolean
line_is_due (const DdpmTrainRun *run)
{
  const guint64 step = run->counters.step;

  return step > run->counters.logged
         && (ddpm_train_run_is_last (run) || step % LOG_EVERY == 0
             || ddpm_train_samples_are_due (&run->setup->options, step));
}

/* The log's line of the last step made. FALSE: stopped; then it stays to be made. */
static gboolean
make_line (DdpmTrainRun *run, DdpmTrainLine *line, GCancellable *cancellable)
{
  DdpmTrainCounters *counters = &run->counters;

  ddpm_train_line_init (line, counters->step);
  line->loss = counters->loss_sum / (double) counters->loss_count;
  line->smoothed = counters->smoothed;
  line->lr = ddpm_train_run_get_lr (run, counters->step);
  line->grad_norm = counters->grad_norm;
  line->pictures_per_s = ddpm_train_rate_get (&run->rate) * run->setup->options.batch;
  line->seconds = run->seconds + ddpm_train_rate_get_total (&run->rate);
  if (run->setup->n_held_out > 0
      && (ddpm_train_run_is_last (run) || counters->step % DDPM_TRAIN_HELD_OUT_EVERY == 0)
      && !measure_held_out (run, line, cancellable))
    return FALSE;

  counters->logged = counters->step;
  /* An early one does not count as a line here: a run that goes on after it ends with the same checkpoint as
   * one that never stopped. */
  if (counters->step % LOG_EVERY == 0)
    {
      counters->loss_sum = 0;
      counters->loss_count = 0;
    }
  return TRUE;
}

/* The page is no reason to end a training either. */
static void
write_page (DdpmTrainRun *run)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *message = NULL;

  if (ddpm_train_page_write (run->setup, run->output.log, run->counters.step, &error))
    return;
  message =
    g_strdup_printf ("no report at step %" G_GUINT64_FORMAT ": %s", run->counters.step, error->message);
  ddpm_train_run_tell (run, DDPM_PHASE_TRAIN, message);
}

static gboolean
write_checkpoint (gpointer data, GError **error)
{
  DdpmTrainRun *run = data;

  return ddpm_train_output_save (&run->output, &run->counters, &run->work.slabs, error);
}

gboolean
ddpm_train_run_save (DdpmTrainRun *run, GError **error)
{
  g_autofree char *message = NULL;

  ddpm_train_run_tell (run, DDPM_PHASE_SAVE, NULL);
  if (!(run->is_hurried ? ddpm_apart_run (write_checkpoint, run, error) : write_checkpoint (run, error)))
    return FALSE;
  run->output.saved_step = run->counters.step;
  message =
    g_strdup_printf ("checkpoint and model written at step %" G_GUINT64_FORMAT, run->output.saved_step);
  ddpm_train_run_tell (run, DDPM_PHASE_TRAIN, message);
  write_page (run);
  return TRUE;
}

/* All processes have made the same updates, unless a machine of theirs is broken. */
static gboolean
check_same_weights (const DdpmTrainRun *run, GCancellable *cancellable, GError **error)
{
  const DdpmTrainSlabs *slabs = &run->work.slabs;

  return ddpm_ranks_check_same (
    run->setup->options.ranks,
    "other weights than the first one, though it has computed the same: a machine or its memory is at fault; "
    "the last checkpoint is intact, and --resume goes on from it",
    slabs->weights, slabs->n * sizeof (float), cancellable, error);
}

gboolean
ddpm_train_run_make_samples (DdpmTrainRun *run, GCancellable *cancellable, GError **error)
{
  const guint64 step = run->counters.step;
  const DdpmTrainLine *line = ddpm_train_log_find (run->output.log, step);
  g_autoptr (GError) local = NULL;
  g_autofree char *message = NULL;
  DdpmTrainScore score;

  if (ddpm_train_show_make (&run->show, &run->work.slabs, step, run->func, run->user_data, cancellable,
                            &score, &message, &local))
    {
      if (line != NULL)
        {
          DdpmTrainLine whole = *line;

          whole.nearest = score.ratio;
          whole.nearest_held_out = run->show.held_out.ratio;
          whole.copies = isnan (score.ratio) ? NAN : score.copies;
          if (!ddpm_train_log_amend (run->output.log, &whole, error))
            return FALSE;
        }
      write_page (run);
    }
  else if (!g_error_matches (local, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    message = g_strdup_printf ("no samples at step %" G_GUINT64_FORMAT ": %s", step, local->message);
  if (message != NULL)
    ddpm_train_run_tell (run, DDPM_PHASE_TRAIN, message);
  return TRUE;
}

/* Not while the loss is too high: it comes down soon, or the run goes back. */
static gboolean
is_time_to_save (const DdpmTrainRun *run)
{
  const guint64 every = run->setup->options.save_every;

  if (!ddpm_train_guard_is_calm (&run->counters.guard))
    return FALSE;
  if (every > 0)
    return run->counters.step % every == 0;
  return g_get_monotonic_time () - run->output.saved_us >= SAVE_EVERY_US;
}

static gboolean
keep_good (DdpmTrainRun *run, GError **error)
{
  if (run->counters.step % KEEP_EVERY != 0 || !ddpm_train_guard_is_well (&run->counters.guard)
      || !ddpm_train_step_is_finite (&run->work))
    return TRUE;
  return ddpm_train_output_keep (&run->output, &run->counters, &run->work.slabs, error);
}

/* What the first process writes after a step: the line, if there is one, the grid and the checkpoint. */
static gboolean
write_out (DdpmTrainRun *run, const DdpmTrainLine *line, gboolean is_made, GCancellable *cancellable,
           GError **error)
{
  const DdpmTrainLine *there = NULL;

  if (!run->writes)
    return TRUE;
  if (line != NULL && !ddpm_train_log_add (run->output.log, line, error))
    return FALSE;
  /* the last step's grid comes after its checkpoint */
  there = ddpm_train_log_find (run->output.log, run->counters.step);
  if (there != NULL && isnan (there->nearest) && !ddpm_train_run_is_last (run)
      && ddpm_train_samples_are_due (&run->setup->options, run->counters.step)
      && !ddpm_train_run_make_samples (run, cancellable, error))
    return FALSE;
  if (!is_made)
    return TRUE;
  return keep_good (run, error)
         && (ddpm_train_run_is_last (run) || !is_time_to_save (run) || ddpm_train_run_save (run, error));
}

gboolean
ddpm_train_run_finish_step (DdpmTrainRun *run, gboolean is_made, GCancellable *cancellable, GError **error)
{
  DdpmRanks *ranks = run->setup->options.ranks;
  gboolean has_line = line_is_due (run);
  DdpmTrainLine line;

  has_line = has_line && make_line (run, &line, cancellable);
  if (has_line && !check_same_weights (run, cancellable, error))
    return FALSE;
  return ddpm_ranks_agree (ranks, write_out (run, has_line ? &line : NULL, is_made, cancellable, error),
                           cancellable, error);
}
