#include "core/diffusion/schedule.h"

#include <math.h>

#include "core/base/error.h"
#include "core/base/text.h"

/* Tables are float and follow diffusers' order of operations, because published weights were trained with,
 * and are sampled by, exactly those numbers: betas are made in float, alpha_bar is accumulated in double over
 * the float alphas and each entry is rounded to float. */

#define MAX_TIMESTEPS 1000000
#define COSINE_OFFSET 0.008 /* s of Nichol and Dhariwal 2021, equation 17 */
#define COSINE_MAX_BETA 0.999
#define SIGMOID_RANGE 6.0

/* values[n] evenly from `first` to `last`, both included, with the rounding of PyTorch's float linspace:
 * counted from the nearer end, one fused multiply-add each. */
static void
fill_linspace (double first, double last, float *values, guint n)
{
  const float start = (float) first, end = (float) last;
  const float step = n > 1 ? (end - start) / (float) (n - 1) : 0;

  values[0] = start;
  for (guint i = 1; i < n; i++)
    values[i] = i < n / 2 ? fmaf (step, (float) i, start) : fmaf (-step, (float) (n - 1 - i), end);
}

static double
cosine_alpha_bar (double u)
{
  const double c = cos ((u + COSINE_OFFSET) / (1 + COSINE_OFFSET) * G_PI / 2);

  return c * c;
}

static void
fill_betas (const DdpmSchedulerConfig *config, float *betas)
{
  const guint n = config->num_train_timesteps;
  const float span = (float) (config->beta_end - config->beta_start), start = (float) config->beta_start;

  switch (config->beta_schedule)
    {
    case DDPM_BETAS_LINEAR:
      fill_linspace (config->beta_start, config->beta_end, betas, n);
      break;
    case DDPM_BETAS_SCALED_LINEAR:
      fill_linspace (sqrt (config->beta_start), sqrt (config->beta_end), betas, n);
      for (guint t = 0; t < n; t++)
        betas[t] *= betas[t];
      break;
    case DDPM_BETAS_SQUAREDCOS_CAP_V2:
      for (guint t = 0; t < n; t++)
        {
          const double ratio = cosine_alpha_bar ((t + 1.0) / n) / cosine_alpha_bar ((double) t / n);

          betas[t] = (float) MIN (1 - ratio, COSINE_MAX_BETA);
        }
      break;
    case DDPM_BETAS_SIGMOID:
      fill_linspace (-SIGMOID_RANGE, SIGMOID_RANGE, betas, n);
      for (guint t = 0; t < n; t++)
        {
          const float sigmoid = 1.0f / (1.0f + expf (-betas[t]));

          betas[t] = sigmoid * span + start;
        }
      break;
    case DDPM_BETAS_TRAINED:
      for (guint t = 0; t < n; t++)
        betas[t] = config->trained_betas[t];
      break;
    }
}

static void
fill_alpha_bar (const float *betas, float *alpha_bar, guint n)
{
  double product = 1;

  for (guint t = 0; t < n; t++)
    {
      product *= 1.0f - betas[t];
      alpha_bar[t] = (float) product;
    }
}

/* Lin et al. 2024, "Common diffusion noise schedules and sample steps are flawed", algorithm 1: sqrt
 * (alpha_bar) is shifted so that it ends at 0 and scaled so that it begins where it did. alpha_bar is scratch
 * here. */
static void
rescale_to_zero_snr (float *betas, float *alpha_bar, guint n)
{
  float first, last, scale;

  fill_alpha_bar (betas, alpha_bar, n);
  for (guint t = 0; t < n; t++)
    alpha_bar[t] = sqrtf (alpha_bar[t]);

  first = alpha_bar[0];
  last = alpha_bar[n - 1];
  scale = first / (first - last);
  for (guint t = 0; t < n; t++)
    {
      const float root = (alpha_bar[t] - last) * scale;

      alpha_bar[t] = root * root;
    }

  betas[0] = 1.0f - alpha_bar[0];
  for (guint t = 1; t < n; t++)
    betas[t] = 1.0f - alpha_bar[t] / alpha_bar[t - 1];
}

static gboolean
check_config (const DdpmSchedulerConfig *config, GError **error)
{
  const guint n = config->num_train_timesteps;

  if (n < 1 || n > MAX_TIMESTEPS)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                   _ ("num_train_timesteps is %u; a schedule has 1 to %d timesteps."), n, MAX_TIMESTEPS);
      return FALSE;
    }
  if (config->beta_schedule == DDPM_BETAS_TRAINED)
    {
      if (config->trained_betas != NULL)
        return TRUE;
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                           _ ("The schedule is to use trained_betas, but there are none."));
      return FALSE;
    }
  if (!(config->beta_start >= 0 && config->beta_start <= 1 && config->beta_end >= 0 && config->beta_end <= 1))
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                   _ ("beta_start is %g and beta_end is %g; both must be between 0 and 1."),
                   config->beta_start, config->beta_end);
      return FALSE;
    }
  if (config->rescale_betas_zero_snr && n < 2)
    {
      g_set_error_literal (
        error, DDPM_ERROR, DDPM_ERROR_USAGE,
        _ ("rescale_betas_zero_snr needs at least 2 timesteps; num_train_timesteps is 1."));
      return FALSE;
    }
  return TRUE;
}

/* Noise must be added at the first timestep, and some of the picture be left before the last: else the
 * posterior divides by zero. */
static gboolean
check_tables (const DdpmSchedule *schedule, GError **error)
{
  for (guint t = 0; t < schedule->n_timesteps; t++)
    {
      const float beta = schedule->betas[t], alpha_bar = schedule->alpha_bar[t];

      if (!(beta >= 0 && beta <= 1))
        {
          g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                       _ ("The schedule's beta number %u is %g; every beta must be between 0 and 1."), t,
                       beta);
          return FALSE;
        }
      if (!(alpha_bar < 1))
        {
          g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                               _ ("The schedule adds no noise at timestep 0; beta_start must be larger."));
          return FALSE;
        }
      if (alpha_bar <= 0 && t + 1 < schedule->n_timesteps)
        {
          g_set_error (
            error, DDPM_ERROR, DDPM_ERROR_USAGE,
            _ ("The schedule leaves nothing of the picture at timestep %u already; use smaller betas or "
               "fewer timesteps than %u."),
            t, schedule->n_timesteps);
          return FALSE;
        }
    }
  return TRUE;
}

DdpmSchedule *
ddpm_schedule_new (const DdpmSchedulerConfig *config, GError **error)
{
  g_autoptr (DdpmSchedule) schedule = NULL;

  g_return_val_if_fail (config != NULL, NULL);

  if (!check_config (config, error))
    return NULL;

  schedule = g_new0 (DdpmSchedule, 1);
  schedule->n_timesteps = config->num_train_timesteps;
  schedule->betas = g_new (float, schedule->n_timesteps);
  schedule->alpha_bar = g_new (float, schedule->n_timesteps);

  fill_betas (config, schedule->betas);
  if (config->rescale_betas_zero_snr)
    rescale_to_zero_snr (schedule->betas, schedule->alpha_bar, schedule->n_timesteps);
  fill_alpha_bar (schedule->betas, schedule->alpha_bar, schedule->n_timesteps);

  if (!check_tables (schedule, error))
    return NULL;
  return g_steal_pointer (&schedule);
}

void
ddpm_schedule_free (DdpmSchedule *schedule)
{
  if (schedule == NULL)
    return;
  g_free (schedule->betas);
  g_free (schedule->alpha_bar);
  g_free (schedule);
}

double
ddpm_schedule_get_snr (const DdpmSchedule *schedule, guint t)
{
  g_return_val_if_fail (t < schedule->n_timesteps, 0);

  return (double) schedule->alpha_bar[t] / (1 - (double) schedule->alpha_bar[t]);
}

void
ddpm_schedule_get_posterior (const DdpmSchedule *schedule, guint t, double *coef_x0, double *coef_xt,
                             double *variance)
{
  g_return_if_fail (t < schedule->n_timesteps);

  const double beta = schedule->betas[t], alpha_bar = schedule->alpha_bar[t];
  const double alpha_bar_before = t > 0 ? schedule->alpha_bar[t - 1] : 1;

  *coef_x0 = sqrt (alpha_bar_before) * beta / (1 - alpha_bar);
  *coef_xt = sqrt (1 - beta) * (1 - alpha_bar_before) / (1 - alpha_bar);
  *variance = (1 - alpha_bar_before) / (1 - alpha_bar) * beta;
}

void
ddpm_schedule_add_noise (const DdpmSchedule *schedule, guint t, const float *x0, const float *noise,
                         float *x_t, gsize n)
{
  g_return_if_fail (t < schedule->n_timesteps);

  const float signal = sqrtf (schedule->alpha_bar[t]), spread = sqrtf (1.0f - schedule->alpha_bar[t]);

  for (gsize i = 0; i < n; i++)
    x_t[i] = signal * x0[i] + spread * noise[i];
}

void
ddpm_schedule_get_velocity (const DdpmSchedule *schedule, guint t, const float *x0, const float *noise,
                            float *v, gsize n)
{
  g_return_if_fail (t < schedule->n_timesteps);

  const float signal = sqrtf (schedule->alpha_bar[t]), spread = sqrtf (1.0f - schedule->alpha_bar[t]);

  for (gsize i = 0; i < n; i++)
    v[i] = signal * noise[i] - spread * x0[i];
}

guint
ddpm_schedule_timestep_of_strength (const DdpmSchedule *schedule, double strength)
{
  return (guint) round (CLAMP (strength, 0.0, 1.0) * (schedule->n_timesteps - 1));
}
