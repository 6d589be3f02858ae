/* A batch of pictures, each at a timestep: what the network is shown, what it should say, and what it says.
 * Training and measuring both have one. */
#pragma once

#include "core/base/arena.h"
#include "core/base/rng.h"
#include "core/diffusion/objective.h"

G_BEGIN_DECLS

typedef struct
{
  guint size;       /* pictures */
  gsize n_picture;  /* floats of a picture … */
  gsize n_output;   /* … and of what the network says of it: as many, or twice as many with its variance */
  float *x0;        /* [size][n_picture] */
  float *x_t;       /* likewise; what the network sees */
  float *target;    /* likewise; what it should say (of the mean) */
  float *output;    /* [size][n_output]: what it says */
  float *timesteps; /* [size] */
  DdpmArena arena;
} DdpmViews;

/* Floats of the tensors of `size` pictures of n_picture floats. */
gsize ddpm_views_get_n_floats (const DdpmObjective *objective, guint size, gsize n_picture);

/* Errors: DDPM_ERROR_MEMORY. */
gboolean ddpm_views_init (DdpmViews *views, const DdpmObjective *objective, guint size, gsize n_picture,
                          GError **error);
void ddpm_views_clear (DdpmViews *views);

/* Picture `place`, whose x0 is there, comes to timestep t with the noise of `key`. Nothing is to be in its
 * output, which the noise is made in. */
void ddpm_views_add_noise (DdpmViews *views, const DdpmObjective *objective, guint place, guint t,
                           DdpmRngKey key);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmViews, ddpm_views_clear)

G_END_DECLS
