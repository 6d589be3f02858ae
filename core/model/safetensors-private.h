/* An opened file inside, for this folder's own use. */
#pragma once

#include "core/model/safetensors.h"

struct _DdpmSafetensors
{
  GMappedFile *map;     /* NULL: in pieces */
  GPtrArray *pieces;    /* of DdpmSafetensors, which own the tensors' names; NULL: one file */
  GArray *tensors;      /* DdpmTensor, in the order of their data */
  GHashTable *by_name;  /* name -> DdpmTensor, owned by tensors */
  GHashTable *metadata; /* name -> string */
};
