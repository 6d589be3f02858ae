/* The dialog of a procedure: settings, and the pictures while they are made. */
#pragma once

#include "plugin/procedure.h"

G_BEGIN_DECLS

/* What the dialog asks of its procedure, on the main thread. */
typedef struct
{
  /* Reads image and settings, and starts; NULL: a sentence for the dialog. */
  DdpmRun *(*start) (gpointer data, gboolean preview, GError **error);
  /* A job as the settings are now, to be asked what it would take. */
  DdpmSampleJob *(*plan) (gpointer data, DdpmModel *model, GError **error);
  /* Puts the pictures of a run that has ended where they belong; FALSE: nothing has changed. */
  gboolean (*insert) (gpointer data, DdpmRun *run, GError **error);
  gpointer data;
} DdpmDialogCalls;

/* Returns when pictures have been inserted (TRUE) or it was closed without. The settings last used are in
 * config. */
gboolean ddpm_dialog_run (GimpProcedure *procedure, GimpProcedureConfig *config, const DdpmProcedure *info,
                          const DdpmDialogCalls *calls);

G_END_DECLS
