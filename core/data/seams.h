/* Whether a picture's opposite edges meet, as those of a texture do that is laid like tiles. */
#pragma once

#include "core/data/image.h"

G_BEGIN_DECLS

typedef enum
{
  DDPM_SEAMS_FLAT,  /* nothing happens along the edges, as with a figure on a plain ground: they tell nothing
                     */
  DDPM_SEAMS_MEET,  /* across the edges it goes on about as smoothly as beside them */
  DDPM_SEAMS_BROKEN /* it does not, in at least one direction */
} DdpmSeams;

/* At least 4 x 4 pixels; smaller pictures are FLAT. */
DdpmSeams ddpm_image_get_seams (const DdpmImage *image);

G_END_DECLS
