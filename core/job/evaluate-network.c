/* The network that is measured, on batches of views. */
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/job/evaluate-private.h"
#include "core/job/picture-set.h"

#include <math.h>

#define MAX_BATCH 16
#define MAX_PASS_BYTES ((gsize) 1 << 30)

static DdpmPassOptions
get_pass_options (const DdpmEvaluateRun *run, guint batch)
{
  return (DdpmPassOptions) {
    .batch = batch, .height = run->dataset->height, .width = run->dataset->width, .mode = DDPM_PASS_INFERENCE
  };
}

static gsize
predict_pass_bytes (const DdpmEvaluateRun *run, guint batch)
{
  const DdpmPassOptions options = get_pass_options (run, batch);

  return ddpm_unet_predict_pass_bytes (run->model->unet, run->options->n_threads, &options);
}

/* As many as fit well, by shape and the number of pictures alone, and so that all batches are about full. */
static guint
choose_batch (const DdpmEvaluateRun *run)
{
  guint most = MAX_BATCH, n_batches;

  while (most > 1 && predict_pass_bytes (run, most) > MAX_PASS_BYTES)
    most--;
  n_batches = (run->n_chosen + most - 1) / most;
  return (run->n_chosen + n_batches - 1) / n_batches;
}

gboolean
ddpm_evaluate_network_init (DdpmEvaluateRun *run, GError **error)
{
  const DdpmDataset *dataset = run->dataset;
  const guint batch = choose_batch (run);
  const DdpmPassOptions options = get_pass_options (run, batch);
  const gsize n_picture = (gsize) dataset->n_channels * dataset->height * dataset->width;
  const gsize n_floats = ddpm_views_get_n_floats (&run->objective, batch, n_picture);
  const guint64 available = ddpm_memory_get_available_bytes ();

  if (n_floats * sizeof (float) + predict_pass_bytes (run, batch) > available)
    return ddpm_refuse (error, DDPM_ERROR_MEMORY,
                        "This takes more than the %.2f GB of memory that are free; close other programs, or "
                        "measure smaller pictures with --size",
                        available / 1e9);
  if (!ddpm_views_init (&run->views, &run->objective, batch, n_picture, error))
    return FALSE;
  if (run->picture_labels != NULL)
    run->labels = g_new0 (guint32, batch);
  run->team = ddpm_team_new (run->options->n_threads);
  run->pass = ddpm_unet_pass_new (run->model->unet, run->team, &options, error);
  if (run->pass == NULL || !ddpm_model_pack_weights (run->model, run->pass, run->team, error))
    return FALSE;
  ddpm_team_set_cancellable (run->team, run->cancellable);
  return TRUE;
}

void
ddpm_evaluate_network_clear (DdpmEvaluateRun *run)
{
  g_clear_pointer (&run->pass, ddpm_unet_pass_free);
  g_clear_pointer (&run->team, ddpm_team_free);
  g_clear_pointer (&run->labels, g_free);
  ddpm_views_clear (&run->views);
}

void
ddpm_evaluate_run_show (DdpmEvaluateRun *run, guint place, guint view)
{
  const DdpmRngKey key = { run->options->seed, DDPM_RNG_EVALUATE_PART, run->chosen[place], 0 };
  const guint shown = ddpm_picture_set_show (run->dataset, run->chosen, run->n_chosen, place, key,
                                             run->views.x0 + view * run->views.n_picture);

  if (run->labels != NULL)
    run->labels[view] = run->picture_labels[shown];
}

void
ddpm_evaluate_run_begin (DdpmEvaluateRun *run, guint64 n_all)
{
  run->n_done = 0;
  run->n_all = n_all;
  run->start_us = g_get_monotonic_time ();
}

static void
tell (const DdpmEvaluateRun *run)
{
  const double seconds = (double) (g_get_monotonic_time () - run->start_us) / G_USEC_PER_SEC;
  const double steps_per_s = seconds > 0 ? (double) run->n_done / seconds : 0;
  const DdpmProgress progress = {
    .phase = DDPM_PHASE_EVALUATE,
    .step = run->n_done,
    .total = run->n_all,
    .seconds_left = steps_per_s > 0 ? (double) (run->n_all - run->n_done) / steps_per_s : -1,
    .loss = NAN,
    .steps_per_s = steps_per_s,
  };

  if (run->func != NULL)
    run->func (&progress, run->user_data);
}

gboolean
ddpm_evaluate_network_ask (DdpmEvaluateRun *run, guint n, GError **error)
{
  ddpm_unet_pass_forward (run->pass, run->views.x_t, run->views.timesteps, run->labels, run->views.output);
  /* the team skips what is left of cancelled work */
  if (g_cancellable_set_error_if_cancelled (run->cancellable, error)
      || !ddpm_dataset_check (run->dataset, error))
    return FALSE;
  run->n_done += n;
  tell (run);
  return TRUE;
}
