/* The reverse process: one step of a sampler at a time. Each sampler is a file of its own
 * (sampler-ddpm.c, sampler-ddim.c) behind one table of functions. */
#pragma once

#include "core/diffusion/schedule.h"

G_BEGIN_DECLS

typedef struct _DdpmSampler DdpmSampler;

typedef enum
{
  DDPM_SAMPLER_DDPM, /* Ho et al. 2020, algorithm 2 */
  DDPM_SAMPLER_DDIM  /* Song et al. 2021, "Denoising diffusion implicit models", equation 12 */
} DdpmSamplerKind;

typedef struct
{
  DdpmSamplerKind kind;
  guint n_steps;                     /* 1 … T; 0 where timesteps are given */
  double eta;                        /* DDIM: 0 deterministic … 1 */
  gboolean use_clipped_model_output; /* DDIM */
  const guint *timesteps;            /* own descending list, n_timesteps of them; NULL: by spacing */
  guint n_timesteps;
} DdpmSamplerOptions;

/* Errors: DDPM_ERROR_USAGE (no steps, more than T, eta outside 0 … 1, a list that does not descend),
 * DDPM_ERROR_UNSUPPORTED (thresholding). Options and config are copied. */
DdpmSampler *ddpm_sampler_new (const DdpmSamplerOptions *options, const DdpmSchedulerConfig *config,
                               GError **error);
void ddpm_sampler_free (DdpmSampler *sampler);

/* NULL-terminated list of names a user may give ("ddpm", "ddim"), and the kind of one of them, FALSE if
 * unknown. */
const char *const *ddpm_sampler_get_names (void);
gboolean ddpm_sampler_kind_from_name (const char *name, DdpmSamplerKind *kind);
const char *ddpm_sampler_kind_get_name (DdpmSamplerKind kind);

const DdpmSchedule *ddpm_sampler_get_schedule (const DdpmSampler *sampler);

/* Timesteps in the order they are visited, descending. */
const guint *ddpm_sampler_get_timesteps (const DdpmSampler *sampler, guint *n_timesteps);

/* The first step of the run whose timestep is <= t: where the denoising of x_t begins; n_timesteps if none.
 */
guint ddpm_sampler_find_step (const DdpmSampler *sampler, guint t);

/* Whether step number `step` uses the noise given to it. */
gboolean ddpm_sampler_step_needs_noise (const DdpmSampler *sampler, guint step);

/* x[n] at timesteps[step] becomes x at the next one. model_output[n] is what the network said (epsilon, x0, v
 * or mu), variance[n] what it said of the variance, NULL where that is not learned; noise[n] standard normal,
 * may be NULL where not needed. x0[n], or NULL: the current estimate of x_0 (clipped as the config says), for
 * previews. No value depends on another: parts of a picture may be taken by several threads. */
void ddpm_sampler_step (const DdpmSampler *sampler, guint step, const float *model_output,
                        const float *variance, const float *noise, float *x, float *x0, gsize n);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmSampler, ddpm_sampler_free)

G_END_DECLS
