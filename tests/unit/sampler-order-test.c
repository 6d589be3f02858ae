/* Samplers on normal data with the network that is best for it (gaussian.h), against formulas: the
 * probability flow takes x = signal mean + r z to the same z at every level, with r^2 = signal^2 deviation^2
 * + spread^2, so that a deterministic sampler's error is known exactly, and must fall with the steps as its
 * order says; what the others make must have the data's mean and variance. */
#include "tests/unit/gaussian.h"

#include <string.h>

#include "core/base/rng.h"

static const Gaussian data = { 0.3, 0.4 };

static DdpmSampler *
new_sampler (DdpmSamplerKind kind, guint n_steps, double eta, DdpmPrediction prediction, guint solver_order)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (GError) error = NULL;
  DdpmSampler *sampler;

  ddpm_scheduler_config_init (&config);
  config.clip_sample = FALSE;
  config.prediction_type = prediction;
  config.sigmas = DDPM_SIGMAS_KARRAS; /* whose levels are the same for all numbers of steps at both ends */
  if (solver_order > 0)
    {
      g_free (config.class_name);
      config.class_name =
        g_strdup (kind == DDPM_SAMPLER_UNIPC ? "UniPCMultistepScheduler" : "DPMSolverMultistepScheduler");
      config.solver_order = solver_order;
    }
  sampler = ddpm_sampler_new (&(DdpmSamplerOptions) { .kind = kind, .n_steps = n_steps, .eta = eta }, &config,
                              &error);
  g_assert_no_error (error);
  return sampler;
}

/* Takes x[n] through the steps before `end`, in two pieces, with noise of its own. */
static void
run (const DdpmSampler *sampler, DdpmPrediction prediction, guint end, float *x, gsize n)
{
  g_autofree float *state = g_new (float, (ddpm_sampler_get_n_states (sampler) + 1) * n);
  g_autofree float *output = g_new (float, n), *noise = g_new (float, n);
  const gsize half = n / 2;

  for (guint step = 0; step < end; step++)
    {
      gaussian_predict (&data, sampler, prediction, step, x, output, n);
      ddpm_rng_normal ((DdpmRngKey) { .seed = 5, .purpose = DDPM_RNG_STEP, .step = step }, noise, n);
      for (gsize at = 0; at < n; at += half)
        ddpm_sampler_step (sampler, step, step,
                           &(DdpmSamplerPiece) { .n = MIN (half, n - at),
                                                 .output = output + at,
                                                 .noise = noise + at,
                                                 .x = x + at,
                                                 .state = state + at,
                                                 .plane_size = n });
    }
}

typedef struct
{
  DdpmSamplerKind kind;
  guint solver_order; /* 0: the sampler's own */
  guint n_steps;      /* and twice as many */
  float until;        /* timestep */
} Case;

/* Where the flow brings z = -1 and 1, against where it should, before the last step that is not below
 * `until`; at the latest before that which leads to x_0 itself, of which no flow is left. */
static double
get_error (const Case *c, guint n_steps, DdpmPrediction prediction)
{
  g_autoptr (DdpmSampler) sampler = new_sampler (c->kind, n_steps, 0, prediction, c->solver_order);
  double signal, spread, largest = 0;
  guint n_timesteps, last;
  const float *timesteps = ddpm_sampler_get_timesteps (sampler, &n_timesteps);
  float x[2];

  for (last = n_timesteps - 1; timesteps[last] < c->until; last--)
    ;
  for (guint i = 0; i < 2; i++)
    {
      ddpm_sampler_get_level (sampler, 0, &signal, &spread);
      x[i] = (float) (signal * data.mean + (i == 0 ? -1 : 1) * hypot (signal * data.deviation, spread));
    }
  run (sampler, prediction, last, x, 2);
  ddpm_sampler_get_level (sampler, last, &signal, &spread);
  for (guint i = 0; i < 2; i++)
    {
      const double exact = signal * data.mean + (i == 0 ? -1 : 1) * hypot (signal * data.deviation, spread);

      largest = MAX (largest, fabs (x[i] - exact));
    }
  return largest;
}

static void
test_order (gconstpointer user_data)
{
  const Case *c = user_data;
  static const DdpmPrediction predictions[] = { DDPM_PREDICT_EPSILON, DDPM_PREDICT_SAMPLE, DDPM_PREDICT_V };

  for (guint i = 0; i < G_N_ELEMENTS (predictions); i++)
    {
      g_autoptr (DdpmSampler) sampler = new_sampler (c->kind, c->n_steps, 0, predictions[i], c->solver_order);
      const double coarse = get_error (c, c->n_steps, predictions[i]);
      const double fine = get_error (c, 2 * c->n_steps, predictions[i]);
      const double order = log2 (coarse / fine);

      g_test_message ("%u steps: %.2e, %u: %.2e; order %.2f, %u claimed", c->n_steps, coarse, 2 * c->n_steps,
                      fine, order, ddpm_sampler_get_order (sampler));
      g_assert_cmpuint (ddpm_sampler_get_order (sampler), >, 0);
      g_assert_cmpfloat (order, >, ddpm_sampler_get_order (sampler) - 0.3);
      g_assert_cmpfloat (fine, <, 0.02);
    }
}

/* A step that remembers nothing takes x to a x + b + c noise, so that mean and variance of what it makes
 * follow without a single random number. */
static void
get_moments (const DdpmSampler *sampler, double *mean, double *variance)
{
  const float zero = 0, one = 1;
  float start, predicted[1];
  guint n_timesteps;

  ddpm_sampler_get_timesteps (sampler, &n_timesteps);
  ddpm_sampler_start (sampler, &one, &start, 1);
  *mean = 0;
  *variance = (double) start * start;
  for (guint step = 0; step < n_timesteps; step++)
    {
      float x[] = { 0, 1, 0 };

      for (guint i = 0; i < 3; i++)
        {
          const DdpmSamplerPiece piece = {
            .n = 1, .output = predicted, .noise = i == 2 ? &one : &zero, .x = &x[i]
          };

          gaussian_predict (&data, sampler, DDPM_PREDICT_EPSILON, step, &x[i], predicted, 1);
          ddpm_sampler_step (sampler, step, step, &piece);
        }
      *mean = (x[1] - (double) x[0]) * *mean + x[0];
      *variance = (x[1] - (double) x[0]) * (x[1] - (double) x[0]) * *variance
                  + (x[2] - (double) x[0]) * (x[2] - (double) x[0]);
    }
}

/* Those that add noise in every step converge to the data's law with order 1. */
static void
test_moments (gconstpointer user_data)
{
  const DdpmSamplerKind kind = GPOINTER_TO_UINT (user_data);
  const double square = data.deviation * data.deviation;
  double errors[2];

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (DdpmSampler) sampler = new_sampler (kind, i == 0 ? 250 : 500, 1, DDPM_PREDICT_EPSILON, 0);
      double mean, variance;

      g_assert_cmpuint (ddpm_sampler_get_order (sampler), ==, 0);
      g_assert_cmpuint (ddpm_sampler_get_n_states (sampler), ==, 0);
      get_moments (sampler, &mean, &variance);
      errors[i] = fabs (variance / square - 1);
      g_test_message ("mean %.4f of %.4f, variance %.4f of %.4f", mean, data.mean, variance, square);
      g_assert_cmpfloat_with_epsilon (mean, data.mean, 0.005);
    }
  g_assert_cmpfloat (errors[1], <, 0.05);
  g_assert_cmpfloat (log2 (errors[0] / errors[1]), >, 0.7);
}

/* One that adds noise and remembers: 4 standard deviations of what chance does to so many values, and 2 % for
 * 50 steps instead of infinitely many. */
#define N_VALUES 20000

static void
test_random_multistep (void)
{
  g_autoptr (DdpmSampler) sampler = new_sampler (DDPM_SAMPLER_DPMPP_2M_SDE, 50, 0, DDPM_PREDICT_EPSILON, 0);
  g_autofree float *x = g_new (float, N_VALUES);
  const double square = data.deviation * data.deviation;
  double mean = 0, variance = 0;
  guint n_timesteps;

  ddpm_sampler_get_timesteps (sampler, &n_timesteps);
  ddpm_rng_normal ((DdpmRngKey) { .seed = 5, .purpose = DDPM_RNG_LATENT }, x, N_VALUES);
  ddpm_sampler_start (sampler, x, x, N_VALUES);
  run (sampler, DDPM_PREDICT_EPSILON, n_timesteps, x, N_VALUES);
  for (gsize i = 0; i < N_VALUES; i++)
    mean += x[i] / N_VALUES;
  for (gsize i = 0; i < N_VALUES; i++)
    variance += (x[i] - mean) * (x[i] - mean) / N_VALUES;
  g_test_message ("mean %.4f of %.4f, variance %.4f of %.4f", mean, data.mean, variance, square);
  g_assert_cmpfloat (fabs (mean - data.mean), <, 4 * data.deviation / sqrt (N_VALUES));
  g_assert_cmpfloat (fabs (variance / square - 1), <, 4 * sqrt (2.0 / N_VALUES) + 0.02);
}

int
main (int argc, char **argv)
{
  static const Case cases[] = {
    { DDPM_SAMPLER_DDIM, 0, 50, 0 },     { DDPM_SAMPLER_PNDM, 0, 50, 400 },
    { DDPM_SAMPLER_EULER, 0, 50, 0 },    { DDPM_SAMPLER_HEUN, 0, 40, 0 },
    { DDPM_SAMPLER_LMS, 0, 100, 0 },     { DDPM_SAMPLER_DPMPP_2M, 1, 50, 0 },
    { DDPM_SAMPLER_DPMPP_2M, 2, 40, 0 }, { DDPM_SAMPLER_DPMPP_2M, 3, 100, 0 },
    { DDPM_SAMPLER_UNIPC, 1, 40, 0 },    { DDPM_SAMPLER_UNIPC, 2, 40, 0 },
    { DDPM_SAMPLER_UNIPC, 3, 40, 0 },
  };
  static const DdpmSamplerKind random_kinds[] = { DDPM_SAMPLER_DDPM, DDPM_SAMPLER_DDIM,
                                                  DDPM_SAMPLER_EULER_ANCESTRAL };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strdup_printf (
        "/sampler-order/%s-%u", ddpm_sampler_kind_get_name (cases[i].kind), cases[i].solver_order);

      g_test_add_data_func (path, &cases[i], test_order);
    }
  for (guint i = 0; i < G_N_ELEMENTS (random_kinds); i++)
    {
      g_autofree char *path =
        g_strdup_printf ("/sampler-order/moments-%s", ddpm_sampler_kind_get_name (random_kinds[i]));

      g_test_add_data_func (path, GUINT_TO_POINTER (random_kinds[i]), test_moments);
    }
  g_test_add_func ("/sampler-order/moments-dpmpp-2m-sde", test_random_multistep);
  return g_test_run ();
}
