/* Ancestral sampling: Ho et al. 2020, algorithm 2, with the posterior taken over the gap between the
 * timesteps that are visited. Scalars are float on purpose: 1 - a / b of nearby alphas loses digits, and
 * published models are sampled with the digits that diffusers is left with. */
#include "core/diffusion/samplers/sampler-private.h"

#include <math.h>

#define MIN_VARIANCE 1e-20f

/* By the value of t, as diffusers does: a list that does not end in 0 gets noise in its last step too. */
static gboolean
needs_noise (const DdpmSampler *sampler, guint step)
{
  return sampler->timesteps[step] > 0;
}

/* How far noise moves x, in a step whose posterior has `variance`, between beta and that where the network
 * says so (Nichol and Dhariwal 2021, equation 15). */
typedef struct
{
  DdpmVariance type;
  float fixed; /* 0: no noise */
  float log_variance, log_beta;
} Sigma;

static Sigma
get_sigma (const DdpmSampler *sampler, guint step, float variance, float beta)
{
  const DdpmVariance type = sampler->config.variance_type;
  const gboolean large = type == DDPM_VARIANCE_FIXED_LARGE || type == DDPM_VARIANCE_FIXED_LARGE_LOG;

  if (!needs_noise (sampler, step))
    return (Sigma) { .fixed = 0 };
  /* The logarithmic types only say the same in other words. */
  return (Sigma) { .type = type,
                   .fixed = sqrtf (large ? beta : variance),
                   .log_variance = logf (variance),
                   .log_beta = logf (beta) };
}

static inline float
read_sigma (const Sigma *sigma, const float *variance, gsize i)
{
  const float share = sigma->type == DDPM_VARIANCE_LEARNED_RANGE ? (variance[i] + 1.0f) / 2.0f : 0;

  if (sigma->type == DDPM_VARIANCE_LEARNED_RANGE)
    return expf (0.5f * (share * sigma->log_beta + (1.0f - share) * sigma->log_variance));
  return sigma->type == DDPM_VARIANCE_LEARNED ? sqrtf (variance[i]) : sigma->fixed;
}

static void
step_ddpm (const DdpmSampler *sampler, guint step, guint n_past, const DdpmSamplerPiece *piece)
{
  const float here = ddpm_sampler_get_alpha_bar (sampler, step);
  const float next = step + 1 < sampler->n_timesteps ? ddpm_sampler_get_alpha_bar (sampler, step + 1) : 1.0f;
  const float alpha = here / next, beta = 1.0f - alpha;
  const float coef_x0 = sqrtf (next) * beta / (1.0f - here);
  const float coef_xt = sqrtf (alpha) * (1.0f - next) / (1.0f - here);
  const DdpmPredictionReader reader = ddpm_prediction_reader_new (sampler, step, piece->threshold);
  const Sigma sigma =
    get_sigma (sampler, step, MAX ((1.0f - next) / (1.0f - here) * beta, MIN_VARIANCE), beta);
  float *x = piece->x;

  for (gsize i = 0; i < piece->n; i++)
    {
      const float estimate = ddpm_prediction_read_x0 (&reader, piece->output[i], x[i]);

      x[i] = coef_x0 * estimate + coef_xt * x[i];
      if (sigma.fixed > 0)
        x[i] += read_sigma (&sigma, piece->variance, i) * piece->noise[i];
      if (piece->x0 != NULL)
        piece->x0[i] = estimate;
    }
}

const DdpmSamplerClass ddpm_sampler_class_ddpm = {
  .kind = DDPM_SAMPLER_DDPM,
  .name = "ddpm",
  .description = N_ ("the algorithm of the paper, with fresh noise in every step; good from 50 steps on"),
  .stepping = DDPM_STEPPING_INTEGERS,
  .clips = TRUE,
  .thresholds = TRUE,
  .needs_noise = needs_noise,
  .step = step_ddpm,
};
