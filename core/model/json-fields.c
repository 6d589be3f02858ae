#include "core/model/json-fields.h"

#include <math.h>

#include "core/base/error.h"
#include "core/base/text.h"

gboolean
ddpm_json_fields_init (DdpmJsonFields *fields, JsonNode *node, const char *file_name, GError **error)
{
  *fields = (DdpmJsonFields) { .file_name = file_name };
  if (!JSON_NODE_HOLDS_OBJECT (node))
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
                   _ ("%s holds no JSON object; it should begin with '{'"), file_name);
      return FALSE;
    }
  fields->object = json_node_get_object (node);
  return TRUE;
}

static gboolean
is_listed (JsonNode *list, const char *key)
{
  JsonArray *array;

  if (list == NULL || !JSON_NODE_HOLDS_ARRAY (list))
    return FALSE;
  array = json_node_get_array (list);
  for (guint i = 0; i < json_array_get_length (array); i++)
    if (g_strcmp0 (ddpm_json_node_to_string (json_array_get_element (array, i)), key) == 0)
      return TRUE;
  return FALSE;
}

JsonNode *
ddpm_json_fields_find (const DdpmJsonFields *fields, const char *key)
{
  if (is_listed (json_object_get_member (fields->object, "_use_default_values"), key))
    return NULL;
  return json_object_get_member (fields->object, key);
}

gboolean
ddpm_json_fields_fail (const DdpmJsonFields *fields, const char *key, const char *expected, GError **error)
{
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, _ ("%s: \"%s\" has to be %s"), fields->file_name, key,
               expected);
  return FALSE;
}

gboolean
ddpm_json_node_to_uint (JsonNode *node, guint min, guint max, guint *value)
{
  gint64 integer;

  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64)
    return FALSE;
  integer = json_node_get_int (node);
  if (integer < min || integer > max)
    return FALSE;
  *value = integer;
  return TRUE;
}

gboolean
ddpm_json_node_to_double (JsonNode *node, double *value)
{
  if (!JSON_NODE_HOLDS_VALUE (node))
    return FALSE;
  if (json_node_get_value_type (node) == G_TYPE_INT64)
    *value = json_node_get_int (node);
  else if (json_node_get_value_type (node) == G_TYPE_DOUBLE && isfinite (json_node_get_double (node)))
    *value = json_node_get_double (node);
  else
    return FALSE;
  return TRUE;
}

const char *
ddpm_json_node_to_string (JsonNode *node)
{
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return NULL;
  return json_node_get_string (node);
}

static gboolean
get_uint (const DdpmJsonFields *fields, const char *key, guint min, guint max, gboolean null, guint *value,
          GError **error)
{
  JsonNode *node = ddpm_json_fields_find (fields, key);
  g_autofree char *expected = NULL;

  if (node == NULL || ddpm_json_node_to_uint (node, min, max, value))
    return TRUE;
  if (null && JSON_NODE_HOLDS_NULL (node))
    {
      *value = 0;
      return TRUE;
    }
  expected = g_strdup_printf (
    null ? _ ("a whole number from %u to %u, or null") : _ ("a whole number from %u to %u"), min, max);
  return ddpm_json_fields_fail (fields, key, expected, error);
}

gboolean
ddpm_json_fields_get_uint (const DdpmJsonFields *fields, const char *key, guint min, guint max, guint *value,
                           GError **error)
{
  return get_uint (fields, key, min, max, FALSE, value, error);
}

gboolean
ddpm_json_fields_get_uint_or_null (const DdpmJsonFields *fields, const char *key, guint min, guint max,
                                   guint *value, GError **error)
{
  return get_uint (fields, key, min, max, TRUE, value, error);
}

gboolean
ddpm_json_fields_get_double (const DdpmJsonFields *fields, const char *key, double *value, GError **error)
{
  JsonNode *node = ddpm_json_fields_find (fields, key);

  return node == NULL || ddpm_json_node_to_double (node, value)
         || ddpm_json_fields_fail (fields, key, _ ("a finite number"), error);
}

gboolean
ddpm_json_fields_get_bool (const DdpmJsonFields *fields, const char *key, gboolean *value, GError **error)
{
  JsonNode *node = ddpm_json_fields_find (fields, key);

  if (node == NULL)
    return TRUE;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_BOOLEAN)
    return ddpm_json_fields_fail (fields, key, _ ("true or false"), error);
  *value = json_node_get_boolean (node);
  return TRUE;
}

gboolean
ddpm_json_fields_get_string (const DdpmJsonFields *fields, const char *key, const char **value,
                             GError **error)
{
  JsonNode *node = ddpm_json_fields_find (fields, key);

  if (node == NULL)
    return TRUE;
  if (!JSON_NODE_HOLDS_NULL (node) && ddpm_json_node_to_string (node) == NULL)
    return ddpm_json_fields_fail (fields, key, _ ("a string, or null"), error);
  *value = ddpm_json_node_to_string (node);
  return TRUE;
}

gboolean
ddpm_json_fields_get_name (const DdpmJsonFields *fields, const char *key, const char *const *names, guint n,
                           guint *value, GError **error)
{
  JsonNode *node = ddpm_json_fields_find (fields, key);
  const char *name;
  g_autoptr (GString) known = NULL;

  if (node == NULL)
    return TRUE;
  name = ddpm_json_node_to_string (node);
  if (name == NULL)
    return ddpm_json_fields_fail (fields, key, _ ("a string"), error);

  known = g_string_new (NULL);
  for (guint i = 0; i < n; i++)
    {
      if (names[i] == NULL)
        continue;
      if (g_ascii_strcasecmp (name, names[i]) == 0)
        {
          *value = i;
          return TRUE;
        }
      g_string_append_printf (known, "%s\"%s\"", known->len > 0 ? ", " : "", names[i]);
    }
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_UNSUPPORTED,
               _ ("%s: \"%s\" is \"%s\", which is not supported; known are %s"), fields->file_name, key, name,
               known->str);
  return FALSE;
}
