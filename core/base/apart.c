#include "core/base/apart.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/error.h"

/* Another thread may have held a lock when the copy was made, which nobody opens there: then, too, it ends.
 */
#define MOST_S 600

/* The copy: in a session of its own, so that signals to the terminal or the process group pass it by. */
static void
run_and_exit (DdpmApartFunc func, gpointer data, int report)
{
  g_autoptr (GError) error = NULL;
  const int nowhere = open ("/dev/null", O_RDWR);
  gboolean ok;

  setsid ();
  signal (SIGALRM, SIG_DFL);
  signal (SIGPIPE, SIG_IGN);
  alarm (MOST_S);
  for (int fd = 0; fd < 3 && nowhere >= 0; fd++)
    dup2 (nowhere, fd);
  ok = func (data, &error);
  if (error != NULL && write (report, error->message, strlen (error->message)) < 0)
    _exit (2);
  _exit (ok ? 0 : 1);
}

static char *
read_report (int report)
{
  GString *text = g_string_new (NULL);
  char piece[512];
  gssize n;

  while ((n = read (report, piece, sizeof piece)) > 0 || (n < 0 && errno == EINTR))
    if (n > 0)
      g_string_append_len (text, piece, n);
  return g_string_free (text, FALSE);
}

gboolean
ddpm_apart_run (DdpmApartFunc func, gpointer data, GError **error)
{
  g_autofree char *report = NULL;
  int ends[2], status = 0;
  pid_t copy, ended;

  if (pipe (ends) != 0)
    return func (data, error);
  copy = fork ();
  if (copy == 0)
    run_and_exit (func, data, ends[1]);
  close (ends[1]);
  report = copy > 0 ? read_report (ends[0]) : NULL;
  close (ends[0]);
  if (copy < 0)
    return func (data, error);
  do
    ended = waitpid (copy, &status, 0);
  while (ended < 0 && errno == EINTR);
  if (ended == copy && WIFEXITED (status) && WEXITSTATUS (status) == 0)
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, "%s",
               report[0] != '\0' ? report : "The process that writes has ended before it was done");
  return FALSE;
}
