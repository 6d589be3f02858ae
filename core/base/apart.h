/* Work that has to be finished even if this process is killed meanwhile: in a process of its own. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef gboolean (*DdpmApartFunc) (gpointer data, GError **error);

/* Runs func (data) in a copy of this process, which whoever started this one knows nothing of and does not
 * end with it, and waits for it. The copy has no other threads, so that func must not need any; it prints
 * nothing, and what it changes in memory is its own. Where there is no memory for a copy func runs right
 * here. Errors: func's, as DDPM_ERROR_FILE. */
gboolean ddpm_apart_run (DdpmApartFunc func, gpointer data, GError **error);

G_END_DECLS
