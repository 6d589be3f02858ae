/* ddpm info: what a model is, for people or, with --json, for programs. The weights are not read. */
#include "ui/cli/cli.h"

#include <stdio.h>

#include "ui/cli/json.h"
#include "ui/cli/options.h"
#include "ui/cli/progress.h"

/* What is computed from the model. */
typedef struct
{
  guint width, height; /* pixels; 0: the files do not say */
  gsize n_parameters;
  double flop;        /* a forward pass over one picture; 0: size not known */
  gsize sample_bytes; /* peak of making one picture, weights included; 0: size not known */
} Figures;

static void
get_figures (const DdpmModel *model, Figures *figures)
{
  const DdpmUnetConfig *config = ddpm_unet_get_config (model->unet);
  const DdpmPassOptions options = { 1, config->sample_height, config->sample_width, DDPM_PASS_INFERENCE };

  *figures = (Figures) { config->sample_width, config->sample_height, ddpm_unet_get_n_weights (model->unet) };
  if (figures->width == 0 || figures->height == 0)
    return;
  figures->flop = ddpm_unet_get_flop (model->unet, figures->height, figures->width);
  figures->sample_bytes = ddpm_unet_predict_pass_bytes (model->unet, 0, &options);
}

static const char *
name_of_dtype (DdpmDtype dtype)
{
  static const char *const names[] = { "float32", "float16", "bfloat16", "float64",
                                       "int64",   "int32",   "uint8",    "bool" };

  return dtype < G_N_ELEMENTS (names) ? names[dtype] : "unknown";
}

static const char *
name_of_colours (const DdpmModel *model)
{
  guint n = ddpm_unet_get_config (model->unet)->in_channels;

  if (n == 4)
    return model->notes.premultiplied ? " (RGBA, trained premultiplied)" : " (RGBA)";
  return n == 1 ? " (grey)" : n == 3 ? " (RGB)" : "";
}

static char *
format_list (const guint *values, guint n)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < n; i++)
    g_string_append_printf (text, "%s%u", i > 0 ? "," : "", values[i]);
  return g_string_free (text, FALSE);
}

/* "attention at 16, 8 and in the middle". */
static char *
format_attention (const DdpmUnetConfig *config)
{
  gboolean in_middle = config->mid_block && config->add_attention;
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < config->n_levels; i++)
    if (config->down_block_types[i] == DDPM_BLOCK_ATTENTION)
      {
        g_string_append (text, text->len > 0 ? ", " : "attention at ");
        if (config->sample_height > 0)
          g_string_append_printf (text, "%u", config->sample_height >> i);
        else
          g_string_append_printf (text, "level %u", i + 1);
      }
  if (in_middle)
    g_string_append (text, text->len > 0 ? " and in the middle" : "attention in the middle");
  if (text->len == 0)
    g_string_append (text, "no attention");
  return g_string_free (text, FALSE);
}

static void
print_text (const DdpmModel *model, const Figures *figures)
{
  const DdpmUnetConfig *config = ddpm_unet_get_config (model->unet);
  const DdpmModelNotes *notes = &model->notes;
  g_autofree char *widths = format_list (config->block_out_channels, config->n_levels);
  g_autofree char *attention = format_attention (config);
  g_autofree char *on_disk = ddpm_format_bytes ((double) model->weights_bytes);
  g_autofree char *memory = ddpm_format_bytes ((double) figures->sample_bytes);
  g_autofree char *predicts = ddpm_scheduler_config_describe (&model->scheduler);
  DdpmSampleOptions options;

  printf ("name         %s\n", model->name);
  printf ("folder       %s\n", g_file_peek_path (model->folder));
  if (figures->width > 0)
    printf ("size         %ux%u pixels\n", figures->width, figures->height);
  else
    printf ("size         not said; give one with ddpm sample --size\n");
  printf ("channels     %u%s\n", config->in_channels, name_of_colours (model));
  printf ("parameters   %.2f million, %s on disk as %s\n", figures->n_parameters / 1e6, on_disk,
          name_of_dtype (model->dtype));
  printf ("network      channels %s, %u layers a level, %s\n", widths, config->layers_per_block, attention);
  if (figures->flop > 0)
    {
      g_autofree char *cost = ddpm_format_flop (figures->flop);
      printf ("cost         %s forward a picture\n", cost);
      printf ("memory       %s to make one picture\n", memory);
    }
  if (!model->has_scheduler)
    printf (
      "pipeline     not said: a network alone does not tell whether it makes pictures, or latents for a "
      "decoder\n");
  if (notes->circular_padding)
    printf ("edges        pictures wrap around: each can be put beside itself\n");
  printf ("scheduler    %s, %u timesteps\n", model->scheduler.class_name,
          model->scheduler.num_train_timesteps);
  printf ("predicts     %s%s\n", predicts,
          model->scheduler.prediction_type == DDPM_PREDICT_MU ? "; only this program makes pictures with it"
                                                              : "");
  ddpm_sample_options_init (&options, model);
  if (notes->recommended_sampler != NULL && notes->recommended_steps > 0)
    printf ("recommended  %s, %u steps\n", notes->recommended_sampler, notes->recommended_steps);
  else
    printf ("sampler      %s, %u steps, by its scheduler\n", ddpm_sampler_kind_get_name (options.sampler),
            options.n_steps);
  if (notes->labels != NULL && notes->labels[0] != NULL)
    {
      g_autofree char *labels = g_strjoinv (", ", notes->labels);
      printf ("labels       %s\n", labels);
    }
  else if (config->class_embed == DDPM_CLASS_EMBED_TABLE)
    printf ("labels       without names: 0 to %u\n", config->num_class_embeds - 1);
  else if (config->class_embed != DDPM_CLASS_EMBED_NONE)
    printf ("labels       %s\n", config->class_embed == DDPM_CLASS_EMBED_TIMESTEP
                                   ? "numbers from 0 on"
                                   : "vectors, which ddpm sample leaves at zero");
  printf ("kernels      %s\n", ddpm_kernels_get ()->name);
  printf ("licence      %s\n", notes->licence != NULL ? notes->licence : "not said");
  printf ("source       %s\n", notes->source != NULL ? notes->source : "not said");
}

/* 0 stands for "not known" and becomes null. */
static void
add_count (JsonBuilder *builder, const char *key, gsize count)
{
  json_builder_set_member_name (builder, key);
  if (count > 0)
    json_builder_add_int_value (builder, (gint64) count);
  else
    json_builder_add_null_value (builder);
}

static void
add_node (JsonBuilder *builder, const char *key, JsonNode *node)
{
  json_builder_set_member_name (builder, key);
  json_builder_add_value (builder, node);
}

static void
print_json (const DdpmModel *model, const Figures *figures)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autofree char *folder = g_filename_display_name (g_file_peek_path (model->folder));

  json_builder_begin_object (builder);
  ddpm_json_add_string (builder, "name", model->name);
  ddpm_json_add_string (builder, "folder", folder);
  add_count (builder, "width", figures->width);
  add_count (builder, "height", figures->height);
  add_count (builder, "channels", ddpm_unet_get_config (model->unet)->in_channels);
  add_count (builder, "parameters", figures->n_parameters);
  ddpm_json_add_boolean (builder, "network_alone", !model->has_scheduler);
  ddpm_json_add_string (builder, "dtype", name_of_dtype (model->dtype));
  add_count (builder, "weights_bytes", model->weights_bytes);
  add_count (builder, "flop_per_picture", (gsize) figures->flop);
  add_count (builder, "sample_memory_bytes", figures->sample_bytes);
  ddpm_json_add_string (builder, "cpu_level", ddpm_kernels_get ()->name);
  ddpm_json_add_string (builder, "licence", model->notes.licence);
  ddpm_json_add_string (builder, "source", model->notes.source);
  add_node (builder, "unet", ddpm_unet_config_to_json (ddpm_unet_get_config (model->unet)));
  add_node (builder, "scheduler", ddpm_scheduler_config_to_json (&model->scheduler));
  add_node (builder, "notes", ddpm_model_notes_to_json (&model->notes));
  json_builder_end_object (builder);
  ddpm_json_print (builder);
}

int
ddpm_command_info (const char *program, int argc, char **argv, GError **error)
{
  g_auto (GStrv) operands = NULL;
  gboolean as_json = FALSE;
  Figures figures;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, "Print one JSON object (default: lines for people)", NULL },
    G_OPTION_ENTRY_NULL,
  };

  if (!ddpm_options_parse (argc, argv, entries, "MODEL", "MODEL",
                           "Tells what a model is. MODEL is a folder, or the name of an installed model.",
                           &operands, error))
    return 2;
  g_autoptr (GFile) folder = ddpm_model_find (operands[0], NULL, error);
  if (folder == NULL)
    return 1;
  g_autoptr (DdpmModel) model = ddpm_model_open_header (folder, error);
  if (model == NULL)
    return 1;
  get_figures (model, &figures);
  if (as_json)
    print_json (model, &figures);
  else
    print_text (model, &figures);
  return 0;
}
