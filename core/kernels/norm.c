/* Group normalisation (Wu and He 2018), forward statistics and both halves of its backward pass.
 * Compiled once per CPU level. */
#include "core/kernels/act.h"
#include "core/kernels/level.h"

void
KERNEL (norm_stats) (const float *x, size_t ld, unsigned n_channels, size_t n, float eps, float *mean,
                     float *rstd)
{
  double sum = 0, sum_squares = 0;
  float centre;

  for (unsigned c = 0; c < n_channels; c++)
    sum += KERNEL (sum) (x + c * ld, n);
  centre = (float) (sum / ((double) n * n_channels));

  for (unsigned c = 0; c < n_channels; c++)
    {
      const float *row = x + c * ld;
      vec squares = { 0 };
      size_t i = 0;

      for (; i + VECTOR <= n; i += VECTOR)
        {
          const vec distance = vec_load (row + i) - centre;

          squares += distance * distance;
        }
      sum_squares += vec_sum (squares);
      for (; i < n; i++)
        sum_squares += (row[i] - centre) * (row[i] - centre);
    }
  *mean = centre;
  *rstd = (float) (1.0 / sqrt (sum_squares / ((double) n * n_channels) + eps));
}

/* u = scale x + shift is what went into the activation, xhat = (x - mean) rstd. */
FORCE_INLINE void
act_backward_row (const float *x, float *grad, size_t n, float scale, float shift, float mean, float rstd,
                  DdpmKernelAct act, const uint8_t *mask, float mask_scale, float *sum, float *sum_xhat)
{
  vec sums = { 0 }, sums_xhat = { 0 };

  if (mask != NULL)
    for (size_t i = 0; i < n; i++)
      grad[i] *= mask[i] != 0 ? mask_scale : 0.0f;
  for (size_t i = 0; i < n; i += VECTOR)
    {
      const unsigned lanes = MIN (VECTOR, n - i);
      const vec v = lanes == VECTOR ? vec_load (x + i) : vec_load_n (x + i, lanes);
      vec g = lanes == VECTOR ? vec_load (grad + i) : vec_load_n (grad + i, lanes);

      g *= vec_act_derivative (v * scale + shift, act);
      sums += g;
      sums_xhat += g * ((v - mean) * rstd);
      if (lanes == VECTOR)
        vec_store (grad + i, g);
      else
        vec_store_n (grad + i, g, lanes);
    }
  *sum = vec_sum (sums);
  *sum_xhat = vec_sum (sums_xhat);
}

void
KERNEL (norm_act_backward) (const float *x, float *grad, size_t n, float scale, float shift, float mean,
                            float rstd, DdpmKernelAct act, const uint8_t *mask, float mask_scale, float *sum,
                            float *sum_xhat)
{
  switch (act)
    {
    case DDPM_KERNEL_ACT_SILU:
      act_backward_row (x, grad, n, scale, shift, mean, rstd, DDPM_KERNEL_ACT_SILU, mask, mask_scale, sum,
                        sum_xhat);
      break;
    case DDPM_KERNEL_ACT_RELU:
      act_backward_row (x, grad, n, scale, shift, mean, rstd, DDPM_KERNEL_ACT_RELU, mask, mask_scale, sum,
                        sum_xhat);
      break;
    case DDPM_KERNEL_ACT_MISH:
      act_backward_row (x, grad, n, scale, shift, mean, rstd, DDPM_KERNEL_ACT_MISH, mask, mask_scale, sum,
                        sum_xhat);
      break;
    case DDPM_KERNEL_ACT_GELU:
      act_backward_row (x, grad, n, scale, shift, mean, rstd, DDPM_KERNEL_ACT_GELU, mask, mask_scale, sum,
                        sum_xhat);
      break;
    case DDPM_KERNEL_ACT_NONE:
    default:
      act_backward_row (x, grad, n, scale, shift, mean, rstd, DDPM_KERNEL_ACT_NONE, mask, mask_scale, sum,
                        sum_xhat);
      break;
    }
}

void
KERNEL (norm_input_backward) (const float *x, const float *grad, size_t n, float a, float b, float c,
                              int accumulate, float *grad_x)
{
  if (accumulate)
    for (size_t i = 0; i < n; i++)
      grad_x[i] += a * grad[i] + (b * x[i] + c);
  else
    for (size_t i = 0; i < n; i++)
      grad_x[i] = a * grad[i] + (b * x[i] + c);
}
