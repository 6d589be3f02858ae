/* Pixels between GIMP's drawables and DdpmImage. */
#pragma once

#include <libgimp/gimp.h>

#include "core/ddpm.h"

G_BEGIN_DECLS

/* The part of a drawable that bounds says, in the drawable's own coordinates, as it is seen: grey drawables
 * give 1 or 2 channels, others 3 or 4, with alpha where the drawable has it or a layer mask that counts.
 * Every precision and profile is converted. */
DdpmImage *ddpm_drawable_read (GimpDrawable *drawable, const GeglRectangle *bounds);

/* How much of each pixel a mask or the selection lets through, 0 … 1, in one channel; nothing outside of it.
 */
DdpmImage *ddpm_mask_read (GimpDrawable *mask, const GeglRectangle *bounds);

/* Fills a drawable of the picture's size. On an 8-bit drawable the values are those of ddpm_image_save_png.
 */
void ddpm_drawable_write (GimpDrawable *drawable, const DdpmImage *picture);

G_END_DECLS
