/* Ctrl-C and its kin as a GCancellable: the first signal asks the work to stop in good order, the second
 * kills. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _DdpmSignals DdpmSignals;

/* From now on SIGINT, SIGTERM and SIGHUP cancel *cancellable (created, owned by the result). `promise` is the
 * sentence shown at the first signal, NULL for none; it is borrowed. */
DdpmSignals *ddpm_signals_new (const char *promise);
void ddpm_signals_free (DdpmSignals *signals);

GCancellable *ddpm_signals_get_cancellable (DdpmSignals *signals);

/* The exit status of a program stopped by the signal that came: 130 after SIGINT. If it came to another
 * process of the same work: 143. */
int ddpm_signals_get_status (DdpmSignals *signals);

/* The exit status of work that failed: that of the signal if it was cancelled; otherwise 1, and *error is the
 * failure. Takes the failure. */
int ddpm_signals_fail (DdpmSignals *signals, GError *failure, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmSignals, ddpm_signals_free)

G_END_DECLS
