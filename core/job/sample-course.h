/* The course of a picture of a sampling job: which of a sampler's steps it goes through, and how often.
 *
 * Pictures of a job have the same course, but for those of a ladder of strengths. A fill goes through
 * stretches of steps several times, noised again in between. */
#pragma once

#include "core/diffusion/sampler.h"

G_BEGIN_DECLS

typedef struct
{
  DdpmSampler *sampler; /* NULL: strength 0, nothing to denoise */
  guint noised_to;      /* VARY, INTERPOLATE: t0 */
  guint first_step;     /* of the sampler's, the one the course begins with */
  guint n_steps;        /* of the course, repeated ones included */
  guint repeats;        /* how often each stretch of DDPM_COURSE_STRETCH steps is gone through, 1 … */
} DdpmSampleCourse;

/* Steps after which RePaint goes back, its jump length (Lugmayr et al. 2022, appendix B). */
#define DDPM_COURSE_STRETCH 10

/* The whole of a sampler's steps, each stretch `repeats` times. Errors: those of ddpm_sampler_new. */
gboolean ddpm_sample_course_init (DdpmSampleCourse *course, const DdpmSamplerOptions *options,
                                  const DdpmSchedulerConfig *config, guint repeats, GError **error);

/* From x_t0 on, with t0 as `strength` says. Errors: those of ddpm_sampler_new, also for strength 0. */
gboolean ddpm_sample_course_init_from (DdpmSampleCourse *course, const DdpmSamplerOptions *options,
                                       const DdpmSchedulerConfig *config, double strength, GError **error);
void ddpm_sample_course_clear (DdpmSampleCourse *course);

/* Which of the sampler's steps number k of the course is; *repeat: how often it was gone through before. */
guint ddpm_sample_course_get_step (const DdpmSampleCourse *course, guint k, guint *repeat);

/* How many steps were taken one after another before number k: since the beginning of its stretch, where that
 * is repeated. */
guint ddpm_sample_course_get_n_past (const DdpmSampleCourse *course, guint k);

/* The timestep of number k of the course. */
float ddpm_sample_course_get_timestep (const DdpmSampleCourse *course, guint k);

G_END_DECLS
