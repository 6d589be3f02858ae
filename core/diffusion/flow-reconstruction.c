#include "core/diffusion/flow-reconstruction.h"

#include <math.h>
#include <string.h>

#include "core/base/error.h"
#include "core/diffusion/sampler.h"

typedef struct
{
  const DdpmFlowOptions *options;
  DdpmSampler *sampler;
  const float *timesteps; /* [n_timesteps] */
  guint n_timesteps;
  gsize n_all;   /* values of all pictures */
  float *x;      /* [n_all] */
  float *output; /* [n_all] */
  float *state;  /* [planes of the sampler's, or of inversion][n_all] */
} Flow;

static void
flow_clear (Flow *flow)
{
  g_clear_pointer (&flow->sampler, ddpm_sampler_free);
  g_free (flow->x);
  g_free (flow->output);
  g_free (flow->state);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Flow, flow_clear)

/* DDIM from the last timestep to 0 in equal steps, whatever the config's spacing: others stop short of it, by
 * more the fewer steps there are, where something of the picture is left to come back from. */
static DdpmSampler *
make_sampler (const DdpmSchedulerConfig *model_config, guint n_steps, GError **error)
{
  const guint last = model_config->num_train_timesteps - 1;
  g_autofree guint *timesteps = g_new (guint, n_steps);
  const DdpmSamplerOptions options = { .kind = DDPM_SAMPLER_DDIM,
                                       .timesteps = timesteps,
                                       .n_timesteps = n_steps };
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (DdpmSampler) sampler = NULL;
  double signal, spread;

  for (guint i = 0; i < n_steps; i++)
    timesteps[i] = n_steps > 1 ? (guint) rint ((double) last * (n_steps - 1 - i) / (n_steps - 1)) : last;
  ddpm_scheduler_config_copy (&config, model_config);
  config.clip_sample = FALSE;
  config.thresholding = FALSE;
  config.variance_type = DDPM_VARIANCE_FIXED_SMALL; /* there is none */
  sampler = ddpm_sampler_new (&options, &config, error);
  if (sampler == NULL)
    return NULL;
  ddpm_sampler_get_level (sampler, 0, &signal, &spread);
  if (signal > 0)
    return g_steal_pointer (&sampler);
  ddpm_refuse (error, DDPM_ERROR_USAGE,
               "This schedule's last timestep is pure noise (rescale_betas_zero_snr): no latent there tells "
               "of a picture, so that none can be reconstructed");
  return NULL;
}

gboolean
ddpm_flow_check_reconstruction (const DdpmSchedulerConfig *config, guint n_steps, GError **error)
{
  g_autoptr (DdpmSampler) sampler = NULL;

  if (n_steps < 1 || n_steps > config->num_train_timesteps)
    return ddpm_refuse (error, DDPM_ERROR_USAGE,
                        "A picture cannot be reconstructed in %u steps; this model takes 1 to %u", n_steps,
                        config->num_train_timesteps);
  sampler = make_sampler (config, n_steps, error);
  return sampler != NULL;
}

static gboolean
flow_init (Flow *flow, GError **error)
{
  const DdpmFlowOptions *options = flow->options;
  guint n_planes;

  if (!ddpm_flow_check_reconstruction (options->config, options->n_steps, error))
    return FALSE;
  flow->sampler = make_sampler (options->config, options->n_steps, error);
  if (flow->sampler == NULL)
    return FALSE;
  flow->timesteps = ddpm_sampler_get_timesteps (flow->sampler, &flow->n_timesteps);
  flow->n_all = options->n_pictures * options->n;
  n_planes = MAX (ddpm_sampler_get_n_states (flow->sampler), DDPM_SAMPLER_N_INVERSION_STATES);
  flow->x = g_try_new (float, flow->n_all);
  flow->output = g_try_new (float, flow->n_all);
  flow->state = g_try_new (float, n_planes * flow->n_all);
  return (flow->x != NULL && flow->output != NULL && flow->state != NULL)
         || ddpm_refuse (error, DDPM_ERROR_MEMORY,
                         "There is not enough memory to take %u pictures to their latents at once",
                         options->n_pictures);
}

static gboolean
predict (Flow *flow, guint step, GError **error)
{
  return flow->options->func (flow->x, flow->timesteps[step], flow->output, flow->options->user_data, error);
}

/* x becomes its latent. No value depends on another: all pictures are one to the sampler. */
static gboolean
invert (Flow *flow, GError **error)
{
  guint n_past = 0;

  for (guint step = flow->n_timesteps; step-- > 0; n_past++)
    {
      ddpm_sampler_invert_begin (flow->sampler, step, n_past, flow->x, flow->state, flow->n_all, flow->n_all);
      if (!predict (flow, step, error))
        return FALSE;
      ddpm_sampler_invert_step (flow->sampler, step, n_past, flow->output, flow->x, flow->state, flow->n_all,
                                flow->n_all);
    }
  return TRUE;
}

/* The way back. */
static gboolean
sample (Flow *flow, GError **error)
{
  const DdpmSamplerPiece piece = {
    .n = flow->n_all, .output = flow->output, .x = flow->x, .state = flow->state, .plane_size = flow->n_all
  };

  for (guint step = 0; step < flow->n_timesteps; step++)
    {
      if (!predict (flow, step, error))
        return FALSE;
      ddpm_sampler_step (flow->sampler, step, step, &piece);
    }
  return TRUE;
}

gboolean
ddpm_flow_reconstruct (const DdpmFlowOptions *options, const float *x0, double *squares, GError **error)
{
  g_auto (Flow) flow = { .options = options };

  if (!flow_init (&flow, error))
    return FALSE;
  memcpy (flow.x, x0, flow.n_all * sizeof (float));
  if (!invert (&flow, error) || !sample (&flow, error))
    return FALSE;
  for (guint picture = 0; picture < options->n_pictures; picture++)
    {
      squares[picture] = 0;
      for (gsize i = picture * options->n; i < (picture + 1) * options->n; i++)
        {
          /* NaN stays NaN */
          const double back = flow.x[i] > 1 ? 1 : flow.x[i] < -1 ? -1 : flow.x[i];

          squares[picture] += (back - x0[i]) * (back - x0[i]);
        }
    }
  return TRUE;
}
