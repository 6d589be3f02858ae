#include "core/job/sample-predict.h"

#include <string.h>

#include "core/base/error.h"

/* Values that a thread guides at once. */
#define GUIDE_PIECE 4096

struct _DdpmSamplePredictor
{
  const DdpmSampleJob *job; /* borrowed, like the team */
  DdpmTeam *team;
  DdpmUnetPass *pass;

  guint pass_batch; /* pictures that the network sees at once; with guidance each is there twice */
  float *twice;     /* [pass_batch][n_values], or NULL: no guidance */
  float *output;    /* [pass_batch][n_outputs]; with guidance first with the label, then without */
  float *timesteps; /* [pass_batch] */
  guint32 *labels;  /* [pass_batch], or NULL: the network has none */
};

static guint
get_pass_batch (const DdpmSampleJob *job, guint batch)
{
  return job->guided ? 2 * batch : batch;
}

static DdpmPassOptions
get_pass_options (const DdpmSampleJob *job, guint batch)
{
  return (DdpmPassOptions) { get_pass_batch (job, batch), job->height, job->width, DDPM_PASS_INFERENCE,
                             job->options.precision };
}

gsize
ddpm_sample_predictor_predict_bytes (const DdpmSampleJob *job, guint batch)
{
  const DdpmPassOptions options = get_pass_options (job, batch);
  const gsize pass_batch = get_pass_batch (job, batch);

  return ddpm_unet_predict_pass_bytes (job->model->unet, job->options.n_threads, &options)
         + sizeof (float) * pass_batch
             * (ddpm_sample_job_get_n_outputs (job) + (job->guided ? ddpm_sample_job_get_n_values (job) : 0));
}

static guint32 *
make_labels (const DdpmSampleJob *job, guint pass_batch)
{
  const DdpmClassEmbed kind = ddpm_unet_get_config (job->model->unet)->class_embed;
  guint32 *labels;

  if (kind != DDPM_CLASS_EMBED_TABLE && kind != DDPM_CLASS_EMBED_TIMESTEP)
    return NULL;
  labels = g_new (guint32, pass_batch);
  for (guint i = 0; i < pass_batch; i++)
    labels[i] = i < job->batch ? job->label : ddpm_model_get_no_label (job->model);
  return labels;
}

DdpmSamplePredictor *
ddpm_sample_predictor_new (const DdpmSampleJob *job, DdpmTeam *team, GError **error)
{
  g_autoptr (DdpmSamplePredictor) predictor = g_new0 (DdpmSamplePredictor, 1);
  const DdpmPassOptions options = get_pass_options (job, job->batch);
  const gsize pass_batch = get_pass_batch (job, job->batch);

  predictor->job = job;
  predictor->team = team;
  predictor->pass_batch = pass_batch;
  predictor->timesteps = g_new (float, pass_batch);
  predictor->labels = make_labels (job, pass_batch);
  predictor->output = g_try_new (float, ddpm_sample_job_get_n_outputs (job) * pass_batch);
  if (job->guided)
    predictor->twice = g_try_new (float, ddpm_sample_job_get_n_values (job) * pass_batch);
  if (predictor->output == NULL || (job->guided && predictor->twice == NULL))
    {
      ddpm_sample_job_set_memory_error (job, error);
      return NULL;
    }
  predictor->pass = ddpm_unet_pass_new (job->model->unet, team, &options, error);
  if (predictor->pass == NULL || !ddpm_model_pack_weights (job->model, predictor->pass, team, error))
    return NULL;
  return g_steal_pointer (&predictor);
}

void
ddpm_sample_predictor_free (DdpmSamplePredictor *predictor)
{
  if (predictor == NULL)
    return;
  ddpm_unet_pass_free (predictor->pass);
  g_free (predictor->twice);
  g_free (predictor->output);
  g_free (predictor->timesteps);
  g_free (predictor->labels);
  g_free (predictor);
}

/* A piece of the output with the label, from that and what the network said without: as far beyond as the
 * guidance says. The variance is the one with the label, as in Dhariwal and Nichol's own samplers. */
static void
guide_task (guint task, guint worker, gpointer data)
{
  DdpmSamplePredictor *predictor = data;
  const DdpmSampleJob *job = predictor->job;
  const gsize n_values = ddpm_sample_job_get_n_values (job);
  const gsize n_outputs = ddpm_sample_job_get_n_outputs (job);
  const guint n_pieces = (n_values + GUIDE_PIECE - 1) / GUIDE_PIECE;
  const gsize begin = (gsize) (task % n_pieces) * GUIDE_PIECE;
  const gsize n = MIN (GUIDE_PIECE, n_values - begin);
  float *output = predictor->output + (task / n_pieces) * n_outputs + begin;
  const float *without = output + job->batch * n_outputs;
  const float scale = (float) job->options.guidance;

  for (gsize i = 0; i < n; i++)
    output[i] = without[i] + scale * (output[i] - without[i]);
}

float *
ddpm_sample_predictor_run (DdpmSamplePredictor *predictor, const float *x, float t)
{
  const DdpmSampleJob *job = predictor->job;
  const gsize n_values = ddpm_sample_job_get_n_values (job);
  const gsize n = job->batch * n_values;

  for (guint i = 0; i < predictor->pass_batch; i++)
    predictor->timesteps[i] = t;
  if (job->guided)
    {
      memcpy (predictor->twice, x, n * sizeof (float));
      memcpy (predictor->twice + n, x, n * sizeof (float));
      x = predictor->twice;
    }
  ddpm_unet_pass_forward (predictor->pass, x, predictor->timesteps, predictor->labels, predictor->output);
  if (job->guided)
    ddpm_team_run (predictor->team, job->batch * ((n_values + GUIDE_PIECE - 1) / GUIDE_PIECE), guide_task,
                   predictor);
  return predictor->output;
}
