#include "core/data/sliced-wasserstein.h"

#include <math.h>
#include <string.h>

#include "core/kernels/kernels.h"

#define AT_ONCE 16 /* directions that a task projects on; what it takes from memory serves all of them */

static gsize
count_chunks (gsize n)
{
  return (n + DDPM_VECTORS_CHUNK - 1) / DDPM_VECTORS_CHUNK;
}

gboolean
ddpm_vectors_init (DdpmVectors *vectors, gsize n, gsize n_values)
{
  gsize size;

  vectors->n = n;
  vectors->n_values = n_values;
  vectors->values = NULL;
  if (g_size_checked_mul (&size, count_chunks (n) * DDPM_VECTORS_CHUNK, n_values))
    vectors->values = g_try_new0 (float, size);
  return vectors->values != NULL;
}

void
ddpm_vectors_clear (DdpmVectors *vectors)
{
  g_clear_pointer (&vectors->values, g_free);
}

float *
ddpm_vectors_get (const DdpmVectors *vectors, gsize i)
{
  return vectors->values + i / DDPM_VECTORS_CHUNK * DDPM_VECTORS_CHUNK * vectors->n_values
         + i % DDPM_VECTORS_CHUNK;
}

double
ddpm_wasserstein_get (const float *a, gsize n_a, const float *b, gsize n_b)
{
  /* in units of which a value of a has n_b, and one of b n_a */
  guint64 left_a = n_b, left_b = n_a;
  double sum = 0;

  for (gsize i = 0, j = 0; i < n_a;)
    {
      const guint64 both = MIN (left_a, left_b);

      sum += (double) both * fabs ((double) a[i] - b[j]);
      left_a -= both;
      left_b -= both;
      if (left_a == 0)
        {
          i++;
          left_a = n_b;
        }
      if (left_b == 0)
        {
          j++;
          left_b = n_a;
        }
    }
  return sum / ((double) n_a * (double) n_b);
}

/* Floats' bits in the order of unsigned integers, and back. */
static guint32
to_key (guint32 bits)
{
  return bits >> 31 != 0 ? ~bits : bits | 1u << 31;
}

static guint32
from_key (guint32 key)
{
  return key >> 31 != 0 ? key & ~(1u << 31) : ~key;
}

/* By digits of 8 bits, the least first. spare[n]. */
static void
sort_floats (float *values, gsize n, guint32 *keys, guint32 *spare)
{
  memcpy (keys, values, n * sizeof (float));
  for (gsize i = 0; i < n; i++)
    keys[i] = to_key (keys[i]);
  for (guint shift = 0; shift < 32; shift += 8)
    {
      gsize places[256] = { 0 }, place = 0;
      guint32 *swapped = keys;

      for (gsize i = 0; i < n; i++)
        places[keys[i] >> shift & 255]++;
      for (guint digit = 0; digit < 256; digit++)
        {
          const gsize count = places[digit];

          places[digit] = place;
          place += count;
        }
      for (gsize i = 0; i < n; i++)
        spare[places[keys[i] >> shift & 255]++] = keys[i];
      keys = spare;
      spare = swapped;
    }
  for (gsize i = 0; i < n; i++)
    spare[i] = from_key (keys[i]);
  memcpy (values, spare, n * sizeof (float));
}

typedef struct
{
  const DdpmVectors *sets[2];
  guint n_directions;
  DdpmRngKey key;
  GCancellable *cancellable;
  const DdpmKernels *kernels;
  float *directions; /* [n_directions][n_values], of length 1 */
  float *scratch;    /* [worker][n_scratch] */
  gsize n_scratch;
  double *distances; /* [n_directions] */
} Slices;

static void
choose_direction (const Slices *slices, guint number, float *direction)
{
  const gsize n = slices->sets[0]->n_values;
  DdpmRngKey key = slices->key;
  double square = 0;

  key.index = number;
  ddpm_rng_normal (key, direction, n);
  for (gsize i = 0; i < n; i++)
    square += (double) direction[i] * direction[i];
  for (gsize i = 0; i < n; i++)
    direction[i] = (float) (direction[i] / sqrt (square));
}

/* to[n_directions][ld]: the set's vectors on some directions, in order of size. */
static void
project (const Slices *slices, const DdpmVectors *set, guint first, guint n_directions, gsize ld, float *to,
         guint32 *keys, guint32 *spare)
{
  const gsize n_values = set->n_values;
  DdpmMatrixProduct product = { .a = slices->directions + first * n_values,
                                .a_row = n_values,
                                .a_col = 1,
                                .ldb = DDPM_VECTORS_CHUNK,
                                .ldc = ld,
                                .n_rows = n_directions,
                                .n_cols = DDPM_VECTORS_CHUNK,
                                .n_sum = n_values };

  for (gsize i = 0; i < set->n; i += DDPM_VECTORS_CHUNK)
    {
      product.b = ddpm_vectors_get (set, i);
      product.c = to + i;
      slices->kernels->matrix_multiply (&product);
    }
  for (guint i = 0; i < n_directions; i++)
    sort_floats (to + i * ld, set->n, keys, spare);
}

static void
measure_slices (guint task, guint worker, gpointer data)
{
  const Slices *slices = data;
  const DdpmVectors *a = slices->sets[0], *b = slices->sets[1];
  const guint first = task * AT_ONCE, n = MIN (AT_ONCE, slices->n_directions - first);
  const gsize ld_a = count_chunks (a->n) * DDPM_VECTORS_CHUNK,
              ld_b = count_chunks (b->n) * DDPM_VECTORS_CHUNK, most = MAX (ld_a, ld_b);
  float *of_a = slices->scratch + worker * slices->n_scratch, *of_b = of_a + AT_ONCE * ld_a;
  guint32 *keys = (guint32 *) (of_b + AT_ONCE * ld_b), *spare = keys + most;

  if (g_cancellable_is_cancelled (slices->cancellable))
    return;
  for (guint i = 0; i < n; i++)
    choose_direction (slices, first + i, slices->directions + (first + i) * a->n_values);
  project (slices, a, first, n, ld_a, of_a, keys, spare);
  project (slices, b, first, n, ld_b, of_b, keys, spare);
  for (guint i = 0; i < n; i++)
    slices->distances[first + i] = ddpm_wasserstein_get (of_a + i * ld_a, a->n, of_b + i * ld_b, b->n);
}

gboolean
ddpm_sliced_wasserstein_get (DdpmTeam *team, const DdpmVectors *a, const DdpmVectors *b, guint n_directions,
                             DdpmRngKey key, GCancellable *cancellable, double *distance)
{
  const gsize n_a = count_chunks (a->n) * DDPM_VECTORS_CHUNK, n_b = count_chunks (b->n) * DDPM_VECTORS_CHUNK;
  const gsize n_scratch = AT_ONCE * (n_a + n_b) + 2 * MAX (n_a, n_b);
  g_autofree float *scratch = g_try_new (float, n_scratch *ddpm_team_get_n_threads (team));
  g_autofree float *directions = g_try_new (float, n_directions * a->n_values);
  g_autofree double *distances = g_new0 (double, n_directions);
  Slices slices = { { a, b },   n_directions, key,       cancellable, ddpm_kernels_get (),
                    directions, scratch,      n_scratch, distances };
  double sum = 0;

  if (scratch == NULL || directions == NULL)
    return FALSE;
  ddpm_team_run (team, (n_directions + AT_ONCE - 1) / AT_ONCE, measure_slices, &slices);
  for (guint i = 0; i < n_directions; i++)
    sum += distances[i];
  *distance = sum / n_directions;
  return !g_cancellable_is_cancelled (cancellable);
}
