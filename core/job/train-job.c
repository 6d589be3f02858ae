/* The training job as an object: what is decided before it runs, and what a front end may ask. The run itself
 * is in train-run.c. */
#include "core/job/train-job.h"

#include <stdatomic.h>

#include "core/base/error.h"
#include "core/job/train-cost.h"
#include "core/job/train-options.h"
#include "core/job/train-plan.h"
#include "core/job/train-proposal.h"
#include "core/job/train-run.h"
#include "core/job/train-sample.h"
#include "core/job/train-speed.h"

struct _DdpmTrainJob
{
  GObject parent_instance;
  DdpmTrainOptions options; /* as given */
  DdpmTrainSetup *setup;    /* NULL until prepared */
  DdpmTrainPlan plan;
  _Atomic guint64 step;
};

G_DEFINE_FINAL_TYPE (DdpmTrainJob, ddpm_train_job, G_TYPE_OBJECT)

static void
ddpm_train_job_finalize (GObject *object)
{
  DdpmTrainJob *job = DDPM_TRAIN_JOB (object);

  g_clear_pointer (&job->setup, ddpm_train_setup_free);
  ddpm_train_options_clear (&job->options);
  G_OBJECT_CLASS (ddpm_train_job_parent_class)->finalize (object);
}

static void
ddpm_train_job_class_init (DdpmTrainJobClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = ddpm_train_job_finalize;
}

static void
ddpm_train_job_init (DdpmTrainJob *job)
{
}

DdpmTrainJob *
ddpm_train_job_new (const DdpmTrainOptions *options, GError **error)
{
  DdpmTrainJob *job = NULL;

  if (!ddpm_train_options_check (options, error))
    return NULL;
  job = g_object_new (DDPM_TYPE_TRAIN_JOB, NULL);
  ddpm_train_options_copy (&job->options, options);
  if (job->options.n_threads == 0)
    job->options.n_threads = ddpm_ranks_choose_n_threads (options->ranks);
  return job;
}

/* Every process needs something to do. */
static gboolean
check_shares (const DdpmTrainOptions *options, GError **error)
{
  const guint size = options->batch / options->accumulate;

  if (options->ranks == NULL || size >= options->ranks->n_ranks)
    return TRUE;
  g_set_error (
    error, DDPM_ERROR, DDPM_ERROR_USAGE,
    "%u processes cannot share the %u picture%s of a %s; start fewer processes, or choose a larger "
    "--batch",
    options->ranks->n_ranks, size, size == 1 ? "" : "s",
    options->accumulate > 1 ? "part of the batch" : "batch");
  return FALSE;
}

gboolean
ddpm_train_job_prepare (DdpmTrainJob *job, DdpmProgressFunc func, gpointer user_data,
                        GCancellable *cancellable, GError **error)
{
  DdpmListener listener = { func, user_data };
  const DdpmTrainSetup *setup = NULL;
  guint64 next_samples;
  gboolean ok;

  g_clear_pointer (&job->setup, ddpm_train_setup_free);
  job->setup =
    ddpm_train_setup_new (&job->options, ddpm_listener_tell_reading, &listener, cancellable, error);
  ok = job->setup != NULL && check_shares (&job->setup->options, error);
  if (!ddpm_ranks_agree (job->options.ranks, ok, cancellable, error))
    {
      g_clear_pointer (&job->setup, ddpm_train_setup_free);
      return FALSE;
    }
  ok = ddpm_train_measure_speed (job->setup, cancellable, error);
  if (!ddpm_ranks_agree (job->options.ranks, ok, cancellable, error))
    {
      g_clear_pointer (&job->setup, ddpm_train_setup_free);
      return FALSE;
    }
  ddpm_train_propose_length (job->setup);
  setup = job->setup;
  next_samples = ddpm_train_samples_get_next (&setup->options, setup->first_step);
  job->plan = (DdpmTrainPlan) {
    .dataset = setup->dataset,
    .config = &setup->config,
    .n_parameters = ddpm_unet_get_n_weights (setup->unet),
    .flop_per_picture = ddpm_unet_get_flop (setup->unet, setup->dataset->height, setup->dataset->width),
    .peak_bytes = setup->peak_bytes,
    .recompute = setup->recompute,
    .peak_kept_bytes = setup->peak_kept_bytes,
    .must_accumulate = setup->must_accumulate,
    .n_held_out = setup->n_held_out,
    .first_step = setup->first_step,
    .next_samples = next_samples,
    .label_names = setup->labels != NULL ? setup->notes.labels : NULL,
    .labels = setup->labels,
    .origin = &setup->origin,
    .hints = &setup->hints,
    .pictures_per_s = setup->pictures_per_s,
    .seconds = ddpm_train_predict_seconds (setup, setup->first_step, setup->options.steps),
    .next_samples_s = ddpm_train_predict_seconds (setup, setup->first_step, next_samples),
    .slowdown = setup->slowdown,
    .flip_is_proposed = setup->flip_is_proposed,
    .crop_is_proposed = setup->crop_is_proposed,
    .options = &setup->options,
  };
  atomic_store (&job->step, setup->first_step);
  return TRUE;
}

const DdpmTrainPlan *
ddpm_train_job_get_plan (DdpmTrainJob *job)
{
  return job->setup != NULL ? &job->plan : NULL;
}

gboolean
ddpm_train_job_run (DdpmTrainJob *job, DdpmProgressFunc func, gpointer user_data, GCancellable *cancellable,
                    GError **error)
{
  if (job->setup == NULL && !ddpm_train_job_prepare (job, func, user_data, cancellable, error))
    return FALSE;
  return ddpm_train_run (job->setup, &job->step, func, user_data, cancellable, error);
}

guint64
ddpm_train_job_get_step (DdpmTrainJob *job)
{
  return atomic_load (&job->step);
}
