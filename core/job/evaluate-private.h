/* What the parts of a measurement share. evaluate-job.c is the whole, evaluate-network.c asks the network;
 * evaluate-bound.c, evaluate-flow.c and evaluate-samples.c measure. */
#pragma once

#include "core/base/parallel.h"
#include "core/data/dataset.h"
#include "core/diffusion/flow.h"
#include "core/diffusion/views.h"
#include "core/job/evaluate-job.h"
#include "core/job/sample-job.h"

G_BEGIN_DECLS

typedef struct
{
  const DdpmModel *model; /* borrowed, like all of these */
  const DdpmEvaluateOptions *options;
  DdpmEvaluation *evaluation;
  DdpmProgressFunc func;
  gpointer user_data;
  GCancellable *cancellable;

  DdpmDataset *dataset;
  guint32 *chosen; /* [n_chosen]: numbers of pictures in the dataset */
  guint n_chosen;
  guint32 *picture_labels; /* of every picture, rows of the class table; NULL: no table */
  guint n_labels;          /* rows below this have names; 0: labels do not count */
  DdpmSchedule *schedule;
  DdpmObjective objective;

  /* evaluate-network.c's; there until the network is no longer needed */
  DdpmTeam *team;
  DdpmUnetPass *pass;
  DdpmViews views; /* as many as the network sees at once */
  guint32 *labels; /* [views.size], or NULL: no table */

  guint64 n_done, n_all; /* evaluations of pictures, of the measurement at work */
  gint64 start_us;
} DdpmEvaluateRun;

/* Errors: DDPM_ERROR_MEMORY, those of reading the weights. */
gboolean ddpm_evaluate_network_init (DdpmEvaluateRun *run, GError **error);
void ddpm_evaluate_network_clear (DdpmEvaluateRun *run);

/* The views' output for their x_t and timesteps, of which the first n count. FALSE: cancelled, or the
 * pictures are lost. */
gboolean ddpm_evaluate_network_ask (DdpmEvaluateRun *run, guint n, GError **error);

/* The picture chosen[place] and its label to `view`. From any thread. */
void ddpm_evaluate_run_show (DdpmEvaluateRun *run, guint place, guint view);

/* Something of n_all evaluations begins. */
void ddpm_evaluate_run_begin (DdpmEvaluateRun *run, guint64 n_all);

/* What each part measures, to run->evaluation. */
gboolean ddpm_evaluate_bound (DdpmEvaluateRun *run, GError **error);
gboolean ddpm_evaluate_likelihood (DdpmEvaluateRun *run, GError **error);
gboolean ddpm_evaluate_reconstructions (DdpmEvaluateRun *run, GError **error);
gboolean ddpm_evaluate_samples (DdpmEvaluateRun *run, GError **error); /* needs no network_init */

/* How the samples are made, but for their number, size, label and seed. */
DdpmSampleOptions ddpm_evaluate_get_sample_options (const DdpmModel *model,
                                                    const DdpmEvaluateOptions *options);

/* The mean's standard error from n values' sum and that of their squares; NaN for a single one. */
double ddpm_evaluate_get_standard_error (double sum, double squares, guint n);

/* FALSE with a sentence where what the network said is not finite. */
gboolean ddpm_evaluate_check_finite (const DdpmEvaluateRun *run, double value, GError **error);

G_END_DECLS
