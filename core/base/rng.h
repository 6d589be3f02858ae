/* Random numbers by counter: Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as
 * easy as 1, 2, 3").
 *
 * There is no state. A number is a function of (seed, purpose, index, step, position), so
 * picture i gets the same noise alone or in a batch and on any number of threads, and a resumed
 * training run goes on bit for bit. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a stream is used for; two purposes never share numbers. Values are part of what a seed
 * means: append, never renumber. */
typedef enum
{
  DDPM_RNG_WEIGHTS = 1,        /* initial weights; index = number of the parameter */
  DDPM_RNG_LATENT = 2,         /* x_T, or the noise of q (x_t | x_0); index = picture */
  DDPM_RNG_STEP = 3,           /* z of a sampler's step; index = picture, step = step of the run */
  DDPM_RNG_TRAIN_SHUFFLE = 4,  /* order of the pictures; index = epoch */
  DDPM_RNG_TRAIN_TIMESTEP = 5, /* t; index = training step */
  DDPM_RNG_TRAIN_NOISE = 6,    /* epsilon; index = training step, step = place in the batch */
  DDPM_RNG_TRAIN_AUGMENT = 7,  /* views of pictures; index = training step, step = place in the batch */
  DDPM_RNG_DROPOUT = 8,        /* masks; index = training step, step = layer * 65536 + channel */
  DDPM_RNG_TRAIN_LABEL = 9,    /* whether it is dropped; index = training step, step = place in the batch */
  DDPM_RNG_EVALUATE_TIMESTEP = 10, /* t; index = picture */
  DDPM_RNG_EVALUATE_NOISE = 11,    /* epsilon; index = picture, step = t */
  DDPM_RNG_EVALUATE_PART = 12,     /* of a picture; index = picture */
  DDPM_RNG_KNOWN = 13,             /* of what a fill keeps; index = picture, step = step of the run */
  DDPM_RNG_RENOISE = 14,           /* back up in a fill; index = picture, step = step of the run */
  DDPM_RNG_COMMON =
    15, /* of a canvas larger than the model's pictures; index = picture, step = step of the run */
  DDPM_RNG_DISTANCE_PLACE = 16,     /* in pictures that are compared; index = level of the pyramid */
  DDPM_RNG_DISTANCE_DIRECTION = 17, /* to compare along; index = direction, step = level of the pyramid */
  DDPM_RNG_EVALUATE_BYTES = 18,     /* where in its byte's width a value lies; index = picture */
  DDPM_RNG_EVALUATE_SIGNS = 19,     /* to estimate a trace with; index = picture */
  DDPM_RNG_LABEL = 20,              /* that is drawn; index = picture */
  DDPM_RNG_STUDY_ORDER = 21         /* of a folder's pictures, of which some are taken */
} DdpmRngPurpose;

/* Names one stream. */
typedef struct
{
  guint32 seed;
  DdpmRngPurpose purpose;
  guint64 index;
  guint32 step;
} DdpmRngKey;

/* out[n]: 32 random bits each. */
void ddpm_rng_u32 (DdpmRngKey key, guint32 *out, gsize n);

/* out[n]: uniform in [0, 1), 24 bits. */
void ddpm_rng_uniform (DdpmRngKey key, float *out, gsize n);

/* The same stream from its number `first` on, a multiple of 4. */
void ddpm_rng_uniform_from (DdpmRngKey key, gsize first, float *out, gsize n);

/* out[n]: standard normal, by Box and Muller's transform. */
void ddpm_rng_normal (DdpmRngKey key, float *out, gsize n);

/* The same stream from its number `first` on, a multiple of 4. */
void ddpm_rng_normal_from (DdpmRngKey key, gsize first, float *out, gsize n);

/* One integer, uniform in 0 … bound-1 (bound >= 1), the stream's number `position`. */
guint32 ddpm_rng_below (DdpmRngKey key, guint32 position, guint32 bound);

/* order[n] becomes a random permutation of 0 … n-1 (Fisher and Yates). */
void ddpm_rng_permutation (DdpmRngKey key, guint32 *order, guint32 n);

G_END_DECLS
