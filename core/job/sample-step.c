/* A step of a batch of pictures: what is known is put in its place, the network is asked, the sampler goes
 * on. All of it but the network is done in pieces of pictures, by several threads. */
#include "core/job/sample-run.h"

#include "core/diffusion/mask.h"
#include "core/job/sample-start.h"

/* Values of a picture that a thread takes through a step at once; a multiple of 4. */
#define STEP_PIECE 2048

typedef struct
{
  DdpmSampleRun *run;
  const DdpmSampleBatch *batch;
  float *output;  /* [batch][n_outputs], what the network said */
  guint k;        /* of the course */
  guint step;     /* the sampler's */
  guint n_past;   /* taken one after another before that */
  guint n_pieces; /* of each picture */
} StepWork;

/* A stream of noise of a picture's step. Those that are gone through again get noise of their own. */
static void
draw_noise (const StepWork *work, DdpmRngPurpose purpose, guint picture, gsize begin, float *noise, gsize n)
{
  const DdpmSampleJob *job = work->run->job;
  const DdpmRngKey key = ddpm_sample_get_noise_key (job, purpose, work->batch->first + picture,
                                                    job->fill != NULL ? work->k : work->step);

  ddpm_rng_normal_from (key, begin, noise, n);
  ddpm_sample_add_common (job, key, begin, noise, n);
}

/* A piece of a picture of which something is known, made ready for a step. */
static void
impose_task (guint task, guint worker, gpointer data)
{
  const StepWork *work = data;
  const DdpmSampleRun *run = work->run;
  const DdpmSampleCourse *course = work->batch->course;
  const gsize n_pixels = (gsize) run->job->width * run->job->height;
  const guint picture = task / work->n_pieces;
  const gsize begin = (gsize) (task % work->n_pieces) * STEP_PIECE;
  const gsize n = MIN (STEP_PIECE, run->n_values - begin), at = picture * run->n_values + begin;
  float noise[STEP_PIECE];
  guint repeat;

  if (work->k > 0 && work->n_past == 0)
    {
      const guint from = ddpm_sample_course_get_step (course, work->k - 1, &repeat) + 1;

      draw_noise (work, DDPM_RNG_RENOISE, picture, begin, noise, n);
      ddpm_sampler_jump_back (course->sampler, from, work->step, noise, run->x + at, n);
    }
  draw_noise (work, DDPM_RNG_KNOWN, picture, begin, noise, n);
  ddpm_mask_impose (course->sampler, work->step, run->mask + picture * n_pixels, n_pixels, begin,
                    run->known + at, noise, run->x + at, n);
}

/* The range of a picture's values depends on all of them. Its last estimate is no longer needed by then. */
static void
find_threshold_task (guint task, guint worker, gpointer data)
{
  const StepWork *work = data;
  const DdpmSampleRun *run = work->run;
  const gsize n = run->n_values;
  const float *output = work->output + task * ddpm_sample_job_get_n_outputs (run->job);

  run->thresholds[task] = ddpm_sampler_get_threshold (work->batch->course->sampler, work->step, output,
                                                      run->x + task * n, run->estimate + task * n, n);
}

/* The sampler's step on a piece of a picture. */
static void
run_step_task (guint task, guint worker, gpointer data)
{
  const StepWork *work = data;
  const DdpmSampleRun *run = work->run;
  const DdpmSampleJob *job = run->job;
  const DdpmSampler *sampler = work->batch->course->sampler;
  const guint picture = task / work->n_pieces;
  const gsize n_outputs = ddpm_sample_job_get_n_outputs (job);
  const gsize begin = (gsize) (task % work->n_pieces) * STEP_PIECE;
  const gsize n = MIN (STEP_PIECE, run->n_values - begin), at = picture * run->n_values + begin;
  const float *output = work->output + picture * n_outputs + begin;
  const gboolean needs_noise = ddpm_sampler_step_needs_noise (sampler, work->step);
  float noise[STEP_PIECE];
  const DdpmSamplerPiece piece = {
    .n = n,
    .output = output,
    .variance = n_outputs > run->n_values ? output + run->n_values : NULL,
    .noise = needs_noise ? noise : NULL,
    .threshold = run->thresholds[picture],
    .x = run->x + at,
    .x0 = run->estimate + at,
    .state = run->state != NULL ? run->state + picture * run->n_states * run->n_values + begin : NULL,
    .plane_size = run->n_values,
  };

  if (needs_noise)
    draw_noise (work, DDPM_RNG_STEP, picture, begin, noise, n);
  ddpm_sampler_step (sampler, work->step, work->n_past, &piece);
  if (job->fill != NULL)
    {
      const gsize n_pixels = (gsize) job->width * job->height;

      ddpm_mask_keep (run->mask + picture * n_pixels, n_pixels, begin, run->known + at, run->estimate + at,
                      n);
    }
}

gboolean
ddpm_sample_run_step (DdpmSampleRun *run, const DdpmSampleBatch *batch, guint k, GCancellable *cancellable,
                      GError **error)
{
  guint repeat;
  StepWork work = {
    .run = run,
    .batch = batch,
    .k = k,
    .step = ddpm_sample_course_get_step (batch->course, k, &repeat),
    .n_past = ddpm_sample_course_get_n_past (batch->course, k),
    .n_pieces = (run->n_values + STEP_PIECE - 1) / STEP_PIECE,
  };
  const guint n_tasks = batch->n * work.n_pieces;

  if (run->job->fill != NULL && ddpm_sampler_can_begin (batch->course->sampler, work.step))
    ddpm_team_run (run->team, n_tasks, impose_task, &work);
  work.output = ddpm_sample_predictor_run (run->predictor, batch->first, run->x,
                                           ddpm_sample_course_get_timestep (batch->course, k));
  if (ddpm_sampler_needs_threshold (batch->course->sampler))
    ddpm_team_run (run->team, batch->n, find_threshold_task, &work);
  ddpm_team_run (run->team, n_tasks, run_step_task, &work);
  /* the team skips what is left of cancelled work */
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  run->n_done++;
  return TRUE;
}
