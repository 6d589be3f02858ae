/* The pictures of a finished run as layers of an image. */
#pragma once

#include "plugin/record.h"
#include "plugin/run.h"

G_BEGIN_DECLS

typedef struct
{
  GimpImage *image;     /* NULL: a new one of the pictures' size is made */
  GimpLayer *above;     /* the new layers lie directly above it; NULL: on top of all */
  GeglRectangle bounds; /* image coordinates; the pictures are centred in it */
  gboolean in_group;    /* in a layer group of their own */
  gboolean are_frames;  /* named for GIMP's animation filters */
  DdpmOrigin origin;    /* for the layers' records */
  /* Of the pictures' size, borrowed: only what it does not hide of them becomes a layer, within origin.part.
   * NULL: all. */
  const DdpmImage *stencil;
} DdpmPlace;

/* Inserts all pictures in one undo step, the first lowest, named after model and seed, each with a record.
 * place->image is set where it was NULL. Returns the layers in the pictures' order, NULL-terminated; the
 * caller frees the array. Errors: DDPM_ERROR_USAGE when the image has been closed or cannot take layers. */
GimpLayer **ddpm_layers_insert (DdpmRun *run, const DdpmArguments *arguments, DdpmPlace *place,
                                GError **error);

/* FALSE for an image that was closed, or has a floating selection that keeps layers from being added: to be
 * asked before anything is computed. */
gboolean ddpm_image_can_take_layers (GimpImage *image, GError **error);

G_END_DECLS
