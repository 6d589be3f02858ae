/* The thread team runs every task once, on any number of threads, again and again. */
#include "core/base/parallel.h"

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
  g_test_add_func ("/parallel/number-of-threads", test_number_of_threads);
  return g_test_run ();
}
