/* A dataset without files. */
#pragma once

#include "core/data/dataset-private.h"

/* value: of a picture at a place in [n_channels][height][width]. Nothing is read later. */
static inline DdpmDataset *
dataset_new_filled (guint n_pictures, guint n_channels, guint width, guint height,
                    guint8 (*value) (guint picture, guint place))
{
  const DdpmPictureStoreOptions options = { .memory_bytes = G_MAXINT };
  const guint n_bytes = n_channels * width * height;
  g_autofree gsize *sizes = g_new (gsize, n_pictures);
  g_autoptr (GFile) folder = g_file_new_for_path ("/");
  DdpmDataset *dataset = g_new0 (DdpmDataset, 1);

  dataset->n_pictures = n_pictures;
  dataset->n_channels = n_channels;
  dataset->width = width;
  dataset->height = height;
  dataset->premultiplied = n_channels == 4;
  dataset->pictures = g_new (DdpmDatasetPicture, n_pictures);
  dataset->inner = ddpm_dataset_inner_new (folder, &(DdpmFit) { .width = width, .height = height });
  for (guint i = 0; i < n_pictures; i++)
    {
      dataset->pictures[i] = (DdpmDatasetPicture) { width, height };
      sizes[i] = n_bytes;
    }
  dataset->inner->store = ddpm_picture_store_new (n_pictures, sizes, &options);
  for (guint i = 0; i < n_pictures; i++)
    {
      guint8 *values = g_new (guint8, n_bytes);

      for (guint v = 0; v < n_bytes; v++)
        values[v] = value (i, v);
      ddpm_picture_store_put (dataset->inner->store, i, values);
    }
  return dataset;
}
