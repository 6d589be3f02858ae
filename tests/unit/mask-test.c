/* RePaint's mask on data that a formula knows all about: a wave of random phase that slowly changes, so that
 * what lies in a hole of it follows from both sides, though not by drawing a line between them. The network
 * that is best for such data is known, and so are mean and deviation of what the hole may hold. */
#include "core/diffusion/mask.h"

#include <math.h>
#include <string.h>

#include "core/base/rng.h"

#define N 24 /* values of a picture */
#define HOLE_BEGIN 8
#define HOLE_END 16
#define N_FILLS 200
#define N_TRUTHS 6
#define N_STEPS 50
#define STRETCH 10

typedef double Matrix[N][N];

static void
get_covariance (Matrix covariance)
{
  for (guint i = 0; i < N; i++)
    for (guint j = 0; j < N; j++)
      {
        const double distance = fabs ((double) i - j);

        covariance[i][j] = 0.5 * pow (0.98, distance) * cos (2 * G_PI * distance / 12) + (i == j ? 1e-4 : 0);
      }
}

/* solution = matrix^-1 right, [n][m], by Gauss and Jordan's elimination; both are overwritten, right by the
 * solution. Positive definite matrices need no pivoting. */
static void
solve (double *matrix, double *right, guint n, guint m)
{
  for (guint k = 0; k < n; k++)
    {
      const double pivot = matrix[k * n + k];

      for (guint j = 0; j < n; j++)
        matrix[k * n + j] /= pivot;
      for (guint j = 0; j < m; j++)
        right[k * m + j] /= pivot;
      for (guint i = 0; i < n; i++)
        if (i != k)
          {
            const double factor = matrix[i * n + k];

            for (guint j = 0; j < n; j++)
              matrix[i * n + j] -= factor * matrix[k * n + j];
            for (guint j = 0; j < m; j++)
              right[i * m + j] -= factor * right[k * m + j];
          }
    }
}

/* The epsilon that is to be expected of x = signal x_0 + spread epsilon is spread (signal^2 C + spread^2)^-1
 * x.
 */
static void
get_network (const DdpmSampler *sampler, guint step, Matrix network)
{
  Matrix covariance, noisy;
  double signal, spread;

  ddpm_sampler_get_level (sampler, step, &signal, &spread);
  get_covariance (covariance);
  for (guint i = 0; i < N; i++)
    for (guint j = 0; j < N; j++)
      {
        noisy[i][j] = signal * signal * covariance[i][j] + (i == j ? spread * spread : 0);
        network[i][j] = i == j ? spread : 0;
      }
  solve (&noisy[0][0], &network[0][0], N, N);
}

static gboolean
is_in_hole (guint i)
{
  return i >= HOLE_BEGIN && i < HOLE_END;
}

/* mean[N] and deviation[N] of what the hole holds when the rest is as in truth. */
static void
get_posterior (const float *truth, double *mean, double *deviation)
{
  enum
  {
    n_known = N - (HOLE_END - HOLE_BEGIN)
  };
  Matrix covariance;
  guint places[n_known], n = 0;

  get_covariance (covariance);
  for (guint i = 0; i < N; i++)
    if (!is_in_hole (i))
      places[n++] = i;
  for (guint i = HOLE_BEGIN; i < HOLE_END; i++)
    {
      double known[n_known][n_known], weights[n_known];
      double variance = covariance[i][i];

      for (guint j = 0; j < n_known; j++)
        {
          for (guint k = 0; k < n_known; k++)
            known[j][k] = covariance[places[j]][places[k]];
          weights[j] = covariance[places[j]][i];
        }
      solve (&known[0][0], weights, n_known, 1);
      mean[i] = 0;
      for (guint j = 0; j < n_known; j++)
        {
          mean[i] += weights[j] * truth[places[j]];
          variance -= weights[j] * covariance[places[j]][i];
        }
      deviation[i] = sqrt (variance);
    }
}

/* A picture of the data: C = L L^T, times noise. */
static void
draw_truth (guint index, float *truth)
{
  Matrix factor = { { 0 } }, covariance;
  float noise[N];

  get_covariance (covariance);
  for (guint i = 0; i < N; i++)
    for (guint j = 0; j <= i; j++)
      {
        double sum = covariance[i][j];

        for (guint k = 0; k < j; k++)
          sum -= factor[i][k] * factor[j][k];
        factor[i][j] = i == j ? sqrt (sum) : sum / factor[j][j];
      }
  ddpm_rng_normal ((DdpmRngKey) { 1, DDPM_RNG_WEIGHTS, index, 0 }, noise, N);
  for (guint i = 0; i < N; i++)
    {
      truth[i] = 0;
      for (guint j = 0; j <= i; j++)
        truth[i] += (float) (factor[i][j] * noise[j]);
    }
}

typedef struct
{
  const DdpmSampler *sampler;
  Matrix networks[N_STEPS];
} Process;

static void
predict (const Process *process, guint step, const float *x, float *output)
{
  for (guint p = 0; p < N_FILLS; p++)
    for (guint i = 0; i < N; i++)
      {
        double sum = 0;

        for (guint j = 0; j < N; j++)
          sum += process->networks[step][i][j] * x[p * N + j];
        output[p * N + i] = (float) sum;
      }
}

/* x[N_FILLS][N]: fills of the truth's hole, each stretch of steps gone through `repeats` times. */
static void
fill (const Process *process, const float *truth, guint seed, guint repeats, float *x)
{
  const gsize n = N_FILLS * N;
  g_autofree float *noise = g_new (float, n), *output = g_new (float, n), *known = g_new (float, n);
  float mask[N];
  guint draws = 0;

  for (guint i = 0; i < N; i++)
    mask[i] = is_in_hole (i);
  for (guint p = 0; p < N_FILLS; p++)
    memcpy (known + p * N, truth, sizeof (float) * N);
  ddpm_rng_normal ((DdpmRngKey) { seed, DDPM_RNG_LATENT, 0, 0 }, x, n);
  for (guint begin = 0; begin < N_STEPS; begin += STRETCH)
    for (guint repeat = 0; repeat < repeats; repeat++)
      for (guint step = begin; step < begin + STRETCH; step++)
        {
          const DdpmSamplerPiece piece = { .n = n, .output = output, .noise = noise, .x = x };

          if (step == begin && repeat > 0)
            {
              ddpm_rng_normal ((DdpmRngKey) { seed, DDPM_RNG_RENOISE, 0, draws++ }, noise, n);
              ddpm_sampler_jump_back (process->sampler, begin + STRETCH, begin, noise, x, n);
            }
          ddpm_rng_normal ((DdpmRngKey) { seed, DDPM_RNG_KNOWN, 0, draws++ }, noise, n);
          ddpm_mask_impose (process->sampler, step, mask, N, 0, known, noise, x, n);
          predict (process, step, x, output);
          ddpm_rng_normal ((DdpmRngKey) { seed, DDPM_RNG_STEP, 0, draws++ }, noise, n);
          ddpm_sampler_step (process->sampler, step, 0, &piece);
        }
}

/* Root mean square distances, over the hole and all truths. */
typedef struct
{
  double mean;            /* of the fills' mean from what it should be */
  double fill;            /* of one fill from the truth */
  double line;            /* of a line between the rims from the truth */
  double deviation;       /* of the fills from their mean */
  double right_deviation; /* what that should be */
} Distances;

static Distances
measure (const Process *process, guint repeats)
{
  g_autofree float *x = g_new (float, N_FILLS *N);
  const double n = N_TRUTHS * (HOLE_END - HOLE_BEGIN);
  Distances sums = { 0 };

  for (guint t = 0; t < N_TRUTHS; t++)
    {
      float truth[N];
      double mean[N], deviation[N];

      draw_truth (t, truth);
      get_posterior (truth, mean, deviation);
      fill (process, truth, t, repeats, x);
      for (guint i = HOLE_BEGIN; i < HOLE_END; i++)
        {
          const double part = (i - HOLE_BEGIN + 1.0) / (HOLE_END - HOLE_BEGIN + 1.0);
          const double line = (1 - part) * truth[HOLE_BEGIN - 1] + part * truth[HOLE_END];
          double sum = 0, squares = 0;

          for (guint p = 0; p < N_FILLS; p++)
            {
              sum += x[p * N + i];
              squares += x[p * N + i] * (double) x[p * N + i];
              sums.fill += pow (x[p * N + i] - truth[i], 2) / N_FILLS / n;
            }
          sums.mean += pow (sum / N_FILLS - mean[i], 2) / n;
          sums.line += pow (line - truth[i], 2) / n;
          sums.deviation += (squares / N_FILLS - pow (sum / N_FILLS, 2)) / n;
          sums.right_deviation += pow (deviation[i], 2) / n;
        }
    }
  sums = (Distances) { sqrt (sums.mean), sqrt (sums.fill), sqrt (sums.line), sqrt (sums.deviation),
                       sqrt (sums.right_deviation) };
  g_test_message ("%u times: mean off by %.3f, deviation %.3f (%.3f), fill %.3f, line %.3f", repeats,
                  sums.mean, sums.deviation, sums.right_deviation, sums.fill, sums.line);
  return sums;
}

static DdpmSampler *
new_sampler (DdpmSamplerKind kind)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (GError) error = NULL;
  const DdpmSamplerOptions options = { .kind = kind, .n_steps = N_STEPS };
  DdpmSampler *sampler;

  ddpm_scheduler_config_init (&config);
  config.clip_sample = FALSE;
  sampler = ddpm_sampler_new (&options, &config, &error);
  g_assert_no_error (error);
  return sampler;
}

static Process *
process_new (const DdpmSampler *sampler)
{
  Process *process = g_new (Process, 1);

  process->sampler = sampler;
  for (guint step = 0; step < N_STEPS; step++)
    get_network (sampler, step, process->networks[step]);
  return process;
}

/* Fills are closer to the truth than what joins the rims, their mean comes near to that of all that the hole
 * may hold, and does so by going back and forth. */
static void
test_gaussian (void)
{
  static const DdpmSamplerKind kinds[] = { DDPM_SAMPLER_DDPM, DDPM_SAMPLER_DDIM };

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autoptr (DdpmSampler) sampler = new_sampler (kinds[i]);
      g_autofree Process *process = process_new (sampler);
      const Distances once = measure (process, 1), often = measure (process, 10);

      g_assert_cmpfloat (often.fill, <, 0.4 * often.line);
      g_assert_cmpfloat (often.mean, <, 0.12);
      g_assert_cmpfloat (often.mean, <, 0.6 * once.mean);
      g_assert_cmpfloat_with_epsilon (often.deviation, often.right_deviation, 0.05);
    }
}

/* Values between 0 and 1 are known down to their part of the timesteps. */
static void
test_soft (void)
{
  static const float mask[] = { 0, 0.5f, 1 };
  g_autoptr (DdpmSampler) sampler = new_sampler (DDPM_SAMPLER_DDIM);
  guint n_timesteps;
  const float *timesteps = ddpm_sampler_get_timesteps (sampler, &n_timesteps);

  for (guint step = 0; step < n_timesteps; step++)
    {
      const float known[] = { 1, 2, 3, 4, 5, 6 }, noise[] = { 1, -1, 1, -1, 1, -1 };
      float x[] = { 9, 9, 9, 9, 9, 9 };
      double signal, spread;

      ddpm_sampler_get_level (sampler, step, &signal, &spread);
      /* the last two pixels of the first of two channels, and the second */
      ddpm_mask_impose (sampler, step, mask, 3, 1, known + 1, noise + 1, x + 1, 5);
      g_assert_cmpfloat (x[0], ==, 9);
      for (guint i = 1; i < 6; i++)
        {
          const gboolean is_known = i % 3 == 0 || (i % 3 == 1 && timesteps[step] >= 500);
          const double noisy = signal * known[i] + spread * noise[i];

          g_assert_cmpfloat_with_epsilon (x[i], is_known ? noisy : 9, 1e-5);
        }
    }
}

static void
test_keep (void)
{
  static const float mask[] = { 0, 0.01f, 1 }, known[] = { 1, 2, 3, 4 };
  float estimate[] = { 9, 9, 9, 9 };

  ddpm_mask_keep (mask, 3, 2, known, estimate, 4);
  g_assert_cmpfloat (estimate[0], ==, 9);
  g_assert_cmpfloat (estimate[1], ==, 2);
  g_assert_cmpfloat (estimate[2], ==, 9);
  g_assert_cmpfloat (estimate[3], ==, 9);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/mask/gaussian", test_gaussian);
  g_test_add_func ("/mask/soft", test_soft);
  g_test_add_func ("/mask/keep", test_keep);
  return g_test_run ();
}
