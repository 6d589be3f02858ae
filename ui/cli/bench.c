/* ddpm bench: how long a forward pass or a training step takes here, and how much memory. */
#include "ui/cli/bench.h"

#include <stdio.h>

#include "ui/cli/cli.h"
#include "ui/cli/options.h"

#define MAX_RUNS 10000

/* The options as given; NULL: not given. */
typedef struct
{
  char *batch, *threads, *runs, *precision, *save, *output;
  gboolean as_json;
} BenchArgs;

static void
bench_args_clear (BenchArgs *args)
{
  char **texts[] = {
    &args->batch, &args->threads, &args->runs, &args->precision, &args->save, &args->output
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_clear_pointer (texts[i], g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BenchArgs, bench_args_clear)

static gboolean
parse_args (BenchArgs *args, DdpmBenchOptions *options, int argc, char **argv, char ***operands,
            GError **error)
{
  const GOptionEntry entries[] = {
    { "batch", 0, 0, G_OPTION_ARG_STRING, &args->batch, "Pictures at once (default: 1)", "N" },
    { "train", 0, 0, G_OPTION_ARG_NONE, &options->train, "Measure a training step (default: a forward pass)",
      NULL },
    { "recompute", 0, 0, G_OPTION_ARG_NONE, &options->recompute,
      "In training, compute values again instead of keeping them: less memory, more time", NULL },
    { "precision", 0, 0, G_OPTION_ARG_STRING, &args->precision,
      "f32, or bf16 where the processor has it (default: f32)", "NAME" },
    { "threads", 0, 0, G_OPTION_ARG_STRING, &args->threads,
      "Threads to use (default: as many as there are cores)", "N" },
    { "repeat", 0, 0, G_OPTION_ARG_STRING, &args->runs,
      "Runs to take the median of (default: at least 5, for at least 2 seconds)", "N" },
    { "profile", 0, 0, G_OPTION_ARG_NONE, &options->profile, "Tell the share of every kind of layer", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &args->as_json, "Print one JSON object (default: for people)", NULL },
    { "save", 0, 0, G_OPTION_ARG_FILENAME, &args->save,
      "Write the network with its random weights as a model, and measure nothing", "FOLDER" },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &args->output,
      "Also write the output of the last run, on a fixed input, as raw float32", "FILE" },
    G_OPTION_ENTRY_NULL,
  };
  g_autofree char *summary =
    g_strdup_printf ("Measures the speed of a network. NETWORK is one of %s, with random weights,\n"
                     "or a model with its own (default: cifar10-32).",
                     ddpm_bench_get_shapes ());

  return ddpm_options_parse (argc, argv, entries, "[NETWORK]", "[NETWORK]", summary, operands, error);
}

static gboolean
read_args (const BenchArgs *args, DdpmBenchOptions *options, GError **error)
{
  guint precision = DDPM_PRECISION_F32;

  if (!ddpm_option_get_uint ("--batch", args->batch, 1, 4096, &options->batch, error)
      || !ddpm_option_get_uint ("--threads", args->threads, 1, 1024, &options->n_threads, error)
      || !ddpm_option_get_uint ("--repeat", args->runs, 1, MAX_RUNS, &options->n_runs, error)
      || !ddpm_option_get_precision ("--precision", args->precision, &precision, error))
    return FALSE;
  options->precision = precision;
  if (!options->recompute || options->train)
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
               "--recompute is for training; give --train as well, or leave it out");
  return FALSE;
}

static gboolean
save (const char *network, const char *path, GError **error)
{
  g_autoptr (GFile) folder = g_file_new_for_path (path);
  g_autoptr (DdpmModel) model = NULL;
  DdpmUnetConfig config;

  if (!ddpm_bench_find_network (network, &config, &model, error) || !ddpm_bench_save (&config, folder, error))
    return FALSE;
  printf ("%s: the network of %s with random weights\n", path, network);
  return TRUE;
}

int
ddpm_command_bench (const char *program, int argc, char **argv, GError **error)
{
  g_auto (BenchArgs) args = { 0 };
  g_auto (GStrv) operands = NULL;
  g_auto (DdpmBench) bench = { 0 };
  DdpmBenchOptions options = { .batch = 1 };

  if (!parse_args (&args, &options, argc, argv, &operands, error) || !read_args (&args, &options, error))
    return 2;
  options.network = operands[0] != NULL ? operands[0] : "cifar10-32";
  if (args.save != NULL)
    return save (options.network, args.save, error) ? 0 : 1;
  if (!ddpm_bench_init (&bench, &options, error))
    return 1;
  g_autoptr (GArray) times_ms = ddpm_bench_measure (&bench);
  if (args.output != NULL)
    {
      g_autoptr (GFile) file = g_file_new_for_path (args.output);

      if (!ddpm_bench_write_output (&bench, file, error))
        return 1;
    }
  if (args.as_json)
    ddpm_bench_print_json (&bench, times_ms);
  else
    ddpm_bench_print_text (&bench, times_ms);
  return 0;
}
