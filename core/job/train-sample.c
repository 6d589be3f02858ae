#include "core/job/train-sample.h"

#include "core/base/error.h"
#include "core/job/sample-job.h"

#define GAP_PIXELS 2

/* The network as it will be used, which may wrap its pictures around where it does not while it is trained.
 */
static DdpmUnet *
make_unet (const DdpmTrainSetup *setup, GError **error)
{
  DdpmUnetConfig config = setup->config;

  config.circular_padding = setup->notes.circular_padding;
  return ddpm_unet_new (&config, error);
}

/* The job that samples: a model made of what the run has at hand, borrowed. */
static gboolean
make_job (const DdpmTrainSetup *setup, DdpmUnet *unet, float *ema, DdpmSampleJob **job, DdpmModel *model,
          GError **error)
{
  DdpmSampleOptions options;

  *model = (DdpmModel) {
    .name = (char *) "training",
    .folder = setup->options.output,
    .unet = unet,
    .weights = ema,
    .scheduler = setup->scheduler,
    .notes = setup->notes,
    .dtype = DDPM_DTYPE_F32,
  };
  ddpm_sample_options_init (&options, model);
  options.count = setup->sample_columns * setup->sample_columns;
  options.batch = setup->sample_columns;
  options.width = setup->dataset->width;
  options.height = setup->dataset->height;
  options.n_threads = setup->options.n_threads;
  *job = ddpm_sample_job_new (model, &options, error);
  return *job != NULL;
}

static GFile *
get_file (const DdpmTrainSetup *setup, guint64 step, GError **error)
{
  g_autoptr (GFile) folder = g_file_get_child (setup->options.output, "samples");
  g_autofree char *base = g_strdup_printf ("step-%" G_GUINT64_FORMAT ".png", step);
  g_autoptr (GError) local = NULL;

  if (g_file_make_directory_with_parents (folder, NULL, &local)
      || g_error_matches (local, G_IO_ERROR, G_IO_ERROR_EXISTS))
    return g_file_get_child (folder, base);
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, "%s cannot be made: %s", g_file_peek_path (folder),
               local->message);
  return NULL;
}

gboolean
ddpm_train_sample (const DdpmTrainSetup *setup, float *ema, guint64 step, DdpmProgressFunc func,
                   gpointer user_data, GCancellable *cancellable, char **name, GError **error)
{
  g_autoptr (DdpmSampleJob) job = NULL;
  g_autoptr (DdpmImage) grid = NULL;
  g_autoptr (DdpmUnet) unet = make_unet (setup, error);
  g_autoptr (GFile) file = unet != NULL ? get_file (setup, step, error) : NULL;
  DdpmModel model;
  DdpmImage *const *images = NULL;
  guint n_images = 0;

  if (file == NULL || !make_job (setup, unet, ema, &job, &model, error)
      || !ddpm_sample_job_run (job, func, user_data, cancellable, error))
    return FALSE;
  images = ddpm_sample_job_get_images (job, &n_images);
  grid = ddpm_image_grid (images, n_images, setup->sample_columns, GAP_PIXELS);
  if (!ddpm_image_save_png (grid, file, NULL, error))
    return FALSE;
  *name = g_file_get_parse_name (file);
  return TRUE;
}
