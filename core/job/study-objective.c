/* Trainings one after another. A measurement is made whenever a training has written its model, on the
 * training's own thread, so that nothing is read or begun twice for it. */
#include "core/job/study-objective.h"

#include <math.h>

#include "core/base/atomic-file.h"
#include "core/base/error.h"
#include "core/job/evaluate-job.h"
#include "core/job/picture-set.h"
#include "core/job/sample-job.h"

#define DRAWS 20           /* timesteps of each picture, of a measurement */
#define MOST_COMPARED 1000 /* pictures of the folder */
#define USUAL_WARMUP 500   /* steps */
#define STEPS_OF_WARMUP 10 /* a training is at least as many times as long as its warm-up */

typedef struct
{
  const DdpmObjectiveStudyOptions *options;
  DdpmObjectiveStudy *study;
  DdpmProgressFunc func;
  gpointer user_data;
  GCancellable *cancellable; /* the caller's; may be NULL */

  GCancellable *own;        /* of trainings: cancelled with the caller's, and by a measurement that failed */
  gulong chained;           /* one to the other */
  GError *error;            /* of that measurement */
  char *measured;           /* a folder with links to the pictures that are measured */
  DdpmPictureSet *compared; /* pictures of the folder, beside samples */
  guint crop;               /* as the trainings decided */
  guint variant;            /* at work */
  GFile *model;             /* that it writes */
  gboolean has_written;     /* the model; it is still to be measured */
  gint64 start_us;
} Run;

static void
run_clear (Run *run)
{
  if (run->chained != 0)
    g_cancellable_disconnect (run->cancellable, run->chained);
  g_clear_object (&run->own);
  g_clear_error (&run->error);
  if (run->measured != NULL)
    ddpm_delete_tree (run->measured);
  g_free (run->measured);
  g_clear_pointer (&run->compared, ddpm_picture_set_free);
  g_clear_object (&run->model);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Run, run_clear)

/* ---- names ---- */

const char *
ddpm_objective_variant_get_prediction_name (const DdpmObjectiveVariant *variant)
{
  static const char *const names[] = { [DDPM_PREDICT_EPSILON] = "epsilon",
                                       [DDPM_PREDICT_SAMPLE] = "x0",
                                       [DDPM_PREDICT_V] = "v",
                                       [DDPM_PREDICT_MU] = "mu" };

  return names[variant->prediction];
}

const char *
ddpm_objective_variant_get_loss_name (const DdpmObjectiveVariant *variant)
{
  return variant->loss == DDPM_LOSS_VLB && variant->learned ? "vlb-learned" : ddpm_loss_names[variant->loss];
}

static char *
get_name (const DdpmObjectiveVariant *variant)
{
  return g_strdup_printf ("%s-%s", ddpm_objective_variant_get_prediction_name (variant),
                          ddpm_objective_variant_get_loss_name (variant));
}

static const DdpmObjectiveVariant *
get_variant (const Run *run)
{
  return &run->options->variants[run->variant];
}

static DdpmObjectiveResult *
get_result (const Run *run)
{
  return &run->study->results[run->variant];
}

/* ---- progress ---- */

/* All trainings as one; message: a line for people, caller keeps, or NULL. */
static void
tell (const Run *run, const DdpmProgress *of_training, const char *message)
{
  const guint64 steps = run->options->steps;
  const guint64 done = run->variant * steps + (of_training != NULL ? of_training->step : 0);
  const guint64 total = run->options->n_variants * steps;
  const double seconds = (double) (g_get_monotonic_time () - run->start_us) / G_USEC_PER_SEC;
  const DdpmProgress progress = {
    .phase = DDPM_PHASE_TRAIN,
    .step = done,
    .total = total,
    .seconds_left = done > 0 ? seconds / (double) done * (double) (total - done) : -1,
    .loss = of_training != NULL ? of_training->loss : NAN,
    .steps_per_s = of_training != NULL ? of_training->steps_per_s : 0,
    .message = message,
  };

  if (run->func != NULL)
    run->func (&progress, run->user_data);
}

/* How long it takes, of what the first training measured. */
static void
tell_duration (const Run *run, const DdpmTrainPlan *plan)
{
  const DdpmObjectiveStudyOptions *options = run->options;
  /* a step of training costs about as much as three looks at its pictures */
  const double looks_per_s = 3 * plan->pictures_per_s;
  const double looks = (double) options->n_points * run->study->n_measured * (DRAWS + 1)
                       + (double) options->n_samples * options->sampler_steps;
  const double seconds = options->n_variants * (plan->seconds + looks / looks_per_s);
  g_autofree char *message = NULL;

  if (!(plan->seconds > 0 && looks_per_s > 0))
    return;
  message = seconds < 100 ? g_strdup_printf ("%u trainings and their measurements take about %.0f s",
                                             options->n_variants, MAX (seconds, 1))
                          : g_strdup_printf ("%u trainings and their measurements take about %.0f min",
                                             options->n_variants, seconds / 60);
  tell (run, NULL, message);
}

static void
tell_result (const Run *run)
{
  const DdpmObjectiveResult *result = get_result (run);
  g_autofree char *name = get_name (get_variant (run));
  g_autofree char *message = NULL;

  if (result->failure != NULL)
    message = g_strdup_printf ("%s: %s", name, result->failure);
  else
    message =
      g_strdup_printf ("%s: %.3f bits per dimension (%u of %u)", name, result->bits[result->n_points - 1],
                       run->variant + 1, run->options->n_variants);
  tell (run, &(DdpmProgress) { .step = run->options->steps, .loss = NAN }, message);
}

/* ---- measurements ---- */

/* What a broken training says is a result; anything else is an error. */
static gboolean
note_failure (Run *run, GError *failure, GError **error)
{
  if (!g_error_matches (failure, DDPM_ERROR, DDPM_ERROR_NUMERIC))
    {
      g_propagate_error (error, failure);
      return FALSE;
    }
  if (get_result (run)->failure == NULL)
    get_result (run)->failure = g_strdup (failure->message);
  g_error_free (failure);
  return TRUE;
}

/* The bound of what was held out, after `step` steps. */
static gboolean
measure_bound (Run *run, guint64 step, GError **error)
{
  DdpmObjectiveResult *result = get_result (run);
  g_autoptr (GFile) pictures = g_file_new_for_path (run->measured);
  const DdpmEvaluateOptions options = { .pictures = pictures,
                                        .width = run->options->width,
                                        .height = run->options->height,
                                        .crop = run->crop,
                                        .n_draws = DRAWS,
                                        .ignore_labels = TRUE,
                                        .seed = run->options->seed,
                                        .n_threads = run->options->n_threads };
  g_autoptr (DdpmModel) model = NULL;
  GError *failure = NULL;
  DdpmEvaluation evaluation;

  /* a training that has gone back comes by once more */
  if (result->n_points == DDPM_OBJECTIVE_STUDY_MOST_POINTS
      || (result->n_points > 0 && (double) step <= result->steps[result->n_points - 1]))
    return TRUE;
  model = ddpm_model_open_header (run->model, error);
  if (model == NULL)
    return FALSE;
  result->steps[result->n_points] = (double) step;
  result->bits[result->n_points++] = NAN;
  result->standard_error_bits = result->simple = NAN;
  if (!ddpm_evaluate (model, &options, NULL, NULL, run->cancellable, &evaluation, &failure))
    return note_failure (run, failure, error);
  result->bits[result->n_points - 1] = evaluation.total_bits;
  result->standard_error_bits = evaluation.standard_error_bits;
  result->simple = evaluation.simple;
  return TRUE;
}

static gboolean
measure_samples (Run *run, GError **error)
{
  g_autoptr (DdpmModel) model = ddpm_model_open_header (run->model, error);
  g_autoptr (DdpmSampleJob) job = NULL;
  g_autoptr (DdpmPictureSet) made = NULL;
  DdpmImage *const *images;
  DdpmSampleOptions options;
  GError *failure = NULL;
  guint n_images;

  if (model == NULL)
    return FALSE;
  ddpm_sample_options_init (&options, model);
  options.count = run->options->n_samples;
  options.sampler = DDPM_SAMPLER_DDPM;
  options.n_steps = run->options->sampler_steps;
  options.spacing = 1 + DDPM_SPACING_LINSPACE; /* from the last timestep to 0, whatever their number */
  options.seed = run->options->seed;
  options.n_threads = run->options->n_threads;
  options.sizing = DDPM_SIZING_DIRECT;
  job = ddpm_sample_job_new (model, &options, error);
  if (job == NULL)
    return FALSE;
  if (!ddpm_sample_job_run (job, NULL, NULL, run->cancellable, &failure))
    return note_failure (run, failure, error);
  images = ddpm_sample_job_get_images (job, &n_images);
  made = ddpm_picture_set_new_from_images (images, n_images);
  return ddpm_picture_set_compare (made, run->compared, run->options->n_threads, run->options->seed,
                                   run->cancellable, &get_result (run)->distances, error);
}

/* ---- trainings ---- */

static void
listen (const DdpmProgress *progress, gpointer user_data)
{
  Run *run = user_data;

  if (progress->phase == DDPM_PHASE_PREPARE && run->variant == 0 && run->func != NULL)
    run->func (progress, run->user_data);
  if (progress->phase == DDPM_PHASE_SAVE)
    run->has_written = TRUE; /* when it says so next */
  if (progress->phase != DDPM_PHASE_TRAIN)
    return;
  tell (run, progress, NULL);
  if (!run->has_written || progress->message == NULL || run->error != NULL)
    return;
  run->has_written = FALSE;
  if (!measure_bound (run, progress->step, &run->error))
    g_cancellable_cancel (run->own);
}

static void
set_train_options (const Run *run, DdpmTrainOptions *train)
{
  const DdpmObjectiveStudyOptions *options = run->options;
  const DdpmObjectiveVariant *variant = get_variant (run);

  train->pictures = g_object_ref (options->pictures);
  train->output = g_object_ref (run->model);
  train->width = options->width;
  train->height = options->height;
  train->n_channels = options->n_channels;
  for (guint i = 0; i < options->n_channels; i++)
    train->channels[i] = options->channels[i];
  train->batch = options->batch;
  train->steps = options->steps;
  train->warmup_steps = MIN (USUAL_WARMUP, options->steps / STEPS_OF_WARMUP);
  train->held_out = options->held_out;
  train->prediction = variant->prediction;
  train->variance = variant->learned ? DDPM_VARIANCE_LEARNED_RANGE : DDPM_VARIANCE_FIXED_SMALL;
  train->loss = variant->loss;
  train->seed = options->seed;
  train->n_threads = options->n_threads;
  train->save_every = (options->steps + options->n_points - 1) / options->n_points;
  train->sample_every = 0;
}

static gboolean
link_measured (Run *run, const DdpmDataset *dataset, GError **error)
{
  g_autofree guint32 *chosen = ddpm_picture_set_choose (
    dataset, run->options->held_out, run->options->most_measured, &run->study->n_measured, error);

  if (chosen == NULL)
    return FALSE;
  run->measured = g_dir_make_tmp ("ddpm-measured-XXXXXX", error);
  for (guint i = 0; i < run->study->n_measured && run->measured != NULL; i++)
    {
      const char *path = dataset->paths[chosen[i]];
      g_autoptr (GFile) picture = g_file_get_child (run->options->pictures, path);
      g_autofree char *base_name = g_path_get_basename (path);
      g_autofree char *name = g_strdup_printf ("%s/%05u-%s", run->measured, i, base_name);
      g_autoptr (GFile) link = g_file_new_for_path (name);

      if (!g_file_make_symbolic_link (link, g_file_peek_path (picture), NULL, error))
        return FALSE;
    }
  return run->measured != NULL;
}

/* What the trainings' measurements need, of the first one's pictures. */
static gboolean
prepare_measurements (Run *run, const DdpmTrainPlan *plan, GError **error)
{
  const DdpmDataset *dataset = plan->dataset;
  DdpmObjectiveStudy *study = run->study;
  g_autofree guint32 *chosen = NULL;

  if (plan->n_held_out == 0)
    return ddpm_refuse (error, DDPM_ERROR_USAGE,
                        "Of the %u picture%s in the folder none is held out by --held-out %u, and there is "
                        "nothing to measure the trainings on; give a smaller number, or more pictures",
                        dataset->n_pictures, dataset->n_pictures == 1 ? "" : "s", run->options->held_out);
  study->n_pictures = dataset->n_pictures;
  study->width = dataset->width;
  study->height = dataset->height;
  study->n_picture_channels = dataset->n_channels;
  study->n_parameters = plan->n_parameters;
  run->crop = plan->options->crop;
  chosen = ddpm_picture_set_choose (dataset, 0, MOST_COMPARED, &study->n_compared, error);
  if (chosen == NULL)
    return FALSE;
  run->compared = ddpm_picture_set_new (dataset, chosen, study->n_compared, run->options->seed, error);
  return run->compared != NULL && link_measured (run, dataset, error);
}

/* The variant's model. What went wrong in a measurement meanwhile goes before what the training says. */
static gboolean
train (Run *run, GError **error)
{
  g_auto (DdpmTrainOptions) options = { 0 };
  g_autoptr (DdpmTrainJob) job = NULL;
  GError *failure = NULL;

  ddpm_train_options_init (&options);
  set_train_options (run, &options);
  job = ddpm_train_job_new (&options, error);
  if (job == NULL || !ddpm_train_job_prepare (job, listen, run, run->own, error))
    return FALSE;
  if (run->variant == 0)
    {
      const DdpmTrainPlan *plan = ddpm_train_job_get_plan (job);

      if (!prepare_measurements (run, plan, error))
        return FALSE;
      run->start_us = g_get_monotonic_time ();
      tell_duration (run, plan);
    }
  if (ddpm_train_job_run (job, listen, run, run->own, &failure))
    return TRUE;
  if (run->error == NULL)
    return note_failure (run, failure, error);
  g_error_free (failure);
  g_propagate_error (error, g_steal_pointer (&run->error));
  return FALSE;
}

static gboolean
run_variant (Run *run, GError **error)
{
  g_autofree char *name = get_name (get_variant (run));
  DdpmObjectiveResult *result = get_result (run);

  result->simple = result->standard_error_bits = NAN;
  result->distances.sliced_wasserstein_mean = result->distances.precision = result->distances.recall =
    result->distances.nearest = NAN;
  g_clear_object (&run->model);
  run->model = g_file_get_child (run->options->output, name);
  if (!train (run, error) || (result->failure == NULL && !measure_samples (run, error)))
    return FALSE;
  tell_result (run);
  return TRUE;
}

static void
cancel_too (GCancellable *cancellable, gpointer own)
{
  g_cancellable_cancel (own);
}

gboolean
ddpm_objective_study_run (const DdpmObjectiveStudyOptions *options, DdpmProgressFunc func, gpointer user_data,
                          GCancellable *cancellable, DdpmObjectiveStudy *study, GError **error)
{
  g_auto (Run) run = { .options = options,
                       .study = study,
                       .func = func,
                       .user_data = user_data,
                       .cancellable = cancellable,
                       .own = g_cancellable_new (),
                       .start_us = g_get_monotonic_time () };

  g_return_val_if_fail (options->n_points >= 1 && options->n_points <= DDPM_OBJECTIVE_STUDY_MOST_POINTS,
                        FALSE);
  g_return_val_if_fail (options->n_variants <= DDPM_OBJECTIVE_STUDY_MOST_VARIANTS, FALSE);

  *study = (DdpmObjectiveStudy) { 0 };
  if (cancellable != NULL)
    run.chained = g_cancellable_connect (cancellable, G_CALLBACK (cancel_too), run.own, NULL);
  for (; run.variant < options->n_variants; run.variant++)
    {
      study->n_results = run.variant + 1;
      if (!run_variant (&run, error))
        return FALSE;
    }
  return TRUE;
}

void
ddpm_objective_study_clear (DdpmObjectiveStudy *study)
{
  for (guint i = 0; i < study->n_results; i++)
    g_clear_pointer (&study->results[i].failure, g_free);
}
