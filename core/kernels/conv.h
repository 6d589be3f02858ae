/* Convolutions as matrix products: the shapes and layouts that the kernels share.
 *
 * The output is cut into tiles. A tile's part of the input becomes `points`; each point is a matrix product
 * of its own over the channels, [tiles][in] * [in][out]; and the products become the tile's output. What a
 * point is depends on the method: with Winograd's, the points are as if polynomials were evaluated,
 * multiplied there and interpolated again, which takes 2.25 or 4 times fewer multiplications (Lavin and Gray
 * 2016, arXiv:1509.09308).
 *
 *   input --conv_input_tiles--> tiles [points][tiles][in]                          conv-input.c
 *   weights --conv_pack, conv_transform_weights--> [points][in][out]               conv-weights.c
 *   both --conv_multiply--> tiles [points][tiles][out]                             conv-multiply.c
 *   tiles --conv_output--> output                                                  conv-output.c
 *
 * The gradient of the data is the same with the weights turned round. The gradient of the weights goes
 * backwards through the second line: conv_grad_tiles, conv_multiply_grad, conv_add_weight_grad. Its sums run
 * over tiles, so that in bfloat16, where two factors are multiplied at once, pairs are those of tiles; in the
 * others they are those of input channels.
 *
 * Channels are the lanes of the vectors here: they come in blocks of `vector`, the last one filled up with
 * zeros. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef enum
{
  DDPM_CONV_UNFOLD,     /* a tile is one position; its one point is what all kernel taps see, side by side */
  DDPM_CONV_WINOGRAD_2, /* F(2x2, 3x3): 4x4 points for a tile of 2x2 positions */
  DDPM_CONV_WINOGRAD_4  /* F(4x4, 3x3): 6x6 points for a tile of 4x4 positions */
} DdpmConvMethod;

#define DDPM_CONV_MAX_POINTS 36

/* As DdpmActivation, which the layers above use. */
typedef enum
{
  DDPM_KERNEL_ACT_NONE,
  DDPM_KERNEL_ACT_SILU,
  DDPM_KERNEL_ACT_MISH,
  DDPM_KERNEL_ACT_GELU,
  DDPM_KERNEL_ACT_RELU
} DdpmKernelAct;

/* Axes along which the padding is the picture's other end instead of zeros. */
#define DDPM_CONV_CIRCULAR_X 1 /* left and right */
#define DDPM_CONV_CIRCULAR_Y 2 /* above and below */

typedef struct
{
  DdpmConvMethod method;
  unsigned n_images, height, width; /* of the input */
  unsigned kernel, stride;          /* 1 or 3; 1 or 2; Winograd's methods are for 3 and 1 */
  unsigned pad;                     /* rows and columns before the first */
  unsigned dilation; /* 2: a zero row and column after each of the input's (the gradient of stride 2) */
  unsigned circular; /* DDPM_CONV_CIRCULAR_X, _Y, both or 0 */
  unsigned out_height, out_width;
} DdpmConvShape;

/* Where a block of `vector` channels comes from and what happens to it on the way:
 * mask * mask_scale * act (scale[channel][image] * x + shift[channel][image]), which is a group norm, its
 * activation and dropout when scale and shift are the norm's. */
typedef struct
{
  const float *x; /* [n_channels][n_images * height * width], rows ld floats apart, each readable
                     DDPM_KERNEL_SLACK beyond its end */
  size_t ld;
  unsigned n_channels;        /* at most `vector`; the other lanes are zero */
  const float *scale, *shift; /* [n_channels][n_images], or NULL: x as it is, no activation */
  DdpmKernelAct act;
  const uint8_t *mask; /* like x, 0 or 1, or NULL */
  float mask_scale;
} DdpmConvSource;

/* What tiles are kept as. */
typedef enum
{
  DDPM_CONV_FLOATS,
  DDPM_CONV_BF16,      /* the upper halves of floats, rounded to the nearest even */
  DDPM_CONV_BF16_PAIRS /* of neighbouring tiles, side by side: [tile_group / 2][vector][2] */
} DdpmConvNumbers;

/* Tiles in transformed form, of some tile rows of a shape (tile rows count through all pictures):
 * [points][ceil (tiles / tile_group)][n_blocks][tile_group][vector]. Tiles that fill up the last group are
 * zero. n_blocks is blocks of channels, with DDPM_CONV_UNFOLD times taps: [channel block][tap]. */
typedef struct
{
  void *values;
  DdpmConvNumbers numbers;
  size_t point_stride; /* numbers */
  unsigned n_blocks;
  unsigned row_begin, row_end;
} DdpmConvTiles;

/* A part of one point's matrix product. */
typedef struct
{
  unsigned point;
  unsigned n_in, n_taps;           /* channels of the input, and blocks for each block of them */
  unsigned in_begin, in_end;       /* blocks of the input */
  unsigned out_begin, out_end;     /* blocks of the output */
  unsigned group_begin, group_end; /* groups of tiles */
  const void *weights; /* [out blocks][in blocks][in][out], of block (out_begin, in_begin), floats; or
                          bfloat16, [in / 2][out][2] in a block */
  size_t out_stride;   /* numbers from one output block's weights to the next one's */
  int accumulate;      /* add to what is there */
} DdpmConvPart;

/* Where results go: out = scale * (sum + bias + residual), added to what is there if accumulate. */
typedef struct
{
  float
    *out; /* of the block's first channel: [n_channels][n_images * out_height * out_width], ld floats apart */
  size_t ld;
  unsigned n_channels;   /* of this block */
  const float *bias;     /* [n_channels][n_images], or NULL */
  const float *residual; /* like out, or NULL */
  float scale;
  int accumulate;
} DdpmConvTarget;

/* Rows and columns of positions in a tile: 1, 2 or 4. */
unsigned ddpm_conv_tile_size (DdpmConvMethod method);

unsigned ddpm_conv_count_points (DdpmConvMethod method);

/* Input blocks for each channel block: the kernel's taps where they lie side by side, else 1. */
unsigned ddpm_conv_count_taps (const DdpmConvShape *shape);

/* Tiles across a picture, and down all pictures. */
unsigned ddpm_conv_count_tile_cols (const DdpmConvShape *shape);
unsigned ddpm_conv_count_tile_rows (const DdpmConvShape *shape);

/* Floats of scratch that conv_input_tiles, conv_grad_tiles and conv_output need for n_rows tile rows of one
 * picture. */
size_t ddpm_conv_strip_floats (const DdpmConvShape *shape, unsigned vector, unsigned n_rows);

/* Numbers from point to point of n_rows tile rows with n_blocks blocks. */
size_t ddpm_conv_point_stride (const DdpmConvShape *shape, unsigned vector, unsigned tile_group,
                               unsigned n_rows, unsigned n_blocks);
