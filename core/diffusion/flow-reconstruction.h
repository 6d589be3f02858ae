/* How closely a picture comes back from its latent: it is inverted by the steps of DDIM and sampled again by
 * the same ones (Song et al. 2021, "Denoising diffusion implicit models", section 5.4 and table 2). Inversion
 * asks the network once for each step, with the guess of core/diffusion/sampler.h; x_0 is clipped on neither
 * way. */
#pragma once

#include "core/diffusion/flow.h"

G_BEGIN_DECLS

/* Evaluations for each step, there and back. */
#define DDPM_FLOW_RECONSTRUCTION_EVALUATIONS 2

/* squares[n_pictures]: the sum of the squared differences, in units of -1 … 1, of what becomes of
 * x0[n_pictures][n], brought into that range, from the pictures. Errors: those of func, DDPM_ERROR_USAGE (the
 * number of steps, a schedule that leaves nothing of a picture at its last timestep), DDPM_ERROR_MEMORY. */
gboolean ddpm_flow_reconstruct (const DdpmFlowOptions *options, const float *x0, double *squares,
                                GError **error);

G_END_DECLS
