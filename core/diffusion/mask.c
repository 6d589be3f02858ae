#include "core/diffusion/mask.h"

void
ddpm_mask_impose (const DdpmSampler *sampler, guint step, const float *mask, gsize n_pixels, gsize first,
                  const float *known, const float *noise, float *x, gsize n)
{
  guint n_timesteps;
  const float *timesteps = ddpm_sampler_get_timesteps (sampler, &n_timesteps);
  const float limit = timesteps[step] / (float) ddpm_sampler_get_schedule (sampler)->n_timesteps;
  double signal, spread;

  ddpm_sampler_get_level (sampler, step, &signal, &spread);
  for (gsize i = 0; i < n; i++)
    if (mask[(first + i) % n_pixels] <= limit)
      x[i] = (float) signal * known[i] + (float) spread * noise[i];
}

void
ddpm_mask_keep (const float *mask, gsize n_pixels, gsize first, const float *known, float *estimate, gsize n)
{
  for (gsize i = 0; i < n; i++)
    if (mask[(first + i) % n_pixels] <= 0)
      estimate[i] = known[i];
}
