/* What was measured, for people or, as JSON, for programs. */
#include <stdio.h>

#include "ui/cli/bench.h"
#include "ui/cli/json.h"
#include "ui/cli/progress.h"

typedef struct
{
  double median_ms, min_ms, max_ms, mean_ms;
  double flop; /* of a run */
  double gflop_s;
  guint64 peak_bytes;
} Figures;

static Figures
get_figures (const DdpmBench *bench, const GArray *times_ms)
{
  const DdpmUnetConfig *config = ddpm_unet_get_config (bench->unet);
  const double *times = (const double *) (gconstpointer) times_ms->data;
  const guint n = times_ms->len;
  Figures figures = { .min_ms = times[0], .max_ms = times[n - 1] };

  figures.median_ms = (times[(n - 1) / 2] + times[n / 2]) / 2;
  for (guint i = 0; i < n; i++)
    figures.mean_ms += times[i] / n;
  figures.flop = ddpm_unet_get_flop (bench->unet, config->sample_height, config->sample_width)
                 * bench->options->batch * (bench->options->train ? 3 : 1);
  figures.gflop_s = figures.flop / (MAX (figures.median_ms, 1e-3) * 1e6);
  figures.peak_bytes = ddpm_memory_get_peak_bytes ();
  return figures;
}

static const char *
name_precision (const DdpmBench *bench)
{
  return bench->options->precision == DDPM_PRECISION_BF16 ? "bf16" : "f32";
}

/* The profile, in milliseconds of one run; *rest_ms: what lies outside the layers. Caller frees. */
static DdpmLayerTimes *
get_profile (const DdpmBench *bench, const Figures *figures, guint n_runs, guint *n_kinds, double *rest_ms)
{
  DdpmLayerTimes *kinds = ddpm_unet_pass_get_profile (bench->pass, n_kinds);

  *rest_ms = figures->mean_ms;
  for (guint i = 0; i < *n_kinds; i++)
    {
      kinds[i].forward_ms /= n_runs;
      kinds[i].backward_ms /= n_runs;
      kinds[i].transform_ms /= n_runs;
      kinds[i].multiply_ms /= n_runs;
      *rest_ms -= kinds[i].forward_ms + kinds[i].backward_ms;
    }
  return kinds;
}

static double
get_kind_gflop_s (const DdpmBench *bench, const DdpmLayerTimes *kind)
{
  return kind->flop * (bench->options->train ? 3 : 1)
         / (MAX (kind->forward_ms + kind->backward_ms, 1e-6) * 1e6);
}

/* 0 as blanks. */
static void
print_ms (double ms)
{
  if (ms > 0)
    printf (" %12.3f", ms);
  else
    printf (" %12s", "");
}

static void
print_profile (const DdpmBench *bench, const Figures *figures, guint n_runs)
{
  guint n_kinds;
  double rest_ms;
  g_autofree DdpmLayerTimes *kinds = get_profile (bench, figures, n_runs, &n_kinds, &rest_ms);

  printf ("\n%-26s %6s %7s %9s %12s %12s %12s %12s\n", "milliseconds of a run", "layers", "share", "GFLOP/s",
          "forward", "backward", "transform", "multiply");
  for (guint i = 0; i < n_kinds; i++)
    {
      const DdpmLayerTimes *kind = &kinds[i];

      printf ("%-26s %6u %5.1f %%", kind->kind, kind->n_layers,
              100 * (kind->forward_ms + kind->backward_ms) / figures->mean_ms);
      if (kind->flop > 0)
        printf (" %9.1f", get_kind_gflop_s (bench, kind));
      else
        printf (" %9s", "");
      print_ms (kind->forward_ms);
      print_ms (kind->backward_ms);
      print_ms (kind->transform_ms);
      print_ms (kind->multiply_ms);
      printf ("\n");
    }
  printf ("%-26s %6s %5.1f %% %9s %12.3f\n", bench->options->train ? "optimiser and the rest" : "the rest",
          "", 100 * rest_ms / figures->mean_ms, "", rest_ms);
}

void
ddpm_bench_print_text (const DdpmBench *bench, const GArray *times_ms)
{
  const DdpmBenchOptions *options = bench->options;
  const Figures figures = get_figures (bench, times_ms);
  const guint n_threads = ddpm_team_get_n_threads (bench->team);
  g_autofree char *peak = ddpm_format_bytes (figures.peak_bytes);
  g_autofree char *predicted = ddpm_format_bytes (bench->predicted_bytes);

  printf (
    "%s, %s%s, batch %u, %u thread%s, %s on %s: median %.2f ms (%.2f to %.2f, %u run%s), %.1f GFLOP/s\n",
    options->network, options->train ? "training step" : "forward pass",
    options->recompute ? " with recomputation" : "", options->batch, n_threads, n_threads == 1 ? "" : "s",
    name_precision (bench), ddpm_kernels_get ()->name, figures.median_ms, figures.min_ms, figures.max_ms,
    times_ms->len, times_ms->len == 1 ? "" : "s", figures.gflop_s);
  printf ("peak memory %s, predicted %s", peak, predicted);
  if (bench->model != NULL)
    printf ("; %.0f ms from opening the model to the first step", bench->start_ms);
  printf ("\n");
  if (options->profile)
    print_profile (bench, &figures, times_ms->len);
}

static void
add_text (JsonBuilder *builder, const char *key, const char *value)
{
  g_autofree char *text = g_filename_display_name (value);

  json_builder_set_member_name (builder, key);
  json_builder_add_string_value (builder, text);
}

static void
add_profile (JsonBuilder *builder, const DdpmBench *bench, const Figures *figures, guint n_runs)
{
  guint n_kinds;
  double rest_ms;
  g_autofree DdpmLayerTimes *kinds = get_profile (bench, figures, n_runs, &n_kinds, &rest_ms);

  json_builder_set_member_name (builder, "profile");
  json_builder_begin_array (builder);
  for (guint i = 0; i < n_kinds; i++)
    {
      json_builder_begin_object (builder);
      add_text (builder, "kind", kinds[i].kind);
      ddpm_json_add_int (builder, "layers", kinds[i].n_layers);
      ddpm_json_add_double (builder, "forward_ms", kinds[i].forward_ms);
      ddpm_json_add_double (builder, "backward_ms", kinds[i].backward_ms);
      ddpm_json_add_double (builder, "transform_ms", kinds[i].transform_ms);
      ddpm_json_add_double (builder, "multiply_ms", kinds[i].multiply_ms);
      ddpm_json_add_double (builder, "share",
                            (kinds[i].forward_ms + kinds[i].backward_ms) / figures->mean_ms);
      ddpm_json_add_double (builder, "gflop_s", get_kind_gflop_s (bench, &kinds[i]));
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  ddpm_json_add_double (builder, "outside_layers_ms", rest_ms);
}

void
ddpm_bench_print_json (const DdpmBench *bench, const GArray *times_ms)
{
  const DdpmBenchOptions *options = bench->options;
  const Figures figures = get_figures (bench, times_ms);
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  add_text (builder, "config", options->network);
  ddpm_json_add_int (builder, "batch", options->batch);
  ddpm_json_add_int (builder, "threads", ddpm_team_get_n_threads (bench->team));
  add_text (builder, "precision", name_precision (bench));
  ddpm_json_add_boolean (builder, "train", options->train);
  ddpm_json_add_boolean (builder, "recompute", options->recompute);
  add_text (builder, "cpu", ddpm_kernels_get ()->name);
  ddpm_json_add_int (builder, "runs", times_ms->len);
  ddpm_json_add_double (builder, "median_ms", figures.median_ms);
  ddpm_json_add_double (builder, "min_ms", figures.min_ms);
  ddpm_json_add_double (builder, "max_ms", figures.max_ms);
  ddpm_json_add_double (builder, "gflop_s", figures.gflop_s);
  ddpm_json_add_int (builder, "flop", (guint64) figures.flop);
  ddpm_json_add_int (builder, "parameters", bench->n_weights);
  ddpm_json_add_int (builder, "peak_bytes", figures.peak_bytes);
  ddpm_json_add_int (builder, "predicted_bytes", bench->predicted_bytes);
  if (bench->model != NULL)
    ddpm_json_add_double (builder, "start_ms", bench->start_ms);
  if (options->profile)
    add_profile (builder, bench, &figures, times_ms->len);
  json_builder_end_object (builder);
  ddpm_json_print (builder);
}
