/* A job on a worker thread, and what can be seen of it meanwhile from the main thread. */
#pragma once

#include "plugin/arguments.h"

G_BEGIN_DECLS

typedef struct _DdpmRun DdpmRun;

/* As in DdpmSampleOptions; NULL where there is none. */
typedef struct
{
  DdpmImage *pictures[2], *mask;
} DdpmInputs;

struct _DdpmRun
{
  DdpmModel *model;   /* these two are the worker's until it has ended */
  DdpmSampleJob *job; /* NULL: the run failed before it had one */

  struct _DdpmRunWork *work; /* of run.c */
};

typedef struct
{
  gboolean ended;
  guint64 step, total; /* total 0: the model is being opened */
  double seconds_left; /* < 0: not known */
  guint count;         /* pictures to be made */
  guint n_finished;    /* of them */
} DdpmRunState;

/* The job that the arguments ask for. Errors: those of ddpm_sample_job_new. */
DdpmSampleJob *ddpm_run_new_job (DdpmModel *model, DdpmSampleTask task, const DdpmArguments *arguments,
                                 const DdpmInputs *inputs, gboolean preview, GError **error);

/* Starts: opens the model and makes the pictures. GIMP is not asked for anything, so a plug-in killed
 * meanwhile leaves no trace in any image. arguments, and inputs are borrowed until
 * it has ended. preview: pictures can be taken while they are made. */
DdpmRun *ddpm_run_start (DdpmSampleTask task, const DdpmArguments *arguments, const DdpmInputs *inputs,
                         gboolean preview);

DdpmRunState ddpm_run_get_state (DdpmRun *run);

/* Picture `index` as it is now, finished or the estimate of it; NULL: not begun, or the same as when it was
 * last taken. Caller frees. */
DdpmImage *ddpm_run_take_picture (DdpmRun *run, guint index);

/* Both return at once; the run ends soon. After a cancel the job holds what was finished; after "stop here"
 * also the current estimates, see ddpm_sample_job_stop_here. */
void ddpm_run_cancel (DdpmRun *run);
void ddpm_run_stop_here (DdpmRun *run);

/* Waits until it has ended. FALSE: it failed, or was cancelled. Errors: those of ddpm_model_find,
 * ddpm_model_open_header and of the job. */
gboolean ddpm_run_finish (DdpmRun *run, GError **error);

/* The same, while GIMP's progress bar moves. */
gboolean ddpm_run_finish_with_progress (DdpmRun *run, GError **error);

/* Pictures that can be inserted, of a run that has ended. */
guint ddpm_run_get_n_pictures (DdpmRun *run);

/* Cancels and waits, if need be. */
void ddpm_run_free (DdpmRun *run);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmRun, ddpm_run_free)

G_END_DECLS
