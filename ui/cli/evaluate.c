/* ddpm evaluate: how well a model knows pictures, for people or, with --json, for programs. */
#include "ui/cli/cli.h"

#include "ui/cli/evaluate-report.h"
#include "ui/cli/options.h"
#include "ui/cli/progress.h"
#include "ui/cli/signals.h"

#define DEFAULT_DRAWS 20
#define DEFAULT_FLOW_STEPS 100
#define MAX_SAMPLES 100000

/* The options as given; NULL: not given. */
typedef struct
{
  char *pictures, *draws, *seed, *size, *crop, *held_out, *threads, *flow_steps, *reconstruct, *samples,
    *sampler, *steps;
  gboolean every_step, no_labels, no_bound, likelihood, as_json;
} EvaluateArgs;

static void
evaluate_args_clear (EvaluateArgs *args)
{
  char **texts[] = { &args->pictures,    &args->draws,    &args->seed,    &args->size,
                     &args->crop,        &args->held_out, &args->threads, &args->flow_steps,
                     &args->reconstruct, &args->samples,  &args->sampler, &args->steps };

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
    { "no-bound", 0, 0, G_OPTION_ARG_NONE, &args->no_bound,
      "Leave out the loss and the bound (default: both are measured)", NULL },
    { "likelihood", 0, 0, G_OPTION_ARG_NONE, &args->likelihood,
      "Also the likelihood by the probability flow, of pictures with noise of a byte's width; takes 594 "
      "times the network for each picture (default: not)",
      NULL },
    { "flow-steps", 0, 0, G_OPTION_ARG_STRING, &args->flow_steps,
      "Steps of that flow, each of which takes the network 6 times; its error falls with their square (default: 100)",
      "N" },
    { "reconstruct", 0, 0, G_OPTION_ARG_STRING, &args->reconstruct,
      "Also how closely pictures come back from their latents, by DDIM in so many steps; takes the network "
      "twice for each step (default: not)",
      "N,N,…" },
    { "samples", 0, 0, G_OPTION_ARG_STRING, &args->samples,
      "Also how far so many pictures of the model's own are from the folder's, with its labels in the same "
      "proportions (default: none)",
      "N" },
    { "sampler", 0, 0, G_OPTION_ARG_STRING, &args->sampler,
      "How those are made; ddpm sample --help tells the names (default: as the model recommends)", "NAME" },
    { "steps", 0, 0, G_OPTION_ARG_STRING, &args->steps,
      "Steps of that sampler (default: as the model recommends)", "N" },
    { "seed", 0, 0, G_OPTION_ARG_STRING, &args->seed,
      "The random numbers' seed: the same one sees the same noise (default: 0)", "N" },
    { "size", 0, 0, G_OPTION_ARG_STRING, &args->size,
      "Pixels; other pictures are scaled and cropped (default: the model's own size)", "N|WxH" },
    { "crop", 0, 0, G_OPTION_ARG_STRING, &args->crop,
      "Measure on parts at random places, of pictures scaled down to N pixels on their shorter side "
      "(default: on the middle of each)",
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
    "variational bound in bits per dimension, term by term; where asked for, the likelihood by the\n"
    "probability flow, how closely pictures come back from their latents, and how far the model's own\n"
    "pictures are from the folder's. MODEL is a folder, or the name of an installed model.",
    operands, error);
}

/* Options that only say how something is done that was not asked for. */
static gboolean
check_args (const EvaluateArgs *args, GError **error)
{
  const struct
  {
    const char *option;
    gboolean given;
    const char *needed;
    gboolean is_there;
  } needs[] = {
    { "--flow-steps", args->flow_steps != NULL, "--likelihood", args->likelihood },
    { "--sampler", args->sampler != NULL, "--samples", args->samples != NULL },
    { "--steps", args->steps != NULL, "--samples", args->samples != NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (needs); i++)
    if (needs[i].given && !needs[i].is_there)
      return ddpm_refuse (error, DDPM_ERROR_USAGE, "%s does nothing without %s; add that, or leave it out",
                          needs[i].option, needs[i].needed);
  if (args->every_step && args->draws != NULL)
    return ddpm_refuse (error, DDPM_ERROR_USAGE,
                        "--every-step leaves nothing to draw; leave out --draws, or --every-step");
  if (!args->no_bound)
    return TRUE;
  if (args->every_step || args->draws != NULL)
    return ddpm_refuse (error, DDPM_ERROR_USAGE,
                        "--no-bound leaves nothing to look at by timesteps; leave out %s",
                        args->every_step ? "--every-step" : "--draws");
  return args->likelihood || args->reconstruct != NULL || args->samples != NULL
         || ddpm_refuse (
           error, DDPM_ERROR_USAGE,
           "--no-bound leaves nothing to measure; add --likelihood, --reconstruct or --samples");
}

static gboolean
read_args (const EvaluateArgs *args, DdpmEvaluateOptions *options, GError **error)
{
  guint sampler = 0;

  if (!check_args (args, error)
      || !ddpm_option_get_uint ("--pictures", args->pictures, 1, 1000000000, &options->max_pictures, error)
      || !ddpm_option_get_uint ("--held-out", args->held_out, 1, 1000000, &options->held_out, error)
      || !ddpm_option_get_uint ("--draws", args->draws, 1, 1000000, &options->n_draws, error)
      || !ddpm_option_get_uint ("--flow-steps", args->flow_steps, 2, 1000000, &options->flow_steps, error)
      || !ddpm_option_get_list ("--reconstruct", args->reconstruct, DDPM_EVALUATE_MAX_RECONSTRUCTIONS,
                                options->reconstruct_steps, &options->n_reconstructions, error)
      || !ddpm_option_get_uint ("--samples", args->samples, 1, MAX_SAMPLES, &options->n_samples, error)
      || !ddpm_option_get_choice ("--sampler", args->sampler, ddpm_sampler_get_names (), &sampler, error)
      || !ddpm_option_get_uint ("--steps", args->steps, 1, 1000000, &options->sampler_steps, error)
      || !ddpm_option_get_uint ("--seed", args->seed, 0, DDPM_MAX_SEED, &options->seed, error)
      || !ddpm_option_get_size ("--size", args->size, &options->width, &options->height, error)
      || !ddpm_option_get_uint ("--crop", args->crop, 1, 65535, &options->crop, error)
      || !ddpm_option_get_uint ("--threads", args->threads, 1, 1024, &options->n_threads, error))
    return FALSE;
  options->ignore_labels = args->no_labels;
  options->skip_bound = args->no_bound;
  if (args->every_step)
    options->n_draws = 0;
  if (!args->likelihood)
    options->flow_steps = 0;
  options->own_sampler = ddpm_sampler_kind_from_name (args->sampler, &options->sampler);
  return TRUE;
}

static int
run (const DdpmModel *model, const DdpmEvaluateOptions *options, gboolean as_json, GError **error)
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
  if (as_json)
    ddpm_evaluate_report_json (model, options, &evaluation);
  else
    ddpm_evaluate_report_text (model, options, &evaluation);
  return 0;
}

int
ddpm_command_evaluate (const char *program, int argc, char **argv, GError **error)
{
  g_auto (EvaluateArgs) args = { 0 };
  g_auto (GStrv) operands = NULL;
  DdpmEvaluateOptions options = { .n_draws = DEFAULT_DRAWS, .flow_steps = DEFAULT_FLOW_STEPS };

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
