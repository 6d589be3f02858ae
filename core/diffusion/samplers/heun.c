/* Heun's method along the probability flow, in sigma: Karras et al. 2022, algorithm 1. A step is two
 * evaluations, the first as Euler's, the second at the point that led to; the last step is Euler's alone. */
#include "core/diffusion/samplers/sampler-private.h"

/* The planes. */
enum
{
  PLANE_X,
  PLANE_EPSILON,
  N_PLANES
};

/* Between the timesteps of a cosine schedule lie sigmas that differ a hundredfold, over which no slope is the
 * mean of both ends. */
static void
adapt (DdpmSchedulerConfig *config)
{
  config->clip_sample = FALSE;
  config->sigmas = DDPM_SIGMAS_KARRAS;
}

static gboolean
is_second_half (guint step)
{
  return step % 2 == 1;
}

/* All but the first timestep stand twice: as the end of a step and as the beginning of the next. */
static void
arrange (DdpmSampler *sampler)
{
  const guint n = sampler->n_timesteps, n_evaluations = 2 * n - 1;
  float *timesteps = g_new (float, n_evaluations);
  double *sigmas = g_new (double, n_evaluations + 1);

  for (guint k = 0; k < n_evaluations; k++)
    {
      timesteps[k] = sampler->timesteps[(k + 1) / 2];
      sigmas[k] = sampler->sigmas[(k + 1) / 2];
    }
  sigmas[n_evaluations] = sampler->sigmas[n];
  g_free (sampler->timesteps);
  g_free (sampler->sigmas);
  sampler->timesteps = timesteps;
  sampler->sigmas = sigmas;
  sampler->n_timesteps = n_evaluations;
}

static gboolean
prepare (DdpmSampler *sampler, GError **error)
{
  sampler->n_states = N_PLANES;
  sampler->order = 2;
  return TRUE;
}

static gboolean
can_begin (const DdpmSampler *sampler, guint step)
{
  return !is_second_half (step);
}

static void
step_heun (const DdpmSampler *sampler, guint step, guint n_past, const DdpmSamplerPiece *piece)
{
  const guint first = is_second_half (step) ? step - 1 : step;
  const DdpmPredictionReader reader = ddpm_prediction_reader_new (sampler, step, piece->threshold);
  const gboolean clipped = isfinite (reader.limit);
  float *old_x = piece->state + PLANE_X * piece->plane_size;
  float *old_epsilon = piece->state + PLANE_EPSILON * piece->plane_size;
  double exact_x, exact_epsilon;
  float coef_x, coef_epsilon;

  ddpm_level_get_transfer (sampler->levels[first], sampler->leads_to[first], &exact_x, &exact_epsilon);
  coef_x = (float) exact_x;
  coef_epsilon = (float) exact_epsilon;
  for (gsize i = 0; i < piece->n; i++)
    {
      const float x = piece->x[i];
      const float x0 = ddpm_prediction_read_x0 (&reader, piece->output[i], x);
      const float epsilon = clipped ? (x - reader.level.signal * x0) / reader.level.spread
                                    : ddpm_prediction_read_epsilon (&reader, piece->output[i], x);

      if (is_second_half (step))
        piece->x[i] = coef_x * old_x[i] + coef_epsilon * (old_epsilon[i] + epsilon) / 2;
      else
        {
          old_x[i] = x;
          old_epsilon[i] = epsilon;
          piece->x[i] = coef_x * x + coef_epsilon * epsilon;
        }
      if (piece->x0 != NULL)
        piece->x0[i] = x0;
    }
}

const DdpmSamplerClass ddpm_sampler_class_heun = {
  .kind = DDPM_SAMPLER_HEUN,
  .name = "heun",
  .description = N_ ("two looks at the picture in every step, in twice the time; good from 10 steps on"),
  .stepping = DDPM_STEPPING_FRACTIONS,
  .clips = TRUE,
  .adapt = adapt,
  .arrange = arrange,
  .prepare = prepare,
  .can_begin = can_begin,
  .step = step_heun,
};
