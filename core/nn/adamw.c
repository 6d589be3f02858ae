/* The optimiser's three passes over a slab. Each is cut into chunks of a fixed size, so that no result
 * depends on the number of threads. */
#include "core/nn/adamw.h"

#include <math.h>

#include "core/kernels/kernels.h"

#define CHUNK 32768 /* floats of one task */

typedef struct
{
  const DdpmKernels *kernels;
  DdpmAdamwStep step;
  float gain;
  float *weights, *first, *second, *ema;
  const float *grads, *averaged;
  double *sums; /* of squares, one a chunk */
  gsize n;
} Slabs;

static guint
count_chunks (gsize n)
{
  return (guint) ((n + CHUNK - 1) / CHUNK);
}

/* Where a chunk begins, and how long it is. */
static gsize
find_chunk (const Slabs *slabs, guint task, gsize *n)
{
  const gsize begin = (gsize) task * CHUNK;

  *n = MIN (CHUNK, slabs->n - begin);
  return begin;
}

static void
update_chunk (guint task, guint worker, gpointer data)
{
  const Slabs *s = data;
  gsize n;
  const gsize begin = find_chunk (s, task, &n);

  s->kernels->adamw (&s->step, s->weights + begin, s->grads + begin, s->first + begin, s->second + begin, n);
}

void
ddpm_adamw_update (DdpmTeam *team, const DdpmAdamwOptions *options, guint64 step, double lr,
                   double grad_scale, float *weights, const float *grads, float *first, float *second,
                   gsize n)
{
  Slabs slabs = {
    .kernels = ddpm_kernels_get (),
    .step = { .grad_scale = (float) grad_scale,
              .keep1 = (float) options->beta1,
              .gain1 = (float) (1 - options->beta1),
              .keep2 = (float) options->beta2,
              .gain2 = (float) (1 - options->beta2),
              .decay = (float) (1 - lr * options->weight_decay),
              .rate = (float) (lr / (1 - pow (options->beta1, (double) step))),
              .correction = (float) (1 / sqrt (1 - pow (options->beta2, (double) step))),
              .eps = (float) options->eps },
    .weights = weights,
    .grads = grads,
    .first = first,
    .second = second,
    .n = n,
  };

  ddpm_team_run (team, count_chunks (n), update_chunk, &slabs);
}

static void
sum_chunk (guint task, guint worker, gpointer data)
{
  const Slabs *s = data;
  gsize n;
  const gsize begin = find_chunk (s, task, &n);

  s->sums[task] = s->kernels->sum_squares (s->grads + begin, n);
}

double
ddpm_gradient_norm (DdpmTeam *team, const float *grads, gsize n)
{
  const guint n_chunks = count_chunks (n);
  g_autofree double *sums = g_new0 (double, MAX (n_chunks, 1));
  Slabs slabs = { .kernels = ddpm_kernels_get (), .grads = grads, .sums = sums, .n = n };
  double sum = 0;

  ddpm_team_run (team, n_chunks, sum_chunk, &slabs);
  for (guint i = 0; i < n_chunks; i++)
    sum += sums[i];
  return sqrt (sum);
}

double
ddpm_ema_decay (double max_decay, guint64 n)
{
  return MIN (max_decay, (1.0 + (double) n) / (10.0 + (double) n));
}

static void
average_chunk (guint task, guint worker, gpointer data)
{
  const Slabs *s = data;
  gsize n;
  const gsize begin = find_chunk (s, task, &n);

  s->kernels->move_average (s->ema + begin, s->averaged + begin, n, s->gain);
}

void
ddpm_ema_update (DdpmTeam *team, double decay, float *ema, const float *weights, gsize n)
{
  Slabs slabs = {
    .kernels = ddpm_kernels_get (), .gain = (float) (1 - decay), .ema = ema, .averaged = weights, .n = n
  };

  ddpm_team_run (team, count_chunks (n), average_chunk, &slabs);
}
