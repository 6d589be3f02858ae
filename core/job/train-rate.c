#include "core/job/train-rate.h"

#include <stdlib.h>
#include <string.h>

void
ddpm_train_rate_init (DdpmTrainRate *rate)
{
  memset (rate, 0, sizeof *rate);
}

void
ddpm_train_rate_begin_step (DdpmTrainRate *rate)
{
  rate->began_us = g_get_monotonic_time ();
}

void
ddpm_train_rate_end_step (DdpmTrainRate *rate)
{
  const gint64 duration_us = MAX (g_get_monotonic_time () - rate->began_us, 1);

  rate->durations_us[rate->n % DDPM_TRAIN_RATE_STEPS] = duration_us;
  rate->n++;
  rate->total_s += (double) duration_us / G_USEC_PER_SEC;
}

static int
compare (gconstpointer a, gconstpointer b)
{
  const gint64 x = *(const gint64 *) a, y = *(const gint64 *) b;

  return x < y ? -1 : x > y;
}

double
ddpm_train_rate_get (const DdpmTrainRate *rate)
{
  gint64 sorted[DDPM_TRAIN_RATE_STEPS];
  const guint n = MIN (rate->n, DDPM_TRAIN_RATE_STEPS);

  if (n == 0)
    return 0;
  memcpy (sorted, rate->durations_us, n * sizeof *sorted);
  qsort (sorted, n, sizeof *sorted, compare);
  return (double) G_USEC_PER_SEC / (double) sorted[n / 2];
}

double
ddpm_train_rate_get_total (const DdpmTrainRate *rate)
{
  return rate->total_s;
}
