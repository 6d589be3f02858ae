#include "ui/cli/json.h"

#include <math.h>
#include <stdio.h>

static void
add_key (JsonBuilder *builder, const char *key)
{
  if (key != NULL)
    json_builder_set_member_name (builder, key);
}

void
ddpm_json_add_boolean (JsonBuilder *builder, const char *key, gboolean value)
{
  add_key (builder, key);
  json_builder_add_boolean_value (builder, value);
}

void
ddpm_json_add_int (JsonBuilder *builder, const char *key, gint64 value)
{
  add_key (builder, key);
  json_builder_add_int_value (builder, value);
}

void
ddpm_json_add_double (JsonBuilder *builder, const char *key, double value)
{
  add_key (builder, key);
  if (isfinite (value))
    json_builder_add_double_value (builder, value);
  else
    json_builder_add_null_value (builder);
}

void
ddpm_json_add_string (JsonBuilder *builder, const char *key, const char *text)
{
  add_key (builder, key);
  if (text != NULL)
    json_builder_add_string_value (builder, text);
  else
    json_builder_add_null_value (builder);
}

void
ddpm_json_add_doubles (JsonBuilder *builder, const char *key, const double *values, guint n)
{
  add_key (builder, key);
  json_builder_begin_array (builder);
  for (guint i = 0; i < n; i++)
    ddpm_json_add_double (builder, NULL, values[i]);
  json_builder_end_array (builder);
}

void
ddpm_json_print (JsonBuilder *builder)
{
  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  g_autofree char *text = json_to_string (root, TRUE);

  printf ("%s\n", text);
}
