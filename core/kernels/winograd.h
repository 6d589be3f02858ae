/* Winograd's transforms in one dimension, F(2, 3) and F(4, 3), lane by lane; two dimensions are one after the
 * other. For files compiled once per CPU level.
 *
 * With interpolation points 0, +-a, +-b and infinity (Toom-Cook), y = A^T ((G g) * (B^T d)). Lavin and Gray
 * 2016 have a = 1, b = 2; sqrt 1/2 and sqrt 2 lose half as much to rounding (measured). The gradients use the
 * transposed matrices. Each function reads its inputs `in_step` vectors apart and writes its outputs
 * `out_step` apart. */
#pragma once

#include "core/kernels/conv.h"
#include "core/kernels/vector.h"

#define A 0.70710678f
#define B 1.41421356f

/* What row i of G is divided by: the product of the point's distances to the others. */
#define NORM_0 (1.0f / (A * A * B * B))
#define NORM_A (1.0f / (2.0f * A * A * (A * A - B * B)))
#define NORM_B (1.0f / (2.0f * B * B * (B * B - A * A)))

typedef void (*Transform) (const vec *in, int in_step, vec *out, int out_step);

/* B^T: 4 values of the input to 4 points. */
FORCE_INLINE void
winograd_2_input (const vec *in, int in_step, vec *out, int out_step)
{
  const vec x0 = in[0], x1 = in[in_step], x2 = in[2 * in_step], x3 = in[3 * in_step];

  out[0] = x0 - x2;
  out[out_step] = x1 + x2;
  out[2 * out_step] = x2 - x1;
  out[3 * out_step] = x1 - x3;
}

/* G: 3 weights to 4 points. */
FORCE_INLINE void
winograd_2_weights (const vec *in, int in_step, vec *out, int out_step)
{
  const vec g0 = in[0], g1 = in[in_step], g2 = in[2 * in_step];
  const vec even = 0.5f * (g0 + g2), odd = 0.5f * g1;

  out[0] = g0;
  out[out_step] = even + odd;
  out[2 * out_step] = even - odd;
  out[3 * out_step] = g2;
}

/* A^T: 4 points to 2 values of the output. */
FORCE_INLINE void
winograd_2_output (const vec *in, int in_step, vec *out, int out_step)
{
  const vec m1 = in[in_step], m2 = in[2 * in_step];

  out[0] = in[0] + m1 + m2;
  out[out_step] = m1 - m2 - in[3 * in_step];
}

/* A: the gradient of 2 values of the output to that of 4 points. */
FORCE_INLINE void
winograd_2_grad (const vec *in, int in_step, vec *out, int out_step)
{
  const vec y0 = in[0], y1 = in[in_step];

  out[0] = y0;
  out[out_step] = y0 + y1;
  out[2 * out_step] = y0 - y1;
  out[3 * out_step] = -y1;
}

/* G^T: the gradient of 4 points to that of 3 weights. */
FORCE_INLINE void
winograd_2_weight_grad (const vec *in, int in_step, vec *out, int out_step)
{
  const vec u1 = in[in_step], u2 = in[2 * in_step];
  const vec even = 0.5f * (u1 + u2);

  out[0] = in[0] + even;
  out[out_step] = 0.5f * (u1 - u2);
  out[2 * out_step] = even + in[3 * in_step];
}

/* The upper and the lower half of the points: six values at a time are more than registers hold in both
 * dimensions. */
FORCE_INLINE void
winograd_4_input_upper (const vec *in, int in_step, vec *out, int out_step)
{
  const vec x1 = in[in_step], x2 = in[2 * in_step], x3 = in[3 * in_step], x4 = in[4 * in_step];
  const vec even = x4 - B * B * x2, odd = x3 - B * B * x1;

  out[0] = A * A * B * B * in[0] + even - A * A * x2;
  out[out_step] = even + A * odd;
  out[2 * out_step] = even - A * odd;
}

FORCE_INLINE void
winograd_4_input_lower (const vec *in, int in_step, vec *out, int out_step)
{
  const vec x1 = in[in_step], x2 = in[2 * in_step], x3 = in[3 * in_step], x4 = in[4 * in_step];
  const vec even = x4 - A * A * x2, odd = x3 - A * A * x1;

  out[0] = even + B * odd;
  out[out_step] = even - B * odd;
  out[2 * out_step] = A * A * B * B * x1 + in[5 * in_step] - (A * A + B * B) * x3;
}

FORCE_INLINE void
winograd_4_input (const vec *in, int in_step, vec *out, int out_step)
{
  winograd_4_input_upper (in, in_step, out, out_step);
  winograd_4_input_lower (in, in_step, out + 3 * out_step, out_step);
}

FORCE_INLINE void
winograd_4_weights (const vec *in, int in_step, vec *out, int out_step)
{
  const vec g0 = in[0], g1 = in[in_step], g2 = in[2 * in_step];
  const vec even_a = NORM_A * g0 + NORM_A * A * A * g2, even_b = NORM_B * g0 + NORM_B * B * B * g2;

  out[0] = NORM_0 * g0;
  out[out_step] = even_a + NORM_A * A * g1;
  out[2 * out_step] = even_a - NORM_A * A * g1;
  out[3 * out_step] = even_b + NORM_B * B * g1;
  out[4 * out_step] = even_b - NORM_B * B * g1;
  out[5 * out_step] = g2;
}

FORCE_INLINE void
winograd_4_output (const vec *in, int in_step, vec *out, int out_step)
{
  const vec m1 = in[in_step], m2 = in[2 * in_step], m3 = in[3 * in_step], m4 = in[4 * in_step];
  const vec even_a = m1 + m2, odd_a = m1 - m2, even_b = m3 + m4, odd_b = m3 - m4;

  out[0] = in[0] + even_a + even_b;
  out[out_step] = A * odd_a + B * odd_b;
  out[2 * out_step] = A * A * even_a + B * B * even_b;
  out[3 * out_step] = A * A * A * odd_a + B * B * B * odd_b + in[5 * in_step];
}

FORCE_INLINE void
winograd_4_grad_upper (const vec *in, int in_step, vec *out, int out_step)
{
  const vec even = in[0] + A * A * in[2 * in_step], odd = in[in_step] + A * A * in[3 * in_step];

  out[0] = in[0];
  out[out_step] = even + A * odd;
  out[2 * out_step] = even - A * odd;
}

FORCE_INLINE void
winograd_4_grad_lower (const vec *in, int in_step, vec *out, int out_step)
{
  const vec even = in[0] + B * B * in[2 * in_step], odd = in[in_step] + B * B * in[3 * in_step];

  out[0] = even + B * odd;
  out[out_step] = even - B * odd;
  out[2 * out_step] = in[3 * in_step];
}

FORCE_INLINE void
winograd_4_grad (const vec *in, int in_step, vec *out, int out_step)
{
  winograd_4_grad_upper (in, in_step, out, out_step);
  winograd_4_grad_lower (in, in_step, out + 3 * out_step, out_step);
}

FORCE_INLINE void
winograd_4_weight_grad (const vec *in, int in_step, vec *out, int out_step)
{
  const vec u1 = in[in_step], u2 = in[2 * in_step], u3 = in[3 * in_step], u4 = in[4 * in_step];
  const vec even_a = NORM_A * (u1 + u2), even_b = NORM_B * (u3 + u4);

  out[0] = NORM_0 * in[0] + even_a + even_b;
  out[out_step] = NORM_A * A * (u1 - u2) + NORM_B * B * (u3 - u4);
  out[2 * out_step] = A * A * even_a + B * B * even_b + in[5 * in_step];
}

/* Along the columns, which makes n_rows rows of points, then along the rows: n_in x n_in values, in rows
 * `in_step` apart, to n_rows x n_out. */
FORCE_INLINE void
transform_rows (Transform columns, Transform rows, int n_in, int n_rows, int n_out, const vec *in,
                int in_step, vec *out)
{
  vec half[6 * 6];

#pragma GCC unroll 6
  for (int col = 0; col < n_in; col++)
    columns (in + col, in_step, half + col, n_in);
#pragma GCC unroll 6
  for (int row = 0; row < n_rows; row++)
    rows (half + row * n_in, 1, out + row * n_out, 1);
}

/* n_in x n_in values to n_out x n_out. */
FORCE_INLINE void
transform_square (Transform transform, int n_in, int n_out, const vec *in, int in_step, vec *out)
{
  transform_rows (transform, transform, n_in, n_out, n_out, in, in_step, out);
}
