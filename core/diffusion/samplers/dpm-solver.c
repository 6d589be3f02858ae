/* DPM-Solver++ (Lu et al. 2022, "DPM-Solver++: Fast solver for guided sampling of diffusion probabilistic
 * models"): the linear part of the probability flow is solved exactly, what the network says of x_0 is laid
 * through a polynomial in lambda = ln (signal / spread). Multistep, of order 1 to 3; and, with noise, the
 * same for the stochastic equation, of order 1 and 2. */
#include "core/diffusion/samplers/sampler-private.h"

#define MAX_ORDER 3
#define FEW_STEPS 15 /* below, lower_order_final counts */

static void
adapt (DdpmSchedulerConfig *config)
{
  config->solver_order = 2;
  config->solver_type = DDPM_SOLVER_AUTO;
  config->lower_order_final = TRUE;
  config->euler_at_final = FALSE;
}

static gboolean
is_random (const DdpmSampler *sampler)
{
  return sampler->klass->kind == DDPM_SAMPLER_DPMPP_2M_SDE;
}

static gboolean
prepare (DdpmSampler *sampler, GError **error)
{
  const guint order = CLAMP (sampler->config.solver_order, 1, is_random (sampler) ? 2 : MAX_ORDER);

  sampler->n_states = order - 1;
  /* The third's second difference is half of what the order would need; diffusers has it so. */
  sampler->order = is_random (sampler) ? 0 : MIN (order, 2);
  return TRUE;
}

static gboolean
needs_noise (const DdpmSampler *sampler, guint step)
{
  return is_random (sampler) && sampler->sigmas[step + 1] > 0;
}

static guint
get_order (const DdpmSampler *sampler, guint step, guint n_past)
{
  const DdpmSchedulerConfig *config = &sampler->config;
  const guint n = sampler->n_timesteps, left = n - 1 - step;
  const gboolean careful = config->lower_order_final && n < FEW_STEPS;
  const guint order = MIN (sampler->n_states, n_past) + 1;

  if (left == 0 && (sampler->sigmas[n] == 0 || config->euler_at_final || careful))
    return 1;
  return left == 1 && careful ? MIN (order, 2) : order;
}

/* What x_0's first and second derivatives in lambda are multiplied with. */
typedef struct
{
  double first, second;
} Slopes;

static Slopes
get_slopes (const DdpmSampler *sampler, double h, guint order)
{
  const double e = expm1 (-h), e2 = expm1 (-2 * h);

  if (is_random (sampler))
    return (Slopes) { sampler->config.solver_type == DDPM_SOLVER_HEUN ? 1 + e2 / (2 * h) : -0.5 * e2, 0 };
  if (order == 2 && sampler->config.solver_type != DDPM_SOLVER_HEUN)
    return (Slopes) { -0.5 * e, 0 };
  return (Slopes) { e / h + 1, -((e + h) / (h * h) - 0.5) };
}

/* sum->said for those slopes, in divided differences of x_0 now, a step before and two before. */
static void
add_slopes (const double *sigmas, guint step, double h, guint order, Slopes slopes, double alpha,
            DdpmSum *sum)
{
  const double r0 = log (sigmas[step - 1] / sigmas[step]) / h, first = alpha * slopes.first / r0;

  sum->said[0] += first;
  sum->said[1] -= first;
  if (order == 3)
    {
      const double r1 = log (sigmas[step - 2] / sigmas[step - 1]) / h;
      /* of the difference of both first differences */
      const double change = alpha * (slopes.first * r0 + slopes.second) / (r0 + r1);

      sum->said[0] += change / r0;
      sum->said[1] -= change / r0 + change / r1;
      sum->said[2] += change / r1;
    }
}

static void
step_dpm (const DdpmSampler *sampler, guint step, guint n_past, const DdpmSamplerPiece *piece)
{
  const double *sigmas = sampler->sigmas;
  const double next = sigmas[step + 1], h = log (sigmas[step] / next);
  const DdpmLevel here = sampler->levels[step], there = sampler->leads_to[step];
  const double shrink = (double) there.spread / here.spread, alpha = there.signal;
  const guint order = get_order (sampler, step, n_past);
  DdpmSum sum = { .of_x0 = TRUE, .n_said = order, .x = shrink, .said = { -alpha * expm1 (-h) } };

  if (is_random (sampler))
    {
      sum.x = shrink * exp (-h);
      sum.said[0] = -alpha * expm1 (-2 * h);
      sum.noise = there.spread * sqrt (-expm1 (-2 * h));
    }
  /* a step that leads nowhere has no slopes */
  if (order > 1 && h > 0)
    add_slopes (sigmas, step, h, order, get_slopes (sampler, h, order), alpha, &sum);
  ddpm_sampler_take_sum (sampler, step, n_past, &sum, piece);
}

const DdpmSamplerClass ddpm_sampler_class_dpmpp_2m = {
  .kind = DDPM_SAMPLER_DPMPP_2M,
  .name = "dpmpp-2m",
  .description = N_ ("DPM-Solver++; good from 20 steps on"),
  .stepping = DDPM_STEPPING_SHIFTED,
  .thresholds = TRUE,
  .adapt = adapt,
  .prepare = prepare,
  .step = step_dpm,
};

const DdpmSamplerClass ddpm_sampler_class_dpmpp_2m_sde = {
  .kind = DDPM_SAMPLER_DPMPP_2M_SDE,
  .name = "dpmpp-2m-sde",
  .description = N_ ("DPM-Solver++ with fresh noise in every step; clean from 20 steps on, varied from 50"),
  .stepping = DDPM_STEPPING_SHIFTED,
  .thresholds = TRUE,
  .adapt = adapt,
  .prepare = prepare,
  .needs_noise = needs_noise,
  .step = step_dpm,
};
