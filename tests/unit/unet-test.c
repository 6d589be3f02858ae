/* The network as its users see it: parameters, sizes, memory, and what a result may depend on. The arithmetic
 * is the business of the golden, gradients and kernels suites. */
#include <math.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/rng.h"
#include "core/nn/unet.h"

#define SIZE 12 /* 3x3 pixels at the last level */

static DdpmUnet *
make_unet (double dropout)
{
  g_autoptr (GError) error = NULL;
  DdpmUnetConfig config;
  DdpmUnet *unet;

  ddpm_unet_config_init (&config);
  config.in_channels = config.out_channels = 4;
  config.n_levels = 3;
  for (guint i = 0; i < 3; i++)
    {
      config.block_out_channels[i] = 8 * (i + 1);
      config.down_block_types[i] = config.up_block_types[2 - i] =
        i == 1 ? DDPM_BLOCK_ATTENTION : DDPM_BLOCK_PLAIN;
    }
  config.layers_per_block = 1;
  config.norm_num_groups = 4;
  config.dropout = dropout;
  unet = ddpm_unet_new (&config, &error);
  g_assert_no_error (error);
  return unet;
}

/* output[batch] of pictures first … first+batch-1 of a fixed row of inputs. */
static float *
run (const DdpmUnet *unet, guint n_threads, guint first, guint batch, DdpmPassMode mode)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DdpmTeam) team = ddpm_team_new (n_threads);
  const DdpmPassOptions options = { batch, SIZE, SIZE, mode };
  g_autoptr (DdpmUnetPass) pass = ddpm_unet_pass_new (unet, team, &options, &error);
  const gsize n = 4 * SIZE * SIZE;
  g_autofree float *weights = g_new (float, ddpm_unet_get_n_weights (unet)), *x = g_new (float, batch *n);
  g_autofree float *timesteps = g_new (float, batch);
  float *output = g_new (float, batch *n);

  g_assert_no_error (error);
  ddpm_unet_init_weights (unet, 1, weights);
  for (guint b = 0; b < batch; b++)
    {
      ddpm_rng_normal ((DdpmRngKey) { .seed = 2, .purpose = DDPM_RNG_LATENT, .index = first + b }, x + b * n,
                       n);
      timesteps[b] = 100 * (first + b);
    }
  ddpm_unet_pass_set_weights (pass, weights);
  ddpm_unet_pass_set_dropout_key (pass, 3, 4, first);
  if (mode == DDPM_PASS_INFERENCE) /* the slab is not needed any more */
    memset (weights, 0xff, ddpm_unet_get_n_weights (unet) * sizeof (float));
  ddpm_unet_pass_forward (pass, x, timesteps, NULL, output);
  return output;
}

static void
test_params (void)
{
  g_autoptr (DdpmUnet) unet = make_unet (0);
  guint n_params;
  const DdpmParam *params = ddpm_unet_get_params (unet, &n_params);
  gsize end = 0;

  for (guint i = 0; i < n_params; i++)
    {
      gsize n_values = 1;

      g_assert_cmpuint (params[i].offset, ==, end);
      for (guint d = 0; d < params[i].n_dims; d++)
        n_values *= params[i].shape[d];
      g_assert_cmpuint (params[i].n_values, ==, n_values);
      g_assert_true (ddpm_unet_find_param (unet, params[i].name) == &params[i]);
      end += n_values;
    }
  g_assert_cmpuint (ddpm_unet_get_n_weights (unet), ==, end);
  g_assert_null (ddpm_unet_find_param (unet, "conv_in.weights"));
}

/* The 35.75 M parameters and 12.44 GFLOP that google/ddpm-cifar10-32 is known to have. */
static void
test_known_size (void)
{
  DdpmUnetConfig config;
  g_autoptr (DdpmUnet) unet = NULL;

  ddpm_unet_config_init (&config);
  for (guint i = 0; i < 4; i++)
    {
      config.block_out_channels[i] = i == 0 ? 128 : 256;
      config.down_block_types[i] = config.up_block_types[3 - i] =
        i == 1 ? DDPM_BLOCK_ATTENTION : DDPM_BLOCK_PLAIN;
    }
  config.attention_head_dim = 0;
  unet = ddpm_unet_new (&config, NULL);
  g_assert_cmpuint (ddpm_unet_get_n_weights (unet), ==, 35746307);
  g_assert_cmpfloat_with_epsilon (ddpm_unet_get_flop (unet, 32, 32) / 1e9, 12.44, 0.01);
}

/* PyTorch's initial weights: uniform within 1 / sqrt (fan in), norms 1 and 0; the same for the same seed. */
static void
test_initial_weights (void)
{
  g_autoptr (DdpmUnet) unet = make_unet (0);
  const gsize n = ddpm_unet_get_n_weights (unet);
  g_autofree float *a = g_new (float, n), *b = g_new (float, n);
  const DdpmParam *conv = ddpm_unet_find_param (unet, "mid_block.resnets.0.conv1.weight");
  const DdpmParam *norm = ddpm_unet_find_param (unet, "mid_block.resnets.0.norm1.weight");
  const double bound = 1 / sqrt (24 * 9);
  double squares = 0;

  ddpm_unet_init_weights (unet, 4, a);
  ddpm_unet_init_weights (unet, 4, b);
  g_assert_cmpmem (a, n * sizeof (float), b, n * sizeof (float));
  ddpm_unet_init_weights (unet, 5, b);
  g_assert_true (memcmp (a, b, n * sizeof (float)) != 0);
  for (gsize i = 0; i < conv->n_values; i++)
    {
      g_assert_cmpfloat (fabs (a[conv->offset + i]), <=, bound);
      squares += pow (a[conv->offset + i], 2);
    }
  g_assert_cmpfloat_with_epsilon (squares / conv->n_values / (bound * bound), 1.0 / 3, 0.03);
  for (gsize i = 0; i < norm->n_values; i++)
    g_assert_cmpfloat (a[norm->offset + i], ==, 1);
}

/* The bytes do not depend on the number of threads. */
static void
test_threads (void)
{
  g_autoptr (DdpmUnet) unet = make_unet (0);
  g_autofree float *expected = run (unet, 1, 0, 3, DDPM_PASS_INFERENCE);

  for (guint n_threads = 2; n_threads <= 4; n_threads++)
    {
      g_autofree float *actual = run (unet, n_threads, 0, 3, DDPM_PASS_INFERENCE);

      g_assert_cmpmem (actual, 3 * 4 * SIZE * SIZE * sizeof (float), expected,
                       3 * 4 * SIZE * SIZE * sizeof (float));
    }
}

static void
assert_close (const float *actual, const float *expected, gsize n)
{
  for (gsize i = 0; i < n; i++)
    g_assert_cmpfloat_with_epsilon (actual[i], expected[i], 2e-5);
}

/* A picture is the same alone or in a batch, whatever is dropped of it, and a training pass without dropout
 * computes what inference does; dropout is for training alone. */
static void
test_batch_and_mode (void)
{
  const gsize n = 4 * SIZE * SIZE;
  g_autoptr (DdpmUnet) unet = make_unet (0);
  g_autoptr (DdpmUnet) with_dropout = make_unet (0.5);
  g_autofree float *batch = run (unet, 2, 0, 3, DDPM_PASS_INFERENCE);
  g_autofree float *training = run (unet, 2, 0, 3, DDPM_PASS_TRAINING);
  g_autofree float *inference = run (with_dropout, 2, 0, 3, DDPM_PASS_INFERENCE);
  g_autofree float *dropped = run (with_dropout, 2, 0, 3, DDPM_PASS_TRAINING);
  double difference = 0;

  for (guint i = 0; i < 3; i++)
    {
      g_autofree float *alone = run (unet, 2, i, 1, DDPM_PASS_INFERENCE);

      g_autofree float *dropped_alone = run (with_dropout, 2, i, 1, DDPM_PASS_TRAINING);

      assert_close (batch + i * n, alone, n);
      assert_close (dropped + i * n, dropped_alone, n);
    }
  assert_close (training, batch, 3 * n);
  assert_close (inference, batch, 3 * n);
  for (gsize i = 0; i < 3 * n; i++)
    difference = MAX (difference, fabs (dropped[i] - batch[i]));
  g_assert_cmpfloat (difference, >, 1e-2);
}

/* in [4][SIZE][SIZE], moved down and right; what leaves at one end comes back at the other */
static void
move (const float *in, guint down, guint right, float *out)
{
  for (guint c = 0; c < 4; c++)
    for (guint y = 0; y < SIZE; y++)
      for (guint x = 0; x < SIZE; x++)
        out[(c * SIZE + (y + down) % SIZE) * SIZE + (x + right) % SIZE] = in[(c * SIZE + y) * SIZE + x];
}

typedef enum
{
  PADDING_ZERO,
  PADDING_CIRCULAR,      /* the network's own */
  PADDING_CIRCULAR_PASS, /* the pass's, both axes */
  PADDING_CIRCULAR_X,
  PADDING_CIRCULAR_Y
} Padding;

/* The largest difference between what comes out of a moved picture and what comes out of the picture, moved
 * along x, along y, or both. */
static double
measure_shift_error (Padding padding, guint downsample_padding, gboolean along_x, gboolean along_y)
{
  const gsize n = 4 * SIZE * SIZE;
  const float timestep = 300;
  const DdpmPassOptions options = {
    .batch = 1,
    .height = SIZE,
    .width = SIZE,
    .mode = DDPM_PASS_INFERENCE,
    .circular_x = padding == PADDING_CIRCULAR_PASS || padding == PADDING_CIRCULAR_X,
    .circular_y = padding == PADDING_CIRCULAR_PASS || padding == PADDING_CIRCULAR_Y,
  };
  g_autoptr (DdpmUnet) zero = make_unet (0);
  DdpmUnetConfig config = *ddpm_unet_get_config (zero);
  g_autoptr (DdpmTeam) team = ddpm_team_new (2);
  g_autofree float *weights = g_new (float, ddpm_unet_get_n_weights (zero));
  g_autofree float *x = g_new (float, n), *moved_x = g_new (float, n), *output = g_new (float, n);
  g_autofree float *expected = g_new (float, n);
  double error = 0;

  config.circular_padding = padding == PADDING_CIRCULAR;
  config.downsample_padding = downsample_padding;
  g_autoptr (DdpmUnet) unet = ddpm_unet_new (&config, NULL);
  g_autoptr (DdpmUnetPass) pass = ddpm_unet_pass_new (unet, team, &options, NULL);

  ddpm_unet_init_weights (unet, 1, weights);
  ddpm_unet_pass_set_weights (pass, weights);
  ddpm_rng_normal ((DdpmRngKey) { .seed = 2, .purpose = DDPM_RNG_LATENT }, x, n);
  ddpm_unet_pass_forward (pass, x, &timestep, NULL, output);
  for (guint i = 1; i < 8; i++)
    {
      const guint down = along_y ? 4 * (i % 3) : 0; /* three levels: pixels of the last one */
      const guint right = along_x ? 4 * (i / 3) : 0;

      move (output, down, right, expected);
      move (x, down, right, moved_x);
      ddpm_unet_pass_forward (pass, moved_x, &timestep, NULL, output);
      for (gsize v = 0; v < n; v++)
        error = MAX (error, fabs (output[v] - expected[v]));
      move (output, SIZE - down, SIZE - right, expected);
      memcpy (output, expected, n * sizeof (float));
    }
  return error;
}

/* With circular padding no place in a picture is special: there are no edges. */
static void
test_circular (void)
{
  for (guint padding = 0; padding <= 1; padding++)
    {
      g_assert_cmpfloat (measure_shift_error (PADDING_CIRCULAR, padding, TRUE, TRUE), <, 2e-5);
      g_assert_cmpfloat (measure_shift_error (PADDING_CIRCULAR_PASS, padding, TRUE, TRUE), <, 2e-5);
      g_assert_cmpfloat (measure_shift_error (PADDING_CIRCULAR_X, padding, TRUE, FALSE), <, 2e-5);
      g_assert_cmpfloat (measure_shift_error (PADDING_CIRCULAR_X, padding, FALSE, TRUE), >, 1e-2);
      g_assert_cmpfloat (measure_shift_error (PADDING_CIRCULAR_Y, padding, FALSE, TRUE), <, 2e-5);
      g_assert_cmpfloat (measure_shift_error (PADDING_CIRCULAR_Y, padding, TRUE, FALSE), >, 1e-2);
      g_assert_cmpfloat (measure_shift_error (PADDING_ZERO, padding, TRUE, TRUE), >, 1e-2);
    }
}

static void
test_memory (void)
{
  g_autoptr (DdpmUnet) unet = make_unet (0);

  for (guint n_threads = 1; n_threads <= 3; n_threads++)
    for (DdpmPassMode mode = DDPM_PASS_INFERENCE; mode <= DDPM_PASS_TRAINING; mode++)
      {
        g_autoptr (DdpmTeam) team = ddpm_team_new (n_threads);
        gsize previous = 0;

        for (guint batch = 1; batch <= 4; batch *= 2)
          {
            const DdpmPassOptions options = { batch, SIZE, SIZE, mode };
            g_autoptr (DdpmUnetPass) pass = ddpm_unet_pass_new (unet, team, &options, NULL);

            g_assert_cmpuint (ddpm_unet_pass_get_bytes (pass), ==,
                              ddpm_unet_predict_pass_bytes (unet, n_threads, &options));
            g_assert_cmpuint (ddpm_unet_pass_get_bytes (pass), >, previous);
            previous = ddpm_unet_pass_get_bytes (pass);
          }
      }
}

static void
test_wrong_size (void)
{
  g_autoptr (DdpmUnet) unet = make_unet (0);
  g_autoptr (DdpmTeam) team = ddpm_team_new (1);
  const DdpmPassOptions options = { 1, 16, 18, DDPM_PASS_INFERENCE };
  g_autoptr (GError) error = NULL;

  g_assert_null (ddpm_unet_pass_new (unet, team, &options, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_USAGE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/unet/params", test_params);
  g_test_add_func ("/unet/known-size", test_known_size);
  g_test_add_func ("/unet/initial-weights", test_initial_weights);
  g_test_add_func ("/unet/threads", test_threads);
  g_test_add_func ("/unet/batch-and-mode", test_batch_and_mode);
  g_test_add_func ("/unet/circular", test_circular);
  g_test_add_func ("/unet/memory", test_memory);
  g_test_add_func ("/unet/wrong-size", test_wrong_size);
  return g_test_run ();
}
