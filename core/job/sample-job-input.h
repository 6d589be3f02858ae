/* How a sampling job brings pictures of any kind to its model, and the model's results back to the pictures.
 */
#pragma once

#include "core/data/image.h"

G_BEGIN_DECLS

/* tensor[n_channels][height][width] in [-1, 1] of a picture scaled to width x height pixels. Where the model
 * has no alpha the picture's colours are taken as if it had none either: ddpm_sample_restore puts its alpha
 * back later. Caller frees. */
float *ddpm_sample_make_tensor (const DdpmImage *image, guint n_channels, guint height, guint width,
                                gboolean premultiplied);

/* The model's `result` in the size of inputs[0]; where an input has alpha and the result has none, with the
 * inputs' alpha, mixed as (1 - lambda) inputs[0] + lambda inputs[1]. inputs[1] may be NULL. Takes `result`;
 * caller frees. */
DdpmImage *ddpm_sample_restore (DdpmImage *result, const DdpmImage *const inputs[2], double lambda);

G_END_DECLS
