#include "core/model/json-scan.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/text.h"

#define MAX_NUMBER_LENGTH 400

gboolean
ddpm_json_scan_fail (const DdpmJsonScan *scan, GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  guint line = 1;
  va_list args;

  for (const char *c = scan->start; c < scan->at; c++)
    line += *c == '\n';
  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, _ ("line %u: %s"), line, message);
  return FALSE;
}

gboolean
ddpm_json_scan_init (DdpmJsonScan *scan, const char *text, gsize length, GError **error)
{
  const char *bad;

  *scan = (DdpmJsonScan) { .start = text, .at = text, .end = text + length };
  if (g_utf8_validate_len (text, length, &bad))
    return TRUE;
  scan->at = bad;
  return ddpm_json_scan_fail (scan, error, _ ("this is not UTF-8 text"));
}

char
ddpm_json_scan_peek (DdpmJsonScan *scan)
{
  while (scan->at < scan->end && strchr (" \t\r\n", *scan->at) != NULL)
    scan->at++;
  return scan->at < scan->end ? *scan->at : 0;
}

gboolean
ddpm_json_scan_expect (DdpmJsonScan *scan, char c, GError **error)
{
  if (ddpm_json_scan_peek (scan) != c)
    return ddpm_json_scan_fail (
      scan, error,
      scan->at == scan->end ? _ ("the text ends where '%c' should stand") : _ ("'%c' should stand here"), c);
  scan->at++;
  return TRUE;
}

gboolean
ddpm_json_scan_next (DdpmJsonScan *scan, char close, gboolean *first, gboolean *more, GError **error)
{
  *more = FALSE;
  if (ddpm_json_scan_peek (scan) == close)
    {
      scan->at++;
      return TRUE;
    }
  if (!*first && !ddpm_json_scan_expect (scan, ',', error))
    return FALSE;
  *first = FALSE;
  *more = TRUE;
  return TRUE;
}

/* The four digits after "\u". */
static gboolean
scan_hex (DdpmJsonScan *scan, gunichar *value, GError **error)
{
  *value = 0;
  for (guint i = 0; i < 4; i++)
    {
      int digit = scan->at < scan->end ? g_ascii_xdigit_value (*scan->at) : -1;

      if (digit < 0)
        return ddpm_json_scan_fail (scan, error, _ ("four hexadecimal digits should follow \\u"));
      *value = *value * 16 + digit;
      scan->at++;
    }
  return TRUE;
}

/* A character outside the basic plane is written as two halves. */
static gboolean
scan_unicode_escape (DdpmJsonScan *scan, GString *string, GError **error)
{
  gunichar high, low;

  if (!scan_hex (scan, &high, error))
    return FALSE;
  if (high >= 0xd800 && high < 0xdc00 && scan->end - scan->at >= 2 && scan->at[0] == '\\'
      && scan->at[1] == 'u')
    {
      scan->at += 2;
      if (!scan_hex (scan, &low, error))
        return FALSE;
      if (low < 0xdc00 || low >= 0xe000)
        return ddpm_json_scan_fail (scan, error, _ ("half a character is escaped in a string"));
      high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    }
  if (high == 0 || (high >= 0xd800 && high < 0xe000))
    return ddpm_json_scan_fail (scan, error, _ ("no character is escaped in a string"));
  g_string_append_unichar (string, high);
  return TRUE;
}

static gboolean
scan_escape (DdpmJsonScan *scan, GString *string, GError **error)
{
  static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
  char c = scan->at < scan->end ? *scan->at : 0;
  const char *letter = c != 0 ? strchr (letters, c) : NULL;

  if (c == 'u')
    {
      scan->at++;
      return scan_unicode_escape (scan, string, error);
    }
  if (letter == NULL)
    return ddpm_json_scan_fail (scan, error, _ ("a string has an escape that JSON does not know"));
  g_string_append_c (string, values[letter - letters]);
  scan->at++;
  return TRUE;
}

char *
ddpm_json_scan_string (DdpmJsonScan *scan, GError **error)
{
  g_autoptr (GString) string = NULL;

  if (!ddpm_json_scan_expect (scan, '"', error))
    return NULL;

  string = g_string_new (NULL);
  while (scan->at < scan->end && *scan->at != '"')
    {
      const char *from = scan->at;

      while (scan->at < scan->end && *scan->at != '"' && *scan->at != '\\' && (guchar) *scan->at >= 0x20)
        scan->at++;
      g_string_append_len (string, from, scan->at - from);
      if (scan->at == scan->end || *scan->at == '"')
        break;
      if (*scan->at != '\\')
        {
          ddpm_json_scan_fail (scan, error, _ ("a string is not closed before the end of its line"));
          return NULL;
        }
      scan->at++;
      if (!scan_escape (scan, string, error))
        return NULL;
    }
  if (scan->at == scan->end)
    {
      ddpm_json_scan_fail (scan, error, _ ("the text ends in the middle of a string"));
      return NULL;
    }
  scan->at++;
  return g_string_free (g_steal_pointer (&string), FALSE);
}

gboolean
ddpm_json_scan_size (DdpmJsonScan *scan, guint64 *value, GError **error)
{
  double number;
  gint64 integer;
  gboolean is_integer;

  if (!ddpm_json_scan_number (scan, &number, &integer, &is_integer, error))
    return FALSE;
  if (!is_integer || integer < 0)
    return ddpm_json_scan_fail (scan, error, _ ("a whole number of at least 0 should stand here"));
  *value = integer;
  return TRUE;
}

gboolean
ddpm_json_scan_word (DdpmJsonScan *scan, const char *word)
{
  gsize length = strlen (word);

  ddpm_json_scan_peek (scan);
  if ((gsize) (scan->end - scan->at) < length || memcmp (scan->at, word, length) != 0)
    return FALSE;
  scan->at += length;
  return TRUE;
}

/* NaN and the infinities, which JSON does not have and Python writes. */
static gboolean
scan_special_number (DdpmJsonScan *scan, double *number)
{
  if (ddpm_json_scan_word (scan, "-Infinity"))
    *number = -INFINITY;
  else if (ddpm_json_scan_word (scan, "Infinity"))
    *number = INFINITY;
  else if (ddpm_json_scan_word (scan, "NaN"))
    *number = NAN;
  else
    return FALSE;
  return TRUE;
}

static gsize
scan_digits (DdpmJsonScan *scan)
{
  const char *from = scan->at;

  while (scan->at < scan->end && g_ascii_isdigit (*scan->at))
    scan->at++;
  return scan->at - from;
}

gboolean
ddpm_json_scan_number (DdpmJsonScan *scan, double *number, gint64 *integer, gboolean *is_integer,
                       GError **error)
{
  char buffer[MAX_NUMBER_LENGTH + 1];
  const char *from;
  gsize n_digits;

  *is_integer = FALSE;
  ddpm_json_scan_peek (scan);
  if (scan_special_number (scan, number))
    return TRUE;

  from = scan->at;
  if (scan->at < scan->end && *scan->at == '-')
    scan->at++;
  n_digits = scan_digits (scan);
  if (n_digits == 0 || (n_digits > 1 && scan->at[-(gssize) n_digits] == '0'))
    return ddpm_json_scan_fail (scan, error, _ ("a number should stand here"));
  *is_integer = TRUE;
  if (scan->at < scan->end && *scan->at == '.')
    {
      *is_integer = FALSE;
      scan->at++;
      if (scan_digits (scan) == 0)
        return ddpm_json_scan_fail (scan, error, _ ("a digit should follow the point of a number"));
    }
  if (scan->at < scan->end && (*scan->at == 'e' || *scan->at == 'E'))
    {
      *is_integer = FALSE;
      scan->at++;
      if (scan->at < scan->end && (*scan->at == '+' || *scan->at == '-'))
        scan->at++;
      if (scan_digits (scan) == 0)
        return ddpm_json_scan_fail (scan, error, _ ("a digit should follow the 'e' of a number"));
    }
  if (scan->at - from > MAX_NUMBER_LENGTH)
    return ddpm_json_scan_fail (scan, error, _ ("a number has more than %d digits"), MAX_NUMBER_LENGTH);

  memcpy (buffer, from, scan->at - from);
  buffer[scan->at - from] = 0;
  *number = g_ascii_strtod (buffer, NULL);
  if (*is_integer)
    {
      errno = 0;
      *integer = g_ascii_strtoll (buffer, NULL, 10);
      *is_integer = errno == 0;
    }
  return TRUE;
}

static gboolean
skip_members (DdpmJsonScan *scan, char close, guint depth, GError **error)
{
  gboolean first = TRUE, more;

  if (depth >= DDPM_JSON_MAX_DEPTH)
    return ddpm_json_scan_fail (scan, error, _ ("more than %d brackets stand within each other"),
                                DDPM_JSON_MAX_DEPTH);
  scan->at++;
  while (ddpm_json_scan_next (scan, close, &first, &more, error))
    {
      if (!more)
        return TRUE;
      if (close == '}')
        {
          g_autofree char *key = ddpm_json_scan_string (scan, error);

          if (key == NULL || !ddpm_json_scan_expect (scan, ':', error))
            return FALSE;
        }
      if (!ddpm_json_scan_skip (scan, depth + 1, error))
        return FALSE;
    }
  return FALSE;
}

gboolean
ddpm_json_scan_skip (DdpmJsonScan *scan, guint depth, GError **error)
{
  g_autofree char *string = NULL;
  double number;
  gint64 integer;
  gboolean is_integer;

  switch (ddpm_json_scan_peek (scan))
    {
    case '{':
      return skip_members (scan, '}', depth, error);
    case '[':
      return skip_members (scan, ']', depth, error);
    case '"':
      string = ddpm_json_scan_string (scan, error);
      return string != NULL;
    default:
      return ddpm_json_scan_word (scan, "true") || ddpm_json_scan_word (scan, "false")
             || ddpm_json_scan_word (scan, "null")
             || ddpm_json_scan_number (scan, &number, &integer, &is_integer, error);
    }
}

gboolean
ddpm_json_scan_end (DdpmJsonScan *scan, GError **error)
{
  ddpm_json_scan_peek (scan);
  return scan->at == scan->end
         || ddpm_json_scan_fail (scan, error, _ ("nothing should follow the last closing bracket"));
}
