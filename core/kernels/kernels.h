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

#include <stddef.h>
#include <stdint.h>

#define DDPM_KERNEL_SLACK 16 /* floats; the widest vector there is */

/* As DdpmActivation, which the layers above use. */
typedef enum
{
  DDPM_KERNEL_ACT_NONE,
  DDPM_KERNEL_ACT_SILU,
  DDPM_KERNEL_ACT_MISH,
  DDPM_KERNEL_ACT_GELU,
  DDPM_KERNEL_ACT_RELU
} DdpmKernelAct;

/* What a convolution reads: the gathered input, planes with their padding around them.
 *
 * Position (image, row, col) of the result, with 0 <= row < rows and 0 <= col < cols, is the sum over
 * channels c and taps k of weight[c][k] * gathered[c * channel_stride + image * image_stride
 * + row * plane_width + col + tap_offset[k]]. So nine shifted readings of one padded copy take the
 * place of im2col's nine copies. */
typedef struct
{
  unsigned n_images, rows, cols;
  unsigned plane_width;
  size_t image_stride, channel_stride; /* floats */
  unsigned n_taps;
  ptrdiff_t tap_offset[9];
} DdpmConvGrid;

/* Where one channel of a picture's pixels comes from and what happens to it on the way:
 * mask * mask_scale * act (scale[image] * x + shift[image]), which is a group norm, its activation and
 * dropout when scale and shift are the norm's. */
typedef struct
{
  const float *x; /* [n_images][height][width], readable DDPM_KERNEL_SLACK beyond its end */
  unsigned n_images, height, width;
  const float *scale, *shift; /* [n_images], or NULL: x as it is, no activation */
  DdpmKernelAct act;
  const uint8_t *mask; /* like x, 0 or 1, or NULL */
  float mask_scale;
} DdpmConvSource;

/* Where the padded planes of one channel go: [n_phases][n_images][plane_height][plane_width] floats,
 * writable DDPM_KERNEL_SLACK beyond. Pixel (y, x) goes to row y + pad, column x + pad; what no pixel fills is
 * zero. With stride 2 that position is split by parity into four phases of half the size. */
typedef struct
{
  unsigned plane_height, plane_width;
  unsigned pad, stride;
} DdpmConvPlanes;

/* Where results go: out = scale * (sum + bias + residual), added to what is there if accumulate. Position
 * (image, row, col) goes to out[channel * ld + image * image_size + (row * step + row_start) * width + col *
 * step + col_start]. */
typedef struct
{
  float *out;
  size_t ld, image_size;
  unsigned width, step, row_start, col_start;
  const float *bias;     /* [channels][n_images of the grid], or NULL */
  const float *residual; /* like out (step 1 only), or NULL */
  size_t residual_ld;
  float scale;
  int accumulate;
} DdpmConvTarget;

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

/* Scratch, in floats; backward n_pixels more. */
#define DDPM_ATTENTION_FORWARD_FLOATS (131 * DDPM_ATTENTION_BLOCK)
#define DDPM_ATTENTION_BACKWARD_FLOATS \
  ((3 * DDPM_ATTENTION_BLOCK + 1) * DDPM_ATTENTION_BLOCK + DDPM_KERNEL_SLACK)

typedef struct
{
  const char *name;
  int has_bf16;          /* whether convolutions can take bfloat16 factors */
  unsigned vector;       /* floats in a vector */
  unsigned conv_block;   /* output channels computed together: packed weights come in blocks of it */
  unsigned conv_vectors; /* vectors of positions computed together */

  /* conv.c */
  void (*conv_gather) (const DdpmConvSource *source, const DdpmConvPlanes *planes, float *gathered);
  /* packed[ceil (n_out / conv_block)][n_in][n_taps][conv_block] from weights whose element (out, in, tap) is
   * weights[out * out_stride + in * in_stride + tap_index[tap]]; blocks block_begin … block_end-1. */
  void (*conv_pack) (const float *weights, size_t out_stride, size_t in_stride, const unsigned *tap_index,
                     unsigned n_taps, unsigned n_out, unsigned n_in, unsigned block_begin, unsigned block_end,
                     float *packed);
  /* Vectors (see ddpm_conv_count_vectors) vector_begin … vector_end-1 of output blocks block_begin …
   * block_end-1. */
  void (*conv_multiply) (const DdpmConvGrid *grid, const float *gathered, const float *packed, unsigned n_in,
                         unsigned n_out, unsigned block_begin, unsigned block_end, unsigned vector_begin,
                         unsigned vector_end, const DdpmConvTarget *target);
  /* Columns are pairs of input channel and tap, n_columns = n_in * n_taps of them:
   * grad_weights[out * n_columns + column] += sum over positions p of grad_out[out][p] * gathered at p of
   * that column, for out_begin <= out < out_end, column_begin <= column < column_end. grad_out is
   * [out][n_images * rows * cols], rows grad_ld apart. Fast where cols is a multiple of vector or large. */
  void (*conv_weight_grad) (const DdpmConvGrid *grid, const float *gathered, const float *grad_out,
                            size_t grad_ld, size_t n_columns, unsigned out_begin, unsigned out_end,
                            size_t column_begin, size_t column_end, float *grad_weights);
  /* columns[column_end - column_begin][n_images * rows * cols], column_stride apart: what each column sees at
   * each position. */
  void (*conv_unfold) (const DdpmConvGrid *grid, const float *gathered, size_t column_begin,
                       size_t column_end, size_t column_stride, float *columns);

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

  /* attention.c: queries query_begin … query_end-1, DDPM_ATTENTION_BLOCK at most; all of them. */
  void (*attention_forward) (const DdpmAttention *attention, size_t query_begin, size_t query_end,
                             float *scratch);
  void (*attention_backward) (const DdpmAttention *attention, float *scratch);
} DdpmKernels;

/* All levels compiled in that this processor can run, best first; n_levels of them. Their names are generic
 * (SSE2 on x86-64), avx2 (with FMA), avx512 (F, DQ, BW and VL), avx512bf16, and on 64-bit ARM neon alone. */
const DdpmKernels *const *ddpm_kernels_list (unsigned *n_levels);

/* The level of that name, or NULL if there is none or this processor cannot run it. */
const DdpmKernels *ddpm_kernels_find (const char *name);

/* The best level this processor can run, or the one that $DDPM_CPU names if it can run that. Same answer
 * every time. */
const DdpmKernels *ddpm_kernels_get (void);

/* Vectors of positions in a grid: those of a row where its length is a multiple of `vector`, else those of a
 * picture's plane from its first position to its last, some lanes between rows then being idle. */
unsigned ddpm_conv_count_vectors (const DdpmConvGrid *grid, unsigned vector);

/* c[m][n] = alpha a b + beta c, row-major with the given leading dimensions; a is [m][k], or [k][m] if
 * transpose_a; b likewise. By OpenBLAS on the calling thread alone. */
void ddpm_gemm (int transpose_a, int transpose_b, size_t m, size_t n, size_t k, float alpha, const float *a,
                size_t lda, const float *b, size_t ldb, float beta, float *c, size_t ldc);
