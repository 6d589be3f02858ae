/* train.csv: how a training run went, a line every so many steps. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* NaN: not measured at this step, an empty column. The first six always are. */
typedef struct
{
  guint64 step;
  double loss;     /* mean since the last line */
  double smoothed; /* loss, smoothed over about 50 steps */
  double lr;
  double grad_norm;                  /* before clipping */
  double pictures_per_s;             /* at the median speed of the last steps */
  double seconds;                    /* of training, without pauses between runs */
  double held_out_average, held_out; /* loss on held out pictures, of average and raw weights */
  double nearest, nearest_held_out;  /* mean ratios of samples and of held out pictures (train-nearest.h) */
  double copies;                     /* share of samples that are copies */
} DdpmTrainLine;

/* Only the step, nothing measured. */
void ddpm_train_line_init (DdpmTrainLine *line, guint64 step);

typedef struct _DdpmTrainLog DdpmTrainLog;

/* Lines after last_step, and a torn one, are dropped; the others stay. Errors: DDPM_ERROR_FILE. */
DdpmTrainLog *ddpm_train_log_open (GFile *file, guint64 last_step, GError **error);
void ddpm_train_log_free (DdpmTrainLog *log);

/* All lines, each once, in order of their steps. Owned by the log, until it changes. */
const DdpmTrainLine *ddpm_train_log_get_lines (const DdpmTrainLog *log, guint *n_lines);

/* The last line, if it is that of `step`; else NULL. */
const DdpmTrainLine *ddpm_train_log_find (const DdpmTrainLog *log, guint64 step);

/* Its step is later than those of all lines there are. Errors: DDPM_ERROR_FILE. */
gboolean ddpm_train_log_add (DdpmTrainLog *log, const DdpmTrainLine *line, GError **error);

/* Puts `line` in the place of the last one, of the same step. Errors: DDPM_ERROR_FILE. */
gboolean ddpm_train_log_amend (DdpmTrainLog *log, const DdpmTrainLine *line, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmTrainLog, ddpm_train_log_free)

G_END_DECLS
