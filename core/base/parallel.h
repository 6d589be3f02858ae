/* The one thread team. Work is cut into tasks by shape alone, never by the number of threads, and
 * no two tasks write to the same place, so results do not depend on how many threads there are. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _DdpmTeam DdpmTeam;

/* `worker` is 0 … n_threads-1, for scratch memory of a thread's own. */
typedef void (*DdpmTaskFunc) (guint task, guint worker, gpointer data);

/* n_threads 0: as many as this process may run on, or $DDPM_THREADS. The caller of
 * ddpm_team_run is one of them. Never fails: with fewer threads to be had, the team is smaller. */
DdpmTeam *ddpm_team_new (guint n_threads);
void ddpm_team_free (DdpmTeam *team);

/* How many threads such a team has, unless the system refuses some. */
guint ddpm_team_choose_size (guint n_threads);

guint ddpm_team_get_n_threads (const DdpmTeam *team);

/* From when it is cancelled, tasks that have not begun are skipped, in the run at hand and all later ones:
 * what they should have computed is then incomplete and must not be used. NULL: nothing is skipped. The team
 * takes a reference. Not while a run is at hand; and the caller must not reset the cancellable before it has
 * looked at it. */
void ddpm_team_set_cancellable (DdpmTeam *team, GCancellable *cancellable);

/* Runs func for each task 0 … n_tasks-1 and returns when all are done. One caller at a time. */
void ddpm_team_run (DdpmTeam *team, guint n_tasks, DdpmTaskFunc func, gpointer data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmTeam, ddpm_team_free)

G_END_DECLS
