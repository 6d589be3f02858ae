/* GLib's handlers pass the signals on to a main context that a thread of its own looks at. To block them and
 * wait would not do: threads that a library has started when it was loaded have them unblocked. */
#include "ui/cli/signals.h"

#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>

struct _DdpmSignals
{
  GCancellable *cancellable;
  const char *promise;
  GMainContext *context;
  GThread *thread;
  int signal_number; /* atomic; 0: none came */
  int is_over;       /* atomic: the thread may end */
};

static gboolean
take_signal (DdpmSignals *signals, int number)
{
  if (g_atomic_int_compare_and_exchange (&signals->signal_number, 0, number))
    {
      if (signals->promise != NULL)
        fprintf (stderr, "\n%s\n", signals->promise);
      g_cancellable_cancel (signals->cancellable);
    }
  else
    {
      signal (number, SIG_DFL);
      raise (number);
    }
  return G_SOURCE_CONTINUE;
}

static gboolean
take_interrupt (gpointer data)
{
  return take_signal (data, SIGINT);
}

static gboolean
take_terminate (gpointer data)
{
  return take_signal (data, SIGTERM);
}

static gboolean
take_hangup (gpointer data)
{
  return take_signal (data, SIGHUP);
}

static void
add_source (DdpmSignals *signals, int number, GSourceFunc func)
{
  g_autoptr (GSource) source = g_unix_signal_source_new (number);

  g_source_set_callback (source, func, signals, NULL);
  g_source_attach (source, signals->context);
}

static gpointer
watch (gpointer data)
{
  DdpmSignals *signals = data;

  while (!g_atomic_int_get (&signals->is_over))
    g_main_context_iteration (signals->context, TRUE);
  return NULL;
}

DdpmSignals *
ddpm_signals_new (const char *promise)
{
  DdpmSignals *signals = g_new0 (DdpmSignals, 1);
  struct sigaction hangup;

  signals->cancellable = g_cancellable_new ();
  signals->promise = promise;
  signals->context = g_main_context_new ();
  /* SIGINT also where it came ignored, as the shell does for a script's background jobs: "kill -INT" is how
   * such a job is stopped. SIGHUP not under nohup. */
  add_source (signals, SIGINT, take_interrupt);
  add_source (signals, SIGTERM, take_terminate);
  if (sigaction (SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
    add_source (signals, SIGHUP, take_hangup);
  signals->thread = g_thread_new ("signals", watch, signals);
  return signals;
}

void
ddpm_signals_free (DdpmSignals *signals)
{
  g_atomic_int_set (&signals->is_over, TRUE);
  g_main_context_wakeup (signals->context);
  g_thread_join (signals->thread);
  g_main_context_unref (signals->context); /* and its sources: the signals have their usual meaning again */
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
  const int number = g_atomic_int_get (&signals->signal_number);

  return 128 + (number != 0 ? number : SIGTERM);
}

int
ddpm_signals_fail (DdpmSignals *signals, GError *failure, GError **error)
{
  if (!g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_propagate_error (error, failure);
      return 1;
    }
  g_error_free (failure);
  return ddpm_signals_get_status (signals);
}
