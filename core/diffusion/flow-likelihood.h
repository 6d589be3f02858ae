/* The likelihood of pictures by the probability flow: Song et al. 2021, "Score-based generative modeling
 * through stochastic differential equations", section 4.3 and appendix D.2.
 *
 * In y = x / signal and sigma = spread / signal a picture follows dy = epsilon dsigma to its latent, and the
 * density changes along by d ln p = -div epsilon dsigma. The divergence is estimated as theirs is (Skilling's
 * and Hutchinson's): v J v for a vector v of random signs, which is right on average. J v is a central
 * difference of the network, which needs no gradient. */
#pragma once

#include "core/diffusion/flow.h"

G_BEGIN_DECLS

/* Evaluations of the network from one of the n_steps levels of noise to the next. */
#define DDPM_FLOW_LIKELIHOOD_EVALUATIONS 6

/* nats[n_pictures]: -ln of the density of the pictures x0[n_pictures][n], as of those with timestep 0's
 * noise. signs[n_pictures][n]: v, each 1 or -1. Pictures of bytes should have noise of one byte's width
 * added, and then take ddpm_flow_get_bits bits per value. The error falls as n_steps^-2. Errors: those of
 * func, DDPM_ERROR_USAGE (n_steps, which are 2 at least). */
gboolean ddpm_flow_get_nats (const DdpmFlowOptions *options, const float *x0, const float *signs,
                             double *nats, GError **error);

/* Of n values of bytes. */
double ddpm_flow_get_bits (double nats, gsize n);

G_END_DECLS
