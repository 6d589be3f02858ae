/* Which networks can be built and which cannot, and for what sizes. */
#include "core/nn/unet-config.h"

#include <math.h>
#include <string.h>

#include "core/base/error.h"

/* Two levels, small, with attention in the deeper one. */
static DdpmUnetConfig
small_config (void)
{
  DdpmUnetConfig config;

  ddpm_unet_config_init (&config);
  config.n_levels = 2;
  config.block_out_channels[0] = 8;
  config.block_out_channels[1] = 16;
  config.down_block_types[0] = DDPM_BLOCK_PLAIN;
  config.down_block_types[1] = DDPM_BLOCK_ATTENTION;
  config.up_block_types[0] = DDPM_BLOCK_ATTENTION;
  config.up_block_types[1] = DDPM_BLOCK_PLAIN;
  config.norm_num_groups = 4;
  return config;
}

static void
test_defaults (void)
{
  DdpmUnetConfig config;
  g_autoptr (GError) error = NULL;

  ddpm_unet_config_init (&config);
  g_assert_true (ddpm_unet_config_validate (&config, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (config.n_levels, ==, 4);
  g_assert_cmpuint (config.block_out_channels[3], ==, 896);
  g_assert_cmpuint (config.attention_head_dim, ==, 8);
  g_assert_cmpuint (ddpm_unet_config_get_size_multiple (&config), ==, 8);

  config = small_config ();
  g_assert_true (ddpm_unet_config_validate (&config, &error));
  g_assert_no_error (error);
}

#define ASSERT_REFUSED(change, error_code, reason)                  \
  G_STMT_START                                                      \
  {                                                                 \
    DdpmUnetConfig config = small_config ();                        \
    g_autoptr (GError) refused = NULL;                              \
                                                                    \
    change;                                                         \
    g_assert_false (ddpm_unet_config_validate (&config, &refused)); \
    g_assert_error (refused, DDPM_ERROR, (gint) error_code);        \
    g_test_message ("%s", refused->message);                        \
    g_assert_nonnull (strstr (refused->message, reason));           \
  }                                                                 \
  G_STMT_END

static void
test_numbers (void)
{
  ASSERT_REFUSED (config.in_channels = 0, DDPM_ERROR_USAGE, "in_channels is 0");
  ASSERT_REFUSED (config.out_channels = 4000000000u, DDPM_ERROR_USAGE, "out_channels is 4000000000");
  ASSERT_REFUSED (config.n_levels = 0, DDPM_ERROR_USAGE, "levels is 0");
  ASSERT_REFUSED (config.n_levels = DDPM_UNET_MAX_LEVELS + 1, DDPM_ERROR_USAGE, "levels is 9");
  ASSERT_REFUSED (config.layers_per_block = 0, DDPM_ERROR_USAGE, "layers_per_block is 0");
  ASSERT_REFUSED (config.layers_per_block = G_MAXUINT, DDPM_ERROR_USAGE, "layers_per_block is 4294967295");
  ASSERT_REFUSED (config.downsample_padding = 2, DDPM_ERROR_USAGE, "downsample_padding is 2");
  ASSERT_REFUSED (config.sample_width = 1000000, DDPM_ERROR_USAGE, "sample width is 1000000");
  ASSERT_REFUSED (config.mid_block_scale_factor = 0, DDPM_ERROR_USAGE, "mid_block_scale_factor");
  ASSERT_REFUSED (config.mid_block_scale_factor = NAN, DDPM_ERROR_USAGE, "mid_block_scale_factor");
  ASSERT_REFUSED (config.dropout = 1, DDPM_ERROR_USAGE, "dropout is 1");
  ASSERT_REFUSED (config.dropout = NAN, DDPM_ERROR_USAGE, "dropout");
  ASSERT_REFUSED (config.norm_eps = -1e-5, DDPM_ERROR_USAGE, "norm_eps");
  ASSERT_REFUSED (config.norm_eps = INFINITY, DDPM_ERROR_USAGE, "norm_eps");
  ASSERT_REFUSED (config.act_fn = DDPM_ACT_NONE, DDPM_ERROR_USAGE, "act_fn");
  ASSERT_REFUSED (config.freq_shift = 4, DDPM_ERROR_USAGE, "freq_shift is 4");
  ASSERT_REFUSED (config.freq_shift = NAN, DDPM_ERROR_USAGE, "freq_shift");
}

static void
test_widths (void)
{
  ASSERT_REFUSED (config.block_out_channels[1] = 0, DDPM_ERROR_USAGE, "block_out_channels is 0");
  ASSERT_REFUSED (config.block_out_channels[0] = 10, DDPM_ERROR_USAGE,
                  "10 in block_out_channels cannot be cut into 4");
  ASSERT_REFUSED (config.norm_num_groups = 0, DDPM_ERROR_USAGE, "norm_num_groups is 0");
  ASSERT_REFUSED (config.attn_norm_num_groups = 3, DDPM_ERROR_USAGE, "attn_norm_num_groups");
  ASSERT_REFUSED (config.attention_head_dim = 17, DDPM_ERROR_USAGE, "not one head fits");
  ASSERT_REFUSED (config.block_out_channels[1] = 65536;
                  config.layers_per_block = 64, DDPM_ERROR_USAGE, "thousand million parameters");
  ASSERT_REFUSED (config.downsample_type = DDPM_RESAMPLE_NONE;
                  config.down_block_types[0] = DDPM_BLOCK_ATTENTION, DDPM_ERROR_USAGE, "downsample_type");
  ASSERT_REFUSED (config.upsample_type = DDPM_RESAMPLE_NONE, DDPM_ERROR_USAGE, "upsample_type");
  ASSERT_REFUSED (config.up_block_types[1] = 7, DDPM_ERROR_USAGE, "no known type");
}

/* What a rule guards against has to be there for the rule to speak. */
static void
test_not_refused (void)
{
  DdpmUnetConfig config = small_config ();

  config.attention_head_dim = 17;
  config.down_block_types[1] = DDPM_BLOCK_PLAIN;
  config.up_block_types[0] = DDPM_BLOCK_PLAIN;
  g_assert_false (ddpm_unet_config_validate (&config, NULL));
  config.add_attention = FALSE;
  g_assert_true (ddpm_unet_config_validate (&config, NULL));
  config.attn_norm_num_groups = 3;
  config.mid_block = FALSE;
  config.downsample_type = config.upsample_type = DDPM_RESAMPLE_NONE;
  g_assert_true (ddpm_unet_config_validate (&config, NULL));
}

static void
test_embeddings (void)
{
  DdpmUnetConfig config = small_config ();

  g_assert_cmpuint (ddpm_unet_config_get_n_classes (&config), ==, 0);
  config.class_embed = DDPM_CLASS_EMBED_TIMESTEP;
  config.num_class_embeds = 3; /* which nobody reads then */
  g_assert_true (ddpm_unet_config_validate (&config, NULL));
  g_assert_cmpuint (ddpm_unet_config_get_n_classes (&config), ==, 0);
  config.class_embed = DDPM_CLASS_EMBED_TABLE;
  g_assert_cmpuint (ddpm_unet_config_get_n_classes (&config), ==, 3);
  config.time_embedding_type = DDPM_TIME_EMBEDDING_FOURIER;
  config.freq_shift = config.block_out_channels[0] / 2; /* nor this */
  g_assert_true (ddpm_unet_config_validate (&config, NULL));
}

static void
test_tables (void)
{
  ASSERT_REFUSED (config.time_embedding_type = DDPM_TIME_EMBEDDING_LEARNED, DDPM_ERROR_USAGE,
                  "num_train_timesteps is 0");
  ASSERT_REFUSED (config.class_embed = DDPM_CLASS_EMBED_TABLE, DDPM_ERROR_USAGE, "num_class_embeds is 0");
}

static void
test_sizes (void)
{
  static const struct
  {
    guint height, width;
    const char *reason; /* NULL: it works */
  } cases[] = {
    { 32, 32, NULL },
    { 8, 16384, NULL },
    { 40, 24, NULL },
    { 0, 32, "32x0 pixels is impossible" },
    { 32, 30,
      "30x32 pixels does not fit this network, which halves it 3 times; the nearest sizes that work are "
      "24x32 and 32x32" },
    { 3, 5, "the nearest size that works is 8x8" },
    { 33, 31, "24x32 and 32x40" },
    { 32, 16392, "impossible" },
    { G_MAXUINT, G_MAXUINT, "impossible" },
  };
  DdpmUnetConfig config;

  ddpm_unet_config_init (&config);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      if (ddpm_unet_config_check_size (&config, cases[i].height, cases[i].width, &error))
        g_assert_null (cases[i].reason);
      else
        {
          g_assert_error (error, DDPM_ERROR, DDPM_ERROR_USAGE);
          g_test_message ("%s", error->message);
          g_assert_nonnull (cases[i].reason);
          g_assert_nonnull (strstr (error->message, cases[i].reason));
        }
    }
}

static void
test_groups (void)
{
  static const struct
  {
    guint widths[4], n, groups;
  } cases[] = {
    { { 128, 256, 256, 256 }, 4, 32 },
    { { 64, 128, 128 }, 3, 16 },
    { { 48, 96 }, 2, 12 },
    { { 40, 60 }, 2, 10 },
    { { 6, 12 }, 2, 1 },
    { { 1, 7 }, 2, 1 },
    { { 512 }, 1, 32 },
    { { 100 }, 1, 25 },
    { { 127, 254 }, 2, 1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpuint (ddpm_unet_config_choose_groups (cases[i].widths, cases[i].n), ==, cases[i].groups);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/unet-config/defaults", test_defaults);
  g_test_add_func ("/unet-config/numbers", test_numbers);
  g_test_add_func ("/unet-config/widths", test_widths);
  g_test_add_func ("/unet-config/not-refused", test_not_refused);
  g_test_add_func ("/unet-config/embeddings", test_embeddings);
  g_test_add_func ("/unet-config/tables", test_tables);
  g_test_add_func ("/unet-config/sizes", test_sizes);
  g_test_add_func ("/unet-config/groups", test_groups);
  return g_test_run ();
}
