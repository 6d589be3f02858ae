/* What is behind a dataset's values; made by dataset-load.c, used by dataset.c. */
#pragma once

#include "core/data/dataset.h"
#include "core/data/image-probe.h"
#include "core/data/picture-store.h"

G_BEGIN_DECLS

struct _DdpmDatasetInner
{
  DdpmPictureStore *store;
  GFile *folder;
  DdpmFit fit;
  DdpmImageHeader *headers; /* [n_pictures] */

  GMutex lock;
  GCond changed;
  guint64 decoding_bytes; /* that pictures take which are being decoded */
  GHashTable *told;       /* indices of pictures that were found not to be readable */
  GQueue messages;        /* (char *) not told yet */
  GError *failure;        /* NULL: none */
};

DdpmDatasetInner *ddpm_dataset_inner_new (GFile *folder, const DdpmFit *fit);

/* Gives the dataset, complete otherwise, its store. */
void ddpm_dataset_open_store (DdpmDataset *dataset, const DdpmDatasetOptions *options);

G_END_DECLS
