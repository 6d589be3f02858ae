#include "core/job/train-step.h"

#include <math.h>
#include <string.h>

#include "core/job/train-objective.h"
#include "core/nn/adamw.h"

#define BUCKET (1 << 18) /* floats: 1 MB */

/* Five slabs in one arena: weights, average, two moments, gradients. */
static gboolean
take_slabs (DdpmTrainStep *step, GError **error)
{
  const gsize n = ddpm_unet_get_n_weights (step->setup->unet);
  const gsize stride = (n + 15) / 16 * 16; /* each begins on a cache line */
  float *slab = NULL;

  if (!ddpm_arena_init (&step->arena, 5 * stride * sizeof (float), error))
    return FALSE;
  slab = step->arena.base;
  step->slabs = (DdpmTrainSlabs) { slab, slab + stride, slab + 2 * stride, slab + 3 * stride, n };
  step->grads = slab + 4 * stride;
  return TRUE;
}

static gboolean
make_pass (DdpmTrainStep *step, GError **error)
{
  const DdpmTrainSetup *setup = step->setup;
  const DdpmPassOptions options = { .batch = step->batch.size,
                                    .height = setup->dataset->height,
                                    .width = setup->dataset->width,
                                    .mode = DDPM_PASS_TRAINING,
                                    .precision = setup->options.precision,
                                    .recompute = setup->recompute };

  step->pass = ddpm_unet_pass_new (setup->unet, step->team, &options, error);
  if (step->pass == NULL)
    return FALSE;
  ddpm_unet_pass_set_weights (step->pass, step->slabs.weights);
  ddpm_rank_sums_init (&step->sums, setup->options.ranks, step->grads, step->slabs.n, BUCKET);
  return TRUE;
}

static gboolean
make_batch (DdpmTrainStep *step, GError **error)
{
  const DdpmTrainSetup *setup = step->setup;
  const DdpmTrainOptions *options = &setup->options;
  guint size;

  ddpm_ranks_get_share (options->ranks, options->batch / options->accumulate, &step->share_first, &size);
  step->batch = (DdpmTrainBatch) {
    .team = step->team,
    .dataset = setup->dataset,
    .members = setup->training,
    .n_members = setup->n_training,
    .objective = ddpm_train_objective_get (setup, step->schedule),
    .seed = options->seed,
    .augment = { options->flip, options->flip_vertical, options->rotate, options->rotate_degrees,
                 options->scale_jitter, options->colour_jitter },
    .size = size,
    .whole = options->batch,
    .num_class_embeds = ddpm_unet_config_get_n_classes (&setup->config),
    .picture_labels = setup->labels,
    .label_dropout = options->label_dropout,
  };
  return ddpm_train_batch_init (&step->batch, error);
}

gboolean
ddpm_train_step_init (DdpmTrainStep *step, const DdpmTrainSetup *setup, GError **error)
{
  *step = (DdpmTrainStep) { .setup = setup };
  step->schedule = ddpm_schedule_new (&setup->scheduler, error);
  if (step->schedule == NULL || !take_slabs (step, error))
    return FALSE;
  step->team = ddpm_team_new (setup->options.n_threads);
  return make_batch (step, error) && make_pass (step, error);
}

void
ddpm_train_step_clear (DdpmTrainStep *step)
{
  ddpm_rank_sums_clear (&step->sums);
  ddpm_train_batch_clear (&step->batch);
  g_clear_pointer (&step->pass, ddpm_unet_pass_free);
  g_clear_pointer (&step->schedule, ddpm_schedule_free);
  g_clear_pointer (&step->team, ddpm_team_free);
  ddpm_arena_clear (&step->arena);
}

typedef struct
{
  double loss;
  gint32 is_cancelled, has_lost; /* … its pictures */
} ShareResult;

/* Waits for the gradient's sums, and adds up the loss. */
static gboolean
join_shares (const DdpmTrainStep *step, GCancellable *cancellable, double *loss, GError **error)
{
  DdpmRanks *ranks = step->setup->options.ranks;
  const DdpmDataset *dataset = step->setup->dataset;
  const ShareResult mine = { *loss, g_cancellable_is_cancelled (cancellable),
                             !ddpm_dataset_check (dataset, NULL) };
  g_autofree ShareResult *all = g_new (ShareResult, ranks->n_ranks);
  gboolean is_cancelled = FALSE, has_lost = FALSE;

  if (!ranks->exchange (ranks, &mine, all, sizeof mine, cancellable, error))
    return FALSE;
  *loss = 0;
  for (guint rank = 0; rank < ranks->n_ranks; rank++)
    {
      *loss += all[rank].loss;
      is_cancelled = is_cancelled || all[rank].is_cancelled;
      has_lost = has_lost || all[rank].has_lost;
    }
  if (has_lost)
    return ddpm_ranks_agree (ranks, ddpm_dataset_check (dataset, error), cancellable, error);
  if (is_cancelled)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "The training was stopped");
  return !is_cancelled;
}

/* From here on the gradients are complete with this backward pass. */
static void
begin_sums (DdpmTrainStep *step)
{
  ddpm_rank_sums_begin (&step->sums);
  ddpm_unet_pass_set_gradient_func (step->pass, ddpm_rank_sums_take, &step->sums);
}

/* Adds the gradient on one part of the batch to grads. The loss that this part adds. */
static double
compute_part (DdpmTrainStep *step, guint64 number, guint part)
{
  const DdpmTrainOptions *options = &step->setup->options;
  DdpmTrainBatch *batch = &step->batch;
  double loss;

  batch->first = part * (options->batch / options->accumulate) + step->share_first;
  ddpm_train_batch_prepare (batch, number);
  ddpm_unet_pass_set_dropout_key (step->pass, options->seed, number | (guint64) batch->round << 32,
                                  batch->first);
  ddpm_unet_pass_forward (step->pass, batch->views.x_t, batch->views.timesteps, batch->labels,
                          batch->views.output);
  loss = ddpm_train_batch_get_loss (batch);
  if (options->ranks != NULL && part + 1 == options->accumulate)
    begin_sums (step);
  ddpm_unet_pass_backward (step->pass, batch->views.output, step->grads, NULL);
  return loss;
}

gboolean
ddpm_train_step_compute (DdpmTrainStep *step, guint64 number, GCancellable *cancellable, double *loss,
                         GError **error)
{
  const DdpmTrainOptions *options = &step->setup->options;

  *loss = 0;
  ddpm_unet_pass_set_gradient_func (step->pass, NULL, NULL);
  memset (step->grads, 0, step->slabs.n * sizeof (float));
  ddpm_team_set_cancellable (step->team, cancellable);
  /* cancelled or not, since other processes count on the sums; there is next to nothing to do then */
  for (guint part = 0; part < options->accumulate; part++)
    *loss += compute_part (step, number, part);
  /* what follows is done as a whole or not at all */
  ddpm_team_set_cancellable (step->team, NULL);
  if (options->ranks != NULL ? !join_shares (step, cancellable, loss, error)
                             : g_cancellable_set_error_if_cancelled (cancellable, error)
                                 || !ddpm_dataset_check (step->setup->dataset, error))
    return FALSE;
  step->grad_norm = ddpm_gradient_norm (step->team, step->grads, step->slabs.n);
  return TRUE;
}

static gboolean
is_finite (const DdpmTrainStep *step, const float *slab)
{
  return isfinite (ddpm_gradient_norm (step->team, slab, step->slabs.n));
}

gboolean
ddpm_train_step_update (DdpmTrainStep *step, guint64 number, double lr)
{
  static const DdpmAdamwOptions adamw = { .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0 };
  const DdpmTrainOptions *options = &step->setup->options;
  const DdpmTrainSlabs *slabs = &step->slabs;
  double scale = 1;

  if (options->max_grad_norm > 0 && step->grad_norm > options->max_grad_norm)
    scale = options->max_grad_norm / step->grad_norm;
  ddpm_adamw_update (step->team, &adamw, number, lr, scale, slabs->weights, step->grads, slabs->first,
                     slabs->second, slabs->n);
  ddpm_ema_update (step->team, ddpm_ema_decay (options->ema, number), slabs->ema, slabs->weights, slabs->n);
  return is_finite (step, slabs->weights);
}

gboolean
ddpm_train_step_is_finite (const DdpmTrainStep *step)
{
  const DdpmTrainSlabs *slabs = &step->slabs;

  return is_finite (step, slabs->weights) && is_finite (step, slabs->ema) && is_finite (step, slabs->first)
         && is_finite (step, slabs->second);
}
