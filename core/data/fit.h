/* From a picture of any size to what is kept of it to train on. */
#pragma once

#include "core/data/image.h"

G_BEGIN_DECLS

typedef enum
{
  DDPM_FIT_MIDDLE, /* scaled to cover the window, which then is its middle */
  DDPM_FIT_PARTS,  /* scaled down to `shorter_side`; it covers the window and may be larger */
  /* For pictures whose opposite sides meet: */
  DDPM_FIT_TILE, /* the window holds the whole picture, or an even number of them side by side where their
                  * proportions differ much */
  DDPM_FIT_TILE_PARTS /* scaled down to `shorter_side`; it may be larger or smaller than the window */
} DdpmFitKind;

typedef struct
{
  DdpmFitKind kind;
  guint width, height; /* pixels of the window through which the network sees pictures */
  guint shorter_side;  /* pixels; pictures that are smaller stay as they are */
} DdpmFit;

/* Whether opposite sides meet. */
gboolean ddpm_fit_wraps (DdpmFitKind kind);

/* The size that is kept of a picture of this one. */
void ddpm_fit_get_size (const DdpmFit *fit, guint width, guint height, guint *fitted_width,
                        guint *fitted_height);

/* By how much (1, 2, 4, 8) a picture of that size may be reduced before it is fitted: what is kept is smaller
 * still. */
guint ddpm_fit_get_reduction (const DdpmFit *fit, guint width, guint height);

/* A new picture of the size that is kept of one of width x height, from that one or what it was reduced to;
 * aborts without memory. */
DdpmImage *ddpm_fit_apply (const DdpmFit *fit, const DdpmImage *image, guint width, guint height);

G_END_DECLS
