/* What the samplers' files share. A new sampler is a file with one DdpmSamplerClass, listed in sampler.c. */
#pragma once

#include "core/diffusion/sampler.h"

G_BEGIN_DECLS

typedef struct
{
  DdpmSamplerKind kind;
  const char *name; /* as users write it */

  gboolean (*needs_noise) (const DdpmSampler *sampler, guint step);

  /* As ddpm_sampler_step; x0 may be NULL. */
  void (*step) (const DdpmSampler *sampler, guint step, const float *model_output, const float *variance,
                const float *noise, float *x, float *x0, gsize n);
} DdpmSamplerClass;

struct _DdpmSampler
{
  const DdpmSamplerClass *klass;
  DdpmSchedulerConfig config;
  DdpmSchedule *schedule;
  guint *timesteps; /* descending */
  guint n_timesteps;
  gboolean own_list; /* timesteps were given, not made by spacing */
  guint n_steps;     /* as asked for; DDIM's stride depends on it. 0 with an own list */
  double eta;
  gboolean use_clipped_model_output;
};

extern const DdpmSamplerClass ddpm_sampler_class_ddpm;
extern const DdpmSamplerClass ddpm_sampler_class_ddim;

/* How one value of the network's output is read at a timestep (SCHEDULERS.md, "Prediction types"). */
typedef struct
{
  DdpmPrediction type;
  float signal;        /* sqrt (alpha_bar) */
  float spread;        /* sqrt (1 - alpha_bar) */
  float mu_x0, mu_x_t; /* mu's parts of x_0 and x_t */
  float limit;         /* x0 is kept within -limit … limit; infinity: not clipped */
} DdpmPredictionReader;

DdpmPredictionReader ddpm_prediction_reader_new (const DdpmSampler *sampler, guint t);

/* x0, clipped. NaN stays NaN, so that a broken network shows. */
static inline float
ddpm_prediction_read_x0 (const DdpmPredictionReader *reader, float output, float x)
{
  float x0 = output;

  if (reader->type == DDPM_PREDICT_EPSILON)
    x0 = (x - reader->spread * output) / reader->signal;
  else if (reader->type == DDPM_PREDICT_V)
    x0 = reader->signal * x - reader->spread * output;
  else if (reader->type == DDPM_PREDICT_MU)
    x0 = (output - reader->mu_x_t * x) / reader->mu_x0;
  if (x0 > reader->limit)
    return reader->limit;
  return x0 < -reader->limit ? -reader->limit : x0;
}

/* epsilon that goes with the x0 before clipping; with mu, whose errors count 1 / beta times in it, with the
 * x0 after that. */
static inline float
ddpm_prediction_read_epsilon (const DdpmPredictionReader *reader, float output, float x)
{
  if (reader->type == DDPM_PREDICT_SAMPLE)
    return (x - reader->signal * output) / reader->spread;
  if (reader->type == DDPM_PREDICT_V)
    return reader->signal * output + reader->spread * x;
  if (reader->type == DDPM_PREDICT_MU)
    return (x - reader->signal * ddpm_prediction_read_x0 (reader, output, x)) / reader->spread;
  return output;
}

G_END_DECLS
