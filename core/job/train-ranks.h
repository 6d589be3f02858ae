/* Training in several processes at once. Each has a rank, 0 … n_ranks-1, all the weights, and a share of
 * every step's batch; their gradients are added up while the backward pass goes on, so that all make the same
 * update. Rank 0 alone writes.
 *
 * DdpmRanks is what a training needs of the others; who starts the processes and how they talk is the front
 * end's affair. All ranks call its functions in the same order with the same sizes, whatever happens to any
 * of them: what only one of them knows (a full disk, Ctrl-C) is told to the others by ddpm_ranks_agree before
 * it is acted upon. NULL, wherever a DdpmRanks is taken, is a training in one process. */
#pragma once

#include "core/nn/unet.h"

G_BEGIN_DECLS

typedef struct _DdpmRanks DdpmRanks;

/* Errors of all functions here: G_IO_ERROR_CLOSED when another process has gone; G_IO_ERROR_CANCELLED when
 * the cancellable was and the others do not answer. Every later call then fails in the same way at once. */
struct _DdpmRanks
{
  guint rank, n_ranks;
  guint n_local; /* of them on this machine, this one included */

  /* Begins to replace values[n] by their sums over all ranks, added in the order of the ranks: the same bytes
   * on all of them and in every run. The values belong to it until the next exchange has returned. */
  void (*begin_sum) (DdpmRanks *ranks, float *values, gsize n);

  /* all[n_ranks][n_bytes]: what each rank gave as mine[n_bytes]. All sums that were begun are complete. */
  gboolean (*exchange) (DdpmRanks *ranks, const void *mine, void *all, gsize n_bytes,
                        GCancellable *cancellable, GError **error);

  /* data[n_bytes] becomes what rank 0 has there. */
  gboolean (*broadcast) (DdpmRanks *ranks, void *data, gsize n_bytes, GCancellable *cancellable,
                         GError **error);

  /* Waits for the others to come here, too, unless they have gone; frees ranks. */
  void (*close) (DdpmRanks *ranks);
};

void ddpm_ranks_close (DdpmRanks *ranks);

/* Whether this process is the one that writes. */
gboolean ddpm_ranks_is_first (const DdpmRanks *ranks);

/* Threads of each process, where the user left them open: the processors of this machine are shared out. 0:
 * as many as there are. */
guint ddpm_ranks_choose_n_threads (const DdpmRanks *ranks);

/* The share of this rank in `whole` pictures: *size of them from *first on. Shares differ by one picture at
 * most. */
void ddpm_ranks_get_share (const DdpmRanks *ranks, guint whole, guint *first, guint *size);

/* All ranks succeed, or all fail with the error of the first that did, which says which one that was. `ok`
 * and *error: how this rank has fared. Calls of other functions that have failed for want of an answer from
 * the others are given back as they are. */
gboolean ddpm_ranks_agree (DdpmRanks *ranks, gboolean ok, GCancellable *cancellable, GError **error);

/* values[n]: each rank gives its share of them (ddpm_ranks_get_share) to all the others. */
gboolean ddpm_ranks_gather (DdpmRanks *ranks, double *values, guint n, GCancellable *cancellable,
                            GError **error);

/* Whether every rank has the same data[n_bytes]. Errors: DDPM_ERROR_NUMERIC, on all ranks, with the sentence
 * "Process 2 of 3 has " and how it goes on. */
gboolean ddpm_ranks_check_same (DdpmRanks *ranks, const char *sentence, const void *data, gsize n_bytes,
                                GCancellable *cancellable, GError **error);

/* Sums over gradients while a backward pass goes on, a bucket of them at a time, each begun as soon as all in
 * it is complete. Buckets are cut by place alone. */
typedef struct
{
  DdpmRanks *ranks; /* borrowed */
  float *grads;     /* [n], borrowed */
  gsize n, bucket;  /* floats: in all, and of a bucket */
  gsize *n_missing; /* [n_buckets] floats that are not complete */
} DdpmRankSums;

void ddpm_rank_sums_init (DdpmRankSums *sums, DdpmRanks *ranks, float *grads, gsize n, gsize bucket);
void ddpm_rank_sums_clear (DdpmRankSums *sums);

/* Before a backward pass. */
void ddpm_rank_sums_begin (DdpmRankSums *sums);

/* A DdpmGradientFunc; user_data is the DdpmRankSums. */
void ddpm_rank_sums_take (const DdpmParam *param, gpointer user_data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmRanks, ddpm_ranks_close)

G_END_DECLS
