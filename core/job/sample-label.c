/* The label of each of a sampling job's pictures: one for all, or drawn for each. */
#include "core/base/error.h"
#include "core/base/rng.h"
#include "core/base/text.h"
#include "core/job/sample-job-private.h"

/* A label of the model may have the name of a word that means something else. */
static gboolean
means (const DdpmModel *model, const char *label, const char *word)
{
  char **names = model->notes.labels;

  if (label == NULL || g_ascii_strcasecmp (label, word) != 0)
    return FALSE;
  for (guint i = 0; names != NULL && names[i] != NULL; i++)
    if (g_ascii_strcasecmp (names[i], word) == 0)
      return FALSE;
  return TRUE;
}

gboolean
ddpm_sample_job_set_label (DdpmSampleJob *job, const char *label, GError **error)
{
  job->n_drawn_labels = means (job->model, label, DDPM_LABEL_ANY) ? ddpm_model_count_labels (job->model) : 0;
  if (means (job->model, label, DDPM_LABEL_ANY) || means (job->model, label, DDPM_LABEL_NONE))
    label = NULL;
  if (!ddpm_model_find_label (job->model, label, &job->label, error))
    return FALSE;
  job->guided = job->options.guidance != 1;
  if (job->guided && label == NULL && job->n_drawn_labels == 0)
    return ddpm_refuse (error, DDPM_ERROR_USAGE,
                        _ ("Guidance is towards a label; give one, or leave the guidance out."));
  if (job->guided && !ddpm_model_has_label_names (job->model))
    return ddpm_refuse (
      error, DDPM_ERROR_USAGE,
      _ ("The model \"%s\" has seen no picture without a label, which guidance compares with; leave it out."),
      job->model->name);
  return TRUE;
}

guint32
ddpm_sample_job_get_label (const DdpmSampleJob *job, guint index)
{
  /* what lies between two layers, or on the way to one picture, has one label */
  const gboolean is_one =
    job->options.task == DDPM_TASK_INTERPOLATE || job->options.task == DDPM_TASK_PROGRESSIVE;
  const DdpmRngKey key = { job->options.seed, DDPM_RNG_LABEL, is_one ? 0 : index, 0 };

  return job->n_drawn_labels > 0 ? ddpm_rng_below (key, 0, job->n_drawn_labels) : job->label;
}
