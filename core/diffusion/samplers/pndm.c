/* Pseudo linear multistep sampling: Liu et al. 2022, "Pseudo numerical methods for diffusion models on
 * manifolds". A step is DDIM's with another epsilon, a combination (Adams and Bashforth's) of the last four.
 *
 * A run of the whole list warms up: by three pseudo Runge-Kutta steps of four evaluations each (the paper's
 * algorithm), or, with skip_prk_steps, by taking the first step twice. One that begins further on, or goes
 * through a list of the caller's own, takes lower orders until there are four; and where such a list changes
 * its stride, as the combination is one for even steps. */
#include "core/diffusion/samplers/sampler-private.h"

#include <string.h>

#define MAX_ORDER 4
#define N_WARM_UP 12 /* evaluations of the Runge-Kutta steps */

/* The planes: a ring of epsilons before this one; x at the beginning of a step in parts; a sum of epsilons.
 */
enum
{
  PLANE_EPSILONS,
  PLANE_X = PLANE_EPSILONS + MAX_ORDER - 1,
  PLANE_SUM,
  N_PLANES
};

static void
adapt (DdpmSchedulerConfig *config)
{
  config->skip_prk_steps = TRUE;
}

static guint
get_stride (const DdpmSampler *sampler)
{
  return sampler->schedule->n_timesteps / sampler->n_steps;
}

/* How a run of the whole list begins. */
typedef enum
{
  WARM_UP_NONE,
  WARM_UP_TWICE,      /* the first step */
  WARM_UP_RUNGE_KUTTA /* N_WARM_UP evaluations */
} WarmUp;

static WarmUp
get_warm_up (const DdpmSampler *sampler)
{
  if (sampler->own_list || sampler->n_steps < 2)
    return WARM_UP_NONE;
  return sampler->config.skip_prk_steps || sampler->n_steps < MAX_ORDER ? WARM_UP_TWICE : WARM_UP_RUNGE_KUTTA;
}

static void
arrange (DdpmSampler *sampler)
{
  const float *old = sampler->timesteps;
  const guint n = sampler->n_timesteps, half = sampler->own_list ? 0 : get_stride (sampler) / 2;
  const WarmUp warm_up = get_warm_up (sampler);
  GArray *list = g_array_new (FALSE, FALSE, sizeof (float));

  if (warm_up == WARM_UP_NONE)
    {
      g_array_free (list, TRUE);
      return;
    }
  if (warm_up == WARM_UP_TWICE)
    {
      g_array_append_vals (list, old, 2);
      g_array_append_vals (list, old + 1, n - 1);
    }
  else
    {
      for (guint k = 0; k < MAX_ORDER - 1; k++)
        {
          const float middle = old[k + 1] + (float) half;
          const float group[] = { old[k], middle, middle, old[k + 1] };

          g_array_append_vals (list, group, G_N_ELEMENTS (group));
        }
      g_array_append_vals (list, old + MAX_ORDER - 1, n - (MAX_ORDER - 1));
    }
  g_free (sampler->timesteps);
  sampler->n_timesteps = list->len;
  sampler->timesteps = (float *) g_array_free (list, FALSE);
}

/* The level of a step whose timestep is t or, below 0, that of the picture. */
static DdpmLevel
get_level (const DdpmSampler *sampler, int t)
{
  const float *alpha_bar = sampler->schedule->alpha_bar;

  if (t >= 0)
    return ddpm_level_from_alpha_bar (alpha_bar[t]);
  return sampler->config.set_alpha_to_one ? (DdpmLevel) { 1, 0 } : ddpm_level_from_alpha_bar (alpha_bar[0]);
}

/* Whether this step is one of the Runge-Kutta evaluations, or the repeated one. */
static gboolean
is_in_warm_up (const DdpmSampler *sampler, guint step)
{
  return get_warm_up (sampler) == WARM_UP_RUNGE_KUTTA && step < N_WARM_UP;
}

static gboolean
is_repeated (const DdpmSampler *sampler, guint step)
{
  return get_warm_up (sampler) == WARM_UP_TWICE && step == 1;
}

static gboolean
prepare (DdpmSampler *sampler, GError **error)
{
  for (guint step = 0; step < sampler->n_timesteps; step++)
    {
      const int t = (int) sampler->timesteps[step],
                stride = sampler->own_list ? 0 : (int) get_stride (sampler);
      int next = t - stride;

      if (sampler->own_list)
        next = step + 1 < sampler->n_timesteps ? (int) sampler->timesteps[step + 1] : -1;
      else if (is_repeated (sampler, step))
        next = t;
      else if (is_in_warm_up (sampler, step))
        next = t - (step % 2 == 1 ? 0 : stride / 2);
      sampler->leads_to[step] = get_level (sampler, next);
    }
  sampler->n_states = N_PLANES;
  /* That of the warm-up, as the combination alone has four; but v is another thing at every level. */
  sampler->order = sampler->config.prediction_type == DDPM_PREDICT_V ? 1 : 2;
  return TRUE;
}

static gboolean
can_begin (const DdpmSampler *sampler, guint step)
{
  return !is_repeated (sampler, step) && (!is_in_warm_up (sampler, step) || step % 4 == 0);
}

/* Epsilons that were remembered before this step. */
static guint
count_epsilons (const DdpmSampler *sampler, guint step, guint n_past)
{
  const guint first = step - n_past;
  guint n = n_past;

  if (get_warm_up (sampler) == WARM_UP_TWICE && first <= 1 && step > 1)
    n--;
  else if (get_warm_up (sampler) == WARM_UP_RUNGE_KUTTA && first < N_WARM_UP)
    n = (MIN (step, N_WARM_UP) - first + 3) / 4 + (MAX (step, N_WARM_UP) - N_WARM_UP);
  return n;
}

/* The weights of epsilon now and before; returns how many there are. */
static guint
get_weights (const DdpmSampler *sampler, guint step, guint n_epsilons, float weights[MAX_ORDER])
{
  static const float of_order[MAX_ORDER][MAX_ORDER] = {
    { 1 },
    { 3 / 2.0f, -1 / 2.0f },
    { 23 / 12.0f, -16 / 12.0f, 5 / 12.0f },
    { 55 / 24.0f, -59 / 24.0f, 37 / 24.0f, -9 / 24.0f },
  };
  const float *t = sampler->timesteps;
  guint order = MIN (n_epsilons, MAX_ORDER - 1) + 1;

  if (sampler->own_list)
    {
      guint even = 1;

      while (even < order && step + 1 < sampler->n_timesteps
             && t[step - even] - t[step - even + 1] == t[step] - t[step + 1])
        even++;
      order = even;
    }
  memcpy (weights, of_order[order - 1], sizeof of_order[0]);
  return order;
}

static float *
get_epsilons (const DdpmSamplerPiece *piece, guint number)
{
  return piece->state + (PLANE_EPSILONS + number % (MAX_ORDER - 1)) * piece->plane_size;
}

/* How a step's epsilon is made, and from where it leads where. */
typedef struct
{
  const float *from_x; /* NULL: from x */
  DdpmLevel from;
  guint n_epsilons;
  gboolean remembers_x, remembers_epsilon;
} Transfer;

static Transfer
get_transfer (const DdpmSampler *sampler, guint step, guint n_past, const DdpmSamplerPiece *piece)
{
  Transfer transfer = { .from = sampler->levels[step],
                        .n_epsilons = count_epsilons (sampler, step, n_past),
                        .remembers_epsilon = TRUE };
  const float *old_x = piece->state + PLANE_X * piece->plane_size;

  if (is_in_warm_up (sampler, step) && step % 4 != 0)
    {
      transfer.from_x = old_x;
      transfer.from = sampler->levels[step / 4 * 4];
      transfer.remembers_epsilon = FALSE;
    }
  else if (is_repeated (sampler, step))
    {
      /* back to where the first step would begin that leads here by a stride */
      const guint t = (guint) sampler->timesteps[step] + get_stride (sampler);

      transfer.from_x = old_x;
      transfer.from = get_level (sampler, (int) MIN (t, sampler->schedule->n_timesteps - 1));
      transfer.remembers_epsilon = FALSE;
    }
  else
    transfer.remembers_x =
      is_in_warm_up (sampler, step) || (step == 0 && get_warm_up (sampler) == WARM_UP_TWICE);
  return transfer;
}

/* Runge-Kutta's epsilon of evaluation number c of four, and their sum so far. */
static inline float
add_to_sum (guint c, float epsilon, float *sum)
{
  const float weight = c == 1 || c == 2 ? 1 / 3.0f : 1 / 6.0f, total = c == 0 ? 0 : *sum;

  *sum = total + weight * epsilon;
  return c == 3 ? *sum : epsilon;
}

static void
step_pndm (const DdpmSampler *sampler, guint step, guint n_past, const DdpmSamplerPiece *piece)
{
  const DdpmPredictionReader reader = ddpm_prediction_reader_new (sampler, step, piece->threshold);
  const Transfer transfer = get_transfer (sampler, step, n_past, piece);
  const gboolean in_warm_up = is_in_warm_up (sampler, step), repeated = is_repeated (sampler, step);
  float *old_x = piece->state + PLANE_X * piece->plane_size;
  float *sum = piece->state + PLANE_SUM * piece->plane_size;
  float *now = get_epsilons (piece, transfer.n_epsilons), weights[MAX_ORDER] = { 0.5f, 0.5f };
  const float *before[MAX_ORDER] = { NULL };
  guint n_weights = repeated ? 2 : 1;
  /* diffusers remembers v as it is, and makes epsilon of the combination */
  const gboolean of_v = reader.type == DDPM_PREDICT_V;
  double exact_x, exact_epsilon;
  float coef_x, coef_epsilon;

  if (!in_warm_up && !repeated)
    n_weights = get_weights (sampler, step, transfer.n_epsilons, weights);
  for (guint j = 1; j < n_weights; j++)
    before[j] = get_epsilons (piece, transfer.n_epsilons - j);
  ddpm_level_get_transfer (transfer.from, sampler->leads_to[step], &exact_x, &exact_epsilon);
  coef_x = (float) exact_x;
  coef_epsilon = (float) exact_epsilon;

  for (gsize i = 0; i < piece->n; i++)
    {
      const float x = piece->x[i];
      const float old = transfer.from_x != NULL ? transfer.from_x[i] : x;
      const float said =
        of_v ? piece->output[i] : ddpm_prediction_read_epsilon (&reader, piece->output[i], x);
      float epsilon = said;

      if (piece->x0 != NULL)
        piece->x0[i] = ddpm_prediction_read_x0 (&reader, piece->output[i], x);
      if (in_warm_up)
        epsilon = add_to_sum (step % 4, said, &sum[i]);
      else
        {
          epsilon *= weights[0];
          for (guint j = 1; j < n_weights; j++)
            epsilon += weights[j] * before[j][i];
        }
      if (of_v)
        epsilon = transfer.from.signal * epsilon + transfer.from.spread * old;
      piece->x[i] = coef_x * old + coef_epsilon * epsilon;
      if (transfer.remembers_x)
        old_x[i] = x;
      if (transfer.remembers_epsilon)
        now[i] = said; /* in the place of the oldest, which has been read */
    }
}

const DdpmSamplerClass ddpm_sampler_class_pndm = {
  .kind = DDPM_SAMPLER_PNDM,
  .name = "pndm",
  .description = N_ ("ddim that looks back at four steps; good from 50 steps on"),
  .stepping = DDPM_STEPPING_INTEGERS,
  .adapt = adapt,
  .arrange = arrange,
  .prepare = prepare,
  .can_begin = can_begin,
  .step = step_pndm,
};
