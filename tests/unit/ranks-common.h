/* Several ranks as threads of one process, for the tests of training in several processes. */
#pragma once

#include <string.h>

#include "core/job/train-ranks.h"

#define MAX_RANKS 4

typedef struct
{
  GMutex mutex;
  GCond changed;
  guint n_ranks, n_arrived;
  guint64 n_met;                 /* times that all have met */
  gboolean someone_left;         /* … without closing */
  gconstpointer told[MAX_RANKS]; /* what each has to tell at this meeting */
} Meeting;

typedef struct
{
  DdpmRanks ranks;
  Meeting *meeting;
  guint64 leaves_at;  /* number of the exchange at which this one is gone; 0: none */
  gboolean miscounts; /* its sums are other ones */
  guint64 n_exchanges, n_sums;
} FakeRanks;

/* Waits for all to come; they may look at what the others told until they meet again, with NULL. FALSE: one
 * has left. */
static inline gboolean
meet (FakeRanks *self, gconstpointer told)
{
  Meeting *meeting = self->meeting;
  guint64 n_met;
  gboolean ok;

  g_mutex_lock (&meeting->mutex);
  n_met = meeting->n_met;
  if (told != NULL)
    meeting->told[self->ranks.rank] = told;
  if (++meeting->n_arrived == meeting->n_ranks)
    {
      meeting->n_arrived = 0;
      meeting->n_met++;
      g_cond_broadcast (&meeting->changed);
    }
  else
    while (meeting->n_met == n_met && !meeting->someone_left)
      g_cond_wait (&meeting->changed, &meeting->mutex);
  ok = !meeting->someone_left;
  g_mutex_unlock (&meeting->mutex);
  return ok;
}

static inline void
leave (FakeRanks *self)
{
  g_mutex_lock (&self->meeting->mutex);
  self->meeting->someone_left = TRUE;
  g_cond_broadcast (&self->meeting->changed);
  g_mutex_unlock (&self->meeting->mutex);
}

static inline void
fake_begin_sum (DdpmRanks *ranks, float *values, gsize n)
{
  FakeRanks *self = (FakeRanks *) ranks;
  g_autofree float *sums = g_new0 (float, n);

  self->n_sums++;
  if (!meet (self, values))
    return;
  for (guint rank = 0; rank < ranks->n_ranks; rank++)
    for (gsize i = 0; i < n; i++)
      sums[i] += ((const float *) self->meeting->told[rank])[i];
  if (self->miscounts)
    sums[0] += 1;
  if (meet (self, NULL))
    memcpy (values, sums, n * sizeof (float));
}

static inline gboolean
fake_exchange (DdpmRanks *ranks, const void *mine, void *all, gsize n_bytes, GCancellable *cancellable,
               GError **error)
{
  FakeRanks *self = (FakeRanks *) ranks;

  self->n_exchanges++;
  if (self->n_exchanges == self->leaves_at)
    leave (self);
  if (meet (self, mine))
    {
      for (guint rank = 0; rank < ranks->n_ranks; rank++)
        memcpy ((char *) all + rank * n_bytes, self->meeting->told[rank], n_bytes);
      if (meet (self, NULL))
        return TRUE;
    }
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "gone");
  return FALSE;
}

static inline gboolean
fake_broadcast (DdpmRanks *ranks, void *data, gsize n_bytes, GCancellable *cancellable, GError **error)
{
  g_autofree char *all = g_malloc (ranks->n_ranks * n_bytes);

  if (!fake_exchange (ranks, data, all, n_bytes, cancellable, error))
    return FALSE;
  memcpy (data, all, n_bytes);
  return TRUE;
}

static inline void
fake_close (DdpmRanks *ranks)
{
}

/* What a rank does. */
typedef void (*RankFunc) (FakeRanks *ranks, gpointer data);

typedef struct
{
  FakeRanks ranks;
  RankFunc func;
  gpointer data;
} RankThread;

static inline gpointer
run_rank (gpointer data)
{
  RankThread *thread = data;

  thread->func (&thread->ranks, thread->data);
  return NULL;
}

/* Runs func in n_ranks threads; data is an array with an element of element_bytes for each. */
static inline void
run_ranks (guint n_ranks, RankFunc func, gpointer data, gsize element_bytes)
{
  Meeting meeting = { .n_ranks = n_ranks };
  RankThread threads[MAX_RANKS] = { 0 };
  GThread *running[MAX_RANKS];

  g_mutex_init (&meeting.mutex);
  g_cond_init (&meeting.changed);
  for (guint rank = 0; rank < n_ranks; rank++)
    {
      const DdpmRanks ranks = { rank,          n_ranks,        n_ranks,   fake_begin_sum,
                                fake_exchange, fake_broadcast, fake_close };

      threads[rank] = (RankThread) { { ranks, &meeting }, func, (char *) data + rank * element_bytes };
      running[rank] = g_thread_new ("rank", run_rank, &threads[rank]);
    }
  for (guint rank = 0; rank < n_ranks; rank++)
    g_thread_join (running[rank]);
  g_mutex_clear (&meeting.mutex);
  g_cond_clear (&meeting.changed);
}
