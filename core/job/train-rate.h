/* How fast a training runs: the median of the last steps, so that a pause or a busy moment does not show. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define DDPM_TRAIN_RATE_STEPS 50

typedef struct
{
  gint64 began_us;
  gint64 durations_us[DDPM_TRAIN_RATE_STEPS];
  guint n; /* steps timed in all */
  double total_s;
} DdpmTrainRate;

void ddpm_train_rate_init (DdpmTrainRate *rate);
void ddpm_train_rate_begin_step (DdpmTrainRate *rate);
void ddpm_train_rate_end_step (DdpmTrainRate *rate);

double ddpm_train_rate_get (const DdpmTrainRate *rate);       /* steps a second; 0: not known yet */
double ddpm_train_rate_get_total (const DdpmTrainRate *rate); /* seconds of all steps timed */

G_END_DECLS
