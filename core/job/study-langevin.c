#include "core/job/study-langevin.h"

#include "core/job/picture-set.h"

#define MOST_COMPARED 1000 /* pictures of the folder */

/* Both jobs as one piece of work. */
typedef struct
{
  DdpmProgressFunc func;
  gpointer user_data;
  guint64 done, total; /* steps of the jobs before, and of all */
} Listener;

static void
tell (const DdpmProgress *progress, gpointer user_data)
{
  const Listener *listener = user_data;
  DdpmProgress own = *progress;

  own.step += listener->done;
  own.total = listener->total;
  if (own.steps_per_s > 0)
    own.seconds_left = (double) (own.total - own.step) / own.steps_per_s;
  listener->func (&own, listener->user_data);
}

static DdpmSampleJob *
new_job (DdpmModel *model, const DdpmLangevinStudyOptions *options, DdpmSamplerKind sampler, guint n_steps,
         GError **error)
{
  DdpmSampleOptions sample;

  ddpm_sample_options_init (&sample, model);
  sample.count = options->n_pictures;
  sample.seed = options->seed;
  sample.sampler = sampler;
  sample.n_steps = n_steps;
  if (sampler == DDPM_SAMPLER_DDPM) /* from the last timestep to 0, whatever their number */
    sample.spacing = 1 + DDPM_SPACING_LINSPACE;
  sample.langevin = options->langevin;
  sample.label = options->label;
  sample.n_threads = options->n_threads;
  return ddpm_sample_job_new (model, &sample, error);
}

static gboolean
run_job (DdpmSampleJob *job, Listener *listener, GCancellable *cancellable, DdpmLangevinStudySide *side,
         GError **error)
{
  DdpmImage *const *images;
  guint n_images;

  if (!ddpm_sample_job_run (job, listener->func != NULL ? tell : NULL, listener, cancellable, error))
    return FALSE;
  listener->done += ddpm_sample_job_get_total_steps (job);
  images = ddpm_sample_job_get_images (job, &n_images);
  side->images = g_ptr_array_new_with_free_func ((GDestroyNotify) ddpm_image_free);
  for (guint i = 0; i < n_images; i++)
    g_ptr_array_add (side->images, ddpm_image_copy (images[i]));
  return TRUE;
}

static DdpmPictureSet *
load_pictures (const DdpmModel *model, const DdpmLangevinStudyOptions *options, DdpmProgressFunc func,
               gpointer user_data, GCancellable *cancellable, GError **error)
{
  g_autoptr (DdpmDataset) dataset =
    ddpm_picture_set_load (model, options->pictures, 0, 0, 0, func, user_data, cancellable, error);
  g_autofree guint32 *chosen = NULL;
  guint n;

  if (dataset == NULL)
    return NULL;
  chosen = ddpm_picture_set_choose (dataset, 0, MOST_COMPARED, &n, error);
  return chosen != NULL ? ddpm_picture_set_new (dataset, chosen, n, options->seed, error) : NULL;
}

static gboolean
compare (const DdpmPictureSet *pictures, const DdpmLangevinStudyOptions *options, GCancellable *cancellable,
         DdpmLangevinStudySide *side, GError **error)
{
  g_autoptr (DdpmPictureSet) made =
    ddpm_picture_set_new_from_images ((DdpmImage *const *) side->images->pdata, side->images->len);

  return ddpm_picture_set_compare (made, pictures, options->n_threads, options->seed, cancellable,
                                   &side->distances, error);
}

gboolean
ddpm_langevin_study_run (DdpmModel *model, const DdpmLangevinStudyOptions *options, DdpmProgressFunc func,
                         gpointer user_data, GCancellable *cancellable, DdpmLangevinStudy *study,
                         GError **error)
{
  const guint n_steps = options->n_levels * options->langevin.n_repeats + options->langevin.denoises;
  const guint n_ancestral = MIN (n_steps, model->scheduler.num_train_timesteps);
  g_autoptr (DdpmSampleJob) langevin = NULL, ancestral = NULL;
  g_autoptr (DdpmPictureSet) pictures = NULL;
  Listener listener = { func, user_data, 0, 0 };

  *study = (DdpmLangevinStudy) { .langevin.n_evaluations = n_steps, .ancestral.n_evaluations = n_ancestral };
  langevin = new_job (model, options, DDPM_SAMPLER_LANGEVIN, options->n_levels, error);
  ancestral = langevin != NULL ? new_job (model, options, DDPM_SAMPLER_DDPM, n_ancestral, error) : NULL;
  if (ancestral == NULL)
    return FALSE;
  if (options->pictures != NULL)
    {
      pictures = load_pictures (model, options, func, user_data, cancellable, error);
      if (pictures == NULL)
        return FALSE;
      study->n_compared = pictures->n;
    }
  listener.total = ddpm_sample_job_get_total_steps (langevin) + ddpm_sample_job_get_total_steps (ancestral);
  if (!run_job (langevin, &listener, cancellable, &study->langevin, error)
      || !run_job (ancestral, &listener, cancellable, &study->ancestral, error))
    return FALSE;
  return pictures == NULL
         || (compare (pictures, options, cancellable, &study->langevin, error)
             && compare (pictures, options, cancellable, &study->ancestral, error));
}

void
ddpm_langevin_study_clear (DdpmLangevinStudy *study)
{
  g_clear_pointer (&study->langevin.images, g_ptr_array_unref);
  g_clear_pointer (&study->ancestral.images, g_ptr_array_unref);
}
