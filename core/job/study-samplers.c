/* Everything is made by sampling jobs: first what others are compared with, then each sampler's pictures,
 * which are measured and forgotten. */
#include "core/job/study-samplers.h"

#include <math.h>

#include "core/base/error.h"
#include "core/job/picture-set.h"
#include "core/job/sample-job.h"

#define MANY DDPM_SAMPLER_DPMPP_2M /* of order 2, by one evaluation a step, and it does not clip */
#define MANY_STEPS 500

typedef struct
{
  DdpmModel *model; /* borrowed, as all of these */
  const DdpmSamplerStudyOptions *options;
  DdpmSamplerStudy *study;
  DdpmProgressFunc func;
  gpointer user_data;
  GCancellable *cancellable;

  DdpmPictureSet *followed;             /* where the flow leads; NULL: no sampler follows it */
  DdpmPictureSet *reference;            /* that the samples are compared with */
  guint64 done, total, job_evaluations; /* of the network; of the job at work */
  gint64 start_us;
} Run;

static void
run_clear (Run *run)
{
  g_clear_pointer (&run->followed, ddpm_picture_set_free);
  g_clear_pointer (&run->reference, ddpm_picture_set_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Run, run_clear)

/* ---- what it takes ---- */

static DdpmSampler *
make_sampler (const Run *run, DdpmSamplerKind kind, guint n_steps)
{
  const DdpmSamplerOptions options = { .kind = kind, .n_steps = n_steps };

  return ddpm_sampler_new (&options, &run->model->scheduler, NULL);
}

/* Of the network, for a picture; 0: this sampler cannot take as many steps. */
static guint
count_evaluations (const Run *run, DdpmSamplerKind kind, guint n_steps)
{
  g_autoptr (DdpmSampler) sampler = make_sampler (run, kind, n_steps);
  guint n = 0;

  if (sampler != NULL)
    ddpm_sampler_get_timesteps (sampler, &n);
  return n;
}

static gboolean
follows_flow (const Run *run, DdpmSamplerKind kind)
{
  for (guint i = 0; i < run->options->n_steps; i++)
    {
      g_autoptr (DdpmSampler) sampler = make_sampler (run, kind, run->options->steps[i]);

      if (sampler != NULL)
        return ddpm_sampler_get_order (sampler) > 0;
    }
  return FALSE;
}

/* The most steps up to `wanted` that the sampler can take. */
static guint
limit_steps (const Run *run, DdpmSamplerKind kind, guint wanted)
{
  while (wanted > 0 && count_evaluations (run, kind, wanted) == 0)
    wanted--;
  return wanted;
}

static gboolean
plan (Run *run, GError **error)
{
  const DdpmSamplerStudyOptions *options = run->options;
  DdpmSamplerStudy *study = run->study;
  const guint n_timesteps = run->model->scheduler.num_train_timesteps;
  guint64 evaluations = 0;
  gboolean any_follows = FALSE;

  for (guint i = 0; i < options->n_kinds; i++)
    {
      any_follows = any_follows || follows_flow (run, options->kinds[i]);
      for (guint j = 0; j < options->n_steps; j++)
        {
          study->cells[i][j].n_evaluations = count_evaluations (run, options->kinds[i], options->steps[j]);
          evaluations += study->cells[i][j].n_evaluations;
        }
    }
  if (evaluations == 0)
    return ddpm_refuse (error, DDPM_ERROR_USAGE,
                        "none of the samplers can take as many steps; this model has %u timesteps",
                        n_timesteps);
  if (any_follows)
    {
      const guint wanted = options->many_steps > 0 ? options->many_steps : MANY_STEPS;

      study->many = MANY;
      study->many_steps = limit_steps (run, MANY, MIN (wanted, n_timesteps));
      study->n_followed =
        study->many_steps > 0 ? MIN (study->n_pictures, DDPM_SAMPLER_STUDY_MOST_FOLLOWED) : 0;
    }
  run->total = study->n_pictures * evaluations + study->n_followed * (guint64) study->many_steps;
  if (options->pictures == NULL)
    run->total += 2 * study->n_pictures * (guint64) n_timesteps;
  return TRUE;
}

/* ---- sampling ---- */

static void
tell_sampling (const DdpmProgress *of_job, gpointer user_data)
{
  const Run *run = user_data;
  const double seconds = (double) (g_get_monotonic_time () - run->start_us) / G_USEC_PER_SEC;
  const guint64 done =
    run->done + (of_job->total > 0 ? run->job_evaluations * of_job->step / of_job->total : 0);
  const DdpmProgress progress = {
    .phase = DDPM_PHASE_EVALUATE,
    .step = done,
    .total = run->total,
    .seconds_left = done > 0 ? seconds * (double) (run->total - done) / (double) done : -1,
    .loss = NAN,
  };

  if (run->func != NULL)
    run->func (&progress, run->user_data);
}

static DdpmPictureSet *
make_pictures (Run *run, DdpmSamplerKind kind, guint n_steps, guint n, guint32 seed, GError **error)
{
  g_autoptr (DdpmSampleJob) job = NULL;
  DdpmSampleOptions options;
  DdpmImage *const *images;
  guint n_images;

  ddpm_sample_options_init (&options, run->model);
  options.sampler = kind;
  options.n_steps = n_steps;
  options.count = n;
  options.seed = seed;
  options.label = run->options->label;
  options.n_threads = run->options->n_threads;
  job = ddpm_sample_job_new (run->model, &options, error);
  if (job == NULL)
    return NULL;
  run->job_evaluations = n * (guint64) count_evaluations (run, kind, n_steps);
  if (!ddpm_sample_job_run (job, tell_sampling, run, run->cancellable, error))
    return NULL;
  run->done += run->job_evaluations;
  images = ddpm_sample_job_get_images (job, &n_images);
  return ddpm_picture_set_new_from_images (images, n_images);
}

static gboolean
measure_distances (Run *run, const DdpmPictureSet *pictures, DdpmDistances *distances, GError **error)
{
  return ddpm_picture_set_compare (pictures, run->reference, run->options->n_threads, run->options->seed,
                                   run->cancellable, distances, error);
}

/* ---- the reference ---- */

/* Of the folder's pictures n of n that come after the first `begin` in an order by the seed. */
static DdpmPictureSet *
take_pictures (const Run *run, const DdpmDataset *dataset, guint begin, GError **error)
{
  g_autofree guint32 *order = g_new (guint32, dataset->n_pictures);
  const DdpmRngKey key = { run->options->seed, DDPM_RNG_STUDY_ORDER, 0, 0 };

  ddpm_rng_permutation (key, order, dataset->n_pictures);
  return ddpm_picture_set_new (dataset, order + begin, run->study->n_pictures, run->options->seed, error);
}

/* The reference, and how far another set of its kind is from it. */
static gboolean
make_reference (Run *run, const DdpmDataset *dataset, GError **error)
{
  const guint n = run->study->n_pictures, n_timesteps = run->model->scheduler.num_train_timesteps;
  const guint32 seed = run->options->seed;
  g_autoptr (DdpmPictureSet) others = NULL;

  run->reference = dataset != NULL ? take_pictures (run, dataset, 0, error)
                                   : make_pictures (run, DDPM_SAMPLER_DDPM, n_timesteps, n, seed + 1, error);
  if (run->reference == NULL)
    return FALSE;
  others = dataset != NULL ? take_pictures (run, dataset, n, error)
                           : make_pictures (run, DDPM_SAMPLER_DDPM, n_timesteps, n, seed + 2, error);
  return others != NULL && measure_distances (run, others, &run->study->floor, error);
}

/* ---- samplers ---- */

/* Of the first pictures from where the flow leads. */
static double
get_deviation (const DdpmPictureSet *pictures, const DdpmPictureSet *followed)
{
  const gsize n = (gsize) followed->n * followed->n_channels * followed->height * followed->width;
  double sum = 0;

  for (gsize i = 0; i < n; i++)
    {
      const double difference = 127.5 * ((double) pictures->values[i] - followed->values[i]);

      sum += difference * difference;
    }
  return sqrt (sum / (double) n);
}

static gboolean
measure_cell (Run *run, DdpmSamplerKind kind, guint n_steps, gboolean follows, DdpmSamplerStudyCell *cell,
              GError **error)
{
  g_autoptr (GError) local_error = NULL;
  g_autoptr (DdpmPictureSet) pictures =
    make_pictures (run, kind, n_steps, run->study->n_pictures, run->options->seed, &local_error);

  cell->deviation = NAN;
  cell->is_finite = pictures != NULL;
  if (g_error_matches (local_error, DDPM_ERROR, DDPM_ERROR_NUMERIC))
    {
      run->done += run->job_evaluations;
      return TRUE; /* steps too large for the model: that is a result */
    }
  if (pictures == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  if (follows && run->followed != NULL)
    cell->deviation = get_deviation (pictures, run->followed);
  return measure_distances (run, pictures, &cell->distances, error);
}

static gboolean
measure_samplers (Run *run, GError **error)
{
  const DdpmSamplerStudyOptions *options = run->options;

  for (guint i = 0; i < options->n_kinds; i++)
    {
      const gboolean follows = follows_flow (run, options->kinds[i]);

      for (guint j = 0; j < options->n_steps; j++)
        if (run->study->cells[i][j].n_evaluations > 0
            && !measure_cell (run, options->kinds[i], options->steps[j], follows, &run->study->cells[i][j],
                              error))
          return FALSE;
    }
  return TRUE;
}

/* ---- all of it ---- */

gboolean
ddpm_sampler_study_run (DdpmModel *model, const DdpmSamplerStudyOptions *options, DdpmProgressFunc func,
                        gpointer user_data, GCancellable *cancellable, DdpmSamplerStudy *study,
                        GError **error)
{
  g_auto (Run) run = { .model = model,
                       .options = options,
                       .study = study,
                       .func = func,
                       .user_data = user_data,
                       .cancellable = cancellable };
  g_autoptr (DdpmDataset) dataset = NULL;

  g_return_val_if_fail (options->n_kinds > 0 && options->n_steps > 0 && options->n_pictures > 1, FALSE);

  *study = (DdpmSamplerStudy) { .n_pictures = options->n_pictures };
  if (options->pictures != NULL)
    {
      dataset = ddpm_picture_set_load (model, options->pictures, 0, 0, options->crop, func, user_data,
                                       cancellable, error);
      if (dataset == NULL)
        return FALSE;
      study->n_pictures = MIN (study->n_pictures, dataset->n_pictures / 2);
      if (study->n_pictures < 2)
        return ddpm_refuse (error, DDPM_ERROR_USAGE,
                            "there are %u pictures to compare with; 4 or more are needed",
                            dataset->n_pictures);
    }
  if (!plan (&run, error))
    return FALSE;
  run.start_us = g_get_monotonic_time ();
  if (!make_reference (&run, dataset, error))
    return FALSE;
  study->width = run.reference->width;
  study->height = run.reference->height;
  if (study->n_followed > 0)
    {
      run.followed =
        make_pictures (&run, study->many, study->many_steps, study->n_followed, options->seed, error);
      if (run.followed == NULL)
        return FALSE;
    }
  return measure_samplers (&run, error);
}
