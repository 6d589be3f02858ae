/* The work that is measured: a forward pass, or a whole step of training as the trainer does it. */
#include <math.h>
#include <string.h>

#include "ui/cli/bench.h"

#define MIN_RUNS 5
#define MAX_RUNS 10000
#define MIN_DURATION_US (2 * G_USEC_PER_SEC)

#define N_SLABS 5 /* of training */

void
ddpm_bench_clear (DdpmBench *bench)
{
  g_clear_pointer (&bench->pass, ddpm_unet_pass_free);
  g_clear_pointer (&bench->unet, ddpm_unet_free);
  g_clear_pointer (&bench->model, ddpm_model_free);
  g_clear_pointer (&bench->team, ddpm_team_free);
  ddpm_arena_clear (&bench->tensors);
  ddpm_arena_clear (&bench->slabs);
  g_clear_pointer (&bench->timesteps, g_free);
  g_clear_pointer (&bench->labels, g_free);
}

static gboolean
init_tensors (DdpmBench *bench, const DdpmUnetConfig *config, GError **error)
{
  const guint batch = bench->options->batch;
  const gsize n_pixels = (gsize) batch * config->sample_height * config->sample_width;
  const gsize n_input = n_pixels * config->in_channels;

  bench->n_output = n_pixels * config->out_channels;
  if (!ddpm_arena_init (&bench->tensors, (n_input + 2 * bench->n_output) * sizeof (float), error))
    return FALSE;
  bench->x = bench->tensors.base;
  bench->output = bench->x + n_input;
  bench->grad_output = bench->output + bench->n_output;
  for (gsize i = 0; i < n_input; i++)
    bench->x[i] = (float) (1.5 * sin (0.37 * i));
  bench->timesteps = g_new (float, batch);
  for (guint b = 0; b < batch; b++)
    bench->timesteps[b] = (float) ((b * 37 + 500) % 1000);
  if (config->class_embed != DDPM_CLASS_EMBED_NONE)
    bench->labels = g_new0 (guint32, batch);
  return TRUE;
}

static gboolean
init_training (DdpmBench *bench, GError **error)
{
  const gsize n = bench->n_weights;

  if (!ddpm_arena_init (&bench->slabs, N_SLABS * n * sizeof (float), error))
    return FALSE;
  bench->weights = bench->slabs.base;
  bench->grads = bench->weights + n;
  bench->first = bench->grads + n;
  bench->second = bench->first + n;
  bench->ema = bench->second + n;
  if (bench->model == NULL)
    ddpm_bench_fill_weights (bench->unet, bench->weights);
  else if (!ddpm_model_read_weights (bench->model, bench->weights, error))
    return FALSE;
  memcpy (bench->ema, bench->weights, n * sizeof (float));
  ddpm_unet_pass_set_weights (bench->pass, bench->weights);
  return TRUE;
}

static gboolean
init_inference (DdpmBench *bench, GError **error)
{
  return bench->model != NULL
           ? ddpm_model_pack_weights (bench->model, bench->pass, bench->team, error)
           : ddpm_unet_pass_pack_weights (bench->pass, ddpm_bench_fill_param, bench->unet, error);
}

gboolean
ddpm_bench_init (DdpmBench *bench, const DdpmBenchOptions *options, GError **error)
{
  const guint64 used_bytes = ddpm_memory_get_used_bytes ();
  const gint64 start_us = g_get_monotonic_time ();
  DdpmUnetConfig config;
  DdpmPassOptions pass = { .batch = options->batch,
                           .mode = options->train ? DDPM_PASS_TRAINING : DDPM_PASS_INFERENCE,
                           .precision = options->precision,
                           .recompute = options->recompute };

  *bench = (DdpmBench) { .options = options };
  if (!ddpm_bench_find_network (options->network, &config, &bench->model, error))
    return FALSE;
  pass.height = config.sample_height;
  pass.width = config.sample_width;
  bench->team = ddpm_team_new (options->n_threads);
  bench->unet = ddpm_unet_new (&config, error);
  if (bench->unet == NULL)
    return FALSE;
  bench->n_weights = ddpm_unet_get_n_weights (bench->unet);
  bench->pass = ddpm_unet_pass_new (bench->unet, bench->team, &pass, error);
  if (bench->pass == NULL || !(options->train ? init_training (bench, error) : init_inference (bench, error)))
    return FALSE;
  bench->start_ms = (g_get_monotonic_time () - start_us) / 1e3;
  if (!init_tensors (bench, &config, error))
    return FALSE;
  bench->predicted_bytes =
    used_bytes + ddpm_unet_pass_get_bytes (bench->pass) + bench->slabs.size_bytes + bench->tensors.size_bytes;
  return TRUE;
}

static void
run_forward (DdpmBench *bench)
{
  ddpm_unet_pass_forward (bench->pass, bench->x, bench->timesteps, bench->labels, bench->output);
}

/* Of a loss that pulls the output to zero. */
static void
train_once (DdpmBench *bench)
{
  const DdpmAdamwOptions adamw = { 0.9, 0.999, 1e-8, 0 };

  bench->step++;
  run_forward (bench);
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

static void
run_once (DdpmBench *bench)
{
  if (bench->options->train)
    train_once (bench);
  else
    run_forward (bench);
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

GArray *
ddpm_bench_measure (DdpmBench *bench)
{
  const guint n_runs = bench->options->n_runs;
  GArray *times_ms = g_array_new (FALSE, FALSE, sizeof (double));

  run_once (bench); /* memory is touched, threads are awake */
  if (bench->options->profile)
    ddpm_unet_pass_begin_profile (bench->pass);
  gint64 begin_us = g_get_monotonic_time ();
  for (guint i = 0; n_runs > 0 ? i < n_runs : i < MAX_RUNS; i++)
    {
      gint64 start_us = g_get_monotonic_time ();
      if (n_runs == 0 && i >= MIN_RUNS && start_us - begin_us >= MIN_DURATION_US)
        break;
      run_once (bench);
      double ms = (g_get_monotonic_time () - start_us) / 1e3;
      g_array_append_val (times_ms, ms);
    }
  g_array_sort (times_ms, compare_doubles);
  return times_ms;
}

gboolean
ddpm_bench_write_output (DdpmBench *bench, GFile *file, GError **error)
{
  g_autofree guint32 *bits = g_new (guint32, bench->n_output);

  memcpy (bits, bench->output, bench->n_output * sizeof (float));
  for (gsize i = 0; i < bench->n_output; i++)
    bits[i] = GUINT32_TO_LE (bits[i]);
  return ddpm_atomic_file_replace (file, bits, bench->n_output * sizeof (float), error);
}
