/* Attention at every CPU level against plain C in double, forward and backward. */
#include "tests/kernels/kernels-common.h"

typedef struct
{
  guint head_dim, n_pixels;
  float magnitude; /* of queries and keys */
} Shape;

static const Shape shapes[] = {
  { 1, 1, 1 },   { 3, 2, 1 },   { 8, 15, 1 },  { 7, 16, 1 },     { 5, 17, 1 },  { 32, 63, 1 },
  { 33, 64, 1 }, { 16, 65, 1 }, { 4, 100, 1 }, { 9, 127, 1 },    { 2, 128, 1 }, { 6, 129, 1 },
  { 8, 257, 1 }, { 64, 16, 1 }, { 8, 144, 9 }, { 16, 200, 300 }, /* one key takes it all; exponentials would
                                                                    overflow */
};

typedef struct
{
  Shape shape;
  gsize ld;
  double scale;
  float *query, *key, *value, *grad_output;
  double *p; /* [queries][keys]: the softmax */
} Plain;

static void
make_coarse (float *values, gsize n)
{
  for (gsize i = 0; i < n; i++)
    {
      guint32 bits;

      memcpy (&bits, values + i, sizeof bits);
      bits &= 0xffff0000u;
      memcpy (values + i, &bits, sizeof bits);
    }
}

/* coarse: numbers that bfloat16 holds as well */
static void
plain_init (Plain *plain, const Shape *shape, gboolean coarse)
{
  const gsize n = shape->n_pixels, ld = n + 3;

  *plain = (Plain) { .shape = *shape,
                     .ld = ld,
                     .scale = 1 / sqrt (shape->head_dim),
                     .query = new_random (1, shape->head_dim * ld),
                     .key = new_random (2, shape->head_dim * ld),
                     .value = new_random (3, shape->head_dim * ld),
                     .grad_output = new_random (4, shape->head_dim * ld),
                     .p = g_new0 (double, n *n) };
  for (gsize i = 0; i < shape->head_dim * ld; i++)
    {
      plain->query[i] *= shape->magnitude;
      plain->key[i] *= shape->magnitude;
      if (i % ld >= n) /* may be read, must not count */
        plain->query[i] = plain->key[i] = plain->value[i] = plain->grad_output[i] = NAN;
    }
  if (coarse)
    {
      make_coarse (plain->query, shape->head_dim * ld);
      make_coarse (plain->key, shape->head_dim * ld);
      make_coarse (plain->value, shape->head_dim * ld);
      make_coarse (plain->grad_output, shape->head_dim * ld);
    }
  for (gsize q = 0; q < n; q++)
    {
      double *row = plain->p + q * n, max = -INFINITY, sum = 0;

      for (gsize k = 0; k < n; k++)
        {
          for (gsize d = 0; d < shape->head_dim; d++)
            row[k] += plain->scale * plain->query[d * ld + q] * plain->key[d * ld + k];
          max = fmax (max, row[k]);
        }
      for (gsize k = 0; k < n; k++)
        sum += row[k] = exp (row[k] - max);
      for (gsize k = 0; k < n; k++)
        row[k] /= sum;
    }
}

static void
plain_clear (Plain *plain)
{
  g_free (plain->query);
  g_free (plain->key);
  g_free (plain->value);
  g_free (plain->grad_output);
  g_free (plain->p);
}

/* What float makes of a score is off by its last place, and its exponential by as much. */
static double
get_score_error (const Plain *plain)
{
  return 1 + plain->shape.magnitude * plain->shape.magnitude * sqrt (plain->shape.head_dim);
}

/* rounding: what a probability may be off by, times itself. */
static void
check_output (const Plain *plain, const float *output, double rounding)
{
  const gsize n = plain->shape.n_pixels, ld = plain->ld;

  for (gsize d = 0; d < plain->shape.head_dim; d++)
    for (gsize q = 0; q < n; q++)
      {
        double expected = 0, magnitude = 0;

        for (gsize k = 0; k < n; k++)
          {
            const double term = plain->p[q * n + k] * plain->value[d * ld + k];

            expected += term;
            magnitude += fabs (term);
          }
        g_assert_cmpfloat_with_epsilon (output[d * ld + q], expected,
                                        4e-6 * (1 + get_score_error (plain)) + rounding * magnitude);
      }
}

/* Sums of products, one of whose factors is rounded by `rounding` times itself, where their sizes sum up to
 * `magnitude`. */
static void
check_sum (double actual, double expected, double error, double rounding, double magnitude)
{
  if (rounding == 0)
    assert_near (actual, expected, error);
  else
    g_assert_cmpfloat_with_epsilon (actual, expected, 4e-6 * (1 + error) + rounding * magnitude);
}

/* dv = do P, dS = scale P (do^T v - sum P do^T v), dq = k dS^T, dk = q dS */
static void
check_grads (const Plain *plain, const float *grad_query, const float *grad_key, const float *grad_value,
             double rounding)
{
  const gsize n = plain->shape.n_pixels, ld = plain->ld, head_dim = plain->shape.head_dim;
  g_autofree double *score_grads = g_new0 (double, n *n);
  const double magnitude = 5 * get_score_error (plain) * plain->shape.magnitude * sqrt (head_dim);

  for (gsize q = 0; q < n; q++)
    {
      double *row = score_grads + q * n, mean = 0;

      for (gsize k = 0; k < n; k++)
        {
          for (gsize d = 0; d < head_dim; d++)
            row[k] += (double) plain->grad_output[d * ld + q] * plain->value[d * ld + k];
          mean += plain->p[q * n + k] * row[k];
        }
      for (gsize k = 0; k < n; k++)
        row[k] = plain->scale * plain->p[q * n + k] * (row[k] - mean);
    }
  for (gsize d = 0; d < head_dim; d++)
    for (gsize i = 0; i < n; i++)
      {
        double dq = 0, dk = 0, dv = 0, dq_size = 0, dk_size = 0, dv_size = 0;

        for (gsize j = 0; j < n; j++)
          {
            const double terms[] = { score_grads[i * n + j] * plain->key[d * ld + j],
                                     score_grads[j * n + i] * plain->query[d * ld + j],
                                     plain->p[j * n + i] * plain->grad_output[d * ld + j] };

            dq += terms[0];
            dk += terms[1];
            dv += terms[2];
            dq_size += fabs (terms[0]);
            dk_size += fabs (terms[1]);
            dv_size += fabs (terms[2]);
          }
        check_sum (grad_query[d * ld + i], dq, magnitude, rounding, dq_size);
        check_sum (grad_key[d * ld + i], dk, magnitude, rounding, dk_size);
        check_sum (grad_value[d * ld + i], dv, magnitude, rounding, dv_size);
      }
}

/* Between a row's end and the next row's beginning another picture lies. */
static void
check_gaps (const Plain *plain, const Guarded *matrix)
{
  for (gsize i = 0; i < matrix->n; i++)
    if (i % plain->ld >= plain->shape.n_pixels)
      g_assert_cmpfloat (matrix->data[i], ==, CANARY);
}

static void
check_shape (const DdpmKernels *kernels, const Shape *shape)
{
  Plain plain;
  const gsize n = shape->n_pixels;

  plain_init (&plain, shape, FALSE);
  {
    const gsize n_floats = (shape->head_dim - 1) * plain.ld + n;
    Guarded output = guarded_new (n_floats + DDPM_KERNEL_SLACK), max = guarded_new (n),
            factor = guarded_new (n);
    Guarded grads[3] = { guarded_new (n_floats), guarded_new (n_floats), guarded_new (n_floats) };
    Guarded forward_scratch = guarded_new (DDPM_ATTENTION_FORWARD_FLOATS);
    Guarded backward_scratch = guarded_new (DDPM_ATTENTION_BACKWARD_FLOATS + n);
    const DdpmAttention attention = {
      .query = plain.query,
      .key = plain.key,
      .value = plain.value,
      .output = output.data,
      .ld = plain.ld,
      .n_pixels = n,
      .head_dim = shape->head_dim,
      .scale = (float) plain.scale,
      .max = max.data,
      .factor = factor.data,
      .grad_output = plain.grad_output,
      .grad_query = grads[0].data,
      .grad_key = grads[1].data,
      .grad_value = grads[2].data,
    };

    for (gsize query = 0; query < n; query += DDPM_ATTENTION_BLOCK)
      kernels->attention_forward (&attention, query, MIN (query + DDPM_ATTENTION_BLOCK, n),
                                  forward_scratch.data);
    check_output (&plain, output.data, 0);
    check_gaps (&plain, &output);
    kernels->attention_backward (&attention, backward_scratch.data);
    check_grads (&plain, grads[0].data, grads[1].data, grads[2].data, 0);
    for (guint i = 0; i < G_N_ELEMENTS (grads); i++)
      {
        check_gaps (&plain, &grads[i]);
        guarded_free (&grads[i], 0);
      }
    guarded_free (&output, 0);
    guarded_free (&max, 0);
    guarded_free (&factor, 0);
    guarded_free (&forward_scratch, 0);
    guarded_free (&backward_scratch, 0);
  }
  plain_clear (&plain);
}

static void
test_attention (gconstpointer data)
{
  for (gsize i = 0; i < G_N_ELEMENTS (shapes); i++)
    check_shape (data, &shapes[i]);
}

/* A network that is broken must show it, not hide it. */
static void
test_nan (gconstpointer data)
{
  const DdpmKernels *kernels = data;
  const Shape shape = { 4, 20, 1 };
  g_autofree float *scratch = g_new (float, DDPM_ATTENTION_FORWARD_FLOATS);
  g_autofree float *output = g_new0 (float, 4 * 23 + DDPM_KERNEL_SLACK);
  float max[20], factor[20];
  Plain plain;
  DdpmAttention attention;

  plain_init (&plain, &shape, FALSE);
  plain.key[7] = NAN;
  attention = (DdpmAttention) { .query = plain.query,
                                .key = plain.key,
                                .value = plain.value,
                                .output = output,
                                .ld = plain.ld,
                                .n_pixels = shape.n_pixels,
                                .head_dim = shape.head_dim,
                                .scale = 0.5f,
                                .max = max,
                                .factor = factor };
  kernels->attention_forward (&attention, 0, shape.n_pixels, scratch);
  for (guint q = 0; q < shape.n_pixels; q++)
    g_assert_true (isnan (output[q]));
  plain_clear (&plain);
}

/* The output is not stored rounded, so that the mean of P's gradient is off by a probability's rounding. */
static void
check_bf16 (const DdpmKernels *kernels, const Shape *shape)
{
  const gsize n = shape->n_pixels;
  Plain plain;

  plain_init (&plain, shape, TRUE);
  {
    const gsize n_floats = (shape->head_dim - 1) * plain.ld + n;
    Guarded output = guarded_new (n_floats + DDPM_KERNEL_SLACK), max = guarded_new (n),
            factor = guarded_new (n);
    Guarded grads[3] = { guarded_new (n_floats), guarded_new (n_floats), guarded_new (n_floats) };
    Guarded scratch =
      guarded_new (DDPM_ATTENTION_BF16_FLOATS + shape->head_dim * DDPM_ATTENTION_BF16_DIM_FLOATS);
    Guarded backward_scratch = guarded_new (DDPM_ATTENTION_BF16_BACKWARD_FLOATS (shape->head_dim, n));
    const DdpmAttention attention = { .query = plain.query,
                                      .key = plain.key,
                                      .value = plain.value,
                                      .output = output.data,
                                      .ld = plain.ld,
                                      .n_pixels = n,
                                      .head_dim = shape->head_dim,
                                      .scale = (float) plain.scale,
                                      .max = max.data,
                                      .factor = factor.data,
                                      .grad_output = plain.grad_output,
                                      .grad_query = grads[0].data,
                                      .grad_key = grads[1].data,
                                      .grad_value = grads[2].data };

    for (gsize query = 0; query < n; query += DDPM_ATTENTION_BLOCK)
      kernels->attention_forward_bf16 (&attention, query, MIN (query + DDPM_ATTENTION_BLOCK, n),
                                       scratch.data);
    check_output (&plain, output.data, 1 / 256.0);
    check_gaps (&plain, &output);
    kernels->attention_backward_bf16 (&attention, backward_scratch.data);
    check_grads (&plain, grads[0].data, grads[1].data, grads[2].data, 1 / 64.0);
    for (guint i = 0; i < G_N_ELEMENTS (grads); i++)
      {
        check_gaps (&plain, &grads[i]);
        guarded_free (&grads[i], 0);
      }
    guarded_free (&output, 0);
    guarded_free (&max, 0);
    guarded_free (&factor, 0);
    guarded_free (&scratch, 0);
    guarded_free (&backward_scratch, 0);
  }
  plain_clear (&plain);
}

static void
test_bf16 (gconstpointer data)
{
  const DdpmKernels *kernels = data;

  if (!kernels->has_bf16)
    {
      g_test_skip ("this level has no bf16");
      return;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (shapes); i++)
    check_bf16 (kernels, &shapes[i]);
}

static const LevelTest level_tests[] = {
  { "attention", test_attention },
  { "attention-nan", test_nan },
  { "attention-bf16", test_bf16 },
};

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add_level_tests (level_tests, G_N_ELEMENTS (level_tests));
  return g_test_run ();
}
