/* ddpm evaluate: how well a model knows pictures, for people or, with --json, for programs. */
#include "ui/cli/cli.h"

#include <math.h>
#include <stdio.h>

#include "ui/cli/options.h"
#include "ui/cli/progress.h"
#include "ui/cli/signals.h"

#define DEFAULT_DRAWS 20

/* The options as given; NULL: not given. */
typedef struct
{
  char *pictures, *draws, *seed, *size, *crop, *held_out, *threads;
  gboolean every_step, no_labels, as_json;
} EvaluateArgs;

static void
evaluate_args_clear (EvaluateArgs *args)
{
  char **texts[] = { &args->pictures, &args->draws,    &args->seed,   &args->size,
                     &args->crop,     &args->held_out, &args->threads };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_clear_pointer (texts[i], g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (EvaluateArgs, evaluate_args_clear)

static gboolean
parse_args (EvaluateArgs *args, int argc, char **argv, char ***operands, GError **error)
{
  const GOptionEntry entries[] = {
    { "pictures", 0, 0, G_OPTION_ARG_STRING, &args->pictures,
      "Measure so many at most, taken evenly from all (default: all)", "N" },
    { "held-out", 0, 0, G_OPTION_ARG_STRING, &args->held_out,
      "Only the pictures that a training with the same --held-out N did not see (default: all)", "N" },
    { "draws", 0, 0, G_OPTION_ARG_STRING, &args->draws,
      "Timesteps of each picture, one from each of N parts: an estimate without bias (default: 20)", "N" },
    { "every-step", 0, 0, G_OPTION_ARG_NONE, &args->every_step,
      "All timesteps of each picture, which takes long (default: --draws)", NULL },
    { "seed", 0, 0, G_OPTION_ARG_STRING, &args->seed,
      "The random numbers' seed: the same one sees the same noise (default: 0)", "N" },
    { "size", 0, 0, G_OPTION_ARG_STRING, &args->size,
      "Pixels; other pictures are scaled and cropped (default: the model's own size)", "N|WxH" },
    { "crop", 0, 0, G_OPTION_ARG_STRING, &args->crop,
      "Measure on parts at random places, of pictures scaled down to N pixels on their shorter side "
      "(default: "
      "on the middle of each)",
      "N" },
    { "no-labels", 0, 0, G_OPTION_ARG_NONE, &args->no_labels,
      "Take no picture's label from its folder (default: those that the model knows)", NULL },
    { "threads", 0, 0, G_OPTION_ARG_STRING, &args->threads,
      "Threads to use (default: as many as there are cores)", "N" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &args->as_json, "Print one JSON object (default: lines for people)",
      NULL },
    G_OPTION_ENTRY_NULL,
  };

  return ddpm_options_parse (
    argc, argv, entries, "MODEL FOLDER", "MODEL FOLDER",
    "Measures how well a model knows the pictures in a folder and its subfolders: its loss, and the\n"
    "variational bound in bits per dimension, term by term. MODEL is a folder, or the name of an\n"
    "installed model.",
    operands, error);
}

static gboolean
read_args (const EvaluateArgs *args, DdpmEvaluateOptions *options, GError **error)
{
  if (!ddpm_option_get_uint ("--pictures", args->pictures, 1, 1000000000, &options->max_pictures, error)
      || !ddpm_option_get_uint ("--held-out", args->held_out, 1, 1000000, &options->held_out, error)
      || !ddpm_option_get_uint ("--draws", args->draws, 1, 1000000, &options->n_draws, error)
      || !ddpm_option_get_uint ("--seed", args->seed, 0, DDPM_MAX_SEED, &options->seed, error)
      || !ddpm_option_get_size ("--size", args->size, &options->width, &options->height, error)
      || !ddpm_option_get_uint ("--crop", args->crop, 1, 65535, &options->crop, error)
      || !ddpm_option_get_uint ("--threads", args->threads, 1, 1024, &options->n_threads, error))
    return FALSE;
  options->ignore_labels = args->no_labels;
  if (!args->every_step)
    return TRUE;
  options->n_draws = 0;
  return args->draws == NULL
         || ddpm_refuse (error, DDPM_ERROR_USAGE,
                         "--every-step leaves nothing to draw; leave out --draws, or --every-step");
}

static void
print_text (const DdpmModel *model, const DdpmEvaluation *e)
{
  g_autofree char *predicts = ddpm_scheduler_config_describe (&model->scheduler);

  printf ("model        %s, which predicts %s\n", model->name, predicts);
  printf ("pictures     %u, %ux%u pixels, %u channel%s", e->n_pictures, e->width, e->height, e->n_channels,
          e->n_channels == 1 ? "" : "s");
  if (e->n_labelled > 0)
    printf (", %u with a label", e->n_labelled);
  if (e->n_draws > 0)
    printf ("\ntimesteps    0 and %u more of %u for each picture: an estimate\n", e->n_draws, e->n_timesteps);
  else
    printf ("\ntimesteps    all %u for each picture\n", e->n_timesteps);
  printf ("L_simple     %.6g\n", e->simple);
  for (guint i = 0; i < DDPM_EVALUATE_N_PARTS; i++)
    if (isfinite (e->simple_of_part[i]))
      printf ("%s%u to %u%% of T: %.4g",
              i == 0       ? "             "
              : i % 4 == 0 ? "\n             "
                           : ", ",
              10 * i, 10 * (i + 1), e->simple_of_part[i]);
  printf ("\nL_T          %.6f bits per dimension\n", e->prior_bits);
  printf ("L_(t-1)      %.4f\n", e->between_bits);
  printf ("L_0          %.4f\n", e->decoder_bits);
  printf ("together     %.4f bits per dimension", e->total_bits);
  if (isfinite (e->standard_error_bits))
    printf (", standard error %.4f", e->standard_error_bits);
  printf ("\n");
}

static void
add_int (JsonBuilder *builder, const char *key, gint64 value)
{
  json_builder_set_member_name (builder, key);
  json_builder_add_int_value (builder, value);
}

/* What is not finite becomes null. */
static void
add_double (JsonBuilder *builder, const char *key, double value)
{
  if (key != NULL)
    json_builder_set_member_name (builder, key);
  if (isfinite (value))
    json_builder_add_double_value (builder, value);
  else
    json_builder_add_null_value (builder);
}

static void
print_json (const DdpmModel *model, const DdpmEvaluateOptions *options, const DdpmEvaluation *e)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *text = NULL;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "model");
  json_builder_add_string_value (builder, model->name);
  json_builder_set_member_name (builder, "scheduler");
  json_builder_add_value (builder, ddpm_scheduler_config_to_json (&model->scheduler));
  add_int (builder, "pictures", e->n_pictures);
  add_int (builder, "labelled", e->n_labelled);
  add_int (builder, "width", e->width);
  add_int (builder, "height", e->height);
  add_int (builder, "channels", e->n_channels);
  add_int (builder, "timesteps", e->n_timesteps);
  add_int (builder, "draws", e->n_draws > 0 ? e->n_draws : e->n_timesteps - 1);
  add_int (builder, "seed", options->seed);
  add_double (builder, "l_simple", e->simple);
  json_builder_set_member_name (builder, "l_simple_by_tenth");
  json_builder_begin_array (builder);
  for (guint i = 0; i < DDPM_EVALUATE_N_PARTS; i++)
    add_double (builder, NULL, e->simple_of_part[i]);
  json_builder_end_array (builder);
  add_double (builder, "l_T_bits", e->prior_bits);
  add_double (builder, "l_between_bits", e->between_bits);
  add_double (builder, "l_0_bits", e->decoder_bits);
  add_double (builder, "bits_per_dimension", e->total_bits);
  add_double (builder, "standard_error", e->standard_error_bits);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  text = json_to_string (root, TRUE);
  printf ("%s\n", text);
}

static int
run (const DdpmModel *model, const DdpmEvaluateOptions *options, gboolean as_json, GError **error)
{
  g_autoptr (DdpmSignals) signals = ddpm_signals_new ("stopping; nothing is told of what was measured");
  g_autoptr (GError) local_error = NULL;
  DdpmEvaluation evaluation;
  DdpmProgressLine line;
  gboolean done;

  ddpm_progress_line_init (&line);
  done = ddpm_evaluate (model, options, ddpm_progress_line_show, &line,
                        ddpm_signals_get_cancellable (signals), &evaluation, &local_error);
  ddpm_progress_line_clear (&line);
  if (g_error_matches (local_error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return ddpm_signals_get_status (signals);
  if (!done)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return 1;
    }
  if (as_json)
    print_json (model, options, &evaluation);
  else
    print_text (model, &evaluation);
  return 0;
}

int
ddpm_command_evaluate (const char *program, int argc, char **argv, GError **error)
{
  g_auto (EvaluateArgs) args = { 0 };
  g_auto (GStrv) operands = NULL;
  DdpmEvaluateOptions options = { .n_draws = DEFAULT_DRAWS };

  if (!parse_args (&args, argc, argv, &operands, error) || !read_args (&args, &options, error))
    return 2;
  g_autoptr (GFile) folder = ddpm_model_find (operands[0], NULL, error);
  if (folder == NULL)
    return 1;
  g_autoptr (DdpmModel) model = ddpm_model_open_header (folder, error);
  if (model == NULL)
    return 1;
  g_autoptr (GFile) pictures = g_file_new_for_path (operands[1]);
  options.pictures = pictures;
  return run (model, &options, args.as_json, error);
}
