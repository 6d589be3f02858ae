#include "core/job/evaluate-job.h"

#include <math.h>

#include "core/base/error.h"
#include "core/data/labels.h"
#include "core/diffusion/flow-reconstruction.h"
#include "core/diffusion/likelihood.h"
#include "core/job/evaluate-private.h"
#include "core/job/picture-set.h"

static void
run_clear (DdpmEvaluateRun *run)
{
  ddpm_evaluate_network_clear (run);
  g_clear_pointer (&run->schedule, ddpm_schedule_free);
  g_clear_pointer (&run->dataset, ddpm_dataset_free);
  g_free (run->chosen);
  g_free (run->picture_labels);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmEvaluateRun, run_clear)

double
ddpm_evaluate_get_standard_error (double sum, double squares, guint n)
{
  const double mean = sum / n;

  return n > 1 ? sqrt (MAX (squares / n - mean * mean, 0) / (n - 1)) : NAN;
}

gboolean
ddpm_evaluate_check_finite (const DdpmEvaluateRun *run, double value, GError **error)
{
  return isfinite (value)
         || ddpm_refuse (error, DDPM_ERROR_NUMERIC,
                         "The model \"%s\" said something that is not finite; its weights are damaged or do "
                         "not fit its config.json and scheduler_config.json",
                         run->model->name);
}

static gboolean
check_steps (const DdpmModel *model, const char *option, guint n_steps, GError **error)
{
  const guint most = model->scheduler.num_train_timesteps;

  return n_steps <= most
         || ddpm_refuse (error, DDPM_ERROR_USAGE,
                         "%s: %u steps are more than the %u timesteps of this model; take fewer", option,
                         n_steps, most);
}

/* What can be told before anything is measured, which takes long. */
static gboolean
check_options (const DdpmModel *model, const DdpmEvaluateOptions *options, GError **error)
{
  const DdpmSampleOptions sample = ddpm_evaluate_get_sample_options (model, options);
  g_autoptr (DdpmSampler) sampler = NULL;

  if (!check_steps (model, "--flow-steps", options->flow_steps, error))
    return FALSE;
  for (guint i = 0; i < options->n_reconstructions; i++)
    if (!check_steps (model, "--reconstruct", options->reconstruct_steps[i], error)
        || !ddpm_flow_check_reconstruction (&model->scheduler, options->reconstruct_steps[i], error))
      return FALSE;
  if (options->n_samples == 0)
    return TRUE;
  if (!check_steps (model, "--steps", sample.n_steps, error))
    return FALSE;
  sampler = ddpm_sampler_new (&(DdpmSamplerOptions) { .kind = sample.sampler, .n_steps = sample.n_steps },
                              &model->scheduler, error);
  return sampler != NULL;
}

static void
find_labels (DdpmEvaluateRun *run)
{
  static const char *const no_names[] = { NULL };
  const DdpmUnetConfig *config = ddpm_unet_get_config (run->model->unet);
  char **names = run->model->notes.labels;

  if (config->class_embed != DDPM_CLASS_EMBED_TABLE)
    return;
  if (names != NULL && !run->options->ignore_labels)
    run->n_labels = g_strv_length (names);
  run->picture_labels = ddpm_labels_assign ((const char *const *) run->dataset->paths,
                                            run->n_labels > 0 ? (const char *const *) names : no_names);
  for (guint i = 0; i < run->dataset->n_pictures; i++)
    if (run->picture_labels[i] >= run->n_labels)
      run->picture_labels[i] = config->num_class_embeds - 1; /* "no label" */
  for (guint i = 0; i < run->n_chosen; i++)
    run->evaluation->n_labelled += run->picture_labels[run->chosen[i]] < run->n_labels;
}

static gboolean
prepare (DdpmEvaluateRun *run, GError **error)
{
  const DdpmSchedulerConfig *config = &run->model->scheduler;
  const DdpmEvaluateOptions *options = run->options;
  DdpmEvaluation *evaluation = run->evaluation;

  if (!check_options (run->model, options, error))
    return FALSE;
  run->schedule = ddpm_schedule_new (config, error);
  if (run->schedule == NULL
      || (!options->skip_bound && !ddpm_likelihood_check (run->schedule, config->prediction_type, error)))
    return FALSE;
  run->objective = (DdpmObjective) { .schedule = run->schedule,
                                     .prediction = config->prediction_type,
                                     .variance = config->variance_type };
  run->dataset = ddpm_picture_set_load (run->model, options->pictures, options->width, options->height,
                                        options->crop, run->func, run->user_data, run->cancellable, error);
  if (run->dataset == NULL)
    return FALSE;
  run->chosen =
    ddpm_picture_set_choose (run->dataset, options->held_out, options->max_pictures, &run->n_chosen, error);
  if (run->chosen == NULL)
    return FALSE;
  find_labels (run);
  evaluation->n_pictures = run->n_chosen;
  evaluation->width = run->dataset->width;
  evaluation->height = run->dataset->height;
  evaluation->n_channels = run->dataset->n_channels;
  evaluation->n_timesteps = run->schedule->n_timesteps;
  return TRUE;
}

gboolean
ddpm_evaluate (const DdpmModel *model, const DdpmEvaluateOptions *options, DdpmProgressFunc func,
               gpointer user_data, GCancellable *cancellable, DdpmEvaluation *evaluation, GError **error)
{
  g_auto (DdpmEvaluateRun) run = { .model = model,
                                   .options = options,
                                   .evaluation = evaluation,
                                   .func = func,
                                   .user_data = user_data,
                                   .cancellable = cancellable };

  g_return_val_if_fail (options->pictures != NULL && options->seed <= DDPM_MAX_SEED, FALSE);
  g_return_val_if_fail (options->n_reconstructions <= DDPM_EVALUATE_MAX_RECONSTRUCTIONS, FALSE);

  *evaluation = (DdpmEvaluation) { 0 };
  if (!prepare (&run, error))
    return FALSE;
  if ((!options->skip_bound || options->flow_steps > 0 || options->n_reconstructions > 0)
      && !ddpm_evaluate_network_init (&run, error))
    return FALSE;
  if ((!options->skip_bound && !ddpm_evaluate_bound (&run, error))
      || (options->flow_steps > 0 && !ddpm_evaluate_likelihood (&run, error))
      || (options->n_reconstructions > 0 && !ddpm_evaluate_reconstructions (&run, error)))
    return FALSE;
  ddpm_evaluate_network_clear (&run);
  return options->n_samples == 0 || ddpm_evaluate_samples (&run, error);
}
