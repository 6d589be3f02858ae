/* The model's own pictures against those of the folder. */
#include <math.h>
#include <string.h>

#include "core/base/error.h"
#include "core/job/evaluate-private.h"
#include "core/job/picture-set.h"

typedef struct
{
  DdpmEvaluateRun *run;
  DdpmPictureSet *set;
  guint n_made;
  guint n_making; /* by the job at work */
  guint n_jobs;
} Samples;

/* A job's progress is a part of the progress of them all. */
static void
tell (const DdpmProgress *progress, gpointer user_data)
{
  const Samples *samples = user_data;
  const DdpmEvaluateRun *run = samples->run;
  const double seconds = (double) (g_get_monotonic_time () - run->start_us) / G_USEC_PER_SEC;
  const guint n_steps = run->evaluation->sampler_steps;
  DdpmProgress all = *progress;

  if (progress->phase == DDPM_PHASE_SAMPLE && progress->total > 0)
    {
      all.total = (guint64) samples->set->n * n_steps;
      all.step =
        (guint64) samples->n_made * n_steps + progress->step * samples->n_making * n_steps / progress->total;
      all.seconds_left = all.step > 0 ? seconds / (double) all.step * (double) (all.total - all.step) : -1;
    }
  if (run->func != NULL)
    run->func (&all, run->user_data);
}

DdpmSampleOptions
ddpm_evaluate_get_sample_options (const DdpmModel *model, const DdpmEvaluateOptions *options)
{
  DdpmSampleOptions sample;

  ddpm_sample_options_init (&sample, model);
  if (options->own_sampler)
    sample.sampler = options->sampler;
  if (options->sampler_steps > 0)
    sample.n_steps = options->sampler_steps;
  sample.n_threads = options->n_threads;
  return sample;
}

/* `count` more samples, DDPM_MAX_COUNT at most. Each job has a seed of its own: with the same one, those of
 * different labels would be alike. */
static gboolean
make_samples (Samples *samples, guint count, const char *label, GError **error)
{
  const DdpmEvaluateRun *run = samples->run;
  const DdpmPictureSet *set = samples->set;
  const gsize n_values = (gsize) set->n_channels * set->height * set->width;
  DdpmSampleOptions options = ddpm_evaluate_get_sample_options (run->model, run->options);
  g_autoptr (DdpmSampleJob) job = NULL;
  g_autoptr (DdpmPictureSet) made = NULL;
  DdpmImage *const *images;
  guint n_images;

  options.width = set->width;
  options.height = set->height;
  options.count = samples->n_making = count;
  options.label = label;
  options.seed = (guint32) (((guint64) run->options->seed + samples->n_jobs++) % (DDPM_MAX_SEED + 1ull));
  job = ddpm_sample_job_new ((DdpmModel *) run->model, &options, error);
  if (job == NULL || !ddpm_sample_job_run (job, tell, samples, run->cancellable, error))
    return FALSE;
  images = ddpm_sample_job_get_images (job, &n_images);
  made = ddpm_picture_set_new_from_images (images, n_images);
  memcpy (set->values + samples->n_made * n_values, made->values, count * n_values * sizeof (float));
  samples->n_made += count;
  return TRUE;
}

/* counts[n_labels + 1]: of n pictures, so many with each label, as the folder has them; the last is of those
 * without one. */
static void
count_labels (const DdpmEvaluateRun *run, guint n, guint *counts)
{
  for (guint i = 0; i < n; i++)
    {
      const guint32 picture = run->chosen[(guint64) i * run->n_chosen / n];

      counts[run->n_labels > 0 ? MIN (run->picture_labels[picture], run->n_labels) : 0]++;
    }
}

static DdpmPictureSet *
make_all_samples (DdpmEvaluateRun *run, const DdpmPictureSet *reference, GError **error)
{
  const guint n = run->options->n_samples;
  const gsize n_values = (gsize) reference->n_channels * reference->height * reference->width;
  g_autoptr (DdpmPictureSet) set = g_new (DdpmPictureSet, 1);
  g_autofree guint *counts = g_new0 (guint, run->n_labels + 1);
  Samples samples = { .run = run, .set = set };

  *set = (DdpmPictureSet) { n, reference->n_channels, reference->height, reference->width,
                            g_try_new (float, n_values *n) };
  if (set->values == NULL)
    {
      ddpm_refuse (error, DDPM_ERROR_MEMORY, "%u samples do not fit into memory together; take fewer", n);
      return NULL;
    }
  count_labels (run, n, counts);
  run->start_us = g_get_monotonic_time ();
  for (guint row = 0; row <= run->n_labels; row++)
    for (guint left = counts[row]; left > 0;)
      {
        const guint count = MIN (left, DDPM_MAX_COUNT);

        if (!make_samples (&samples, count, row < run->n_labels ? run->model->notes.labels[row] : NULL,
                           error))
          return NULL;
        left -= count;
      }
  return g_steal_pointer (&set);
}

/* Every `stride`-th of stride * n pictures that are spread evenly over all, from number `first` on. */
static DdpmPictureSet *
take_pictures (const DdpmEvaluateRun *run, guint n, guint first, guint stride, GError **error)
{
  const guint64 n_all = (guint64) n * stride;
  g_autofree guint32 *numbers = g_new (guint32, n);

  for (guint i = 0; i < n; i++)
    numbers[i] = run->chosen[((guint64) i * stride + first) * run->n_chosen / n_all];
  return ddpm_picture_set_new (run->dataset, numbers, n, run->options->seed, error);
}

static gboolean
compare (const DdpmEvaluateRun *run, const DdpmPictureSet *a, const DdpmPictureSet *reference,
         DdpmDistances *distances, GError **error)
{
  return ddpm_picture_set_compare (a, reference, run->options->n_threads, run->options->seed,
                                   run->cancellable, distances, error);
}

gboolean
ddpm_evaluate_samples (DdpmEvaluateRun *run, GError **error)
{
  DdpmEvaluation *evaluation = run->evaluation;
  const guint n = run->options->n_samples, n_reference = MIN (n, run->n_chosen);
  const gboolean has_others = run->n_chosen / 2 >= n;
  const DdpmSampleOptions options = ddpm_evaluate_get_sample_options (run->model, run->options);
  g_autoptr (DdpmPictureSet) reference = NULL;
  g_autoptr (DdpmPictureSet) others = NULL;
  g_autoptr (DdpmPictureSet) samples = NULL;

  evaluation->sampler = options.sampler;
  evaluation->sampler_steps = options.n_steps;
  evaluation->n_reference = n_reference;
  evaluation->has_others = has_others;
  reference = take_pictures (run, n_reference, 0, has_others ? 2 : 1, error);
  if (reference == NULL)
    return FALSE;
  if (has_others)
    {
      others = take_pictures (run, n, 1, 2, error);
      if (others == NULL || !compare (run, others, reference, &evaluation->others, error))
        return FALSE;
    }
  samples = make_all_samples (run, reference, error);
  return samples != NULL && compare (run, samples, reference, &evaluation->distances, error);
}
