/* The pictures of a finished run as layers of an image. */
#pragma once

#include "plugin/run.h"

G_BEGIN_DECLS

typedef struct
{
  GimpImage *image;     /* NULL: a new one of the pictures' size is made */
  GimpLayer *above;     /* the new layers lie directly above it; NULL: on top of all */
  GeglRectangle bounds; /* image coordinates; the pictures are centred in it */
  gboolean in_group;    /* in a layer group of their own */
} DdpmPlace;

/* Inserts all pictures in one undo step, the first lowest, named after model and seed, with the settings of
 * each as JSON in its parasite "ddpm-settings". place->image is set where it was NULL. Returns the layers in
 * the pictures' order, NULL-terminated; the caller frees the array. Errors: DDPM_ERROR_USAGE when the image
 * has been closed or cannot take layers. */
GimpLayer **ddpm_layers_insert (DdpmRun *run, const DdpmArguments *arguments, DdpmPlace *place,
                                GError **error);

/* FALSE for an image that was closed, or has a floating selection that keeps layers from being added: to be
 * asked before anything is computed. */
gboolean ddpm_image_can_take_layers (GimpImage *image, GError **error);

/* One sentence unless `drawables` holds exactly n layers (no masks, no channels). Errors: DDPM_ERROR_USAGE.
 */
gboolean ddpm_drawables_check (GimpDrawable **drawables, guint n, GError **error);

G_END_DECLS
