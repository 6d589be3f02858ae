/* Every CPU level that this processor has, against plain C: odd sizes, tails, extremes, and guard zones
 * around every output. Convolutions, products of matrices and attention have tests of their own. */
#include "tests/kernels/kernels-common.h"

/* --- norm ---------------------------------------------------------------------------------- */

static void
test_norm_stats (gconstpointer data)
{
  const DdpmKernels *kernels = data;

  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      const gsize n = lengths[i], ld = n + 5;
      g_autofree float *x = new_random (1, 3 * ld);
      double sum = 0, squares = 0;
      float mean, rstd;

      for (gsize c = 0; c < 3; c++)
        for (gsize j = 0; j < ld; j++)
          if (j < n)
            sum += x[c * ld + j] += 1000.0f; /* a large mean must not drown the variance */
          else
            x[c * ld + j] = NAN;
      for (gsize c = 0; c < 3; c++)
        for (gsize j = 0; j < n; j++)
          squares += pow (x[c * ld + j] - sum / (3 * n), 2);
      kernels->norm_stats (x, ld, 3, n, 1e-5f, &mean, &rstd);
      assert_near (mean, sum / (3 * n), 100);
      g_assert_cmpfloat_with_epsilon (rstd * sqrt (squares / (3 * n) + 1e-5), 1, 1e-4);
    }
}

/* One value far out must neither drown the others nor be lost; equal values have no variance at all. */
static void
test_norm_stats_extremes (gconstpointer data)
{
  const DdpmKernels *kernels = data;
  const gsize n = 4099;
  g_autofree float *x = new_random (1, n);
  float mean, rstd;

  for (gsize place = 0; place < n; place += 1366)
    {
      const float before = x[place];
      double sum = 0, squares = 0;

      x[place] = 3e4f;
      for (gsize i = 0; i < n; i++)
        sum += x[i];
      for (gsize i = 0; i < n; i++)
        squares += pow (x[i] - sum / n, 2);
      kernels->norm_stats (x, n, 1, n, 1e-5f, &mean, &rstd);
      assert_near (mean, sum / n, 10);
      g_assert_cmpfloat_with_epsilon (rstd * sqrt (squares / n + 1e-5), 1, 1e-5);
      x[place] = before;
    }
  for (gsize i = 0; i < n; i++)
    x[i] = 1234.5f;
  kernels->norm_stats (x, n, 1, n, 1e-6f, &mean, &rstd);
  g_assert_cmpfloat (mean, ==, 1234.5f);
  g_assert_cmpfloat_with_epsilon (rstd, 1e3, 1e-1);
  x[77] = NAN;
  kernels->norm_stats (x, n, 1, n, 1e-6f, &mean, &rstd);
  g_assert_true (isnan (rstd));
}

static void
test_norm_backward (gconstpointer data)
{
  const DdpmKernels *kernels = data;
  const float scale = 0.7f, shift = -0.2f, mean = 0.3f, rstd = 1.4f;

  for (DdpmKernelAct act = DDPM_KERNEL_ACT_NONE; act <= DDPM_KERNEL_ACT_RELU; act++)
    for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
      {
        const gsize n = lengths[i];
        g_autofree float *x = new_random (1, n), *upstream = new_random (2, n);
        g_autofree guint8 *mask = g_new (guint8, n);
        Guarded grad = guarded_new (n), grad_x = guarded_new (n);
        double sum = 0, sum_xhat = 0;
        float actual_sum, actual_sum_xhat;

        for (gsize j = 0; j < n; j++)
          {
            mask[j] = j % 4 != 1;
            grad.data[j] = upstream[j];
          }
        kernels->norm_act_backward (x, grad.data, n, scale, shift, mean, rstd, act, mask, 2.0f, &actual_sum,
                                    &actual_sum_xhat);
        kernels->norm_input_backward (x, grad.data, n, 0.5f, -2.0f, 3.0f, FALSE, grad_x.data);
        kernels->norm_input_backward (x, grad.data, n, 0.5f, -2.0f, 3.0f, TRUE, grad_x.data);
        for (gsize j = 0; j < n; j++)
          {
            const double du =
              upstream[j] * (mask[j] ? 2.0 : 0.0) * plain_derivative (scale * x[j] + shift, act);

            assert_near (grad.data[j], du, 5);
            assert_near (grad_x.data[j], 2 * (0.5 * grad.data[j] - 2.0 * x[j] + 3.0), 10);
            sum += du;
            sum_xhat += du * (x[j] - mean) * rstd;
          }
        assert_near (actual_sum, sum, 5 * n);
        assert_near (actual_sum_xhat, sum_xhat, 5 * n);
        guarded_free (&grad, 0);
        guarded_free (&grad_x, 0);
      }
}

/* --- pointwise ----------------------------------------------------------------------------- */

static void
test_act (gconstpointer data)
{
  const DdpmKernels *kernels = data;

  for (DdpmKernelAct act = DDPM_KERNEL_ACT_NONE; act <= DDPM_KERNEL_ACT_RELU; act++)
    for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
      {
        const gsize n = lengths[i];
        g_autofree float *x = new_random (1, n), *upstream = new_random (2, n);
        Guarded y = guarded_new (n), grad = guarded_new (n);

        for (gsize j = 0; j < n; j += 5)
          x[j] *= 40; /* far out on both sides */
        kernels->act_forward (x, n, 1.5f, 0.1f, act, y.data);
        kernels->act_backward (x, upstream, n, act, FALSE, grad.data);
        kernels->act_backward (x, upstream, n, act, TRUE, grad.data);
        for (gsize j = 0; j < n; j++)
          {
            assert_near (y.data[j], plain_act (1.5 * x[j] + 0.1, act), fabs (x[j]));
            assert_near (grad.data[j], 2 * upstream[j] * plain_derivative (x[j], act), 5);
          }
        guarded_free (&y, 0);
        guarded_free (&grad, 0);
      }
}

static void
test_extremes (gconstpointer data)
{
  const DdpmKernels *kernels = data;
  const float x[] = { 0.0f, 1e-38f, 87.0f, -87.0f, 89.0f, -89.0f, 1e4f, -1e4f, 1e30f, -1e30f };
  float y[G_N_ELEMENTS (x)];

  kernels->act_forward (x, G_N_ELEMENTS (x), 1, 0, DDPM_KERNEL_ACT_SILU, y);
  for (gsize i = 0; i < G_N_ELEMENTS (x); i++)
    {
      g_assert_true (isfinite (y[i]));
      if (fabs (x[i]) < 1e5)
        assert_near (y[i], plain_act (x[i], DDPM_KERNEL_ACT_SILU), 1);
    }
}

/* A broken network must show, whatever the bits of its NaN and whichever lane it is in. */
static void
test_nan (gconstpointer data)
{
  const DdpmKernels *kernels = data;
  static const guint32 bits[] = { 0x7fc00000, 0xffc00000, 0x7fc00001, 0x7fffffff, 0xffc12345 };

  for (DdpmKernelAct act = DDPM_KERNEL_ACT_NONE; act <= DDPM_KERNEL_ACT_RELU; act++)
    for (gsize i = 0; i < G_N_ELEMENTS (bits); i++)
      for (guint lane = 0; lane < 19; lane++)
        {
          float x[19] = { 0 }, y[19];

          memcpy (x + lane, bits + i, sizeof *bits);
          kernels->act_forward (x, G_N_ELEMENTS (x), 1, 0, act, y);
          for (guint other = 0; other < G_N_ELEMENTS (x); other++)
            g_assert_cmpint (isnan (y[other]) != 0, ==, other == lane);
        }
}

static void
test_scale_add_and_sum (gconstpointer data)
{
  const DdpmKernels *kernels = data;

  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      const gsize n = lengths[i];
      g_autofree float *x = new_random (1, n);
      Guarded out = guarded_new (n);
      double sum = 0;

      kernels->scale_add (x, n, 2.0f, FALSE, out.data);
      kernels->scale_add (x, n, -0.5f, TRUE, out.data);
      for (gsize j = 0; j < n; j++)
        {
          assert_near (out.data[j], 1.5 * x[j], 1);
          sum += x[j];
        }
      assert_near (kernels->sum (x, n), sum, n);
      guarded_free (&out, 0);
    }
}

/* --- resample ------------------------------------------------------------------------------ */

static void
check_resample (const DdpmKernels *kernels, guint width, guint n_rows, gboolean accumulate)
{
  const guint n = width * n_rows;
  g_autofree float *small = new_random (1, n), *large = new_random (2, 4 * n);
  Guarded doubled = guarded_new (4 * n), halved = guarded_new (n);

  for (guint i = 0; i < 4 * n; i++)
    doubled.data[i] = 2;
  for (guint i = 0; i < n; i++)
    halved.data[i] = 2;
  kernels->double_plane (small, width, n_rows, 0.5f, accumulate, doubled.data);
  kernels->halve_plane (large, width, n_rows, 0.25f, accumulate, halved.data);
  for (guint i = 0; i < n; i++)
    {
      const guint corner = i / width * 4 * width + i % width * 2;
      const guint square[] = { corner, corner + 1, corner + 2 * width, corner + 2 * width + 1 };
      double sum = accumulate ? 2 : 0;

      for (guint j = 0; j < G_N_ELEMENTS (square); j++)
        {
          g_assert_cmpfloat (doubled.data[square[j]], ==, 0.5f * small[i] + (accumulate ? 2 : 0));
          sum += 0.25 * large[square[j]];
        }
      assert_near (halved.data[i], sum, 5);
    }
  guarded_free (&doubled, 0);
  guarded_free (&halved, 0);
}

static void
test_resample (gconstpointer data)
{
  for (guint width = 1; width <= 40; width++)
    for (guint n_rows = 1; n_rows <= 3; n_rows++)
      {
        check_resample (data, width, n_rows, FALSE);
        check_resample (data, width, n_rows, TRUE);
      }
}

static const LevelTest level_tests[] = {
  { "norm-stats", test_norm_stats },
  { "norm-stats-extremes", test_norm_stats_extremes },
  { "norm-backward", test_norm_backward },
  { "act", test_act },
  { "extremes", test_extremes },
  { "nan", test_nan },
  { "scale-add-and-sum", test_scale_add_and_sum },
  { "resample", test_resample },
};

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add_level_tests (level_tests, G_N_ELEMENTS (level_tests));
  return g_test_run ();
}
