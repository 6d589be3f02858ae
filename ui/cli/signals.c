/* A handler could do next to nothing safely; so the signals are blocked everywhere and a thread waits for
 * them. */
#include "ui/cli/signals.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

struct _DdpmSignals
{
  GCancellable *cancellable;
  const char *promise;
  sigset_t set;
  pthread_t thread;
  gboolean is_waiting; /* the thread runs */
  int signal_number;   /* atomic; 0: none came */
};

static gpointer
wait_for_signals (gpointer data)
{
  DdpmSignals *signals = data;
  int number;

  if (sigwait (&signals->set, &number) != 0)
    return NULL;
  g_atomic_int_set (&signals->signal_number, number);
  fprintf (stderr, "\n%s\n", signals->promise);
  g_cancellable_cancel (signals->cancellable);

  if (sigwait (&signals->set, &number) != 0)
    return NULL;
  signal (number, SIG_DFL);
  pthread_sigmask (SIG_UNBLOCK, &signals->set, NULL);
  raise (number);
  return NULL;
}

DdpmSignals *
ddpm_signals_new (const char *promise)
{
  DdpmSignals *signals = g_new0 (DdpmSignals, 1);
  struct sigaction hangup;

  signals->cancellable = g_cancellable_new ();
  signals->promise = promise;
  sigemptyset (&signals->set);
  /* SIGINT also where it came ignored, as the shell does for a script's background jobs: there, "kill -INT"
   * is the way to stop one, and blocked signals arrive all the same. SIGHUP not under nohup. */
  sigaddset (&signals->set, SIGINT);
  sigaddset (&signals->set, SIGTERM);
  if (sigaction (SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
    sigaddset (&signals->set, SIGHUP);

  /* where no thread is to be had the signals keep their usual meaning */
  pthread_sigmask (SIG_BLOCK, &signals->set, NULL);
  signals->is_waiting = pthread_create (&signals->thread, NULL, wait_for_signals, signals) == 0;
  if (!signals->is_waiting)
    pthread_sigmask (SIG_UNBLOCK, &signals->set, NULL);
  return signals;
}

void
ddpm_signals_free (DdpmSignals *signals)
{
  if (signals->is_waiting)
    {
      pthread_cancel (signals->thread); /* sigwait is a point where a thread can end */
      pthread_join (signals->thread, NULL);
      pthread_sigmask (SIG_UNBLOCK, &signals->set, NULL);
    }
  g_object_unref (signals->cancellable);
  g_free (signals);
}

GCancellable *
ddpm_signals_get_cancellable (DdpmSignals *signals)
{
  return signals->cancellable;
}

int
ddpm_signals_get_status (DdpmSignals *signals)
{
  return 128 + g_atomic_int_get (&signals->signal_number);
}
