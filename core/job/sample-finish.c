/* What becomes of finished tensors: pictures in the user's size and kind. */
#include "core/job/sample-run.h"

#include <math.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/job/sample-job-input.h"
#include "core/job/sample-size.h"

static gboolean
check_finite (const DdpmSampleRun *run, guint index, const float *x, GError **error)
{
  for (gsize i = 0; i < run->n_values; i++)
    if (!isfinite (x[i]))
      {
        g_set_error (
          error, DDPM_ERROR, DDPM_ERROR_NUMERIC,
          _ ("The model \"%s\" made picture %u of numbers that are not finite; its weights are damaged or do "
             "not fit its config.json and scheduler_config.json."),
          run->job->model->name, index + 1);
        return FALSE;
      }
  return TRUE;
}

/* Takes the image. */
static void
finish_piece (DdpmSampleRun *run, guint task, DdpmImage *made)
{
  const DdpmSampleFill *fill = run->job->fill;
  const guint n_pieces = ddpm_sample_fill_get_n_pieces (fill);
  g_autoptr (DdpmImage) image = made;

  if (task % n_pieces == 0)
    run->filled = ddpm_sample_fill_copy_input (fill, run->job->n_channels);
  ddpm_sample_fill_paste (fill, task % n_pieces, image, run->filled);
  if ((task + 1) % n_pieces == 0)
    g_ptr_array_add (run->job->images, g_steal_pointer (&run->filled));
}

void
ddpm_sample_run_finish_early (DdpmSampleRun *run)
{
  if (run->filled != NULL)
    g_ptr_array_add (run->job->images, g_steal_pointer (&run->filled));
}

gboolean
ddpm_sample_run_finish (DdpmSampleRun *run, guint task, const float *x, GError **error)
{
  DdpmSampleJob *job = run->job;
  DdpmImage *image;

  if (job->options.task == DDPM_TASK_VARY && ddpm_sample_job_get_course (job, task)->sampler == NULL)
    {
      g_ptr_array_add (job->images, ddpm_image_copy (job->inputs[0]));
      return TRUE;
    }
  if (!check_finite (run, job->images->len, x, error))
    return FALSE;
  if (ddpm_sample_job_inverts (job) && task >= job->options.count)
    {
      ddpm_sample_run_note_inversion (run, task - job->options.count, x);
      return TRUE;
    }

  if (job->fill != NULL)
    {
      finish_piece (run, task, ddpm_sample_job_make_whole (job, x));
      return TRUE;
    }
  image = ddpm_sample_job_make_image (job, x);
  if (job->inputs[0] != NULL)
    image = ddpm_sample_restore (image, (const DdpmImage *const *) job->inputs,
                                 job->inputs[1] != NULL ? ddpm_sample_job_get_lambda (job, task) : 0);
  g_ptr_array_add (job->images, image);
  return TRUE;
}
