/* How closely a picture comes back from its latent: it is inverted by the steps of DDIM and sampled again by
 * the same ones (Song et al. 2021, "Denoising diffusion implicit models", section 5.4 and table 2). Steps are
 * equal and go all the way to the last timestep. Inversion asks the network once for each of them, with the
 * guess of core/diffusion/sampler.h; x_0 is clipped on neither way. */
#pragma once

#include "core/diffusion/flow.h"

G_BEGIN_DECLS

/* Evaluations for each step, there and back. */
#define DDPM_FLOW_RECONSTRUCTION_EVALUATIONS 2

/* FALSE, with a sentence, for numbers of steps other than 1 … T, and for a schedule that leaves nothing of a
 * picture at its last timestep. Errors: DDPM_ERROR_USAGE. */
gboolean ddpm_flow_check_reconstruction (const DdpmSchedulerConfig *config, guint n_steps, GError **error);

/* squares[n_pictures]: the sum of the squared differences, in units of -1 … 1, of what becomes of
 * x0[n_pictures][n], brought into that range, from the pictures. Errors: those of func and the above,
 * DDPM_ERROR_MEMORY. */
gboolean ddpm_flow_reconstruct (const DdpmFlowOptions *options, const float *x0, double *squares,
                                GError **error);

G_END_DECLS
