/* Making a part of a picture anew with a model that was never trained for it: what is known is put in place
 * before every step, as noisy as what is made is by then, and the sampler goes back and forth
 * (ddpm_sampler_jump_back) so that both agree (RePaint, Lugmayr et al. 2022, algorithm 1).
 *
 * A mask has one value for each pixel of a tensor's channels: 0 known, 1 made anew. One between is known down
 * to timestep value T and made anew from there on: it keeps its coarse looks and gets details that fit
 * (Levin and Fried 2023, "Differential diffusion", section 3).
 *
 * In these functions known[n], noise[n] and the like are the values from number `first` on of tensors of
 * channels of n_pixels each; mask[n_pixels] is whole. */
#pragma once

#include "core/diffusion/sampler.h"

G_BEGIN_DECLS

/* Where it is known, x[n] before a step that a run may begin with becomes q (x | known) (equation 8a).
 * noise[n]: standard normal. */
void ddpm_mask_impose (const DdpmSampler *sampler, guint step, const float *mask, gsize n_pixels, gsize first,
                       const float *known, const float *noise, float *x, gsize n);

/* estimate[n] of x_0 becomes `known` where nothing is made anew. */
void ddpm_mask_keep (const float *mask, gsize n_pixels, gsize first, const float *known, float *estimate,
                     gsize n);

G_END_DECLS
