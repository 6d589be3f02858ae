/* What all samplers have in common: how one is made of a config, of what was asked for and of its class, the
 * levels of its steps, and what may be asked of it. Its steps themselves are its class's file's. */
#include "core/diffusion/samplers/sampler-private.h"

#include "core/base/error.h"
#include "core/base/text.h"

/* A noise that is infinite has no sigma, so that those who compute in it leave a little of the picture, as
 * diffusers does. */
#define LEAST_ALPHA_BAR 0x1p-24f

/* Below this ln (signal / spread) nothing is left of a picture that is worth a step; cosine schedules go far
 * below. What DPM-Solver's authors clip there (Lu et al. 2022, appendix), and diffusers recommends. */
#define LEAST_LAMBDA -5.1

/* By kind. */
static const DdpmSamplerClass *const classes[] = {
  &ddpm_sampler_class_ddpm,  &ddpm_sampler_class_ddim,     &ddpm_sampler_class_pndm,
  &ddpm_sampler_class_lms,   &ddpm_sampler_class_euler,    &ddpm_sampler_class_euler_ancestral,
  &ddpm_sampler_class_heun,  &ddpm_sampler_class_dpmpp_2m, &ddpm_sampler_class_dpmpp_2m_sde,
  &ddpm_sampler_class_unipc, &ddpm_sampler_class_langevin,
};
static const char *const names[] = { "ddpm", "ddim",     "pndm",         "lms",   "euler", "euler-ancestral",
                                     "heun", "dpmpp-2m", "dpmpp-2m-sde", "unipc", NULL };
G_STATIC_ASSERT (G_N_ELEMENTS (classes) == DDPM_SAMPLER_LANGEVIN + 1);
G_STATIC_ASSERT (G_N_ELEMENTS (names) == DDPM_SAMPLER_N_KINDS + 1);

const char *const ddpm_sampler_spacing_names[] = { "auto", "leading", "trailing", "linspace", NULL };
const char *const ddpm_sampler_sigmas_names[] = { "auto", "plain", "karras", "exponential", NULL };

const char *const *
ddpm_sampler_get_names (void)
{
  return names;
}

gboolean
ddpm_sampler_kind_from_name (const char *name, DdpmSamplerKind *kind)
{
  for (guint i = 0; i < DDPM_SAMPLER_N_KINDS; i++)
    if (g_strcmp0 (name, classes[i]->name) == 0)
      {
        *kind = classes[i]->kind;
        return TRUE;
      }
  return FALSE;
}

static const DdpmSamplerClass *
find_class (DdpmSamplerKind kind)
{
  return (guint) kind < G_N_ELEMENTS (classes) ? classes[kind] : NULL;
}

const char *
ddpm_sampler_kind_get_name (DdpmSamplerKind kind)
{
  const DdpmSamplerClass *klass = find_class (kind);

  return klass != NULL ? klass->name : NULL;
}

const char *
ddpm_sampler_kind_get_description (DdpmSamplerKind kind)
{
  const DdpmSamplerClass *klass = find_class (kind);

  return klass != NULL ? _ (klass->description) : NULL;
}

DdpmSamplerKind
ddpm_sampler_kind_of_config (const DdpmSchedulerConfig *config)
{
  /* What is not here goes by its nearest relative. */
  static const struct
  {
    const char *prefix;
    DdpmSamplerKind kind;
  } kinds[] = {
    { "DDPM", DDPM_SAMPLER_DDPM },
    { "RePaint", DDPM_SAMPLER_DDPM },
    { "DDIM", DDPM_SAMPLER_DDIM },
    { "PNDM", DDPM_SAMPLER_PNDM },
    { "IPNDM", DDPM_SAMPLER_PNDM },
    { "LMS", DDPM_SAMPLER_LMS },
    { "EulerAncestral", DDPM_SAMPLER_EULER_ANCESTRAL },
    { "KDPM2Ancestral", DDPM_SAMPLER_EULER_ANCESTRAL },
    { "Euler", DDPM_SAMPLER_EULER },
    { "Heun", DDPM_SAMPLER_HEUN },
    { "KDPM2", DDPM_SAMPLER_HEUN },
    { "DPMSolverSDE", DDPM_SAMPLER_DPMPP_2M_SDE },
    { "DPMSolver", DDPM_SAMPLER_DPMPP_2M },
    { "DEIS", DDPM_SAMPLER_DPMPP_2M },
    { "UniPC", DDPM_SAMPLER_UNIPC },
  };

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (config->class_name != NULL && g_str_has_prefix (config->class_name, kinds[i].prefix))
      return kinds[i].kind == DDPM_SAMPLER_DPMPP_2M && config->algorithm >= DDPM_ALGORITHM_SDE_DPMSOLVERPP
               ? DDPM_SAMPLER_DPMPP_2M_SDE
               : kinds[i].kind;
  return DDPM_SAMPLER_DDIM;
}

static gboolean
check_config (const DdpmSamplerOptions *options, const DdpmSchedulerConfig *config, GError **error)
{
  if (!(options->eta >= 0 && options->eta <= 1))
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, _ ("eta is %g; it must be between 0 and 1."),
                   options->eta);
      return FALSE;
    }
  if (config->thresholding
      && !(config->dynamic_thresholding_ratio >= 0 && config->dynamic_thresholding_ratio <= 1
           && config->sample_max_value > 0))
    {
      g_set_error (
        error, DDPM_ERROR, DDPM_ERROR_USAGE,
        _ ("The scheduler's dynamic_thresholding_ratio is %g and its sample_max_value %g; the first must be "
           "between 0 and 1, the second above 0."),
        config->dynamic_thresholding_ratio, config->sample_max_value);
      return FALSE;
    }
  if (config->clip_sample && !(config->clip_sample_range > 0))
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                   _ ("The scheduler's clip_sample_range is %g; it must be above 0."),
                   config->clip_sample_range);
      return FALSE;
    }
  return TRUE;
}

/* Where nothing of the picture is left in x_t, epsilon tells nothing about x_0. */
static gboolean
check_start (const DdpmSampler *sampler, GError **error)
{
  if (sampler->config.prediction_type != DDPM_PREDICT_EPSILON || sampler->levels[0].signal > 0)
    return TRUE;
  g_set_error (
    error, DDPM_ERROR, DDPM_ERROR_USAGE,
    _ ("At timestep %g this schedule is pure noise (rescale_betas_zero_snr), where a network that predicts "
       "epsilon says nothing about the picture; take another number of steps or timestep_spacing."),
    sampler->timesteps[0]);
  return FALSE;
}

static gboolean
is_family (DdpmSamplerKind kind, DdpmSamplerKind of_config)
{
  const DdpmSamplerKind families[][2] = { { DDPM_SAMPLER_DDPM, DDPM_SAMPLER_DDIM },
                                          { DDPM_SAMPLER_DPMPP_2M, DDPM_SAMPLER_DPMPP_2M_SDE } };

  for (guint i = 0; i < G_N_ELEMENTS (families); i++)
    if ((kind == families[i][0] || kind == families[i][1])
        && (of_config == families[i][0] || of_config == families[i][1]))
      return TRUE;
  return kind == of_config;
}

/* What a config means for a sampler of another kind than its own. */
static void
adapt_config (DdpmSchedulerConfig *config, const DdpmSamplerClass *klass)
{
  if (!is_family (klass->kind, ddpm_sampler_kind_of_config (config)))
    {
      if (klass->adapt != NULL)
        klass->adapt (config);
      /* "leading" is what every config says that never thought of these, and they begin badly so. */
      if (klass->stepping != DDPM_STEPPING_INTEGERS && config->timestep_spacing == DDPM_SPACING_LEADING)
        config->timestep_spacing = DDPM_SPACING_LINSPACE;
      if (klass->stepping != DDPM_STEPPING_INTEGERS)
        {
          config->steps_offset = 0;
          config->lambda_min_clipped = LEAST_LAMBDA;
        }
    }
  config->clip_sample = config->clip_sample && klass->clips;
  config->thresholding = config->thresholding && klass->thresholds;
}

/* What was asked for stands above what the config says. */
static gboolean
take_choices (DdpmSampler *sampler, const DdpmSamplerOptions *options, GError **error)
{
  DdpmSchedulerConfig *config = &sampler->config;
  const DdpmSamplerClass *klass = sampler->klass;

  if (options->spacing > 0)
    config->timestep_spacing = options->spacing - 1;
  if (options->sigmas > 0)
    config->sigmas = options->sigmas - 1;
  if (options->sigmas > 0 && config->sigmas != DDPM_SIGMAS_OF_TIMESTEPS
      && klass->stepping == DDPM_STEPPING_INTEGERS)
    return ddpm_refuse (error, DDPM_ERROR_USAGE,
                        _ ("The sampler %s knows the noise levels of timesteps only, not %s ones; take plain "
                           "ones, or euler, heun, lms, dpmpp-2m or unipc."),
                        klass->name, ddpm_sampler_sigmas_names[options->sigmas]);
  if (options->spacing > 0 && config->sigmas != DDPM_SIGMAS_OF_TIMESTEPS
      && klass->stepping == DDPM_STEPPING_SHIFTED)
    return ddpm_refuse (error, DDPM_ERROR_USAGE,
                        _ ("The sampler %s has its timesteps from %s noise levels, not by %s spacing; take "
                           "plain noise levels, or leave the spacing out."),
                        klass->name, ddpm_sampler_sigmas_names[1 + config->sigmas],
                        ddpm_sampler_spacing_names[options->spacing]);
  return TRUE;
}

static DdpmLevel
get_level_of_sigma (double sigma)
{
  const double signal = 1 / sqrt (sigma * sigma + 1);

  return (DdpmLevel) { (float) signal, (float) (sigma * signal) };
}

/* Where x is before each step and after it. */
static void
set_levels (DdpmSampler *sampler)
{
  const guint n = sampler->n_timesteps;

  sampler->levels = g_new (DdpmLevel, n);
  sampler->leads_to = g_new (DdpmLevel, n);
  for (guint step = 0; step < n; step++)
    sampler->levels[step] = sampler->sigmas != NULL
                              ? get_level_of_sigma (sampler->sigmas[step])
                              : ddpm_level_from_alpha_bar (ddpm_sampler_get_alpha_bar (sampler, step));
  for (guint step = 0; step + 1 < n; step++)
    sampler->leads_to[step] = sampler->levels[step + 1];
  sampler->leads_to[n - 1] = (DdpmLevel) { 1, 0 };
  if (sampler->sigmas == NULL)
    return;
  sampler->leads_to[n - 1] = get_level_of_sigma (sampler->sigmas[n]);
  if (sampler->klass->stepping == DDPM_STEPPING_FRACTIONS)
    {
      /* Those keep x_0 as it is and add to it, so that their last x is the picture in its own strength, and
       * their first one noise alone. */
      sampler->leads_to[n - 1] = (DdpmLevel) { 1, (float) sampler->sigmas[n] };
      if (sampler->config.timestep_spacing != DDPM_SPACING_LEADING)
        sampler->start_scale = sampler->levels[0].spread;
    }
}

static gboolean
set_steps (DdpmSampler *sampler, const DdpmSamplerOptions *options, GError **error)
{
  const gboolean in_sigma = sampler->klass->stepping != DDPM_STEPPING_INTEGERS;

  if (options->timesteps != NULL
        ? !ddpm_sampler_set_own_timesteps (sampler, options->timesteps, options->n_timesteps, error)
        : !ddpm_sampler_set_timesteps_by_spacing (sampler, options->n_steps, error))
    return FALSE;
  if (in_sigma)
    ddpm_sampler_set_sigmas (sampler);
  if (sampler->klass->arrange != NULL)
    sampler->klass->arrange (sampler);
  set_levels (sampler);
  return TRUE;
}

DdpmSampler *
ddpm_sampler_new (const DdpmSamplerOptions *options, const DdpmSchedulerConfig *config, GError **error)
{
  g_autoptr (DdpmSampler) sampler = NULL;

  g_return_val_if_fail (options != NULL && config != NULL, NULL);
  g_return_val_if_fail (find_class (options->kind) != NULL, NULL);

  if (!check_config (options, config, error)
      || (find_class (options->kind)->check != NULL && !find_class (options->kind)->check (options, error)))
    return NULL;

  sampler = g_new0 (DdpmSampler, 1);
  sampler->klass = find_class (options->kind);
  sampler->eta = options->eta;
  sampler->use_clipped_model_output = options->use_clipped_model_output;
  sampler->langevin = options->langevin;
  sampler->start_scale = 1;
  ddpm_scheduler_config_copy (&sampler->config, config);
  adapt_config (&sampler->config, sampler->klass);
  if (!take_choices (sampler, options, error))
    return NULL;

  sampler->schedule = ddpm_schedule_new (config, error);
  if (sampler->schedule == NULL)
    return NULL;
  if (sampler->klass->stepping != DDPM_STEPPING_INTEGERS && config->rescale_betas_zero_snr)
    sampler->schedule->alpha_bar[sampler->schedule->n_timesteps - 1] = LEAST_ALPHA_BAR;
  if (!set_steps (sampler, options, error))
    return NULL;
  if (sampler->klass->prepare != NULL && !sampler->klass->prepare (sampler, error))
    return NULL;
  return check_start (sampler, error) ? g_steal_pointer (&sampler) : NULL;
}

void
ddpm_sampler_free (DdpmSampler *sampler)
{
  if (sampler == NULL)
    return;
  ddpm_scheduler_config_clear (&sampler->config);
  ddpm_schedule_free (sampler->schedule);
  g_free (sampler->timesteps);
  g_free (sampler->sigmas);
  g_free (sampler->levels);
  g_free (sampler->leads_to);
  g_free (sampler);
}

const DdpmSchedule *
ddpm_sampler_get_schedule (const DdpmSampler *sampler)
{
  return sampler->schedule;
}

const float *
ddpm_sampler_get_timesteps (const DdpmSampler *sampler, guint *n_timesteps)
{
  *n_timesteps = sampler->n_timesteps;
  return sampler->timesteps;
}

guint
ddpm_sampler_get_order (const DdpmSampler *sampler)
{
  return sampler->order;
}

guint
ddpm_sampler_get_n_states (const DdpmSampler *sampler)
{
  return sampler->n_states;
}

gboolean
ddpm_sampler_can_begin (const DdpmSampler *sampler, guint step)
{
  g_return_val_if_fail (step <= sampler->n_timesteps, FALSE);

  return step == sampler->n_timesteps || sampler->klass->can_begin == NULL
         || sampler->klass->can_begin (sampler, step);
}

guint
ddpm_sampler_find_step (const DdpmSampler *sampler, guint t)
{
  guint step = 0;

  while (step < sampler->n_timesteps
         && (sampler->timesteps[step] > (float) t || !ddpm_sampler_can_begin (sampler, step)))
    step++;
  return step;
}

gboolean
ddpm_sampler_step_needs_noise (const DdpmSampler *sampler, guint step)
{
  g_return_val_if_fail (step < sampler->n_timesteps, FALSE);

  return sampler->klass->needs_noise != NULL && sampler->klass->needs_noise (sampler, step);
}

void
ddpm_sampler_step (const DdpmSampler *sampler, guint step, guint n_past, const DdpmSamplerPiece *piece)
{
  g_return_if_fail (step < sampler->n_timesteps);
  g_return_if_fail (n_past <= step && (n_past > 0 || ddpm_sampler_can_begin (sampler, step)));
  g_return_if_fail (piece->noise != NULL || !ddpm_sampler_step_needs_noise (sampler, step));
  g_return_if_fail (piece->variance != NULL || !ddpm_variance_is_learned (sampler->config.variance_type));
  g_return_if_fail (piece->state != NULL || sampler->n_states == 0);

  sampler->klass->step (sampler, step, n_past, piece);
}
