/* Pictures that are followed along the probability flow, the deterministic way from a picture to its latent
 * and back (Song et al. 2021, "Score-based generative modeling through stochastic differential equations",
 * section 4.3). */
#pragma once

#include "core/diffusion/schedule.h"

G_BEGIN_DECLS

/* output[n_pictures][n]: what the network says (of epsilon, x_0, v or mu) of x[n_pictures][n] at timestep t,
 * which may be a fraction. FALSE ends it all, with an error. */
typedef gboolean (*DdpmFlowFunc) (const float *x, float t, float *output, gpointer user_data, GError **error);

typedef struct
{
  const DdpmSchedulerConfig *config; /* the schedule and what the network predicts */
  guint n_steps;                     /* at most T */
  guint n_pictures;                  /* that the network sees at once */
  gsize n;                           /* floats of one */
  DdpmFlowFunc func;
  gpointer user_data;
} DdpmFlowOptions;

G_END_DECLS
