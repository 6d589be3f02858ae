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

  DdpmSampleJob *followed;              /* made what the flow leads to; NULL: no sampler follows it */
  DdpmPictureSet *reference;            /* that the samples are compared with */
  guint64 done, total, job_evaluations; /* of the network; of the job at work */
  gint64 start_us;
} Run;

static void
run_clear (Run *run)
{
  g_clear_object (&run->followed);
  g_clear_pointer (&run->reference, ddpm_picture_set_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Run, run_clear)

/* ---- what it takes ---- */

/* A sampler's steps. */
typedef struct
{
  DdpmSamplerKind kind;
  guint n_steps;
  guint spacing, sigmas; /* as in DdpmSamplerOptions */
} Course;

static Course
get_course (const Run *run, guint kind, guint step)
{
  const DdpmSamplerStudyOptions *options = run->options;

  return (Course) { options->kinds[kind], options->steps[step], options->spacing, options->sigmas };
}

static DdpmSampler *
make_sampler (const Run *run, Course course, GError **error)
{
  const DdpmSamplerOptions options = {
    .kind = course.kind, .n_steps = course.n_steps, .spacing = course.spacing, .sigmas = course.sigmas
  };

  return ddpm_sampler_new (&options, &run->model->scheduler, error);
}

/* Of the network, for a picture; 0: there is no such sampler. */
static guint
count_evaluations (const Run *run, Course course)
{
  g_autoptr (DdpmSampler) sampler = make_sampler (run, course, NULL);
  guint n = 0;

  if (sampler != NULL)
    ddpm_sampler_get_timesteps (sampler, &n);
  return n;
}

static gboolean
follows_flow (const Run *run, guint kind)
{
  for (guint i = 0; i < run->options->n_steps; i++)
    {
      g_autoptr (DdpmSampler) sampler = make_sampler (run, get_course (run, kind, i), NULL);

      if (sampler != NULL)
        return ddpm_sampler_get_order (sampler) > 0;
    }
  return FALSE;
}

/* The most steps up to `wanted` that the flow can be followed in. */
static guint
limit_many_steps (const Run *run, guint wanted)
{
  while (wanted > 0 && count_evaluations (run, (Course) { .kind = MANY, .n_steps = wanted }) == 0)
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
      any_follows = any_follows || follows_flow (run, i);
      for (guint j = 0; j < options->n_steps; j++)
        {
          study->cells[i][j].n_evaluations = count_evaluations (run, get_course (run, i, j));
          evaluations += study->cells[i][j].n_evaluations;
        }
    }
  if (evaluations == 0)
    {
      g_autoptr (DdpmSampler) none = make_sampler (run, get_course (run, 0, 0), error);

      return FALSE; /* as the first one says */
    }
  if (any_follows)
    {
      const guint wanted = options->many_steps > 0 ? options->many_steps : MANY_STEPS;

      study->many = MANY;
      study->many_steps = limit_many_steps (run, MIN (wanted, n_timesteps));
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

/* A job that has run. */
static DdpmSampleJob *
make_pictures (Run *run, Course course, guint n, guint32 seed, GError **error)
{
  g_autoptr (DdpmSampleJob) job = NULL;
  DdpmSampleOptions options;

  ddpm_sample_options_init (&options, run->model);
  options.sampler = course.kind;
  options.n_steps = course.n_steps;
  options.spacing = course.spacing;
  options.sigmas = course.sigmas;
  options.count = n;
  options.seed = seed;
  options.label = run->options->label;
  options.n_threads = run->options->n_threads;
  job = ddpm_sample_job_new (run->model, &options, error);
  if (job == NULL)
    return NULL;
  run->job_evaluations = n * (guint64) count_evaluations (run, course);
  if (!ddpm_sample_job_run (job, tell_sampling, run, run->cancellable, error))
    return NULL;
  run->done += run->job_evaluations;
  return g_steal_pointer (&job);
}

static DdpmPictureSet *
get_pictures (DdpmSampleJob *job)
{
  guint n;
  DdpmImage *const *images = ddpm_sample_job_get_images (job, &n);

  return ddpm_picture_set_new_from_images (images, n);
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

/* By the paper's own algorithm. */
static DdpmPictureSet *
sample_paper (Run *run, guint32 seed, GError **error)
{
  const Course course = { .kind = DDPM_SAMPLER_DDPM, .n_steps = run->model->scheduler.num_train_timesteps };
  g_autoptr (DdpmSampleJob) job = make_pictures (run, course, run->study->n_pictures, seed, error);

  return job != NULL ? get_pictures (job) : NULL;
}

/* The reference, and how far another set of its kind is from it. */
static gboolean
make_reference (Run *run, const DdpmDataset *dataset, GError **error)
{
  const guint n = run->study->n_pictures;
  const guint32 seed = run->options->seed;
  g_autoptr (DdpmPictureSet) others = NULL;

  run->reference =
    dataset != NULL ? take_pictures (run, dataset, 0, error) : sample_paper (run, seed + 1, error);
  if (run->reference == NULL)
    return FALSE;
  others = dataset != NULL ? take_pictures (run, dataset, n, error) : sample_paper (run, seed + 2, error);
  return others != NULL && measure_distances (run, others, &run->study->floor, error);
}

/* ---- samplers ---- */

/* Of the first pictures from where the flow leads, before they become bytes. */
static double
get_deviation (const Run *run, DdpmSampleJob *job)
{
  guint n_images, n_followed;
  DdpmImage *const *images = ddpm_sample_job_get_images (job, &n_images);
  DdpmImage *const *followed = ddpm_sample_job_get_images (run->followed, &n_followed);
  const gsize n = (gsize) images[0]->n_channels * images[0]->height * images[0]->width;
  g_autofree float *a = g_new (float, n), *b = g_new (float, n);
  double sum = 0;

  for (guint i = 0; i < n_followed; i++)
    {
      ddpm_image_to_tensor (images[i], images[i]->n_channels == 4, a);
      ddpm_image_to_tensor (followed[i], images[i]->n_channels == 4, b);
      for (gsize j = 0; j < n; j++)
        {
          const double difference = 127.5 * ((double) a[j] - b[j]);

          sum += difference * difference;
        }
    }
  return sqrt (sum / ((double) n_followed * (double) n));
}

static gboolean
measure_cell (Run *run, Course course, gboolean follows, DdpmSamplerStudyCell *cell, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  g_autoptr (DdpmPictureSet) pictures = NULL;
  g_autoptr (DdpmSampleJob) job =
    make_pictures (run, course, run->study->n_pictures, run->options->seed, &local_error);

  cell->deviation = NAN;
  cell->is_finite = job != NULL;
  if (g_error_matches (local_error, DDPM_ERROR, DDPM_ERROR_NUMERIC))
    {
      run->done += run->job_evaluations;
      return TRUE; /* steps too large for the model: that is a result */
    }
  if (job == NULL)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  if (follows && run->followed != NULL)
    cell->deviation = get_deviation (run, job);
  pictures = get_pictures (job);
  return measure_distances (run, pictures, &cell->distances, error);
}

static gboolean
measure_samplers (Run *run, GError **error)
{
  const DdpmSamplerStudyOptions *options = run->options;

  for (guint i = 0; i < options->n_kinds; i++)
    {
      const gboolean follows = follows_flow (run, i);

      for (guint j = 0; j < options->n_steps; j++)
        if (run->study->cells[i][j].n_evaluations > 0
            && !measure_cell (run, get_course (run, i, j), follows, &run->study->cells[i][j], error))
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
  if (ddpm_unet_get_config (model->unet)->sample_width == 0)
    return ddpm_refuse (error, DDPM_ERROR_UNSUPPORTED,
                        "The model \"%s\" does not say how large its pictures are, which this study needs to "
                        "know; write it into unet/config.json as sample_size",
                        model->name);
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
      run.followed = make_pictures (&run, (Course) { .kind = study->many, .n_steps = study->many_steps },
                                    study->n_followed, options->seed, error);
      if (run.followed == NULL)
        return FALSE;
    }
  return measure_samplers (&run, error);
}
