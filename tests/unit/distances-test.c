/* Distances between sets of pictures, against what formulas say of sets that are made for it. */
#include "core/data/distances.h"

#include <math.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/rng.h"
#include "core/data/neighbours.h"
#include "core/data/pyramid.h"
#include "core/data/sliced-wasserstein.h"

/* Of a random direction u among n: the mean of |u v| is |v| times this. */
static double
get_mean_cosine (double n)
{
  return exp (lgamma (n / 2) - lgamma ((n + 1) / 2)) / sqrt (G_PI);
}

static void
test_wasserstein (void)
{
  const float zero[] = { 0 }, far[] = { 1, 3 }, two[] = { 0, 3 }, three[] = { 1, 2, 6 },
              six[] = { 1, 1, 2, 2, 6, 6 };

  g_assert_cmpfloat (ddpm_wasserstein_get (zero, 1, far, 2), ==, 2);
  g_assert_cmpfloat (ddpm_wasserstein_get (two, 2, far, 2), ==, 0.5);
  /* 0 to 1 for a third, 0 to 2 and 3 to 2 for a sixth each, 3 to 6 for a third */
  g_assert_cmpfloat_with_epsilon (ddpm_wasserstein_get (two, 2, three, 3), 11 / 6.0, 1e-15);
  g_assert_cmpfloat_with_epsilon (ddpm_wasserstein_get (three, 3, two, 2), 11 / 6.0, 1e-15);
  g_assert_cmpfloat (ddpm_wasserstein_get (three, 3, six, 6), ==, 0);
}

/* n vectors of independent normal values. */
static void
make_vectors (DdpmVectors *vectors, gsize n, gsize n_values, guint number, float mean, float deviation)
{
  g_autofree float *values = g_new (float, n_values);

  g_assert_true (ddpm_vectors_init (vectors, n, n_values));
  for (gsize i = 0; i < n; i++)
    {
      float *to = ddpm_vectors_get (vectors, i);

      ddpm_rng_normal ((DdpmRngKey) { 1, DDPM_RNG_LATENT, i, number }, values, n_values);
      for (gsize k = 0; k < n_values; k++)
        to[k * DDPM_VECTORS_CHUNK] = mean + deviation * values[k];
    }
}

static double
slice (const DdpmVectors *a, const DdpmVectors *b)
{
  g_autoptr (DdpmTeam) team = ddpm_team_new (2);
  double distance;

  g_assert_true (ddpm_sliced_wasserstein_get (
    team, a, b, 500, (DdpmRngKey) { .purpose = DDPM_RNG_DISTANCE_DIRECTION }, NULL, &distance));
  return distance;
}

/* Normal distributions on a line: moved by m, they are m apart; widened from 1 to s, (s - 1) sqrt (2 / pi).
 */
static void
test_normal (void)
{
  enum
  {
    N = 5000
  };
  g_auto (DdpmVectors) b = { 0 }, same = { 0 }, moved = { 0 }, wide = { 0 }, few = { 0 };

  make_vectors (&b, N, 1, 0, 0, 1);
  make_vectors (&same, N, 1, 1, 0, 1);
  make_vectors (&moved, N, 1, 2, -0.7f, 1);
  make_vectors (&wide, N, 1, 3, 0, 2.5f);
  make_vectors (&few, 1777, 1, 4, 0.7f, 1);
  g_assert_cmpfloat (slice (&b, &b), ==, 0);
  g_assert_cmpfloat (slice (&same, &b), <, 0.03);
  g_assert_cmpfloat_with_epsilon (slice (&moved, &b), 0.7, 0.03);
  g_assert_cmpfloat_with_epsilon (slice (&few, &b), 0.7, 0.07);
  g_assert_cmpfloat_with_epsilon (slice (&wide, &b), 1.5 * sqrt (2 / G_PI), 0.04);
}

/* Of a move, a direction sees the cosine. */
static void
test_directions (void)
{
  static const gsize n_values[] = { 2, 3, 49 };

  for (guint i = 0; i < G_N_ELEMENTS (n_values); i++)
    {
      const double n = (double) n_values[i];
      g_auto (DdpmVectors) a = { 0 }, b = { 0 };

      make_vectors (&a, 300, n_values[i], 0, 0.4f, 1);
      make_vectors (&b, 300, n_values[i], 0, 0, 1);
      g_assert_cmpfloat_with_epsilon (slice (&a, &b) / (0.4 * sqrt (n) * get_mean_cosine (n)), 1, 0.07);
    }
}

static int
mirror (int i, int n)
{
  return i < 0 ? -i : i >= n ? 2 * n - 2 - i : i;
}

static void
test_pyramid (void)
{
  static const double filter[] = { 1, 4, 6, 4, 1 };
  static const int sizes[][2] = { { 3, 3 }, { 8, 5 }, { 7, 12 } };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      const int height = sizes[i][0], width = sizes[i][1], rows = (height + 1) / 2, columns = (width + 1) / 2;
      float plane[96], coarse[96], detail[96], scratch[96];

      g_assert_cmpuint (ddpm_pyramid_get_n_scratch (height, width), <=, 96);
      g_assert_cmpuint (ddpm_pyramid_get_coarser (height), ==, rows);
      ddpm_rng_uniform ((DdpmRngKey) { .purpose = DDPM_RNG_LATENT }, plane, 96);
      ddpm_pyramid_reduce (plane, height, width, coarse, scratch);
      ddpm_pyramid_subtract (plane, height, width, coarse, detail, scratch);
      for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
          {
            double blurred = 0, enlarged = 0;

            for (int k = 0; k < 25; k++)
              {
                const int row = mirror (y + k / 5 - 2, height), column = mirror (x + k % 5 - 2, width);
                const double weight = filter[k / 5] * filter[k % 5] / 256;

                blurred += weight * plane[row * width + column];
                if (row % 2 == 0 && column % 2 == 0)
                  enlarged += 4 * weight * coarse[row / 2 * columns + column / 2];
              }
            if (y % 2 == 0 && x % 2 == 0)
              g_assert_cmpfloat_with_epsilon (coarse[y / 2 * columns + x / 2], blurred, 1e-6);
            g_assert_cmpfloat_with_epsilon (detail[y * width + x], plane[y * width + x] - enlarged, 1e-6);
          }
    }
}

/* Counted by hand: of 0, 1 … 9 the third nearest other one is 3 away from the ends, and 2 from the rest. */
static void
test_neighbours (void)
{
  static const float b[] = { 5, 0, 1, 2, 3, 4, 6, 7, 8, 9 };
  static const float a[] = { 11.9f, 12.1f, -2.5f, -50, 4.25f };
  static const float same[] = { 7, 7, 7, 7 }, ends[] = { 0, 1 };
  const DdpmNeighbourSet set_b = { b, 10, 1 }, set_a = { a, 5, 1 }, collapsed = { same, 4, 1 },
                         pair = { ends, 2, 1 }, one = { b, 1, 1 };
  g_autoptr (DdpmTeam) team = ddpm_team_new (2);
  DdpmNeighbours n;

  ddpm_neighbours_measure (team, &set_a, &set_b, NULL, &n);
  g_assert_cmpfloat (n.precision, ==, 3 / 5.0); /* not 12.1, not -50 */
  /* a's balls reach 54.25, 16.25 and more far: b lies within all of them */
  g_assert_cmpfloat (n.recall, ==, 1);
  g_assert_cmpfloat_with_epsilon (n.nearest, (2.9 + 3.1 + 2.5 + 50 + 0.25) / 5, 1e-6);
  g_assert_cmpfloat (n.nearest_within, ==, 1);
  ddpm_neighbours_measure (team, &collapsed, &set_b, NULL, &n);
  g_assert_cmpfloat (n.precision, ==, 1);
  g_assert_cmpfloat (n.recall, ==, 0.1); /* only the 7 itself */
  g_assert_cmpfloat (n.nearest, ==, 0);
  ddpm_neighbours_measure (team, &pair, &set_b, NULL, &n);
  g_assert_cmpfloat (n.recall, ==, 0.3); /* balls of 1 around 0 and 1 */
  ddpm_neighbours_measure (team, &set_b, &one, NULL, &n);
  g_assert_cmpfloat (n.precision, ==, 0.1);
  g_assert_true (isnan (n.nearest_within));
}

static DdpmDistances
measure (const float *a, guint n_a, const float *b, guint n_b, guint n_channels, guint side, guint32 seed,
         guint n_threads)
{
  g_autoptr (DdpmTeam) team = ddpm_team_new (n_threads);
  g_autoptr (GError) error = NULL;
  DdpmDistances distances;

  g_assert_true (
    ddpm_distances_measure (team, a, n_a, b, n_b, n_channels, side, side, seed, NULL, &distances, &error));
  g_assert_no_error (error);
  return distances;
}

static float *
make_noise (guint n, gsize n_values, guint number)
{
  float *values = g_new (float, n *n_values);

  for (guint i = 0; i < n; i++)
    ddpm_rng_uniform ((DdpmRngKey) { 1, DDPM_RNG_LATENT, i, number }, values + i * n_values, n_values);
  return values;
}

/* A set is no way from itself, in any order. */
static void
test_same (void)
{
  enum
  {
    N = 20,
    SIDE = 48,
    N_VALUES = 3 * SIDE * SIDE
  };
  g_autofree float *a = make_noise (N, N_VALUES, 0), *turned = g_new (float, N *N_VALUES);
  DdpmDistances distances = measure (a, N, a, N, 3, SIDE, 0, 1);

  g_assert_cmpuint (distances.n_levels, ==, 3);
  g_assert_cmpuint (distances.heights[2], ==, 12);
  g_assert_cmpfloat (distances.sliced_wasserstein_mean, ==, 0);
  g_assert_cmpfloat (distances.precision, ==, 1);
  g_assert_cmpfloat (distances.recall, ==, 1);
  g_assert_cmpfloat (distances.nearest, ==, 0);
  g_assert_cmpfloat (distances.nearest_within, >, 1);
  for (guint i = 0; i < N; i++)
    memcpy (turned + i * N_VALUES, a + (N - 1 - i) * N_VALUES, N_VALUES * sizeof (float));
  distances = measure (turned, N, a, N, 3, SIDE, 0, 1);
  g_assert_cmpfloat (distances.sliced_wasserstein_mean, ==, 0);
  distances = measure (a, N / 2, turned, N / 2, 3, SIDE, 0, 1);
  g_assert_cmpfloat (distances.sliced_wasserstein[0], >, 0.001);
}

/* A step up by 0.4 deviations, which are not the same in all channels, is seen at the coarsest level and at
 * no other; and neighbours are that much farther. */
static void
test_moved (void)
{
  enum
  {
    N = 40,
    N_CHANNELS = 4,
    MOST = N_CHANNELS * 24 * 24
  };
  static const guint sides[] = { 8, 24 };
  const double exact = 0.4 * sqrt (N_CHANNELS * 49) * get_mean_cosine (N_CHANNELS * 49);

  for (guint s = 0; s < G_N_ELEMENTS (sides); s++)
    {
      const guint side = sides[s], n_values = N_CHANNELS * side * side;
      g_autofree float *a = g_new (float, N *MOST), *b = make_noise (N, n_values, 0);
      DdpmDistances distances;
      double sum = 0;
      guint last;

      for (guint i = 0; i < N * n_values; i++)
        {
          const float deviation = 0.08f * (float) (1 + i / (side * side) % N_CHANNELS), mean = 0.3f;

          /* every other picture is the negative of the one before it, but for the mean */
          b[i] = i / n_values % 2 == 1 ? 2 * mean - b[i - n_values]
                                       : mean + (b[i] < 0.5f ? -deviation : deviation);
          a[i] = b[i] + 0.4f * deviation;
        }
      distances = measure (a, N, b, N, N_CHANNELS, side, 5, 2);
      last = distances.n_levels - 1;
      g_assert_cmpuint (distances.n_levels, ==, 1 + s);
      for (guint l = 0; l < last; l++)
        g_assert_cmpfloat (distances.sliced_wasserstein[l], <, 1e-5);
      g_assert_cmpfloat (distances.sliced_wasserstein[last], >, 0.3);
      g_assert_cmpfloat_with_epsilon (distances.nearest, 127.5 * 0.4 * 0.08 * sqrt ((1 + 4 + 9 + 16) / 4.0),
                                      0.01);
      if (last > 0)
        continue;
      for (guint32 seed = 0; seed < 8; seed++)
        sum += measure (a, N, b, N, N_CHANNELS, side, seed, 2).sliced_wasserstein[0];
      g_test_message ("%g of %g", sum / 8, exact);
      g_assert_cmpfloat_with_epsilon (sum / 8 / exact, 1, 0.03);
    }
}

/* Places lie all over the pictures: a change at any edge is seen. */
static void
test_places (void)
{
  enum
  {
    N = 12,
    SIDE = 40,
    N_VALUES = SIDE * SIDE
  };
  for (guint edge = 0; edge < 4; edge++)
    {
      g_autofree float *a = make_noise (N, N_VALUES, 0), *b = make_noise (N, N_VALUES, 0);

      for (guint i = 0; i < N * N_VALUES; i++)
        {
          const guint across = edge < 2 ? i % SIDE : i / SIDE % SIDE;

          if (edge % 2 == 0 ? across < 4 : across >= SIDE - 4)
            a[i] = -a[i];
        }
      g_assert_cmpfloat (measure (a, N, b, N, 1, SIDE, edge, 1).sliced_wasserstein[0], >, 1e-4);
    }
}

/* Noise of single pixels is seen where it is. */
static void
test_scale (void)
{
  enum
  {
    N = 30,
    SIDE = 32,
    N_VALUES = SIDE * SIDE
  };
  g_autofree float *a = g_new (float, N *N_VALUES), *b = make_noise (N, N_VALUES, 0),
                   *noise = make_noise (N, N_VALUES, 1);
  DdpmDistances distances;

  for (guint i = 0; i < N * N_VALUES; i++)
    {
      const guint x = i % SIDE, y = i / SIDE % SIDE, first = i - x - SIDE * y;

      /* smooth, and some noise; twice that noise */
      b[i] =
        0.1f * (noise[i] - 0.5f) + 0.5f * sinf (0.2f * (float) x + 6 * b[first]) * sinf (0.2f * (float) y);
      a[i] = b[i] + 0.1f * (noise[i] - 0.5f);
    }
  distances = measure (a, N, b, N, 1, SIDE, 5, 2);
  g_assert_cmpuint (distances.n_levels, ==, 2);
  g_assert_cmpfloat (distances.sliced_wasserstein[0], >, 0.4);
  g_assert_cmpfloat (distances.sliced_wasserstein[1], <, 0.05);
}

/* Sets that share nothing, and one that has only half of what the other has. */
static void
test_modes (void)
{
  enum
  {
    N = 24,
    SIDE = 12,
    N_VALUES = SIDE * SIDE
  };
  g_autofree float *a = make_noise (N, N_VALUES, 0), *b = make_noise (N, N_VALUES, 1);
  DdpmDistances distances;

  for (guint i = 0; i < N * N_VALUES; i++)
    {
      a[i] = 0.1f * a[i] - 0.5f;
      b[i] = 0.1f * b[i] + (i / N_VALUES % 2 == 0 ? 0.5f : -0.5f);
    }
  distances = measure (a, N, b, N, 1, SIDE, 0, 1);
  g_assert_cmpfloat (distances.precision, >, 0.6);
  g_assert_cmpfloat (distances.recall, <=, 0.5);
  g_assert_cmpfloat (distances.recall, >, 0.4);
  distances = measure (b, N, a, N, 1, SIDE, 0, 1);
  g_assert_cmpfloat (distances.precision, <=, 0.5);
  g_assert_cmpfloat (distances.recall, >, 0.6);
  for (guint i = 0; i < N * N_VALUES; i++)
    a[i] += 0.25f;
  distances = measure (a, N, b, N, 1, SIDE, 0, 1);
  g_assert_cmpfloat (distances.precision, ==, 0);
  g_assert_cmpfloat (distances.recall, ==, 0);
}

static void
test_threads (void)
{
  enum
  {
    N = 11,
    SIDE = 25,
    N_VALUES = 3 * SIDE * SIDE
  };
  g_autofree float *a = make_noise (N, N_VALUES, 0), *b = make_noise (N, N_VALUES, 1);
  const DdpmDistances one = measure (a, N - 4, b, N, 3, SIDE, 7, 1),
                      three = measure (a, N - 4, b, N, 3, SIDE, 7, 3),
                      other = measure (a, N - 4, b, N, 3, SIDE, 8, 1);

  g_assert_cmpmem (&one, sizeof one, &three, sizeof three);
  g_assert_cmpuint (one.n_levels, ==, 2);
  g_assert_cmpfloat (one.sliced_wasserstein_mean, ==,
                     (one.sliced_wasserstein[0] + one.sliced_wasserstein[1]) / 2);
  g_assert_cmpfloat (one.sliced_wasserstein[0], !=, other.sliced_wasserstein[0]);
  g_assert_cmpfloat (one.precision, ==, other.precision);
}

static void
test_errors (void)
{
  enum
  {
    N = 3,
    N_VALUES = 16 * 16
  };
  g_autofree float *a = make_noise (N, N_VALUES, 0);
  g_autoptr (DdpmTeam) team = ddpm_team_new (1);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  DdpmDistances distances;

  a[N_VALUES + 100] = NAN;
  g_assert_false (ddpm_distances_measure (team, a, N, a, N, 1, 16, 16, 0, NULL, &distances, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_NUMERIC);
  g_clear_error (&error);
  g_cancellable_cancel (cancellable);
  g_assert_false (ddpm_distances_measure (team, a, N, a, N, 1, 16, 16, 0, cancellable, &distances, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/distances/wasserstein", test_wasserstein);
  g_test_add_func ("/distances/normal", test_normal);
  g_test_add_func ("/distances/directions", test_directions);
  g_test_add_func ("/distances/pyramid", test_pyramid);
  g_test_add_func ("/distances/neighbours", test_neighbours);
  g_test_add_func ("/distances/same", test_same);
  g_test_add_func ("/distances/moved", test_moved);
  g_test_add_func ("/distances/places", test_places);
  g_test_add_func ("/distances/scale", test_scale);
  g_test_add_func ("/distances/modes", test_modes);
  g_test_add_func ("/distances/threads", test_threads);
  g_test_add_func ("/distances/errors", test_errors);
  return g_test_run ();
}
