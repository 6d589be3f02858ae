/* The dialog of a procedure. */
#pragma once

#include "plugin/procedure.h"

G_BEGIN_DECLS

/* FALSE when it was cancelled; else config holds what was chosen. */
gboolean ddpm_dialog_run (GimpProcedure *procedure, GimpProcedureConfig *config, const DdpmProcedure *info);

G_END_DECLS
