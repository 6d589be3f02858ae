/* What a sampling job's picture begins with.
 *
 * Random numbers belong to a picture, not to a place in a batch: picture i starts from the stream (seed,
 * LATENT, i) and takes (seed, STEP, i, k) in the sampler's step k. Interpolation uses the streams of picture
 * 0 for all, so that only the mixture differs. */
#pragma once

#include "core/base/rng.h"
#include "core/job/sample-job-private.h"

G_BEGIN_DECLS

DdpmRngKey ddpm_sample_get_noise_key (const DdpmSampleJob *job, DdpmRngPurpose purpose, guint index,
                                      guint step);

/* Noise of a new picture's canvas from value `begin` on: noise[n] gets what all of each channel has in
 * common.
 *
 * What a network makes of noise, its colours above all, follows from the mean of it. That of a canvas larger
 * than the network's pictures is so near to 0 that all would become the same grey, and parts that are far
 * from one another would have nothing in common. So each channel's mean is drawn as that of a picture of the
 * network's own size. key: of the noise. */
void ddpm_sample_add_common (const DdpmSampleJob *job, DdpmRngKey key, gsize begin, float *noise, gsize n);

/* x[n_values] of picture `index` as the run begins. ends: the job's inputs as tensors, or their latents where
 * it inverts them, [n_values] each, NULL where there is none. noise[n_values] and scratch[n_values] are
 * overwritten. */
void ddpm_sample_start_picture (const DdpmSampleJob *job, float *const ends[2], guint index, float *x,
                                float *noise, float *scratch);

G_END_DECLS
