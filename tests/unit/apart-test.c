#include "core/base/apart.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/error.h"
#include "tests/unit/scratch.h"

static int changed;

static gboolean
succeed (gpointer data, GError **error)
{
  changed = 1;
  return g_file_set_contents (data, "done", -1, error);
}

static gboolean
fail (gpointer data, GError **error)
{
  g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_USAGE, "There is no room for “it”");
  return FALSE;
}

static gboolean
die (gpointer data, GError **error)
{
  raise (SIGKILL);
  return TRUE;
}

static void
test_results (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autofree char *path = g_build_filename (scratch, "file", NULL), *text = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (ddpm_apart_run (succeed, path, &error));
  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "done");
  g_assert_cmpint (changed, ==, 0);
  g_assert_false (ddpm_apart_run (fail, NULL, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_FILE);
  g_assert_cmpstr (error->message, ==, "There is no room for “it”");
  g_clear_error (&error);
  g_assert_false (ddpm_apart_run (die, NULL, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_FILE);
}

typedef struct
{
  char *path;
  int begun[2], may_end[2]; /* pipes */
} Slow;

static gboolean
wait_and_succeed (gpointer data, GError **error)
{
  const Slow *slow = data;
  char byte = 0;

  close (slow->may_end[1]);
  g_assert_cmpint (write (slow->begun[1], &byte, 1), ==, 1);
  g_assert_cmpint (read (slow->may_end[0], &byte, 1), ==, 1);
  return succeed (slow->path, error);
}

/* Whoever waits for it, and its whole group of processes, is killed when it has begun. */
static void
test_killed (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autofree char *path = g_build_filename (scratch, "file", NULL);
  Slow slow = { .path = path };
  char byte = 0;
  pid_t waiting;

  g_assert_cmpint (pipe (slow.begun), ==, 0);
  g_assert_cmpint (pipe (slow.may_end), ==, 0);
  waiting = fork ();
  if (waiting == 0)
    {
      setpgid (0, 0);
      ddpm_apart_run (wait_and_succeed, &slow, NULL);
      _exit (0);
    }
  close (slow.begun[1]);
  g_assert_cmpint (read (slow.begun[0], &byte, 1), ==, 1);
  g_assert_cmpint (kill (-waiting, SIGKILL), ==, 0);
  g_assert_cmpint (waitpid (waiting, NULL, 0), ==, waiting);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_cmpint (write (slow.may_end[1], &byte, 1), ==, 1);
  /* it closes its end when it ends */
  g_assert_cmpint (read (slow.begun[0], &byte, 1), ==, 0);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/apart/results", test_results);
  g_test_add_func ("/apart/killed", test_killed);
  return g_test_run ();
}
