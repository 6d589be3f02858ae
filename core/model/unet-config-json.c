/* unet/config.json: a DdpmUnetConfig as diffusers' UNet2DModel names its members, both ways.
 *
 * Reading checks types and what the struct cannot express; whether a network can be built from the numbers is
 * for ddpm_unet_config_validate to say. */
#include "core/model/config.h"

#include <math.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/model/json-fields.h"

#define MAX_NUMBER 1000000000u

static const char *const down_names[] = { "DownBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D" };
static const char *const up_names[] = { "UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D" };
static const char *const time_names[] = { "positional", "fourier", "learned" };
static const char *const act_names[] = { NULL, "silu", "mish", "gelu", "relu" };
static const char *const resample_names[] = { "conv", "resnet", "none" };

static gboolean
check_class (const DdpmJsonFields *fields, GError **error)
{
  const char *class_name = "UNet2DModel";

  if (!ddpm_json_fields_get_string (fields, "_class_name", &class_name, error))
    return FALSE;
  if (class_name == NULL || g_str_equal (class_name, "UNet2DModel"))
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_UNSUPPORTED,
               _ ("%s describes a %s, but only networks of the class UNet2DModel can be used"),
               fields->file_name, class_name);
  return FALSE;
}

/* One number for both sides, or [height, width], or null. */
static gboolean
read_sample_size (DdpmUnetConfig *config, const DdpmJsonFields *fields, GError **error)
{
  JsonNode *node = ddpm_json_fields_find (fields, "sample_size");
  JsonArray *pair;

  if (node == NULL || JSON_NODE_HOLDS_NULL (node))
    return TRUE;
  if (ddpm_json_node_to_uint (node, 1, MAX_NUMBER, &config->sample_height))
    {
      config->sample_width = config->sample_height;
      return TRUE;
    }
  pair = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  if (pair != NULL && json_array_get_length (pair) == 2
      && ddpm_json_node_to_uint (json_array_get_element (pair, 0), 1, MAX_NUMBER, &config->sample_height)
      && ddpm_json_node_to_uint (json_array_get_element (pair, 1), 1, MAX_NUMBER, &config->sample_width))
    return TRUE;
  return ddpm_json_fields_fail (fields, "sample_size", _ ("a size in pixels, [height, width], or null"),
                                error);
}

/* An array of one to DDPM_UNET_MAX_LEVELS elements; NULL with success where the key is missing. */
static gboolean
find_levels (const DdpmJsonFields *fields, const char *key, JsonArray **array, GError **error)
{
  JsonNode *node = ddpm_json_fields_find (fields, key);
  g_autofree char *expected = NULL;

  *array = NULL;
  if (node == NULL)
    return TRUE;
  if (JSON_NODE_HOLDS_ARRAY (node))
    {
      *array = json_node_get_array (node);
      if (json_array_get_length (*array) >= 1 && json_array_get_length (*array) <= DDPM_UNET_MAX_LEVELS)
        return TRUE;
    }
  expected = g_strdup_printf (_ ("a list with one entry for each level, 1 to %d"), DDPM_UNET_MAX_LEVELS);
  return ddpm_json_fields_fail (fields, key, expected, error);
}

static gboolean
read_blocks (const DdpmJsonFields *fields, const char *key, const char *const names[3], DdpmBlockType *types,
             guint *n, GError **error)
{
  JsonArray *array;

  if (!find_levels (fields, key, &array, error))
    return FALSE;
  if (array == NULL)
    return TRUE;

  *n = json_array_get_length (array);
  for (guint i = 0; i < *n; i++)
    {
      const char *name = ddpm_json_node_to_string (json_array_get_element (array, i));
      guint type = 0;

      if (name == NULL)
        return ddpm_json_fields_fail (fields, key, _ ("a list of strings"), error);
      /* the prefix of diffusers' first releases */
      if (g_str_has_prefix (name, "UNetRes"))
        name += strlen ("UNetRes");
      while (type < 3 && !g_str_equal (name, names[type]))
        type++;
      if (type == 3)
        {
          g_set_error (error, DDPM_ERROR, DDPM_ERROR_UNSUPPORTED,
                       _ ("%s: the block \"%s\" in \"%s\" is not supported; %s, %s and %s are"),
                       fields->file_name, name, key, names[0], names[1], names[2]);
          return FALSE;
        }
      types[i] = type;
    }
  return TRUE;
}

static gboolean
read_widths (DdpmUnetConfig *config, const DdpmJsonFields *fields, guint *n, GError **error)
{
  JsonArray *array;

  if (!find_levels (fields, "block_out_channels", &array, error))
    return FALSE;
  if (array == NULL)
    return TRUE;

  *n = json_array_get_length (array);
  for (guint i = 0; i < *n; i++)
    if (!ddpm_json_node_to_uint (json_array_get_element (array, i), 1, MAX_NUMBER,
                                 &config->block_out_channels[i]))
      return ddpm_json_fields_fail (fields, "block_out_channels", _ ("a list of whole numbers of at least 1"),
                                    error);
  return TRUE;
}

static gboolean
read_levels (DdpmUnetConfig *config, const DdpmJsonFields *fields, GError **error)
{
  guint n_down = config->n_levels, n_up = config->n_levels, n_widths = config->n_levels;

  if (!read_blocks (fields, "down_block_types", down_names, config->down_block_types, &n_down, error)
      || !read_blocks (fields, "up_block_types", up_names, config->up_block_types, &n_up, error)
      || !read_widths (config, fields, &n_widths, error))
    return FALSE;
  if (n_down != n_up || n_down != n_widths)
    {
      g_set_error (
        error, DDPM_ERROR, DDPM_ERROR_FILE,
        _ (
          "%s: \"down_block_types\" has %u entries, \"up_block_types\" %u and \"block_out_channels\" %u, but "
          "all three need one for each level"),
        fields->file_name, n_down, n_up, n_widths);
      return FALSE;
    }
  config->n_levels = n_down;
  return TRUE;
}

static gboolean
read_act_fn (DdpmUnetConfig *config, const DdpmJsonFields *fields, GError **error)
{
  JsonNode *node = ddpm_json_fields_find (fields, "act_fn");
  guint act = config->act_fn;

  if (node != NULL && ddpm_json_node_to_string (node) != NULL
      && g_ascii_strcasecmp (ddpm_json_node_to_string (node), "swish") == 0)
    act = DDPM_ACT_SILU;
  else if (!ddpm_json_fields_get_name (fields, "act_fn", act_names, G_N_ELEMENTS (act_names), &act, error))
    return FALSE;
  config->act_fn = act;
  return TRUE;
}

/* null is the strided convolution; a string that diffusers does not know means no sampler at all. */
static gboolean
read_resample (const DdpmJsonFields *fields, const char *key, DdpmResampleType *type, GError **error)
{
  const char *name = resample_names[*type];

  if (!ddpm_json_fields_get_string (fields, key, &name, error))
    return FALSE;
  if (name == NULL || g_str_equal (name, "conv"))
    *type = DDPM_RESAMPLE_CONV;
  else
    *type = g_str_equal (name, "resnet") ? DDPM_RESAMPLE_RESNET : DDPM_RESAMPLE_NONE;
  return TRUE;
}

static gboolean
read_embeddings (DdpmUnetConfig *config, const DdpmJsonFields *fields, GError **error)
{
  JsonNode *classes = ddpm_json_fields_find (fields, "num_class_embeds");
  const char *class_type = NULL;
  guint time_type = config->time_embedding_type;

  if (!ddpm_json_fields_get_name (fields, "time_embedding_type", time_names, G_N_ELEMENTS (time_names),
                                  &time_type, error)
      || !ddpm_json_fields_get_uint_or_null (fields, "time_embedding_dim", 0, MAX_NUMBER,
                                             &config->time_embedding_dim, error)
      || !ddpm_json_fields_get_double (fields, "freq_shift", &config->freq_shift, error)
      || !ddpm_json_fields_get_bool (fields, "flip_sin_to_cos", &config->flip_sin_to_cos, error)
      || !ddpm_json_fields_get_uint_or_null (fields, "num_train_timesteps", 0, MAX_NUMBER,
                                             &config->num_train_timesteps, error)
      || !ddpm_json_fields_get_string (fields, "class_embed_type", &class_type, error)
      || !ddpm_json_fields_get_uint_or_null (fields, "num_class_embeds", 0, MAX_NUMBER,
                                             &config->num_class_embeds, error))
    return FALSE;

  config->time_embedding_type = time_type;
  if (class_type == NULL && classes != NULL && !JSON_NODE_HOLDS_NULL (classes))
    config->class_embed = DDPM_CLASS_EMBED_TABLE;
  else if (g_strcmp0 (class_type, "timestep") == 0)
    config->class_embed = DDPM_CLASS_EMBED_TIMESTEP;
  else if (g_strcmp0 (class_type, "identity") == 0)
    config->class_embed = DDPM_CLASS_EMBED_IDENTITY;
  return TRUE;
}

static gboolean
read_norm (DdpmUnetConfig *config, const DdpmJsonFields *fields, GError **error)
{
  static const char *const shift_names[] = { "default", "scale_shift" };
  JsonNode *groups = ddpm_json_fields_find (fields, "norm_num_groups");
  guint shift = config->scale_shift;

  if (groups != NULL && JSON_NODE_HOLDS_NULL (groups))
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_UNSUPPORTED,
                   _ ("%s: \"norm_num_groups\" is null, which belongs to networks with Skip blocks (NCSN++), "
                      "and those are not supported"),
                   fields->file_name);
      return FALSE;
    }
  if (!ddpm_json_fields_get_uint (fields, "norm_num_groups", 1, MAX_NUMBER, &config->norm_num_groups, error)
      || !ddpm_json_fields_get_uint_or_null (fields, "attn_norm_num_groups", 1, MAX_NUMBER,
                                             &config->attn_norm_num_groups, error)
      || !ddpm_json_fields_get_double (fields, "norm_eps", &config->norm_eps, error)
      || !ddpm_json_fields_get_name (fields, "resnet_time_scale_shift", shift_names,
                                     G_N_ELEMENTS (shift_names), &shift, error))
    return FALSE;
  config->scale_shift = shift == 1;
  return TRUE;
}

static gboolean
read_blocks_inside (DdpmUnetConfig *config, const DdpmJsonFields *fields, GError **error)
{
  const char *mid_block = "UNetMidBlock2D";

  if (!ddpm_json_fields_get_string (fields, "mid_block_type", &mid_block, error)
      || !ddpm_json_fields_get_uint (fields, "layers_per_block", 1, MAX_NUMBER, &config->layers_per_block,
                                     error)
      || !ddpm_json_fields_get_double (fields, "mid_block_scale_factor", &config->mid_block_scale_factor,
                                       error)
      || !ddpm_json_fields_get_uint (fields, "downsample_padding", 0, MAX_NUMBER, &config->downsample_padding,
                                     error)
      || !read_resample (fields, "downsample_type", &config->downsample_type, error)
      || !read_resample (fields, "upsample_type", &config->upsample_type, error)
      || !ddpm_json_fields_get_double (fields, "dropout", &config->dropout, error)
      || !read_act_fn (config, fields, error)
      || !ddpm_json_fields_get_uint_or_null (fields, "attention_head_dim", 1, MAX_NUMBER,
                                             &config->attention_head_dim, error)
      || !ddpm_json_fields_get_bool (fields, "add_attention", &config->add_attention, error))
    return FALSE;
  config->mid_block = mid_block != NULL;
  return TRUE;
}

gboolean
ddpm_unet_config_from_json (DdpmUnetConfig *config, JsonNode *node, const char *file_name, GError **error)
{
  DdpmJsonFields fields;

  ddpm_unet_config_init (config);
  return ddpm_json_fields_init (&fields, node, file_name, error) && check_class (&fields, error)
         && read_sample_size (config, &fields, error)
         && ddpm_json_fields_get_uint (&fields, "in_channels", 1, MAX_NUMBER, &config->in_channels, error)
         && ddpm_json_fields_get_uint (&fields, "out_channels", 1, MAX_NUMBER, &config->out_channels, error)
         && ddpm_json_fields_get_bool (&fields, "center_input_sample", &config->center_input_sample, error)
         && read_levels (config, &fields, error) && read_embeddings (config, &fields, error)
         && read_norm (config, &fields, error) && read_blocks_inside (config, &fields, error);
}

static void
set_uint_or_null (JsonObject *object, const char *key, guint value)
{
  if (value != 0)
    json_object_set_int_member (object, key, value);
  else
    json_object_set_null_member (object, key);
}

/* Python keeps whole and other numbers apart; so do diffusers' own files. */
static void
set_number (JsonObject *object, const char *key, double value)
{
  if (value == floor (value) && fabs (value) < 1e9)
    json_object_set_int_member (object, key, (gint64) value);
  else
    json_object_set_double_member (object, key, value);
}

static void
set_blocks (JsonObject *object, const char *key, const char *const *names, const DdpmBlockType *types,
            guint n)
{
  JsonArray *array = json_array_new ();

  for (guint i = 0; i < n; i++)
    json_array_add_string_element (array, names[types[i]]);
  json_object_set_array_member (object, key, array);
}

static void
set_sample_size (JsonObject *object, const DdpmUnetConfig *config)
{
  JsonArray *pair;

  if (config->sample_height == config->sample_width)
    {
      set_uint_or_null (object, "sample_size", config->sample_height);
      return;
    }
  pair = json_array_new ();
  json_array_add_int_element (pair, config->sample_height);
  json_array_add_int_element (pair, config->sample_width);
  json_object_set_array_member (object, "sample_size", pair);
}

/* The first half of the alphabet, which is diffusers' order. */
static void
set_a_to_l (JsonObject *object, const DdpmUnetConfig *config)
{
  JsonArray *widths = json_array_new ();

  for (guint i = 0; i < config->n_levels; i++)
    json_array_add_int_element (widths, config->block_out_channels[i]);

  json_object_set_string_member (object, "act_fn", act_names[config->act_fn]);
  json_object_set_boolean_member (object, "add_attention", config->add_attention);
  set_uint_or_null (object, "attention_head_dim", config->attention_head_dim);
  set_uint_or_null (object, "attn_norm_num_groups", config->attn_norm_num_groups);
  json_object_set_array_member (object, "block_out_channels", widths);
  json_object_set_boolean_member (object, "center_input_sample", config->center_input_sample);
  if (config->class_embed == DDPM_CLASS_EMBED_TIMESTEP || config->class_embed == DDPM_CLASS_EMBED_IDENTITY)
    json_object_set_string_member (
      object, "class_embed_type", config->class_embed == DDPM_CLASS_EMBED_TIMESTEP ? "timestep" : "identity");
  else
    json_object_set_null_member (object, "class_embed_type");
  set_blocks (object, "down_block_types", down_names, config->down_block_types, config->n_levels);
  json_object_set_int_member (object, "downsample_padding", config->downsample_padding);
  json_object_set_string_member (object, "downsample_type", resample_names[config->downsample_type]);
  json_object_set_double_member (object, "dropout", config->dropout);
  json_object_set_boolean_member (object, "flip_sin_to_cos", config->flip_sin_to_cos);
  set_number (object, "freq_shift", config->freq_shift);
  json_object_set_int_member (object, "in_channels", config->in_channels);
  json_object_set_int_member (object, "layers_per_block", config->layers_per_block);
}

static void
set_m_to_z (JsonObject *object, const DdpmUnetConfig *config)
{
  set_number (object, "mid_block_scale_factor", config->mid_block_scale_factor);
  if (config->mid_block)
    json_object_set_string_member (object, "mid_block_type", "UNetMidBlock2D");
  else
    json_object_set_null_member (object, "mid_block_type");
  json_object_set_double_member (object, "norm_eps", config->norm_eps);
  json_object_set_int_member (object, "norm_num_groups", config->norm_num_groups);
  set_uint_or_null (object, "num_class_embeds",
                    config->class_embed == DDPM_CLASS_EMBED_NONE ? 0 : config->num_class_embeds);
  set_uint_or_null (object, "num_train_timesteps", config->num_train_timesteps);
  json_object_set_int_member (object, "out_channels", config->out_channels);
  json_object_set_string_member (object, "resnet_time_scale_shift",
                                 config->scale_shift ? "scale_shift" : "default");
  set_sample_size (object, config);
  set_uint_or_null (object, "time_embedding_dim", config->time_embedding_dim);
  json_object_set_string_member (object, "time_embedding_type", time_names[config->time_embedding_type]);
  set_blocks (object, "up_block_types", up_names, config->up_block_types, config->n_levels);
  json_object_set_string_member (object, "upsample_type", resample_names[config->upsample_type]);
}

JsonNode *
ddpm_unet_config_to_json (const DdpmUnetConfig *config)
{
  JsonObject *object = json_object_new ();
  JsonNode *node = json_node_new (JSON_NODE_OBJECT);

  json_node_take_object (node, object);
  json_object_set_string_member (object, "_class_name", "UNet2DModel");
  json_object_set_string_member (object, "_diffusers_version", DDPM_DIFFUSERS_VERSION);
  set_a_to_l (object, config);
  set_m_to_z (object, config);
  return node;
}
