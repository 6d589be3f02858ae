/* From the ends of an interpolation back to the latents that a deterministic sampler makes them of (Song et
 * al. 2021, "Denoising diffusion implicit models", section 5.3), and how well that went.
 *
 * The network is asked once for each step. Asked again, a step's equation would be solved better where the
 * picture is mostly seen, but near T, where an error of epsilon counts many times, it would not be at all. */
#include "core/job/sample-run.h"

#include <math.h>
#include <string.h>

guint64
ddpm_sample_job_count_inversion_steps (const DdpmSampleJob *job)
{
  const DdpmSampleCourse *course = &job->courses[0];
  guint64 n_steps = 0;

  if (!ddpm_sample_job_inverts (job))
    return 0;
  for (guint k = 0; k < course->n_steps; k++)
    n_steps += ddpm_sampler_can_begin (course->sampler, course->first_step + k);
  return n_steps * (job->batch > 1 ? 1 : 2);
}

/* The first n pictures in run->x become their latents. FALSE: cancelled. */
static gboolean
invert_pictures (DdpmSampleRun *run, guint n, float *state, guint n_preview, GCancellable *cancellable,
                 GError **error)
{
  const DdpmSampleJob *job = run->job;
  const DdpmSampleCourse *course = &job->courses[0];
  const gsize n_values = run->n_values, n_outputs = ddpm_sample_job_get_n_outputs (job);
  const gsize state_size = n_values * DDPM_SAMPLER_N_INVERSION_STATES;
  guint n_timesteps, n_past = 0;
  const float *timesteps = ddpm_sampler_get_timesteps (course->sampler, &n_timesteps);
  const float *output;

  for (guint step = n_timesteps; step-- > course->first_step && !g_atomic_int_get (&job->stop);)
    {
      if (!ddpm_sampler_can_begin (course->sampler, step))
        continue;
      for (guint i = 0; i < n; i++)
        ddpm_sampler_invert_begin (course->sampler, step, n_past, run->x + i * n_values,
                                   state + i * state_size, n_values, n_values);
      output = ddpm_sample_predictor_run (run->predictor, 0, run->x, timesteps[step]);
      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      for (guint i = 0; i < n; i++)
        ddpm_sampler_invert_step (course->sampler, step, n_past, output + i * n_outputs,
                                  run->x + i * n_values, state + i * state_size, n_values, n_values);
      n_past++;
      run->n_done++;
      ddpm_sample_run_report (run, n_preview);
    }
  return TRUE;
}

gboolean
ddpm_sample_run_invert (DdpmSampleRun *run, guint n_preview, GCancellable *cancellable, GError **error)
{
  const DdpmSampleJob *job = run->job;
  const gsize n = run->n_values;
  const guint at_once = MIN (job->batch, 2);
  g_autofree float *state = g_try_new (float, n *DDPM_SAMPLER_N_INVERSION_STATES *at_once);

  for (guint end = 0; end < 2; end++)
    run->latents[end] = g_try_new (float, n);
  if (state == NULL || run->latents[0] == NULL || run->latents[1] == NULL)
    {
      ddpm_sample_job_set_memory_error (job, error);
      return FALSE;
    }
  for (guint first = 0; first < 2; first += at_once)
    {
      for (guint i = 0; i < at_once; i++)
        memcpy (run->x + i * n, run->ends[first + i], n * sizeof (float));
      if (!invert_pictures (run, at_once, state, n_preview, cancellable, error))
        return FALSE;
      for (guint i = 0; i < at_once; i++)
        memcpy (run->latents[first + i], run->x + i * n, n * sizeof (float));
    }
  return TRUE;
}

void
ddpm_sample_run_note_inversion (DdpmSampleRun *run, guint end, const float *x)
{
  double sum = 0;

  if (g_atomic_int_get (&run->job->stop))
    return; /* it did not come all the way back */
  for (gsize i = 0; i < run->n_values; i++)
    {
      const double difference = 255.0 / 2 * (CLAMP ((double) x[i], -1.0, 1.0) - run->ends[end][i]);

      sum += difference * difference;
    }
  run->job->inversion_errors[end] = sqrt (sum / (double) run->n_values);
}
