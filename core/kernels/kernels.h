/* The arithmetic of the network on plain float arrays: one table of functions per CPU level.
 *
 * Activations are channel-major: a tensor of C channels, B pictures and H x W pixels is a matrix
 * [C][B*H*W], rows `ld` floats apart. A convolution over a whole batch is then one matrix product,
 * and two tensors lie concatenated along their channels when they lie one behind the other.
 *
 * Kernels do not allocate, do not fail and do not know about threads: each works on a part (a
 * channel, a group, a range of positions) that the caller hands to its thread team. Where a kernel
 * reads or writes up to DDPM_KERNEL_SLACK floats past the end of a row, its comment says so. */
#pragma once

#include "core/kernels/conv.h"

#define DDPM_KERNEL_SLACK 16 /* floats; the widest vector there is */

/* A product of matrices: c[i][j] = sum over k of a (i, k) b[k][j], with a (i, k) = a[i * a_row + k * a_col].
 * Columns of b are read in whole vectors: up to DDPM_KERNEL_SLACK floats beyond n_cols. */
typedef struct
{
  const float *a;
  size_t a_row, a_col;
  const float *b;
  size_t ldb;
  float *c;
  size_t ldc;
  size_t n_rows, n_cols, n_sum;
  int accumulate;    /* add to what is in c ... */
  const float *keep; /* ... times keep[j]; NULL: times 1 */
} DdpmMatrixProduct;

/* Self-attention of one head over one picture's pixels: o = v softmax (scale q^T k)^T. Matrices are
 * [head_dim][n_pixels], rows ld floats apart, readable DDPM_KERNEL_SLACK beyond their end. */
typedef struct
{
  const float *query, *key, *value;
  float *output;
  size_t ld, n_pixels;
  unsigned head_dim;
  float scale;
  /* [n_pixels]: each query's softmax is factor * exp (scale q^T k - max). Forward writes, backward reads. */
  float *max, *factor;
  /* backward */
  const float *grad_output;
  float *grad_query, *grad_key, *grad_value; /* overwritten */
} DdpmAttention;

#define DDPM_ATTENTION_BLOCK 64 /* queries */

/* Scratch, in floats; bf16 for each of head_dim, backward n_pixels more. Backward in bf16 keeps all queries
 * rounded. */
#define DDPM_ATTENTION_FORWARD_FLOATS (128 * DDPM_ATTENTION_BLOCK)
#define DDPM_ATTENTION_BF16_FLOATS (192 * DDPM_ATTENTION_BLOCK)
#define DDPM_ATTENTION_BF16_DIM_FLOATS (4 * DDPM_ATTENTION_BLOCK)
#define DDPM_ATTENTION_BF16_BACKWARD_FLOATS(head_dim, n_pixels)                                    \
  (4 * DDPM_ATTENTION_BLOCK * DDPM_ATTENTION_BLOCK                                                 \
   + ((size_t) (head_dim) + 1) * (2 * DDPM_ATTENTION_BLOCK + 2 * ((n_pixels) + DDPM_KERNEL_SLACK)) \
   + (n_pixels) + DDPM_KERNEL_SLACK)
#define DDPM_ATTENTION_BACKWARD_FLOATS (3 * DDPM_ATTENTION_BLOCK * DDPM_ATTENTION_BLOCK + DDPM_KERNEL_SLACK)

/* The numbers of one step of AdamW with gradients g: m = keep1 m + gain1 grad_scale g,
 * v = keep2 v + gain2 (grad_scale g)^2, weight = decay weight - rate m / (correction sqrt (v) + eps). */
typedef struct
{
  float grad_scale, keep1, gain1, keep2, gain2;
  float decay, rate, correction, eps;
} DdpmAdamwStep;

typedef struct
{
  const char *name;
  int has_bf16;        /* whether there are kernels that take bfloat16 factors */
  unsigned vector;     /* floats in a vector */
  unsigned tile_group; /* tiles of a convolution computed together */

  /* conv-input.c: channel block `block` of the tile rows row_begin … row_end-1, which lie in `tiles`; where
   * these are pairs, an even number of tiles lies before row_begin. strip: ddpm_conv_strip_floats of scratch,
   * aligned to a vector. */
  void (*conv_input_tiles) (const DdpmConvShape *shape, const DdpmConvSource *source, unsigned block,
                            unsigned row_begin, unsigned row_end, float *strip, const DdpmConvTiles *tiles);
  /* The same from the gradient of the output, for conv_multiply_grad. */
  void (*conv_grad_tiles) (const DdpmConvShape *shape, const DdpmConvSource *grad, unsigned block,
                           unsigned row_begin, unsigned row_end, float *strip, const DdpmConvTiles *tiles);

  /* conv-weights.c. packed[taps][in][out], `vector` of both, of the weights whose element (out, in, tap) is
   * weights[out * out_stride + in * in_stride + tap], taps in reverse order if `turn`. One of the strides is
   * n_taps. */
  void (*conv_pack) (const float *weights, size_t out_stride, size_t in_stride, int turn, unsigned n_taps,
                     unsigned n_out, unsigned n_in, unsigned out_block, unsigned in_block, float *packed);
  /* A packed block of taps to [points][in][out] floats, point_stride apart, or to bfloat16 as
   * conv_multiply_bf16 takes it. Unfolded, [taps] takes the place of [points] without a stride, and only
   * bfloat16 makes sense. */
  void (*conv_transform_weights) (DdpmConvMethod method, int bf16, unsigned n_taps, const float *packed,
                                  void *points, size_t point_stride);
  /* The way back: adds to grad_weights[n_out][n_in][taps] what conv_multiply_grad left of a block in points
   * (unfolded, [taps][in][out]). */
  void (*conv_add_weight_grad) (DdpmConvMethod method, const float *points, size_t point_stride,
                                unsigned n_taps, unsigned n_out, unsigned n_in, unsigned out_block,
                                unsigned in_block, float *grad_weights);

  /* conv-multiply.c. */
  void (*conv_multiply) (const DdpmConvTiles *input, const DdpmConvPart *part, const DdpmConvTiles *output);
  /* conv-multiply-bf16.c, where has_bf16: input and weights in bfloat16, products and sums in float. */
  void (*conv_multiply_bf16) (const DdpmConvTiles *input, const DdpmConvPart *part,
                              const DdpmConvTiles *output);
  /* One point's gradient[out blocks][n_blocks of the input][in][out] = sum over tiles of input times grads,
   * added to what is there if accumulate, for input blocks in_begin … in_end-1 and output blocks out_begin …
   * out_end-1. */
  void (*conv_multiply_grad) (const DdpmConvTiles *input, const DdpmConvTiles *grads, unsigned n_groups,
                              unsigned point, unsigned in_begin, unsigned in_end, unsigned out_begin,
                              unsigned out_end, int accumulate, float *gradient);
  /* conv-multiply-bf16.c, where has_bf16: the same of pairs. */
  void (*conv_multiply_grad_bf16) (const DdpmConvTiles *input, const DdpmConvTiles *grads, unsigned n_groups,
                                   unsigned point, unsigned in_begin, unsigned in_end, unsigned out_begin,
                                   unsigned out_end, int accumulate, float *gradient);

  /* conv-output.c: block `block` of the output channels, tile rows row_begin … row_end-1. */
  void (*conv_output) (const DdpmConvShape *shape, const DdpmConvTiles *tiles, unsigned block,
                       unsigned row_begin, unsigned row_end, float *strip, const DdpmConvTarget *target);

  /* norm.c: one picture's group of n_channels rows of n floats, ld apart. */
  void (*norm_stats) (const float *x, size_t ld, unsigned n_channels, size_t n, float eps, float *mean,
                      float *rstd);
  /* grad[] (gradient of act (scale x + shift), of one row) becomes the gradient of scale x + shift; sum and
   * sum_xhat are the sums over the row of it and of it times (x - mean) * rstd. */
  void (*norm_act_backward) (const float *x, float *grad, size_t n, float scale, float shift, float mean,
                             float rstd, DdpmKernelAct act, const uint8_t *mask, float mask_scale, float *sum,
                             float *sum_xhat);
  /* grad_x = a * grad + b * x + c on a row, added if accumulate. */
  void (*norm_input_backward) (const float *x, const float *grad, size_t n, float a, float b, float c,
                               int accumulate, float *grad_x);

  /* pointwise.c */
  void (*act_forward) (const float *x, size_t n, float scale, float shift, DdpmKernelAct act, float *y);
  /* grad_x = grad_y * act' (x), added to what is there if accumulate. */
  void (*act_backward) (const float *x, const float *grad_y, size_t n, DdpmKernelAct act, int accumulate,
                        float *grad_x);
  /* out = a * x, added to what is there if accumulate. */
  void (*scale_add) (const float *x, size_t n, float a, int accumulate, float *out);
  float (*sum) (const float *x, size_t n);

  /* resample.c: each of n_rows rows of `width` pixels of x, times factor, as two rows of 2 * width; and the
   * way back, y = factor * the sums of x's squares of 2x2 pixels, n_rows rows of `width` of them. Added to
   * what is in y if accumulate. */
  void (*double_plane) (const float *x, unsigned width, size_t n_rows, float factor, int accumulate,
                        float *y);
  void (*halve_plane) (const float *x, unsigned width, size_t n_rows, float factor, int accumulate, float *y);

  /* matrix.c */
  void (*matrix_multiply) (const DdpmMatrixProduct *product);
  /* y[row][image] = bias[row] + sum over i of weights[row][i] x[image][i], for n_rows rows and n_images
   * images of n_in numbers. */
  void (*linear) (const float *weights, const float *bias, unsigned n_rows, unsigned n_in, const float *x,
                  unsigned n_images, float *y);

  /* attention.c: queries query_begin … query_end-1, DDPM_ATTENTION_BLOCK at most; all of them. */
  void (*attention_forward) (const DdpmAttention *attention, size_t query_begin, size_t query_end,
                             float *scratch);
  void (*attention_forward_bf16) (const DdpmAttention *attention, size_t query_begin, size_t query_end,
                                  float *scratch); /* attention-bf16.c, where has_bf16 */
  void (*attention_backward) (const DdpmAttention *attention, float *scratch);
  /* The same where has_bf16, after attention_forward_bf16. */
  void (*attention_backward_bf16) (const DdpmAttention *attention, float *scratch);

  /* adamw.c, on n numbers: first is m, second is v. */
  void (*adamw) (const DdpmAdamwStep *step, float *weights, const float *grads, float *first, float *second,
                 size_t n);
  double (*sum_squares) (const float *x, size_t n);
  /* average += gain * (x - average) */
  void (*move_average) (float *average, const float *x, size_t n, float gain);
} DdpmKernels;

/* All levels compiled in that this processor can run, best first; n_levels of them. Their names are generic
 * (SSE2 on x86-64), avx2 (with FMA), avx512 (F, DQ, BW and VL), avx512bf16, and on 64-bit ARM neon alone. */
const DdpmKernels *const *ddpm_kernels_list (unsigned *n_levels);

/* The level of that name, or NULL if there is none or this processor cannot run it. */
const DdpmKernels *ddpm_kernels_find (const char *name);

/* The best level this processor can run, or the one that $DDPM_CPU names if it can run that. Same answer
 * every time. */
const DdpmKernels *ddpm_kernels_get (void);
