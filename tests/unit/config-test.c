/* The JSON files: read, written, and read again; what they say when they are wrong. */
#include "core/model/config.h"

#include <math.h>
#include <string.h>

#include "core/base/error.h"
#include "tests/unit/config-common.h"
#include "tests/unit/scratch.h"

static void
test_json_read (void)
{
  g_autoptr (JsonNode) node = parse (
    " {\"a\": -Infinity, \"b\" : [NaN, Infinity, -1.5e-3, 12, 9223372036854775808, true, false, null],\n"
    "\"c\":\"\\u00e9\\n\\\"\\\\\\/\\b\\f\\r\\t\", \"d\":{}, \"e\":[]}\n");
  JsonObject *object = json_node_get_object (node);
  JsonArray *array = json_object_get_array_member (object, "b");

  g_assert_true (json_object_get_double_member (object, "a") == -INFINITY);
  g_assert_true (isnan (json_array_get_double_element (array, 0)));
  g_assert_true (json_array_get_double_element (array, 1) == INFINITY);
  g_assert_cmpfloat (json_array_get_double_element (array, 2), ==, -1.5e-3);
  g_assert_cmpint (json_array_get_int_element (array, 3), ==, 12);
  g_assert_cmpfloat (json_array_get_double_element (array, 4), ==, 9223372036854775808.0);
  g_assert_true (json_array_get_boolean_element (array, 5));
  g_assert_true (json_array_get_null_element (array, 7));
  g_assert_cmpstr (json_object_get_string_member (object, "c"), ==, "\303\251\n\"\\/\b\f\r\t");
}

static void
test_json_bad (void)
{
  static const char *const texts[] = {
    "",
    " ",
    "{",
    "}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "[1,]",
    "[1 2]",
    "{\"a\":1,\"a\":1}",
    "nul",
    "truth",
    "01",
    "1.",
    ".5",
    "+1",
    "1e",
    "0x10",
    "-",
    "--1",
    "\"",
    "\"\\",
    "\"\\q\"",
    "\"\\u12\"",
    "\"\\u0000\"",
    "\"\\udc00\"",
    "\"\\ud800\\u0041\"",
    "\"\t\"",
    "{a:1}",
    "{'a':1}",
    "[1]//",
    "/**/[1]",
    "[1][2]",
    "\377",
    "[",
    "[[",
    "-Inf",
    "Infinit",
    "{1:2}",
  };
  g_autoptr (GString) deep = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;

      if (ddpm_json_parse (texts[i], strlen (texts[i]), &error) != NULL)
        g_error ("\"%s\" was taken for JSON", texts[i]);
      g_assert_error (error, DDPM_ERROR, DDPM_ERROR_FILE);
      g_assert_true (g_str_has_prefix (error->message, "line 1: "));
    }
  g_assert_null (ddpm_json_parse ("[\0]", 3, NULL));

  for (guint i = 0; i < 1000000; i++)
    g_string_append_c (deep, '[');
  g_assert_null (ddpm_json_parse (deep->str, deep->len, NULL));
}

/* As Python lays it out. */
static void
test_json_write (void)
{
  static const char text[] =
    "{\n  \"b\": 1e-05,\n  \"a\": [\n    1,\n    0.1,\n    2.0,\n    -Infinity\n  ],\n"
    "  \"c\": {\n    \"\\\"\\u0001\\n\": null,\n    \"d\": true\n  },\n"
    "  \"e\": [],\n  \"f\": {}\n}\n";
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) file = scratch_file (scratch, "x.json");
  g_autoptr (JsonNode) node = parse (text);
  g_autoptr (JsonNode) again = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *written = NULL;

  g_assert_true (ddpm_json_write (file, node, &error));
  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (g_file_peek_path (file), &written, NULL, NULL));
  g_assert_cmpstr (written, ==, text);
  again = ddpm_json_read (file, &error);
  g_assert_no_error (error);
  g_assert_true (json_node_equal (node, again));
}

static void
test_json_files (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) folder = g_file_new_for_path (scratch);
  g_autoptr (GFile) missing = scratch_file (scratch, "missing.json");
  g_autoptr (GFile) array = scratch_file (scratch, "array.json");
  g_autoptr (GFile) wrong = scratch_file (scratch, "wrong.json");
  g_autoptr (GFile) device = g_file_new_for_path ("/dev/zero");
  const struct
  {
    GFile *file;
    const char *reason;
  } cases[] = { { folder, "not a file" },
                { missing, "missing.json cannot be read" },
                { array, "array.json holds no JSON object" },
                { wrong, "wrong.json is not valid JSON: line 2" },
                { device, "not a file" } };

  scratch_write (scratch, "array.json", "[1]", 3);
  scratch_write (scratch, "wrong.json", "{\n1}", 4);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (ddpm_json_read (cases[i].file, &error));
      g_assert_error (error, DDPM_ERROR, DDPM_ERROR_FILE);
      g_test_message ("%s", error->message);
      g_assert_nonnull (strstr (error->message, cases[i].reason));
    }
}

static DdpmUnetConfig
read_unet (const char *text)
{
  g_autoptr (JsonNode) node = parse (text);
  g_autoptr (GError) error = NULL;
  DdpmUnetConfig config;

  g_assert_true (ddpm_unet_config_from_json (&config, node, "config.json", &error));
  g_assert_no_error (error);
  return config;
}

static void
assert_same (const DdpmUnetConfig *a, const DdpmUnetConfig *b)
{
  g_autoptr (JsonNode) a_node = ddpm_unet_config_to_json (a), b_node = ddpm_unet_config_to_json (b);
  g_autofree char *a_text = ddpm_json_to_text (a_node), *b_text = ddpm_json_to_text (b_node);

  g_assert_cmpstr (a_text, ==, b_text);
}

static void
test_unet_defaults (void)
{
  DdpmUnetConfig config = read_unet ("{}"), expected;

  ddpm_unet_config_init (&expected);
  assert_same (&config, &expected);

  /* missing is not null, and what _use_default_values lists is missing */
  config = read_unet ("{\"attention_head_dim\":null,\"mid_block_type\":null,\"time_embedding_dim\":0,"
                      "\"downsample_type\":null,\"_use_default_values\":[\"norm_eps\"],\"norm_eps\":\"?\","
                      "\"unknown\":{\"x\":NaN},\"quantization_config\":3}");
  g_assert_cmpuint (config.attention_head_dim, ==, 0);
  g_assert_false (config.mid_block);
  g_assert_cmpfloat (config.norm_eps, ==, 1e-5);
  g_assert_cmpint (config.downsample_type, ==, DDPM_RESAMPLE_CONV);
}

static void
test_unet_all (void)
{
  DdpmUnetConfig config = read_unet (
    "{\"_class_name\":\"UNet2DModel\",\"sample_size\":[24,40],\"in_channels\":4,\"out_channels\":8,"
    "\"center_input_sample\":true,\"time_embedding_type\":\"learned\",\"time_embedding_dim\":24,"
    "\"freq_shift\":1,\"flip_sin_to_cos\":false,\"down_block_types\":[\"UNetResDownBlock2D\","
    "\"ResnetDownsampleBlock2D\",\"UNetResAttnDownBlock2D\"],\"up_block_types\":[\"AttnUpBlock2D\","
    "\"ResnetUpsampleBlock2D\",\"UpBlock2D\"],\"mid_block_type\":\"Any\",\"block_out_channels\":"
    "[8,16,24],\"layers_per_block\":3,\"mid_block_scale_factor\":1.5,\"downsample_padding\":0,"
    "\"downsample_type\":\"resnet\",\"upsample_type\":\"fir\",\"dropout\":0.1,\"act_fn\":\"Swish\","
    "\"attention_head_dim\":4,\"norm_num_groups\":4,\"attn_norm_num_groups\":2,\"norm_eps\":1e-6,"
    "\"resnet_time_scale_shift\":\"scale_shift\",\"add_attention\":false,\"class_embed_type\":null,"
    "\"num_class_embeds\":11,\"num_train_timesteps\":50}");
  g_autoptr (JsonNode) node = ddpm_unet_config_to_json (&config);
  DdpmUnetConfig again;

  g_assert_cmpuint (config.sample_height, ==, 24);
  g_assert_cmpuint (config.sample_width, ==, 40);
  g_assert_true (config.center_input_sample && !config.flip_sin_to_cos && config.mid_block
                 && config.scale_shift && !config.add_attention);
  g_assert_cmpint (config.time_embedding_type, ==, DDPM_TIME_EMBEDDING_LEARNED);
  g_assert_cmpuint (config.n_levels, ==, 3);
  g_assert_cmpint (config.down_block_types[0], ==, DDPM_BLOCK_PLAIN);
  g_assert_cmpint (config.down_block_types[1], ==, DDPM_BLOCK_RESNET_SAMPLE);
  g_assert_cmpint (config.down_block_types[2], ==, DDPM_BLOCK_ATTENTION);
  g_assert_cmpint (config.up_block_types[0], ==, DDPM_BLOCK_ATTENTION);
  g_assert_cmpint (config.downsample_type, ==, DDPM_RESAMPLE_RESNET);
  g_assert_cmpint (config.upsample_type, ==, DDPM_RESAMPLE_NONE);
  g_assert_cmpuint (config.layers_per_block, ==, 3);
  g_assert_cmpuint (config.time_embedding_dim, ==, 24);
  g_assert_cmpuint (config.attn_norm_num_groups, ==, 2);
  g_assert_cmpuint (config.num_train_timesteps, ==, 50);
  g_assert_cmpuint (config.downsample_padding, ==, 0);
  g_assert_cmpfloat (config.mid_block_scale_factor, ==, 1.5);
  g_assert_cmpfloat (config.dropout, ==, 0.1);
  g_assert_cmpfloat (config.freq_shift, ==, 1);
  g_assert_cmpint (config.act_fn, ==, DDPM_ACT_SILU);
  g_assert_cmpint (config.class_embed, ==, DDPM_CLASS_EMBED_TABLE);
  g_assert_cmpuint (config.num_class_embeds, ==, 11);
  g_assert_cmpfloat (config.norm_eps, ==, 1e-6);

  g_assert_true (ddpm_unet_config_from_json (&again, node, "again", NULL));
  assert_same (&config, &again);
}

static void
test_unet_class_types (void)
{
  DdpmUnetConfig config = read_unet ("{\"class_embed_type\":\"timestep\"}");

  g_assert_cmpint (config.class_embed, ==, DDPM_CLASS_EMBED_TIMESTEP);
  config = read_unet ("{\"class_embed_type\":\"identity\",\"num_class_embeds\":3}");
  g_assert_cmpint (config.class_embed, ==, DDPM_CLASS_EMBED_IDENTITY);
  config = read_unet ("{\"class_embed_type\":\"other\",\"num_class_embeds\":3}");
  g_assert_cmpint (config.class_embed, ==, DDPM_CLASS_EMBED_NONE);
}

/* All members that diffusers' UNet2DModel takes, each with a value it would take. */
static void
test_unet_written (void)
{
  static const char expected[] =
    "{\"_class_name\":\"UNet2DModel\",\"_diffusers_version\":\"0.33.0\",\"act_fn\":\"silu\",\"add_"
    "attention\":true,"
    "\"attention_head_dim\":8,\"attn_norm_num_groups\":null,\"block_out_channels\":[224,448,672,896],"
    "\"center_input_sample\":false,\"class_embed_type\":null,\"down_block_types\":[\"DownBlock2D\","
    "\"AttnDownBlock2D\",\"AttnDownBlock2D\",\"AttnDownBlock2D\"],\"downsample_padding\":1,\"downsample_"
    "type\":"
    "\"conv\",\"dropout\":0.0,\"flip_sin_to_cos\":true,\"freq_shift\":0,\"in_channels\":3,\"layers_per_"
    "block\":2,"
    "\"mid_block_scale_factor\":1,\"mid_block_type\":\"UNetMidBlock2D\",\"norm_eps\":1e-05,\"norm_num_"
    "groups\":32,"
    "\"num_class_embeds\":null,\"num_train_timesteps\":null,\"out_channels\":3,\"resnet_time_scale_shift\":"
    "\"default\",\"sample_size\":32,\"time_embedding_dim\":null,\"time_embedding_type\":\"positional\","
    "\"up_block_types\":[\"AttnUpBlock2D\",\"AttnUpBlock2D\",\"AttnUpBlock2D\",\"UpBlock2D\"],\"upsample_"
    "type\":"
    "\"conv\"}";
  g_autoptr (JsonNode) node = parse (expected), written = NULL;
  DdpmUnetConfig config;
  g_autofree char *text = NULL, *expected_text = ddpm_json_to_text (node);

  ddpm_unet_config_init (&config);
  config.sample_height = config.sample_width = 32;
  written = ddpm_unet_config_to_json (&config);
  text = ddpm_json_to_text (written);
  g_assert_cmpstr (text, ==, expected_text);
}

static gboolean
read_unet_node (JsonNode *node, GError **error)
{
  DdpmUnetConfig config;

  return ddpm_unet_config_from_json (&config, node, "some/config.json", error);
}

static gboolean
read_notes_node (JsonNode *node, GError **error)
{
  g_auto (DdpmModelNotes) notes = { 0 };

  return ddpm_model_notes_from_json (&notes, node, "some/config.json", error);
}

static void
test_unet_bad (void)
{
  static const struct
  {
    const char *text, *reason;
  } cases[] = {
    { "[]", "no JSON object" },
    { "{\"_class_name\":3}", "_class_name" },
    { "{\"sample_size\":0}", "sample_size" },
    { "{\"sample_size\":[32]}", "sample_size" },
    { "{\"sample_size\":\"32\"}", "sample_size" },
    { "{\"in_channels\":null}", "in_channels" },
    { "{\"in_channels\":3.0}", "in_channels" },
    { "{\"in_channels\":true}", "in_channels" },
    { "{\"out_channels\":-1}", "out_channels" },
    { "{\"out_channels\":99999999999}", "out_channels" },
    { "{\"layers_per_block\":\"two\"}", "layers_per_block" },
    { "{\"layers_per_block\":[2,2]}", "layers_per_block" },
    { "{\"center_input_sample\":1}", "center_input_sample" },
    { "{\"norm_eps\":NaN}", "\"norm_eps\" has to be a finite number" },
    { "{\"norm_eps\":-Infinity}", "norm_eps" },
    { "{\"freq_shift\":\"0\"}", "freq_shift" },
    { "{\"dropout\":null}", "dropout" },
    { "{\"act_fn\":null}", "act_fn" },
    { "{\"attention_head_dim\":0}", "attention_head_dim" },
    { "{\"mid_block_type\":3}", "mid_block_type" },
    { "{\"class_embed_type\":3}", "class_embed_type" },
    { "{\"block_out_channels\":64}", "block_out_channels" },
    { "{\"block_out_channels\":[]}", "block_out_channels" },
    { "{\"block_out_channels\":[1,2,3,4,5,6,7,8,9]}", "block_out_channels" },
    { "{\"block_out_channels\":[64,\"x\"]}", "block_out_channels" },
    { "{\"block_out_channels\":[64,0]}", "block_out_channels" },
    { "{\"block_out_channels\":[64,64]}", "\"down_block_types\" has 4 entries" },
    { "{\"down_block_types\":[\"DownBlock2D\"]}", "\"down_block_types\" has 1 entries" },
    { "{\"down_block_types\":[null]}", "list of strings" },
  };
  static const struct
  {
    const char *text, *reason;
  } unsupported[] = {
    { "{\"_class_name\":\"UNet2DConditionModel\"}", "UNet2DConditionModel" },
    { "{\"down_block_types\":[\"SkipDownBlock2D\"]}", "SkipDownBlock2D" },
    { "{\"down_block_types\":[\"UpBlock2D\"]}", "UpBlock2D" },
    { "{\"up_block_types\":[\"CrossAttnUpBlock2D\"]}", "CrossAttnUpBlock2D" },
    { "{\"norm_num_groups\":null}", "NCSN++" },
    { "{\"act_fn\":\"tanh\"}", "\"silu\", \"mish\", \"gelu\", \"relu\"" },
    { "{\"time_embedding_type\":\"rotary\"}", "rotary" },
    { "{\"resnet_time_scale_shift\":\"spatial\"}", "spatial" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_refused (read_unet_node, cases[i].text, DDPM_ERROR_FILE, cases[i].reason);
  for (guint i = 0; i < G_N_ELEMENTS (unsupported); i++)
    assert_refused (read_unet_node, unsupported[i].text, DDPM_ERROR_UNSUPPORTED, unsupported[i].reason);
}

static void
test_notes (void)
{
  g_auto (DdpmModelNotes) notes = { 0 }, again = { 0 }, none = { 0 };
  g_autoptr (JsonNode) empty = parse ("{}"), written = NULL;
  g_autoptr (JsonNode) node =
    parse ("{\"alpha\":\"premultiplied\",\"padding\":\"circular\",\"recommended_sampler\":\"ddim\","
           "\"recommended_steps\":50,\"labels\":[\"cat\",\"dog\"],\"licence\":\"CC0\",\"source\":\"here\","
           "\"thumbnail\":\"thumbnail.png\",\"more\":1}");

  g_assert_true (ddpm_model_notes_from_json (&none, empty, "ddpm.json", NULL));
  g_assert_false (none.premultiplied || none.circular_padding || none.labels != NULL || none.licence != NULL);

  g_assert_true (ddpm_model_notes_from_json (&notes, node, "ddpm.json", NULL));
  written = ddpm_model_notes_to_json (&notes);
  g_assert_true (ddpm_model_notes_from_json (&again, written, "ddpm.json", NULL));
  g_assert_true (again.premultiplied && again.circular_padding);
  g_assert_cmpstr (again.recommended_sampler, ==, "ddim");
  g_assert_cmpuint (again.recommended_steps, ==, 50);
  g_assert_cmpuint (g_strv_length (again.labels), ==, 2);
  g_assert_cmpstr (again.labels[1], ==, "dog");
  g_assert_cmpstr (again.licence, ==, "CC0");
  g_assert_cmpstr (again.source, ==, "here");
  g_assert_cmpstr (again.thumbnail, ==, "thumbnail.png");
}

static void
test_notes_bad (void)
{
  static const char *const wrong[] = {
    "{\"alpha\":\"associated\"}",
    "{\"alpha\":true}",
    "{\"padding\":null}",
    "{\"recommended_steps\":-1}",
    "{\"recommended_sampler\":1}",
    "{\"labels\":\"cat\"}",
    "{\"labels\":[1]}",
    "{\"labels\":[\"\"]}",
    "{\"labels\":[\"a\",\"b\",\"a\"]}",
    "{\"licence\":[]}",
    "{\"thumbnail\":\"../../secret.png\"}",
    "{\"thumbnail\":\"/etc/passwd\"}",
    "{\"thumbnail\":\"\"}",
  };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    assert_refused (read_notes_node, wrong[i], DDPM_ERROR_FILE, "has to be");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/json/read", test_json_read);
  g_test_add_func ("/config/json/bad", test_json_bad);
  g_test_add_func ("/config/json/write", test_json_write);
  g_test_add_func ("/config/json/files", test_json_files);
  g_test_add_func ("/config/unet/defaults", test_unet_defaults);
  g_test_add_func ("/config/unet/all", test_unet_all);
  g_test_add_func ("/config/unet/class-types", test_unet_class_types);
  g_test_add_func ("/config/unet/written", test_unet_written);
  g_test_add_func ("/config/unet/bad", test_unet_bad);
  g_test_add_func ("/config/notes/read", test_notes);
  g_test_add_func ("/config/notes/bad", test_notes_bad);
  return g_test_run ();
}
