/* What the files of `ddpm bench` share: which network is measured (bench-network.c), the work that is
 * measured (bench-work.c), and how it is told (bench-report.c). */
#pragma once

#include "core/ddpm.h"

G_BEGIN_DECLS

typedef struct
{
  const char *network;            /* a shape's name, or a model */
  guint batch, n_threads, n_runs; /* n_runs 0: by time */
  DdpmPrecision precision;
  gboolean train, recompute, profile;
} DdpmBenchOptions;

/* --- bench-network.c --- */

/* The shapes' names, with commas between them; static. */
const char *ddpm_bench_get_shapes (void);

/* A shape by name, *model then being NULL, or a model, opened without its weights. Errors: DDPM_ERROR_USAGE,
 * and those of ddpm_model_find and ddpm_model_open_header. */
gboolean ddpm_bench_find_network (const char *name, DdpmUnetConfig *config, DdpmModel **model,
                                  GError **error);

/* Random weights, the same every time and none of them the 0 or 1 that networks begin with: a DdpmWeightsFunc
 * for a parameter of `unet`, a DdpmUnet; and all of a slab. */
const float *ddpm_bench_fill_param (const DdpmParam *param, float *values, gpointer unet);
void ddpm_bench_fill_weights (DdpmUnet *unet, float *weights);

/* Writes the random network as a model folder. Errors: DDPM_ERROR_FILE, DDPM_ERROR_MEMORY. */
gboolean ddpm_bench_save (const DdpmUnetConfig *config, GFile *folder, GError **error);

/* --- bench-work.c --- */

/* Everything that a measured run needs. What only training needs is NULL in a forward pass. */
typedef struct
{
  const DdpmBenchOptions *options;
  DdpmModel *model; /* or NULL: random weights */
  DdpmTeam *team;
  DdpmUnet *unet;
  DdpmUnetPass *pass;
  DdpmArena slabs;   /* training: weights, gradients, two moments, EMA */
  DdpmArena tensors; /* x, output; training: the gradient of the output */
  float *x, *output, *grad_output;
  float *weights, *grads, *first, *second, *ema;
  float *timesteps;
  guint32 *labels; /* or NULL */
  gsize n_weights, n_output;
  guint64 step;
  double start_ms;         /* a model's: from opening its folder until the first step can begin */
  guint64 predicted_bytes; /* of memory */
} DdpmBench;

/* Errors: those of ddpm_bench_find_network, ddpm_unet_new, ddpm_unet_pass_new. */
gboolean ddpm_bench_init (DdpmBench *bench, const DdpmBenchOptions *options, GError **error);
void ddpm_bench_clear (DdpmBench *bench);

/* Milliseconds of each run, sorted. Input, the same for every program that is to be compared: x[i] = 1.5 sin
 * (0.37 i), picture b at timestep (37 b + 500) % 1000. */
GArray *ddpm_bench_measure (DdpmBench *bench);

/* Writes the output of the last run, [batch][channels][height][width] little-endian float32. Errors:
 * DDPM_ERROR_FILE. */
gboolean ddpm_bench_write_output (DdpmBench *bench, GFile *file, GError **error);

/* --- bench-report.c --- */

void ddpm_bench_print_text (const DdpmBench *bench, const GArray *times_ms);
void ddpm_bench_print_json (const DdpmBench *bench, const GArray *times_ms);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmBench, ddpm_bench_clear)

G_END_DECLS
