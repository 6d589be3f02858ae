/* What the samplers' files share. A new sampler is a file with one DdpmSamplerClass, listed in sampler.c. */
#pragma once

#include <math.h>

#include "core/base/text.h" /* of descriptions */
#include "core/diffusion/sampler.h"

G_BEGIN_DECLS

/* How timesteps are made (SCHEDULERS.md, "Timesteps"). */
typedef enum
{
  DDPM_STEPPING_INTEGERS,  /* every level is that of a timestep */
  DDPM_STEPPING_FRACTIONS, /* levels are sigmas, between those of timesteps */
  DDPM_STEPPING_SHIFTED    /* likewise, but timesteps are integers and stop short of 0 */
} DdpmStepping;

typedef struct
{
  DdpmSamplerKind kind;
  const char *name;        /* as users write it */
  const char *description; /* ddpm_sampler_kind_get_description */
  DdpmStepping stepping;
  gboolean clips, thresholds; /* whether it keeps x_0 in a range, if the config says so */

  /* Whether options of its own make sense. NULL: it has none. */
  gboolean (*check) (const DdpmSamplerOptions *options, GError **error);

  /* The config of another class becomes this one's. NULL: nothing to do. */
  void (*adapt) (DdpmSchedulerConfig *config);

  /* The list of timesteps, and of sigmas, becomes one of evaluations. NULL: it is. */
  void (*arrange) (DdpmSampler *sampler);

  /* Completes a sampler that has its levels. NULL: nothing to do. */
  gboolean (*prepare) (DdpmSampler *sampler, GError **error);

  /* As ddpm_sampler_can_begin; NULL: with any. */
  gboolean (*can_begin) (const DdpmSampler *sampler, guint step);

  /* As ddpm_sampler_step_needs_noise; NULL: never. */
  gboolean (*needs_noise) (const DdpmSampler *sampler, guint step);

  /* As ddpm_sampler_step. */
  void (*step) (const DdpmSampler *sampler, guint step, guint n_past, const DdpmSamplerPiece *piece);
} DdpmSamplerClass;

/* x = signal x_0 + spread epsilon. */
typedef struct
{
  float signal; /* sqrt (alpha_bar) */
  float spread; /* sqrt (1 - alpha_bar) */
} DdpmLevel;

struct _DdpmSampler
{
  const DdpmSamplerClass *klass;
  DdpmSchedulerConfig config;
  DdpmSchedule *schedule;
  float *timesteps;  /* [n_timesteps] */
  double *sigmas;    /* [n_timesteps + 1]: spread / signal before each step and at the end; NULL: integers */
  DdpmLevel *levels; /* [n_timesteps]: of x before each step */
  DdpmLevel *leads_to; /* [n_timesteps]: of x after each step */
  guint n_timesteps;
  guint n_states;    /* planes */
  guint order;       /* ddpm_sampler_get_order */
  float start_scale; /* of the noise that a run begins with */
  gboolean own_list; /* timesteps were given, not made by spacing */
  guint n_steps;     /* as asked for; DDIM's stride depends on it. 0 with an own list */
  double eta;
  gboolean use_clipped_model_output;
  DdpmLangevinOptions langevin;
};

extern const DdpmSamplerClass ddpm_sampler_class_ddpm;
extern const DdpmSamplerClass ddpm_sampler_class_ddim;
extern const DdpmSamplerClass ddpm_sampler_class_pndm;
extern const DdpmSamplerClass ddpm_sampler_class_lms;
extern const DdpmSamplerClass ddpm_sampler_class_euler;
extern const DdpmSamplerClass ddpm_sampler_class_euler_ancestral;
extern const DdpmSamplerClass ddpm_sampler_class_heun;
extern const DdpmSamplerClass ddpm_sampler_class_dpmpp_2m;
extern const DdpmSamplerClass ddpm_sampler_class_dpmpp_2m_sde;
extern const DdpmSamplerClass ddpm_sampler_class_unipc;
extern const DdpmSamplerClass ddpm_sampler_class_langevin;

static inline DdpmLevel
ddpm_level_from_alpha_bar (float alpha_bar)
{
  return (DdpmLevel) { sqrtf (alpha_bar), sqrtf (1.0f - alpha_bar) };
}

/* alpha_bar at a step whose timestep is an integer. */
static inline float
ddpm_sampler_get_alpha_bar (const DdpmSampler *sampler, guint step)
{
  return sampler->schedule->alpha_bar[(guint) sampler->timesteps[step]];
}

/* timesteps.c: errors as those of ddpm_sampler_new. */
gboolean ddpm_sampler_set_timesteps_by_spacing (DdpmSampler *sampler, guint n_steps, GError **error);
gboolean ddpm_sampler_set_own_timesteps (DdpmSampler *sampler, const guint *timesteps, guint n_timesteps,
                                         GError **error);

/* sigmas.c: sigmas of the timesteps; Karras' and exponential ones make the timesteps anew. */
void ddpm_sampler_set_sigmas (DdpmSampler *sampler);

/* How many timesteps a sampler may use: all, but for those that lambda_min_clipped cuts off. */
guint ddpm_sampler_count_usable_timesteps (const DdpmSampler *sampler);

/* A step that is a sum: x becomes `x` times itself, and said[j] times what was said j steps before (x_0 or
 * epsilon; 0 is now), and `noise` times noise. */
typedef struct
{
  gboolean of_x0; /* it is x_0 that was said, else epsilon */
  guint n_said;   /* 1 … n_past + 1 */
  double x, said[4], noise;
} DdpmSum;

/* multistep.c: takes it; what is said now goes to the sampler's planes, a ring of n_states. */
void ddpm_sampler_take_sum (const DdpmSampler *sampler, guint step, guint n_past, const DdpmSum *sum,
                            const DdpmSamplerPiece *piece);

/* Along the probability flow with a constant epsilon, from one level to another: x becomes *x times itself
 * and *epsilon times that. */
static inline void
ddpm_level_get_transfer (DdpmLevel from, DdpmLevel to, double *x, double *epsilon)
{
  *x = (double) to.signal / from.signal;
  *epsilon = to.spread - *x * from.spread;
}

/* How one value of the network's output is read at a step (SCHEDULERS.md, "Prediction types"). */
typedef struct
{
  DdpmPrediction type;
  DdpmLevel level;
  float mu_x0, mu_x_t; /* mu's parts of x_0 and x_t */
  float limit;         /* x0 is kept within -limit … limit; infinity: not clipped */
  float divisor;       /* and then divided by this */
} DdpmPredictionReader;

/* threshold: of this step, where ddpm_sampler_needs_threshold. */
DdpmPredictionReader ddpm_prediction_reader_new (const DdpmSampler *sampler, guint step, float threshold);

/* x0, clipped. NaN stays NaN, so that a broken network shows. */
static inline float
ddpm_prediction_read_x0 (const DdpmPredictionReader *reader, float output, float x)
{
  float x0 = output;

  if (reader->type == DDPM_PREDICT_EPSILON)
    x0 = (x - reader->level.spread * output) / reader->level.signal;
  else if (reader->type == DDPM_PREDICT_V)
    x0 = reader->level.signal * x - reader->level.spread * output;
  else if (reader->type == DDPM_PREDICT_MU)
    x0 = (output - reader->mu_x_t * x) / reader->mu_x0;
  if (x0 > reader->limit)
    x0 = reader->limit;
  else if (x0 < -reader->limit)
    x0 = -reader->limit;
  return x0 / reader->divisor;
}

/* epsilon that goes with the x0 before clipping; with mu, whose errors count 1 / beta times in it, with the
 * x0 after that. */
static inline float
ddpm_prediction_read_epsilon (const DdpmPredictionReader *reader, float output, float x)
{
  if (reader->type == DDPM_PREDICT_SAMPLE)
    return (x - reader->level.signal * output) / reader->level.spread;
  if (reader->type == DDPM_PREDICT_V)
    return reader->level.signal * output + reader->level.spread * x;
  if (reader->type == DDPM_PREDICT_MU)
    return (x - reader->level.signal * ddpm_prediction_read_x0 (reader, output, x)) / reader->level.spread;
  return output;
}

G_END_DECLS
