#include "core/nn/adamw.h"

#include <math.h>
#include <string.h>

#include "core/base/rng.h"

/* Below, at and above the sizes of lanes and chunks. */
static const gsize sizes[] = { 1, 3, 4, 7, 1000, 32767, 32768, 32769, 100003 };

static float *
random_values (guint32 index, gsize n)
{
  float *values = g_new (float, n);

  ddpm_rng_normal ((DdpmRngKey) { 7, DDPM_RNG_LATENT, index, 0 }, values, n);
  return values;
}

/* One update of one weight as the paper writes it, in double. */
static void
update_plainly (const DdpmAdamwOptions *o, guint64 step, double lr, double g, double *w, double *m, double *v)
{
  *m = o->beta1 * *m + (1 - o->beta1) * g;
  *v = o->beta2 * *v + (1 - o->beta2) * g * g;
  const double m_hat = *m / (1 - pow (o->beta1, (double) step));
  const double v_hat = *v / (1 - pow (o->beta2, (double) step));
  *w = *w - lr * o->weight_decay * *w - lr * m_hat / (sqrt (v_hat) + o->eps);
}

static void
test_update (void)
{
  const DdpmAdamwOptions options = { 0.9, 0.999, 1e-8, 0.01 };

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    {
      const gsize n = sizes[s];
      g_autoptr (DdpmTeam) team = ddpm_team_new (2);
      g_autofree float *weights = random_values (0, n), *first = g_new0 (float, n),
                       *second = g_new0 (float, n);
      g_autofree double *w = g_new (double, n), *m = g_new0 (double, n), *v = g_new0 (double, n);

      for (gsize i = 0; i < n; i++)
        w[i] = weights[i];
      for (guint64 step = 1; step <= 5; step++)
        {
          g_autofree float *grads = random_values ((guint32) step, n);

          ddpm_adamw_update (team, &options, step, 1e-2, 0.25, weights, grads, first, second, n);
          for (gsize i = 0; i < n; i++)
            update_plainly (&options, step, 1e-2, 0.25 * grads[i], &w[i], &m[i], &v[i]);
        }
      for (gsize i = 0; i < n; i++)
        {
          g_assert_cmpfloat_with_epsilon (weights[i], w[i], 2e-6 * (1 + fabs (w[i])));
          g_assert_cmpfloat_with_epsilon (first[i], m[i], 1e-6 * (1 + fabs (m[i])));
          g_assert_cmpfloat_with_epsilon (second[i], v[i], 1e-6 * (1 + fabs (v[i])));
        }
    }
}

/* The first step has the length of the learning rate whatever the gradient's size, its sign apart. */
static void
test_first_step (void)
{
  const DdpmAdamwOptions options = { 0.9, 0.999, 1e-8, 0 };
  g_autoptr (DdpmTeam) team = ddpm_team_new (1);
  float weights[3] = { 1, 1, 1 }, first[3] = { 0 }, second[3] = { 0 };
  const float grads[3] = { 1000, -0.001f, 0 };

  ddpm_adamw_update (team, &options, 1, 0.5, 1, weights, grads, first, second, 3);
  g_assert_cmpfloat_with_epsilon (weights[0], 0.5, 1e-5);
  g_assert_cmpfloat_with_epsilon (weights[1], 1.5, 1e-5);
  g_assert_cmpfloat (weights[2], ==, 1);
}

static void
test_threads (void)
{
  const DdpmAdamwOptions options = { 0.9, 0.999, 1e-8, 0 };
  const gsize n = 500009;
  g_autofree float *grads = random_values (1, n), *start = random_values (2, n);
  g_autofree float *expected = NULL, *expected_ema = NULL;
  double expected_norm = 0;

  for (guint n_threads = 1; n_threads <= 5; n_threads += 2)
    {
      g_autoptr (DdpmTeam) team = ddpm_team_new (n_threads);
      g_autofree float *weights = g_memdup2 (start, n * sizeof (float));
      g_autofree float *ema = g_memdup2 (grads, n * sizeof (float));
      g_autofree float *first = g_new0 (float, n), *second = g_new0 (float, n);
      const double norm = ddpm_gradient_norm (team, grads, n);

      ddpm_adamw_update (team, &options, 1, 1e-3, 1 / norm, weights, grads, first, second, n);
      ddpm_ema_update (team, 0.999, ema, weights, n);
      if (expected != NULL)
        {
          g_assert_cmpfloat (norm, ==, expected_norm);
          g_assert_cmpmem (weights, n * sizeof (float), expected, n * sizeof (float));
          g_assert_cmpmem (ema, n * sizeof (float), expected_ema, n * sizeof (float));
          continue;
        }
      expected_norm = norm;
      expected = g_steal_pointer (&weights);
      expected_ema = g_steal_pointer (&ema);
    }
}

static void
test_norm (void)
{
  g_autoptr (DdpmTeam) team = ddpm_team_new (2);
  const float three_four[2] = { 3, -4 };

  g_assert_cmpfloat (ddpm_gradient_norm (team, three_four, 2), ==, 5);
  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    {
      const gsize n = sizes[s];
      g_autofree float *grads = random_values (3, n);
      double sum = 0;

      for (gsize i = 0; i < n; i++)
        sum += (double) grads[i] * grads[i];
      g_assert_cmpfloat_with_epsilon (ddpm_gradient_norm (team, grads, n), sqrt (sum), 1e-9 * sqrt (sum));

      /* squares beyond a float's range */
      for (gsize i = 0; i < n; i++)
        grads[i] = 1e30f;
      g_assert_cmpfloat_with_epsilon (ddpm_gradient_norm (team, grads, n) / 1e30, sqrt ((double) n),
                                      1e-6 * sqrt ((double) n));
      grads[n - 1] = INFINITY;
      g_assert_true (isinf (ddpm_gradient_norm (team, grads, n)));
      grads[n / 2] = NAN;
      g_assert_true (isnan (ddpm_gradient_norm (team, grads, n)));
    }
}

static void
test_ema (void)
{
  const gsize n = 1003;
  g_autoptr (DdpmTeam) team = ddpm_team_new (2);
  g_autofree float *ema = random_values (4, n), *weights = random_values (5, n);
  g_autofree float *before = g_memdup2 (ema, n * sizeof (float));

  ddpm_ema_update (team, 0.75, ema, weights, n);
  for (gsize i = 0; i < n; i++)
    g_assert_cmpfloat_with_epsilon (ema[i], 0.75 * before[i] + 0.25 * weights[i], 1e-6);
  ddpm_ema_update (team, 0, ema, weights, n);
  for (gsize i = 0; i < n; i++)
    g_assert_cmpfloat_with_epsilon (ema[i], weights[i], 1e-6);

  /* An average of equal weights stays what it is, after however many updates. */
  for (guint round = 0; round < 1000; round++)
    ddpm_ema_update (team, 0.9999, weights, weights, n);
  g_autofree float *after = random_values (5, n);
  g_assert_cmpmem (weights, n * sizeof (float), after, n * sizeof (float));
}

static void
test_ema_decay (void)
{
  g_assert_cmpfloat_with_epsilon (ddpm_ema_decay (0.9999, 1), 2.0 / 11, 1e-15);
  g_assert_cmpfloat_with_epsilon (ddpm_ema_decay (0.9999, 90), 0.91, 1e-15);
  g_assert_cmpfloat (ddpm_ema_decay (0.9999, 1000000), ==, 0.9999);
  g_assert_cmpfloat (ddpm_ema_decay (0.1, 1), ==, 0.1);
  g_assert_cmpfloat (ddpm_ema_decay (0, 5), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/adamw/update", test_update);
  g_test_add_func ("/adamw/first-step", test_first_step);
  g_test_add_func ("/adamw/threads", test_threads);
  g_test_add_func ("/adamw/norm", test_norm);
  g_test_add_func ("/adamw/ema", test_ema);
  g_test_add_func ("/adamw/ema-decay", test_ema_decay);
  return g_test_run ();
}
