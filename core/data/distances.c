#include "core/data/distances.h"

#include <math.h>
#include <string.h>

#include "core/base/error.h"
#include "core/data/neighbours.h"
#include "core/data/pyramid.h"
#include "core/data/sliced-wasserstein.h"

#define LEAST_SIDE 12
#define PATCH_SIDE 7
#define N_DIRECTIONS 512 /* Karras et al.'s 4 repeats of 128 */

/* Places in a picture: as many as theirs, and fewer where there are so many pictures that it would only take
 * longer. */
#define MOST_PLACES 128
#define LEAST_PLACES 16
#define ENOUGH_DESCRIPTORS 32768

/* Deviations below half a step of bytes are rounding. */
#define LEAST_DEVIATION (1 / 255.0)

typedef struct
{
  guint n;
  const float *planes;  /* [n][n_channels][height][width]: the pictures at this level */
  float *coarse;        /* the same of the next level; NULL at the last */
  DdpmVectors patches;  /* of all places of all pictures: [n_channels][patch height][patch width] each */
  double *sums;         /* [n][n_channels][2]: of each picture's patches, and of their squares */
  const double *scales; /* [n_channels][2]: mean and deviation to normalise by */
} Set;

typedef struct
{
  guint n_channels, height, width; /* of the level */
  guint coarse_height, coarse_width;
  guint patch_height, patch_width;
  guint n_places;
  guint32 places[MOST_PLACES]; /* numbers of patches' first pixels, row by row, where a patch fits */
  GCancellable *cancellable;
  Set *set; /* at work */
} Level;

static void
set_clear_level (Set *set)
{
  ddpm_vectors_clear (&set->patches);
  g_clear_pointer (&set->sums, g_free);
}

static void
set_clear (Set *set)
{
  set_clear_level (set);
  g_clear_pointer (&set->coarse, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Set, set_clear)

static void
choose_places (Level *level, guint number, guint most_pictures, guint32 seed)
{
  const guint64 n_all =
    (guint64) (level->height - level->patch_height + 1) * (level->width - level->patch_width + 1);
  const DdpmRngKey key = { seed, DDPM_RNG_DISTANCE_PLACE, number, 0 };

  level->n_places =
    (guint) MIN (n_all, CLAMP (ENOUGH_DESCRIPTORS / most_pictures, LEAST_PLACES, MOST_PLACES));
  /* one from each of as many parts */
  for (guint i = 0; i < level->n_places; i++)
    {
      const guint64 begin = n_all * i / level->n_places, end = n_all * (i + 1) / level->n_places;

      level->places[i] = (guint32) (begin + ddpm_rng_below (key, i, (guint32) (end - begin)));
    }
}

/* One channel's part of the picture's patches, from its plane of this level. */
static void
take_patches (const Level *level, guint picture, guint channel, const float *plane)
{
  const Set *set = level->set;
  const guint n_columns = level->width - level->patch_width + 1;
  const gsize n_patch = (gsize) level->patch_height * level->patch_width;
  double *sums = set->sums + 2 * ((gsize) picture * level->n_channels + channel);

  for (guint i = 0; i < level->n_places; i++)
    {
      const gsize first =
        (gsize) (level->places[i] / n_columns) * level->width + level->places[i] % n_columns;
      float *to = ddpm_vectors_get (&set->patches, (gsize) picture * level->n_places + i)
                  + channel * n_patch * DDPM_VECTORS_CHUNK;

      for (guint y = 0; y < level->patch_height; y++)
        for (guint x = 0; x < level->patch_width; x++, to += DDPM_VECTORS_CHUNK)
          {
            const double value = *to = plane[first + (gsize) y * level->width + x];

            sums[0] += value;
            sums[1] += value * value;
          }
    }
}

static void
describe_picture (guint task, guint worker, gpointer data)
{
  const Level *level = data;
  const Set *set = level->set;
  const gsize n_plane = (gsize) level->height * level->width;
  const gsize n_coarse = (gsize) level->coarse_height * level->coarse_width;
  g_autofree float *detail = NULL, *scratch = NULL;

  if (g_cancellable_is_cancelled (level->cancellable))
    return;
  if (set->coarse != NULL)
    {
      detail = g_new (float, n_plane);
      scratch = g_new (float, ddpm_pyramid_get_n_scratch (level->height, level->width));
    }
  for (guint c = 0; c < level->n_channels; c++)
    {
      const float *plane = set->planes + ((gsize) task * level->n_channels + c) * n_plane;

      if (set->coarse != NULL)
        {
          float *coarse = set->coarse + ((gsize) task * level->n_channels + c) * n_coarse;

          ddpm_pyramid_reduce (plane, level->height, level->width, coarse, scratch);
          ddpm_pyramid_subtract (plane, level->height, level->width, coarse, detail, scratch);
          plane = detail;
        }
      take_patches (level, task, c, plane);
    }
}

static gboolean
describe_set (Level *level, Set *set, gboolean is_last, DdpmTeam *team)
{
  const gsize n_values = (gsize) level->n_channels * level->patch_height * level->patch_width;

  set->sums = g_new0 (double, 2 * (gsize) set->n * level->n_channels);
  if (!ddpm_vectors_init (&set->patches, (gsize) set->n * level->n_places, n_values))
    return FALSE;
  if (!is_last)
    {
      set->coarse =
        g_try_new (float, (gsize) set->n * level->n_channels * level->coarse_height * level->coarse_width);
      if (set->coarse == NULL)
        return FALSE;
    }
  level->set = set;
  ddpm_team_run (team, set->n, describe_picture, level);
  return TRUE;
}

/* scales[n_channels][2] of all the set's patches. */
static void
get_scales (const Level *level, const Set *set, double *scales)
{
  const double n = (double) set->patches.n * level->patch_height * level->patch_width;

  for (guint c = 0; c < level->n_channels; c++)
    {
      double sum = 0, squares = 0;

      for (guint i = 0; i < set->n; i++)
        {
          sum += set->sums[2 * ((gsize) i * level->n_channels + c)];
          squares += set->sums[2 * ((gsize) i * level->n_channels + c) + 1];
        }
      scales[2 * c] = sum / n;
      scales[2 * c + 1] = MAX (sqrt (MAX (squares / n - sum / n * (sum / n), 0)), LEAST_DEVIATION);
    }
}

static void
normalise_patch (guint task, guint worker, gpointer data)
{
  const Level *level = data;
  const Set *set = level->set;
  const gsize n_patch = (gsize) level->patch_height * level->patch_width;

  for (guint i = 0; i < level->n_places; i++)
    {
      float *patch = ddpm_vectors_get (&set->patches, (gsize) task * level->n_places + i);

      for (gsize k = 0; k < set->patches.n_values; k++, patch += DDPM_VECTORS_CHUNK)
        {
          const double *scale = set->scales + 2 * (k / n_patch);

          *patch = (float) ((*patch - scale[0]) / scale[1]);
        }
    }
}

static void
normalise (Level *level, Set *set, const double *scales, DdpmTeam *team)
{
  set->scales = scales;
  level->set = set;
  ddpm_team_run (team, set->n, normalise_patch, level);
}

/* FALSE: there is not enough memory, or it was cancelled. */
static gboolean
measure_level (Level *level, guint number, Set *a, Set *b, gboolean is_last, guint32 seed, DdpmTeam *team,
               double *distance)
{
  const DdpmRngKey key = { seed, DDPM_RNG_DISTANCE_DIRECTION, 0, number };
  g_autofree double *scales = g_new (double, 2 * level->n_channels);

  if (!describe_set (level, a, is_last, team) || !describe_set (level, b, is_last, team))
    return FALSE;
  get_scales (level, b, scales);
  normalise (level, a, scales, team);
  normalise (level, b, scales, team);
  return ddpm_sliced_wasserstein_get (team, &a->patches, &b->patches, N_DIRECTIONS, key, level->cancellable,
                                      distance);
}

/* The next level's pictures are this one's coarse ones; `held` keeps them. */
static void
go_on (Set *set, float **held)
{
  set_clear_level (set);
  g_free (*held);
  *held = g_steal_pointer (&set->coarse);
  set->planes = *held;
}

static gboolean
measure_levels (Level *level, Set *a, Set *b, float **held_a, float **held_b, guint32 seed, DdpmTeam *team,
                DdpmDistances *distances)
{
  for (guint l = 0;; l++)
    {
      gboolean is_last;

      level->coarse_height = ddpm_pyramid_get_coarser (level->height);
      level->coarse_width = ddpm_pyramid_get_coarser (level->width);
      is_last =
        MIN (level->coarse_height, level->coarse_width) < LEAST_SIDE || l + 1 == DDPM_DISTANCES_MAX_LEVELS;
      level->patch_height = MIN (level->height, PATCH_SIDE);
      level->patch_width = MIN (level->width, PATCH_SIDE);
      distances->heights[l] = level->height;
      distances->widths[l] = level->width;
      distances->n_levels = l + 1;
      choose_places (level, l, MAX (a->n, b->n), seed);
      if (!measure_level (level, l, a, b, is_last, seed, team, &distances->sliced_wasserstein[l]))
        return FALSE;
      distances->sliced_wasserstein_mean += distances->sliced_wasserstein[l];
      if (is_last)
        break;
      go_on (a, held_a);
      go_on (b, held_b);
      level->height = level->coarse_height;
      level->width = level->coarse_width;
    }
  distances->sliced_wasserstein_mean /= distances->n_levels;
  return TRUE;
}

gboolean
ddpm_distances_measure (DdpmTeam *team, const float *a, guint n_a, const float *b, guint n_b,
                        guint n_channels, guint height, guint width, guint32 seed, GCancellable *cancellable,
                        DdpmDistances *distances, GError **error)
{
  g_auto (Set) set_a = { .n = n_a, .planes = a }, set_b = { .n = n_b, .planes = b };
  Level level = { .n_channels = n_channels, .height = height, .width = width, .cancellable = cancellable };
  g_autofree float *held_a = NULL, *held_b = NULL;
  DdpmNeighbourSet small_a = { .n = n_a }, small_b = { .n = n_b };
  DdpmNeighbours neighbours;
  gboolean done;

  g_return_val_if_fail (n_a > 0 && n_b > 0, FALSE);

  *distances = (DdpmDistances) { 0 };
  done = measure_levels (&level, &set_a, &set_b, &held_a, &held_b, seed, team, distances);
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  if (!done)
    return ddpm_refuse (error, DDPM_ERROR_MEMORY,
                        "There is not enough memory to compare %u pictures with %u; take fewer", n_a, n_b);
  small_a.values = set_a.planes;
  small_b.values = set_b.planes;
  small_a.n_values = small_b.n_values = (gsize) n_channels * level.height * level.width;
  ddpm_neighbours_measure (team, &small_a, &small_b, cancellable, &neighbours);
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  distances->precision = neighbours.precision;
  distances->recall = neighbours.recall;
  distances->nearest = 127.5 * neighbours.nearest;
  distances->nearest_within = 127.5 * neighbours.nearest_within;
  return (isfinite (distances->sliced_wasserstein_mean) && isfinite (distances->nearest))
         || ddpm_refuse (error, DDPM_ERROR_NUMERIC,
                         "Pictures hold values that are not finite and cannot be compared");
}
