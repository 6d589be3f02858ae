/* ddpm study samplers: how good each sampler's pictures are, by its number of steps. */
#include <math.h>
#include <stdio.h>

#include "ui/cli/json.h"
#include "ui/cli/options.h"
#include "ui/cli/progress.h"
#include "ui/cli/signals.h"
#include "ui/cli/study.h"

#define DEFAULT_PICTURES 64
#define MOST_CURVES (DDPM_SAMPLER_N_KINDS + 1)

G_STATIC_ASSERT (MOST_CURVES <= DDPM_CHART_MOST_CURVES);

/* The options as given; NULL: not given. */
typedef struct
{
  char *samplers, *steps, *count, *seed, *label, *spacing, *sigmas, *many, *crop, *threads, *output;
  gboolean as_json;
} Args;

static void
args_clear (Args *args)
{
  char **texts[] = { &args->samplers, &args->steps,   &args->count,  &args->seed,
                     &args->label,    &args->spacing, &args->sigmas, &args->many,
                     &args->crop,     &args->threads, &args->output };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_clear_pointer (texts[i], g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Args, args_clear)

static gboolean
parse_args (Args *args, int argc, char **argv, char ***operands, GError **error)
{
  const GOptionEntry entries[] = {
    { "samplers", 0, 0, G_OPTION_ARG_STRING, &args->samplers,
      "Samplers to compare, with commas between them (default: all)", "A,B" },
    { "steps", 0, 0, G_OPTION_ARG_STRING, &args->steps,
      "Numbers of steps, with commas between them (default: 5,10,20,50,100)", "N,N" },
    { "count", 'n', 0, G_OPTION_ARG_STRING, &args->count,
      "Pictures that each makes, at least 2 (default: 64)", "N" },
    { "seed", 0, 0, G_OPTION_ARG_STRING, &args->seed,
      "The random numbers' seed: all samplers begin with the same noise (default: 0)", "N" },
    { "label", 0, 0, G_OPTION_ARG_STRING, &args->label,
      "Kind of pictures: one of the labels that ddpm info tells; any, drawn for each picture; or none "
      "(default: any)",
      "NAME" },
    { "spacing", 0, 0, G_OPTION_ARG_STRING, &args->spacing,
      "Which of the model's timesteps the steps are: leading, trailing or linspace (default: auto, as its "
      "scheduler says)",
      "NAME" },
    { "sigmas", 0, 0, G_OPTION_ARG_STRING, &args->sigmas,
      "Noise levels of the steps: plain, karras or exponential; without the samplers that do not know those "
      "(default: auto, as its scheduler says)",
      "NAME" },
    { "many", 0, 0, G_OPTION_ARG_STRING, &args->many,
      "Steps after which the deterministic ones' pictures count as final (default: 500)", "N" },
    { "crop", 0, 0, G_OPTION_ARG_STRING, &args->crop,
      "Compare with parts at random places, of pictures scaled down to N pixels on their shorter side "
      "(default: with the middle of each)",
      "N" },
    { "threads", 0, 0, G_OPTION_ARG_STRING, &args->threads,
      "Threads to use (default: as many as there are cores)", "N" },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &args->output,
      "Draw the curves into this file, SVG or PNG (default: no drawing)", "FILE" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &args->as_json, "Print one JSON object (default: tables)", NULL },
    G_OPTION_ENTRY_NULL,
  };

  return ddpm_options_parse (
    argc, argv, entries, "MODEL [FOLDER]", "MODEL [FOLDER]",
    "Tells how good samplers are by their number of steps, in two ways. Those that add no noise follow the\n"
    "same flow: how far what they make of a latent is from what it becomes with many steps. And for all: "
    "how\n"
    "far their pictures, as a set, are from those in FOLDER (best the ones that the model was trained on), "
    "or\n"
    "without FOLDER from samples by the paper's own sampler with all its timesteps, which take long.",
    operands, error);
}

static gboolean
read_samplers (const char *text, DdpmSamplerStudyOptions *options, GError **error)
{
  g_auto (GStrv) names = text != NULL ? g_strsplit (text, ",", -1) : NULL;

  options->n_kinds = 0;
  for (guint kind = 0; names == NULL && kind < DDPM_SAMPLER_N_KINDS; kind++)
    options->kinds[options->n_kinds++] = kind;
  for (guint i = 0; names != NULL && (names[i] != NULL || i == 0); i++)
    {
      guint kind = 0;

      if (!ddpm_option_get_choice ("--samplers", names[i] != NULL ? names[i] : "", ddpm_sampler_get_names (),
                                   &kind, error))
        return FALSE;
      for (guint j = 0; j < options->n_kinds; j++)
        if (options->kinds[j] == (DdpmSamplerKind) kind)
          return ddpm_refuse (error, DDPM_ERROR_USAGE, "--samplers has %s twice; name each once", names[i]);
      options->kinds[options->n_kinds++] = kind;
    }
  return TRUE;
}

static gboolean
read_args (const Args *args, DdpmSamplerStudyOptions *options, GError **error)
{
  if (!read_samplers (args->samplers, options, error)
      || !ddpm_option_get_choice ("--spacing", args->spacing, ddpm_sampler_spacing_names, &options->spacing,
                                  error)
      || !ddpm_option_get_choice ("--sigmas", args->sigmas, ddpm_sampler_sigmas_names, &options->sigmas,
                                  error)
      || !ddpm_option_get_list ("--steps", args->steps, DDPM_SAMPLER_STUDY_MOST_STEPS, options->steps,
                                &options->n_steps, error)
      || !ddpm_option_get_uint ("-n", args->count, 2, DDPM_MAX_COUNT, &options->n_pictures, error)
      || !ddpm_option_get_uint ("--seed", args->seed, 0, DDPM_MAX_SEED - 2, &options->seed, error)
      || !ddpm_option_get_uint ("--many", args->many, 1, 1000000, &options->many_steps, error)
      || !ddpm_option_get_uint ("--crop", args->crop, 1, 65535, &options->crop, error)
      || !ddpm_option_get_uint ("--threads", args->threads, 1, 1024, &options->n_threads, error))
    return FALSE;
  for (guint i = 0; i + 1 < options->n_steps; i++)
    if (options->steps[i] >= options->steps[i + 1])
      return ddpm_refuse (error, DDPM_ERROR_USAGE, "--steps has to ascend, as in 5,10,20, not \"%s\"",
                          args->steps);
  if (args->crop != NULL && options->pictures == NULL)
    return ddpm_refuse (error, DDPM_ERROR_USAGE, "--crop needs a FOLDER of pictures to take parts of");
  options->label = args->label != NULL ? args->label : DDPM_LABEL_ANY;
  return TRUE;
}

/* ---- for people ---- */

typedef double (*GetFunc) (const DdpmSamplerStudyCell *cell);

static double
get_deviation (const DdpmSamplerStudyCell *cell)
{
  return cell->deviation;
}

static double
get_distance (const DdpmSamplerStudyCell *cell)
{
  return cell->distances.sliced_wasserstein_mean;
}

static double
get_precision (const DdpmSamplerStudyCell *cell)
{
  return cell->distances.precision;
}

static double
get_recall (const DdpmSamplerStudyCell *cell)
{
  return cell->distances.recall;
}

static double
get_evaluations (const DdpmSamplerStudyCell *cell)
{
  return cell->n_evaluations;
}

static double
get_value (const DdpmSamplerStudyCell *cell, GetFunc get)
{
  return cell->n_evaluations > 0 && cell->is_finite ? get (cell) : NAN;
}

static gboolean
has_value (const DdpmSamplerStudyOptions *options, const DdpmSamplerStudy *study, guint kind, GetFunc get)
{
  for (guint i = 0; i < options->n_steps; i++)
    if (isfinite (get_value (&study->cells[kind][i], get)))
      return TRUE;
  return FALSE;
}

static void
print_table (const DdpmSamplerStudyOptions *options, const DdpmSamplerStudy *study, GetFunc get, int digits)
{
  printf ("%-17s", "steps");
  for (guint i = 0; i < options->n_steps; i++)
    printf (" %8u", options->steps[i]);
  printf ("\n");
  for (guint kind = 0; kind < options->n_kinds; kind++)
    {
      if (!has_value (options, study, kind, get))
        continue;
      printf ("%-17s", ddpm_sampler_kind_get_name (options->kinds[kind]));
      for (guint i = 0; i < options->n_steps; i++)
        {
          const double value = get_value (&study->cells[kind][i], get);

          if (isfinite (value))
            printf (" %8.*f", digits, value);
          else
            printf (" %8s", "-");
        }
      printf ("\n");
    }
}

static void
print_text (const DdpmModel *model, const DdpmSamplerStudyOptions *options, const DdpmSamplerStudy *study)
{
  const char *kind =
    options->pictures != NULL ? "pictures of the folder" : "samples by ddpm in all timesteps";

  printf ("model        %s, %ux%u pixels\n", model->name, study->width, study->height);
  printf ("samples      %u by each sampler, seed %u", study->n_pictures, options->seed);
  if (ddpm_model_count_labels (model) > 0)
    printf (", label %s", options->label);
  if (options->spacing > 0)
    printf (", %s spacing", ddpm_sampler_spacing_names[options->spacing]);
  if (options->sigmas > 0)
    printf (", %s noise levels", ddpm_sampler_sigmas_names[options->sigmas]);
  printf ("\n\n");
  if (study->n_followed > 0)
    {
      printf ("Difference (root of the mean square, 0 to 255) from what %u of the latents become by %s in %u "
              "steps:\n",
              study->n_followed, ddpm_sampler_kind_get_name (study->many), study->many_steps);
      print_table (options, study, get_deviation, 2);
      printf ("\n");
    }
  printf ("Sliced Wasserstein distance from %u %s (%u others are at %.3f):\n", study->n_pictures, kind,
          study->n_pictures, study->floor.sliced_wasserstein_mean);
  print_table (options, study, get_distance, 3);
  printf ("\nPrecision, the share that is like those pictures (of the others %.2f):\n",
          study->floor.precision);
  print_table (options, study, get_precision, 2);
  printf ("\nRecall, the share of those pictures that is met (by the others %.2f):\n", study->floor.recall);
  print_table (options, study, get_recall, 2);
  printf ("\nEvaluations of the network for a picture:\n");
  print_table (options, study, get_evaluations, 0);
}

/* ---- for programs ---- */

static void
add_distances (JsonBuilder *builder, const DdpmDistances *distances)
{
  ddpm_json_add_double (builder, "sliced_wasserstein", distances->sliced_wasserstein_mean);
  ddpm_json_add_doubles (builder, "sliced_wasserstein_by_level", distances->sliced_wasserstein,
                         distances->n_levels);
  ddpm_json_add_double (builder, "precision", distances->precision);
  ddpm_json_add_double (builder, "recall", distances->recall);
  ddpm_json_add_double (builder, "nearest", distances->nearest);
}

static void
add_cell (JsonBuilder *builder, guint n_steps, const DdpmSamplerStudyCell *cell)
{
  json_builder_begin_object (builder);
  ddpm_json_add_int (builder, "steps", n_steps);
  ddpm_json_add_int (builder, "evaluations", cell->n_evaluations);
  if (cell->n_evaluations > 0 && cell->is_finite)
    {
      ddpm_json_add_double (builder, "difference", cell->deviation);
      add_distances (builder, &cell->distances);
    }
  json_builder_end_object (builder);
}

static void
print_json (const DdpmModel *model, const DdpmSamplerStudyOptions *options, const DdpmSamplerStudy *study)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  ddpm_json_add_string (builder, "model", model->name);
  ddpm_json_add_string (builder, "label", options->label);
  ddpm_json_add_string (builder, "spacing", ddpm_sampler_spacing_names[options->spacing]);
  ddpm_json_add_string (builder, "sigmas", ddpm_sampler_sigmas_names[options->sigmas]);
  ddpm_json_add_int (builder, "pictures", study->n_pictures);
  ddpm_json_add_int (builder, "seed", options->seed);
  ddpm_json_add_int (builder, "followed", study->n_followed);
  ddpm_json_add_string (builder, "followed_by",
                        study->n_followed > 0 ? ddpm_sampler_kind_get_name (study->many) : NULL);
  ddpm_json_add_int (builder, "followed_steps", study->many_steps);
  json_builder_set_member_name (builder, "reference");
  json_builder_begin_object (builder);
  ddpm_json_add_string (builder, "kind", options->pictures != NULL ? "folder" : "samples");
  add_distances (builder, &study->floor);
  json_builder_end_object (builder);
  json_builder_set_member_name (builder, "samplers");
  json_builder_begin_array (builder);
  for (guint kind = 0; kind < options->n_kinds; kind++)
    {
      json_builder_begin_object (builder);
      ddpm_json_add_string (builder, "sampler", ddpm_sampler_kind_get_name (options->kinds[kind]));
      json_builder_set_member_name (builder, "runs");
      json_builder_begin_array (builder);
      for (guint i = 0; i < options->n_steps; i++)
        add_cell (builder, options->steps[i], &study->cells[kind][i]);
      json_builder_end_array (builder);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  ddpm_json_print (builder);
}

/* ---- the drawing ---- */

typedef struct
{
  double x[DDPM_SAMPLER_STUDY_MOST_STEPS], y[DDPM_SAMPLER_STUDY_MOST_STEPS];
} Points;

static void
set_curve (DdpmChartCurve *curve, Points *points, const DdpmSamplerStudyOptions *options,
           const DdpmSamplerStudy *study, guint kind, GetFunc get)
{
  for (guint i = 0; i < options->n_steps; i++)
    {
      points->x[i] = study->cells[kind][i].n_evaluations;
      points->y[i] = get_value (&study->cells[kind][i], get);
    }
  *curve = (DdpmChartCurve) { .name = ddpm_sampler_kind_get_name (options->kinds[kind]),
                              .x = points->x,
                              .y = points->y,
                              .n = options->n_steps };
}

static gboolean
draw (const DdpmModel *model, const DdpmSamplerStudyOptions *options, const DdpmSamplerStudy *study,
      const char *path, GError **error)
{
  static const GetFunc gets[] = { get_distance, get_deviation };
  Points points[G_N_ELEMENTS (gets)][DDPM_SAMPLER_N_KINDS], floor = { 0 };
  DdpmChart charts[G_N_ELEMENTS (gets)] = {
    { .title = options->pictures != NULL ? "distance of samples from the folder's pictures"
                                         : "distance from samples in all timesteps",
      .y_title = "sliced Wasserstein distance" },
    { .title = "distance of a latent's picture from its final one",
      .y_title = "root of the mean square, 0 to 255" },
  };
  g_autofree char *title = g_strdup_printf ("Samplers of the model %s", model->name);
  double most = 0, least = INFINITY;

  for (guint i = 0; i < G_N_ELEMENTS (charts); i++)
    {
      DdpmChart *chart = &charts[i];

      chart->x_title = "evaluations of the network";
      chart->is_logarithmic = chart->is_logarithmic_x = TRUE;
      for (guint kind = 0; kind < options->n_kinds; kind++)
        set_curve (&chart->curves[kind], &points[i][kind], options, study, kind, gets[i]);
      for (guint kind = 0; kind < options->n_kinds; kind++)
        for (guint j = 0; j < options->n_steps; j++)
          if (study->cells[kind][j].n_evaluations > 0)
            {
              least = MIN (least, points[i][kind].x[j]);
              most = MAX (most, points[i][kind].x[j]);
            }
      chart->n_curves = options->n_kinds + 1;
    }
  floor.x[0] = least;
  floor.x[1] = most;
  floor.y[0] = floor.y[1] = study->floor.sliced_wasserstein_mean;
  for (guint i = 0; i < G_N_ELEMENTS (charts); i++)
    charts[i].curves[options->n_kinds] =
      (DdpmChartCurve) { .name = options->pictures != NULL ? "others of the folder" : "other such samples",
                         .is_faint = TRUE,
                         .x = floor.x,
                         .y = floor.y,
                         .n = i == 0 ? 2 : 0 };
  return ddpm_chart_write (path, title, charts, study->n_followed > 0 ? 2 : 1, 2, error);
}

/* ---- all of it ---- */

static int
run (DdpmModel *model, const DdpmSamplerStudyOptions *options, const Args *args, GError **error)
{
  g_autoptr (DdpmSignals) signals = ddpm_signals_new ("stopping; nothing is told of what was measured");
  g_autoptr (GError) failure = NULL;
  g_autofree DdpmSamplerStudy *study = g_new (DdpmSamplerStudy, 1);
  DdpmProgressLine line;
  gboolean done;

  ddpm_progress_line_init (&line);
  done = ddpm_sampler_study_run (model, options, ddpm_progress_line_show, &line,
                                 ddpm_signals_get_cancellable (signals), study, &failure);
  ddpm_progress_line_clear (&line);
  if (!done)
    return ddpm_signals_fail (signals, g_steal_pointer (&failure), error);
  if (args->as_json)
    print_json (model, options, study);
  else
    print_text (model, options, study);
  return args->output == NULL || draw (model, options, study, args->output, error) ? 0 : 1;
}

int
ddpm_study_samplers (const char *program, int argc, char **argv, GError **error)
{
  g_auto (Args) args = { 0 };
  g_auto (GStrv) operands = NULL;
  g_autoptr (GFile) pictures = NULL;
  DdpmSamplerStudyOptions options = { .steps = { 5, 10, 20, 50, 100 },
                                      .n_steps = 5,
                                      .n_pictures = DEFAULT_PICTURES };

  if (!parse_args (&args, argc, argv, &operands, error))
    return 2;
  pictures = operands[1] != NULL ? g_file_new_for_path (operands[1]) : NULL;
  options.pictures = pictures;
  if (!read_args (&args, &options, error)
      || (args.output != NULL && !ddpm_chart_check_file (args.output, error)))
    return 2;
  g_autoptr (GFile) folder = ddpm_model_find (operands[0], NULL, error);
  if (folder == NULL)
    return 1;
  g_autoptr (DdpmModel) model = ddpm_model_open_header (folder, error);
  if (model == NULL)
    return 1;
  return run (model, &options, &args, error);
}
