#include "core/job/progress.h"

#include <math.h>

void
ddpm_listener_tell_reading (guint done, guint total, gpointer user_data)
{
  const DdpmListener *listener = user_data;
  const DdpmProgress progress = {
    .phase = DDPM_PHASE_PREPARE, .step = done, .total = total, .seconds_left = -1, .loss = NAN
  };

  if (listener->func != NULL)
    listener->func (&progress, listener->user_data);
}
