#include "core/job/train-batch.h"

#include "core/base/rng.h"

#define N_TENSORS 4 /* x_t, target, output, scratch */

gboolean
ddpm_train_batch_init (DdpmTrainBatch *batch, GError **error)
{
  const DdpmDataset *dataset = batch->dataset;
  float *tensors = NULL;
  gsize n;

  if (batch->whole == 0)
    batch->whole = batch->size;
  batch->n_picture = (gsize) dataset->n_channels * dataset->height * dataset->width;
  n = batch->size * batch->n_picture;
  if (!ddpm_arena_init (&batch->arena, N_TENSORS * n * sizeof (float), error))
    return FALSE;
  tensors = batch->arena.base;
  batch->x_t = tensors;
  batch->target = tensors + n;
  batch->output = tensors + 2 * n;
  batch->scratch = tensors + 3 * n;

  batch->timesteps = g_new0 (float, batch->size);
  batch->losses = g_new0 (double, batch->size);
  batch->pictures = g_new0 (guint32, batch->size);
  batch->order = g_new (guint32, batch->n_members);
  batch->epoch = G_MAXUINT64; /* none */
  if (batch->num_class_embeds > 0)
    batch->labels = g_new (guint32, batch->size);
  return TRUE;
}

void
ddpm_train_batch_clear (DdpmTrainBatch *batch)
{
  ddpm_arena_clear (&batch->arena);
  g_clear_pointer (&batch->timesteps, g_free);
  g_clear_pointer (&batch->labels, g_free);
  g_clear_pointer (&batch->losses, g_free);
  g_clear_pointer (&batch->pictures, g_free);
  g_clear_pointer (&batch->order, g_free);
}

/* Pictures are drawn epoch by epoch, each once in an epoch; a batch may reach into the next ones. */
static void
choose_pictures (DdpmTrainBatch *batch)
{
  const guint n = batch->n_members;

  for (guint i = 0; i < batch->size; i++)
    {
      const guint64 position = (batch->step - 1) * batch->whole + batch->first + i;
      const guint64 epoch = position / n;

      if (epoch != batch->epoch)
        {
          const DdpmRngKey key = { batch->seed, DDPM_RNG_TRAIN_SHUFFLE, epoch, 0 };

          ddpm_rng_permutation (key, batch->order, n);
          batch->epoch = epoch;
        }
      batch->pictures[i] = batch->members[batch->order[position % n]];
    }
}

/* A picture without its label teaches what guidance compares with. */
static guint32
choose_label (const DdpmTrainBatch *batch, guint number)
{
  const guint32 none = batch->num_class_embeds - 1, resolution = 1u << 24;
  const DdpmRngKey key = { batch->seed, DDPM_RNG_TRAIN_LABEL, batch->step, batch->first + number };

  if (batch->picture_labels == NULL
      || ddpm_rng_below (key, 0, resolution) < batch->label_dropout * resolution)
    return none;
  return batch->picture_labels[batch->pictures[number]];
}

static void
prepare_picture (guint task, guint worker, gpointer data)
{
  DdpmTrainBatch *batch = data;
  const gsize n = batch->n_picture, at = task * n;
  const guint place = batch->first + task;
  const DdpmRngKey timestep_key = { batch->seed, DDPM_RNG_TRAIN_TIMESTEP, batch->step, 0 };
  const DdpmRngKey noise_key = { batch->seed, DDPM_RNG_TRAIN_NOISE, batch->step, place };
  const DdpmRngKey augment_key = { batch->seed, DDPM_RNG_TRAIN_AUGMENT, batch->step, place };
  const guint picture = batch->pictures[task];
  const guint t = ddpm_rng_below (timestep_key, place, batch->schedule->n_timesteps);
  const DdpmView view = ddpm_augment_choose (&batch->augment, batch->dataset, picture, augment_key);
  /* the network's output is not needed yet: its place holds what is not the target */
  float *noise = batch->prediction == DDPM_PREDICT_EPSILON ? batch->target + at : batch->output + at;
  float *x0 = batch->prediction == DDPM_PREDICT_SAMPLE ? batch->target + at : batch->scratch + at;

  ddpm_dataset_get (batch->dataset, picture, &view, x0);
  ddpm_rng_normal (noise_key, noise, n);
  ddpm_schedule_add_noise (batch->schedule, t, x0, noise, batch->x_t + at, n);
  if (batch->prediction == DDPM_PREDICT_V)
    ddpm_schedule_get_velocity (batch->schedule, t, x0, noise, batch->target + at, n);
  batch->timesteps[task] = (float) t;
  if (batch->labels != NULL)
    batch->labels[task] = choose_label (batch, task);
}

void
ddpm_train_batch_prepare (DdpmTrainBatch *batch, guint64 step)
{
  batch->step = step;
  choose_pictures (batch);
  ddpm_team_run (batch->team, batch->size, prepare_picture, batch);
}

static void
compare_picture (guint task, guint worker, gpointer data)
{
  DdpmTrainBatch *batch = data;
  const gsize n = batch->n_picture;
  const float scale = (float) (2.0 / ((double) batch->whole * (double) n));
  const float *target = batch->target + task * n;
  float *output = batch->output + task * n;
  double sum = 0;

  for (gsize i = 0; i < n; i++)
    {
      const float difference = output[i] - target[i];

      sum += (double) difference * difference;
      output[i] = scale * difference;
    }
  batch->losses[task] = sum;
}

double
ddpm_train_batch_get_loss (DdpmTrainBatch *batch)
{
  double sum = 0;

  ddpm_team_run (batch->team, batch->size, compare_picture, batch);
  for (guint i = 0; i < batch->size; i++)
    sum += batch->losses[i];
  return sum / ((double) batch->whole * (double) batch->n_picture);
}
