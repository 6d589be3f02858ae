/* ddpm study rate: progressive coding: how many bits of a picture have been sent at each step of the reverse
 * process, and how close the picture is by then. */
#include <math.h>
#include <stdio.h>

#include "ui/cli/json.h"
#include "ui/cli/options.h"
#include "ui/cli/progress.h"
#include "ui/cli/signals.h"
#include "ui/cli/study.h"

#define DEFAULT_POINTS 21
#define DEFAULT_DRAWS 40
#define DEFAULT_PICTURES 100

/* The options as given; NULL: not given. */
typedef struct
{
  char *points, *pictures, *held_out, *draws, *seed, *threads, *output;
  gboolean every_step, no_labels, as_json;
} Args;

static void
args_clear (Args *args)
{
  char **texts[] = { &args->points, &args->pictures, &args->held_out, &args->draws,
                     &args->seed,   &args->threads,  &args->output };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_clear_pointer (texts[i], g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Args, args_clear)

static gboolean
parse_args (Args *args, int argc, char **argv, char ***operands, GError **error)
{
  const GOptionEntry entries[] = {
    { "points", 0, 0, G_OPTION_ARG_STRING, &args->points,
      "Points of the curve, evenly over the timesteps (default: 21)", "N" },
    { "pictures", 0, 0, G_OPTION_ARG_STRING, &args->pictures,
      "Measure so many at most, taken evenly from all (default: 100)", "N" },
    { "held-out", 0, 0, G_OPTION_ARG_STRING, &args->held_out,
      "Only the pictures that a training with the same --held-out N did not see (default: all)", "N" },
    { "draws", 0, 0, G_OPTION_ARG_STRING, &args->draws,
      "Timesteps of each picture for the rate, one from each of N parts (default: 40)", "N" },
    { "every-step", 0, 0, G_OPTION_ARG_NONE, &args->every_step,
      "All timesteps of each picture, which takes long (default: --draws)", NULL },
    { "no-labels", 0, 0, G_OPTION_ARG_NONE, &args->no_labels,
      "Take no picture's label from its folder (default: those that the model knows)", NULL },
    { "seed", 0, 0, G_OPTION_ARG_STRING, &args->seed, "The random numbers' seed (default: 0)", "N" },
    { "threads", 0, 0, G_OPTION_ARG_STRING, &args->threads,
      "Threads to use (default: as many as there are cores)", "N" },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &args->output,
      "Draw the curves into this file, SVG or PNG (default: no drawing)", "FILE" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &args->as_json, "Print one JSON object (default: a table)", NULL },
    G_OPTION_ENTRY_NULL,
  };

  return ddpm_options_parse (
    argc, argv, entries, "MODEL FOLDER", "MODEL FOLDER",
    "Sends the pictures in FOLDER step by step, from noise to picture, as the paper of DDPM does (section\n"
    "4.3): the rate is how many bits per dimension have been sent when x_t has arrived, the distortion how\n"
    "far the model's guess of the picture is by then, root of the mean square in 0 ... 255. MODEL is a\n"
    "folder, or the name of an installed model.",
    operands, error);
}

static gboolean
read_args (const Args *args, DdpmEvaluateOptions *options, GError **error)
{
  if (!ddpm_option_get_uint ("--points", args->points, 2, DDPM_RATE_CURVE_MOST_POINTS, &options->n_rates,
                             error)
      || !ddpm_option_get_uint ("--pictures", args->pictures, 1, 1000000000, &options->max_pictures, error)
      || !ddpm_option_get_uint ("--held-out", args->held_out, 1, 1000000, &options->held_out, error)
      || !ddpm_option_get_uint ("--draws", args->draws, 1, 1000000, &options->n_draws, error)
      || !ddpm_option_get_uint ("--seed", args->seed, 0, DDPM_MAX_SEED, &options->seed, error)
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
  printf ("model        %s\n", model->name);
  printf ("pictures     %u, %ux%u pixels, %u channel%s\n", e->n_pictures, e->width, e->height, e->n_channels,
          e->n_channels == 1 ? "" : "s");
  printf ("\n%8s %8s %12s %16s\n", "t", "T - t", "rate", "distortion");
  printf ("%8s %8s %12s %16s\n", "", "", "bits/dim", "RMS, 0 ... 255");
  for (guint i = 0; i < e->n_rates; i++)
    printf ("%8u %8u %12.5f %16.3f\n", e->rates[i].t, e->n_timesteps - e->rates[i].t, e->rates[i].bits,
            e->rates[i].distortion);
  printf ("%8s %8s %12.5f %16.3f\n", "x_0", "", e->total_bits, 0.0);
}

static void
print_json (const DdpmModel *model, const DdpmEvaluateOptions *options, const DdpmEvaluation *e)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  ddpm_json_add_string (builder, "model", model->name);
  ddpm_json_add_int (builder, "pictures", e->n_pictures);
  ddpm_json_add_int (builder, "width", e->width);
  ddpm_json_add_int (builder, "height", e->height);
  ddpm_json_add_int (builder, "channels", e->n_channels);
  ddpm_json_add_int (builder, "timesteps", e->n_timesteps);
  ddpm_json_add_int (builder, "draws", e->n_draws > 0 ? e->n_draws : e->n_timesteps - 1);
  ddpm_json_add_int (builder, "seed", options->seed);
  json_builder_set_member_name (builder, "points");
  json_builder_begin_array (builder);
  for (guint i = 0; i < e->n_rates; i++)
    {
      json_builder_begin_object (builder);
      ddpm_json_add_int (builder, "t", e->rates[i].t);
      ddpm_json_add_double (builder, "rate", e->rates[i].bits);
      ddpm_json_add_double (builder, "distortion", e->rates[i].distortion);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  ddpm_json_add_double (builder, "bits_per_dimension", e->total_bits);
  ddpm_json_add_double (builder, "standard_error", e->standard_error_bits);
  json_builder_end_object (builder);
  ddpm_json_print (builder);
}

/* As in the paper's figure 5. */
static gboolean
draw (const DdpmModel *model, const DdpmEvaluation *e, const char *path, GError **error)
{
  double sent[DDPM_RATE_CURVE_MOST_POINTS], rate[DDPM_RATE_CURVE_MOST_POINTS],
    distortion[DDPM_RATE_CURVE_MOST_POINTS];
  const guint n = e->n_rates;
  const DdpmChart charts[] = {
    { .title = "distortion by step",
      .x_title = "reverse steps (T - t)",
      .y_title = "RMS, 0 ... 255",
      .curves = { { .name = model->name, .x = sent, .y = distortion, .n = n } },
      .n_curves = 1 },
    { .title = "rate by step",
      .x_title = "reverse steps (T - t)",
      .y_title = "bits per dimension",
      .curves = { { .name = model->name, .x = sent, .y = rate, .n = n } },
      .n_curves = 1 },
    { .title = "distortion by rate",
      .x_title = "bits per dimension",
      .y_title = "RMS, 0 ... 255",
      .curves = { { .name = model->name, .x = rate, .y = distortion, .n = n } },
      .n_curves = 1 },
  };
  g_autofree char *title = g_strdup_printf ("%s: progressive coding", model->name);

  for (guint i = 0; i < n; i++)
    {
      sent[i] = e->n_timesteps - e->rates[i].t;
      rate[i] = e->rates[i].bits;
      distortion[i] = e->rates[i].distortion;
    }
  return ddpm_chart_write (path, title, charts, G_N_ELEMENTS (charts), G_N_ELEMENTS (charts), error);
}

static int
run (const DdpmModel *model, const DdpmEvaluateOptions *options, const Args *args, GError **error)
{
  g_autoptr (DdpmSignals) signals = ddpm_signals_new ("stopping; nothing is told of what was measured");
  g_autoptr (GError) failure = NULL;
  DdpmEvaluation evaluation;
  DdpmProgressLine line;
  gboolean done;

  ddpm_progress_line_init (&line);
  done = ddpm_evaluate (model, options, ddpm_progress_line_show, &line,
                        ddpm_signals_get_cancellable (signals), &evaluation, &failure);
  ddpm_progress_line_clear (&line);
  if (!done)
    return ddpm_signals_fail (signals, g_steal_pointer (&failure), error);
  if (args->output != NULL && !draw (model, &evaluation, args->output, error))
    return 1;
  if (args->as_json)
    print_json (model, options, &evaluation);
  else
    print_text (model, &evaluation);
  return 0;
}

int
ddpm_study_rate (const char *program, int argc, char **argv, GError **error)
{
  g_auto (Args) args = { 0 };
  g_auto (GStrv) operands = NULL;
  DdpmEvaluateOptions options = { .n_rates = DEFAULT_POINTS,
                                  .n_draws = DEFAULT_DRAWS,
                                  .max_pictures = DEFAULT_PICTURES };

  if (!parse_args (&args, argc, argv, &operands, error) || !read_args (&args, &options, error)
      || (args.output != NULL && !ddpm_chart_check_file (args.output, error)))
    return 2;
  g_autoptr (GFile) folder = ddpm_model_find (operands[0], NULL, error);
  if (folder == NULL)
    return 1;
  g_autoptr (DdpmModel) model = ddpm_model_open_header (folder, error);
  if (model == NULL)
    return 1;
  g_autoptr (GFile) pictures = g_file_new_for_path (operands[1]);
  options.pictures = pictures;
  return run (model, &options, &args, error);
}
