/* The variational bound, term by term. Every picture is seen at several timesteps. All these views stand in
 * one list, picture by picture, and go through the network in batches; what comes of one is a function of the
 * seed, the picture and the timestep alone, and sums are taken in the order of the list. */
#include <math.h>

#include "core/diffusion/likelihood.h"
#include "core/job/evaluate-private.h"

/* A picture at a timestep that stands for `weight` of them; 0: it is there for the distortion alone, of the
 * rate curve's point. */
typedef struct
{
  guint picture; /* place in `chosen` */
  guint t, weight, point;
} View;

typedef struct
{
  double simple; /* sum of squares */
  double nats;   /* the bound's term */
  double error;  /* of x_0, squared */
} Term;

typedef struct
{
  double nats, squares; /* of single pictures' totals: their sum, and that of their squares */
  double prior, between, decoder;
  double simple, simple_of_part[DDPM_EVALUATE_N_PARTS];
  guint64 weight_of_part[DDPM_EVALUATE_N_PARTS];
  DdpmRateCurve curve;
} Sums;

typedef struct
{
  DdpmEvaluateRun *run;
  guint n_parts; /* of the timesteps above 0 */
  guint views_per_picture;
  const DdpmRateCurve *curve; /* its points; borrowed */
  guint64 first;              /* view of the batch */
  Term *terms;                /* [views.size] */
} Bound;

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
get_view (const Bound *bound, guint64 number)
{
  const DdpmEvaluateRun *run = bound->run;
  const guint last = run->schedule->n_timesteps - 1, n_parts = bound->n_parts;
  const guint picture = (guint) (number / bound->views_per_picture), k = number % bound->views_per_picture;
  const DdpmRngKey key = { run->options->seed, DDPM_RNG_EVALUATE_TIMESTEP, run->chosen[picture], 0 };
  guint begin, end;

  if (k == 0)
    return (View) { picture, 0, 1, 0 };
  if (k > n_parts)
    return (View) { picture, bound->curve->t[k - n_parts - 1], 0, k - n_parts - 1 };
  begin = get_part (k - 1, n_parts, last);
  end = get_part (k, n_parts, last);
  return (View) { picture, begin + ddpm_rng_below (key, k, end - begin), end - begin, 0 };
}

static void
prepare_view (guint task, guint worker, gpointer data)
{
  const Bound *bound = data;
  DdpmEvaluateRun *run = bound->run;
  const View view = get_view (bound, bound->first + task);
  const DdpmRngKey key = { run->options->seed, DDPM_RNG_EVALUATE_NOISE, run->chosen[view.picture], view.t };

  ddpm_evaluate_run_show (run, view.picture, task);
  ddpm_views_add_noise (&run->views, &run->objective, task, view.t, key);
}

static void
measure_view (guint task, guint worker, gpointer data)
{
  const Bound *bound = data;
  const DdpmEvaluateRun *run = bound->run;
  const DdpmSchedulerConfig *config = &run->model->scheduler;
  const DdpmViews *views = &run->views;
  const gsize n = views->n_picture, at = task * n;
  const float *output = views->output + task * views->n_output;
  const double limit = config->clip_sample ? config->clip_sample_range : INFINITY;
  DdpmReverse reverse;
  double sum = 0;

  for (gsize i = 0; i < n; i++)
    {
      const double difference = (double) output[i] - views->target[at + i];

      sum += difference * difference;
    }
  ddpm_reverse_init (&reverse, run->schedule, config->prediction_type, config->variance_type,
                     (guint) views->timesteps[task]);
  bound->terms[task] = (Term) {
    .simple = sum,
    .nats = ddpm_likelihood_get_term (&reverse, views->x0 + at, views->x_t + at, output, n, limit),
    .error = ddpm_likelihood_get_error (&reverse, views->x0 + at, views->x_t + at, output, n, limit),
  };
}

/* The first `n` views of the batch, in their order. A picture's first one opens it: L_T and L_0. */
static void
add_terms (const Bound *bound, guint n, Sums *sums, double *picture)
{
  const DdpmEvaluateRun *run = bound->run;
  const DdpmViews *views = &run->views;
  const guint n_timesteps = run->schedule->n_timesteps;

  for (guint i = 0; i < n; i++)
    {
      const View view = get_view (bound, bound->first + i);
      const Term *term = &bound->terms[i];
      const guint part = (guint) ((guint64) view.t * DDPM_EVALUATE_N_PARTS / n_timesteps);

      if (view.weight == 0)
        ddpm_rate_curve_add_error (&sums->curve, view.point, term->error);
      else if (view.t == 0)
        {
          const double prior =
            ddpm_likelihood_get_prior (run->schedule, views->x0 + i * views->n_picture, views->n_picture);

          sums->prior += prior;
          ddpm_rate_curve_add_prior (&sums->curve, prior);
          sums->decoder += term->nats;
          *picture = prior + term->nats;
        }
      else
        {
          sums->between += view.weight * term->nats;
          *picture += view.weight * term->nats;
          ddpm_rate_curve_add_term (&sums->curve, view.t, view.weight, term->nats);
        }
      sums->simple += view.weight * term->simple;
      sums->simple_of_part[part] += view.weight * term->simple;
      sums->weight_of_part[part] += view.weight;
      if ((bound->first + i + 1) % bound->views_per_picture == 0)
        {
          sums->nats += *picture;
          sums->squares += *picture * *picture;
        }
    }
}

static void
finish (const Bound *bound, const Sums *sums)
{
  const DdpmEvaluateRun *run = bound->run;
  DdpmEvaluation *evaluation = run->evaluation;
  const double n = run->n_chosen, values = (double) run->views.n_picture;
  const double to_bits = 1 / (n * values * G_LN2);

  evaluation->n_draws = run->options->n_draws > 0 ? bound->n_parts : 0;
  evaluation->simple = sums->simple / (n * values * run->schedule->n_timesteps);
  for (guint part = 0; part < DDPM_EVALUATE_N_PARTS; part++)
    evaluation->simple_of_part[part] =
      sums->simple_of_part[part] / (values * (double) sums->weight_of_part[part]);
  evaluation->prior_bits = sums->prior * to_bits;
  evaluation->between_bits = sums->between * to_bits;
  evaluation->decoder_bits = sums->decoder * to_bits;
  evaluation->total_bits = sums->nats * to_bits;
  evaluation->standard_error_bits =
    ddpm_evaluate_get_standard_error (sums->nats, sums->squares, run->n_chosen) / (values * G_LN2);
  evaluation->n_rates = sums->curve.n_points;
  for (guint point = 0; point < sums->curve.n_points; point++)
    evaluation->rates[point] =
      (DdpmEvaluationRate) { sums->curve.t[point], ddpm_rate_curve_get_bits (&sums->curve, point, n * values),
                             ddpm_rate_curve_get_distortion (&sums->curve, point, n * values) };
}

gboolean
ddpm_evaluate_bound (DdpmEvaluateRun *run, GError **error)
{
  const guint n_draws = run->options->n_draws, last = run->schedule->n_timesteps - 1;
  g_autofree Term *terms = g_new0 (Term, run->views.size);
  Sums sums = { 0 };
  Bound bound = {
    .run = run, .n_parts = n_draws > 0 ? MIN (n_draws, last) : last, .curve = &sums.curve, .terms = terms
  };
  double picture = 0;
  guint64 total;

  ddpm_rate_curve_init (&sums.curve, run->options->n_rates, run->schedule->n_timesteps);
  bound.views_per_picture = 1 + bound.n_parts + sums.curve.n_points;
  total = (guint64) run->n_chosen * bound.views_per_picture;
  ddpm_evaluate_run_begin (run, total);
  while (bound.first < total)
    {
      const guint n = (guint) MIN (run->views.size, total - bound.first);

      ddpm_team_run (run->team, n, prepare_view, &bound);
      if (!ddpm_evaluate_network_ask (run, n, error))
        return FALSE;
      ddpm_team_run (run->team, n, measure_view, &bound);
      if (g_cancellable_set_error_if_cancelled (run->cancellable, error))
        return FALSE;
      add_terms (&bound, n, &sums, &picture);
      bound.first += n;
    }
  finish (&bound, &sums);
  return ddpm_evaluate_check_finite (run, run->evaluation->total_bits, error);
}
