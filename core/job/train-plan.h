/* What a training run is going to do: options, network, schedule and pictures, nothing left open. Stored
 * beside the checkpoint as output/training/options.json, so that a resumed run does the same. */
#pragma once

#include "core/job/train-job.h"

G_BEGIN_DECLS

typedef struct
{
  DdpmTrainOptions options;
  DdpmUnetConfig config; /* while training; the model's pictures wrap around as its notes say */
  DdpmSchedulerConfig scheduler;
  DdpmModelNotes notes;
  DdpmDataset *dataset;
  guint32 *labels;              /* of each picture, its row of the class table; NULL: none has a label */
  guint32 *training, *held_out; /* [n_training], at least one, and [n_held_out]: numbers of pictures */
  guint n_training, n_held_out;
  guint64 fingerprint; /* of all data: pictures, labels, and what is held out */
  DdpmUnet *unet;
  DdpmModel *from;    /* --from, opened without its weights, when they are where this run begins; else NULL */
  guint64 first_step; /* steps done before this run */
  guint sample_columns;     /* a sample grid is a square of this many */
  gboolean recompute;       /* values inside blocks are computed again, not kept */
  gboolean must_accumulate; /* options.accumulate is what memory made necessary */
  DdpmTrainOrigin origin;
  DdpmTrainHints hints;
  gboolean flip_is_proposed, crop_is_proposed; /* switched on because pictures are few */
  double pictures_per_s;                       /* trained on by this machine; 0: not known */
  double made_per_s;                           /* passes of samples, each of one picture, when the above is */
  double decode_s; /* to decode a picture when training first sees it; 0: they are all decoded */
  double slowdown; /* by what else was running at that moment: 1 or more */
  gsize peak_bytes, peak_kept_bytes; /* of memory: as decided; and if everything were kept */
} DdpmTrainSetup;

/* Decides everything; reads the pictures, and the model of --from or what was stored. Writes nothing.
 * Errors: DDPM_ERROR_*, G_IO_ERROR_CANCELLED. */
DdpmTrainSetup *ddpm_train_setup_new (const DdpmTrainOptions *options, DdpmDatasetProgressFunc func,
                                      gpointer user_data, GCancellable *cancellable, GError **error);
void ddpm_train_setup_free (DdpmTrainSetup *setup);

/* FALSE, with a sentence, when the folder holds a model or a training already. */
gboolean ddpm_train_check_output (GFile *output, GError **error);

/* Files of a run's folder. Caller unrefs. */
GFile *ddpm_train_get_options_file (GFile *output); /* training/options.json */
GFile *ddpm_train_get_state_file (GFile *output);   /* training/state.safetensors */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmTrainSetup, ddpm_train_setup_free)

G_END_DECLS
