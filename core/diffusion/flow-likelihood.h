/* The likelihood of pictures by the probability flow: Song et al. 2021, "Score-based generative modeling
 * through stochastic differential equations", section 4.3 and appendix D.2.
 *
 * In y = x / signal and sigma = spread / signal a picture follows dy = epsilon dsigma to its latent, and the
 * density changes along by d ln p = -div epsilon dsigma. The divergence is estimated as theirs is (Skilling's
 * and Hutchinson's): v J v for a vector v of random signs, which is right on average. J v is a central
 * difference of the network, which needs no gradient. */
#pragma once

#include "core/diffusion/schedule.h"

G_BEGIN_DECLS

/* output[n_pictures][n]: what the network says (of epsilon, x_0, v or mu) of x[n_pictures][n] at timestep t,
 * which may be a fraction. FALSE ends it all, with an error. */
typedef gboolean (*DdpmFlowFunc) (const float *x, float t, float *output, gpointer user_data, GError **error);

typedef struct
{
  const DdpmSchedulerConfig *config; /* the schedule and what the network predicts */
  guint n_steps;                     /* 2 … T; each takes 6 evaluations. The error falls as n_steps^-2 */
  guint n_pictures;                  /* that the network sees at once */
  gsize n;                           /* floats of one */
  DdpmFlowFunc func;
  gpointer user_data;
} DdpmFlowOptions;

/* nats[n_pictures]: -ln of the density of the pictures x0[n_pictures][n], as of those with timestep 0's
 * noise. signs[n_pictures][n]: v, each 1 or -1. Pictures of bytes should have noise of one byte's width
 * added, and then take nats / (n ln 2) + log2 (127.5) bits per value. Errors: those of func, DDPM_ERROR_USAGE
 * (n_steps). */
gboolean ddpm_flow_get_nats (const DdpmFlowOptions *options, const float *x0, const float *signs,
                             double *nats, GError **error);

G_END_DECLS
