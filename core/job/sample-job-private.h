/* A sampling job's own fields, shared by the files that it is made of: sample-job.c is the object,
 * sample-options.c its options, sample-label.c their labels, sample-course.c the steps of a picture,
 * sample-size.c at what size the network sees them, sample-start.c what a picture begins with,
 * sample-predict.c what the network says of it, sample-job-run.c the loop, sample-describe.c the settings as
 * text. */
#pragma once

#include "core/job/sample-course.h"
#include "core/job/sample-fill.h"
#include "core/job/sample-job.h"
#include "core/job/windows.h"

G_BEGIN_DECLS

struct _DdpmSampleJob
{
  GObject parent_instance;

  DdpmModel *model;          /* borrowed */
  DdpmSampleOptions options; /* inputs, mask and label NULL */
  DdpmImage *inputs[2];      /* copies of the options' */
  DdpmSampleFill *fill;      /* FILL, else NULL */

  guint32 label;                   /* row of the class table, if the network has one; unless they are drawn */
  guint n_drawn_labels;            /* to draw from, for each picture; 0: all have the one above */
  gboolean guided;                 /* the network is asked twice, with the label and without */
  DdpmSizing sizing;               /* not AUTO */
  DdpmSeamless seamless;           /* what is done, the model's own padding included */
  guint n_channels, width, height; /* of the canvas, what tensors are of, pixels */
  guint wanted_width, wanted_height;
  guint left, top;           /* where in the canvas the wanted picture begins; FIT: 0 */
  DdpmWindows windows;       /* on the canvas */
  DdpmSampleCourse *courses; /* [n_courses]: one for all pictures, or one for each rung of a ladder */
  guint n_courses;
  guint n_tasks;      /* pictures that the network makes; those of the user's are made of them */
  guint batch;        /* of them at once; with several courses 1 */
  guint window_batch; /* what the network sees at once: windows, or whole pictures */

  GPtrArray *images;          /* DdpmImage, finished */
  double inversion_errors[2]; /* of the ends, below 0: not known */
  gint stop;                  /* atomic: finish with the current estimates */
};

/* Of interpolation's picture `index`: how far it is from inputs[0] to inputs[1]. */
double ddpm_sample_job_get_lambda (const DdpmSampleJob *job, guint index);

/* Of picture `index`; each rung of a ladder has its own. */
double ddpm_sample_job_get_strength (const DdpmSampleJob *job, guint index);

/* PROGRESSIVE: the step of the course whose estimate is picture `index`. */
guint ddpm_sample_job_get_shown_step (const DdpmSampleJob *job, guint index);

/* Of the network's picture number `task`, and so of the batch that begins with it. */
const DdpmSampleCourse *ddpm_sample_job_get_course (const DdpmSampleJob *job, guint task);

/* FALSE for a label that the model does not have, and for guidance without one. Errors: DDPM_ERROR_USAGE. */
gboolean ddpm_sample_job_set_label (DdpmSampleJob *job, const char *label, GError **error);

/* Of picture `index`: its row in the class table. */
guint32 ddpm_sample_job_get_label (const DdpmSampleJob *job, guint index);

/* Whether there are latents to be found of the ends; and the steps of the run that this takes, otherwise 0.
 */
gboolean ddpm_sample_job_inverts (const DdpmSampleJob *job);
guint64 ddpm_sample_job_count_inversion_steps (const DdpmSampleJob *job);

/* FALSE: strength 0, there is nothing for the network to do. */
gboolean ddpm_sample_job_denoises (const DdpmSampleJob *job);

/* floats of one picture, and of what the network says of one: its variance, too, where that is learned. */
gsize ddpm_sample_job_get_n_values (const DdpmSampleJob *job);
gsize ddpm_sample_job_get_n_outputs (const DdpmSampleJob *job);

/* float tensors that a run takes besides the predictor, in bytes. */
gsize ddpm_sample_job_get_tensor_bytes (const DdpmSampleJob *job);

/* DDPM_ERROR_MEMORY, in a sentence about the batch. */
void ddpm_sample_job_set_memory_error (const DdpmSampleJob *job, GError **error);

/* How many of the inputs a task looks at. */
guint ddpm_sample_task_count_inputs (DdpmSampleTask task);

/* FALSE for options that no model could serve. Errors: DDPM_ERROR_USAGE. */
gboolean ddpm_sample_options_check (const DdpmSampleOptions *options, GError **error);

G_END_DECLS
