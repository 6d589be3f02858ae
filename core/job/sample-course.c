#include "core/job/sample-course.h"

gboolean
ddpm_sample_course_init (DdpmSampleCourse *course, const DdpmSamplerOptions *options,
                         const DdpmSchedulerConfig *config, guint repeats, GError **error)
{
  DdpmSchedulerConfig own = *config; /* borrows what it points to */
  guint n_timesteps;

  /* A stretch cannot end within one of PNDM's Runge-Kutta steps. */
  if (repeats > 1)
    own.skip_prk_steps = TRUE;
  *course = (DdpmSampleCourse) { .sampler = ddpm_sampler_new (options, &own, error), .repeats = repeats };
  if (course->sampler == NULL)
    return FALSE;
  ddpm_sampler_get_timesteps (course->sampler, &n_timesteps);
  course->n_steps = n_timesteps * repeats;
  return TRUE;
}

gboolean
ddpm_sample_course_init_from (DdpmSampleCourse *course, const DdpmSamplerOptions *options,
                              const DdpmSchedulerConfig *config, double strength, GError **error)
{
  DdpmSamplerOptions own = *options;
  guint n_timesteps;

  if (!ddpm_sample_course_init (course, options, config, 1, error))
    return FALSE;
  if (strength == 0)
    {
      ddpm_sample_course_clear (course);
      return TRUE;
    }
  ddpm_sampler_get_timesteps (course->sampler, &n_timesteps);
  course->noised_to =
    ddpm_schedule_timestep_of_strength (ddpm_sampler_get_schedule (course->sampler), strength);
  course->first_step = ddpm_sampler_find_step (course->sampler, course->noised_to);
  course->n_steps = n_timesteps - course->first_step;
  if (course->n_steps == 0)
    {
      /* Some spacings end far above 0. What was noised has to be denoised all the same: from t0 to 0, as DDPM
       * adds noise in every step but that of 0. */
      const guint timesteps[] = { course->noised_to, 0 };

      own.timesteps = timesteps;
      own.n_timesteps = course->n_steps = course->noised_to > 0 ? 2 : 1;
      course->first_step = 0;
      g_clear_pointer (&course->sampler, ddpm_sampler_free);
      course->sampler = ddpm_sampler_new (&own, config, error);
      return course->sampler != NULL;
    }
  return TRUE;
}

void
ddpm_sample_course_clear (DdpmSampleCourse *course)
{
  g_clear_pointer (&course->sampler, ddpm_sampler_free);
  *course = (DdpmSampleCourse) { 0 };
}

guint
ddpm_sample_course_get_step (const DdpmSampleCourse *course, guint k, guint *repeat)
{
  const guint n_once = course->n_steps / course->repeats;
  const guint begin = k / (DDPM_COURSE_STRETCH * course->repeats) * DDPM_COURSE_STRETCH;
  const guint length = MIN (DDPM_COURSE_STRETCH, n_once - begin);
  const guint within = k - begin * course->repeats;

  *repeat = within / length;
  return course->first_step + begin + within % length;
}

guint
ddpm_sample_course_get_n_past (const DdpmSampleCourse *course, guint k)
{
  const guint begin = k / (DDPM_COURSE_STRETCH * course->repeats) * DDPM_COURSE_STRETCH * course->repeats;
  guint repeat;

  if (course->repeats == 1)
    return k;
  return ddpm_sample_course_get_step (course, k, &repeat)
         - ddpm_sample_course_get_step (course, begin, &repeat);
}

float
ddpm_sample_course_get_timestep (const DdpmSampleCourse *course, guint k)
{
  guint n_timesteps, repeat;
  const float *timesteps = ddpm_sampler_get_timesteps (course->sampler, &n_timesteps);

  return timesteps[ddpm_sample_course_get_step (course, k, &repeat)];
}
