#include "core/job/train-batch.h"

#include "core/base/rng.h"

gboolean
ddpm_train_batch_init (DdpmTrainBatch *batch, GError **error)
{
  const DdpmDataset *dataset = batch->dataset;
  const gsize n_picture = (gsize) dataset->n_channels * dataset->height * dataset->width;

  if (batch->whole == 0)
    batch->whole = batch->size;
  if (!ddpm_views_init (&batch->views, &batch->objective, batch->size, n_picture, error))
    return FALSE;

  batch->losses = g_new0 (double, batch->size);
  batch->places = g_new0 (guint32, batch->size);
  batch->pictures = g_new0 (guint32, batch->size);
  batch->expected = g_new0 (guint32, batch->size);
  batch->order = g_new (guint32, batch->n_members);
  batch->epoch = G_MAXUINT64; /* none */
  if (batch->num_class_embeds > 0)
    batch->labels = g_new (guint32, batch->size);
  return TRUE;
}

void
ddpm_train_batch_clear (DdpmTrainBatch *batch)
{
  ddpm_views_clear (&batch->views);
  g_clear_pointer (&batch->labels, g_free);
  g_clear_pointer (&batch->losses, g_free);
  g_clear_pointer (&batch->places, g_free);
  g_clear_pointer (&batch->pictures, g_free);
  g_clear_pointer (&batch->expected, g_free);
  g_clear_pointer (&batch->order, g_free);
}

/* Pictures are drawn epoch by epoch, each once in an epoch; a batch may reach into the next ones. The place
 * in members of the one at that position. */
static guint32
draw (DdpmTrainBatch *batch, guint64 position)
{
  const guint n = batch->n_members;
  const guint64 epoch = position / n;

  if (epoch != batch->epoch)
    {
      const DdpmRngKey key = { batch->seed, DDPM_RNG_TRAIN_SHUFFLE, epoch, 0 };

      ddpm_rng_permutation (key, batch->order, n);
      batch->epoch = epoch;
    }
  return batch->order[position % n];
}

static void
choose_pictures (DdpmTrainBatch *batch)
{
  const guint64 before = batch->position;

  batch->position = (batch->step - 1) * batch->whole + batch->first;
  for (guint i = 0; i < batch->size; i++)
    batch->places[i] = draw (batch, batch->position + i);
  /* parts of a step's batch, or steps, follow one another at equal distances */
  batch->distance = batch->position > before ? batch->position - before : batch->whole;
}

/* A guess, which only makes the next batch come sooner. */
static void
expect_pictures (DdpmTrainBatch *batch)
{
  for (guint i = 0; i < batch->size; i++)
    batch->expected[i] = batch->members[draw (batch, batch->position + batch->distance + i)];
  ddpm_dataset_expect (batch->dataset, batch->expected, batch->size);
}

/* Names the random numbers of a step, but for the order of the pictures. */
static guint64
get_index (const DdpmTrainBatch *batch)
{
  return batch->step | (guint64) batch->round << 32;
}

/* A picture without its label teaches what guidance compares with. */
static guint32
choose_label (const DdpmTrainBatch *batch, guint number)
{
  const guint32 none = batch->num_class_embeds - 1, resolution = 1u << 24;
  const DdpmRngKey key = { batch->seed, DDPM_RNG_TRAIN_LABEL, get_index (batch), batch->first + number };

  if (batch->picture_labels == NULL
      || ddpm_rng_below (key, 0, resolution) < batch->label_dropout * resolution)
    return none;
  return batch->picture_labels[batch->pictures[number]];
}

static void
show_picture (DdpmTrainBatch *batch, guint task, float *x0)
{
  const DdpmRngKey key = { batch->seed, DDPM_RNG_TRAIN_AUGMENT, get_index (batch), batch->first + task };
  DdpmHeldPicture held;
  DdpmView view;

  if (!ddpm_dataset_hold (batch->dataset, batch->members, batch->n_members, batch->places[task], &held))
    return;
  batch->pictures[task] = held.index;
  view = ddpm_augment_choose (&batch->augment, batch->dataset, held.index, key);
  ddpm_dataset_show (batch->dataset, &held, &view, x0);
  ddpm_dataset_release (batch->dataset, &held);
}

static void
prepare_picture (guint task, guint worker, gpointer data)
{
  DdpmTrainBatch *batch = data;
  const guint place = batch->first + task;
  const DdpmRngKey timestep_key = { batch->seed, DDPM_RNG_TRAIN_TIMESTEP, get_index (batch), 0 };
  const DdpmRngKey noise_key = { batch->seed, DDPM_RNG_TRAIN_NOISE, get_index (batch), place };
  const guint t = ddpm_rng_below (timestep_key, place, batch->objective.schedule->n_timesteps);

  show_picture (batch, task, batch->views.x0 + task * batch->views.n_picture);
  ddpm_views_add_noise (&batch->views, &batch->objective, task, t, noise_key);
  if (batch->labels != NULL)
    batch->labels[task] = choose_label (batch, task);
}

void
ddpm_train_batch_prepare (DdpmTrainBatch *batch, guint64 step)
{
  batch->step = step;
  choose_pictures (batch);
  ddpm_team_run (batch->team, batch->size, prepare_picture, batch);
  expect_pictures (batch);
}

static void
compare_picture (guint task, guint worker, gpointer data)
{
  DdpmTrainBatch *batch = data;
  DdpmViews *views = &batch->views;
  const gsize n = views->n_picture, at = task * n;

  batch->losses[task] = ddpm_objective_compare (
    &batch->objective, (guint) views->timesteps[task], views->x0 + at, views->x_t + at, views->target + at, n,
    1 / ((double) batch->whole * (double) n), views->output + task * views->n_output);
}

double
ddpm_train_batch_get_loss (DdpmTrainBatch *batch)
{
  double sum = 0;

  ddpm_team_run (batch->team, batch->size, compare_picture, batch);
  for (guint i = 0; i < batch->size; i++)
    sum += batch->losses[i];
  return sum / ((double) batch->whole * (double) batch->views.n_picture);
}
