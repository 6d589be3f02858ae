#include "core/base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#define MAX_THREADS 256

/* How often a waiting thread looks before it goes to sleep: some ten microseconds. A network's layers follow
 * each other faster than a sleeping thread wakes up; spinning for longer would cost a factor of two where
 * cores are shared with other programs. */
#define LOOKS_BEFORE_SLEEP 1000

struct _DdpmTeam
{
  guint n_threads;
  guint n_started; /* workers besides the caller */
  pthread_t *workers;

  pthread_mutex_t mutex;
  pthread_cond_t work_ready;
  pthread_cond_t work_done;
  guint n_sleeping;         /* workers in work_ready; guarded by mutex */
  gboolean caller_sleeping; /* in work_done; guarded by mutex */

  _Atomic guint64 generation; /* number of the run; a worker takes part in each once */
  _Atomic guint n_busy;       /* workers that have not ended this run */
  _Atomic gboolean quit;

  DdpmTaskFunc func;
  gpointer data;
  guint n_tasks;
  _Atomic guint next_task;
};

typedef struct
{
  DdpmTeam *team;
  guint worker;
} WorkerStart;

static void
take_tasks (DdpmTeam *team, guint worker)
{
  for (;;)
    {
      const guint task = atomic_fetch_add_explicit (&team->next_task, 1, memory_order_relaxed);

      if (task >= team->n_tasks)
        return;
      team->func (task, worker, team->data);
    }
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
is_work_ready (DdpmTeam *team, guint64 seen)
{
  return atomic_load (&team->generation) != seen || atomic_load (&team->quit);
}

static void
wait_for_work (DdpmTeam *team, guint64 seen)
{
  for (guint look = 0; look < LOOKS_BEFORE_SLEEP; look++)
    {
      if (is_work_ready (team, seen))
        return;
      relax ();
    }
  pthread_mutex_lock (&team->mutex);
  team->n_sleeping++;
  while (!is_work_ready (team, seen))
    pthread_cond_wait (&team->work_ready, &team->mutex);
  team->n_sleeping--;
  pthread_mutex_unlock (&team->mutex);
}

static void
wait_for_workers (DdpmTeam *team)
{
  for (guint look = 0; look < LOOKS_BEFORE_SLEEP; look++)
    {
      if (atomic_load (&team->n_busy) == 0)
        return;
      relax ();
    }
  pthread_mutex_lock (&team->mutex);
  team->caller_sleeping = TRUE;
  while (atomic_load (&team->n_busy) > 0)
    pthread_cond_wait (&team->work_done, &team->mutex);
  team->caller_sleeping = FALSE;
  pthread_mutex_unlock (&team->mutex);
}

/* The mutex makes sure that a thread about to sleep either sees the change or gets the signal. */
static void
wake_workers (DdpmTeam *team)
{
  pthread_mutex_lock (&team->mutex);
  if (team->n_sleeping > 0)
    pthread_cond_broadcast (&team->work_ready);
  pthread_mutex_unlock (&team->mutex);
}

static void
wake_caller (DdpmTeam *team)
{
  pthread_mutex_lock (&team->mutex);
  if (team->caller_sleeping)
    pthread_cond_signal (&team->work_done);
  pthread_mutex_unlock (&team->mutex);
}

static void *
run_worker (void *start_data)
{
  g_autofree WorkerStart *start = start_data;
  DdpmTeam *team = start->team;

  for (guint64 seen = 0;; seen++)
    {
      wait_for_work (team, seen);
      if (atomic_load (&team->quit))
        return NULL;
      take_tasks (team, start->worker);
      if (atomic_fetch_sub (&team->n_busy, 1) == 1)
        wake_caller (team);
    }
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
  DdpmTeam *team = g_new0 (DdpmTeam, 1);
  const guint wanted = ddpm_team_choose_size (n_threads);

  pthread_mutex_init (&team->mutex, NULL);
  pthread_cond_init (&team->work_ready, NULL);
  pthread_cond_init (&team->work_done, NULL);
  team->workers = g_new0 (pthread_t, wanted);
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
  g_free (team->workers);
  g_free (team);
}

guint
ddpm_team_get_n_threads (const DdpmTeam *team)
{
  return team->n_threads;
}

void
ddpm_team_run (DdpmTeam *team, guint n_tasks, DdpmTaskFunc func, gpointer data)
{
  if (team->n_started == 0 || n_tasks <= 1)
    {
      for (guint task = 0; task < n_tasks; task++)
        func (task, 0, data);
      return;
    }

  team->func = func;
  team->data = data;
  team->n_tasks = n_tasks;
  atomic_store (&team->next_task, 0);
  atomic_store (&team->n_busy, team->n_started);
  atomic_fetch_add (&team->generation, 1);
  wake_workers (team);

  take_tasks (team, 0);
  wait_for_workers (team);
}
