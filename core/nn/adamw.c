/* The optimiser's three passes over a slab. Each is cut into chunks of a fixed size, so that no result
 * depends on the number of threads.
 *
 * The loops are written on four lanes. A plain loop with sqrtf would stay scalar, because sqrtf may set
 * errno, and a sum of doubles would stay scalar, because its order counts. */
#include "core/nn/adamw.h"

#include <math.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define CHUNK 32768 /* floats of one task */
#define LANES 4

typedef float Lanes __attribute__ ((vector_size (4 * LANES)));
typedef double WideLanes __attribute__ ((vector_size (8 * LANES)));

static inline Lanes
load (const float *values)
{
  Lanes lanes;

  memcpy (&lanes, values, sizeof lanes);
  return lanes;
}

static inline void
store (float *values, Lanes lanes)
{
  memcpy (values, &lanes, sizeof lanes);
}

static inline Lanes
all (float value)
{
  return (Lanes) { value, value, value, value };
}

static inline Lanes
sqrt_of (Lanes x)
{
#ifdef __SSE2__
  return (Lanes) _mm_sqrt_ps ((__m128) x);
#else
  return (Lanes) { sqrtf (x[0]), sqrtf (x[1]), sqrtf (x[2]), sqrtf (x[3]) };
#endif
}

static guint
count_chunks (gsize n)
{
  return (guint) ((n + CHUNK - 1) / CHUNK);
}

typedef struct
{
  Lanes grad_scale, keep1, keep2, gain1, gain2; /* keep = beta, gain = 1 - beta */
  Lanes decay;                                  /* 1 - lr * weight_decay */
  Lanes rate;                                   /* lr / (1 - beta1^step) */
  Lanes correction;                             /* 1 / sqrt (1 - beta2^step) */
  Lanes eps;
  float *weights, *first, *second;
  const float *grads;
  gsize n;
} Update;

/* weights, grads, first, second [LANES] each. */
static inline void
update_lanes (const Update *u, float *weights, const float *grads, float *first, float *second)
{
  const Lanes g = load (grads) * u->grad_scale;
  const Lanes m = u->keep1 * load (first) + u->gain1 * g;
  const Lanes v = u->keep2 * load (second) + u->gain2 * (g * g);

  store (first, m);
  store (second, v);
  store (weights, u->decay * load (weights) - u->rate * m / (sqrt_of (v) * u->correction + u->eps));
}

static void
update_chunk (guint task, guint worker, gpointer data)
{
  const Update *u = data;
  const gsize end = MIN (u->n, (task + (gsize) 1) * CHUNK);
  gsize i = (gsize) task * CHUNK;

  for (; i + LANES <= end; i += LANES)
    update_lanes (u, u->weights + i, u->grads + i, u->first + i, u->second + i);
  if (i < end)
    {
      const gsize bytes = (end - i) * sizeof (float);
      float weights[LANES] = { 0 }, grads[LANES] = { 0 }, first[LANES] = { 0 }, second[LANES] = { 0 };

      memcpy (weights, u->weights + i, bytes);
      memcpy (grads, u->grads + i, bytes);
      memcpy (first, u->first + i, bytes);
      memcpy (second, u->second + i, bytes);
      update_lanes (u, weights, grads, first, second);
      memcpy (u->weights + i, weights, bytes);
      memcpy (u->first + i, first, bytes);
      memcpy (u->second + i, second, bytes);
    }
}

void
ddpm_adamw_update (DdpmTeam *team, const DdpmAdamwOptions *options, guint64 step, double lr,
                   double grad_scale, float *weights, const float *grads, float *first, float *second,
                   gsize n)
{
  Update u = {
    .grad_scale = all ((float) grad_scale),
    .keep1 = all ((float) options->beta1),
    .keep2 = all ((float) options->beta2),
    .gain1 = all ((float) (1 - options->beta1)),
    .gain2 = all ((float) (1 - options->beta2)),
    .decay = all ((float) (1 - lr * options->weight_decay)),
    .rate = all ((float) (lr / (1 - pow (options->beta1, (double) step)))),
    .correction = all ((float) (1 / sqrt (1 - pow (options->beta2, (double) step)))),
    .eps = all ((float) options->eps),
    .weights = weights,
    .first = first,
    .second = second,
    .grads = grads,
    .n = n,
  };

  ddpm_team_run (team, count_chunks (n), update_chunk, &u);
}

typedef struct
{
  const float *grads;
  double *sums; /* of squares, one a chunk */
  gsize n;
} Norm;

static void
sum_chunk (guint task, guint worker, gpointer data)
{
  const Norm *norm = data;
  const gsize end = MIN (norm->n, (task + (gsize) 1) * CHUNK);
  gsize i = (gsize) task * CHUNK;
  WideLanes sums = { 0 };
  double rest = 0;

  for (; i + LANES <= end; i += LANES)
    {
      const WideLanes g = __builtin_convertvector (load (norm->grads + i), WideLanes);

      sums += g * g;
    }
  for (; i < end; i++)
    rest += (double) norm->grads[i] * norm->grads[i];
  norm->sums[task] = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + rest;
}

double
ddpm_gradient_norm (DdpmTeam *team, const float *grads, gsize n)
{
  const guint n_chunks = count_chunks (n);
  g_autofree double *sums = g_new0 (double, MAX (n_chunks, 1));
  Norm norm = { grads, sums, n };
  double sum = 0;

  ddpm_team_run (team, n_chunks, sum_chunk, &norm);
  for (guint i = 0; i < n_chunks; i++)
    sum += sums[i];
  return sqrt (sum);
}

double
ddpm_ema_decay (double max_decay, guint64 n)
{
  return MIN (max_decay, (1.0 + (double) n) / (10.0 + (double) n));
}

typedef struct
{
  float gain; /* 1 - decay */
  float *ema;
  const float *weights;
  gsize n;
} Average;

static void
average_chunk (guint task, guint worker, gpointer data)
{
  const Average *average = data;
  const gsize end = MIN (average->n, (task + (gsize) 1) * CHUNK);
  const Lanes gain = all (average->gain);
  gsize i = (gsize) task * CHUNK;

  for (; i + LANES <= end; i += LANES)
    {
      const Lanes ema = load (average->ema + i);

      store (average->ema + i, ema + gain * (load (average->weights + i) - ema));
    }
  for (; i < end; i++)
    average->ema[i] += average->gain * (average->weights[i] - average->ema[i]);
}

/* In the form ema += (1 - decay) (weights - ema): decay and 1 - decay rounded to float do not add up to 1,
 * and at a decay of 0.9999 the average would settle three parts in ten thousand beside the weights. */
void
ddpm_ema_update (DdpmTeam *team, double decay, float *ema, const float *weights, gsize n)
{
  Average average = { (float) (1 - decay), ema, weights, n };

  ddpm_team_run (team, count_chunks (n), average_chunk, &average);
}
