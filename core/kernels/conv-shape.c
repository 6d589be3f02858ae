/* Counts that follow from a convolution's shape. The same for every CPU level. */
#include "core/kernels/conv.h"

#define LINE_FLOATS 16 /* of a cache line */

unsigned
ddpm_conv_tile_size (DdpmConvMethod method)
{
  switch (method)
    {
    case DDPM_CONV_WINOGRAD_4:
      return 4;
    case DDPM_CONV_WINOGRAD_2:
      return 2;
    case DDPM_CONV_UNFOLD:
    default:
      return 1;
    }
}

unsigned
ddpm_conv_count_points (DdpmConvMethod method)
{
  const unsigned size = ddpm_conv_tile_size (method);

  return size == 1 ? 1 : (size + 2) * (size + 2);
}

unsigned
ddpm_conv_count_taps (const DdpmConvShape *shape)
{
  return shape->method == DDPM_CONV_UNFOLD ? shape->kernel * shape->kernel : 1;
}

unsigned
ddpm_conv_count_tile_cols (const DdpmConvShape *shape)
{
  const unsigned size = ddpm_conv_tile_size (shape->method);

  return (shape->out_width + size - 1) / size;
}

unsigned
ddpm_conv_count_tile_rows (const DdpmConvShape *shape)
{
  const unsigned size = ddpm_conv_tile_size (shape->method);

  return shape->n_images * ((shape->out_height + size - 1) / size);
}

size_t
ddpm_conv_strip_floats (const DdpmConvShape *shape, unsigned vector, unsigned n_rows)
{
  const unsigned step = ddpm_conv_tile_size (shape->method) * shape->stride;
  const size_t rows = (size_t) n_rows * step + shape->kernel - 1;
  const size_t cols = (size_t) ddpm_conv_count_tile_cols (shape) * step + shape->kernel - 1;

  return rows * cols * vector;
}

/* An odd number of cache lines, so that points do not compete for the same places in the cache. */
size_t
ddpm_conv_point_stride (const DdpmConvShape *shape, unsigned vector, unsigned tile_group, unsigned n_rows,
                        unsigned n_blocks)
{
  const size_t n_tiles = (size_t) n_rows * ddpm_conv_count_tile_cols (shape);
  const size_t n_groups = (n_tiles + tile_group - 1) / tile_group;
  const size_t n_lines = n_groups * n_blocks * tile_group * vector / LINE_FLOATS;

  return (n_lines | 1) * LINE_FLOATS;
}
