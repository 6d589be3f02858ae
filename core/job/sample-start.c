#include "core/job/sample-start.h"

#include <string.h>

/* Whether all new pictures have the noise of a step, or that which they begin with, in common. */
static gboolean
is_shared (const DdpmSampleJob *job, DdpmRngPurpose purpose, guint step)
{
  const DdpmSampleOptions *options = &job->options;

  if (options->task != DDPM_TASK_GENERATE || options->shared == 1)
    return FALSE;
  return purpose == DDPM_RNG_LATENT
         || ddpm_sample_course_get_timestep (&job->courses[0], step)
              > (float) ddpm_schedule_timestep_of_strength (
                ddpm_sampler_get_schedule (job->courses[0].sampler), options->shared);
}

DdpmRngKey
ddpm_sample_get_noise_key (const DdpmSampleJob *job, DdpmRngPurpose purpose, guint index, guint step)
{
  const gboolean shared = job->options.task == DDPM_TASK_INTERPOLATE || is_shared (job, purpose, step);

  /* of a fill's pieces, the first has the streams of the picture */
  const guint n_pieces = job->fill != NULL ? ddpm_sample_fill_get_n_pieces (job->fill) : 1;
  const guint64 stream = index / n_pieces + ((guint64) (index % n_pieces) << 32);

  return (DdpmRngKey) {
    .seed = job->options.seed,
    .purpose = purpose,
    .index = shared ? 0 : stream,
    .step = step,
  };
}

void
ddpm_sample_start_picture (const DdpmSampleJob *job, float *const ends[2], guint index, float *x,
                           float *noise, float *scratch)
{
  const DdpmSampleCourse *course = ddpm_sample_job_get_course (job, index);
  const gsize n = ddpm_sample_job_get_n_values (job);

  if (job->inputs[0] == NULL || job->fill != NULL)
    {
      ddpm_rng_normal (ddpm_sample_get_noise_key (job, DDPM_RNG_LATENT, index, 0), x, n);
      ddpm_sampler_start (course->sampler, x, x, n);
      return;
    }

  memcpy (x, ends[0], n * sizeof (float));
  if (job->options.task == DDPM_TASK_INTERPOLATE)
    memcpy (scratch, ends[1], n * sizeof (float));
  if (course->sampler != NULL)
    {
      const DdpmSchedule *schedule = ddpm_sampler_get_schedule (course->sampler);

      ddpm_rng_normal (ddpm_sample_get_noise_key (job, DDPM_RNG_LATENT, index, 0), noise, n);
      ddpm_schedule_add_noise (schedule, course->noised_to, ends[0], noise, x, n);
      if (job->options.task == DDPM_TASK_INTERPOLATE)
        ddpm_schedule_add_noise (schedule, course->noised_to, ends[1], noise, scratch, n);
    }
  if (job->options.task == DDPM_TASK_INTERPOLATE)
    {
      const float lambda = (float) ddpm_sample_job_get_lambda (job, index);

      for (gsize i = 0; i < n; i++)
        x[i] = (1 - lambda) * x[i] + lambda * scratch[i];
    }
}
