/* Every picture is seen at several timesteps. All these views stand in one list, picture by picture, and go
 * through the network in batches; what comes of one is a function of the seed, the picture and the timestep
 * alone, and sums are taken in the order of the list. */
#include "core/job/evaluate-job.h"

#include <math.h>

#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/base/rng.h"
#include "core/data/labels.h"
#include "core/diffusion/likelihood.h"
#include "core/diffusion/objective.h"
#include "core/job/picture-set.h"
#include "core/job/sample-job.h"

#define MAX_BATCH 16
#define MAX_PASS_BYTES ((gsize) 1 << 30)

/* A picture at a timestep that stands for `weight` of them. */
typedef struct
{
  guint picture; /* place in `chosen` */
  guint t, weight;
} View;

typedef struct
{
  double simple; /* sum of squares */
  double nats;   /* the bound's term */
} Term;

typedef struct
{
  double nats, squares; /* of single pictures' totals: their sum, and that of their squares */
  double prior, between, decoder;
  double simple, simple_of_part[DDPM_EVALUATE_N_PARTS];
  guint64 weight_of_part[DDPM_EVALUATE_N_PARTS];
} Sums;

typedef struct
{
  const DdpmModel *model; /* borrowed */
  const DdpmEvaluateOptions *options;
  DdpmEvaluation *evaluation;
  DdpmProgressFunc func;
  gpointer user_data;

  DdpmDataset *dataset;
  guint32 *chosen;         /* [n_chosen]: numbers of pictures in the dataset */
  guint32 *picture_labels; /* of every picture, rows of the class table; NULL: no table */
  guint n_chosen;
  guint views_per_picture;
  DdpmSchedule *schedule;
  DdpmObjective objective;
  DdpmTeam *team;
  DdpmUnetPass *pass;
  guint batch;
  gsize n_picture, n_output; /* floats of a picture, and of what the network says of it */
  DdpmArena arena;
  float *x0, *x_t, *target, *output; /* [batch][n_picture], the last one [batch][n_output] */
  float *timesteps;                  /* [batch] */
  guint32 *labels;                   /* [batch] */
  Term *terms;                       /* [batch] */
  guint64 first;                     /* view of the batch */
} Run;

static void
run_clear (Run *run)
{
  g_clear_pointer (&run->pass, ddpm_unet_pass_free);
  g_clear_pointer (&run->team, ddpm_team_free);
  g_clear_pointer (&run->schedule, ddpm_schedule_free);
  g_clear_pointer (&run->dataset, ddpm_dataset_free);
  ddpm_arena_clear (&run->arena);
  g_free (run->chosen);
  g_free (run->picture_labels);
  g_free (run->timesteps);
  g_free (run->labels);
  g_free (run->terms);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Run, run_clear)

static void
find_labels (Run *run)
{
  static const char *const no_names[] = { NULL };
  const DdpmUnetConfig *config = ddpm_unet_get_config (run->model->unet);
  char **names = run->model->notes.labels;
  const guint n_names = names != NULL && !run->options->ignore_labels ? g_strv_length (names) : 0;

  if (config->class_embed != DDPM_CLASS_EMBED_TABLE)
    return;
  run->picture_labels = ddpm_labels_assign ((const char *const *) run->dataset->paths,
                                            n_names > 0 ? (const char *const *) names : no_names);
  for (guint i = 0; i < run->dataset->n_pictures; i++)
    if (run->picture_labels[i] >= n_names)
      run->picture_labels[i] = config->num_class_embeds - 1; /* "no label" */
  for (guint i = 0; i < run->n_chosen; i++)
    run->evaluation->n_labelled += run->picture_labels[run->chosen[i]] < n_names;
}

static DdpmPassOptions
get_pass_options (const Run *run, guint batch)
{
  return (DdpmPassOptions) {
    .batch = batch, .height = run->dataset->height, .width = run->dataset->width, .mode = DDPM_PASS_INFERENCE
  };
}

/* As many as fit well, by shape alone. */
static guint
choose_batch (const Run *run)
{
  for (guint batch = MAX_BATCH; batch > 1; batch--)
    {
      const DdpmPassOptions options = get_pass_options (run, batch);

      if (ddpm_unet_predict_pass_bytes (run->model->unet, run->options->n_threads, &options)
          <= MAX_PASS_BYTES)
        return batch;
    }
  return 1;
}

static gboolean
take_memory (Run *run, GError **error)
{
  const guint batch = run->batch = choose_batch (run);
  const DdpmPassOptions options = get_pass_options (run, batch);
  const guint64 available = ddpm_memory_get_available_bytes ();
  gsize bytes;
  float *tensors;

  run->n_picture = (gsize) run->dataset->n_channels * run->dataset->height * run->dataset->width;
  run->n_output = ddpm_objective_get_n_outputs (&run->objective, run->n_picture);
  bytes = batch * (3 * run->n_picture + run->n_output) * sizeof (float);
  if (bytes + ddpm_unet_predict_pass_bytes (run->model->unet, run->options->n_threads, &options) > available)
    return ddpm_refuse (error, DDPM_ERROR_MEMORY,
                        "This takes more than the %.2f GB of memory that are free; close other programs, or "
                        "measure smaller pictures with --size",
                        available / 1e9);
  if (!ddpm_arena_init (&run->arena, bytes, error))
    return FALSE;
  tensors = run->arena.base;
  run->x0 = tensors;
  run->x_t = tensors + batch * run->n_picture;
  run->target = tensors + 2 * batch * run->n_picture;
  run->output = tensors + 3 * batch * run->n_picture;
  run->timesteps = g_new0 (float, batch);
  run->labels = g_new0 (guint32, batch);
  run->terms = g_new0 (Term, batch);
  run->team = ddpm_team_new (run->options->n_threads);
  run->pass = ddpm_unet_pass_new (run->model->unet, run->team, &options, error);
  return run->pass != NULL && ddpm_model_pack_weights (run->model, run->pass, run->team, error);
}

static gboolean
prepare (Run *run, GCancellable *cancellable, GError **error)
{
  const DdpmSchedulerConfig *config = &run->model->scheduler;
  const DdpmEvaluateOptions *options = run->options;
  const guint n_draws = options->n_draws;

  run->schedule = ddpm_schedule_new (config, error);
  if (run->schedule == NULL || !ddpm_likelihood_check (run->schedule, config->prediction_type, error))
    return FALSE;
  run->objective = (DdpmObjective) { .schedule = run->schedule,
                                     .prediction = config->prediction_type,
                                     .variance = config->variance_type };
  run->dataset = ddpm_picture_set_load (run->model, options->pictures, options->width, options->height,
                                        options->crop, run->func, run->user_data, cancellable, error);
  if (run->dataset == NULL)
    return FALSE;
  run->chosen =
    ddpm_picture_set_choose (run->dataset, options->held_out, options->max_pictures, &run->n_chosen, error);
  if (run->chosen == NULL)
    return FALSE;
  find_labels (run);
  run->views_per_picture =
    1 + (n_draws > 0 ? MIN (n_draws, run->schedule->n_timesteps - 1) : run->schedule->n_timesteps - 1);
  return take_memory (run, error);
}

/* The first timestep of part k of n_parts that the timesteps 1 … `last` are cut into. Near 0 a timestep
 * counts far more and differs more from its neighbours: there the parts are short, and single ones at first.
 */
static guint
get_part (guint k, guint n_parts, guint last)
{
  const double share = (double) k / n_parts;

  return 1 + MAX (k, (guint) (last * share * share * share));
}

static View
get_view (const Run *run, guint64 number)
{
  const guint last = run->schedule->n_timesteps - 1, n_parts = run->views_per_picture - 1;
  const guint picture = (guint) (number / run->views_per_picture), k = number % run->views_per_picture;
  const DdpmRngKey key = { run->options->seed, DDPM_RNG_EVALUATE_TIMESTEP, run->chosen[picture], 0 };
  guint begin, end;

  if (k == 0)
    return (View) { picture, 0, 1 };
  begin = get_part (k - 1, n_parts, last);
  end = get_part (k, n_parts, last);
  return (View) { picture, begin + ddpm_rng_below (key, k, end - begin), end - begin };
}

static void
prepare_view (guint task, guint worker, gpointer data)
{
  Run *run = data;
  const View view = get_view (run, run->first + task);
  const guint32 number = run->chosen[view.picture];
  const DdpmRngKey part_key = { run->options->seed, DDPM_RNG_EVALUATE_PART, number, 0 };
  const DdpmRngKey noise_key = { run->options->seed, DDPM_RNG_EVALUATE_NOISE, number, view.t };
  const gsize n = run->n_picture;
  float *x0 = run->x0 + task * n, *x_t = run->x_t + task * n;
  float *noise = run->output + task * run->n_output; /* nothing is there yet */
  const guint shown =
    ddpm_picture_set_show (run->dataset, run->chosen, run->n_chosen, view.picture, part_key, x0);
  ddpm_rng_normal (noise_key, noise, n);
  ddpm_schedule_add_noise (run->schedule, view.t, x0, noise, x_t, n);
  ddpm_objective_get_target (&run->objective, view.t, x0, x_t, noise, run->target + task * n, n);
  run->timesteps[task] = (float) view.t;
  if (run->picture_labels != NULL)
    run->labels[task] = run->picture_labels[shown];
}

static void
measure_view (guint task, guint worker, gpointer data)
{
  Run *run = data;
  const DdpmSchedulerConfig *config = &run->model->scheduler;
  const guint t = (guint) run->timesteps[task];
  const gsize n = run->n_picture, at = task * n;
  const float *output = run->output + task * run->n_output;
  DdpmReverse reverse;
  double sum = 0;

  for (gsize i = 0; i < n; i++)
    {
      const double difference = (double) output[i] - run->target[at + i];

      sum += difference * difference;
    }
  ddpm_reverse_init (&reverse, run->schedule, config->prediction_type, config->variance_type, t);
  run->terms[task].simple = sum;
  run->terms[task].nats =
    ddpm_likelihood_get_term (&reverse, run->x0 + at, run->x_t + at, output, n,
                              config->clip_sample ? config->clip_sample_range : INFINITY);
}

/* The first `n` views of the batch, in their order. A picture's first one opens it: L_T and L_0. */
static void
add_terms (const Run *run, guint n, Sums *sums, double *picture)
{
  const guint n_timesteps = run->schedule->n_timesteps;

  for (guint i = 0; i < n; i++)
    {
      const View view = get_view (run, run->first + i);
      const Term *term = &run->terms[i];
      const guint part = (guint) ((guint64) view.t * DDPM_EVALUATE_N_PARTS / n_timesteps);

      if (view.t == 0)
        {
          const double prior =
            ddpm_likelihood_get_prior (run->schedule, run->x0 + i * run->n_picture, run->n_picture);

          sums->prior += prior;
          sums->decoder += term->nats;
          *picture = prior + term->nats;
        }
      else
        {
          sums->between += view.weight * term->nats;
          *picture += view.weight * term->nats;
        }
      sums->simple += view.weight * term->simple;
      sums->simple_of_part[part] += view.weight * term->simple;
      sums->weight_of_part[part] += view.weight;
      if ((run->first + i + 1) % run->views_per_picture == 0)
        {
          sums->nats += *picture;
          sums->squares += *picture * *picture;
        }
    }
}

static void
tell (const Run *run, guint64 done, guint64 total, gint64 start_us)
{
  const double seconds = (double) (g_get_monotonic_time () - start_us) / G_USEC_PER_SEC;
  const double steps_per_s = seconds > 0 ? (double) done / seconds : 0;
  const DdpmProgress progress = {
    .phase = DDPM_PHASE_EVALUATE,
    .step = done,
    .total = total,
    .seconds_left = steps_per_s > 0 ? (double) (total - done) / steps_per_s : -1,
    .loss = NAN,
    .steps_per_s = steps_per_s,
  };

  if (run->func != NULL)
    run->func (&progress, run->user_data);
}

static void
finish (const Run *run, const Sums *sums)
{
  DdpmEvaluation *evaluation = run->evaluation;
  const double n = run->n_chosen, values = (double) run->n_picture;
  const double to_bits = 1 / (n * values * G_LN2), mean = sums->nats / n;

  evaluation->n_pictures = run->n_chosen;
  evaluation->width = run->dataset->width;
  evaluation->height = run->dataset->height;
  evaluation->n_channels = run->dataset->n_channels;
  evaluation->n_timesteps = run->schedule->n_timesteps;
  evaluation->n_draws = run->options->n_draws > 0 ? run->views_per_picture - 1 : 0;
  evaluation->simple = sums->simple / (n * values * run->schedule->n_timesteps);
  for (guint part = 0; part < DDPM_EVALUATE_N_PARTS; part++)
    evaluation->simple_of_part[part] =
      sums->simple_of_part[part] / (values * (double) sums->weight_of_part[part]);
  evaluation->prior_bits = sums->prior * to_bits;
  evaluation->between_bits = sums->between * to_bits;
  evaluation->decoder_bits = sums->decoder * to_bits;
  evaluation->total_bits = sums->nats * to_bits;
  evaluation->standard_error_bits =
    run->n_chosen > 1 ? sqrt (MAX (sums->squares / n - mean * mean, 0) / (n - 1)) / (values * G_LN2) : NAN;
}

gboolean
ddpm_evaluate (const DdpmModel *model, const DdpmEvaluateOptions *options, DdpmProgressFunc func,
               gpointer user_data, GCancellable *cancellable, DdpmEvaluation *evaluation, GError **error)
{
  g_auto (Run) run = {
    .model = model, .options = options, .evaluation = evaluation, .func = func, .user_data = user_data
  };
  Sums sums = { 0 };
  double picture = 0;
  guint64 total;
  gint64 start_us;

  g_return_val_if_fail (options->pictures != NULL && options->seed <= DDPM_MAX_SEED, FALSE);

  *evaluation = (DdpmEvaluation) { 0 };
  if (!prepare (&run, cancellable, error))
    return FALSE;
  ddpm_team_set_cancellable (run.team, cancellable);
  total = (guint64) run.n_chosen * run.views_per_picture;
  start_us = g_get_monotonic_time ();
  while (run.first < total)
    {
      const guint n = (guint) MIN (run.batch, total - run.first);

      ddpm_team_run (run.team, n, prepare_view, &run);
      ddpm_unet_pass_forward (run.pass, run.x_t, run.timesteps,
                              run.picture_labels != NULL ? run.labels : NULL, run.output);
      ddpm_team_run (run.team, n, measure_view, &run);
      /* the team skips what is left of cancelled work */
      if (g_cancellable_set_error_if_cancelled (cancellable, error)
          || !ddpm_dataset_check (run.dataset, error))
        return FALSE;
      add_terms (&run, n, &sums, &picture);
      run.first += n;
      tell (&run, run.first, total, start_us);
    }
  finish (&run, &sums);
  return isfinite (evaluation->total_bits)
         || ddpm_refuse (error, DDPM_ERROR_NUMERIC,
                         "The model \"%s\" said something that is not finite; its weights are damaged or do "
                         "not fit its config.json and scheduler_config.json",
                         model->name);
}
