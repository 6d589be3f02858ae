#include "core/job/train-log.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/base/atomic-file.h"
#include "core/base/error.h"

#define PLACE(member) offsetof (DdpmTrainLine, member)

/* The columns after the first one, "step". Append only: files of older versions have fewer. */
static const struct
{
  const char *name;
  gsize place;
} columns[] = {
  { "loss", PLACE (loss) },
  { "smoothed_loss", PLACE (smoothed) },
  { "lr", PLACE (lr) },
  { "grad_norm", PLACE (grad_norm) },
  { "pictures_per_s", PLACE (pictures_per_s) },
  { "seconds", PLACE (seconds) },
  { "held_out_average", PLACE (held_out_average) },
  { "held_out", PLACE (held_out) },
  { "nearest", PLACE (nearest) },
  { "nearest_held_out", PLACE (nearest_held_out) },
  { "copies", PLACE (copies) },
};

struct _DdpmTrainLog
{
  GFile *file;
  FILE *stream;
  char *name; /* for messages */
  GArray *lines;
};

static double *
get_value (DdpmTrainLine *line, guint column)
{
  return (double *) ((char *) line + columns[column].place);
}

void
ddpm_train_line_init (DdpmTrainLine *line, guint64 step)
{
  line->step = step;
  for (guint i = 0; i < G_N_ELEMENTS (columns); i++)
    *get_value (line, i) = NAN;
}

static void
append_line (GString *text, DdpmTrainLine line)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append_printf (text, "%" G_GUINT64_FORMAT, line.step);
  for (guint i = 0; i < G_N_ELEMENTS (columns); i++)
    {
      const double value = *get_value (&line, i);

      g_string_append_printf (text, ",%s",
                              isnan (value) ? "" : g_ascii_formatd (number, sizeof number, "%.6g", value));
    }
  g_string_append_c (text, '\n');
}

/* All of the file, as it should be. */
static char *
format (const DdpmTrainLog *log)
{
  GString *text = g_string_new ("step");

  for (guint i = 0; i < G_N_ELEMENTS (columns); i++)
    g_string_append_printf (text, ",%s", columns[i].name);
  g_string_append_c (text, '\n');
  for (guint i = 0; i < log->lines->len; i++)
    append_line (text, g_array_index (log->lines, DdpmTrainLine, i));
  return g_string_free (text, FALSE);
}

static gboolean
parse_line (const char *text, DdpmTrainLine *line)
{
  char *end = NULL;
  const guint64 step = g_ascii_strtoull (text, &end, 10);
  g_auto (GStrv) words = NULL;

  if (end == text || *end != ',')
    return FALSE;
  ddpm_train_line_init (line, step);
  words = g_strsplit (text, ",", -1);
  for (guint i = 0; i < G_N_ELEMENTS (columns) && words[i + 1] != NULL; i++)
    {
      const double value = g_ascii_strtod (words[i + 1], &end);

      if (end != words[i + 1] && *end == '\0')
        *get_value (line, i) = value;
    }
  return TRUE;
}

/* The whole lines of text up to last_step, each step once. */
static void
keep_lines (DdpmTrainLog *log, const char *text, guint64 last_step)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  guint64 previous = 0;

  for (guint i = 0; lines[i] != NULL && lines[i + 1] != NULL; i++)
    {
      DdpmTrainLine line;

      if (!parse_line (lines[i], &line) || line.step <= previous || line.step > last_step)
        continue;
      g_array_append_val (log->lines, line);
      previous = line.step;
    }
}

static gboolean
set_errno (const DdpmTrainLog *log, GError **error)
{
  const int code = errno;

  g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, "%s cannot be written: %s", log->name, g_strerror (code));
  return FALSE;
}

/* Writes all lines, aside, and opens the file for more. */
static gboolean
rewrite (DdpmTrainLog *log, GError **error)
{
  g_autofree char *text = format (log);

  g_clear_pointer (&log->stream, fclose);
  if (!ddpm_atomic_file_replace (log->file, text, strlen (text), error))
    return FALSE;
  log->stream = fopen (g_file_peek_path (log->file), "ae");
  return log->stream != NULL || set_errno (log, error);
}

DdpmTrainLog *
ddpm_train_log_open (GFile *file, guint64 last_step, GError **error)
{
  g_autoptr (DdpmTrainLog) log = g_new0 (DdpmTrainLog, 1);
  g_autofree char *text = NULL;

  log->file = g_object_ref (file);
  log->name = g_file_get_parse_name (file);
  log->lines = g_array_new (FALSE, FALSE, sizeof (DdpmTrainLine));
  if (last_step > 0)
    g_file_load_contents (file, NULL, &text, NULL, NULL, NULL); /* without it the log begins here */
  keep_lines (log, text != NULL ? text : "", last_step);
  return rewrite (log, error) ? g_steal_pointer (&log) : NULL;
}

void
ddpm_train_log_free (DdpmTrainLog *log)
{
  if (log == NULL)
    return;
  g_clear_pointer (&log->stream, fclose);
  g_array_unref (log->lines);
  g_object_unref (log->file);
  g_free (log->name);
  g_free (log);
}

const DdpmTrainLine *
ddpm_train_log_get_lines (const DdpmTrainLog *log, guint *n_lines)
{
  *n_lines = log->lines->len;
  return (const DdpmTrainLine *) log->lines->data;
}

const DdpmTrainLine *
ddpm_train_log_find (const DdpmTrainLog *log, guint64 step)
{
  const DdpmTrainLine *last = NULL;

  if (log->lines->len > 0)
    last = &g_array_index (log->lines, DdpmTrainLine, log->lines->len - 1);
  return last != NULL && last->step == step ? last : NULL;
}

gboolean
ddpm_train_log_add (DdpmTrainLog *log, const DdpmTrainLine *line, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);

  append_line (text, *line);
  g_array_append_vals (log->lines, line, 1);
  return (fputs (text->str, log->stream) >= 0 && fflush (log->stream) == 0) || set_errno (log, error);
}

gboolean
ddpm_train_log_amend (DdpmTrainLog *log, const DdpmTrainLine *line, GError **error)
{
  g_return_val_if_fail (ddpm_train_log_find (log, line->step) != NULL, FALSE);

  g_array_index (log->lines, DdpmTrainLine, log->lines->len - 1) = *line;
  return rewrite (log, error);
}
