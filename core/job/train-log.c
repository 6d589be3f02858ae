#include "core/job/train-log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/atomic-file.h"
#include "core/base/error.h"

#define HEADER "step,loss,smoothed_loss,lr,grad_norm,pictures_per_s,seconds,held_out_average,held_out\n"
#define SECONDS_COLUMN 6

struct _DdpmTrainLog
{
  FILE *stream;
  char *name; /* for messages */
  double seconds;
};

static void
set_errno (const char *name, GError **error)
{
  const int code = errno;

  g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, "%s cannot be written: %s", name, g_strerror (code));
}

/* The header and the whole lines of text up to last_step, each step once; the seconds of the last of them. */
static char *
keep_lines (const char *text, guint64 last_step, double *seconds)
{
  GString *kept = g_string_new (HEADER);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  guint64 previous = 0;

  for (guint i = 0; lines[i] != NULL && lines[i + 1] != NULL; i++)
    {
      char *end = NULL;
      const guint64 step = g_ascii_strtoull (lines[i], &end, 10);
      g_auto (GStrv) columns = g_strsplit (lines[i], ",", -1);

      if (end == lines[i] || *end != ',' || step <= previous || step > last_step)
        continue;
      g_string_append_printf (kept, "%s\n", lines[i]);
      if (g_strv_length (columns) > SECONDS_COLUMN)
        *seconds = g_ascii_strtod (columns[SECONDS_COLUMN], NULL);
      previous = step;
    }
  return g_string_free (kept, FALSE);
}

DdpmTrainLog *
ddpm_train_log_open (GFile *file, guint64 last_step, GError **error)
{
  g_autoptr (DdpmTrainLog) log = g_new0 (DdpmTrainLog, 1);
  g_autofree char *text = NULL, *kept = NULL;

  log->name = g_file_get_parse_name (file);
  if (last_step > 0)
    g_file_load_contents (file, NULL, &text, NULL, NULL, NULL); /* without it the log begins here */
  kept = keep_lines (text != NULL ? text : "", last_step, &log->seconds);
  if (!ddpm_atomic_file_replace (file, kept, strlen (kept), error))
    return NULL;
  log->stream = fopen (g_file_peek_path (file), "ae");
  if (log->stream == NULL)
    {
      set_errno (log->name, error);
      return NULL;
    }
  return g_steal_pointer (&log);
}

void
ddpm_train_log_free (DdpmTrainLog *log)
{
  if (log == NULL)
    return;
  if (log->stream != NULL)
    fclose (log->stream);
  g_free (log->name);
  g_free (log);
}

double
ddpm_train_log_get_seconds (const DdpmTrainLog *log)
{
  return log->seconds;
}

gboolean
ddpm_train_log_add (DdpmTrainLog *log, const DdpmTrainLine *line, GError **error)
{
  const double values[] = {
    line->loss,    line->smoothed,         line->lr,      line->grad_norm, line->pictures_per_s,
    line->seconds, line->held_out_average, line->held_out
  };
  g_autoptr (GString) text = g_string_new (NULL);
  char number[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_printf (text, "%" G_GUINT64_FORMAT, line->step);
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    {
      const gboolean is_missing = i > SECONDS_COLUMN - 1 && values[i] == 0;

      g_string_append_printf (text, ",%s",
                              is_missing ? "" : g_ascii_formatd (number, sizeof number, "%.6g", values[i]));
    }
  g_string_append_c (text, '\n');
  if (fputs (text->str, log->stream) >= 0 && fflush (log->stream) == 0)
    return TRUE;
  set_errno (log->name, error);
  return FALSE;
}
