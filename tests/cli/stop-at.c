/* Runs a command and sends it a signal once a file of its is there, for the tests of the command.
 *
 *   stop-at SIGNAL FILE DELAY_US COMMAND ARG…
 *
 * Waits until FILE exists (or the command has ended), then DELAY_US microseconds, then sends SIGNAL (a
 * number). Exits with the command's status, or 128 and the number of the signal that killed it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int
main (int argc, char **argv)
{
  int status;

  if (argc < 5)
    {
      fprintf (stderr, "stop-at: wrong usage\n");
      return 2;
    }
  pid_t child = fork ();
  if (child < 0)
    return 2;
  if (child == 0)
    {
      execv (argv[4], argv + 4);
      _exit (127);
    }
  while (waitpid (child, &status, WNOHANG) == 0)
    if (access (argv[2], F_OK) == 0)
      {
        usleep ((useconds_t) atoi (argv[3]));
        kill (child, atoi (argv[1]));
        waitpid (child, &status, 0);
        break;
      }
    else
      usleep (500);
  return WIFEXITED (status) ? WEXITSTATUS (status) : 128 + WTERMSIG (status);
}
