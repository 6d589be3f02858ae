/* Heun's method over Karras' sigmas: the levels are those of the sampler "heun", in reverse order. */
#include "core/diffusion/flow-likelihood.h"

#include <string.h>

#include "core/base/error.h"
#include "core/diffusion/samplers/sampler-private.h"

/* How far a difference of the network reaches, in standard deviations of x's noise. */
#define REACH 0.03

typedef struct
{
  const DdpmFlowOptions *options;
  const float *signs;
  DdpmSampler *sampler;
  gsize n_all;                           /* values of all pictures */
  float *x, *output;                     /* [n_all] */
  double *y, *slope, *next, *next_slope; /* [n_all] */
  float *epsilon, *further;              /* [n_all]; and a little further on */
  double *divergence, *next_divergence;  /* [n_pictures] */
} Flow;

static void
flow_clear (Flow *flow)
{
  g_clear_pointer (&flow->sampler, ddpm_sampler_free);
  g_free (flow->x);
  g_free (flow->output);
  g_free (flow->epsilon);
  g_free (flow->further);
  g_free (flow->y);
  g_free (flow->slope);
  g_free (flow->next);
  g_free (flow->next_slope);
  g_free (flow->divergence);
  g_free (flow->next_divergence);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Flow, flow_clear)

static gboolean
flow_init (Flow *flow, GError **error)
{
  const DdpmFlowOptions *options = flow->options;
  g_auto (DdpmSchedulerConfig) config = { 0 };

  if (options->n_steps < 2)
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                           "The probability flow takes at least 2 steps to follow.");
      return FALSE;
    }
  ddpm_scheduler_config_copy (&config, options->config);
  config.sigmas = DDPM_SIGMAS_KARRAS;
  g_free (config.class_name);
  config.class_name = g_strdup ("DDPMScheduler"); /* so that the sampler takes what is best for it */
  flow->sampler = ddpm_sampler_new (
    &(DdpmSamplerOptions) { .kind = DDPM_SAMPLER_HEUN, .n_steps = options->n_steps }, &config, error);
  if (flow->sampler == NULL)
    return FALSE;
  flow->n_all = options->n_pictures * options->n;
  flow->x = g_new (float, flow->n_all);
  flow->output = g_new (float, flow->n_all);
  flow->epsilon = g_new (float, flow->n_all);
  flow->further = g_new (float, flow->n_all);
  flow->y = g_new (double, flow->n_all);
  flow->slope = g_new (double, flow->n_all);
  flow->next = g_new (double, flow->n_all);
  flow->next_slope = g_new (double, flow->n_all);
  flow->divergence = g_new (double, options->n_pictures);
  flow->next_divergence = g_new (double, options->n_pictures);
  return TRUE;
}

/* epsilon[n_all] at y + offset signs, of x's units. */
static gboolean
get_epsilon (Flow *flow, guint step, const double *y, double offset, float *epsilon, GError **error)
{
  const DdpmPredictionReader reader = ddpm_prediction_reader_new (flow->sampler, step, 1);
  const double signal = reader.level.signal;

  for (gsize i = 0; i < flow->n_all; i++)
    flow->x[i] = (float) (signal * y[i] + offset * flow->signs[i]);
  if (!flow->options->func (flow->x, flow->sampler->timesteps[step], flow->output, flow->options->user_data,
                            error))
    return FALSE;
  for (gsize i = 0; i < flow->n_all; i++)
    epsilon[i] = ddpm_prediction_read_epsilon (&reader, flow->output[i], flow->x[i]);
  return TRUE;
}

/* slope[n_all] = dy / dsigma at y[n_all], and its divergence[n_pictures]. */
static gboolean
get_slope (Flow *flow, guint step, const double *y, double *slope, double *divergence, GError **error)
{
  const gsize n = flow->options->n;
  const DdpmLevel level = flow->sampler->levels[step];
  const double offset = REACH * level.spread;

  if (!get_epsilon (flow, step, y, offset, flow->further, error)
      || !get_epsilon (flow, step, y, -offset, flow->epsilon, error))
    return FALSE;
  for (guint picture = 0; picture < flow->options->n_pictures; picture++)
    {
      double sum = 0;

      for (gsize i = picture * n; i < (picture + 1) * n; i++)
        sum += ((double) flow->further[i] - flow->epsilon[i]) * flow->signs[i];
      divergence[picture] = sum / (2 * offset) * level.signal;
    }
  if (!get_epsilon (flow, step, y, 0, flow->epsilon, error))
    return FALSE;
  for (gsize i = 0; i < flow->n_all; i++)
    slope[i] = flow->epsilon[i];
  return TRUE;
}

/* From the level of evaluation `step` to that of the noisier `to`; nats become less by the density's change.
 */
static gboolean
take_step (Flow *flow, guint step, guint to, double *nats, GError **error)
{
  const double by = flow->sampler->sigmas[to] - flow->sampler->sigmas[step];

  if (!get_slope (flow, step, flow->y, flow->slope, flow->divergence, error))
    return FALSE;
  for (gsize i = 0; i < flow->n_all; i++)
    flow->next[i] = flow->y[i] + by * flow->slope[i];
  if (!get_slope (flow, to, flow->next, flow->next_slope, flow->next_divergence, error))
    return FALSE;
  for (gsize i = 0; i < flow->n_all; i++)
    flow->y[i] += by * (flow->slope[i] + flow->next_slope[i]) / 2;
  for (guint picture = 0; picture < flow->options->n_pictures; picture++)
    nats[picture] -= by * (flow->divergence[picture] + flow->next_divergence[picture]) / 2;
  return TRUE;
}

/* nats become more by those of the latents, which the model takes for standard normal ones. */
static void
add_prior (const Flow *flow, double *nats)
{
  const gsize n = flow->options->n;
  const double signal = flow->sampler->levels[0].signal;

  for (guint picture = 0; picture < flow->options->n_pictures; picture++)
    for (gsize i = picture * n; i < (picture + 1) * n; i++)
      {
        const double x = signal * flow->y[i];

        nats[picture] += 0.5 * x * x + 0.5 * log (2 * G_PI) - log (signal);
      }
}

gboolean
ddpm_flow_get_nats (const DdpmFlowOptions *options, const float *x0, const float *signs, double *nats,
                    GError **error)
{
  g_auto (Flow) flow = { .options = options, .signs = signs };

  if (!flow_init (&flow, error))
    return FALSE;
  for (gsize i = 0; i < flow.n_all; i++)
    flow.y[i] = x0[i];
  memset (nats, 0, options->n_pictures * sizeof (double));
  /* Level number j is evaluation 2 j - 1 of the sampler, the first one 0. */
  for (guint j = options->n_steps - 1; j > 0; j--)
    if (!take_step (&flow, 2 * j - 1, j > 1 ? 2 * j - 3 : 0, nats, error))
      return FALSE;
  add_prior (&flow, nats);
  return TRUE;
}

double
ddpm_flow_get_bits (double nats, gsize n)
{
  return nats / ((double) n * G_LN2) + log2 (127.5);
}
