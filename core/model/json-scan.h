/* JSON text (RFC 8259) read piece by piece, for this folder's own use. It is strict, where json-glib's parser
 * lets much pass and calls itself once for every bracket of a hostile file; and it knows NaN, Infinity and
 * -Infinity as Python writes them.
 *
 * Errors are DDPM_ERROR_FILE with "line N: …"; callers put the file's name in front. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define DDPM_JSON_MAX_DEPTH 32

typedef struct
{
  const char *start, *at, *end;
} DdpmJsonScan;

/* FALSE unless text[length] is UTF-8 without NUL. The text is borrowed. */
gboolean ddpm_json_scan_init (DdpmJsonScan *scan, const char *text, gsize length, GError **error);

/* Sets "line N: " and the message. Always FALSE. */
gboolean ddpm_json_scan_fail (const DdpmJsonScan *scan, GError **error, const char *format, ...)
  G_GNUC_PRINTF (3, 4);

/* The next character that is not white space, which is not consumed; 0 at the end. */
char ddpm_json_scan_peek (DdpmJsonScan *scan);

/* Consumes that one character. */
gboolean ddpm_json_scan_expect (DdpmJsonScan *scan, char c, GError **error);

/* After '[' or '{' and after each element: whether another one follows, the comma consumed, or the closing
 * bracket, which is consumed as well. `first` is TRUE before the first element. */
gboolean ddpm_json_scan_next (DdpmJsonScan *scan, char close, gboolean *first, gboolean *more,
                              GError **error);

/* A string, unescaped; the caller frees it. */
char *ddpm_json_scan_string (DdpmJsonScan *scan, GError **error);

/* A whole number of at least 0, written with digits alone. */
gboolean ddpm_json_scan_size (DdpmJsonScan *scan, guint64 *value, GError **error);

/* Any number; is_integer says that it was written as one and fits into `integer`. */
gboolean ddpm_json_scan_number (DdpmJsonScan *scan, double *number, gint64 *integer, gboolean *is_integer,
                                GError **error);

/* true, false or null, without consuming anything else. */
gboolean ddpm_json_scan_word (DdpmJsonScan *scan, const char *word);

/* Steps over a whole value; depth counts the brackets around it. */
gboolean ddpm_json_scan_skip (DdpmJsonScan *scan, guint depth, GError **error);

/* Nothing but white space may follow the root. */
gboolean ddpm_json_scan_end (DdpmJsonScan *scan, GError **error);

G_END_DECLS
