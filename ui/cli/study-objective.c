/* ddpm study objective: what a network should be trained to say, with which loss and variance: one small
 * network, trained in turn in all these ways. */
#include <glib/gstdio.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ui/cli/json.h"
#include "ui/cli/options.h"
#include "ui/cli/progress.h"
#include "ui/cli/signals.h"
#include "ui/cli/study.h"

#define DEFAULT_SIZE 16
#define DEFAULT_BATCH 32
#define DEFAULT_STEPS 1000
#define DEFAULT_POINTS 4
#define DEFAULT_HELD_OUT 20
#define DEFAULT_MEASURED 64
#define DEFAULT_SAMPLES 64
#define DEFAULT_SAMPLER_STEPS 100
#define MOST_WORDS 4

/* As users name them, in the order of the table. */
static const char *const predictions[] = { "mu", "epsilon", "x0", "v", NULL };
static const DdpmPrediction prediction_kinds[] = { DDPM_PREDICT_MU, DDPM_PREDICT_EPSILON, DDPM_PREDICT_SAMPLE,
                                                   DDPM_PREDICT_V };
static const char *const losses[] = { "simple", "vlb", "hybrid", "vlb-learned", NULL };
static const struct
{
  DdpmLoss loss;
  gboolean learned;
  const char *title;
} loss_kinds[] = {
  { DDPM_LOSS_SIMPLE, FALSE, "L_simple, variance fixed" },
  { DDPM_LOSS_VLB, FALSE, "L, variance fixed" },
  { DDPM_LOSS_HYBRID, TRUE, "L_hybrid, variance learned" },
  { DDPM_LOSS_VLB, TRUE, "L, variance learned" },
};

/* The options as given; NULL: not given. */
typedef struct
{
  char *predict, *loss, *size, *channels, *batch, *steps, *points, *held_out, *pictures, *samples,
    *sampler_steps, *seed, *threads, *keep, *output;
  gboolean as_json;
} Args;

static void
args_clear (Args *args)
{
  char **texts[] = { &args->predict,       &args->loss,   &args->size,     &args->channels, &args->batch,
                     &args->steps,         &args->points, &args->held_out, &args->pictures, &args->samples,
                     &args->sampler_steps, &args->seed,   &args->threads,  &args->keep,     &args->output };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_clear_pointer (texts[i], g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Args, args_clear)

static gboolean
parse_args (Args *args, int argc, char **argv, char ***operands, GError **error)
{
  const GOptionEntry entries[] = {
    { "predict", 0, 0, G_OPTION_ARG_STRING, &args->predict,
      "What the network says, some of mu,epsilon,x0,v (default: all)", "LIST" },
    { "loss", 0, 0, G_OPTION_ARG_STRING, &args->loss,
      "Losses, some of simple,vlb (with a fixed variance), hybrid,vlb-learned (with a learned one) "
      "(default: all)",
      "LIST" },
    { "size", 0, 0, G_OPTION_ARG_STRING, &args->size, "Pixels of the pictures (default: 16)", "N|WxH" },
    { "channels", 0, 0, G_OPTION_ARG_STRING, &args->channels, "Widths of the network (default: 16,32)",
      "LIST" },
    { "batch", 0, 0, G_OPTION_ARG_STRING, &args->batch, "Pictures of a step (default: 32)", "N" },
    { "steps", 0, 0, G_OPTION_ARG_STRING, &args->steps, "Steps of each training (default: 1000)", "N" },
    { "points", 0, 0, G_OPTION_ARG_STRING, &args->points,
      "Times that each is measured, the last one at its end (default: 4)", "N" },
    { "held-out", 0, 0, G_OPTION_ARG_STRING, &args->held_out,
      "Hold out one picture in N, to be measured (default: 20)", "N" },
    { "pictures", 0, 0, G_OPTION_ARG_STRING, &args->pictures,
      "Measure so many of these at most (default: 64)", "N" },
    { "samples", 0, 0, G_OPTION_ARG_STRING, &args->samples,
      "Pictures that each model makes at last (default: 64)", "N" },
    { "sampler-steps", 0, 0, G_OPTION_ARG_STRING, &args->sampler_steps,
      "Steps of ancestral sampling that they take (default: 100)", "N" },
    { "seed", 0, 0, G_OPTION_ARG_STRING, &args->seed,
      "The random numbers' seed, the same for all trainings (default: 0)", "N" },
    { "threads", 0, 0, G_OPTION_ARG_STRING, &args->threads,
      "Threads to use (default: as many as there are cores)", "N" },
    { "keep", 0, 0, G_OPTION_ARG_FILENAME, &args->keep,
      "Keep the models in this folder, which may not be there yet (default: they are deleted)", "FOLDER" },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &args->output,
      "Draw the bound over the steps into this file, SVG or PNG (default: no drawing)", "FILE" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &args->as_json, "Print one JSON object (default: a table)", NULL },
    G_OPTION_ENTRY_NULL,
  };

  return ddpm_options_parse (
    argc, argv, entries, "FOLDER", "FOLDER",
    "Trains one small network in up to 16 ways on the pictures in FOLDER: to say the mean of the reverse\n"
    "step (mu), the noise (epsilon), the picture (x0) or the velocity (v), by the simple loss or the\n"
    "variational bound, with a fixed or a learned variance. Tells how well each knows pictures that were\n"
    "held out, and how far its own ones are from the folder's: table 2 of the paper of DDPM, in small. It\n"
    "takes about a quarter of an hour on two cores.",
    operands, error);
}

/* "a,b": chosen[i] for each of names[i] that is in the text; all without a text. */
static gboolean
read_list (const char *option, const char *text, const char *const *names, gboolean *chosen, GError **error)
{
  g_auto (GStrv) words = g_strsplit (text != NULL ? text : "", ",", -1);

  for (guint i = 0; names[i] != NULL; i++)
    chosen[i] = text == NULL;
  for (guint i = 0; text != NULL && (i == 0 || words[i] != NULL); i++)
    {
      guint place = 0;

      if (!ddpm_option_get_choice (option, words[i] != NULL ? words[i] : "", names, &place, error))
        return FALSE;
      chosen[place] = TRUE;
    }
  return TRUE;
}

static gboolean
read_variants (const Args *args, DdpmObjectiveStudyOptions *options, GError **error)
{
  gboolean has_prediction[MOST_WORDS], has_loss[MOST_WORDS];

  if (!read_list ("--predict", args->predict, predictions, has_prediction, error)
      || !read_list ("--loss", args->loss, losses, has_loss, error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (prediction_kinds); i++)
    for (guint j = 0; j < G_N_ELEMENTS (loss_kinds); j++)
      if (has_prediction[i] && has_loss[j])
        options->variants[options->n_variants++] =
          (DdpmObjectiveVariant) { prediction_kinds[i], loss_kinds[j].loss, loss_kinds[j].learned };
  return TRUE;
}

static gboolean
read_args (const Args *args, DdpmObjectiveStudyOptions *options, GError **error)
{
  return ddpm_option_get_size ("--size", args->size, &options->width, &options->height, error)
         && ddpm_option_get_list ("--channels", args->channels, DDPM_UNET_MAX_LEVELS, options->channels,
                                  &options->n_channels, error)
         && ddpm_option_get_uint ("--batch", args->batch, 1, 4096, &options->batch, error)
         && ddpm_option_get_uint64 ("--steps", args->steps, 1, 1000000000, &options->steps, error)
         && ddpm_option_get_uint ("--points", args->points, 1, DDPM_OBJECTIVE_STUDY_MOST_POINTS,
                                  &options->n_points, error)
         && ddpm_option_get_uint ("--held-out", args->held_out, 1, 1000000, &options->held_out, error)
         && ddpm_option_get_uint ("--pictures", args->pictures, 1, 1000000, &options->most_measured, error)
         && ddpm_option_get_uint ("--samples", args->samples, 1, DDPM_MAX_COUNT, &options->n_samples, error)
         && ddpm_option_get_uint ("--sampler-steps", args->sampler_steps, 1, 1000, &options->sampler_steps,
                                  error)
         && ddpm_option_get_uint ("--seed", args->seed, 0, DDPM_MAX_SEED, &options->seed, error)
         && ddpm_option_get_uint ("--threads", args->threads, 1, 1024, &options->n_threads, error)
         && read_variants (args, options, error);
}

/* Where the models go: `keep`, which is made, or a folder of their own in the system's one for such. */
static char *
make_folder (const char *keep, GError **error)
{
  if (keep == NULL)
    return g_dir_make_tmp ("ddpm-objective-XXXXXX", error);
  if (g_file_test (keep, G_FILE_TEST_EXISTS))
    {
      ddpm_refuse (error, DDPM_ERROR_USAGE,
                   "--keep %s: that is there already, and nothing is overwritten; name a folder that is not",
                   keep);
      return NULL;
    }
  if (g_mkdir_with_parents (keep, 0777) != 0)
    {
      ddpm_refuse (error, DDPM_ERROR_FILE, "--keep %s: the folder cannot be made", keep);
      return NULL;
    }
  return g_strdup (keep);
}

/* ---- what is printed ---- */

/* Digits for people; a training that failed has none. */
static void
print_cell (guint width, guint digits, double value)
{
  if (isfinite (value))
    printf (" %*.*f", (int) width, (int) digits, value);
  else
    printf (" %*s", (int) width, "-");
}

static double
get_last_bits (const DdpmObjectiveResult *result)
{
  return result->failure == NULL && result->n_points > 0 ? result->bits[result->n_points - 1] : NAN;
}

static void
print_text (const DdpmObjectiveStudyOptions *options, const DdpmObjectiveStudy *study)
{
  printf ("pictures     %u, %ux%u pixels, %u channel%s; %u of those held out are measured\n",
          study->n_pictures, study->width, study->height, study->n_picture_channels,
          study->n_picture_channels == 1 ? "" : "s", study->n_measured);
  printf ("network      %.2f million parameters, %" G_GUINT64_FORMAT " steps of %u pictures\n",
          (double) study->n_parameters / 1e6, options->steps, options->batch);
  printf ("samples      %u of each, by %u steps of ddpm, compared with %u pictures\n\n", options->n_samples,
          options->sampler_steps, study->n_compared);
  printf ("%-9s %-8s %-8s %9s %7s %9s %12s %10s %8s\n", "predicts", "variance", "loss", "bits/dim", "+-",
          "L_simple", "Wasserstein", "precision", "recall");
  for (guint i = 0; i < study->n_results; i++)
    {
      const DdpmObjectiveVariant *variant = &options->variants[i];
      const DdpmObjectiveResult *result = &study->results[i];

      printf ("%-9s %-8s %-8s", ddpm_objective_variant_get_prediction_name (variant),
              variant->learned ? "learned" : "fixed", ddpm_loss_names[variant->loss]);
      print_cell (9, 4, get_last_bits (result));
      print_cell (7, 4, result->standard_error_bits);
      print_cell (9, 4, result->simple);
      print_cell (12, 4, result->distances.sliced_wasserstein_mean);
      print_cell (10, 2, result->distances.precision);
      print_cell (8, 2, result->distances.recall);
      printf ("\n");
    }
}

static void
add_result (JsonBuilder *builder, const DdpmObjectiveVariant *variant, const DdpmObjectiveResult *result)
{
  json_builder_begin_object (builder);
  ddpm_json_add_string (builder, "predict", ddpm_objective_variant_get_prediction_name (variant));
  ddpm_json_add_string (builder, "variance", variant->learned ? "learned" : "fixed");
  ddpm_json_add_string (builder, "loss", ddpm_loss_names[variant->loss]);
  ddpm_json_add_doubles (builder, "step", result->steps, result->n_points);
  ddpm_json_add_doubles (builder, "bits_by_step", result->bits, result->n_points);
  ddpm_json_add_double (builder, "bits_per_dimension", get_last_bits (result));
  ddpm_json_add_double (builder, "standard_error", result->standard_error_bits);
  ddpm_json_add_double (builder, "l_simple", result->simple);
  ddpm_json_add_double (builder, "sliced_wasserstein", result->distances.sliced_wasserstein_mean);
  ddpm_json_add_double (builder, "precision", result->distances.precision);
  ddpm_json_add_double (builder, "recall", result->distances.recall);
  ddpm_json_add_double (builder, "nearest", result->distances.nearest);
  ddpm_json_add_string (builder, "failure", result->failure);
  json_builder_end_object (builder);
}

static void
print_json (const DdpmObjectiveStudyOptions *options, const DdpmObjectiveStudy *study)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  ddpm_json_add_int (builder, "pictures", study->n_pictures);
  ddpm_json_add_int (builder, "measured", study->n_measured);
  ddpm_json_add_int (builder, "compared", study->n_compared);
  ddpm_json_add_int (builder, "width", study->width);
  ddpm_json_add_int (builder, "height", study->height);
  ddpm_json_add_int (builder, "channels", study->n_picture_channels);
  ddpm_json_add_int (builder, "parameters", (gint64) study->n_parameters);
  ddpm_json_add_int (builder, "steps", (gint64) options->steps);
  ddpm_json_add_int (builder, "batch", options->batch);
  ddpm_json_add_int (builder, "samples", options->n_samples);
  ddpm_json_add_int (builder, "sampler_steps", options->sampler_steps);
  ddpm_json_add_int (builder, "seed", options->seed);
  json_builder_set_member_name (builder, "trainings");
  json_builder_begin_array (builder);
  for (guint i = 0; i < study->n_results; i++)
    add_result (builder, &options->variants[i], &study->results[i]);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  ddpm_json_print (builder);
}

/* A chart for each loss, a curve for each prediction: the same one in all of them. */
static gboolean
draw (const DdpmObjectiveStudyOptions *options, const DdpmObjectiveStudy *study, const char *path,
      GError **error)
{
  DdpmChart charts[G_N_ELEMENTS (loss_kinds)] = { 0 };
  guint n_charts = 0;

  for (guint j = 0; j < G_N_ELEMENTS (loss_kinds); j++)
    {
      DdpmChart *chart = &charts[n_charts];

      *chart = (DdpmChart) { .title = loss_kinds[j].title,
                             .x_title = "step",
                             .y_title = "bits per dimension",
                             .is_logarithmic = TRUE };
      for (guint i = 0; i < study->n_results; i++)
        if (options->variants[i].loss == loss_kinds[j].loss
            && options->variants[i].learned == loss_kinds[j].learned)
          chart->curves[chart->n_curves++] = (DdpmChartCurve) {
            .name = ddpm_objective_variant_get_prediction_name (&options->variants[i]),
            .x = study->results[i].steps,
            .y = study->results[i].bits,
            .n = study->results[i].n_points,
          };
      n_charts += chart->n_curves > 0;
    }
  return ddpm_chart_write (path, "The bound of pictures held out, by what the network is trained to say",
                           charts, n_charts, 2, error);
}

static int
run (const DdpmObjectiveStudyOptions *options, const Args *args, GError **error)
{
  g_autoptr (DdpmSignals) signals =
    ddpm_signals_new (args->keep != NULL ? "stopping; the models so far are kept"
                                         : "stopping; nothing is kept of these trainings");
  g_autoptr (GError) failure = NULL;
  g_auto (DdpmObjectiveStudy) study = { 0 };
  DdpmProgressLine line;
  gboolean done;

  ddpm_progress_line_init (&line);
  done = ddpm_objective_study_run (options, ddpm_progress_line_show, &line,
                                   ddpm_signals_get_cancellable (signals), &study, &failure);
  ddpm_progress_line_clear (&line);
  if (!done)
    return ddpm_signals_fail (signals, g_steal_pointer (&failure), error);
  if (args->as_json)
    print_json (options, &study);
  else
    print_text (options, &study);
  return args->output == NULL || draw (options, &study, args->output, error) ? 0 : 1;
}

int
ddpm_study_objective (const char *program, int argc, char **argv, GError **error)
{
  g_auto (Args) args = { 0 };
  g_auto (GStrv) operands = NULL;
  g_autofree char *folder = NULL;
  DdpmObjectiveStudyOptions options = {
    .width = DEFAULT_SIZE,
    .height = DEFAULT_SIZE,
    .n_channels = 2,
    .channels = { 16, 32 },
    .batch = DEFAULT_BATCH,
    .steps = DEFAULT_STEPS,
    .n_points = DEFAULT_POINTS,
    .held_out = DEFAULT_HELD_OUT,
    .most_measured = DEFAULT_MEASURED,
    .n_samples = DEFAULT_SAMPLES,
    .sampler_steps = DEFAULT_SAMPLER_STEPS,
  };
  int status;

  if (!parse_args (&args, argc, argv, &operands, error) || !read_args (&args, &options, error)
      || (args.output != NULL && !ddpm_chart_check_file (args.output, error)))
    return 2;
  folder = make_folder (args.keep, error);
  if (folder == NULL)
    return 1;
  g_autoptr (GFile) pictures = g_file_new_for_path (operands[0]);
  g_autoptr (GFile) models = g_file_new_for_path (folder);
  options.pictures = pictures;
  options.output = models;
  status = run (&options, &args, error);
  if (args.keep == NULL)
    ddpm_delete_tree (folder);
  else if (status != 0)
    g_rmdir (folder); /* if nothing came of it */
  return status;
}
