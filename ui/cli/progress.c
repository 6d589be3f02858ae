#include "ui/cli/progress.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#define TERMINAL_INTERVAL_US 100000
#define PLAIN_INTERVAL_US (10 * G_USEC_PER_SEC)
#define FEW_STEPS 5 /* after which the time left is worth telling */

void
ddpm_progress_line_init (DdpmProgressLine *line)
{
  *line = (DdpmProgressLine) { .on_terminal = isatty (STDERR_FILENO),
                               .shown_us = g_get_monotonic_time (),
                               .own_bytes = ddpm_memory_get_used_bytes () };
}

char *
ddpm_format_duration (double seconds)
{
  guint64 s = (guint64) CLAMP (ceil (seconds), 0.0, 1e15);

  if (s < 60)
    return g_strdup_printf ("%u s", (guint) s);
  if (s < 3600)
    return g_strdup_printf ("%u min %02u s", (guint) (s / 60), (guint) (s % 60));
  if (s < 48 * 3600)
    return g_strdup_printf ("%u h %02u min", (guint) (s / 3600), (guint) (s / 60 % 60));
  return g_strdup_printf ("%" G_GUINT64_FORMAT " days %u h", s / 86400, (guint) (s / 3600 % 24));
}

char *
ddpm_format_about (double seconds)
{
  const guint minutes = (guint) CLAMP (rint (seconds / 60), 0.0, 1e9), nearly = (minutes + 2) / 5 * 5;

  if (seconds < 90)
    return g_strdup_printf ("%.0f s", MAX (rint (seconds), 1));
  if (minutes < 60)
    return g_strdup_printf ("%u min", minutes);
  if (nearly < 48 * 60)
    return g_strdup_printf ("%u h %02u min", nearly / 60, nearly % 60);
  return g_strdup_printf ("%u days", minutes / (24 * 60));
}

char *
ddpm_format_count (guint64 count)
{
  GString *text = g_string_new (NULL);

  g_string_printf (text, "%" G_GUINT64_FORMAT, count);
  for (gssize i = (gssize) text->len - 3; i > 0; i -= 3)
    g_string_insert_c (text, i, ',');
  return g_string_free (text, FALSE);
}

char *
ddpm_format_bytes (double bytes)
{
  if (bytes < 1e4)
    return g_strdup_printf ("%.0f bytes", bytes);
  if (bytes < 1e6)
    return g_strdup_printf ("%.1f kB", bytes / 1e3);
  if (bytes < 1e9)
    return g_strdup_printf ("%.1f MB", bytes / 1e6);
  return g_strdup_printf ("%.2f GB", bytes / 1e9);
}

char *
ddpm_format_flop (double flop)
{
  return flop < 1e12 ? g_strdup_printf ("%.3g GFLOP", flop / 1e9)
                     : g_strdup_printf ("%.0f GFLOP", flop / 1e9);
}

static const char *
name_of_phase (DdpmPhase phase)
{
  switch (phase)
    {
    case DDPM_PHASE_PREPARE:
      return "reading";
    case DDPM_PHASE_SAMPLE:
      return "sampling";
    case DDPM_PHASE_TRAIN:
      return "training";
    case DDPM_PHASE_SAVE:
      return "saving";
    case DDPM_PHASE_EVALUATE:
      return "measuring";
    }
  return "";
}

/* ", memory 412 MB of 520 MB": now, and at most. */
static void
append_memory (GString *text, guint64 predicted_bytes)
{
  g_autofree char *used = ddpm_format_bytes ((double) ddpm_memory_get_used_bytes ());
  g_autofree char *predicted = ddpm_format_bytes ((double) predicted_bytes);

  g_string_append_printf (text, ", memory %s of %s", used, predicted);
}

static char *
format_line (const DdpmProgressLine *line, const DdpmProgress *progress)
{
  GString *text = g_string_new (name_of_phase (progress->phase));

  if (progress->total > 0)
    g_string_append_printf (text, " %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " (%.0f %%)", progress->step,
                            progress->total, floor (100.0 * progress->step / progress->total));
  else if (progress->step > 0)
    g_string_append_printf (text, " %" G_GUINT64_FORMAT, progress->step);
  if (progress->phase == DDPM_PHASE_TRAIN && isfinite (progress->loss))
    g_string_append_printf (text, ", loss %.4f", progress->loss);
  if (progress->held_out > 0)
    g_string_append_printf (text, " (held out %.4f)", progress->held_out);
  if (progress->steps_per_s >= 1)
    g_string_append_printf (text, ", %.1f steps/s", progress->steps_per_s);
  else if (progress->steps_per_s > 0)
    g_string_append_printf (text, ", %.1f s/step", 1 / progress->steps_per_s);
  if (progress->seconds_left >= 0 && progress->step < progress->total)
    {
      g_autofree char *left = ddpm_format_duration (progress->seconds_left);
      g_string_append_printf (text, ", %s left", left);
    }
  if (progress->phase == DDPM_PHASE_TRAIN && line->predicted_bytes > 0)
    append_memory (text, line->own_bytes + line->predicted_bytes);
  return g_string_free (text, FALSE);
}

/* On a terminal ten lines a second at most; elsewhere the first line that can say how long it will take, one
 * every ten seconds, and the end. */
static gboolean
is_due (DdpmProgressLine *line, const DdpmProgress *progress, gint64 now_us)
{
  gboolean is_shown = line->phase == progress->phase && line->step == progress->step;
  gboolean at_end = progress->total > 0 && progress->step >= progress->total && !is_shown;

  if (line->on_terminal)
    return at_end || !line->line_open || line->phase != progress->phase
           || now_us - line->shown_us >= TERMINAL_INTERVAL_US;
  if (progress->phase == DDPM_PHASE_SAVE)
    return FALSE; /* short, and a line each would fill a log */
  if (now_us - line->shown_us >= PLAIN_INTERVAL_US)
    return TRUE;
  if (progress->phase == DDPM_PHASE_PREPARE)
    return FALSE;
  return at_end || (!line->told_duration && progress->seconds_left >= 0 && progress->step >= FEW_STEPS);
}

void
ddpm_progress_line_show (const DdpmProgress *progress, gpointer user_data)
{
  DdpmProgressLine *line = user_data;
  gint64 now_us = g_get_monotonic_time ();

  if (progress->message != NULL)
    {
      ddpm_progress_line_clear (line);
      fprintf (stderr, "%s\n", progress->message);
      if (!line->on_terminal)
        return;
    }
  if (!is_due (line, progress, now_us))
    return;
  g_autofree char *text = format_line (line, progress);
  if (line->on_terminal)
    fprintf (stderr, "\r%s\033[K", text);
  else
    fprintf (stderr, "%s\n", text);
  fflush (stderr);
  line->line_open = line->on_terminal;
  line->shown_us = now_us;
  line->phase = progress->phase;
  line->step = progress->step;
  if (progress->phase != DDPM_PHASE_PREPARE && progress->seconds_left >= 0)
    line->told_duration = TRUE;
}

void
ddpm_progress_line_clear (DdpmProgressLine *line)
{
  if (!line->line_open)
    return;
  fputs ("\r\033[K", stderr);
  fflush (stderr);
  line->line_open = FALSE;
}
