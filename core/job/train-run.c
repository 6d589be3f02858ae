/* The order of things within a step is what makes a run resumable: update, line of the log, sample grid,
 * checkpoint. What was written after the last checkpoint is written again, the same, by the run that resumes
 * there, and nothing that belongs before a checkpoint is ever missing. The last step's grid alone comes after
 * its checkpoint, since the weights are worth more than a picture of them; a resumed run that has no step
 * left to do makes it. */
#include "core/job/train-run.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "core/base/error.h"
#include "core/job/train-from.h"
#include "core/job/train-held-out.h"
#include "core/job/train-output.h"
#include "core/job/train-rate.h"
#include "core/job/train-sample.h"
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
  DdpmTrainRate rate;
  double held_out_average, held_out; /* the last ones measured; 0: none */
  guint64 held_out_step;             /* when that was */
  double seconds;                    /* of training that the log told of at the start */
} Run;

static void
run_clear (Run *run)
{
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
  else if (!ddpm_train_from_read (setup, slabs->weights, error))
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

static gboolean
begin (Run *run, GError **error)
{
  if (!ddpm_train_output_open (&run->output, run->setup, error)
      || !ddpm_train_step_init (&run->work, run->setup, error) || !begin_weights (run, error))
    return FALSE;
  g_clear_pointer (&run->setup->from, ddpm_model_free);
  run->seconds = ddpm_train_log_get_seconds (run->output.log);
  ddpm_train_rate_init (&run->rate);
  atomic_store (run->step, run->counters.step);
  return (run->counters.step > 0 && ddpm_train_output_has_kept (&run->output))
         || ddpm_train_output_keep (&run->output, &run->counters, &run->work.slabs, error);
}

static double
get_lr (const Run *run, guint64 step)
{
  const DdpmTrainOptions *options = &run->setup->options;
  const double lr = ldexp (options->lr, -(int) run->counters.guard.setbacks);

  return options->warmup_steps == 0 ? lr : lr * MIN (1.0, (double) step / (double) options->warmup_steps);
}

typedef enum
{
  STEP_MADE,
  STEP_CANCELLED, /* and still to be made */
  STEP_DIVERGED
} StepResult;

/* One update of everything. Nothing is touched when loss or gradient are not finite, or when the step is
 * cancelled. *reason: why it has diverged. */
static StepResult
make_step (Run *run, GCancellable *cancellable, const char **reason)
{
  DdpmTrainCounters *counters = &run->counters;
  const guint64 number = counters->step + 1;
  double loss;

  run->work.batch.round = (guint) counters->guard.setbacks;
  if (!ddpm_train_step_compute (&run->work, number, cancellable, &loss))
    return STEP_CANCELLED;
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
  counters->step = number;
  atomic_store (run->step, number);
  return STEP_MADE;
}

/* A loss that cannot be measured is no reason to end a training. */
static void
measure_held_out (Run *run, GCancellable *cancellable)
{
  const DdpmTrainSetup *setup = run->setup;
  g_autoptr (GError) error = NULL;
  g_autofree char *message = NULL;
  double average, raw;

  if (ddpm_train_held_out_measure (setup, run->work.schedule, run->work.team, run->work.slabs.ema,
                                   cancellable, &average, &error)
      && ddpm_train_held_out_measure (setup, run->work.schedule, run->work.team, run->work.slabs.weights,
                                      cancellable, &raw, &error))
    {
      run->held_out_average = average;
      run->held_out = raw;
      run->held_out_step = run->counters.step;
      return;
    }
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  message = g_strdup_printf ("no loss on held out pictures at step %" G_GUINT64_FORMAT ": %s",
                             run->counters.step, error->message);
  tell (run, DDPM_PHASE_TRAIN, message);
}

static gboolean
add_line (Run *run, GError **error)
{
  const gboolean measured = run->held_out_step == run->counters.step;
  DdpmTrainCounters *counters = &run->counters;
  const DdpmTrainLine line = {
    .step = counters->step,
    .loss = counters->loss_sum / (double) counters->loss_count,
    .smoothed = counters->smoothed,
    .lr = get_lr (run, counters->step),
    .grad_norm = run->work.grad_norm,
    .pictures_per_s = ddpm_train_rate_get (&run->rate) * run->setup->options.batch,
    .seconds = run->seconds + ddpm_train_rate_get_total (&run->rate),
    .held_out_average = measured ? run->held_out_average : 0,
    .held_out = measured ? run->held_out : 0,
  };

  /* The last line of a run may come early. It does not count as a line here: a run that goes on after it ends
   * with the same checkpoint as one that never stopped. */
  if (counters->step % LOG_EVERY == 0)
    {
      counters->loss_sum = 0;
      counters->loss_count = 0;
    }
  return ddpm_train_log_add (run->output.log, &line, error);
}

static gboolean
save (Run *run, GError **error)
{
  g_autofree char *message = NULL;

  tell (run, DDPM_PHASE_SAVE, NULL);
  if (!ddpm_train_output_save (&run->output, &run->counters, &run->work.slabs, error))
    return FALSE;
  message =
    g_strdup_printf ("checkpoint and model written at step %" G_GUINT64_FORMAT, run->output.saved_step);
  tell (run, DDPM_PHASE_TRAIN, message);
  return TRUE;
}

/* A grid that cannot be made is no reason to end a training: it is told, and the next one tried. */
static void
make_samples (Run *run, GCancellable *cancellable)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = NULL, *message = NULL;

  if (ddpm_train_sample (run->setup, run->work.slabs.ema, run->counters.step, run->func, run->user_data,
                         cancellable, &name, &error))
    message = g_strdup_printf ("samples written: %s", name);
  else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    message =
      g_strdup_printf ("no samples at step %" G_GUINT64_FORMAT ": %s", run->counters.step, error->message);
  if (message != NULL)
    tell (run, DDPM_PHASE_TRAIN, message);
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
go_back (Run *run, const char *reason, GError **error)
{
  const guint64 setbacks = run->counters.guard.setbacks + 1, step = run->counters.step + 1;
  g_autofree char *message = NULL;

  if (setbacks > DDPM_TRAIN_GUARD_MOST_SETBACKS)
    return give_up (run, reason, error);
  if (!ddpm_train_output_go_back (&run->output, &run->counters, &run->work.slabs, error))
    return FALSE;
  run->counters.guard.setbacks = setbacks;
  atomic_store (run->step, run->counters.step);
  message =
    g_strdup_printf ("diverged at step %" G_GUINT64_FORMAT " (%s): back to step %" G_GUINT64_FORMAT
                     ", with half the learning rate, %g (%" G_GUINT64_FORMAT " of %d times)",
                     step, reason, run->counters.step, ldexp (run->setup->options.lr, -(int) setbacks),
                     setbacks, DDPM_TRAIN_GUARD_MOST_SETBACKS);
  tell (run, DDPM_PHASE_TRAIN, message);
  return save (run, error);
}

/* Ends a cancelled run. */
static gboolean
stop (Run *run, GError **error)
{
  if (run->counters.step == 0)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
                           "Stopped before the first step; --resume begins with it");
      return FALSE;
    }
  if (!(run->counters.step > run->output.saved_step ? save (run, error)
                                                    : ddpm_train_output_store (&run->output, error)))
    return FALSE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
               "Stopped after step %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
               "; the checkpoint is written, and --resume goes on from it",
               run->counters.step, run->setup->options.steps);
  return FALSE;
}

gboolean
ddpm_train_run (DdpmTrainSetup *setup, _Atomic guint64 *step, DdpmProgressFunc func, gpointer user_data,
                GCancellable *cancellable, GError **error)
{
  const DdpmTrainOptions *options = &setup->options;
  g_auto (Run) run = { .setup = setup, .step = step, .func = func, .user_data = user_data };

  if (!begin (&run, error))
    return FALSE;
  while (run.counters.step < options->steps)
    {
      const char *reason = NULL;
      StepResult result;
      gboolean last;

      if (g_cancellable_is_cancelled (cancellable))
        return stop (&run, error);
      ddpm_train_rate_begin_step (&run.rate);
      result = make_step (&run, cancellable, &reason);
      if (result == STEP_DIVERGED && !go_back (&run, reason, error))
        return FALSE;
      if (result != STEP_MADE)
        continue;
      ddpm_train_rate_end_step (&run.rate);
      tell (&run, DDPM_PHASE_TRAIN, NULL);
      last = run.counters.step == options->steps;
      if (setup->n_held_out > 0 && (last || run.counters.step % HELD_OUT_EVERY == 0))
        measure_held_out (&run, cancellable);
      if ((last || run.counters.step % LOG_EVERY == 0) && !add_line (&run, error))
        return FALSE;
      if (!last && options->sample_every > 0 && run.counters.step % options->sample_every == 0)
        make_samples (&run, cancellable);
      if (!keep_good (&run, error))
        return FALSE;
      if (!last && is_time_to_save (&run) && !save (&run, error))
        return FALSE;
    }
  if (!save (&run, error))
    return FALSE;
  if (options->sample_every > 0)
    make_samples (&run, cancellable);
  return TRUE;
}
