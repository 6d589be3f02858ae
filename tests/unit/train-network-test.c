#include "core/job/train-network.h"

#include <string.h>

#include "core/base/error.h"

static void
init_options (DdpmTrainOptions *options)
{
  ddpm_train_options_init (options);
  options->layers_per_block = 2;
  options->dropout = 0;
}

/* Sizes and the networks chosen for them. */
static void
test_sizes (void)
{
  static const struct
  {
    guint width, height, n_levels, n_attention, attention;
  } cases[] = {
    { 8, 8, 2, DDPM_TRAIN_OPEN, 0 },
    { 16, 16, 2, 1, 16 },
    { 18, 18, 2, 1, 9 },
    { 28, 28, 3, 1, 14 },
    { 32, 32, 3, 1, 16 },
    { 48, 32, 4, 1, 16 },
    { 60, 60, 3, 1, 15 },
    { 64, 64, 4, 1, 16 },
    { 128, 128, 5, 1, 16 },
    { 256, 256, 6, 1, 16 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      DdpmTrainOptions options;
      DdpmUnetConfig config;
      g_autoptr (GError) error = NULL;

      init_options (&options);
      g_assert_true (ddpm_train_network_decide (&config, &options, cases[i].height, cases[i].width, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (config.n_levels, ==, cases[i].n_levels);
      config.sample_height = cases[i].height;
      g_assert_true (ddpm_unet_config_validate (&config, &error));
      ddpm_train_network_describe (&config, &options);
      g_assert_cmpuint (options.n_attention, ==, cases[i].n_attention);
      g_assert_true (config.add_attention);
      if (options.n_attention == 1)
        g_assert_cmpuint (options.attention[0], ==, cases[i].attention);
      for (guint level = 0; level < config.n_levels; level++)
        {
          g_assert_cmpint (config.down_block_types[level], ==,
                           config.up_block_types[config.n_levels - 1 - level]);
          if (config.down_block_types[level] == DDPM_BLOCK_ATTENTION || level + 1 == config.n_levels)
            g_assert_cmpuint (config.block_out_channels[level] % config.attention_head_dim, ==, 0);
        }
      g_assert_null (ddpm_train_network_find_difference (&config, &options));
    }
}

static void
test_given (void)
{
  DdpmTrainOptions options;
  DdpmUnetConfig config;
  g_autoptr (GError) error = NULL;

  init_options (&options);
  options.layers_per_block = DDPM_TRAIN_OPEN;
  g_assert_false (ddpm_train_network_is_given (&options));
  g_assert_cmpuint (ddpm_train_network_get_multiple (&options), ==, 4);
  options.layers_per_block = 1;
  options.n_channels = 4;
  memcpy (options.channels, (guint[]) { 24, 48, 48, 96 }, 4 * sizeof (guint));
  options.n_attention = 2;
  options.attention[0] = 4;
  options.attention[1] = 16;
  options.dropout = 0.25;
  g_assert_true (ddpm_train_network_is_given (&options));
  g_assert_cmpuint (ddpm_train_network_get_multiple (&options), ==, 8);

  g_assert_true (ddpm_train_network_decide (&config, &options, 16, 24, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (config.n_levels, ==, 4);
  g_assert_cmpuint (config.block_out_channels[3], ==, 96);
  g_assert_cmpuint (config.layers_per_block, ==, 1);
  g_assert_cmpfloat (config.dropout, ==, 0.25);
  g_assert_cmpint (config.down_block_types[0], ==, DDPM_BLOCK_ATTENTION);
  g_assert_cmpint (config.down_block_types[1], ==, DDPM_BLOCK_PLAIN);
  g_assert_cmpint (config.down_block_types[2], ==, DDPM_BLOCK_ATTENTION);
  g_assert_cmpint (config.up_block_types[0], ==, DDPM_BLOCK_PLAIN);
  g_assert_cmpint (config.up_block_types[1], ==, DDPM_BLOCK_ATTENTION);
  g_assert_cmpuint (config.attention_head_dim, ==, 24);
  g_assert_cmpuint (config.norm_num_groups, ==, 6);

  config.sample_height = 16;
  g_assert_null (ddpm_train_network_find_difference (&config, &options));
  options.attention[0] = 8;
  g_assert_cmpstr (ddpm_train_network_find_difference (&config, &options), ==, "--attention");
  options.channels[1] = 24;
  g_assert_cmpstr (ddpm_train_network_find_difference (&config, &options), ==, "--channels");
}

/* "none" takes the middle block's attention away as well, and a resumed run knows the difference. */
static void
test_no_attention (void)
{
  DdpmTrainOptions options;
  DdpmUnetConfig with, without;

  init_options (&options);
  g_assert_true (ddpm_train_network_decide (&with, &options, 8, 8, NULL));
  options.n_attention = 0;
  g_assert_true (ddpm_train_network_decide (&without, &options, 8, 8, NULL));
  g_assert_false (without.add_attention);
  g_assert_null (ddpm_train_network_find_difference (&without, &options));
  g_assert_cmpstr (ddpm_train_network_find_difference (&with, &options), ==, "--attention");
}

/* Widths too small for heads get a single one. */
static void
test_narrow (void)
{
  DdpmTrainOptions options;
  DdpmUnetConfig config;
  g_autoptr (GError) error = NULL;

  init_options (&options);
  options.n_channels = 2;
  options.channels[0] = 3;
  options.channels[1] = 6;
  g_assert_true (ddpm_train_network_decide (&config, &options, 8, 8, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (config.attention_head_dim, ==, 0);
  g_assert_cmpuint (config.norm_num_groups, ==, 1);
  g_assert_true (ddpm_unet_config_validate (&config, &error));
}

static void
assert_refused (const DdpmTrainOptions *options, guint size, const char *part)
{
  DdpmUnetConfig config;
  g_autoptr (GError) error = NULL;

  g_assert_false (ddpm_train_network_decide (&config, options, size, size, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_USAGE);
  g_assert_nonnull (strstr (error->message, part));
}

static void
test_refused (void)
{
  DdpmTrainOptions options;

  init_options (&options);
  assert_refused (&options, 17, "17x17");
  options.n_attention = 1;
  options.attention[0] = 20;
  assert_refused (&options, 32,
                  "--attention 20: the network has no level of that height; its levels are 32, 16, 8");
  options.n_attention = 0;
  options.n_channels = 5;
  for (guint i = 0; i < 5; i++)
    options.channels[i] = 32;
  assert_refused (&options, 24, "24x24");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/train-network/sizes", test_sizes);
  g_test_add_func ("/train-network/given", test_given);
  g_test_add_func ("/train-network/no-attention", test_no_attention);
  g_test_add_func ("/train-network/narrow", test_narrow);
  g_test_add_func ("/train-network/refused", test_refused);
  return g_test_run ();
}
