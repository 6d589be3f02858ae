/* Convolutions by every method on every CPU level that this processor has, against plain C: output and weight
 * gradient, in chunks, with odd sizes and guard zones around everything that is written. */
#include "tests/kernels/kernels-common.h"

typedef struct
{
  guint n_in, n_out;
  DdpmConvShape shape; /* its method is that of the case */
  gboolean norm, mask;
} Case;

#define SAME(images, height, width) images, height, width, 3, 1, 1, 1, 0, height, width
#define BOTH (DDPM_CONV_CIRCULAR_X | DDPM_CONV_CIRCULAR_Y)

static const Case cases[] = {
  { 1, 1, { 0, SAME (1, 1, 1) }, FALSE, FALSE },
  { 3, 5, { 0, SAME (2, 7, 5) }, FALSE, FALSE },
  { 17, 50, { 0, SAME (1, 16, 16) }, TRUE, FALSE },
  { 5, 68, { 0, SAME (3, 4, 4) }, TRUE, TRUE },
  { 2, 17, { 0, SAME (2, 3, 33) }, TRUE, FALSE },
  { 40, 33, { 0, SAME (1, 9, 8) }, TRUE, TRUE },
  { 33, 25, { 0, SAME (1, 2, 2) }, FALSE, FALSE },
  { 6, 6, { DDPM_CONV_UNFOLD, 2, 8, 8, 3, 2, 1, 1, 0, 4, 4 }, FALSE, FALSE },
  { 3, 10, { DDPM_CONV_UNFOLD, 2, 8, 12, 3, 2, 0, 1, 0, 4, 6 }, FALSE, FALSE },
  { 5, 11, { DDPM_CONV_UNFOLD, 3, 5, 7, 1, 1, 0, 1, 0, 5, 7 }, TRUE, FALSE },
  { 16, 16, { DDPM_CONV_UNFOLD, 1, 16, 1, 1, 1, 0, 1, 0, 16, 1 }, FALSE, FALSE },
  /* circular */
  { 4, 7, { 0, 2, 6, 5, 3, 1, 1, 1, BOTH, 6, 5 }, FALSE, FALSE },
  { 3, 4, { 0, 2, 2, 2, 3, 1, 1, 1, BOTH, 2, 2 }, TRUE, FALSE },
  { 3, 4, { 0, 1, 1, 1, 3, 1, 1, 1, BOTH, 1, 1 }, FALSE, FALSE },
  { 2, 3, { 0, 2, 1, 1, 3, 1, 1, 2, BOTH, 2, 2 }, FALSE, FALSE },
  { 3, 4, { DDPM_CONV_UNFOLD, 1, 8, 6, 3, 2, 1, 1, BOTH, 4, 3 }, TRUE, FALSE },
  { 4, 7, { 0, 2, 6, 5, 3, 1, 1, 1, DDPM_CONV_CIRCULAR_X, 6, 5 }, FALSE, FALSE },
  { 4, 7, { 0, 2, 6, 5, 3, 1, 1, 1, DDPM_CONV_CIRCULAR_Y, 6, 5 }, TRUE, TRUE },
  { 2, 3, { 0, 2, 9, 18, 3, 1, 1, 1, DDPM_CONV_CIRCULAR_Y, 9, 18 }, TRUE, FALSE },
  { 3, 4, { DDPM_CONV_UNFOLD, 1, 8, 6, 3, 2, 1, 1, DDPM_CONV_CIRCULAR_X, 4, 3 }, TRUE, FALSE },
  { 3, 4, { DDPM_CONV_UNFOLD, 1, 8, 6, 3, 2, 1, 1, DDPM_CONV_CIRCULAR_Y, 4, 3 }, TRUE, FALSE },
  /* with zeros between the pixels, as for the data gradient of stride 2 */
  { 4, 5, { 0, 2, 4, 4, 3, 1, 1, 2, 0, 8, 8 }, FALSE, FALSE },
  { 4, 5, { 0, 1, 3, 5, 3, 1, 2, 2, 0, 6, 10 }, FALSE, FALSE },
  { 4, 5, { 0, 1, 4, 3, 3, 1, 1, 2, BOTH, 8, 6 }, FALSE, FALSE },
  { 4, 5, { 0, 1, 4, 3, 3, 1, 1, 2, DDPM_CONV_CIRCULAR_X, 8, 6 }, FALSE, FALSE },
  { 4, 5, { 0, 1, 4, 3, 3, 1, 1, 2, DDPM_CONV_CIRCULAR_Y, 8, 6 }, FALSE, FALSE },
};

/* One case by one method on one level, cut into chunks of rows_per_chunk tile rows. */
typedef struct
{
  const DdpmKernels *kernels;
  const Case *c;
  DdpmConvShape shape;
  gboolean bf16;
  guint n_taps, n_points, in_blocks, out_blocks, rows_per_chunk, n_rows;
  gsize n_pixels, ld, out_pixels, out_ld;
  float *x, *weights, *scale, *shift;
  guint8 *mask;
  Guarded tiles_in, tiles_out, strip, points;
  gsize weight_stride;
} Conv;

static guint
count_blocks (const DdpmKernels *kernels, guint channels)
{
  return (channels + kernels->vector - 1) / kernels->vector;
}

static Guarded
guarded_new_aligned (gsize n)
{
  Guarded g = guarded_new (n + 16);
  const gsize misaligned = (gsize) g.data / sizeof (float) % 16;

  g.data += misaligned > 0 ? 16 - misaligned : 0;
  g.n = n;
  return g;
}

static void
conv_init (Conv *conv, const DdpmKernels *kernels, const Case *c, DdpmConvMethod method, gboolean bf16)
{
  const guint vector = kernels->vector, group = kernels->tile_group;
  gsize in_stride, out_stride;

  *conv = (Conv) { .kernels = kernels, .c = c, .shape = c->shape, .bf16 = bf16 };
  conv->shape.method = method;
  conv->n_taps = ddpm_conv_count_taps (&conv->shape);
  conv->n_points = ddpm_conv_count_points (method);
  conv->in_blocks = count_blocks (kernels, c->n_in);
  conv->out_blocks = count_blocks (kernels, c->n_out);
  conv->n_rows = ddpm_conv_count_tile_rows (&conv->shape);
  conv->rows_per_chunk = conv->n_rows / 2 + 1;
  conv->n_pixels = (gsize) c->shape.n_images * c->shape.height * c->shape.width;
  conv->ld = conv->n_pixels + 3;
  conv->out_pixels = (gsize) c->shape.n_images * c->shape.out_height * c->shape.out_width;
  conv->out_ld = conv->out_pixels + 3;
  conv->x = new_random (1, c->n_in * conv->ld);
  for (gsize i = 0; i < c->n_in * conv->ld; i++)
    if (i % conv->ld >= conv->n_pixels)
      conv->x[i] = NAN; /* not to be used */
  conv->weights = new_random (2, (gsize) c->n_out * c->n_in * 9);
  conv->scale = new_random (3, c->n_in * c->shape.n_images);
  conv->shift = new_random (4, c->n_in * c->shape.n_images);
  conv->mask = g_new (guint8, c->n_in * conv->ld + DDPM_KERNEL_SLACK);
  for (gsize i = 0; i < c->n_in * conv->ld + DDPM_KERNEL_SLACK; i++)
    conv->mask[i] = i % 3 != 0;
  in_stride = ddpm_conv_point_stride (&conv->shape, vector, group, conv->rows_per_chunk,
                                      conv->in_blocks * conv->n_taps);
  out_stride = ddpm_conv_point_stride (&conv->shape, vector, group, conv->rows_per_chunk, conv->out_blocks);
  conv->weight_stride = (gsize) conv->out_blocks * conv->in_blocks * conv->n_taps * vector * vector;
  conv->tiles_in = guarded_new (in_stride * conv->n_points);
  conv->tiles_out = guarded_new (out_stride * conv->n_points);
  conv->points = guarded_new (conv->weight_stride * conv->n_points);
  conv->strip = guarded_new_aligned (ddpm_conv_strip_floats (&conv->shape, vector, conv->rows_per_chunk));
}

static void
conv_clear (Conv *conv)
{
  g_free (conv->x);
  g_free (conv->weights);
  g_free (conv->scale);
  g_free (conv->shift);
  g_free (conv->mask);
  guarded_free (&conv->tiles_in, 0);
  guarded_free (&conv->tiles_out, 0);
  guarded_free (&conv->points, 0);
  guarded_free (&conv->strip, 0);
}

/* --- plain C ------------------------------------------------------------------------------- */

/* What a tap of an output position sees. */
static double
plain_input (const Conv *conv, guint channel, guint image, guint row, guint col, guint tap)
{
  const DdpmConvShape *s = &conv->shape;
  const gint height = s->height * s->dilation, width = s->width * s->dilation;
  gint y = (gint) (row * s->stride + tap / s->kernel) - (gint) s->pad;
  gint x = (gint) (col * s->stride + tap % s->kernel) - (gint) s->pad;
  gsize place;
  double value;

  if (s->circular & DDPM_CONV_CIRCULAR_X)
    x = (x + width) % width;
  if (s->circular & DDPM_CONV_CIRCULAR_Y)
    y = (y + height) % height;
  if (y < 0 || x < 0 || y >= height || x >= width || y % s->dilation != 0 || x % s->dilation != 0)
    return 0;
  place = channel * conv->ld + ((gsize) image * s->height + y / s->dilation) * s->width + x / s->dilation;
  value = conv->x[place];
  if (conv->c->norm)
    value = plain_act (conv->scale[channel * s->n_images + image] * value
                         + conv->shift[channel * s->n_images + image],
                       DDPM_KERNEL_ACT_SILU);
  if (conv->c->mask)
    value *= conv->mask[place] ? 1.5 : 0;
  return value;
}

/* As a factor of the unfolded product. */
static double
round_number (const Conv *conv, double value)
{
  guint32 bits;
  float number = value;

  if (!conv->bf16 || conv->shape.method != DDPM_CONV_UNFOLD)
    return value;
  memcpy (&bits, &number, sizeof bits);
  bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
  memcpy (&number, &bits, sizeof bits);
  return number;
}

/* --- the way through the kernels ------------------------------------------------------------ */

static DdpmConvTiles
get_tiles (const Conv *conv, const Guarded *values, guint n_blocks, guint row, DdpmConvNumbers numbers)
{
  return (DdpmConvTiles) { .values = values->data,
                           .point_stride = values->n / conv->n_points,
                           .numbers = numbers,
                           .n_blocks = n_blocks,
                           .row_begin = row,
                           .row_end = MIN (row + conv->rows_per_chunk, conv->n_rows) };
}

static guint
count_groups (const Conv *conv, const DdpmConvTiles *tiles)
{
  const guint n_tiles = (tiles->row_end - tiles->row_begin) * ddpm_conv_count_tile_cols (&conv->shape);

  return (n_tiles + conv->kernels->tile_group - 1) / conv->kernels->tile_group;
}

/* In two parts where there are two rows. */
static DdpmConvTiles
fill_tiles_in (const Conv *conv, guint row, DdpmConvNumbers numbers)
{
  const Case *c = conv->c;
  const guint vector = conv->kernels->vector;
  const DdpmConvTiles tiles = get_tiles (conv, &conv->tiles_in, conv->in_blocks * conv->n_taps, row, numbers);
  const guint n_rows = tiles.row_end - tiles.row_begin;
  const guint middle = tiles.row_begin + n_rows / 4 * 2; /* pairs of tiles stay together */

  for (guint block = 0; block < conv->in_blocks; block++)
    {
      const guint channel = block * vector;
      const DdpmConvSource source = { .x = conv->x + channel * conv->ld,
                                      .ld = conv->ld,
                                      .n_channels = MIN (vector, c->n_in - channel),
                                      .scale = c->norm ? conv->scale + channel * c->shape.n_images : NULL,
                                      .shift = c->norm ? conv->shift + channel * c->shape.n_images : NULL,
                                      .act = DDPM_KERNEL_ACT_SILU,
                                      .mask = c->mask ? conv->mask + channel * conv->ld : NULL,
                                      .mask_scale = 1.5f };

      conv->kernels->conv_input_tiles (&conv->shape, &source, block, tiles.row_begin, middle,
                                       conv->strip.data, &tiles);
      conv->kernels->conv_input_tiles (&conv->shape, &source, block, middle, tiles.row_end, conv->strip.data,
                                       &tiles);
    }
  return tiles;
}

/* The n-th of numbers of the case's precision. */
static void *
get_number (const Conv *conv, float *numbers, gsize n)
{
  return (char *) numbers + n * (conv->bf16 ? sizeof (guint16) : sizeof (float));
}

/* turn: as for the data gradient, in and out exchanged and the taps in reverse order. */
static void
transform_weights (const Conv *conv, gboolean turn)
{
  const guint vector = conv->kernels->vector, n_taps = conv->shape.kernel * conv->shape.kernel;
  const gsize size = (gsize) n_taps * vector * vector;
  Guarded packed = guarded_new (size);

  for (guint out = 0; out < conv->out_blocks; out++)
    for (guint in = 0; in < conv->in_blocks; in++)
      {
        const gsize place = ((gsize) out * conv->in_blocks + in) * conv->n_taps * vector * vector;
        void *points = get_number (conv, conv->points.data, place);

        conv->kernels->conv_pack (conv->weights, turn ? n_taps : (gsize) conv->c->n_in * n_taps,
                                  turn ? (gsize) conv->c->n_out * n_taps : n_taps, turn, n_taps,
                                  conv->c->n_out, conv->c->n_in, out, in, packed.data);
        if (conv->shape.method == DDPM_CONV_UNFOLD && !conv->bf16)
          memcpy (points, packed.data, size * sizeof (float));
        else
          conv->kernels->conv_transform_weights (conv->shape.method, conv->bf16, n_taps, packed.data, points,
                                                 conv->weight_stride);
      }
  guarded_free (&packed, 0);
}

static void
multiply (const Conv *conv, const DdpmConvTiles *in, const DdpmConvPart *part, const DdpmConvTiles *out)
{
  if (conv->bf16)
    conv->kernels->conv_multiply_bf16 (in, part, out);
  else
    conv->kernels->conv_multiply (in, part, out);
}

static void
store_output (const Conv *conv, const DdpmConvTiles *tiles, const DdpmConvTarget *first)
{
  const guint vector = conv->kernels->vector, middle = (tiles->row_begin + tiles->row_end) / 2;

  for (guint block = 0; block < conv->out_blocks; block++)
    {
      const guint channel = block * vector;
      DdpmConvTarget target = *first;

      target.out += channel * target.ld;
      target.n_channels = MIN (vector, conv->c->n_out - channel);
      if (target.bias != NULL)
        target.bias += channel * conv->shape.n_images;
      if (target.residual != NULL)
        target.residual += channel * target.ld;
      conv->kernels->conv_output (&conv->shape, tiles, block, tiles->row_begin, middle, conv->strip.data,
                                  &target);
      conv->kernels->conv_output (&conv->shape, tiles, block, middle, tiles->row_end, conv->strip.data,
                                  &target);
    }
}

/* extras: turned weights, bias, residual, scale and what was there. */
static void
check_output (const Conv *conv, gboolean extras)
{
  const Case *c = conv->c;
  const guint n_taps = conv->shape.kernel * conv->shape.kernel;
  Guarded out = guarded_new (c->n_out * conv->out_ld - 3);
  g_autofree float *bias = new_random (5, c->n_out * conv->shape.n_images);
  g_autofree float *residual = new_random (6, c->n_out * conv->out_ld);
  const DdpmConvTarget target = { .out = out.data,
                                  .ld = conv->out_ld,
                                  .bias = extras ? bias : NULL,
                                  .residual = extras ? residual : NULL,
                                  .scale = extras ? 0.75f : 1.0f,
                                  .accumulate = extras };

  transform_weights (conv, extras);
  for (guint row = 0; row < conv->n_rows; row += conv->rows_per_chunk)
    {
      const DdpmConvTiles in = fill_tiles_in (conv, row, conv->bf16 ? DDPM_CONV_BF16 : DDPM_CONV_FLOATS);
      const DdpmConvTiles tiles = get_tiles (conv, &conv->tiles_out, conv->out_blocks, row, DDPM_CONV_FLOATS);
      const guint n_groups = count_groups (conv, &in);

      for (guint point = 0; point < conv->n_points; point++)
        {
          DdpmConvPart part = { .point = point,
                                .n_in = c->n_in,
                                .n_taps = conv->n_taps,
                                .out_end = conv->out_blocks,
                                .out_stride =
                                  (gsize) in.n_blocks * conv->kernels->vector * conv->kernels->vector };

          /* input blocks one after the other, in two runs of groups */
          for (part.in_begin = 0; part.in_begin < in.n_blocks; part.in_begin = part.in_end)
            {
              part.in_end = MIN (part.in_begin + 2, in.n_blocks);
              part.weights =
                get_number (conv, conv->points.data,
                            point * conv->weight_stride
                              + (gsize) part.in_begin * conv->kernels->vector * conv->kernels->vector);
              part.accumulate = part.in_begin > 0;
              part.group_begin = 0;
              part.group_end = n_groups / 2;
              multiply (conv, &in, &part, &tiles);
              part.group_begin = n_groups / 2;
              part.group_end = n_groups;
              multiply (conv, &in, &part, &tiles);
            }
        }
      store_output (conv, &tiles, &target);
    }

  for (gsize place = 0; place < out.n; place++)
    {
      const guint channel = place / conv->out_ld, p = place % conv->out_ld;
      const guint per_image = conv->shape.out_height * conv->shape.out_width;
      const guint image = p / per_image, row = p % per_image / conv->shape.out_width;
      double sum = 0, magnitude = 0;

      if (p >= conv->out_pixels)
        {
          g_assert_cmpfloat (out.data[place], ==, CANARY);
          continue;
        }
      for (guint in = 0; in < c->n_in; in++)
        for (guint tap = 0; tap < n_taps; tap++)
          {
            const gsize weight = extras ? ((gsize) in * c->n_out + channel) * n_taps + n_taps - 1 - tap
                                        : ((gsize) channel * c->n_in + in) * n_taps + tap;
            const double product =
              round_number (conv,
                            plain_input (conv, in, image, row, p % per_image % conv->shape.out_width, tap))
              * round_number (conv, conv->weights[weight]);

            sum += product;
            magnitude += fabs (product);
          }
      if (extras)
        sum = CANARY + 0.75 * (sum + bias[channel * conv->shape.n_images + image] + residual[place]);
      /* Unfolded, the rounded factors are multiplied exactly; transformed, they are rounded after. Sums are
       * about the square root of their length. */
      if (conv->bf16 && conv->shape.method != DDPM_CONV_UNFOLD)
        g_assert_cmpfloat (fabs (out.data[place] - sum), <=, 0.15 * sqrt (9.0 * c->n_in));
      else
        assert_near (out.data[place], sum, magnitude + (extras ? CANARY / 40 : 0));
    }
  guarded_free (&out, 0);
}

static void
check_weight_grad (const Conv *conv)
{
  const Case *c = conv->c;
  const guint vector = conv->kernels->vector, n_taps = conv->shape.kernel * conv->shape.kernel;
  const guint per_image = conv->shape.out_height * conv->shape.out_width;
  g_autofree float *grad = new_random (8, c->n_out * conv->out_ld);
  Guarded weights = guarded_new ((gsize) c->n_out * c->n_in * n_taps);
  const DdpmConvNumbers numbers = conv->bf16 ? DDPM_CONV_BF16_PAIRS : DDPM_CONV_FLOATS;

  for (gsize i = 0; i < c->n_out * conv->out_ld; i++)
    if (i % conv->out_ld >= conv->out_pixels)
      grad[i] = NAN; /* not to be used */
  for (gsize i = 0; i < weights.n; i++)
    weights.data[i] = 1; /* to be added to */
  for (guint row = 0; row < conv->n_rows; row += conv->rows_per_chunk)
    {
      const DdpmConvTiles in = fill_tiles_in (conv, row, numbers);
      const DdpmConvTiles grads = get_tiles (conv, &conv->tiles_out, conv->out_blocks, row, numbers);

      for (guint block = 0; block < conv->out_blocks; block++)
        {
          const DdpmConvSource source = { .x = grad + block * vector * conv->out_ld,
                                          .ld = conv->out_ld,
                                          .n_channels = MIN (vector, c->n_out - block * vector) };

          conv->kernels->conv_grad_tiles (&conv->shape, &source, block, grads.row_begin, grads.row_end,
                                          conv->strip.data, &grads);
        }
      for (guint point = 0; point < conv->n_points; point++)
        for (guint block = 0; block < in.n_blocks; block += 2)
          (conv->bf16 ? conv->kernels->conv_multiply_grad_bf16 : conv->kernels->conv_multiply_grad) (
            &in, &grads, count_groups (conv, &in), point, block, MIN (block + 2, in.n_blocks), 0,
            conv->out_blocks, row > 0, conv->points.data + point * conv->weight_stride);
    }
  for (guint out = 0; out < conv->out_blocks; out++)
    for (guint block = 0; block < conv->in_blocks; block++)
      conv->kernels->conv_add_weight_grad (
        conv->shape.method,
        conv->points.data + ((gsize) out * conv->in_blocks + block) * conv->n_taps * vector * vector,
        conv->weight_stride, n_taps, c->n_out, c->n_in, out, block, weights.data);

  for (gsize i = 0; i < weights.n; i++)
    {
      const guint out = i / (c->n_in * n_taps), in = i / n_taps % c->n_in, tap = i % n_taps;
      double sum = 1, magnitude = 1;

      for (gsize p = 0; p < conv->out_pixels; p++)
        {
          const double product =
            round_number (conv, plain_input (conv, in, p / per_image, p % per_image / conv->shape.out_width,
                                             p % per_image % conv->shape.out_width, tap))
            * round_number (conv, grad[out * conv->out_ld + p]);

          sum += product;
          magnitude += fabs (product);
        }
      if (conv->bf16 && conv->shape.method != DDPM_CONV_UNFOLD)
        g_assert_cmpfloat (fabs (weights.data[i] - sum), <=, 0.15 * sqrt ((double) conv->out_pixels));
      else
        assert_near (weights.data[i], sum, magnitude);
    }
  guarded_free (&weights, 0);
}

static void
test_method (const DdpmKernels *kernels, DdpmConvMethod method, gboolean bf16)
{
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Conv conv;

      if (method != DDPM_CONV_UNFOLD && (cases[i].shape.kernel != 3 || cases[i].shape.stride != 1))
        continue;
      conv_init (&conv, kernels, &cases[i], method, bf16);
      check_output (&conv, FALSE);
      check_output (&conv, TRUE);
      check_weight_grad (&conv);
      conv_clear (&conv);
    }
}

static void
test_unfold (gconstpointer data)
{
  test_method (data, DDPM_CONV_UNFOLD, FALSE);
}

static void
test_winograd_2 (gconstpointer data)
{
  test_method (data, DDPM_CONV_WINOGRAD_2, FALSE);
}

static void
test_winograd_4 (gconstpointer data)
{
  test_method (data, DDPM_CONV_WINOGRAD_4, FALSE);
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
  for (DdpmConvMethod method = DDPM_CONV_UNFOLD; method <= DDPM_CONV_WINOGRAD_4; method++)
    test_method (kernels, method, TRUE);
}

static const LevelTest level_tests[] = {
  { "conv-unfold", test_unfold },
  { "conv-winograd-2", test_winograd_2 },
  { "conv-winograd-4", test_winograd_4 },
  { "conv-bf16", test_bf16 },
};

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  add_level_tests (level_tests, G_N_ELEMENTS (level_tests));
  return g_test_run ();
}
