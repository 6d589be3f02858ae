/* The order of things within a step is what makes a run resumable: update, line of the log, sample grid,
 * checkpoint. What was written after the last checkpoint is written again, the same, by the run that resumes
 * there, and nothing that belongs before a checkpoint is ever missing. The last step's grid alone comes after
 * its checkpoint, since the weights are worth more than a picture of them; a resumed run that has no step
 * left to do makes it. */
#include "core/job/train-run.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "core/base/apart.h"
#include "core/base/error.h"
#include "core/job/train-adapt.h"
#include "core/job/train-held-out.h"
#include "core/job/train-output.h"
#include "core/job/train-page.h"
#include "core/job/train-rate.h"
#include "core/job/train-sample.h"
#include "core/job/train-show.h"
#include "core/job/train-step.h"

#define LOG_EVERY 50 /* steps */
#define HELD_OUT_EVERY 500
#define KEEP_EVERY 1000 /* steps between states to go back to */
#define SAVE_EVERY_US (300 * G_USEC_PER_SEC)
#define SMOOTHING 0.02 /* share of the newest loss in the smoothed one */

typedef struct
{
  DdpmTrainSetup *setup; /* borrowed, as are the three below */
  _Atomic guint64 *step;
  DdpmProgressFunc func;
  gpointer user_data;
  DdpmTrainOutput output;
  DdpmTrainStep work;
  DdpmTrainCounters counters;
  DdpmTrainShow show;
  DdpmTrainRate rate;
  double held_out_average; /* the last one measured; 0: none */
  double seconds;          /* of training that the log told of at the start */
  gboolean writes;         /* one of several processes, only the first does */
  gboolean is_hurried;     /* the process may be killed before a checkpoint is written */
} Run;

static void
run_clear (Run *run)
{
  ddpm_train_show_clear (&run->show);
  ddpm_train_step_clear (&run->work);
  ddpm_train_output_clear (&run->output);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Run, run_clear)

static void
tell (const Run *run, DdpmPhase phase, const char *message)
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

/* What the first process begins with. */
static gboolean
begin_weights (Run *run, GError **error)
{
  DdpmTrainSetup *setup = run->setup;
  const DdpmTrainSlabs *slabs = &run->work.slabs;

  /* A run that went back to its beginning has a checkpoint of that. */
  if (g_file_query_exists (run->output.state_file, NULL))
    return ddpm_train_state_read (run->output.state_file, &run->counters, slabs, error);
  if (setup->from == NULL)
    ddpm_unet_init_weights (setup->unet, setup->options.seed, slabs->weights);
  else if (!ddpm_train_adapt_read (setup, slabs->weights, error))
    return FALSE;
  memcpy (slabs->ema, slabs->weights, slabs->n * sizeof (float));
  if (!ddpm_train_step_is_finite (&run->work))
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_NUMERIC,
                   "--from: the weights of %s are not all numbers; start from another model",
                   setup->from->name);
      return FALSE;
    }
  run->counters = (DdpmTrainCounters) { .fingerprint = setup->fingerprint, .smoothed = NAN };
  ddpm_train_guard_init (&run->counters.guard);
  return TRUE;
}

/* All processes have to train on the same, and to compute alike. */
static gboolean
check_same_setup (const Run *run, GCancellable *cancellable, GError **error)
{
  const DdpmTrainSetup *setup = run->setup;
  const DdpmTrainOptions *options = &setup->options;
  g_autofree char *text = g_strdup_printf (
    "%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GSIZE_FORMAT " %u %u %u %s",
    setup->fingerprint, setup->first_step, options->steps, ddpm_unet_get_n_weights (setup->unet),
    options->batch, options->accumulate, options->seed, ddpm_kernels_get ()->name);

  return ddpm_ranks_check_same (
    options->ranks,
    "other pictures, another checkpoint or another kind of processor than the first one: every machine has "
    "to see the same files, and where processors differ DDPM_CPU chooses instructions that all have",
    text, strlen (text), cancellable, error);
}

/* The first process's state becomes that of all. */
static gboolean
share_state (Run *run, GCancellable *cancellable, GError **error)
{
  DdpmRanks *ranks = run->setup->options.ranks;
  const DdpmTrainSlabs *slabs = &run->work.slabs;
  const gsize n_bytes = slabs->n * sizeof (float);

  return ranks == NULL
         || (ranks->broadcast (ranks, &run->counters, sizeof run->counters, cancellable, error)
             && ranks->broadcast (ranks, slabs->weights, n_bytes, cancellable, error)
             && ranks->broadcast (ranks, slabs->ema, n_bytes, cancellable, error)
             && ranks->broadcast (ranks, slabs->first, n_bytes, cancellable, error)
             && ranks->broadcast (ranks, slabs->second, n_bytes, cancellable, error));
}

/* Of training that the log tells of. */
static double
get_seconds (const DdpmTrainLog *log)
{
  guint n_lines = 0;
  const DdpmTrainLine *lines = ddpm_train_log_get_lines (log, &n_lines);

  return n_lines > 0 && isfinite (lines[n_lines - 1].seconds) ? lines[n_lines - 1].seconds : 0;
}

static gboolean
begin (Run *run, GCancellable *cancellable, GError **error)
{
  DdpmRanks *ranks = run->setup->options.ranks;
  gboolean ok = check_same_setup (run, cancellable, error);

  if (ok && run->writes)
    ok = ddpm_train_output_open (&run->output, run->setup, error);
  ok = ok && ddpm_train_step_init (&run->work, run->setup, error);
  if (ok && run->writes)
    ok = begin_weights (run, error);
  if (!ddpm_ranks_agree (ranks, ok, cancellable, error) || !share_state (run, cancellable, error))
    return FALSE;
  g_clear_pointer (&run->setup->from, ddpm_model_free);
  ddpm_train_show_init (&run->show, run->setup, run->work.team);
  if (run->writes)
    run->seconds = get_seconds (run->output.log);
  ddpm_train_rate_init (&run->rate);
  atomic_store (run->step, run->counters.step);
  if (run->writes && (run->counters.step == 0 || !ddpm_train_output_has_kept (&run->output)))
    ok = ddpm_train_output_keep (&run->output, &run->counters, &run->work.slabs, error);
  return ddpm_ranks_agree (ranks, ok, cancellable, error);
}

static gboolean
is_last (const Run *run)
{
  return run->counters.step == run->setup->options.steps;
}

static double
get_lr (const Run *run, guint64 step)
{
  const DdpmTrainOptions *options = &run->setup->options;
  const double lr = ldexp (options->lr, -(int) run->counters.guard.setbacks);

  return options->warmup_steps == 0 ? lr : lr * MIN (1.0, (double) step / (double) options->warmup_steps);
}

/* What turned out about pictures that were decoded meanwhile. */
static void
tell_of_pictures (const Run *run)
{
  char *message = NULL;

  while ((message = ddpm_dataset_take_message (run->setup->dataset)) != NULL)
    {
      tell (run, DDPM_PHASE_TRAIN, message);
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
make_step (Run *run, const char **reason, GCancellable *cancellable, GError **error)
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
  else if (!ddpm_train_step_update (&run->work, number, get_lr (run, number)))
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

/* A loss that cannot be measured is no reason to end a training. FALSE: stopped. */
static gboolean
measure_held_out (Run *run, DdpmTrainLine *line, GCancellable *cancellable)
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
  tell (run, DDPM_PHASE_TRAIN, message);
  return TRUE;
}

/* Lines of the log come at regular steps, and early at the end and with a grid. */
static gboolean
line_is_due (const Run *run)
{
  const guint64 step = run->counters.step;

  return step > run->counters.logged
         && (is_last (run) || step % LOG_EVERY == 0
             || ddpm_train_samples_are_due (&run->setup->options, step));
}

/* The log's line of the last step made. FALSE: stopped; then it stays to be made. */
static gboolean
make_line (Run *run, DdpmTrainLine *line, GCancellable *cancellable)
{
  DdpmTrainCounters *counters = &run->counters;

  ddpm_train_line_init (line, counters->step);
  line->loss = counters->loss_sum / (double) counters->loss_count;
  line->smoothed = counters->smoothed;
  line->lr = get_lr (run, counters->step);
  line->grad_norm = counters->grad_norm;
  line->pictures_per_s = ddpm_train_rate_get (&run->rate) * run->setup->options.batch;
  line->seconds = run->seconds + ddpm_train_rate_get_total (&run->rate);
  if (run->setup->n_held_out > 0 && (is_last (run) || counters->step % HELD_OUT_EVERY == 0)
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
write_page (Run *run)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *message = NULL;

  if (ddpm_train_page_write (run->setup, run->output.log, run->counters.step, &error))
    return;
  message =
    g_strdup_printf ("no report at step %" G_GUINT64_FORMAT ": %s", run->counters.step, error->message);
  tell (run, DDPM_PHASE_TRAIN, message);
}

static gboolean
write_checkpoint (gpointer data, GError **error)
{
  Run *run = data;

  return ddpm_train_output_save (&run->output, &run->counters, &run->work.slabs, error);
}

static gboolean
save (Run *run, GError **error)
{
  g_autofree char *message = NULL;

  tell (run, DDPM_PHASE_SAVE, NULL);
  if (!(run->is_hurried ? ddpm_apart_run (write_checkpoint, run, error) : write_checkpoint (run, error)))
    return FALSE;
  run->output.saved_step = run->counters.step;
  message =
    g_strdup_printf ("checkpoint and model written at step %" G_GUINT64_FORMAT, run->output.saved_step);
  tell (run, DDPM_PHASE_TRAIN, message);
  write_page (run);
  return TRUE;
}

/* All processes have made the same updates, unless a machine of theirs is broken. */
static gboolean
check_same_weights (const Run *run, GCancellable *cancellable, GError **error)
{
  const DdpmTrainSlabs *slabs = &run->work.slabs;

  return ddpm_ranks_check_same (
    run->setup->options.ranks,
    "other weights than the first one, though it has computed the same: a machine or its memory is at fault; "
    "the last checkpoint is intact, and --resume goes on from it",
    slabs->weights, slabs->n * sizeof (float), cancellable, error);
}

/* A grid that cannot be made is no reason to end a training: it is told, and the next one tried. */
static gboolean
make_samples (Run *run, GCancellable *cancellable, GError **error)
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
    tell (run, DDPM_PHASE_TRAIN, message);
  return TRUE;
}

/* Not while the loss is too high: it comes down soon, or the run goes back. */
static gboolean
is_time_to_save (const Run *run)
{
  const guint64 every = run->setup->options.save_every;

  if (!ddpm_train_guard_is_calm (&run->counters.guard))
    return FALSE;
  if (every > 0)
    return run->counters.step % every == 0;
  return g_get_monotonic_time () - run->output.saved_us >= SAVE_EVERY_US;
}

static gboolean
keep_good (Run *run, GError **error)
{
  if (run->counters.step % KEEP_EVERY != 0 || !ddpm_train_guard_is_well (&run->counters.guard)
      || !ddpm_train_step_is_finite (&run->work))
    return TRUE;
  return ddpm_train_output_keep (&run->output, &run->counters, &run->work.slabs, error);
}

/* Ends a run that has diverged too often. */
static gboolean
give_up (Run *run, const char *reason, GError **error)
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
go_back (Run *run, const char *reason, GCancellable *cancellable, GError **error)
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
  if (!ddpm_ranks_agree (ranks, ok, cancellable, error) || !share_state (run, cancellable, error))
    return FALSE;
  atomic_store (run->step, run->counters.step);
  message =
    g_strdup_printf ("diverged at step %" G_GUINT64_FORMAT " (%s): back to step %" G_GUINT64_FORMAT
                     ", with half the learning rate, %g (%" G_GUINT64_FORMAT " of %d times)",
                     step, reason, run->counters.step, ldexp (run->setup->options.lr, -(int) setbacks),
                     setbacks, DDPM_TRAIN_GUARD_MOST_SETBACKS);
  tell (run, DDPM_PHASE_TRAIN, message);
  return ddpm_ranks_agree (ranks, !run->writes || save (run, error), cancellable, error);
}

/* Ends a run that was stopped, or whose other processes have gone; *error says which. */
static gboolean
stop (Run *run, GError **error)
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
  if (!(run->counters.step > run->output.saved_step ? save (run, error)
                                                    : ddpm_train_output_store (&run->output, error)))
    return FALSE;
  g_set_error (error, G_IO_ERROR, was_cancelled ? G_IO_ERROR_CANCELLED : G_IO_ERROR_CLOSED,
               "%s after step %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
               "; the checkpoint is written, and --resume goes on from it",
               was_cancelled ? "Stopped" : "Another process of this training has ended", run->counters.step,
               run->setup->options.steps);
  return FALSE;
}

/* What the first process writes after a step: the line, if there is one, the grid and the checkpoint. */
static gboolean
write_out (Run *run, const DdpmTrainLine *line, gboolean is_made, GCancellable *cancellable, GError **error)
{
  const DdpmTrainLine *there = NULL;

  if (!run->writes)
    return TRUE;
  if (line != NULL && !ddpm_train_log_add (run->output.log, line, error))
    return FALSE;
  /* the last step's grid comes after its checkpoint */
  there = ddpm_train_log_find (run->output.log, run->counters.step);
  if (there != NULL && isnan (there->nearest) && !is_last (run)
      && ddpm_train_samples_are_due (&run->setup->options, run->counters.step)
      && !make_samples (run, cancellable, error))
    return FALSE;
  if (!is_made)
    return TRUE;
  return keep_good (run, error) && (is_last (run) || !is_time_to_save (run) || save (run, error));
}

/* What comes after a step. is_made: it was made just now; else a resumed run begins with what was interrupted
 * after the step of its checkpoint. */
static gboolean
finish_step (Run *run, gboolean is_made, GCancellable *cancellable, GError **error)
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

static gboolean
make_steps (Run *run, GCancellable *cancellable, GError **error)
{
  while (!is_last (run))
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
      tell (run, DDPM_PHASE_TRAIN, NULL);
      tell_of_pictures (run);
      if (!finish_step (run, TRUE, cancellable, error))
        return FALSE;
    }
  return TRUE;
}

/* A resumed run that has no step left to do comes here, too. */
static gboolean
finish (Run *run, GCancellable *cancellable, GError **error)
{
  if (!run->writes)
    return TRUE;
  if (!save (run, error))
    return FALSE;
  return run->setup->options.sample_every == 0 || make_samples (run, cancellable, error);
}

gboolean
ddpm_train_run (DdpmTrainSetup *setup, _Atomic guint64 *step, DdpmProgressFunc func, gpointer user_data,
                GCancellable *cancellable, GError **error)
{
  g_auto (Run) run = { .setup = setup,
                       .step = step,
                       .func = func,
                       .user_data = user_data,
                       .writes = ddpm_ranks_is_first (setup->options.ranks) };
  g_autoptr (GError) local = NULL;

  if (!begin (&run, cancellable, error))
    return FALSE;
  if (finish_step (&run, FALSE, cancellable, &local) && make_steps (&run, cancellable, &local))
    return finish (&run, cancellable, error);
  if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_CANCELLED)
      || g_error_matches (local, G_IO_ERROR, G_IO_ERROR_CLOSED))
    stop (&run, &local);
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}
