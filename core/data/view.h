/* What the network sees of a picture: which part, how it is turned, and what was done to it. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The part of a picture that begins at (x, y), mirrored left to right, then top to bottom, then turned
 * clockwise (a square one, unless by half turns). Zero: the upper left part as it is.
 *
 * Before that the picture may be turned and scaled around the part's middle, and its colours changed. What
 * then lies beyond its edges is its mirror image, or its other end where it wraps around. */
typedef struct
{
  guint x, y; /* pixels */
  gboolean flip, flip_vertical;
  guint quarter_turns; /* 0 … 3 */
  float angle;         /* degrees, clockwise */
  float zoom;          /* above 1: less is seen, and larger; 0 counts as 1 */
  /* Of a colour c in 0 … 1: m its brightness, so that greys stay grey; results are limited to 0 … 1. */
  float brightness; /* added to m */
  float contrast;   /* m, after that, is 0.5 + (m - 0.5) exp2 (contrast) */
  float saturation; /* (c - m) exp2 (saturation) */
  float hue;        /* degrees by which c - m is turned around the axis of greys */
} DdpmView;

/* A picture of 8 bits. */
typedef struct
{
  const guint8 *values; /* [n_channels][height][width]; four channels: premultiplied */
  guint n_channels;     /* 1, 3 or 4 */
  guint width, height;  /* pixels */
  gboolean wraps;       /* it goes on with its other end beyond an edge */
} DdpmViewedPicture;

/* tensor[n_channels][height][width] in [-1, 1]: as much as that of the picture. Values between pixels are
 * linear in premultiplied colours, and averages over what a pixel covers where the view makes things smaller.
 */
void ddpm_view_show (const DdpmView *view, const DdpmViewedPicture *picture, guint width, guint height,
                     float *tensor);

G_END_DECLS
