#include "core/base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#define MAX_THREADS 256

/* Workers sleep on a condition variable between runs: spinning would cost a factor of two where
 * cores are shared with other programs. */
struct _DdpmTeam
{
  guint n_threads;
  guint n_started; /* workers besides the caller */
  pthread_t *workers;

  pthread_mutex_t mutex;
  pthread_cond_t work_ready;
  pthread_cond_t work_done;
  guint64 generation; /* number of the run; a worker takes part in each once */
  guint n_busy;
  gboolean quit;

  DdpmTaskFunc func;
  gpointer data;
  guint n_tasks;
  guint next_task; /* atomic */
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
      const guint task = __atomic_fetch_add (&team->next_task, 1, __ATOMIC_RELAXED);

      if (task >= team->n_tasks)
        return;
      team->func (task, worker, team->data);
    }
}

static void *
run_worker (void *start_data)
{
  g_autofree WorkerStart *start = start_data;
  DdpmTeam *team = start->team;
  guint64 seen = 0;

  pthread_mutex_lock (&team->mutex);
  for (;;)
    {
      while (team->generation == seen && !team->quit)
        pthread_cond_wait (&team->work_ready, &team->mutex);
      if (team->quit)
        break;
      seen = team->generation;
      pthread_mutex_unlock (&team->mutex);
      take_tasks (team, start->worker);
      pthread_mutex_lock (&team->mutex);
      if (--team->n_busy == 0)
        pthread_cond_signal (&team->work_done);
    }
  pthread_mutex_unlock (&team->mutex);
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

DdpmTeam *
ddpm_team_new (guint n_threads)
{
  DdpmTeam *team = g_new0 (DdpmTeam, 1);
  const guint wanted = CLAMP (n_threads > 0 ? n_threads : count_usable_threads (), 1, MAX_THREADS);

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
  pthread_mutex_lock (&team->mutex);
  team->quit = TRUE;
  pthread_cond_broadcast (&team->work_ready);
  pthread_mutex_unlock (&team->mutex);
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

  pthread_mutex_lock (&team->mutex);
  team->func = func;
  team->data = data;
  team->n_tasks = n_tasks;
  __atomic_store_n (&team->next_task, 0, __ATOMIC_RELAXED);
  team->n_busy = team->n_started;
  team->generation++;
  pthread_cond_broadcast (&team->work_ready);
  pthread_mutex_unlock (&team->mutex);

  take_tasks (team, 0);

  pthread_mutex_lock (&team->mutex);
  while (team->n_busy > 0)
    pthread_cond_wait (&team->work_done, &team->mutex);
  pthread_mutex_unlock (&team->mutex);
}
