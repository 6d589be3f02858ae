#include "core/data/neighbours.h"

#include <math.h>

double
ddpm_rms_distance (const float *a, const float *b, gsize n)
{
  float sums[8] = { 0 };
  double sum = 0;
  gsize i = 0;

  for (; i + 8 <= n; i += 8)
    for (guint lane = 0; lane < 8; lane++)
      sums[lane] += (a[i + lane] - b[i + lane]) * (a[i + lane] - b[i + lane]);
  for (; i < n; i++)
    sum += (double) (a[i] - b[i]) * (a[i] - b[i]);
  for (guint lane = 0; lane < 8; lane++)
    sum += sums[lane];
  return sqrt (sum / (double) n);
}

/* Each picture of `from` against all of `to`. */
typedef struct
{
  const DdpmNeighbourSet *from, *to;
  GCancellable *cancellable;
  const double *radii; /* [to->n], of the balls; NULL: `to` is `from`, and a picture itself does not count */
  double *nearest;     /* [from->n]: the distance to the nearest one */
  double *kth;         /* [from->n]: and to that of number DDPM_NEIGHBOURS_K; or NULL */
  gboolean *is_within; /* [from->n]: whether it lies in any ball; or NULL */
} Look;

static void
look_around (guint task, guint worker, gpointer data)
{
  const Look *look = data;
  const gsize n = look->from->n_values;
  const float *picture = look->from->values + task * n;
  double closest[DDPM_NEIGHBOURS_K]; /* ascending */
  guint n_closest = 0;

  if (g_cancellable_is_cancelled (look->cancellable))
    return;
  for (guint i = 0; i < look->to->n; i++)
    {
      double distance;
      guint place;

      if (look->radii == NULL && i == task)
        continue;
      distance = ddpm_rms_distance (picture, look->to->values + i * n, n);
      if (look->is_within != NULL && distance <= look->radii[i])
        look->is_within[task] = TRUE;
      if (n_closest < DDPM_NEIGHBOURS_K)
        n_closest++;
      else if (distance >= closest[n_closest - 1])
        continue;
      for (place = n_closest - 1; place > 0 && closest[place - 1] > distance; place--)
        closest[place] = closest[place - 1];
      closest[place] = distance;
    }
  look->nearest[task] = n_closest > 0 ? closest[0] : NAN;
  if (look->kth != NULL)
    look->kth[task] = n_closest > 0 ? closest[n_closest - 1] : 0;
}

static double
get_mean (const double *values, guint n)
{
  double sum = 0;

  for (guint i = 0; i < n; i++)
    sum += values[i];
  return sum / n;
}

static double
get_share (const gboolean *is_within, guint n)
{
  guint count = 0;

  for (guint i = 0; i < n; i++)
    count += is_within[i];
  return (double) count / n;
}

void
ddpm_neighbours_measure (DdpmTeam *team, const DdpmNeighbourSet *a, const DdpmNeighbourSet *b,
                         GCancellable *cancellable, DdpmNeighbours *neighbours)
{
  g_autofree double *radii_a = g_new0 (double, a->n), *radii_b = g_new0 (double, b->n);
  g_autofree double *nearest_a = g_new0 (double, a->n), *nearest_b = g_new0 (double, b->n);
  g_autofree gboolean *within_a = g_new0 (gboolean, a->n), *within_b = g_new0 (gboolean, b->n);
  Look inside_a = { a, a, cancellable, .nearest = nearest_a, .kth = radii_a };
  Look inside_b = { b, b, cancellable, .nearest = nearest_b, .kth = radii_b };
  Look a_to_b = { a, b, cancellable, radii_b, nearest_a, NULL, within_a };
  Look b_to_a = { b, a, cancellable, radii_a, nearest_b, NULL, within_b };

  ddpm_team_run (team, a->n, look_around, &inside_a);
  ddpm_team_run (team, b->n, look_around, &inside_b);
  neighbours->nearest_within = get_mean (nearest_b, b->n);
  ddpm_team_run (team, a->n, look_around, &a_to_b);
  neighbours->nearest = get_mean (nearest_a, a->n);
  ddpm_team_run (team, b->n, look_around, &b_to_a);
  neighbours->precision = get_share (within_a, a->n);
  neighbours->recall = get_share (within_b, b->n);
}
