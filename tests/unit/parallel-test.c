/* The thread team runs every task once, on any number of threads, again and again, until it is cancelled. */
#include "core/base/parallel.h"

#include <stdatomic.h>

#define N_TASKS 1000

typedef struct
{
  guint counts[N_TASKS];
  guint n_threads;
} Work;

static void
count_task (guint task, guint worker, gpointer data)
{
  Work *work = data;

  g_assert_cmpuint (worker, <, work->n_threads);
  work->counts[task]++;
}

static void
test_every_task_once (void)
{
  static const guint sizes[] = { 0, 1, 2, 3, 17, N_TASKS };

  for (guint n_threads = 1; n_threads <= 5; n_threads++)
    {
      g_autoptr (DdpmTeam) team = ddpm_team_new (n_threads);

      g_assert_cmpuint (ddpm_team_get_n_threads (team), ==, n_threads);
      for (guint round = 0; round < 50; round++)
        {
          const guint n_tasks = sizes[round % G_N_ELEMENTS (sizes)];
          Work work = { .n_threads = n_threads };

          ddpm_team_run (team, n_tasks, count_task, &work);
          if (round % 10 == 0)
            g_usleep (2000); /* long enough for the workers to fall asleep */
          for (guint task = 0; task < N_TASKS; task++)
            g_assert_cmpuint (work.counts[task], ==, task < n_tasks ? 1 : 0);
        }
    }
}

/* Each run changes what the last one left: a task that comes late or twice shows. */
static void
step_value (guint task, guint worker, gpointer data)
{
  guint *values = data;

  values[task] = values[task] * 3 + task;
}

static void
test_runs_in_order (void)
{
  for (guint n_threads = 2; n_threads <= 4; n_threads++)
    {
      g_autoptr (DdpmTeam) team = ddpm_team_new (n_threads);
      guint values[7] = { 0 }, expected[7] = { 0 };

      for (guint round = 0; round < 5000; round++)
        {
          const guint n_tasks = 2 + round % 6;

          /* pauses of all lengths up to that after which a waiting thread falls asleep, and a bit longer */
          for (volatile guint pause = round * 97 % 100000; pause > 0; pause--)
            ;
          ddpm_team_run (team, n_tasks, step_value, values);
          for (guint task = 0; task < n_tasks; task++)
            expected[task] = expected[task] * 3 + task;
        }
      g_assert_cmpmem (values, sizeof values, expected, sizeof expected);
    }
}

typedef struct
{
  GCancellable *cancellable;
  atomic_uint n_begun;
} Cancelling;

/* Task 3 cancels; the later ones end after that. */
static void
cancel_in_task (guint task, guint worker, gpointer data)
{
  Cancelling *cancelling = data;

  atomic_fetch_add (&cancelling->n_begun, 1);
  if (task == 3)
    g_cancellable_cancel (cancelling->cancellable);
  while (task > 3 && !g_cancellable_is_cancelled (cancelling->cancellable))
    g_usleep (100);
}

static void
test_cancel (void)
{
  for (guint n_threads = 1; n_threads <= 3; n_threads++)
    {
      g_autoptr (DdpmTeam) team = ddpm_team_new (n_threads);
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      Cancelling cancelling = { .cancellable = cancellable };
      Work work = { .n_threads = n_threads };

      ddpm_team_set_cancellable (team, cancellable);
      ddpm_team_run (team, 3, count_task, &work);
      g_assert_cmpuint (work.counts[2], ==, 1);
      ddpm_team_run (team, G_MAXINT32, cancel_in_task, &cancelling);
      g_assert_cmpuint (cancelling.n_begun, >=, 4);
      g_assert_cmpuint (cancelling.n_begun, <=, 3 + n_threads);

      ddpm_team_run (team, 3, count_task, &work);
      ddpm_team_run (team, 1, count_task, &work);
      g_assert_cmpuint (work.counts[0], ==, 1);
      ddpm_team_set_cancellable (team, NULL);
      ddpm_team_run (team, 3, count_task, &work);
      g_assert_cmpuint (work.counts[0], ==, 2);
    }
}

static void
test_number_of_threads (void)
{
  g_autoptr (DdpmTeam) by_default = NULL;
  g_autoptr (DdpmTeam) by_environment = NULL;

  g_unsetenv ("DDPM_THREADS");
  by_default = ddpm_team_new (0);
  g_assert_cmpuint (ddpm_team_get_n_threads (by_default), >=, 1);
  g_setenv ("DDPM_THREADS", "3", TRUE);
  by_environment = ddpm_team_new (0);
  g_assert_cmpuint (ddpm_team_get_n_threads (by_environment), ==, 3);
  g_unsetenv ("DDPM_THREADS");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/parallel/every-task-once", test_every_task_once);
  g_test_add_func ("/parallel/runs-in-order", test_runs_in_order);
  g_test_add_func ("/parallel/cancel", test_cancel);
  g_test_add_func ("/parallel/number-of-threads", test_number_of_threads);
  return g_test_run ();
}
