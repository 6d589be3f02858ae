/* How a running job tells what it does. */
#pragma once

#include "core/data/image.h"

G_BEGIN_DECLS

typedef enum
{
  DDPM_PHASE_PREPARE, /* opening the model, reading the pictures */
  DDPM_PHASE_SAMPLE,
  DDPM_PHASE_TRAIN,
  DDPM_PHASE_SAVE,
  DDPM_PHASE_EVALUATE
} DdpmPhase;

typedef struct
{
  DdpmPhase phase;
  guint64 step, total;       /* steps done of all of this phase; total 0: not known */
  double seconds_left;       /* < 0: not known yet */
  double loss;               /* training: smoothed; NaN: none */
  double held_out;           /* training: the last loss on held out pictures, average weights; 0: none */
  double steps_per_s;        /* 0: not known yet */
  DdpmImage *const *preview; /* current estimates of x_0, or NULL; borrowed during the call */
  guint n_preview;
  const char *message; /* a line for people, or NULL; borrowed */
} DdpmProgress;

/* Called on the thread that runs the job. */
typedef void (*DdpmProgressFunc) (const DdpmProgress *progress, gpointer user_data);

/* Whom to tell; func NULL: nobody. */
typedef struct
{
  DdpmProgressFunc func;
  gpointer user_data;
} DdpmListener;

/* A DdpmDatasetProgressFunc: tells a DdpmListener how many pictures are read. */
void ddpm_listener_tell_reading (guint done, guint total, gpointer listener);

G_END_DECLS
