/* ddpm bench: how long a forward pass or a training step takes here, on random weights. */
#include "ui/cli/cli.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "ui/cli/options.h"
#include "ui/cli/progress.h"

#define MIN_REPEATS 5
#define MIN_DURATION_US (2 * G_USEC_PER_SEC)
#define MAX_REPEATS 10000

/* The published networks that speed is compared on. */
typedef struct
{
  const char *name;
  guint size; /* pixels */
  guint n_levels;
  guint channels[DDPM_UNET_MAX_LEVELS];
  guint attention_level;
} NamedConfig;

static const NamedConfig named_configs[] = {
  { "cifar10-32", 32, 4, { 128, 256, 256, 256 }, 1 },              /* google/ddpm-cifar10-32 */
  { "celebahq-256", 256, 6, { 128, 128, 256, 256, 512, 512 }, 4 }, /* google/ddpm-celebahq-256 */
};

static void
fill_config (const NamedConfig *named, DdpmUnetConfig *config)
{
  ddpm_unet_config_init (config);
  config->sample_height = config->sample_width = named->size;
  config->in_channels = config->out_channels = 3;
  config->n_levels = named->n_levels;
  for (guint i = 0; i < named->n_levels; i++)
    {
      config->block_out_channels[i] = named->channels[i];
      config->down_block_types[i] = DDPM_BLOCK_PLAIN;
      config->up_block_types[i] = DDPM_BLOCK_PLAIN;
    }
  config->down_block_types[named->attention_level] = DDPM_BLOCK_ATTENTION;
  config->up_block_types[named->n_levels - 1 - named->attention_level] = DDPM_BLOCK_ATTENTION;
  config->layers_per_block = 2;
  config->downsample_padding = 0;
  config->flip_sin_to_cos = FALSE;
  config->freq_shift = 1;
  config->attention_head_dim = 0;
  config->norm_num_groups = 32;
  config->norm_eps = 1e-6;
}

/* The config of a name of our own, or of a model folder. */
static gboolean
find_config (const char *name, DdpmUnetConfig *config, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (named_configs); i++)
    if (strcmp (name, named_configs[i].name) == 0)
      {
        fill_config (&named_configs[i], config);
        return TRUE;
      }
  g_autoptr (GFile) folder = ddpm_model_find (name, NULL, error);
  if (folder == NULL)
    {
      g_prefix_error (error, "--config is neither cifar10-32 nor celebahq-256, and as a model: ");
      return FALSE;
    }
  g_autoptr (DdpmModel) model = ddpm_model_open_header (folder, error);
  if (model == NULL)
    return FALSE;
  *config = *ddpm_unet_get_config (model->unet);
  if (config->sample_height > 0 && config->sample_width > 0)
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, "the model \"%s\" does not say its size; choose another",
               name);
  return FALSE;
}

/* Everything one measured run needs. Slabs of a training step are NULL for a forward pass. */
typedef struct
{
  DdpmTeam *team;
  DdpmUnet *unet;
  DdpmUnetPass *pass;
  DdpmArena input; /* x, output and, training, the gradient of the output */
  DdpmArena slabs; /* weights; training: gradients, two moments, EMA */
  float *x, *output, *grad_output;
  float *weights, *grads, *first, *second, *ema;
  float *timesteps;
  guint32 *labels; /* NULL: the network has none */
  gsize n_weights, n_output;
  guint64 step;
} Bench;

static void
bench_clear (Bench *bench)
{
  g_clear_pointer (&bench->pass, ddpm_unet_pass_free);
  g_clear_pointer (&bench->unet, ddpm_unet_free);
  g_clear_pointer (&bench->team, ddpm_team_free);
  ddpm_arena_clear (&bench->input);
  ddpm_arena_clear (&bench->slabs);
  g_clear_pointer (&bench->timesteps, g_free);
  g_clear_pointer (&bench->labels, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Bench, bench_clear)

static gboolean
bench_init (Bench *bench, const DdpmUnetConfig *config, guint batch, guint n_threads, gboolean train,
            GError **error)
{
  gsize n_pixels = (gsize) batch * config->sample_height * config->sample_width;
  gsize n_input = n_pixels * config->in_channels;

  bench->team = ddpm_team_new (n_threads);
  bench->unet = ddpm_unet_new (config, error);
  if (bench->unet == NULL)
    return FALSE;
  bench->n_weights = ddpm_unet_get_n_weights (bench->unet);
  bench->n_output = n_pixels * config->out_channels;
  const DdpmPassOptions options = { batch, config->sample_height, config->sample_width,
                                    train ? DDPM_PASS_TRAINING : DDPM_PASS_INFERENCE };
  bench->pass = ddpm_unet_pass_new (bench->unet, bench->team, &options, error);
  if (bench->pass == NULL
      || !ddpm_arena_init (&bench->slabs, (train ? 5 : 1) * bench->n_weights * sizeof (float), error)
      || !ddpm_arena_init (&bench->input, (n_input + (train ? 2 : 1) * bench->n_output) * sizeof (float),
                           error))
    return FALSE;

  bench->x = bench->input.base;
  bench->output = bench->x + n_input;
  ddpm_rng_normal ((DdpmRngKey) { 0, DDPM_RNG_LATENT, 0, 0 }, bench->x, n_input);
  bench->timesteps = g_new (float, batch);
  for (guint i = 0; i < batch; i++)
    bench->timesteps[i] = (float) (i * 37 % 1000);
  if (config->class_embed != DDPM_CLASS_EMBED_NONE)
    bench->labels = g_new0 (guint32, batch);

  bench->weights = bench->slabs.base;
  ddpm_unet_init_weights (bench->unet, 0, bench->weights);
  ddpm_unet_pass_set_weights (bench->pass, bench->weights);
  if (!train)
    {
      ddpm_arena_clear (&bench->slabs); /* packed in the pass */
      bench->weights = NULL;
      return TRUE;
    }
  bench->grad_output = bench->output + bench->n_output;
  bench->grads = bench->weights + bench->n_weights;
  bench->first = bench->grads + bench->n_weights;
  bench->second = bench->first + bench->n_weights;
  bench->ema = bench->second + bench->n_weights;
  memcpy (bench->ema, bench->weights, bench->n_weights * sizeof (float));
  return TRUE;
}

/* A forward pass; training: a whole step as the trainer does it, of a loss that pulls the output to zero. */
static void
run_once (Bench *bench)
{
  const DdpmAdamwOptions adamw = { 0.9, 0.999, 1e-8, 0 };

  ddpm_unet_pass_forward (bench->pass, bench->x, bench->timesteps, bench->labels, bench->output);
  if (bench->grads == NULL)
    return;

  bench->step++;
  for (gsize i = 0; i < bench->n_output; i++)
    bench->grad_output[i] = 2 * bench->output[i] / bench->n_output;
  memset (bench->grads, 0, bench->n_weights * sizeof (float));
  ddpm_unet_pass_backward (bench->pass, bench->grad_output, bench->grads, NULL);
  double norm = ddpm_gradient_norm (bench->team, bench->grads, bench->n_weights);
  ddpm_adamw_update (bench->team, &adamw, bench->step, 2e-4, norm > 1 ? 1 / norm : 1, bench->weights,
                     bench->grads, bench->first, bench->second, bench->n_weights);
  ddpm_ema_update (bench->team, ddpm_ema_decay (0.9999, bench->step), bench->ema, bench->weights,
                   bench->n_weights);
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* Milliseconds of each run, sorted; repeats 0: at least five and at least two seconds. */
static GArray *
measure (Bench *bench, guint repeats)
{
  GArray *times_ms = g_array_new (FALSE, FALSE, sizeof (double));

  run_once (bench); /* memory is touched, threads are awake */
  gint64 begin_us = g_get_monotonic_time ();
  for (guint i = 0; repeats > 0 ? i < repeats : i < MAX_REPEATS; i++)
    {
      gint64 start_us = g_get_monotonic_time ();
      if (repeats == 0 && i >= MIN_REPEATS && start_us - begin_us >= MIN_DURATION_US)
        break;
      run_once (bench);
      double ms = (g_get_monotonic_time () - start_us) / 1e3;
      g_array_append_val (times_ms, ms);
    }
  g_array_sort (times_ms, compare_doubles);
  return times_ms;
}

static double
get_median (const GArray *sorted)
{
  return (g_array_index (sorted, double, (sorted->len - 1) / 2)
          + g_array_index (sorted, double, sorted->len / 2))
         / 2;
}

/* What was measured, and of what. */
typedef struct
{
  const char *name;
  gboolean train;
  guint batch, n_threads, n_runs;
  gsize n_parameters;
  double flop; /* of a run */
  double median_ms, best_ms, gflops, peak_bytes;
} Result;

static Result
get_result (const Bench *bench, const char *name, guint batch, const GArray *times_ms)
{
  const DdpmUnetConfig *config = ddpm_unet_get_config (bench->unet);
  gboolean train = bench->grads != NULL;
  Result result = {
    name, train, batch, ddpm_team_get_n_threads (bench->team), times_ms->len, bench->n_weights
  };
  struct rusage usage;

  result.flop =
    ddpm_unet_get_flop (bench->unet, config->sample_height, config->sample_width) * batch * (train ? 3 : 1);
  result.median_ms = get_median (times_ms);
  result.best_ms = g_array_index (times_ms, double, 0);
  result.gflops = result.flop / (MAX (result.median_ms, 1e-3) * 1e6);
  getrusage (RUSAGE_SELF, &usage);
  result.peak_bytes = usage.ru_maxrss * 1024.0;
  return result;
}

static void
print_text (const Result *result)
{
  g_autofree char *peak = ddpm_format_bytes (result->peak_bytes);

  printf (
    "%s, %s, batch %u, %u thread%s: median %.2f ms, best %.2f ms of %u runs, %.1f GFLOP/s, peak memory %s\n",
    result->name, result->train ? "training step" : "forward pass", result->batch, result->n_threads,
    result->n_threads == 1 ? "" : "s", result->median_ms, result->best_ms, result->n_runs, result->gflops,
    peak);
}

static void
print_json (const Result *result)
{
  const struct
  {
    const char *key;
    double value;
  } reals[] = { { "median_ms", result->median_ms },
                { "best_ms", result->best_ms },
                { "gflops", result->gflops } };
  const struct
  {
    const char *key;
    gint64 value;
  } counts[] = {
    { "peak_memory_bytes", (gint64) result->peak_bytes },
    { "parameters", (gint64) result->n_parameters },
    { "batch", result->batch },
    { "threads", result->n_threads },
    { "flop", (gint64) result->flop },
    { "runs", result->n_runs },
  };
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autofree char *name = g_filename_display_name (result->name);

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "config");
  json_builder_add_string_value (builder, name);
  json_builder_set_member_name (builder, "train");
  json_builder_add_boolean_value (builder, result->train);
  for (guint i = 0; i < G_N_ELEMENTS (reals); i++)
    {
      json_builder_set_member_name (builder, reals[i].key);
      json_builder_add_double_value (builder, reals[i].value);
    }
  for (guint i = 0; i < G_N_ELEMENTS (counts); i++)
    {
      json_builder_set_member_name (builder, counts[i].key);
      json_builder_add_int_value (builder, counts[i].value);
    }
  json_builder_end_object (builder);
  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  g_autofree char *text = json_to_string (root, TRUE);
  printf ("%s\n", text);
}

int
ddpm_command_bench (const char *program, int argc, char **argv, GError **error)
{
  g_autofree char *name = NULL, *batch_text = NULL, *threads_text = NULL, *repeats_text = NULL;
  gboolean train = FALSE, as_json = FALSE;
  guint batch = 1, n_threads = 0, repeats = 0;
  g_auto (GStrv) operands = NULL;
  g_auto (Bench) bench = { 0 };
  DdpmUnetConfig config;
  const GOptionEntry entries[] = {
    { "config", 0, 0, G_OPTION_ARG_FILENAME, &name,
      "Network: cifar10-32 or celebahq-256 (the shapes of google/ddpm-*), or a model (default: cifar10-32)",
      "NAME" },
    { "batch", 0, 0, G_OPTION_ARG_STRING, &batch_text, "Pictures at once (default: 1)", "N" },
    { "train", 0, 0, G_OPTION_ARG_NONE, &train, "Measure a training step (default: a forward pass)", NULL },
    { "threads", 0, 0, G_OPTION_ARG_STRING, &threads_text,
      "Threads to use (default: as many as there are cores)", "N" },
    { "repeat", 0, 0, G_OPTION_ARG_STRING, &repeats_text,
      "Runs to take the median of (default: at least 5, for at least 2 seconds)", "N" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &as_json, "Print one JSON object (default: a line for people)", NULL },
    G_OPTION_ENTRY_NULL,
  };

  if (!ddpm_options_parse (argc, argv, entries, "", NULL,
                           "Measures the speed of a network with random weights.", &operands, error)
      || !ddpm_option_get_uint ("--batch", batch_text, 1, 4096, &batch, error)
      || !ddpm_option_get_uint ("--threads", threads_text, 1, 1024, &n_threads, error)
      || !ddpm_option_get_uint ("--repeat", repeats_text, 1, MAX_REPEATS, &repeats, error))
    return 2;
  if (name == NULL)
    name = g_strdup ("cifar10-32");
  if (!find_config (name, &config, error) || !bench_init (&bench, &config, batch, n_threads, train, error))
    return 1;
  g_autoptr (GArray) times_ms = measure (&bench, repeats);
  Result result = get_result (&bench, name, batch, times_ms);
  if (as_json)
    print_json (&result);
  else
    print_text (&result);
  return 0;
}
