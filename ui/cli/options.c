#include "ui/cli/options.h"

#include <math.h>
#include <string.h>

#include "core/ddpm.h"

#define MAX_SIDE 65535 /* pixels: the largest that the library's pictures may have */

gboolean
ddpm_options_parse (int argc, char **argv, const GOptionEntry *entries, const char *operand_names,
                    const char *usage, const char *summary, char ***operands, GError **error)
{
  g_autoptr (GOptionContext) context = g_option_context_new (usage);
  g_auto (GStrv) given = NULL;
  g_auto (GStrv) names = g_strsplit (operand_names, " ", -1);
  const GOptionEntry rest[] = {
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &given, NULL, NULL },
    G_OPTION_ENTRY_NULL,
  };

  if (operand_names[0] == '\0')
    names[0] = NULL;
  g_option_context_set_summary (context, summary);
  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_add_main_entries (context, rest, NULL);
  if (!g_option_context_parse (context, &argc, &argv, error))
    return FALSE;

  guint n_given = given != NULL ? g_strv_length (given) : 0, n_names = g_strv_length (names);
  if (n_given < n_names && names[n_given][0] != '[')
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "%s is missing", names[n_given]);
      return FALSE;
    }
  if (n_given > n_names)
    {
      g_autofree char *extra = g_filename_display_name (given[n_names]);
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "\"%s\" is one word too many", extra);
      return FALSE;
    }
  *operands = given != NULL ? g_steal_pointer (&given) : g_new0 (char *, 1);
  return TRUE;
}

/* TRUE if all of the text is one whole number without a sign that fits. */
static gboolean
parse_digits (const char *text, guint64 max, guint64 *value)
{
  return g_ascii_isdigit (text[0]) && g_ascii_string_to_unsigned (text, 10, 0, max, value, NULL);
}

gboolean
ddpm_option_get_uint64 (const char *option, const char *text, guint64 min, guint64 max, guint64 *value,
                        GError **error)
{
  guint64 number;

  if (text == NULL)
    return TRUE;
  if (!parse_digits (text, max, &number) || number < min)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                   "%s has to be a whole number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT
                   ", not \"%s\"",
                   option, min, max, text);
      return FALSE;
    }
  *value = number;
  return TRUE;
}

gboolean
ddpm_option_get_uint (const char *option, const char *text, guint min, guint max, guint *value,
                      GError **error)
{
  guint64 number = *value;

  if (!ddpm_option_get_uint64 (option, text, min, max, &number, error))
    return FALSE;
  *value = (guint) number;
  return TRUE;
}

gboolean
ddpm_option_get_double (const char *option, const char *text, double min, double max, double *value,
                        GError **error)
{
  char *end;

  if (text == NULL)
    return TRUE;
  double number = g_ascii_strtod (text, &end);
  if (end == text || *end != '\0' || !isfinite (number) || number < min || number > max)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, "%s has to be a number from %g to %g, not \"%s\"",
                   option, min, max, text);
      return FALSE;
    }
  *value = number;
  return TRUE;
}

gboolean
ddpm_option_get_size (const char *option, const char *text, guint *width, guint *height, GError **error)
{
  guint64 w, h;

  if (text == NULL)
    return TRUE;
  g_auto (GStrv) parts = g_strsplit (text, "x", -1);
  guint n_parts = g_strv_length (parts);
  if (n_parts < 1 || n_parts > 2 || !parse_digits (parts[0], MAX_SIDE, &w)
      || !parse_digits (parts[n_parts - 1], MAX_SIDE, &h) || w == 0 || h == 0)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                   "%s has to be a number of pixels from 1 to %d, or two of them as in 64x48, not \"%s\"",
                   option, MAX_SIDE, text);
      return FALSE;
    }
  *width = (guint) w;
  *height = (guint) h;
  return TRUE;
}

gboolean
ddpm_option_get_list (const char *option, const char *text, guint max_values, guint *values, guint *n_values,
                      GError **error)
{
  gboolean is_list = TRUE;

  if (text == NULL)
    return TRUE;
  g_auto (GStrv) parts = g_strsplit (text, ",", -1);
  guint n_parts = g_strv_length (parts);
  is_list = n_parts >= 1 && n_parts <= max_values;
  for (guint i = 0; i < n_parts && is_list; i++)
    {
      guint64 number;
      is_list = parse_digits (parts[i], MAX_SIDE, &number) && number > 0;
      if (is_list)
        values[i] = (guint) number;
    }
  if (!is_list)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                   "%s has to be 1 to %u whole numbers above 0 with commas between them, not \"%s\"", option,
                   max_values, text);
      return FALSE;
    }
  *n_values = n_parts;
  return TRUE;
}

gboolean
ddpm_option_get_choice (const char *option, const char *text, const char *const *names, guint *value,
                        GError **error)
{
  if (text == NULL)
    return TRUE;
  for (guint i = 0; names[i] != NULL; i++)
    if (strcmp (names[i], text) == 0)
      {
        *value = i;
        return TRUE;
      }
  g_autofree char *all = g_strjoinv (", ", (char **) names);
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, "%s has to be one of %s, not \"%s\"", option, all, text);
  return FALSE;
}

gboolean
ddpm_option_get_precision (const char *option, const char *text, guint *value, GError **error)
{
  static const char *const names[] = { [DDPM_PRECISION_F32] = "f32", [DDPM_PRECISION_BF16] = "bf16", NULL };

  return ddpm_option_get_choice (option, text, names, value, error);
}

gboolean
ddpm_option_require (const char *option, const char *text, GError **error)
{
  if (text != NULL)
    return TRUE;
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "%s is missing", option);
  return FALSE;
}
