/* Where the values and gradients of a pass lie. Every one has an interval of time in which it is needed, and
 * two that are not needed at the same time may share a place. Private to core/nn. */
#pragma once

#include "core/nn/unet-sweep.h"

/* Offsets are floats from the arena's start; a part of another tensor lies inside it. */
typedef struct
{
  gsize *values;       /* [n_tensors]: in the forward pass */
  gsize *values_again; /* [n_tensors]: in the backward pass; elsewhere where a value is recomputed */
  gsize *grads;        /* [n_tensors]: training only */
  UnetSweep sweep;     /* the backward pass; empty in inference */
  gsize n_floats;
} UnetPlaces;

void unet_places_init (UnetPlaces *places, const DdpmUnet *unet, const DdpmPassOptions *options);
void unet_places_clear (UnetPlaces *places);
