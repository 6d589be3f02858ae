/* The left half of a dialog: a row for each argument that its procedure has. */
#pragma once

#include <libgimp/gimpui.h>

#include "plugin/arguments.h"

G_BEGIN_DECLS

typedef struct _DdpmSettings DdpmSettings;

/* Rows for those of config's properties that are known here, in an order of their own. */
DdpmSettings *ddpm_settings_new (GimpProcedureDialog *dialog, GimpProcedureConfig *config);
void ddpm_settings_free (DdpmSettings *settings);

/* The box with the rows, a child of nothing yet. */
GtkWidget *ddpm_settings_get_widget (DdpmSettings *settings);

/* What some rows depend on: the model's labels, and which of its steps a strength means. NULL: none could be
 * opened. */
void ddpm_settings_set_model (DdpmSettings *settings, const DdpmModel *model);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmSettings, ddpm_settings_free)

G_END_DECLS
