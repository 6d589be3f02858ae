/* The optimiser's kernels at every CPU level against plain C in double. */
#include "tests/kernels/kernels-common.h"

static void
test_adamw (gconstpointer data)
{
  const DdpmKernels *kernels = data;
  const DdpmAdamwStep s = { .grad_scale = 0.5f,
                            .keep1 = 0.9f,
                            .gain1 = 0.1f,
                            .keep2 = 0.99f,
                            .gain2 = 0.01f,
                            .decay = 0.999f,
                            .rate = 0.02f,
                            .correction = 1.5f,
                            .eps = 1e-8f };

  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      const gsize n = lengths[i];
      g_autofree float *grads = new_random (1, n), *start = new_random (2, n), *m = new_random (3, n),
                       *v = new_random (4, n);
      Guarded weights = guarded_new (n), first = guarded_new (n), second = guarded_new (n);

      for (gsize j = 0; j < n; j++)
        v[j] = v[j] * v[j] + 0.01f;
      memcpy (weights.data, start, n * sizeof (float));
      memcpy (first.data, m, n * sizeof (float));
      memcpy (second.data, v, n * sizeof (float));
      kernels->adamw (&s, weights.data, grads, first.data, second.data, n);
      for (gsize j = 0; j < n; j++)
        {
          const double g = s.grad_scale * grads[j], expected_m = s.keep1 * m[j] + s.gain1 * g;
          const double expected_v = s.keep2 * v[j] + s.gain2 * g * g;

          assert_near (first.data[j], expected_m, 1);
          assert_near (second.data[j], expected_v, 1);
          assert_near (weights.data[j],
                       s.decay * start[j] - s.rate * expected_m / (s.correction * sqrt (expected_v) + s.eps),
                       1);
        }
      guarded_free (&weights, 0);
      guarded_free (&first, 0);
      guarded_free (&second, 0);
    }
}

static void
test_sum_squares (gconstpointer data)
{
  const DdpmKernels *kernels = data;

  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      const gsize n = lengths[i];
      g_autofree float *x = new_random (1, n + 1);
      double sum = 0;

      x[n] = NAN; /* not to be read */
      for (gsize j = 0; j < n; j++)
        sum += (double) x[j] * x[j];
      g_assert_cmpfloat_with_epsilon (kernels->sum_squares (x, n), sum, 1e-12 * (1 + sum));
      x[n / 2] = 1e30f; /* its square is beyond a float */
      g_assert_cmpfloat_with_epsilon (kernels->sum_squares (x, n) / 1e60, 1, 1e-6);
      x[n - 1] = NAN;
      g_assert_true (isnan (kernels->sum_squares (x, n)));
    }
}

static void
test_move_average (gconstpointer data)
{
  const DdpmKernels *kernels = data;

  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      const gsize n = lengths[i];
      g_autofree float *x = new_random (1, n), *before = new_random (2, n);
      Guarded average = guarded_new (n);

      for (gsize j = 0; j < n; j++)
        average.data[j] = before[j];
      kernels->move_average (average.data, x, n, 0.25f);
      for (gsize j = 0; j < n; j++)
        assert_near (average.data[j], 0.75 * before[j] + 0.25 * x[j], 1);
      guarded_free (&average, 0);
    }
}

static const LevelTest level_tests[] = {
  { "adamw", test_adamw },
  { "sum-squares", test_sum_squares },
  { "move-average", test_move_average },
};

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add_level_tests (level_tests, G_N_ELEMENTS (level_tests));
  return g_test_run ();
}
