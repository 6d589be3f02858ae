/* How much memory there is for a job that is about to begin. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Bytes that this process can still take without others, or itself, being stopped for it: what the machine
 * has free, or can free, or swap, within the limits set on the process and its control group. G_MAXUINT64
 * where the system does not say. */
guint64 ddpm_memory_get_available_bytes (void);

/* Bytes of memory that this process takes now, and the most that it has taken. 0: not known. */
guint64 ddpm_memory_get_used_bytes (void);
guint64 ddpm_memory_get_peak_bytes (void);

G_END_DECLS
