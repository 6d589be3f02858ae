/* Every CPU level that this processor has, against plain C: odd sizes, tails, extremes, and guard zones
 * around every output. Tolerances are scaled by the magnitude of what was added up. */
#include "tests/kernels/kernels-common.h"

/* --- plain C ------------------------------------------------------------------------------- */

static double
plain_act (double u, DdpmKernelAct act)
{
  switch (act)
    {
    case DDPM_KERNEL_ACT_SILU:
      return u / (1 + exp (-u));
    case DDPM_KERNEL_ACT_MISH:
      return u * tanh (log1p (exp (u)));
    case DDPM_KERNEL_ACT_GELU:
      return u / 2 * (1 + erf (u / sqrt (2)));
    case DDPM_KERNEL_ACT_RELU:
      return u > 0 ? u : 0;
    case DDPM_KERNEL_ACT_NONE:
    default:
      return u;
    }
}

static double
plain_derivative (double u, DdpmKernelAct act)
{
  const double h = 1e-5;

  return (plain_act (u + h, act) - plain_act (u - h, act)) / (2 * h);
}

/* --- convolution --------------------------------------------------------------------------- */

typedef struct
{
  guint n_in, n_out, n_images, height, width, kernel, stride, pad;
  gboolean norm, mask;
} Shape;

static const Shape shapes[] = {
  { 1, 1, 1, 1, 1, 3, 1, 1, FALSE, FALSE },
  { 3, 5, 2, 7, 5, 3, 1, 1, FALSE, FALSE },
  { 4, 9, 1, 16, 16, 3, 1, 1, TRUE, FALSE },
  { 5, 8, 3, 4, 4, 3, 1, 1, TRUE, TRUE },
  { 2, 17, 2, 3, 33, 3, 1, 1, TRUE, FALSE },
  { 7, 3, 1, 32, 32, 3, 1, 1, FALSE, FALSE },
  { 6, 6, 2, 8, 8, 3, 2, 1, FALSE, FALSE },
  { 3, 10, 2, 8, 12, 3, 2, 0, FALSE, FALSE },
  { 5, 11, 3, 5, 7, 1, 1, 0, TRUE, FALSE },
  { 16, 16, 1, 16, 1, 1, 1, 0, FALSE, FALSE },
  { 33, 25, 1, 2, 2, 3, 1, 1, FALSE, FALSE },
  /* more positions than are taken at a time, by rows and within one long row */
  { 2, 3, 2, 40, 32, 3, 1, 1, FALSE, FALSE },
  { 2, 3, 1, 50, 48, 3, 1, 1, FALSE, FALSE },
};

typedef struct
{
  Shape shape;
  guint out_height, out_width;
  DdpmConvPlanes planes;
  DdpmConvGrid grid;
  float *x, *weights, *scale, *shift;
  guint8 *mask;
  float *gathered;
} Conv;

static void
conv_init (Conv *conv, const DdpmKernels *kernels, const Shape *shape)
{
  const guint padded = shape->pad == 0 && shape->kernel == 3 ? 1 : 2 * shape->pad;
  const guint plane_width = shape->kernel == 1 ? shape->width : shape->width / shape->stride + 2;
  const guint plane_height = shape->kernel == 1 ? shape->height : shape->height / shape->stride + 2;
  const gsize plane = (gsize) plane_height * plane_width, n_pixels = (gsize) shape->height * shape->width;
  const gsize phase = plane * shape->n_images;

  *conv = (Conv){ .shape = *shape,
                  .out_height = (shape->height + padded - shape->kernel) / shape->stride + 1,
                  .out_width = (shape->width + padded - shape->kernel) / shape->stride + 1,
                  .planes = { plane_height, plane_width, shape->pad, shape->stride } };
  conv->grid = (DdpmConvGrid){ .n_images = shape->n_images,
                               .rows = conv->out_height,
                               .cols = conv->out_width,
                               .plane_width = plane_width,
                               .image_stride = plane,
                               .channel_stride = phase * shape->stride * shape->stride + DDPM_KERNEL_SLACK,
                               .n_taps = shape->kernel * shape->kernel };
  for (guint tap = 0; tap < conv->grid.n_taps; tap++)
    {
      const guint ky = tap / shape->kernel, kx = tap % shape->kernel;

      conv->grid.tap_offset[tap] = shape->stride == 1
                                     ? ky * plane_width + kx
                                     : (ky % 2 * 2 + kx % 2) * phase + ky / 2 * plane_width + kx / 2;
    }
  conv->x = new_random (1, shape->n_in * shape->n_images * n_pixels);
  conv->weights = new_random (2, (gsize) shape->n_out * shape->n_in * conv->grid.n_taps);
  conv->scale = new_random (3, shape->n_in * shape->n_images);
  conv->shift = new_random (4, shape->n_in * shape->n_images);
  conv->mask = g_new (guint8, shape->n_in * shape->n_images * n_pixels);
  for (gsize i = 0; i < shape->n_in * shape->n_images * n_pixels; i++)
    conv->mask[i] = i % 3 != 0;
  conv->gathered = g_new0 (float, shape->n_in * conv->grid.channel_stride + GUARD);
  for (guint c = 0; c < shape->n_in; c++)
    {
      Guarded channel = guarded_new (conv->grid.channel_stride - DDPM_KERNEL_SLACK);
      const DdpmConvSource source = { .x = conv->x + c * shape->n_images * n_pixels,
                                      .n_images = shape->n_images,
                                      .height = shape->height,
                                      .width = shape->width,
                                      .scale = shape->norm ? conv->scale + c * shape->n_images : NULL,
                                      .shift = shape->norm ? conv->shift + c * shape->n_images : NULL,
                                      .act = DDPM_KERNEL_ACT_SILU,
                                      .mask =
                                        shape->mask ? conv->mask + c * shape->n_images * n_pixels : NULL,
                                      .mask_scale = 1.5f };

      kernels->conv_gather (&source, &conv->planes, channel.data);
      memcpy (conv->gathered + c * conv->grid.channel_stride, channel.data,
              (channel.n + DDPM_KERNEL_SLACK) * sizeof (float));
      guarded_free (&channel, DDPM_KERNEL_SLACK);
    }
}

static void
conv_clear (Conv *conv)
{
  g_free (conv->x);
  g_free (conv->weights);
  g_free (conv->scale);
  g_free (conv->shift);
  g_free (conv->mask);
  g_free (conv->gathered);
}

/* What a tap of an output position sees: 0 in the padding. */
static double
plain_input (const Conv *conv, guint c, guint image, guint row, guint col, guint tap)
{
  const Shape *s = &conv->shape;
  const gint y = (gint) (row * s->stride + tap / s->kernel) - (gint) s->pad;
  const gint x = (gint) (col * s->stride + tap % s->kernel) - (gint) s->pad;
  const gsize place = c * s->n_images + image;
  gsize pixel;
  double value;

  if (y < 0 || x < 0 || y >= (gint) s->height || x >= (gint) s->width)
    return 0;
  pixel = (place * s->height + y) * s->width + x;
  value = conv->x[pixel];
  if (s->norm)
    value = plain_act (conv->scale[place] * value + conv->shift[place], DDPM_KERNEL_ACT_SILU);
  if (s->mask)
    value *= conv->mask[pixel] ? 1.5 : 0;
  return value;
}

static void
check_conv_forward (const DdpmKernels *kernels, const Conv *conv, gboolean extras)
{
  const Shape *s = &conv->shape;
  const gsize n_pixels = (gsize) conv->out_height * conv->out_width, row = s->n_images * n_pixels,
              ld = row + 3;
  const guint n_blocks = (s->n_out + kernels->conv_block - 1) / kernels->conv_block;
  const guint n_vectors = ddpm_conv_count_vectors (&conv->grid, kernels->vector);
  const guint tap_index[9] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 };
  Guarded packed = guarded_new ((gsize) n_blocks * kernels->conv_block * s->n_in * conv->grid.n_taps);
  Guarded out = guarded_new (s->n_out * ld - 3);
  g_autofree float *bias = new_random (5, s->n_out * s->n_images), *residual = new_random (6, s->n_out * ld);
  const DdpmConvTarget target = { .out = out.data,
                                  .ld = ld,
                                  .image_size = n_pixels,
                                  .width = conv->out_width,
                                  .step = 1,
                                  .bias = extras ? bias : NULL,
                                  .residual = extras ? residual : NULL,
                                  .residual_ld = ld,
                                  .scale = extras ? 0.75f : 1.0f,
                                  .accumulate = extras };

  kernels->conv_pack (conv->weights, (gsize) s->n_in * conv->grid.n_taps, conv->grid.n_taps, tap_index,
                      conv->grid.n_taps, s->n_out, s->n_in, 0, n_blocks, packed.data);
  for (guint block = 0; block < n_blocks; block++)
    for (guint vector = 0; vector < n_vectors; vector += 2)
      kernels->conv_multiply (&conv->grid, conv->gathered, packed.data, s->n_in, s->n_out, block, block + 1,
                              vector, MIN (vector + 2, n_vectors), &target);

  for (guint out_channel = 0; out_channel < s->n_out; out_channel++)
    for (gsize p = 0; p < ld && out_channel * ld + p < out.n; p++)
      {
        const gsize place = out_channel * ld + p;
        double sum = 0, magnitude = 0;

        if (p >= row)
          {
            g_assert_cmpfloat (out.data[place], ==, CANARY);
            continue;
          }
        for (guint c = 0; c < s->n_in; c++)
          for (guint tap = 0; tap < conv->grid.n_taps; tap++)
            {
              const guint image = p / n_pixels, pixel = p % n_pixels;
              const double product =
                plain_input (conv, c, image, pixel / conv->out_width, pixel % conv->out_width, tap)
                * conv->weights[((gsize) out_channel * s->n_in + c) * conv->grid.n_taps + tap];

              sum += product;
              magnitude += fabs (product);
            }
        if (extras)
          sum = CANARY + 0.75 * (sum + bias[out_channel * s->n_images + p / n_pixels] + residual[place]);
        assert_near (out.data[place], sum, magnitude + (extras ? CANARY / 40 : 0));
      }
  guarded_free (&packed, 0);
  guarded_free (&out, 0);
}

static void
check_conv_weight_grad (const DdpmKernels *kernels, const Conv *conv, gboolean unfold)
{
  const Shape *s = &conv->shape;
  const gsize n_pixels = (gsize) conv->out_height * conv->out_width, row = s->n_images * n_pixels,
              ld = row + 3;
  const gsize n_columns = (gsize) s->n_in * conv->grid.n_taps;
  const DdpmConvGrid unfolded = { .n_images = 1, .rows = 1, .cols = row, .channel_stride = row, .n_taps = 1 };
  g_autofree float *grad = new_random (8, s->n_out * ld);
  Guarded columns = guarded_new (n_columns * row), grad_weights = guarded_new (s->n_out * n_columns);

  for (gsize i = 0; i < s->n_out * ld; i++)
    if (i % ld >= row)
      grad[i] = NAN; /* not to be read */
  for (gsize i = 0; i < grad_weights.n; i++)
    grad_weights.data[i] = 1; /* to be added to */
  kernels->conv_unfold (&conv->grid, conv->gathered, 0, n_columns, row, columns.data);
  for (guint out = 0; out < s->n_out; out += 7)
    for (gsize column = 0; column < n_columns; column += 11)
      kernels->conv_weight_grad (unfold ? &unfolded : &conv->grid, unfold ? columns.data : conv->gathered,
                                 grad, ld, n_columns, out, MIN (out + 7, s->n_out), column,
                                 MIN (column + 11, n_columns), grad_weights.data);

  for (gsize i = 0; i < grad_weights.n; i++)
    {
      const guint out = i / n_columns, c = i % n_columns / conv->grid.n_taps, tap = i % conv->grid.n_taps;
      double sum = 1, magnitude = 1;

      for (gsize p = 0; p < row; p++)
        {
          const guint pixel = p % n_pixels;
          const double product =
            plain_input (conv, c, p / n_pixels, pixel / conv->out_width, pixel % conv->out_width, tap)
            * grad[out * ld + p];

          sum += product;
          magnitude += fabs (product);
        }
      assert_near (grad_weights.data[i], sum, magnitude);
    }
  guarded_free (&columns, 0);
  guarded_free (&grad_weights, 0);
}

static void
test_conv (gconstpointer data)
{
  const DdpmKernels *kernels = data;

  for (gsize i = 0; i < G_N_ELEMENTS (shapes); i++)
    {
      Conv conv;

      conv_init (&conv, kernels, &shapes[i]);
      check_conv_forward (kernels, &conv, FALSE);
      check_conv_forward (kernels, &conv, TRUE);
      check_conv_weight_grad (kernels, &conv, FALSE);
      check_conv_weight_grad (kernels, &conv, TRUE);
      conv_clear (&conv);
    }
}

/* Results that go to every second row and column, as a data gradient with stride 2 does. */
static void
test_conv_step (gconstpointer data)
{
  const DdpmKernels *kernels = data;
  const guint size = 16, wide = 2 * size, tap_index[1] = { 0 };
  g_autofree float *x = new_random (1, size * size);
  const float weight = 2.0f;
  g_autofree float *packed = g_new (float, kernels->conv_block);
  Guarded out = guarded_new (wide * wide);
  const DdpmConvGrid grid = { .n_images = 1,
                              .rows = size,
                              .cols = size,
                              .plane_width = size,
                              .image_stride = size * size,
                              .channel_stride = size * size,
                              .n_taps = 1 };
  const DdpmConvTarget target = { .out = out.data,
                                  .ld = wide * wide,
                                  .image_size = wide * wide,
                                  .width = wide,
                                  .step = 2,
                                  .row_start = 1,
                                  .scale = 1 };

  kernels->conv_pack (&weight, 1, 1, tap_index, 1, 1, 1, 0, 1, packed);
  kernels->conv_multiply (&grid, x, packed, 1, 1, 0, 1, 0, ddpm_conv_count_vectors (&grid, kernels->vector),
                          &target);
  for (guint i = 0; i < wide * wide; i++)
    {
      const guint row = i / wide, col = i % wide;

      if (row % 2 == 1 && col % 2 == 0)
        g_assert_cmpfloat (out.data[i], ==, weight * x[row / 2 * size + col / 2]);
      else
        g_assert_cmpfloat (out.data[i], ==, CANARY);
    }
  guarded_free (&out, 0);
}

/* --- norm ---------------------------------------------------------------------------------- */

static const gsize lengths[] = { 1, 2, 3, 7, 8, 15, 16, 17, 31, 64, 100, 257 };

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
  const float x[] = { 0.0f, 1e-38f, 87.0f, -87.0f, 89.0f, -89.0f, 1e4f, -1e4f, 1e30f, -1e30f, NAN };
  float y[G_N_ELEMENTS (x)];

  kernels->act_forward (x, G_N_ELEMENTS (x), 1, 0, DDPM_KERNEL_ACT_SILU, y);
  for (gsize i = 0; i + 1 < G_N_ELEMENTS (x); i++)
    {
      g_assert_true (isfinite (y[i]));
      if (fabs (x[i]) < 1e5)
        assert_near (y[i], plain_act (x[i], DDPM_KERNEL_ACT_SILU), 1);
    }
  g_assert_true (isnan (y[G_N_ELEMENTS (x) - 1])); /* a broken network must show */
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

static void
test_gemm (void)
{
  const guint m = 5, n = 7, k = 6;
  g_autofree float *a = new_random (1, m * k), *b = new_random (2, n * k);

  for (guint transposed = 0; transposed < 4; transposed++)
    {
      const gboolean ta = transposed & 1, tb = transposed >> 1;
      Guarded c = guarded_new (m * n);

      for (gsize i = 0; i < c.n; i++)
        c.data[i] = 1;
      ddpm_gemm (ta, tb, m, n, k, 2.0f, a, ta ? m : k, b, tb ? k : n, 3.0f, c.data, n);
      for (guint i = 0; i < m * n; i++)
        {
          double sum = 0;

          for (guint j = 0; j < k; j++)
            sum += (double) a[ta ? j * m + i / n : i / n * k + j] * b[tb ? i % n * k + j : j * n + i % n];
          assert_near (c.data[i], 2 * sum + 3, 10);
        }
      guarded_free (&c, 0);
    }
}

static const LevelTest level_tests[] = {
  { "conv", test_conv },
  { "conv-step", test_conv_step },
  { "norm-stats", test_norm_stats },
  { "norm-backward", test_norm_backward },
  { "act", test_act },
  { "extremes", test_extremes },
  { "scale-add-and-sum", test_scale_add_and_sum },
};

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add_level_tests (level_tests, G_N_ELEMENTS (level_tests));
  g_test_add_func ("/kernels/gemm", test_gemm);
  return g_test_run ();
}
