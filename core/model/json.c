#include "core/model/json.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/atomic-file.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/model/json-scan.h"

/* No configuration comes near; a file that does is not one. */
#define MAX_FILE_BYTES (16u << 20)

static JsonNode *parse_value (DdpmJsonScan *scan, guint depth, GError **error);

static gboolean
check_depth (const DdpmJsonScan *scan, guint depth, GError **error)
{
  return depth < DDPM_JSON_MAX_DEPTH
         || ddpm_json_scan_fail (scan, error, _ ("more than %d brackets stand within each other"),
                                 DDPM_JSON_MAX_DEPTH);
}

static gboolean
parse_member (DdpmJsonScan *scan, guint depth, JsonObject *object, GError **error)
{
  g_autofree char *key = ddpm_json_scan_string (scan, error);
  JsonNode *value;

  if (key == NULL)
    return FALSE;
  if (json_object_has_member (object, key))
    return ddpm_json_scan_fail (scan, error, _ ("\"%s\" stands here for the second time"), key);
  if (!ddpm_json_scan_expect (scan, ':', error))
    return FALSE;
  value = parse_value (scan, depth + 1, error);
  if (value == NULL)
    return FALSE;
  json_object_set_member (object, key, value);
  return TRUE;
}

static JsonNode *
parse_object (DdpmJsonScan *scan, guint depth, GError **error)
{
  g_autoptr (JsonObject) object = json_object_new ();
  JsonNode *node;
  gboolean first = TRUE, more;

  if (!check_depth (scan, depth, error))
    return NULL;
  scan->at++;
  do
    {
      if (!ddpm_json_scan_next (scan, '}', &first, &more, error)
          || (more && !parse_member (scan, depth, object, error)))
        return NULL;
    }
  while (more);

  node = json_node_new (JSON_NODE_OBJECT);
  json_node_set_object (node, object);
  return node;
}

static JsonNode *
parse_array (DdpmJsonScan *scan, guint depth, GError **error)
{
  g_autoptr (JsonArray) array = json_array_new ();
  JsonNode *node;
  gboolean first = TRUE, more;

  if (!check_depth (scan, depth, error))
    return NULL;
  scan->at++;
  do
    {
      if (!ddpm_json_scan_next (scan, ']', &first, &more, error))
        return NULL;
      if (more)
        {
          JsonNode *element = parse_value (scan, depth + 1, error);

          if (element == NULL)
            return NULL;
          json_array_add_element (array, element);
        }
    }
  while (more);

  node = json_node_new (JSON_NODE_ARRAY);
  json_node_set_array (node, array);
  return node;
}

static JsonNode *
parse_number (DdpmJsonScan *scan, GError **error)
{
  double number;
  gint64 integer;
  gboolean is_integer;

  if (!ddpm_json_scan_number (scan, &number, &integer, &is_integer, error))
    return NULL;
  return is_integer ? json_node_init_int (json_node_alloc (), integer)
                    : json_node_init_double (json_node_alloc (), number);
}

static JsonNode *
parse_value (DdpmJsonScan *scan, guint depth, GError **error)
{
  g_autofree char *string = NULL;

  switch (ddpm_json_scan_peek (scan))
    {
    case '{':
      return parse_object (scan, depth, error);
    case '[':
      return parse_array (scan, depth, error);
    case '"':
      string = ddpm_json_scan_string (scan, error);
      return string != NULL ? json_node_init_string (json_node_alloc (), string) : NULL;
    default:
      if (ddpm_json_scan_word (scan, "true"))
        return json_node_init_boolean (json_node_alloc (), TRUE);
      if (ddpm_json_scan_word (scan, "false"))
        return json_node_init_boolean (json_node_alloc (), FALSE);
      if (ddpm_json_scan_word (scan, "null"))
        return json_node_init_null (json_node_alloc ());
      return parse_number (scan, error);
    }
}

JsonNode *
ddpm_json_parse (const char *text, gsize length, GError **error)
{
  DdpmJsonScan scan;
  g_autoptr (JsonNode) root = NULL;

  if (!ddpm_json_scan_init (&scan, text, length, error))
    return NULL;
  root = parse_value (&scan, 0, error);
  if (root == NULL || !ddpm_json_scan_end (&scan, error))
    return NULL;
  return g_steal_pointer (&root);
}

/* Looked at before it is opened: opening a pipe would wait for ever, and a device never ends. */
static char *
read_text (GFile *file, const char *name, gsize *length, GError **error)
{
  g_autoptr (GError) reason = NULL;
  const char *path = g_file_peek_path (file);
  char *text = NULL;
  GStatBuf info;

  if (path == NULL || g_stat (path, &info) != 0)
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, _ ("%s cannot be read: %s"), name,
                 path == NULL ? _ ("it is not on this machine") : g_strerror (errno));
  else if (!S_ISREG (info.st_mode))
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, _ ("%s is not a file; a JSON file should be there"),
                 name);
  else if (info.st_size > MAX_FILE_BYTES)
    g_set_error (
      error, DDPM_ERROR, DDPM_ERROR_FILE,
      _ ("%s has %" PRIu64 " bytes, which is too much for a configuration; put the right file there"), name,
      (guint64) info.st_size);
  else if (!g_file_get_contents (path, &text, length, &reason))
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, _ ("%s cannot be read: %s"), name, reason->message);
  return text;
}

JsonNode *
ddpm_json_read (GFile *file, GError **error)
{
  g_autofree char *name = g_file_get_parse_name (file);
  g_autofree char *text = NULL;
  g_autoptr (JsonNode) root = NULL;
  gsize length = 0;

  text = read_text (file, name, &length, error);
  if (text == NULL)
    return NULL;
  root = ddpm_json_parse (text, length, error);
  if (root == NULL)
    {
      g_prefix_error (error, _ ("%s is not valid JSON: "), name);
      return NULL;
    }
  if (!JSON_NODE_HOLDS_OBJECT (root))
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
                   _ ("%s holds no JSON object; it should begin with '{'"), name);
      return NULL;
    }
  return g_steal_pointer (&root);
}

static void
append_string (GString *text, const char *string)
{
  g_string_append_c (text, '"');
  for (const char *c = string; *c != 0; c++)
    {
      const char *special = strchr ("\bb\ff\nn\rr\tt", *c);

      if (*c == '"' || *c == '\\')
        g_string_append_printf (text, "\\%c", *c);
      else if ((guchar) *c < 0x20 && special != NULL)
        g_string_append_printf (text, "\\%c", special[1]);
      else if ((guchar) *c < 0x20)
        g_string_append_printf (text, "\\u%04x", *c);
      else
        g_string_append_c (text, *c);
    }
  g_string_append_c (text, '"');
}

static void
append_double (GString *text, double value)
{
  static const char *const formats[] = { "%.15g", "%.16g", "%.17g" };
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  if (!isfinite (value))
    {
      g_string_append (text, isnan (value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
      return;
    }
  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      g_ascii_formatd (buffer, sizeof (buffer), formats[i], value);
      if (g_ascii_strtod (buffer, NULL) == value)
        break;
    }
  g_string_append (text, buffer);
  if (strpbrk (buffer, ".e") == NULL)
    g_string_append (text, ".0");
}

static void append_node (GString *text, JsonNode *node, guint indent);

static void
append_newline (GString *text, guint indent)
{
  g_string_append_printf (text, "\n%*s", (int) indent, "");
}

static void
append_object (GString *text, JsonObject *object, guint indent)
{
  JsonObjectIter iter;
  const char *key;
  JsonNode *value;
  gboolean first = TRUE;

  g_string_append_c (text, '{');
  json_object_iter_init_ordered (&iter, object);
  while (json_object_iter_next_ordered (&iter, &key, &value))
    {
      g_string_append (text, first ? "" : ",");
      first = FALSE;
      append_newline (text, indent + 2);
      append_string (text, key);
      g_string_append (text, ": ");
      append_node (text, value, indent + 2);
    }
  if (!first)
    append_newline (text, indent);
  g_string_append_c (text, '}');
}

static void
append_array (GString *text, JsonArray *array, guint indent)
{
  guint n = json_array_get_length (array);

  g_string_append_c (text, '[');
  for (guint i = 0; i < n; i++)
    {
      g_string_append (text, i > 0 ? "," : "");
      append_newline (text, indent + 2);
      append_node (text, json_array_get_element (array, i), indent + 2);
    }
  if (n > 0)
    append_newline (text, indent);
  g_string_append_c (text, ']');
}

static void
append_node (GString *text, JsonNode *node, guint indent)
{
  if (JSON_NODE_HOLDS_OBJECT (node))
    append_object (text, json_node_get_object (node), indent);
  else if (JSON_NODE_HOLDS_ARRAY (node))
    append_array (text, json_node_get_array (node), indent);
  else if (JSON_NODE_HOLDS_NULL (node))
    g_string_append (text, "null");
  else if (json_node_get_value_type (node) == G_TYPE_STRING)
    append_string (text, json_node_get_string (node));
  else if (json_node_get_value_type (node) == G_TYPE_BOOLEAN)
    g_string_append (text, json_node_get_boolean (node) ? "true" : "false");
  else if (json_node_get_value_type (node) == G_TYPE_INT64)
    g_string_append_printf (text, "%" G_GINT64_FORMAT, json_node_get_int (node));
  else
    append_double (text, json_node_get_double (node));
}

char *
ddpm_json_to_text (JsonNode *node)
{
  GString *text = g_string_new (NULL);

  append_node (text, node, 0);
  return g_string_free (text, FALSE);
}

gboolean
ddpm_json_write (GFile *file, JsonNode *node, GError **error)
{
  g_autofree char *text = ddpm_json_to_text (node);
  g_autofree char *line = g_strconcat (text, "\n", NULL);

  return ddpm_atomic_file_replace (file, line, strlen (line), error);
}
