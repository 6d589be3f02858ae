/* A sampling job's own fields, shared by the files that it is made of: sample-job.c is the object,
 * sample-options.c its options, sample-start.c what a picture begins with, sample-predict.c what the network
 * says of it, sample-job-run.c the loop, sample-describe.c the settings as text. */
#pragma once

#include "core/job/sample-job.h"

G_BEGIN_DECLS

struct _DdpmSampleJob
{
  GObject parent_instance;

  DdpmModel *model;          /* borrowed */
  DdpmSampleOptions options; /* inputs and label NULL */
  DdpmImage *inputs[2];      /* copies of the options' */

  guint32 label;                   /* row of the class table, if the network has one */
  gboolean guided;                 /* the network is asked twice, with the label and without */
  guint n_channels, width, height; /* of the model's pictures in this job, pixels */
  DdpmSampler *sampler;            /* NULL: strength 0, nothing to denoise */
  guint noised_to;                 /* VARY, INTERPOLATE: t0 */
  guint first_step;                /* of the sampler's, the one the run begins with */
  guint n_steps;                   /* of one batch */
  guint batch;                     /* pictures at once */

  GPtrArray *images; /* DdpmImage, finished */
  gint stop;         /* atomic: finish with the current estimates */
};

/* Of interpolation's picture `index`: how far it is from inputs[0] to inputs[1]. */
double ddpm_sample_job_get_lambda (const DdpmSampleJob *job, guint index);

/* floats of one picture, and of what the network says of one: its variance, too, where that is learned. */
gsize ddpm_sample_job_get_n_values (const DdpmSampleJob *job);
gsize ddpm_sample_job_get_n_outputs (const DdpmSampleJob *job);

/* float tensors that a run takes besides the predictor, in bytes. */
gsize ddpm_sample_job_get_tensor_bytes (const DdpmSampleJob *job);

/* DDPM_ERROR_MEMORY, in a sentence about the batch. */
void ddpm_sample_job_set_memory_error (const DdpmSampleJob *job, GError **error);

/* FALSE for options that no model could serve. Errors: DDPM_ERROR_USAGE. */
gboolean ddpm_sample_options_check (const DdpmSampleOptions *options, GError **error);

G_END_DECLS
