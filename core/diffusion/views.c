#include "core/diffusion/views.h"

gsize
ddpm_views_get_n_floats (const DdpmObjective *objective, guint size, gsize n_picture)
{
  /* x0, x_t, target, output */
  return size * (3 * n_picture + ddpm_objective_get_n_outputs (objective, n_picture));
}

gboolean
ddpm_views_init (DdpmViews *views, const DdpmObjective *objective, guint size, gsize n_picture,
                 GError **error)
{
  const gsize n = size * n_picture;
  float *tensors;

  if (!ddpm_arena_init (&views->arena, ddpm_views_get_n_floats (objective, size, n_picture) * sizeof (float),
                        error))
    return FALSE;
  views->size = size;
  views->n_picture = n_picture;
  views->n_output = ddpm_objective_get_n_outputs (objective, n_picture);
  tensors = views->arena.base;
  views->x0 = tensors;
  views->x_t = tensors + n;
  views->target = tensors + 2 * n;
  views->output = tensors + 3 * n;
  views->timesteps = g_new0 (float, size);
  return TRUE;
}

void
ddpm_views_clear (DdpmViews *views)
{
  ddpm_arena_clear (&views->arena);
  g_clear_pointer (&views->timesteps, g_free);
}

void
ddpm_views_add_noise (DdpmViews *views, const DdpmObjective *objective, guint place, guint t, DdpmRngKey key)
{
  const gsize n = views->n_picture, at = place * n;
  float *noise = views->output + place * views->n_output;

  ddpm_rng_normal (key, noise, n);
  ddpm_schedule_add_noise (objective->schedule, t, views->x0 + at, noise, views->x_t + at, n);
  ddpm_objective_get_target (objective, t, views->x0 + at, views->x_t + at, noise, views->target + at, n);
  views->timesteps[place] = (float) t;
}
