/* The numbers that define a UNet2DModel, as diffusers' config.json names them. Reading and writing
 * that file is the business of core/model/config.h. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define DDPM_UNET_MAX_LEVELS 8

typedef enum
{
  DDPM_TIME_EMBEDDING_POSITIONAL,
  DDPM_TIME_EMBEDDING_FOURIER,
  DDPM_TIME_EMBEDDING_LEARNED
} DdpmTimeEmbedding;

typedef enum
{
  DDPM_CLASS_EMBED_NONE,     /* class_embed_type null, num_class_embeds null */
  DDPM_CLASS_EMBED_TABLE,    /* class_embed_type null, num_class_embeds K */
  DDPM_CLASS_EMBED_TIMESTEP, /* "timestep" */
  DDPM_CLASS_EMBED_IDENTITY  /* "identity" */
} DdpmClassEmbed;

/* One kind serves the down and the up path: "DownBlock2D"/"UpBlock2D" are PLAIN,
 * "AttnDownBlock2D"/"AttnUpBlock2D" ATTENTION, "ResnetDownsampleBlock2D"/
 * "ResnetUpsampleBlock2D" RESNET_SAMPLE. */
typedef enum
{
  DDPM_BLOCK_PLAIN,
  DDPM_BLOCK_ATTENTION,
  DDPM_BLOCK_RESNET_SAMPLE
} DdpmBlockType;

typedef enum
{
  DDPM_RESAMPLE_CONV,   /* "conv", or null */
  DDPM_RESAMPLE_RESNET, /* "resnet" */
  DDPM_RESAMPLE_NONE    /* any other string: no sampler at all */
} DdpmResampleType;

typedef enum
{
  DDPM_ACT_NONE,
  DDPM_ACT_SILU, /* also "swish" */
  DDPM_ACT_MISH,
  DDPM_ACT_GELU, /* erf form */
  DDPM_ACT_RELU
} DdpmActivation;

typedef struct
{
  guint sample_height, sample_width; /* pixels; 0: the file does not say */
  guint in_channels, out_channels;
  gboolean center_input_sample;
  DdpmTimeEmbedding time_embedding_type;
  guint time_embedding_dim; /* 0: 4 * block_out_channels[0] */
  double freq_shift;
  gboolean flip_sin_to_cos;
  guint n_levels;
  DdpmBlockType down_block_types[DDPM_UNET_MAX_LEVELS];
  DdpmBlockType up_block_types[DDPM_UNET_MAX_LEVELS]; /* deepest first */
  gboolean mid_block;                                 /* mid_block_type is not null */
  guint block_out_channels[DDPM_UNET_MAX_LEVELS];
  guint layers_per_block;
  double mid_block_scale_factor;
  guint downsample_padding; /* 0: one row below and one column on the right */
  DdpmResampleType downsample_type, upsample_type;
  double dropout; /* probability */
  DdpmActivation act_fn;
  guint attention_head_dim; /* channels per head; 0: null, one head */
  guint norm_num_groups;
  guint attn_norm_num_groups; /* 0: null */
  double norm_eps;
  gboolean scale_shift; /* resnet_time_scale_shift "scale_shift" */
  gboolean add_attention;
  DdpmClassEmbed class_embed;
  guint num_class_embeds;    /* rows of the table; 0: null */
  guint num_train_timesteps; /* rows of the learned time table; 0: null */
  /* 3x3 convolutions see the picture's other end beyond its edges, not zeros; config.json cannot say that,
   * ddpm.json does */
  gboolean circular_padding;
} DdpmUnetConfig;

/* Fills in the defaults of diffusers' UNet2DModel. */
void ddpm_unet_config_init (DdpmUnetConfig *config);

/* FALSE unless the network can be built: ranges, groups that divide their channels, as many
 * block types as widths. Errors: DDPM_ERROR_USAGE (impossible numbers), DDPM_ERROR_UNSUPPORTED. */
gboolean ddpm_unet_config_validate (const DdpmUnetConfig *config, GError **error);

/* Rows of the class table; 0: there is none. */
guint ddpm_unet_config_get_n_classes (const DdpmUnetConfig *config);

/* Height and width (pixels) must be multiples of this: 2 per level but the last. */
guint ddpm_unet_config_get_size_multiple (const DdpmUnetConfig *config);

/* FALSE, with a sentence that names the nearest sizes that work, unless pictures of height x width
 * can go through the network. Errors: DDPM_ERROR_USAGE. */
gboolean ddpm_unet_config_check_size (const DdpmUnetConfig *config, guint height, guint width,
                                      GError **error);

/* "The number of groups is the largest that divides every width and is at most 32 and at most a
 * quarter of the smallest width" (widths[n], all > 0). */
guint ddpm_unet_config_choose_groups (const guint *widths, guint n);

G_END_DECLS
