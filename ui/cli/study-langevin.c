/* ddpm study langevin: the score reading of a model: pictures by annealed Langevin dynamics, beside those of
 * ancestral sampling in as many evaluations of the network. */
#include <stdio.h>

#include "ui/cli/json.h"
#include "ui/cli/options.h"
#include "ui/cli/output.h"
#include "ui/cli/progress.h"
#include "ui/cli/signals.h"
#include "ui/cli/study.h"

#define DEFAULT_PICTURES 16
#define DEFAULT_LEVELS 40
#define DEFAULT_REPEATS 5
#define DEFAULT_STEP_SIZE 0.3
#define SHEET_GAP 2 /* pixels between pictures; between both halves 4 times as many */

/* The options as given; NULL: not given. */
typedef struct
{
  char *count, *levels, *repeats, *step_size, *label, *seed, *threads, *output;
  gboolean no_denoising, as_json;
} Args;

static void
args_clear (Args *args)
{
  char **texts[] = { &args->count, &args->levels, &args->repeats, &args->step_size,
                     &args->label, &args->seed,   &args->threads, &args->output };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_clear_pointer (texts[i], g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Args, args_clear)

static gboolean
parse_args (Args *args, int argc, char **argv, char ***operands, GError **error)
{
  const GOptionEntry entries[] = {
    { "number", 'n', 0, G_OPTION_ARG_STRING, &args->count, "Pictures to make with each of both (default: 16)",
      "N" },
    { "levels", 0, 0, G_OPTION_ARG_STRING, &args->levels,
      "Noise levels, the same factor apart, from the schedule's strongest to its weakest (default: 40)",
      "N" },
    { "repeats", 0, 0, G_OPTION_ARG_STRING, &args->repeats, "Steps at each level (default: 5)", "N" },
    { "step-size", 0, 0, G_OPTION_ARG_STRING, &args->step_size,
      "Size of a step, in parts of the level's noise variance: above 0 and below 4 (default: 0.3)", "R" },
    { "no-denoising", 0, 0, G_OPTION_ARG_NONE, &args->no_denoising,
      "Leave out the last step, to what the network takes the picture for (default: take it)", NULL },
    { "label", 0, 0, G_OPTION_ARG_STRING, &args->label,
      "Kind of pictures: one of the labels that ddpm info tells; any, drawn for each picture; or none "
      "(default: any)",
      "NAME" },
    { "seed", 0, 0, G_OPTION_ARG_STRING, &args->seed, "The random numbers' seed (default: 0)", "N" },
    { "threads", 0, 0, G_OPTION_ARG_STRING, &args->threads,
      "Threads to use (default: as many as there are cores)", "N" },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &args->output,
      "Write the pictures side by side, left those of Langevin dynamics, right the others (default: "
      "nowhere)",
      "FILE.png" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &args->as_json, "Print one JSON object (default: a table)", NULL },
    G_OPTION_ENTRY_NULL,
  };

  return ddpm_options_parse (
    argc, argv, entries, "MODEL [FOLDER]", "MODEL [FOLDER]",
    "Reads a model as the score of noisy pictures, -epsilon / sigma, and follows it by annealed Langevin\n"
    "dynamics: many small steps with noise, at noise levels that fall. Beside that it samples as the paper\n"
    "of DDPM does, with as many evaluations of the network. MODEL is a folder, or the name of an installed\n"
    "model; with a FOLDER of pictures it tells how far both are from these.",
    operands, error);
}

static gboolean
read_args (const Args *args, DdpmLangevinStudyOptions *options, GError **error)
{
  if (!ddpm_option_get_uint ("-n", args->count, 1, DDPM_MAX_COUNT, &options->n_pictures, error)
      || !ddpm_option_get_uint ("--levels", args->levels, 1, 1000000, &options->n_levels, error)
      || !ddpm_option_get_uint ("--repeats", args->repeats, 1, 10000, &options->langevin.n_repeats, error)
      || !ddpm_option_get_double ("--step-size", args->step_size, 1e-6, 3.999, &options->langevin.step_size,
                                  error)
      || !ddpm_option_get_uint ("--seed", args->seed, 0, DDPM_MAX_SEED, &options->seed, error)
      || !ddpm_option_get_uint ("--threads", args->threads, 1, 1024, &options->n_threads, error))
    return FALSE;
  options->langevin.denoises = !args->no_denoising;
  options->label = args->label != NULL ? args->label : DDPM_LABEL_ANY;
  return TRUE;
}

/* Before the long work. */
static gboolean
check_output (const char *path, GError **error)
{
  g_auto (DdpmOutput) output = { 0 };
  g_autofree char *lower = path != NULL ? g_ascii_strdown (path, -1) : NULL;

  if (path == NULL)
    return TRUE;
  if (!g_str_has_suffix (lower, ".png") || g_file_test (path, G_FILE_TEST_IS_DIR))
    return ddpm_refuse (error, DDPM_ERROR_USAGE,
                        "-o %s: these are pictures, which are written as PNG; name a file that ends in .png",
                        path);
  return ddpm_output_init (&output, path, error);
}

static gboolean
write_sheet (const DdpmLangevinStudy *study, const char *path, GError **error)
{
  const DdpmLangevinStudySide *sides[] = { &study->langevin, &study->ancestral };
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GPtrArray) halves = g_ptr_array_new_with_free_func ((GDestroyNotify) ddpm_image_free);
  g_autoptr (DdpmImage) sheet = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (sides); i++)
    g_ptr_array_add (halves, ddpm_image_grid ((DdpmImage *const *) sides[i]->images->pdata,
                                              sides[i]->images->len, 0, SHEET_GAP));
  sheet = ddpm_image_grid ((DdpmImage *const *) halves->pdata, halves->len, 2, 4 * SHEET_GAP);
  return ddpm_image_save_png (sheet, file, NULL, error);
}

static void
print_side (const char *name, const DdpmLangevinStudy *study, const DdpmLangevinStudySide *side)
{
  printf ("%-10s %12u", name, side->n_evaluations);
  if (study->n_compared > 0)
    printf (" %12.4f %10.2f %8.2f %9.2f", side->distances.sliced_wasserstein_mean, side->distances.precision,
            side->distances.recall, side->distances.nearest);
  printf ("\n");
}

static void
print_text (const DdpmModel *model, const DdpmLangevinStudyOptions *options, const DdpmLangevinStudy *study)
{
  printf ("model      %s, %u pictures of each sampler\n", model->name, options->n_pictures);
  printf ("langevin   %u noise levels, %u steps of size %g at each%s\n", options->n_levels,
          options->langevin.n_repeats, options->langevin.step_size,
          options->langevin.denoises ? ", and a last one to x_0" : "");
  if (study->n_compared > 0)
    printf ("compared   with %u pictures, among which the next is %.2f of 255 away\n", study->n_compared,
            study->langevin.distances.nearest_within);
  printf ("\n%-10s %12s", "sampler", "evaluations");
  if (study->n_compared > 0)
    printf (" %12s %10s %8s %9s", "Wasserstein", "precision", "recall", "nearest");
  printf ("\n");
  print_side ("langevin", study, &study->langevin);
  print_side ("ddpm", study, &study->ancestral);
}

static void
add_side (JsonBuilder *builder, const char *name, const DdpmLangevinStudy *study,
          const DdpmLangevinStudySide *side)
{
  json_builder_set_member_name (builder, name);
  json_builder_begin_object (builder);
  ddpm_json_add_int (builder, "evaluations", side->n_evaluations);
  if (study->n_compared > 0)
    {
      ddpm_json_add_double (builder, "sliced_wasserstein", side->distances.sliced_wasserstein_mean);
      ddpm_json_add_double (builder, "precision", side->distances.precision);
      ddpm_json_add_double (builder, "recall", side->distances.recall);
      ddpm_json_add_double (builder, "nearest", side->distances.nearest);
    }
  json_builder_end_object (builder);
}

static void
print_json (const DdpmModel *model, const DdpmLangevinStudyOptions *options, const DdpmLangevinStudy *study)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  ddpm_json_add_string (builder, "model", model->name);
  ddpm_json_add_int (builder, "pictures", options->n_pictures);
  ddpm_json_add_int (builder, "levels", options->n_levels);
  ddpm_json_add_int (builder, "repeats", options->langevin.n_repeats);
  ddpm_json_add_double (builder, "step_size", options->langevin.step_size);
  json_builder_set_member_name (builder, "denoising");
  json_builder_add_boolean_value (builder, options->langevin.denoises);
  ddpm_json_add_int (builder, "seed", options->seed);
  ddpm_json_add_int (builder, "compared", study->n_compared);
  add_side (builder, "langevin", study, &study->langevin);
  add_side (builder, "ddpm", study, &study->ancestral);
  json_builder_end_object (builder);
  ddpm_json_print (builder);
}

static int
run (DdpmModel *model, const DdpmLangevinStudyOptions *options, const Args *args, GError **error)
{
  g_autoptr (DdpmSignals) signals = ddpm_signals_new ("stopping; nothing is written of what was made");
  g_autoptr (GError) failure = NULL;
  g_auto (DdpmLangevinStudy) study = { 0 };
  DdpmProgressLine line;
  gboolean done;

  ddpm_progress_line_init (&line);
  done = ddpm_langevin_study_run (model, options, ddpm_progress_line_show, &line,
                                  ddpm_signals_get_cancellable (signals), &study, &failure);
  ddpm_progress_line_clear (&line);
  if (!done)
    return ddpm_signals_fail (signals, g_steal_pointer (&failure), error);
  if (args->output != NULL && !write_sheet (&study, args->output, error))
    return 1;
  if (args->as_json)
    print_json (model, options, &study);
  else
    print_text (model, options, &study);
  return 0;
}

int
ddpm_study_langevin (const char *program, int argc, char **argv, GError **error)
{
  g_auto (Args) args = { 0 };
  g_auto (GStrv) operands = NULL;
  DdpmLangevinStudyOptions options = { .n_pictures = DEFAULT_PICTURES,
                                       .n_levels = DEFAULT_LEVELS,
                                       .langevin = { DEFAULT_REPEATS, DEFAULT_STEP_SIZE, TRUE } };

  if (!parse_args (&args, argc, argv, &operands, error) || !read_args (&args, &options, error))
    return 2;
  if (!check_output (args.output, error))
    return 1;
  g_autoptr (GFile) folder = ddpm_model_find (operands[0], NULL, error);
  if (folder == NULL)
    return 1;
  g_autoptr (DdpmModel) model = ddpm_model_open_header (folder, error);
  if (model == NULL)
    return 1;
  g_autoptr (GFile) pictures = operands[1] != NULL ? g_file_new_for_path (operands[1]) : NULL;
  options.pictures = pictures;
  return run (model, &options, &args, error);
}
