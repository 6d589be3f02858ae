#include "core/job/train-held-out.h"

#include "core/job/train-batch.h"
#include "core/job/train-objective.h"

#define LEAST_PICTURES 40 /* with fewer each one is worth more in training */
#define USUAL_SHARE 20
#define LARGEST_BATCH 32
#define SEED 0x80000000u /* no training has it: its views and noise are others */

gboolean
ddpm_train_held_out_contains (const char *path, guint share)
{
  return share > 0 && g_str_hash (path) % share == 0;
}

void
ddpm_train_held_out_choose (DdpmTrainSetup *setup)
{
  const DdpmDataset *dataset = setup->dataset;
  guint *share = &setup->options.held_out;

  if (*share == DDPM_TRAIN_OPEN)
    *share = dataset->n_pictures >= LEAST_PICTURES ? USUAL_SHARE : 0;
  setup->training = g_new (guint32, dataset->n_pictures);
  setup->held_out = g_new (guint32, dataset->n_pictures);
  for (guint i = 0; i < dataset->n_pictures; i++)
    if (ddpm_train_held_out_contains (dataset->paths[i], *share))
      setup->held_out[setup->n_held_out++] = i;
    else
      setup->training[setup->n_training++] = i;
  if (setup->n_training > 0)
    return;
  /* something has to be trained on */
  setup->n_training = setup->n_held_out;
  setup->n_held_out = 0;
  for (guint i = 0; i < dataset->n_pictures; i++)
    setup->training[i] = i;
}

static DdpmPassOptions
get_pass_options (const DdpmTrainSetup *setup)
{
  return (DdpmPassOptions) { .batch = MIN (setup->options.batch, LARGEST_BATCH),
                             .height = setup->dataset->height,
                             .width = setup->dataset->width,
                             .mode = DDPM_PASS_INFERENCE };
}

gsize
ddpm_train_held_out_predict_bytes (const DdpmTrainSetup *setup)
{
  const DdpmDataset *dataset = setup->dataset;
  const DdpmPassOptions options = get_pass_options (setup);
  const gsize picture = (gsize) dataset->n_channels * dataset->height * dataset->width;
  const DdpmObjective objective = ddpm_train_objective_get (setup, NULL);

  if (setup->n_held_out == 0)
    return 0;
  return ddpm_unet_predict_pass_bytes (setup->unet, setup->options.n_threads, &options)
         + ddpm_views_get_n_floats (&objective, options.batch, picture) * sizeof (float);
}

gboolean
ddpm_train_held_out_measure (const DdpmTrainSetup *setup, const DdpmSchedule *schedule, DdpmTeam *team,
                             const float *weights, GCancellable *cancellable, double *loss, GError **error)
{
  const DdpmTrainOptions *options = &setup->options;
  const DdpmPassOptions pass_options = get_pass_options (setup);
  const guint n_batches = (DDPM_TRAIN_HELD_OUT_VIEWS + pass_options.batch - 1) / pass_options.batch;
  g_autoptr (DdpmUnetPass) pass = ddpm_unet_pass_new (setup->unet, team, &pass_options, error);
  g_auto (DdpmTrainBatch) batch = {
    .team = team,
    .dataset = setup->dataset,
    .members = setup->held_out,
    .n_members = setup->n_held_out,
    .objective = ddpm_train_objective_get (setup, schedule),
    .seed = SEED,
    .augment = { options->flip, options->flip_vertical, options->rotate },
    .size = pass_options.batch,
    .num_class_embeds = ddpm_unet_config_get_n_classes (&setup->config),
    .picture_labels = setup->labels,
  };
  g_autofree double *losses = g_new0 (double, n_batches);
  guint first, size;
  double sum = 0;
  gboolean ok = pass != NULL && ddpm_train_batch_init (&batch, error);

  if (!ddpm_ranks_agree (options->ranks, ok, cancellable, error))
    return FALSE;
  ddpm_unet_pass_set_weights (pass, weights);
  ddpm_team_set_cancellable (team, cancellable);
  ddpm_ranks_get_share (options->ranks, n_batches, &first, &size);
  for (guint i = first; i < first + size && !g_cancellable_is_cancelled (cancellable); i++)
    {
      ddpm_train_batch_prepare (&batch, i + 1);
      ddpm_unet_pass_forward (pass, batch.views.x_t, batch.views.timesteps, batch.labels, batch.views.output);
      losses[i] = ddpm_train_batch_get_loss (&batch);
    }
  ddpm_team_set_cancellable (team, NULL);
  ok = !g_cancellable_set_error_if_cancelled (cancellable, error);
  if (!ddpm_ranks_agree (options->ranks, ok, cancellable, error)
      || !ddpm_ranks_gather (options->ranks, losses, n_batches, cancellable, error))
    return FALSE;
  for (guint i = 0; i < n_batches; i++)
    sum += losses[i];
  *loss = sum / n_batches;
  return TRUE;
}
