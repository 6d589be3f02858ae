#include "core/base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#define MAX_THREADS 256
#define CACHE_LINE_BYTES 64

/* How often a waiting thread looks before it goes to sleep: some thirty microseconds. A network's layers
 * follow each other faster than a sleeping thread wakes up; spinning for longer would take the core from the
 * very thread that is waited for where cores are shared with other programs. */
#define LOOKS_BEFORE_SLEEP 2000

/* A thread's share of a run's tasks, one after the other: neighbouring tasks mostly work on neighbouring
 * memory, and the same thread meets it again in the next run. Who has finished its own share helps with the
 * others'.
 *
 * The run's number in the upper half, the share's tasks not yet taken in the lower: a task is taken by one
 * compare and exchange, and nobody takes a task of a run that is over. */
typedef struct
{
  _Alignas (CACHE_LINE_BYTES) _Atomic guint64 work;
} Share;

struct _DdpmTeam
{
  guint n_threads;
  guint n_started; /* workers besides the caller */
  pthread_t *workers;
  GCancellable *cancellable;

  pthread_mutex_t mutex; /* for those who sleep */
  pthread_cond_t work_ready;
  pthread_cond_t work_done;

  Share *shares;                                      /* one for each thread */
  _Alignas (CACHE_LINE_BYTES) _Atomic guint n_shares; /* 0 until all threads have been started */
  _Atomic guint n_tasks;
  _Atomic (DdpmTaskFunc) func;
  _Atomic (gpointer) data;

  _Alignas (CACHE_LINE_BYTES) _Atomic guint n_done; /* tasks that the workers have finished in this run */
  _Atomic guint n_sleeping;                         /* workers in work_ready */
  _Atomic gboolean caller_sleeping;                 /* in work_done */
  _Atomic gboolean quit;
};

typedef struct
{
  DdpmTeam *team;
  guint worker;
} WorkerStart;

/* Share `share` ends before this task. */
static guint
get_share_end (guint n_tasks, guint share, guint n_shares)
{
  return (guint64) n_tasks * (share + 1) / n_shares;
}

/* Runs a share's tasks until none is left to take, or takes all of them and runs none when the work is
 * cancelled; how many it took. */
static guint
take_share (DdpmTeam *team, guint share, guint worker)
{
  _Atomic guint64 *place = &team->shares[share].work;
  guint64 work = atomic_load (place);
  guint n_taken = 0;

  while ((guint32) work > 0)
    {
      const gboolean cancelled = g_cancellable_is_cancelled (team->cancellable);
      const guint n_left = (guint32) work, n_wanted = cancelled ? n_left : 1;
      const DdpmTaskFunc func = atomic_load_explicit (&team->func, memory_order_relaxed);
      const gpointer data = atomic_load_explicit (&team->data, memory_order_relaxed);
      const guint n_tasks = atomic_load_explicit (&team->n_tasks, memory_order_relaxed);

      if (!atomic_compare_exchange_weak (place, &work, work - n_wanted))
        continue;
      if (!cancelled)
        func (get_share_end (n_tasks, share, atomic_load (&team->n_shares)) - n_left, worker, data);
      n_taken += n_wanted;
      work = atomic_load (place);
    }
  return n_taken;
}

/* Its own share first. */
static guint
take_tasks (DdpmTeam *team, guint worker)
{
  const guint n_shares = atomic_load (&team->n_shares);
  guint n_taken = 0;

  for (guint i = 0; i < n_shares; i++)
    n_taken += take_share (team, (worker + i) % n_shares, worker);
  return n_taken;
}

/* Tells the processor that this is a waiting loop. */
static inline void
relax (void)
{
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause ();
#elif defined(__aarch64__)
  __asm__ volatile ("yield");
#endif
}

static gboolean
is_work_ready (DdpmTeam *team)
{
  const guint n_shares = atomic_load (&team->n_shares);

  for (guint share = 0; share < n_shares; share++)
    if ((guint32) atomic_load (&team->shares[share].work) > 0)
      return TRUE;
  return atomic_load (&team->quit);
}

/* Whoever sleeps says so before it looks for the last time, and who has news tells them before it looks for
 * sleepers. With this between the one and the other, one of them sees what the other said. */
static inline void
say_before_looking (void)
{
  atomic_thread_fence (memory_order_seq_cst);
}

static void
wait_for_work (DdpmTeam *team)
{
  for (guint look = 0; look < LOOKS_BEFORE_SLEEP; look++)
    {
      if (is_work_ready (team))
        return;
      relax ();
    }
  pthread_mutex_lock (&team->mutex);
  atomic_fetch_add (&team->n_sleeping, 1);
  say_before_looking ();
  while (!is_work_ready (team))
    pthread_cond_wait (&team->work_ready, &team->mutex);
  atomic_fetch_sub (&team->n_sleeping, 1);
  pthread_mutex_unlock (&team->mutex);
}

static void
wake_workers (DdpmTeam *team)
{
  say_before_looking ();
  if (atomic_load (&team->n_sleeping) == 0)
    return;
  pthread_mutex_lock (&team->mutex);
  pthread_cond_broadcast (&team->work_ready);
  pthread_mutex_unlock (&team->mutex);
}

/* n_awaited: tasks that workers have taken. */
static void
wait_for_workers (DdpmTeam *team, guint n_awaited)
{
  for (guint look = 0; look < LOOKS_BEFORE_SLEEP; look++)
    {
      if (atomic_load (&team->n_done) == n_awaited)
        return;
      relax ();
    }
  pthread_mutex_lock (&team->mutex);
  atomic_store (&team->caller_sleeping, TRUE);
  say_before_looking ();
  while (atomic_load (&team->n_done) != n_awaited)
    pthread_cond_wait (&team->work_done, &team->mutex);
  atomic_store (&team->caller_sleeping, FALSE);
  pthread_mutex_unlock (&team->mutex);
}

static void
wake_caller (DdpmTeam *team)
{
  say_before_looking ();
  if (!atomic_load (&team->caller_sleeping))
    return;
  pthread_mutex_lock (&team->mutex);
  pthread_cond_signal (&team->work_done);
  pthread_mutex_unlock (&team->mutex);
}

static void *
run_worker (void *start_data)
{
  g_autofree WorkerStart *start = start_data;
  DdpmTeam *team = start->team;

  while (!atomic_load (&team->quit))
    {
      const guint n_taken = take_tasks (team, start->worker);

      if (n_taken > 0)
        {
          atomic_fetch_add (&team->n_done, n_taken);
          wake_caller (team);
        }
      wait_for_work (team);
    }
  return NULL;
}

static guint
count_usable_threads (void)
{
  const char *from_environment = g_getenv ("DDPM_THREADS");
  cpu_set_t cpus;
  const int asked = from_environment != NULL ? atoi (from_environment) : 0;

  if (asked > 0)
    return asked;
  if (sched_getaffinity (0, sizeof cpus, &cpus) == 0)
    return CPU_COUNT (&cpus);
  return g_get_num_processors ();
}

guint
ddpm_team_choose_size (guint n_threads)
{
  return CLAMP (n_threads > 0 ? n_threads : count_usable_threads (), 1, MAX_THREADS);
}

DdpmTeam *
ddpm_team_new (guint n_threads)
{
  DdpmTeam *team = g_aligned_alloc0 (1, sizeof (DdpmTeam), CACHE_LINE_BYTES);
  const guint wanted = ddpm_team_choose_size (n_threads);

  pthread_mutex_init (&team->mutex, NULL);
  pthread_cond_init (&team->work_ready, NULL);
  pthread_cond_init (&team->work_done, NULL);
  team->workers = g_new0 (pthread_t, wanted);
  team->shares = g_aligned_alloc0 (wanted, sizeof (Share), CACHE_LINE_BYTES);
  while (team->n_started + 1 < wanted)
    {
      WorkerStart *start = g_new (WorkerStart, 1);

      *start = (WorkerStart) { team, team->n_started + 1 };
      if (pthread_create (&team->workers[team->n_started], NULL, run_worker, start) != 0)
        {
          g_free (start);
          break;
        }
      team->n_started++;
    }
  team->n_threads = team->n_started + 1;
  atomic_store (&team->n_shares, team->n_threads);
  return team;
}

void
ddpm_team_free (DdpmTeam *team)
{
  if (team == NULL)
    return;
  atomic_store (&team->quit, TRUE);
  wake_workers (team);
  for (guint i = 0; i < team->n_started; i++)
    pthread_join (team->workers[i], NULL);
  pthread_cond_destroy (&team->work_done);
  pthread_cond_destroy (&team->work_ready);
  pthread_mutex_destroy (&team->mutex);
  g_clear_object (&team->cancellable);
  g_free (team->workers);
  g_aligned_free (team->shares);
  g_aligned_free (team);
}

guint
ddpm_team_get_n_threads (const DdpmTeam *team)
{
  return team->n_threads;
}

void
ddpm_team_set_cancellable (DdpmTeam *team, GCancellable *cancellable)
{
  g_set_object (&team->cancellable, cancellable);
}

void
ddpm_team_run (DdpmTeam *team, guint n_tasks, DdpmTaskFunc func, gpointer data)
{
  const guint64 run = (atomic_load (&team->shares[0].work) >> 32) + 1;
  guint begin = 0, n_own;

  if (team->n_started == 0 || n_tasks <= 1)
    {
      for (guint task = 0; task < n_tasks && !g_cancellable_is_cancelled (team->cancellable); task++)
        func (task, 0, data);
      return;
    }

  atomic_store_explicit (&team->func, func, memory_order_relaxed);
  atomic_store_explicit (&team->data, data, memory_order_relaxed);
  atomic_store_explicit (&team->n_tasks, n_tasks, memory_order_relaxed);
  atomic_store_explicit (&team->n_done, 0, memory_order_relaxed);
  for (guint share = 0; share < team->n_threads; share++)
    {
      const guint end = get_share_end (n_tasks, share, team->n_threads);

      atomic_store_explicit (&team->shares[share].work, run << 32 | (end - begin), memory_order_release);
      begin = end;
    }
  wake_workers (team);

  n_own = take_tasks (team, 0);
  wait_for_workers (team, n_tasks - n_own);
}
