/* Group normalisation (Wu and He 2018), forward statistics and both halves of its backward pass.
 * Compiled once per CPU level. */
#include "core/kernels/act.h"
#include "core/kernels/level.h"

/* --- statistics ---------------------------------------------------------------------------- */

/* Mean and sum of squared distances to it of what each lane has seen. Blocks are put together by Chan, Golub
 * and LeVeque's formula (1979), so that everything is read once and a large mean does not drown the variance.
 */
typedef struct
{
  vec mean, squares;
  float n; /* values of each lane */
} LaneStats;

FORCE_INLINE void
stats_add (LaneStats *stats, const vec *values, int n_values)
{
  const float n = stats->n + n_values, share = n_values / n;
  vec mean = { 0 }, squares = { 0 }, distance;

#pragma GCC unroll 8
  for (int i = 0; i < n_values; i++)
    mean += values[i];
  mean *= 1.0f / n_values;
#pragma GCC unroll 8
  for (int i = 0; i < n_values; i++)
    squares += (values[i] - mean) * (values[i] - mean);

  distance = mean - stats->mean;
  stats->mean += distance * share;
  stats->squares += squares + distance * distance * (stats->n * share);
  stats->n = n;
}

/* n_vectors of them, one behind the other. */
FORCE_INLINE void
stats_add_row (LaneStats *stats, const float *row, size_t n_vectors)
{
  vec values[8];

  for (; n_vectors >= 8; n_vectors -= 8, row += 8 * VECTOR)
    {
#pragma GCC unroll 8
      for (int i = 0; i < 8; i++)
        {
          fetch_ahead (row + i * VECTOR);
          values[i] = vec_load (row + i * VECTOR);
        }
      stats_add (stats, values, 8);
    }
  for (; n_vectors > 0; n_vectors--, row += VECTOR)
    {
      values[0] = vec_load (row);
      stats_add (stats, values, 1);
    }
}

void
KERNEL (norm_stats) (const float *x, size_t ld, unsigned n_channels, size_t n, float eps, float *mean,
                     float *rstd)
{
  const size_t n_vectors = n / VECTOR, n_rest = n % VECTOR;
  LaneStats whole = { .n = 0 }, rest = { .n = 0 }; /* rest: what is left of each row, in its first lanes */
  double sum = 0, squares = 0, centre;

  for (unsigned c = 0; c < n_channels; c++, x += ld)
    {
      stats_add_row (&whole, x, n_vectors);
      if (n_rest > 0)
        {
          const vec values = vec_load_n (x + n_vectors * VECTOR, n_rest);

          stats_add (&rest, &values, 1);
        }
    }
  for (size_t i = 0; i < VECTOR; i++)
    sum += (double) whole.mean[i] * whole.n + (i < n_rest ? (double) rest.mean[i] * rest.n : 0.0);
  centre = sum / ((double) n * n_channels);
  for (size_t i = 0; i < VECTOR; i++)
    {
      const double distance = whole.mean[i] - centre, rest_distance = rest.mean[i] - centre;

      squares += whole.squares[i] + distance * distance * whole.n;
      if (i < n_rest)
        squares += rest.squares[i] + rest_distance * rest_distance * rest.n;
    }
  *mean = (float) centre;
  *rstd = (float) (1.0 / sqrt (squares / ((double) n * n_channels) + eps));
}

/* --- backward ------------------------------------------------------------------------------ */

/* What a row's sums are made of. */
typedef struct
{
  float scale, shift, mean;
  float mask_scale;
  vec sums, sums_distance; /* of the gradient, and of it times x - mean */
} RowGrad;

/* u = scale x + shift is what went into the activation. */
FORCE_INLINE vec
grad_through_act (RowGrad *row, vec x, vec grad, DdpmKernelAct act)
{
  grad *= vec_act_derivative (x * row->scale + row->shift, act);
  row->sums += grad;
  row->sums_distance += grad * (x - row->mean);
  return grad;
}

FORCE_INLINE void
act_backward_whole (RowGrad *row, const float *x, float *grad, size_t n, DdpmKernelAct act,
                    const uint8_t *mask)
{
  for (size_t i = 0; i < n; i += VECTOR)
    {
      vec g = vec_load (grad + i);

      fetch_ahead (x + i);
      fetch_ahead (grad + i);
      if (mask != NULL)
        g *= vec_load_mask (mask + i, VECTOR) * row->mask_scale;
      vec_store (grad + i, grad_through_act (row, vec_load (x + i), g, act));
    }
}

FORCE_INLINE void
act_backward_row (RowGrad *row, const float *x, float *grad, size_t n, DdpmKernelAct act, const uint8_t *mask)
{
  const size_t whole = n - n % VECTOR;
  const unsigned n_rest = n % VECTOR;

  if (mask == NULL)
    act_backward_whole (row, x, grad, whole, act, NULL);
  else
    act_backward_whole (row, x, grad, whole, act, mask);
  if (n_rest > 0)
    {
      vec g = vec_load_n (grad + whole, n_rest);

      if (mask != NULL)
        g *= vec_load_mask (mask + whole, n_rest) * row->mask_scale;
      vec_store_n (grad + whole, grad_through_act (row, vec_load_n (x + whole, n_rest), g, act), n_rest);
    }
}

void
KERNEL (norm_act_backward) (const float *x, float *grad, size_t n, float scale, float shift, float mean,
                            float rstd, DdpmKernelAct act, const uint8_t *mask, float mask_scale, float *sum,
                            float *sum_xhat)
{
  RowGrad row = { .scale = scale, .shift = shift, .mean = mean, .mask_scale = mask_scale };

  switch (act)
    {
    case DDPM_KERNEL_ACT_SILU:
      act_backward_row (&row, x, grad, n, DDPM_KERNEL_ACT_SILU, mask);
      break;
    case DDPM_KERNEL_ACT_RELU:
      act_backward_row (&row, x, grad, n, DDPM_KERNEL_ACT_RELU, mask);
      break;
    case DDPM_KERNEL_ACT_MISH:
      act_backward_row (&row, x, grad, n, DDPM_KERNEL_ACT_MISH, mask);
      break;
    case DDPM_KERNEL_ACT_GELU:
      act_backward_row (&row, x, grad, n, DDPM_KERNEL_ACT_GELU, mask);
      break;
    case DDPM_KERNEL_ACT_NONE:
    default:
      act_backward_row (&row, x, grad, n, DDPM_KERNEL_ACT_NONE, mask);
      break;
    }
  *sum = vec_sum (row.sums);
  *sum_xhat = vec_sum (row.sums_distance) * rstd;
}

void
KERNEL (norm_input_backward) (const float *x, const float *grad, size_t n, float a, float b, float c,
                              int accumulate, float *grad_x)
{
  const size_t whole = n - n % VECTOR;

  for (size_t i = 0; i < whole; i += VECTOR)
    {
      const vec g = vec_load (grad + i) * a + (vec_load (x + i) * b + c);

      fetch_ahead (grad_x + i);
      vec_store (grad_x + i, accumulate ? vec_load (grad_x + i) + g : g);
    }
  for (size_t i = whole; i < n; i++)
    grad_x[i] = a * grad[i] + (b * x[i] + c) + (accumulate ? grad_x[i] : 0.0f);
}
