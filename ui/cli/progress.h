/* A job's progress on standard error: one line that moves on a terminal, now and then a plain line elsewhere.
 */
#pragma once

#include "core/ddpm.h"

G_BEGIN_DECLS

typedef struct
{
  gboolean on_terminal;
  gboolean line_open;      /* the moving line is on the screen */
  gint64 shown_us;         /* when the last line was shown */
  DdpmPhase phase;         /* of the last line */
  guint64 step;            /* of the last line */
  gboolean told_duration;  /* a line with the time left is out */
  guint64 own_bytes;       /* of memory, that the program took before its job */
  guint64 predicted_bytes; /* … and what the job takes at most; set by the caller, 0: not known */
} DdpmProgressLine;

void ddpm_progress_line_init (DdpmProgressLine *line);

/* A DdpmProgressFunc; user_data is the DdpmProgressLine. */
void ddpm_progress_line_show (const DdpmProgress *progress, gpointer user_data);

/* Takes the moving line off the screen, so that something else can be printed. */
void ddpm_progress_line_clear (DdpmProgressLine *line);

/* "45 s", "12 min 05 s", "3 h 20 min"; caller frees. */
char *ddpm_format_duration (double seconds);

/* For guesses: "45 s", "12 min", "3 h 20 min", "2 days"; caller frees. */
char *ddpm_format_about (double seconds);

/* "40,000"; caller frees. */
char *ddpm_format_count (guint64 count);

/* "512 bytes", "12.3 MB", "1.25 GB"; caller frees. */
char *ddpm_format_bytes (double bytes);

/* "0.469 GFLOP", "1254 GFLOP"; caller frees. */
char *ddpm_format_flop (double flop);

G_END_DECLS
