/* A job on a worker thread while the main thread moves GIMP's progress bar. */
#pragma once

#include "plugin/arguments.h"

G_BEGIN_DECLS

typedef struct
{
  DdpmModel *model;
  DdpmSampleJob *job; /* finished: its pictures are all there */
} DdpmRun;

/* Opens the model and makes the pictures; returns when all are finished. GIMP is not asked for anything but
 * to move its progress bar, so a plug-in killed meanwhile leaves no trace in any image. inputs as in
 * DdpmSampleOptions, borrowed. Errors: those of ddpm_model_find, ddpm_model_open_header and of the job. */
DdpmRun *ddpm_run_new (DdpmSampleTask task, const DdpmArguments *arguments, DdpmImage *const inputs[2],
                       GError **error);
void ddpm_run_free (DdpmRun *run);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmRun, ddpm_run_free)

G_END_DECLS
