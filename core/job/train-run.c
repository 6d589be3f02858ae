/* The order of things within a step is what makes a run resumable: update, line of the log, sample grid,
 * checkpoint. What was written after the last checkpoint is written again, the same, by the run that resumes
 * there, and nothing that belongs before a checkpoint is ever missing. The last step's grid alone comes after
 * its checkpoint, since the weights are worth more than a picture of them; a resumed run that has no step
 * left to do makes it. */
#include "core/job/train-run.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/job/train-batch.h"
#include "core/job/train-from.h"
#include "core/job/train-held-out.h"
#include "core/job/train-log.h"
#include "core/job/train-rate.h"
#include "core/job/train-sample.h"
#include "core/job/train-state.h"
#include "core/nn/adamw.h"

#define LOG_EVERY 50 /* steps */
#define HELD_OUT_EVERY 500
#define SAVE_EVERY_US (300 * G_USEC_PER_SEC)
#define SMOOTHING 0.02 /* share of the newest loss in the smoothed one */

typedef struct
{
  DdpmTrainSetup *setup; /* borrowed, as are the three below */
  _Atomic guint64 *step;
  DdpmProgressFunc func;
  gpointer user_data;
  GFile *state_file;
  int lock;        /* the open training folder; -1: none */
  gboolean stored; /* options.json says what this run does */
  DdpmTeam *team;
  DdpmSchedule *schedule;
  DdpmUnetPass *pass;
  DdpmTrainLog *log;
  DdpmArena arena;
  DdpmTrainSlabs slabs;
  float *grads; /* [slabs.n] */
  DdpmTrainBatch batch;
  DdpmTrainCounters counters;
  DdpmTrainRate rate;
  guint64 saved_step;                /* of the last checkpoint; 0: none */
  gint64 saved_us;                   /* when that was */
  double held_out_average, held_out; /* the last ones measured; 0: none */
  guint64 held_out_step;             /* when that was */
  double grad_norm;
  double seconds; /* of training that the log told of at the start */
} Run;

static void
run_clear (Run *run)
{
  ddpm_train_batch_clear (&run->batch);
  g_clear_pointer (&run->pass, ddpm_unet_pass_free);
  g_clear_pointer (&run->log, ddpm_train_log_free);
  g_clear_pointer (&run->schedule, ddpm_schedule_free);
  g_clear_pointer (&run->team, ddpm_team_free);
  g_clear_object (&run->state_file);
  ddpm_arena_clear (&run->arena);
  if (run->lock >= 0)
    close (run->lock);
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

/* Makes output/training and takes its lock, which the system gives back when this process ends, however it
 * does. */
static gboolean
lock_output (Run *run, GError **error)
{
  GFile *output = run->setup->options.output;
  g_autoptr (GFile) training = g_file_get_child (output, "training");
  g_autofree char *name = g_file_get_parse_name (output);
  g_autoptr (GError) local = NULL;

  if (g_file_peek_path (training) == NULL)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                   "%s is not a folder of this machine's file system; name another one with -o", name);
      return FALSE;
    }
  if (!g_file_make_directory_with_parents (training, NULL, &local)
      && !g_error_matches (local, G_IO_ERROR, G_IO_ERROR_EXISTS))
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, "The folder %s cannot be made: %s", name,
                   local->message);
      return FALSE;
    }
  run->lock = open (g_file_peek_path (training), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (run->lock < 0)
    {
      const int code = errno;

      g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, "The folder %s cannot be used: %s", name,
                   g_strerror (code));
      return FALSE;
    }
  if (flock (run->lock, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) /* not every file system has locks */
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
               "Another training is writing to %s at this moment; wait for it or name another folder with -o",
               name);
  return FALSE;
}

static gboolean
store (Run *run, GError **error)
{
  if (!run->stored)
    run->stored = ddpm_train_setup_store (run->setup, error);
  return run->stored;
}

/* Whether the checkpoint is still the one that was prepared for: another run may have gone on with it since.
 */
static gboolean
check_unchanged (Run *run, GError **error)
{
  const DdpmTrainSlabs sizes = { .n = ddpm_unet_get_n_weights (run->setup->unet) };
  DdpmTrainCounters counters = { 0 };

  if (g_file_query_exists (run->state_file, NULL)
      && !ddpm_train_state_read (run->state_file, &counters, &sizes, error))
    return FALSE;
  if (counters.step == run->setup->first_step)
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
               "Another training has gone on from this checkpoint meanwhile, to step %" G_GUINT64_FORMAT
               "; run the same command again",
               counters.step);
  return FALSE;
}

static gboolean
open_output (Run *run, GError **error)
{
  const DdpmTrainOptions *options = &run->setup->options;
  g_autoptr (GFile) log_file = g_file_get_child (options->output, "train.csv");

  if (!lock_output (run, error))
    return FALSE;
  /* Looked at again under the lock. A resumed run may have other options, which are stored with its first
   * checkpoint. */
  if (options->resume ? !check_unchanged (run, error)
                      : !ddpm_train_check_output (options->output, error) || !store (run, error))
    return FALSE;
  run->log = ddpm_train_log_open (log_file, run->setup->first_step, error);
  if (run->log == NULL)
    return FALSE;
  run->seconds = ddpm_train_log_get_seconds (run->log);
  return TRUE;
}

/* Five slabs in one arena: weights, gradients, average, two moments. */
static gboolean
take_slabs (Run *run, GError **error)
{
  const gsize n = ddpm_unet_get_n_weights (run->setup->unet);
  const gsize stride = (n + 15) / 16 * 16; /* each begins on a cache line */
  float *slab = NULL;

  if (!ddpm_arena_init (&run->arena, 5 * stride * sizeof (float), error))
    return FALSE;
  slab = run->arena.base;
  run->slabs = (DdpmTrainSlabs) { slab, slab + stride, slab + 2 * stride, slab + 3 * stride, n };
  run->grads = slab + 4 * stride;
  return TRUE;
}

static gboolean
begin_weights (Run *run, GError **error)
{
  DdpmTrainSetup *setup = run->setup;
  const gsize size_bytes = run->slabs.n * sizeof (float);

  if (setup->first_step > 0)
    {
      if (!ddpm_train_state_read (run->state_file, &run->counters, &run->slabs, error))
        return FALSE;
      run->saved_step = run->counters.step;
      return TRUE;
    }
  if (setup->from == NULL)
    ddpm_unet_init_weights (setup->unet, setup->options.seed, run->slabs.weights);
  else if (!ddpm_train_from_read (setup, run->slabs.weights, error))
    return FALSE;
  memcpy (run->slabs.ema, run->slabs.weights, size_bytes);
  run->counters = (DdpmTrainCounters) { .fingerprint = setup->fingerprint, .smoothed = NAN };
  return TRUE;
}

static gboolean
begin (Run *run, GError **error)
{
  DdpmTrainSetup *setup = run->setup;
  const DdpmTrainOptions *options = &setup->options;
  const DdpmDataset *dataset = setup->dataset;
  const DdpmPassOptions pass = { .batch = options->batch,
                                 .height = dataset->height,
                                 .width = dataset->width,
                                 .mode = DDPM_PASS_TRAINING,
                                 .recompute = setup->recompute };

  run->state_file = ddpm_train_get_state_file (options->output);
  run->schedule = ddpm_schedule_new (&setup->scheduler, error);
  if (run->schedule == NULL || !open_output (run, error) || !take_slabs (run, error)
      || !begin_weights (run, error))
    return FALSE;
  g_clear_pointer (&setup->from, ddpm_model_free);
  run->team = ddpm_team_new (options->n_threads);
  run->pass = ddpm_unet_pass_new (setup->unet, run->team, &pass, error);
  if (run->pass == NULL)
    return FALSE;
  ddpm_unet_pass_set_weights (run->pass, run->slabs.weights);
  run->batch = (DdpmTrainBatch) {
    .team = run->team,
    .dataset = dataset,
    .members = setup->training,
    .n_members = setup->n_training,
    .schedule = run->schedule,
    .prediction = setup->scheduler.prediction_type,
    .seed = options->seed,
    .augment = { options->flip, options->flip_vertical, options->rotate },
    .size = options->batch,
    .num_class_embeds =
      setup->config.class_embed == DDPM_CLASS_EMBED_TABLE ? setup->config.num_class_embeds : 0,
    .picture_labels = setup->labels,
    .label_dropout = options->label_dropout,
  };
  ddpm_train_rate_init (&run->rate);
  run->saved_us = g_get_monotonic_time ();
  atomic_store (run->step, run->counters.step);
  return ddpm_train_batch_init (&run->batch, error);
}

static gboolean
check_finite (const Run *run, double value, const char *what, GError **error)
{
  if (isfinite (value))
    return TRUE;
  if (run->saved_step > 0)
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_NUMERIC,
                 "The %s is no longer a number at step %" G_GUINT64_FORMAT
                 ": the training has diverged; the checkpoint of step %" G_GUINT64_FORMAT
                 " is intact, go on from that model with --from and a smaller --lr",
                 what, run->counters.step + 1, run->saved_step);
  else
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_NUMERIC,
                 "The %s is no longer a number at step %" G_GUINT64_FORMAT
                 ": the training has diverged; start again with a smaller --lr",
                 what, run->counters.step + 1);
  return FALSE;
}

static double
get_lr (const DdpmTrainOptions *options, guint64 step)
{
  if (options->warmup_steps == 0)
    return options->lr;
  return options->lr * MIN (1.0, (double) step / (double) options->warmup_steps);
}

/* The loss of a step, and its gradient in run->grads. FALSE: cancelled, both are incomplete. */
static gboolean
compute_gradient (Run *run, guint64 step, GCancellable *cancellable, double *loss)
{
  ddpm_team_set_cancellable (run->team, cancellable);
  ddpm_train_batch_prepare (&run->batch, step);
  ddpm_unet_pass_set_dropout_key (run->pass, run->setup->options.seed, step);
  ddpm_unet_pass_forward (run->pass, run->batch.x_t, run->batch.timesteps, run->batch.labels,
                          run->batch.output);
  *loss = ddpm_train_batch_get_loss (&run->batch);
  memset (run->grads, 0, run->slabs.n * sizeof (float));
  ddpm_unet_pass_backward (run->pass, run->batch.output, run->grads, NULL);
  /* what follows is done as a whole or not at all */
  ddpm_team_set_cancellable (run->team, NULL);
  return !g_cancellable_is_cancelled (cancellable);
}

/* One update of everything. Nothing is touched when loss or gradient are not finite, or when the step is
 * cancelled, which is no error: the step is then still to be made. */
static gboolean
make_step (Run *run, GCancellable *cancellable, GError **error)
{
  static const DdpmAdamwOptions adamw = { .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0 };
  const DdpmTrainOptions *options = &run->setup->options;
  const DdpmTrainSlabs *slabs = &run->slabs;
  DdpmTrainCounters *counters = &run->counters;
  const guint64 step = counters->step + 1;
  double loss, scale = 1;

  if (!compute_gradient (run, step, cancellable, &loss))
    return TRUE;
  if (!check_finite (run, loss, "loss", error))
    return FALSE;
  run->grad_norm = ddpm_gradient_norm (run->team, run->grads, slabs->n);
  if (!check_finite (run, run->grad_norm, "gradient", error))
    return FALSE;

  if (options->max_grad_norm > 0 && run->grad_norm > options->max_grad_norm)
    scale = options->max_grad_norm / run->grad_norm;
  ddpm_adamw_update (run->team, &adamw, step, get_lr (options, step), scale, slabs->weights, run->grads,
                     slabs->first, slabs->second, slabs->n);
  ddpm_ema_update (run->team, ddpm_ema_decay (options->ema, step), slabs->ema, slabs->weights, slabs->n);

  counters->smoothed =
    isnan (counters->smoothed) ? loss : counters->smoothed + SMOOTHING * (loss - counters->smoothed);
  counters->loss_sum += loss;
  counters->loss_count++;
  counters->step = step;
  atomic_store (run->step, step);
  return TRUE;
}

/* A loss that cannot be measured is no reason to end a training. */
static void
measure_held_out (Run *run, GCancellable *cancellable)
{
  const DdpmTrainSetup *setup = run->setup;
  g_autoptr (GError) error = NULL;
  g_autofree char *message = NULL;
  double average, raw;

  if (ddpm_train_held_out_measure (setup, run->schedule, run->team, run->slabs.ema, cancellable, &average,
                                   &error)
      && ddpm_train_held_out_measure (setup, run->schedule, run->team, run->slabs.weights, cancellable, &raw,
                                      &error))
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
    .lr = get_lr (&run->setup->options, counters->step),
    .grad_norm = run->grad_norm,
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
  return ddpm_train_log_add (run->log, &line, error);
}

/* The state first: with it alone the run can be resumed, and the model be written again. */
static gboolean
save (Run *run, GError **error)
{
  const DdpmTrainSetup *setup = run->setup;
  g_autofree char *message = NULL;

  tell (run, DDPM_PHASE_SAVE, NULL);
  if (!ddpm_train_state_write (run->state_file, &run->counters, &run->slabs, error))
    {
      if (run->saved_step > 0)
        g_prefix_error (
          error, "The checkpoint of step %" G_GUINT64_FORMAT " is intact, and --resume goes on from it: ",
          run->saved_step);
      return FALSE;
    }
  run->saved_step = run->counters.step;
  if (!store (run, error))
    return FALSE;
  if (!ddpm_model_save (setup->options.output, setup->unet, run->slabs.ema, &setup->scheduler, &setup->notes,
                        setup->options.dtype, error))
    {
      g_prefix_error (error,
                      "The checkpoint of step %" G_GUINT64_FORMAT
                      " is written, and --resume goes on from it, but the model beside it is not: ",
                      run->saved_step);
      return FALSE;
    }
  run->saved_us = g_get_monotonic_time ();
  message = g_strdup_printf ("checkpoint and model written at step %" G_GUINT64_FORMAT, run->saved_step);
  tell (run, DDPM_PHASE_TRAIN, message);
  return TRUE;
}

/* A grid that cannot be made is no reason to end a training: it is told, and the next one tried. */
static void
make_samples (Run *run, GCancellable *cancellable)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = NULL, *message = NULL;

  if (ddpm_train_sample (run->setup, run->slabs.ema, run->counters.step, run->func, run->user_data,
                         cancellable, &name, &error))
    message = g_strdup_printf ("samples written: %s", name);
  else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    message =
      g_strdup_printf ("no samples at step %" G_GUINT64_FORMAT ": %s", run->counters.step, error->message);
  if (message != NULL)
    tell (run, DDPM_PHASE_TRAIN, message);
}

static gboolean
is_time_to_save (const Run *run)
{
  const guint64 every = run->setup->options.save_every;

  if (every > 0)
    return run->counters.step % every == 0;
  return g_get_monotonic_time () - run->saved_us >= SAVE_EVERY_US;
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
  if (!(run->counters.step > run->saved_step ? save (run, error) : store (run, error)))
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
  g_auto (Run) run = { .setup = setup, .step = step, .func = func, .user_data = user_data, .lock = -1 };

  if (!begin (&run, error))
    return FALSE;
  while (run.counters.step < options->steps)
    {
      const guint64 made = run.counters.step;
      gboolean last;

      if (g_cancellable_is_cancelled (cancellable))
        return stop (&run, error);
      ddpm_train_rate_begin_step (&run.rate);
      if (!make_step (&run, cancellable, error))
        return FALSE;
      if (run.counters.step == made)
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
      if (!last && is_time_to_save (&run) && !save (&run, error))
        return FALSE;
    }
  if (!save (&run, error))
    return FALSE;
  if (options->sample_every > 0)
    make_samples (&run, cancellable);
  return TRUE;
}
