/* What happens before the first step: all processes make sure that they do the same, and get the same state.
 */
#include "core/job/train-run-private.h"

#include <math.h>
#include <string.h>

#include "core/base/error.h"
#include "core/job/train-adapt.h"

/* What the first process begins with. */
static gboolean
begin_weights (DdpmTrainRun *run, GError **error)
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
check_same_setup (const DdpmTrainRun *run, GCancellable *cancellable, GError **error)
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

gboolean
ddpm_train_run_share_state (DdpmTrainRun *run, GCancellable *cancellable, GError **error)
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

gboolean
ddpm_train_run_begin (DdpmTrainRun *run, GCancellable *cancellable, GError **error)
{
  DdpmRanks *ranks = run->setup->options.ranks;
  gboolean ok = check_same_setup (run, cancellable, error);

  if (ok && run->writes)
    ok = ddpm_train_output_open (&run->output, run->setup, error);
  ok = ok && ddpm_train_step_init (&run->work, run->setup, error);
  if (ok && run->writes)
    ok = begin_weights (run, error);
  if (!ddpm_ranks_agree (ranks, ok, cancellable, error)
      || !ddpm_train_run_share_state (run, cancellable, error))
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
