/* What a training run learns from: its pictures, their labels, and which of them are held out. */
#pragma once

#include "core/job/train-plan.h"

G_BEGIN_DECLS

/* How setup->dataset is read. */
typedef struct
{
  DdpmDatasetProgressFunc func; /* or NULL */
  gpointer user_data;
  GCancellable *cancellable; /* or NULL */
} DdpmTrainReading;

/* Sets setup->dataset as the options say. multiple: of it the sides have to be. Errors: DDPM_ERROR_*,
 * G_IO_ERROR_CANCELLED. */
gboolean ddpm_train_data_load (DdpmTrainSetup *setup, guint multiple, DdpmPixels pixels,
                               const DdpmTrainReading *reading, GError **error);

/* Looks for labels, where they are asked for, and gives the network a row for each and one for none. Errors:
 * DDPM_ERROR_USAGE. */
gboolean ddpm_train_data_find_labels (DdpmTrainSetup *setup, GError **error);

/* What is held out, labels of the pictures, and the fingerprint of all that the run learns from. */
void ddpm_train_data_complete (DdpmTrainSetup *setup);

/* The kind of pictures that has 1, 3 or 4 channels. */
DdpmPixels ddpm_train_get_pixels (guint n_channels);

G_END_DECLS
