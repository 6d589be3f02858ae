/* A Laplacian pyramid: a picture as what each scale adds to the next coarser one (Burt and Adelson 1983, "The
 * Laplacian pyramid as a compact image code", with their filter 1 4 6 4 1). Beyond an edge a plane goes on
 * mirrored at its last pixel. Planes are [height][width] floats, of 3 pixels and more on each side. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The side of the next coarser plane. */
guint ddpm_pyramid_get_coarser (guint side);

/* Floats of scratch that the functions below need. */
gsize ddpm_pyramid_get_n_scratch (guint height, guint width);

/* coarse[coarser height][coarser width]: the plane blurred, then every second pixel of it. */
void ddpm_pyramid_reduce (const float *plane, guint height, guint width, float *coarse, float *scratch);

/* detail[height][width]: what the plane has that its coarse one, enlarged again, does not have. */
void ddpm_pyramid_subtract (const float *plane, guint height, guint width, const float *coarse, float *detail,
                            float *scratch);

G_END_DECLS
