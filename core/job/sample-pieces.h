/* A mask's pieces: what a fill makes one after the other, each with what lies around it. */
#pragma once

#include "core/data/image.h"

G_BEGIN_DECLS

/* A rectangle of a picture, pixels. */
typedef struct
{
  guint x, y, width, height;
} DdpmRect;

/* How many pixels of a picture of the size of `mask` go into one of a model's for a piece: with as much again
 * around it on each side as it is large itself, but not less than the model's size shows at 1, nor more than
 * there is. model: its size, pixels (x and y are not looked at). */
double ddpm_piece_get_scale (const DdpmRect *piece, const DdpmImage *mask, const DdpmRect *model);

/* The connected parts of what is above 0 in a mask of one channel, as the rectangles around them, from top to
 * bottom. Those that overlap are one, and those that the model may as well see at once. Array of DdpmRect,
 * empty if the mask is; caller frees. */
GArray *ddpm_pieces_find (const DdpmImage *mask, const DdpmRect *model);

G_END_DECLS
