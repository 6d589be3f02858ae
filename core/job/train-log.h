/* train.csv: how a training run went, a line every so many steps. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct
{
  guint64 step;
  double loss;     /* mean since the last line */
  double smoothed; /* loss, smoothed over about 50 steps */
  double lr;
  double grad_norm;      /* before clipping */
  double pictures_per_s; /* at the median speed of the last steps */
  double seconds;        /* of training, without pauses between runs */
  double held_out_average,
    held_out; /* loss on held out pictures, of average and raw weights; 0: not measured */
} DdpmTrainLine;

typedef struct _DdpmTrainLog DdpmTrainLog;

/* Lines after last_step, and a torn one, are dropped; the others stay. Errors: DDPM_ERROR_FILE. */
DdpmTrainLog *ddpm_train_log_open (GFile *file, guint64 last_step, GError **error);
void ddpm_train_log_free (DdpmTrainLog *log);

/* Seconds of training that the lines kept tell of. */
double ddpm_train_log_get_seconds (const DdpmTrainLog *log);

/* Errors: DDPM_ERROR_FILE. */
gboolean ddpm_train_log_add (DdpmTrainLog *log, const DdpmTrainLine *line, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmTrainLog, ddpm_train_log_free)

G_END_DECLS
