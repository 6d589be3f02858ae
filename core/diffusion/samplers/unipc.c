/* UniPC (Zhao et al. 2023, "UniPC: A unified predictor-corrector framework for fast sampling of diffusion
 * models"): what the network says at the end of a step also corrects that step, so that the order rises by
 * one at no cost. Symbols are the paper's. */
#include "core/diffusion/samplers/sampler-private.h"

#define MAX_ORDER 3

static void
adapt (DdpmSchedulerConfig *config)
{
  config->solver_order = 2;
  config->solver_type = DDPM_SOLVER_AUTO;
  config->lower_order_final = TRUE;
  config->predict_x0 = TRUE;
  g_clear_pointer (&config->disable_corrector, g_free);
  config->n_disable_corrector = 0;
}

/* The planes: a ring of what was said, and x before the last step, corrected. */
static guint
get_n_said (const DdpmSampler *sampler)
{
  return CLAMP (sampler->config.solver_order, 1, MAX_ORDER);
}

static gboolean
prepare (DdpmSampler *sampler, GError **error)
{
  sampler->n_states = get_n_said (sampler) + 1;
  sampler->order = get_n_said (sampler) + (sampler->config.n_disable_corrector > 0 ? 0 : 1);
  return TRUE;
}

static guint
get_order (const DdpmSampler *sampler, guint step, guint n_past)
{
  const guint order = MIN (get_n_said (sampler), n_past + 1);

  return sampler->config.lower_order_final ? MIN (order, sampler->n_timesteps - step) : order;
}

static gboolean
is_corrected (const DdpmSampler *sampler, guint step)
{
  for (guint i = 0; i < sampler->config.n_disable_corrector; i++)
    if (sampler->config.disable_corrector[i] == step)
      return FALSE;
  return TRUE;
}

/* rho[n] that solves sum_k r_k^(j-1) rho_k = rhs_j, j = 1 … n: by elimination, as n is 3 at most and the r_k
 * are different. */
static void
solve (const double *r, const double *rhs, double *rho, guint n)
{
  double a[MAX_ORDER][MAX_ORDER];

  for (guint j = 0; j < n; j++)
    {
      rho[j] = rhs[j];
      for (guint k = 0; k < n; k++)
        a[j][k] = j == 0 ? 1 : a[j - 1][k] * r[k];
    }
  for (guint k = 0; k < n; k++)
    for (guint j = k + 1; j < n; j++)
      {
        const double factor = a[j][k] / a[k][k];

        for (guint l = k; l < n; l++)
          a[j][l] -= factor * a[k][l];
        rho[j] -= factor * rho[k];
      }
  for (guint k = n; k-- > 0;)
    {
      for (guint l = k + 1; l < n; l++)
        rho[k] -= a[k][l] * rho[l];
      rho[k] /= a[k][k];
    }
}

/* From step s to its end with what was said there and before it, m_0, m_1 …, and at its end as well (`next`):
 * x becomes x times itself and so on. */
typedef struct
{
  float x, said[MAX_ORDER], next;
  guint order;
} Update;

static Update
make_update (const DdpmSampler *sampler, guint s, guint order, gboolean corrects)
{
  const double *sigmas = sampler->sigmas;
  const gboolean of_x0 = sampler->config.predict_x0;
  const DdpmLevel here = sampler->levels[s], there = sampler->leads_to[s];
  const double h = log (sigmas[s] / sigmas[s + 1]), hh = of_x0 ? -h : h, e = expm1 (hh);
  const double b = sampler->config.solver_type == DDPM_SOLVER_BH1 ? hh : e;
  const double scale = of_x0 ? there.signal : there.spread;
  const guint n_rho = corrects ? order : order - 1;
  double r[MAX_ORDER], rhs[MAX_ORDER], rho[MAX_ORDER], phi = e / hh - 1, factorial = 1, now;
  Update update = { .order = order };

  update.x = (float) (of_x0 ? (double) there.spread / here.spread : (double) there.signal / here.signal);
  now = -scale * e;
  /* Nothing but that is left where no noise is; and a step that leads nowhere corrects nothing. */
  if (isfinite (h) && h > 0)
    {
      for (guint k = 1; k <= order; k++)
        {
          r[k - 1] = k < order ? log (sigmas[s] / sigmas[s - k]) / h : 1;
          rhs[k - 1] = phi * factorial / b;
          factorial *= k + 1;
          phi = phi / hh - 1 / factorial;
        }
      solve (r, rhs, rho, n_rho);
      /* as the paper takes them, whatever the equations say */
      if (order == (corrects ? 1 : 2))
        rho[0] = 0.5;
      for (guint k = 0; k < n_rho; k++)
        {
          const double part = -scale * b * rho[k] / r[k];

          now -= part;
          if (k + 1 < order)
            update.said[k + 1] = (float) part;
          else
            update.next = (float) part;
        }
    }
  update.said[0] = (float) now;
  return update;
}

static float *
get_said (const DdpmSampler *sampler, const DdpmSamplerPiece *piece, guint number)
{
  return piece->state + number % get_n_said (sampler) * piece->plane_size;
}

/* Adds up what was said at step number `last` of the run and before it. */
static inline float
add_said (const Update *update, const float *const *said, gsize i)
{
  float sum = 0;

  for (guint k = 0; k < update->order; k++)
    sum += update->said[k] * said[k][i];
  return sum;
}

static void
step_unipc (const DdpmSampler *sampler, guint step, guint n_past, const DdpmSamplerPiece *piece)
{
  const DdpmPredictionReader reader = ddpm_prediction_reader_new (sampler, step, piece->threshold);
  const gboolean corrects = n_past > 0 && is_corrected (sampler, step - 1);
  const gboolean of_x0 = sampler->config.predict_x0;
  const Update predictor = make_update (sampler, step, get_order (sampler, step, n_past), FALSE);
  float *last_x = piece->state + get_n_said (sampler) * piece->plane_size;
  const float *now_and_before[MAX_ORDER] = { NULL }, *before[MAX_ORDER] = { NULL };
  float *now = get_said (sampler, piece, n_past);
  Update corrector = { 0 };

  if (corrects)
    corrector = make_update (sampler, step - 1, get_order (sampler, step - 1, n_past - 1), TRUE);
  for (guint k = 0; k < predictor.order; k++)
    now_and_before[k] = get_said (sampler, piece, n_past - k);
  for (guint k = 0; k < corrector.order; k++)
    before[k] = get_said (sampler, piece, n_past - 1 - k);

  for (gsize i = 0; i < piece->n; i++)
    {
      float x = piece->x[i];
      const float x0 = ddpm_prediction_read_x0 (&reader, piece->output[i], x);
      const float said = of_x0 ? x0 : ddpm_prediction_read_epsilon (&reader, piece->output[i], x);

      if (corrects)
        x = corrector.x * last_x[i] + add_said (&corrector, before, i) + corrector.next * said;
      now[i] = said; /* in the place of the oldest, which has been read */
      last_x[i] = x;
      piece->x[i] = predictor.x * x + add_said (&predictor, now_and_before, i);
      if (piece->x0 != NULL)
        piece->x0[i] = x0;
    }
}

const DdpmSamplerClass ddpm_sampler_class_unipc = {
  .kind = DDPM_SAMPLER_UNIPC,
  .name = "unipc",
  .description = N_ ("corrects every step by the next one; good from 10 to 20 steps on"),
  .stepping = DDPM_STEPPING_SHIFTED,
  .thresholds = TRUE,
  .adapt = adapt,
  .prepare = prepare,
  .step = step_unipc,
};
