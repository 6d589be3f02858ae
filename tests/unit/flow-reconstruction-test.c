/* Reconstruction from latents, with networks whose way there and back is known. */
#include "core/diffusion/flow-reconstruction.h"

#include <math.h>

#include "core/base/error.h"
#include "core/base/rng.h"
#include "tests/unit/gaussian.h"

#define N 8
#define T 1000

typedef struct
{
  const DdpmSchedule *schedule;
  double epsilon; /* NaN: that of the data */
  Gaussian data;
  guint n_calls, fails_at;
} Network;

/* Two pictures. */
static gboolean
predict (const float *x, float t, float *output, gpointer user_data, GError **error)
{
  Network *network = user_data;
  const double alpha_bar = network->schedule->alpha_bar[(guint) t];

  if (network->n_calls++ == network->fails_at)
    return ddpm_refuse (error, DDPM_ERROR_NUMERIC, "as asked for");
  for (gsize i = 0; i < 2 * N; i++)
    output[i] = (float) (isnan (network->epsilon) ? gaussian_get_epsilon (&network->data, sqrt (alpha_bar),
                                                                          sqrt (1 - alpha_bar), x[i])
                                                  : network->epsilon);
  return TRUE;
}

static void
make_pictures (float *x0)
{
  ddpm_rng_uniform ((DdpmRngKey) { .purpose = DDPM_RNG_LATENT }, x0, 2 * N);
  for (guint i = 0; i < 2 * N; i++)
    x0[i] = 1.6f * x0[i] - 0.8f;
}

static void
reconstruct (Network *network, const DdpmSchedulerConfig *config, guint n_steps, const float *x0,
             double *squares)
{
  const DdpmFlowOptions options = { config, n_steps, 2, N, predict, network };
  g_autoptr (GError) error = NULL;

  network->n_calls = 0;
  g_assert_true (ddpm_flow_reconstruct (&options, x0, squares, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (network->n_calls, ==, n_steps * DDPM_FLOW_RECONSTRUCTION_EVALUATIONS);
}

/* Where epsilon depends on nothing, every step is undone exactly. */
static void
test_constant (void)
{
  static const guint steps[] = { 1, 3, 50 };
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (DdpmSchedule) schedule = NULL;
  float x0[2 * N];
  double squares[2];

  ddpm_scheduler_config_init (&config);
  schedule = ddpm_schedule_new (&config, NULL);
  make_pictures (x0);
  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      Network network = { .schedule = schedule, .epsilon = 0.6, .fails_at = G_MAXUINT };

      reconstruct (&network, &config, steps[i], x0, squares);
      g_assert_cmpfloat (squares[0] + squares[1], <, 1e-6);
    }
}

/* A picture's value x that comes back, by the formulas of the paper alone: x = (x' - b epsilon) / a with the
 * epsilon at a guess, which the last one makes. */
static double
go_there_and_back (const DdpmSchedule *schedule, const Gaussian *data, guint n_steps, double x)
{
  double now = 1, epsilon = 0;

  for (guint i = 0; i < n_steps; i++)
    {
      const double then = schedule->alpha_bar[(guint) rint ((T - 1.0) * i / (n_steps - 1))];
      const double a = sqrt (now / then), b = sqrt (1 - now) - a * sqrt (1 - then);

      epsilon = gaussian_get_epsilon (data, sqrt (then), sqrt (1 - then), (x - b * epsilon) / a);
      x = (x - b * epsilon) / a;
      now = then;
    }
  for (guint i = n_steps; i-- > 0;)
    {
      const double then = i > 0 ? schedule->alpha_bar[(guint) rint ((T - 1.0) * (i - 1) / (n_steps - 1))] : 1;

      epsilon = gaussian_get_epsilon (data, sqrt (now), sqrt (1 - now), x);
      x = sqrt (then) * (x - sqrt (1 - now) * epsilon) / sqrt (now) + sqrt (1 - then) * epsilon;
      now = then;
    }
  return x;
}

/* Each picture has its own error, which falls with the square of the number of steps; values beyond 1 count
 * as 1. */
static void
test_gaussian (void)
{
  static const guint steps[] = { 5, 10, 50, 100, 200 };
  static const Gaussian datas[] = { { 0.1, 0.3 }, { -0.4, 1 }, { 3, 0.5 } };
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (DdpmSchedule) schedule = NULL;
  float x0[2 * N];

  ddpm_scheduler_config_init (&config);
  schedule = ddpm_schedule_new (&config, NULL);
  make_pictures (x0);
  x0[3] = 1;
  x0[N + 5] = -1;
  for (guint d = 0; d < G_N_ELEMENTS (datas); d++)
    {
      double last = NAN;

      for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
        {
          Network network = { .schedule = schedule, .epsilon = NAN, .data = datas[d], .fails_at = G_MAXUINT };
          double squares[2], expected[2] = { 0 };

          reconstruct (&network, &config, steps[i], x0, squares);
          for (guint k = 0; k < 2 * N; k++)
            expected[k / N] +=
              pow (CLAMP (go_there_and_back (schedule, &datas[d], steps[i], x0[k]), -1, 1) - x0[k], 2);
          g_test_message ("%u steps: %g, expected %g", steps[i], squares[0], expected[0]);
          for (guint picture = 0; picture < 2; picture++)
            g_assert_cmpfloat (fabs (sqrt (squares[picture]) - sqrt (expected[picture])), <,
                               1e-3 * sqrt (expected[picture]) + 2e-5);
          g_assert_cmpfloat (squares[0], !=, squares[1]);
          if (steps[i] == 200)
            g_assert_cmpfloat (log2 (last / squares[0]) / 2, >, 1.5);
          last = squares[0];
        }
    }
}

/* What the config says of clipping is not done: values far beyond 1 on the way come back. */
static void
test_clipping (void)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (DdpmSchedule) schedule = NULL;
  float x0[2 * N];
  double squares[2];

  ddpm_scheduler_config_init (&config);
  g_free (config.class_name);
  config.class_name = g_strdup ("DDIMScheduler");
  schedule = ddpm_schedule_new (&config, NULL);
  make_pictures (x0);
  for (guint i = 0; i < 2; i++)
    {
      Network network = { .schedule = schedule, .epsilon = 2, .fails_at = G_MAXUINT };

      config.clip_sample = i == 0;
      config.clip_sample_range = 0.1;
      config.thresholding = i == 1;
      config.sample_max_value = 2;
      reconstruct (&network, &config, 10, x0, squares);
      g_assert_cmpfloat (squares[0] + squares[1], <, 1e-5);
    }
}

static void
assert_refused (Network *network, const DdpmSchedulerConfig *config, guint n_steps, int code)
{
  const DdpmFlowOptions options = { config, n_steps, 2, N, predict, network };
  const float x0[2 * N] = { 0 };
  g_autoptr (GError) error = NULL;
  double squares[2];

  g_assert_false (ddpm_flow_reconstruct (&options, x0, squares, &error));
  g_assert_error (error, DDPM_ERROR, code);
}

static void
test_errors (void)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (DdpmSchedule) schedule = NULL;
  Network network = { .data = { 0, 1 } };

  ddpm_scheduler_config_init (&config);
  network.schedule = schedule = ddpm_schedule_new (&config, NULL);
  for (guint call = 0; call < 6; call++)
    {
      network.n_calls = 0;
      network.fails_at = call;
      assert_refused (&network, &config, 3, DDPM_ERROR_NUMERIC);
    }
  assert_refused (&network, &config, 0, DDPM_ERROR_USAGE);
  assert_refused (&network, &config, T + 1, DDPM_ERROR_USAGE);
  config.rescale_betas_zero_snr = TRUE;
  config.prediction_type = DDPM_PREDICT_V;
  assert_refused (&network, &config, 3, DDPM_ERROR_USAGE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/flow-reconstruction/constant", test_constant);
  g_test_add_func ("/flow-reconstruction/gaussian", test_gaussian);
  g_test_add_func ("/flow-reconstruction/clipping", test_clipping);
  g_test_add_func ("/flow-reconstruction/errors", test_errors);
  return g_test_run ();
}
