#include "core/job/sample-start.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Of a picture. */
#define MAX_CHANNELS 4

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

/* Both ends themselves come after the pictures between them. */
static double
get_lambda (const DdpmSampleJob *job, guint index)
{
  const guint count = job->options.count;

  return index < count ? ddpm_sample_job_get_lambda (job, index) : index - count;
}

/* x = (sin ((1 - lambda) angle) a + sin (lambda angle) b) / sin (angle): as far from the centre as Gaussian
 * noise is, which a straight line between them would not be (Song et al. 2021, equation 67). */
static void
mix_on_sphere (float *const ends[2], double lambda, float *x, gsize n)
{
  double ab = 0, aa = 0, bb = 0, angle, share_a = 1 - lambda, share_b = lambda;

  for (gsize i = 0; i < n; i++)
    {
      ab += (double) ends[0][i] * ends[1][i];
      aa += (double) ends[0][i] * ends[0][i];
      bb += (double) ends[1][i] * ends[1][i];
    }
  angle = acos (CLAMP (ab / sqrt (MAX (aa * bb, DBL_MIN)), -1.0, 1.0));
  if (sin (angle) > 1e-4)
    {
      share_a = sin ((1 - lambda) * angle) / sin (angle);
      share_b = sin (lambda * angle) / sin (angle);
    }
  for (gsize i = 0; i < n; i++)
    x[i] = (float) (share_a * ends[0][i] + share_b * ends[1][i]);
}

void
ddpm_sample_add_common (const DdpmSampleJob *job, DdpmRngKey key, gsize begin, float *noise, gsize n)
{
  const DdpmUnetConfig *config = ddpm_unet_get_config (job->model->unet);
  const gsize plane = (gsize) job->width * job->height;
  const gsize own = (gsize) config->sample_width * config->sample_height;
  float means[MAX_CHANNELS];

  if (job->inputs[0] != NULL || own == 0 || own >= plane)
    return;
  /* the start has a step of its own, the one before the first */
  key.step = key.purpose == DDPM_RNG_LATENT ? 0 : key.step + 1;
  key.purpose = DDPM_RNG_COMMON;
  ddpm_rng_normal (key, means, job->n_channels);
  for (gsize i = 0; i < n; i++)
    noise[i] += means[(begin + i) / plane] * sqrtf (1.0f / (float) own - 1.0f / (float) plane);
}

void
ddpm_sample_start_picture (const DdpmSampleJob *job, float *const ends[2], guint index, float *x,
                           float *noise, float *scratch)
{
  const DdpmSampleCourse *course = ddpm_sample_job_get_course (job, index);
  const gsize n = ddpm_sample_job_get_n_values (job);

  if (job->inputs[0] == NULL || job->fill != NULL)
    {
      const DdpmRngKey key = ddpm_sample_get_noise_key (job, DDPM_RNG_LATENT, index, 0);

      ddpm_rng_normal (key, x, n);
      ddpm_sample_add_common (job, key, 0, x, n);
      ddpm_sampler_start (course->sampler, x, x, n);
      return;
    }

  if (ddpm_sample_job_inverts (job))
    {
      mix_on_sphere (ends, get_lambda (job, index), x, n);
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
