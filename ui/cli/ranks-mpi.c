/* DdpmRanks by MPI: a module of its own, which the command loads when mpirun has started it, so that nobody
 * else needs libmpi or waits for it.
 *
 * A thread makes all calls of MPI, one after the other, in the order in which they were asked for. It takes
 * what processor time it finds: waiting, it sleeps between looks, since the processors are the training's.
 * MPI only moves bytes; the sums are made here, in the order of the ranks, so that they do not depend on
 * which way some version of MPI likes best. */
#include "ui/cli/ranks-mpi.h"

#include <mpi.h>
#include <stdatomic.h>
#include <string.h>

#define FIRST_GRACE_US (G_USEC_PER_SEC / 10) /* after a cancel; mpirun may kill after 0.25 s */
#define OTHERS_GRACE_US (30 * G_USEC_PER_SEC)
#define LOOK_US 10000 /* between looks at the cancellable */
#define NAP_US 50     /* between looks at what comes in, … */
#define N_YIELDS 2000 /* … which come without a nap at first if someone waits … */
#define N_NAPS 20000  /* … and with a longer one when it takes long */
#define LONG_NAP_US 1000
#define PIECE_BYTES ((gsize) 1 << 28) /* of a broadcast: MPI counts in ints */

typedef enum
{
  ASK_SUM,
  ASK_EXCHANGE,
  ASK_BROADCAST,
  ASK_CLOSE
} AskKind;

typedef struct
{
  AskKind kind;
  void *data; /* sum: floats; exchange: all; broadcast */
  const void *mine;
  gsize n; /* sum: floats; else bytes */
} Ask;

typedef struct
{
  DdpmRanks ranks;
  GThread *thread;
  GAsyncQueue *asks;

  GMutex mutex; /* guards the four below */
  GCond changed;
  gboolean is_ready;
  guint64 n_done; /* of what was asked */
  char *failure;  /* why nothing can be asked any more */

  guint64 n_asked;           /* by the thread that trains */
  atomic_bool is_abandoned;  /* nobody waits for the answer any more */
  atomic_bool is_waited_for; /* the training has nothing else to do */

  /* of the thread that talks */
  float *parts; /* [n_ranks][part]: one part of a sum, from every rank */
  gsize n_parts;
  int *counts, *starts, *part_counts, *part_starts; /* [n_ranks] */
} RanksMpi;

/* --- the thread that talks ----------------------------------------------------------------- */

static void
nap (RanksMpi *self, guint n_looks)
{
  if (n_looks < N_YIELDS && atomic_load (&self->is_waited_for))
    g_thread_yield ();
  else
    g_usleep (n_looks < N_NAPS ? NAP_US : LONG_NAP_US);
}

/* FALSE: it has failed, or nobody waits for it any more. */
static gboolean
finish (RanksMpi *self, int status, MPI_Request *request)
{
  int is_done = 0;

  if (status != MPI_SUCCESS)
    return FALSE;
  for (guint n_looks = 0;; n_looks++)
    {
      if (MPI_Test (request, &is_done, MPI_STATUS_IGNORE) != MPI_SUCCESS)
        return FALSE;
      if (is_done)
        return TRUE;
      if (atomic_load (&self->is_abandoned))
        return FALSE;
      nap (self, n_looks);
    }
}

/* Every rank adds up one part of the values, which it gets from all, and gives the sums to all. */
static gboolean
sum (RanksMpi *self, float *values, gsize n)
{
  const guint n_ranks = self->ranks.n_ranks, rank = self->ranks.rank;
  const gsize part = (n + n_ranks - 1) / n_ranks;
  float *mine;
  gsize n_mine;
  MPI_Request request;

  for (guint r = 0; r < n_ranks; r++)
    {
      self->starts[r] = (int) MIN (n, r * part);
      self->counts[r] = (int) MIN (n, (r + 1) * part) - self->starts[r];
    }
  mine = values + self->starts[rank];
  n_mine = self->counts[rank];
  for (guint r = 0; r < n_ranks; r++)
    {
      self->part_counts[r] = (int) n_mine;
      self->part_starts[r] = (int) (r * n_mine);
    }
  if (self->n_parts < n_ranks * n_mine)
    {
      self->n_parts = n_ranks * n_mine;
      self->parts = g_renew (float, self->parts, self->n_parts);
    }
  if (!finish (self,
               MPI_Ialltoallv (values, self->counts, self->starts, MPI_FLOAT, self->parts, self->part_counts,
                               self->part_starts, MPI_FLOAT, MPI_COMM_WORLD, &request),
               &request))
    return FALSE;
  memcpy (mine, self->parts, n_mine * sizeof (float));
  for (guint r = 1; r < n_ranks; r++)
    for (gsize i = 0; i < n_mine; i++)
      mine[i] += self->parts[r * n_mine + i];
  return finish (self,
                 MPI_Iallgatherv (MPI_IN_PLACE, 0, MPI_FLOAT, values, self->counts, self->starts, MPI_FLOAT,
                                  MPI_COMM_WORLD, &request),
                 &request);
}

static gboolean
exchange (RanksMpi *self, const void *mine, void *all, gsize n_bytes)
{
  MPI_Request request;

  return finish (
    self,
    MPI_Iallgather (mine, (int) n_bytes, MPI_BYTE, all, (int) n_bytes, MPI_BYTE, MPI_COMM_WORLD, &request),
    &request);
}

static gboolean
broadcast (RanksMpi *self, guint8 *data, gsize n_bytes)
{
  for (gsize n; n_bytes > 0; data += n, n_bytes -= n)
    {
      MPI_Request request;

      n = MIN (n_bytes, PIECE_BYTES);
      if (!finish (self, MPI_Ibcast (data, (int) n, MPI_BYTE, 0, MPI_COMM_WORLD, &request), &request))
        return FALSE;
    }
  return TRUE;
}

static gboolean
answer (RanksMpi *self, const Ask *ask)
{
  switch (ask->kind)
    {
    case ASK_SUM:
      return sum (self, ask->data, ask->n);
    case ASK_EXCHANGE:
      return exchange (self, ask->mine, ask->data, ask->n);
    case ASK_BROADCAST:
      return broadcast (self, ask->data, ask->n);
    case ASK_CLOSE:
      break;
    }
  return MPI_Finalize () == MPI_SUCCESS;
}

/* Finds out about the ranks. */
static gboolean
start (RanksMpi *self)
{
  int provided, rank, n_ranks, n_local;
  MPI_Comm local;

  if (MPI_Init_thread (NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS
      || provided < MPI_THREAD_FUNNELED)
    return FALSE;
  MPI_Comm_set_errhandler (MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  if (MPI_Comm_rank (MPI_COMM_WORLD, &rank) != MPI_SUCCESS
      || MPI_Comm_size (MPI_COMM_WORLD, &n_ranks) != MPI_SUCCESS
      || MPI_Comm_split_type (MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &local) != MPI_SUCCESS
      || MPI_Comm_size (local, &n_local) != MPI_SUCCESS)
    return FALSE;
  MPI_Comm_free (&local);
  self->ranks.rank = rank;
  self->ranks.n_ranks = n_ranks;
  self->ranks.n_local = n_local;
  self->counts = g_new (int, 4 * n_ranks);
  self->starts = self->counts + n_ranks;
  self->part_counts = self->counts + 2 * n_ranks;
  self->part_starts = self->counts + 3 * n_ranks;
  return TRUE;
}

static void
tell (RanksMpi *self, gboolean ok, const char *failure)
{
  g_mutex_lock (&self->mutex);
  if (!self->is_ready)
    self->is_ready = TRUE;
  else if (ok)
    self->n_done++;
  if (!ok && self->failure == NULL)
    self->failure = g_strdup (failure);
  g_cond_signal (&self->changed);
  g_mutex_unlock (&self->mutex);
}

static gpointer
talk (gpointer data)
{
  RanksMpi *self = data;
  gboolean ok = start (self), is_over = !ok;

  tell (self, ok, "MPI could not be started; is this mpirun that of the Open MPI which ddpm was built with?");
  while (!is_over)
    {
      g_autofree Ask *ask = g_async_queue_pop (self->asks);

      ok = answer (self, ask);
      is_over = !ok || ask->kind == ASK_CLOSE;
      tell (self, ok, "Another process of this training has ended, or cannot be reached any more");
    }
  return NULL;
}

/* --- the thread that trains ---------------------------------------------------------------- */

static void
ask (RanksMpi *self, AskKind kind, void *data, const void *mine, gsize n)
{
  Ask *asked = g_new (Ask, 1);

  *asked = (Ask) { kind, data, mine, n };
  self->n_asked++;
  g_async_queue_push (self->asks, asked);
}

/* Until all that was asked for has been answered, or never will be. The others have a while after a cancel,
 * in which they drop what they are at as well; the first rank has something to save and cannot wait long. */
static void
wait_for_answers (RanksMpi *self, GCancellable *cancellable)
{
  const gint64 grace_us = self->ranks.rank == 0 ? FIRST_GRACE_US : OTHERS_GRACE_US;
  gint64 cancelled_us = 0;

  atomic_store (&self->is_waited_for, TRUE);
  while (self->failure == NULL && self->n_done < self->n_asked)
    {
      const gint64 now_us = g_get_monotonic_time ();

      if (cancelled_us == 0 && g_cancellable_is_cancelled (cancellable))
        cancelled_us = now_us;
      if (cancelled_us > 0 && now_us - cancelled_us > grace_us)
        atomic_store (&self->is_abandoned, TRUE); /* the other thread sees that, and ends */
      g_cond_wait_until (&self->changed, &self->mutex, now_us + LOOK_US);
    }
  atomic_store (&self->is_waited_for, FALSE);
}

static gboolean
ask_and_wait (RanksMpi *self, const Ask *asked, GCancellable *cancellable, GError **error)
{
  gboolean ok;

  ask (self, asked->kind, asked->data, asked->mine, asked->n);
  g_mutex_lock (&self->mutex);
  wait_for_answers (self, cancellable);
  ok = self->failure == NULL;
  if (!ok)
    g_set_error_literal (error, G_IO_ERROR,
                         g_cancellable_is_cancelled (cancellable) ? G_IO_ERROR_CANCELLED : G_IO_ERROR_CLOSED,
                         self->failure);
  g_mutex_unlock (&self->mutex);
  return ok;
}

static void
begin_sum (DdpmRanks *ranks, float *values, gsize n)
{
  ask ((RanksMpi *) ranks, ASK_SUM, values, NULL, n);
}

static gboolean
exchange_and_wait (DdpmRanks *ranks, const void *mine, void *all, gsize n_bytes, GCancellable *cancellable,
                   GError **error)
{
  const Ask asked = { ASK_EXCHANGE, all, mine, n_bytes };

  return ask_and_wait ((RanksMpi *) ranks, &asked, cancellable, error);
}

static gboolean
broadcast_and_wait (DdpmRanks *ranks, void *data, gsize n_bytes, GCancellable *cancellable, GError **error)
{
  const Ask asked = { ASK_BROADCAST, data, NULL, n_bytes };

  return ask_and_wait ((RanksMpi *) ranks, &asked, cancellable, error);
}

static void
close_ranks (DdpmRanks *ranks)
{
  RanksMpi *self = (RanksMpi *) ranks;
  const Ask asked = { ASK_CLOSE, NULL, NULL, 0 };

  ask_and_wait (self, &asked, NULL, NULL);
  g_thread_join (self->thread);
  g_async_queue_unref (self->asks);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->changed);
  g_free (self->failure);
  g_free (self->parts);
  g_free (self->counts);
  g_free (self);
}

G_MODULE_EXPORT DdpmRanks *
ddpm_ranks_mpi_open (GError **error)
{
  RanksMpi *self = g_new0 (RanksMpi, 1);
  gboolean ok;

  self->ranks.begin_sum = begin_sum;
  self->ranks.exchange = exchange_and_wait;
  self->ranks.broadcast = broadcast_and_wait;
  self->ranks.close = close_ranks;
  self->asks = g_async_queue_new_full (g_free);
  g_mutex_init (&self->mutex);
  g_cond_init (&self->changed);
  /* a copy of this process, which has nothing to do with MPI, may write a checkpoint */
  g_setenv ("OMPI_MCA_mpi_warn_on_fork", "0", FALSE);
  self->thread = g_thread_new ("ranks", talk, self);
  g_mutex_lock (&self->mutex);
  while (!self->is_ready)
    g_cond_wait (&self->changed, &self->mutex);
  ok = self->failure == NULL;
  if (!ok)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, self->failure);
  g_mutex_unlock (&self->mutex);
  if (ok)
    return &self->ranks;
  close_ranks (&self->ranks);
  return NULL;
}
