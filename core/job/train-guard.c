#include "core/job/train-guard.h"

#include <math.h>

#define WINDOW 100       /* steps */
#define LEAST_LOSS 1e-12 /* has a logarithm */
#define TOO_HIGH 4.0     /* times the lowest */
#define WELL 1.5
#define FIRST_SPREAD 4.0 /* variance of the logarithm in batches of one picture: until more is known */
#define CHANCE 3.0       /* deviations */

void
ddpm_train_guard_init (DdpmTrainGuard *guard)
{
  *guard = (DdpmTrainGuard) { .level = 0, .spread = FIRST_SPREAD, .start = NAN, .lowest = INFINITY };
}

static gboolean
is_high (const DdpmTrainGuard *guard)
{
  if (guard->level > guard->lowest + log (TOO_HIGH))
    return TRUE;
  return guard->lowest < guard->start - log (2) && guard->level > guard->start; /* neither while it is NaN */
}

gboolean
ddpm_train_guard_add (DdpmTrainGuard *guard, double loss)
{
  double distance, share;

  guard->n++;
  share = 1.0 / (double) MIN (guard->n, WINDOW);
  distance = log (MAX (loss, LEAST_LOSS)) - guard->level;
  guard->level += share * distance;
  if (guard->n > 1)
    guard->spread += (distance * distance - guard->spread) / WINDOW;
  if (guard->n == WINDOW)
    guard->start = guard->level;
  guard->lowest = MIN (guard->lowest, guard->level + CHANCE * sqrt (guard->spread * share));
  guard->n_bad = is_high (guard) ? guard->n_bad + 1 : 0;
  return guard->n_bad < DDPM_TRAIN_GUARD_PATIENCE;
}

gboolean
ddpm_train_guard_is_calm (const DdpmTrainGuard *guard)
{
  return guard->n_bad == 0;
}

gboolean
ddpm_train_guard_is_well (const DdpmTrainGuard *guard)
{
  return guard->level <= guard->lowest + log (WELL);
}
