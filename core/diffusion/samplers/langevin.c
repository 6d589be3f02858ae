/* Annealed Langevin dynamics with the score that a network of epsilon is (Song and Ermon 2019, "Generative
 * modeling by estimating gradients of the data distribution", algorithm 1; Ho et al. 2020, section 3.2).
 *
 * In y = x / signal, which is x_0 with noise of deviation sigma = spread / signal, the score of the noisy
 * pictures' density is -epsilon / sigma. A step of size alpha = step_size sigma^2 is
 *
 *   y += alpha / 2 score + sqrt (alpha) z = -step_size / 2 sigma epsilon + sqrt (step_size) sigma z,
 *
 * and the same with spread for sigma in x, which is what the network sees. From a level to the next, y stays
 * as it is. sigma falls by the same factor from each level to the next, from the schedule's largest to its
 * smallest. */
#include "core/base/error.h"
#include "core/diffusion/samplers/sampler-private.h"

#define MOST_STEPS 10000000

static gboolean
check (const DdpmSamplerOptions *options, GError **error)
{
  const guint n_repeats = options->langevin.n_repeats;
  const double step_size = options->langevin.step_size;

  if (n_repeats < 1 || n_repeats > 10000)
    return ddpm_refuse (error, DDPM_ERROR_USAGE,
                        "Langevin dynamics take 1 to 10000 steps at a noise level, not %u.", n_repeats);
  if ((guint64) options->n_steps * n_repeats > MOST_STEPS)
    return ddpm_refuse (error, DDPM_ERROR_USAGE,
                        "%u noise levels with %u steps at each are more than %d steps together; take fewer.",
                        options->n_steps, n_repeats, MOST_STEPS);
  return (step_size > 0 && step_size < 4)
         || ddpm_refuse (error, DDPM_ERROR_USAGE,
                         "The step size of Langevin dynamics is %g; it must be above 0, and below 4, where "
                         "they run away.",
                         step_size);
}

static void
adapt (DdpmSchedulerConfig *config)
{
  config->sigmas = DDPM_SIGMAS_EXPONENTIAL;
  config->timestep_spacing = DDPM_SPACING_LINSPACE;
  config->final_sigma_min = FALSE;
}

static gboolean
is_denoising (const DdpmSampler *sampler, guint step)
{
  return sampler->langevin.denoises && step + 1 == sampler->n_timesteps;
}

/* Each level stands as often as steps are taken at it. */
static void
arrange (DdpmSampler *sampler)
{
  const guint n_levels = sampler->n_timesteps, n_repeats = sampler->langevin.n_repeats;
  const guint n = n_levels * n_repeats + (sampler->langevin.denoises ? 1 : 0);
  float *timesteps = g_new (float, n);
  double *sigmas = g_new (double, n + 1);

  for (guint step = 0; step < n; step++)
    {
      const guint level = MIN (step / n_repeats, n_levels - 1);

      timesteps[step] = sampler->timesteps[level];
      sigmas[step] = sampler->sigmas[level];
    }
  sigmas[n] = sampler->sigmas[n_levels];
  g_free (sampler->timesteps);
  g_free (sampler->sigmas);
  sampler->timesteps = timesteps;
  sampler->sigmas = sigmas;
  sampler->n_timesteps = n;
}

static gboolean
needs_noise (const DdpmSampler *sampler, guint step)
{
  return !is_denoising (sampler, step);
}

static void
step_langevin (const DdpmSampler *sampler, guint step, guint n_past, const DdpmSamplerPiece *piece)
{
  const double size = sampler->langevin.step_size, spread = sampler->levels[step].spread;
  const double ratio = (double) sampler->leads_to[step].signal / sampler->levels[step].signal;
  const gboolean denoising = is_denoising (sampler, step);
  const DdpmSum sum = { .n_said = 1,
                        .x = ratio,
                        .said = { -ratio * spread * (denoising ? 1 : size / 2) },
                        .noise = denoising ? 0 : ratio * spread * sqrt (size) };

  ddpm_sampler_take_sum (sampler, step, n_past, &sum, piece);
}

const DdpmSamplerClass ddpm_sampler_class_langevin = {
  .kind = DDPM_SAMPLER_LANGEVIN,
  .name = "langevin",
  .description = "annealed Langevin dynamics: many small steps along the score at falling noise levels",
  .stepping = DDPM_STEPPING_FRACTIONS,
  .check = check,
  .adapt = adapt,
  .arrange = arrange,
  .needs_noise = needs_noise,
  .step = step_langevin,
};
