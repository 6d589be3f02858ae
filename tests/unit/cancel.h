/* A thread that cancels a job after a while. */
#pragma once

#include <gio/gio.h>

typedef struct
{
  GCancellable *cancellable;
  gint64 delay_us;
} Canceller;

static inline gpointer
cancel_later (gpointer data)
{
  const Canceller *canceller = data;

  g_usleep (canceller->delay_us);
  g_cancellable_cancel (canceller->cancellable);
  return NULL;
}
