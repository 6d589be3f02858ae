#include "core/job/train-memory.h"

#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/job/train-batch.h"
#include "core/job/train-held-out.h"
#include "core/job/train-nearest.h"
#include "core/job/train-objective.h"

/* Pictures in a sample grid, as rows and columns: more of the small ones, which cost less. */
#define SMALL_PIXELS (32 * 32)
#define SMALL_COLUMNS 6
#define LARGE_COLUMNS 4

/* What the pictures take at most. */
static gsize
get_dataset_bytes (const DdpmDataset *dataset)
{
  return dataset->n_memory_bytes + dataset->n_pictures * (sizeof (DdpmDatasetPicture) + sizeof (guint32));
}

/* What the run takes from now on, options.accumulate decided: weights, gradients, average and two moments,
 * the tensors of a batch, the network's pass, and now and then another one, for samples or what is held out.
 */
static gsize
predict_run_bytes (const DdpmTrainSetup *setup, gboolean recompute)
{
  const DdpmTrainOptions *options = &setup->options;
  const DdpmDataset *dataset = setup->dataset;
  const gsize picture = (gsize) dataset->n_channels * dataset->height * dataset->width;
  const guint n_ranks = options->ranks != NULL ? options->ranks->n_ranks : 1;
  const guint batch = (options->batch / options->accumulate + n_ranks - 1) / n_ranks;
  const DdpmPassOptions training = { .batch = batch,
                                     .height = dataset->height,
                                     .width = dataset->width,
                                     .mode = DDPM_PASS_TRAINING,
                                     .precision = options->precision,
                                     .recompute = recompute };
  const DdpmPassOptions sampling = { setup->sample_columns, dataset->height, dataset->width,
                                     DDPM_PASS_INFERENCE };
  const DdpmObjective objective = ddpm_train_objective_get (setup, NULL);
  gsize passing = ddpm_train_held_out_predict_bytes (setup);
  gsize bytes =
    (5 * ddpm_unet_get_n_weights (setup->unet) + ddpm_views_get_n_floats (&objective, batch, picture))
    * sizeof (float);

  bytes += ddpm_unet_predict_pass_bytes (setup->unet, options->n_threads, &training);
  if (options->sample_every > 0)
    {
      passing = MAX (passing, ddpm_unet_predict_pass_bytes (setup->unet, options->n_threads, &sampling));
      bytes += ddpm_train_nearest_predict_bytes (setup);
    }
  return bytes + passing;
}

/* With the batch in so many parts. What the run takes from now on. */
static gsize
decide_for_parts (DdpmTrainSetup *setup, guint accumulate, guint64 available)
{
  const gsize dataset_bytes = get_dataset_bytes (setup->dataset);
  gsize bytes, kept_bytes;

  setup->options.accumulate = accumulate;
  kept_bytes = predict_run_bytes (setup, FALSE);
  setup->recompute = setup->options.recompute || kept_bytes > available;
  bytes = setup->recompute ? predict_run_bytes (setup, TRUE) : kept_bytes;
  setup->peak_bytes = dataset_bytes + bytes;
  setup->peak_kept_bytes = dataset_bytes + kept_bytes;
  return bytes;
}

static gboolean
check_accumulate (const DdpmTrainOptions *options, GError **error)
{
  if (options->accumulate == DDPM_TRAIN_OPEN || options->batch % options->accumulate == 0)
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
               "--accumulate %u does not divide the %u pictures of a step evenly; choose a number that does",
               options->accumulate, options->batch);
  return FALSE;
}

gboolean
ddpm_train_decide_memory (DdpmTrainSetup *setup, GError **error)
{
  const DdpmDataset *dataset = setup->dataset;
  const DdpmRanks *ranks = setup->options.ranks;
  const guint64 unused = ddpm_memory_get_available_bytes () / (ranks != NULL ? ranks->n_local : 1);
  /* pictures that are decoded already have theirs */
  const guint64 available = unused - MIN (unused, dataset->is_checked ? 0 : dataset->n_memory_bytes);
  const guint batch = setup->options.batch, given = setup->options.accumulate;
  const guint least = ranks != NULL ? ranks->n_ranks : 1;
  const gboolean open = given == DDPM_TRAIN_OPEN;
  gsize bytes;

  if (!check_accumulate (&setup->options, error))
    return FALSE;
  setup->sample_columns = dataset->height * dataset->width <= SMALL_PIXELS ? SMALL_COLUMNS : LARGE_COLUMNS;
  bytes = decide_for_parts (setup, open ? 1 : given, available);
  /* a resumed run keeps the number that it began with, since another one rounds differently */
  for (guint parts = 2; open && bytes > available && batch / parts >= least; parts++)
    if (batch % parts == 0)
      bytes = decide_for_parts (setup, parts, available);
  setup->must_accumulate = open && setup->options.accumulate > 1;
  if (bytes <= available)
    return TRUE;
  g_set_error (
    error, DDPM_ERROR, DDPM_ERROR_MEMORY,
    "This training takes %.2f GB of memory, even with %u of %u pictures at a time and where values "
    "are computed again instead of being kept, and %.2f GB are free; use a smaller --batch or "
    "--size, or close other programs",
    bytes / 1e9, batch / setup->options.accumulate, batch, available / 1e9);
  return FALSE;
}
