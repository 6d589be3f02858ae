/* Pictures along the probability flow: their likelihood, and how closely they come back from their latents.
 * What comes of a picture does not depend on those that it goes through the network with. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/diffusion/flow-likelihood.h"
#include "core/diffusion/flow-reconstruction.h"
#include "core/job/evaluate-private.h"

typedef struct
{
  DdpmEvaluateRun *run;
  guint first, n; /* pictures of the batch */
} Batch;

/* Places of the last batch that are left over hold its last picture again. */
static void
show_view (guint task, guint worker, gpointer data)
{
  const Batch *batch = data;

  ddpm_evaluate_run_show (batch->run, batch->first + MIN (task, batch->n - 1), task);
}

static gboolean
show_batch (Batch *batch, GError **error)
{
  DdpmEvaluateRun *run = batch->run;

  batch->n = MIN (run->views.size, run->n_chosen - batch->first);
  ddpm_team_run (run->team, run->views.size, show_view, batch);
  return !g_cancellable_set_error_if_cancelled (run->cancellable, error)
         && ddpm_dataset_check (run->dataset, error);
}

/* DdpmFlowFunc, without what the network says of the variance. */
static gboolean
predict (const float *x, float t, float *output, gpointer user_data, GError **error)
{
  const Batch *batch = user_data;
  DdpmViews *views = &batch->run->views;

  memcpy (views->x_t, x, views->size * views->n_picture * sizeof (float));
  for (guint i = 0; i < views->size; i++)
    views->timesteps[i] = t;
  if (!ddpm_evaluate_network_ask (batch->run, batch->n, error))
    return FALSE;
  for (guint i = 0; i < views->size; i++)
    memcpy (output + i * views->n_picture, views->output + i * views->n_output,
            views->n_picture * sizeof (float));
  return TRUE;
}

static DdpmFlowOptions
get_options (Batch *batch, guint n_steps)
{
  const DdpmEvaluateRun *run = batch->run;

  return (DdpmFlowOptions) { &run->model->scheduler, n_steps, run->views.size,
                             run->views.n_picture,   predict, batch };
}

/* A value of a byte lies anywhere in that byte's width; and signs. */
static void
dequantise (const Batch *batch, guint view, float *signs)
{
  const DdpmEvaluateRun *run = batch->run;
  const gsize n = run->views.n_picture;
  const guint32 number = run->chosen[batch->first + MIN (view, batch->n - 1)];
  const DdpmRngKey bytes = { run->options->seed, DDPM_RNG_EVALUATE_BYTES, number, 0 };
  const DdpmRngKey sign = { run->options->seed, DDPM_RNG_EVALUATE_SIGNS, number, 0 };
  float *x0 = run->views.x0 + view * n;
  g_autofree float *random = g_new (float, n);

  ddpm_rng_uniform (bytes, random, n);
  for (gsize i = 0; i < n; i++)
    x0[i] += (random[i] - 0.5f) / 127.5f;
  ddpm_rng_uniform (sign, random, n);
  for (gsize i = 0; i < n; i++)
    signs[view * n + i] = random[i] < 0.5f ? -1 : 1;
}

gboolean
ddpm_evaluate_likelihood (DdpmEvaluateRun *run, GError **error)
{
  const gsize n = run->views.n_picture;
  const guint n_steps = run->options->flow_steps;
  g_autofree float *signs = g_new (float, run->views.size *n);
  g_autofree double *nats = g_new (double, run->views.size);
  Batch batch = { .run = run };
  const DdpmFlowOptions options = get_options (&batch, n_steps);
  double sum = 0, squares = 0;

  ddpm_evaluate_run_begin (run, (guint64) run->n_chosen * DDPM_FLOW_LIKELIHOOD_EVALUATIONS * (n_steps - 1));
  for (; batch.first < run->n_chosen; batch.first += batch.n)
    {
      if (!show_batch (&batch, error))
        return FALSE;
      for (guint i = 0; i < run->views.size; i++)
        dequantise (&batch, i, signs);
      if (!ddpm_flow_get_nats (&options, run->views.x0, signs, nats, error))
        return FALSE;
      for (guint i = 0; i < batch.n; i++)
        {
          const double bits = ddpm_flow_get_bits (nats[i], n);

          sum += bits;
          squares += bits * bits;
        }
    }
  run->evaluation->flow_bits = sum / run->n_chosen;
  run->evaluation->flow_standard_error_bits = ddpm_evaluate_get_standard_error (sum, squares, run->n_chosen);
  return ddpm_evaluate_check_finite (run, run->evaluation->flow_bits, error);
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  const double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* In n_steps steps, to the evaluation's place `number`. */
static gboolean
reconstruct (DdpmEvaluateRun *run, guint n_steps, guint number, GError **error)
{
  DdpmEvaluation *evaluation = run->evaluation;
  const double n_picture = (double) run->views.n_picture;
  const guint n = run->n_chosen;
  g_autofree double *squares =
    g_new (double, n + run->views.size); /* the last batch's are not all pictures' */
  Batch batch = { .run = run };
  const DdpmFlowOptions options = get_options (&batch, n_steps);
  double sum = 0;

  for (; batch.first < n; batch.first += batch.n)
    if (!show_batch (&batch, error)
        || !ddpm_flow_reconstruct (&options, run->views.x0, squares + batch.first, error))
      return FALSE;
  for (guint i = 0; i < n; i++)
    sum += squares[i];
  qsort (squares, n, sizeof *squares, compare_doubles);
  evaluation->reconstruction_rms[number] = 127.5 * sqrt (sum / (n * n_picture));
  evaluation->reconstruction_median[number] =
    127.5 * (sqrt (squares[(n - 1) / 2] / n_picture) + sqrt (squares[n / 2] / n_picture)) / 2;
  return ddpm_evaluate_check_finite (run, sum, error);
}

gboolean
ddpm_evaluate_reconstructions (DdpmEvaluateRun *run, GError **error)
{
  const DdpmEvaluateOptions *options = run->options;
  guint64 n_steps = 0;

  for (guint i = 0; i < options->n_reconstructions; i++)
    n_steps += options->reconstruct_steps[i];
  ddpm_evaluate_run_begin (run, run->n_chosen * DDPM_FLOW_RECONSTRUCTION_EVALUATIONS * n_steps);
  for (guint i = 0; i < options->n_reconstructions; i++)
    if (!reconstruct (run, options->reconstruct_steps[i], i, error))
      return FALSE;
  return TRUE;
}
