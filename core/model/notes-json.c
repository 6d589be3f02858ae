/* ddpm.json: what diffusers' files have no place for. */
#include "core/model/config.h"

#include <string.h>

#include "core/base/text.h"
#include "core/model/json-fields.h"

#define MAX_STEPS 1000000u
#define MAX_LABELS 10000u

void
ddpm_model_notes_clear (DdpmModelNotes *notes)
{
  g_free (notes->recommended_sampler);
  g_strfreev (notes->labels);
  g_free (notes->licence);
  g_free (notes->source);
  g_free (notes->thumbnail);
  *notes = (DdpmModelNotes) { 0 };
}

static gboolean
read_string (const DdpmJsonFields *fields, const char *key, char **value, GError **error)
{
  const char *string = NULL;

  if (!ddpm_json_fields_get_string (fields, key, &string, error))
    return FALSE;
  *value = g_strdup (string);
  return TRUE;
}

/* Whether the member is the second of two words; the first is the default. */
static gboolean
read_either (const DdpmJsonFields *fields, const char *key, const char *usual, const char *other,
             gboolean *value, GError **error)
{
  const char *word = usual;
  g_autofree char *expected = NULL;

  if (!ddpm_json_fields_get_string (fields, key, &word, error))
    return FALSE;
  *value = g_strcmp0 (word, other) == 0;
  if (*value || g_strcmp0 (word, usual) == 0)
    return TRUE;
  expected = g_strdup_printf (_ ("\"%s\" or \"%s\""), usual, other);
  return ddpm_json_fields_fail (fields, key, expected, error);
}

static gboolean
read_labels (DdpmModelNotes *notes, const DdpmJsonFields *fields, GError **error)
{
  JsonNode *node = ddpm_json_fields_find (fields, "labels");
  JsonArray *array;
  guint n;

  if (node == NULL || JSON_NODE_HOLDS_NULL (node))
    return TRUE;
  if (!JSON_NODE_HOLDS_ARRAY (node))
    return ddpm_json_fields_fail (fields, "labels", _ ("a list of names, or null"), error);
  array = json_node_get_array (node);
  n = json_array_get_length (array);
  if (n == 0)
    return TRUE;
  if (n > MAX_LABELS)
    return ddpm_json_fields_fail (fields, "labels", _ ("a list of at most 10000 names"), error);

  notes->labels = g_new0 (char *, n + 1);
  for (guint i = 0; i < n; i++)
    {
      const char *label = ddpm_json_node_to_string (json_array_get_element (array, i));

      if (label == NULL || *label == 0 || g_strv_contains ((const char *const *) notes->labels, label))
        return ddpm_json_fields_fail (fields, "labels", _ ("a list of names, none empty and none twice"),
                                      error);
      notes->labels[i] = g_strdup (label);
    }
  return TRUE;
}

/* It is opened later, so it must not lead out of the model's folder. */
static gboolean
check_thumbnail (const DdpmModelNotes *notes, const DdpmJsonFields *fields, GError **error)
{
  const char *name = notes->thumbnail;

  if (name == NULL || (*name != 0 && *name != '.' && strpbrk (name, "/\\") == NULL))
    return TRUE;
  return ddpm_json_fields_fail (fields, "thumbnail", _ ("the name of a file in the model's folder"), error);
}

gboolean
ddpm_model_notes_from_json (DdpmModelNotes *notes, JsonNode *node, const char *file_name, GError **error)
{
  DdpmJsonFields fields;

  *notes = (DdpmModelNotes) { 0 };
  if (ddpm_json_fields_init (&fields, node, file_name, error)
      && read_either (&fields, "alpha", "straight", "premultiplied", &notes->premultiplied, error)
      && read_either (&fields, "padding", "zero", "circular", &notes->circular_padding, error)
      && read_string (&fields, "recommended_sampler", &notes->recommended_sampler, error)
      && ddpm_json_fields_get_uint_or_null (&fields, "recommended_steps", 0, MAX_STEPS,
                                            &notes->recommended_steps, error)
      && read_labels (notes, &fields, error) && read_string (&fields, "licence", &notes->licence, error)
      && read_string (&fields, "source", &notes->source, error)
      && read_string (&fields, "thumbnail", &notes->thumbnail, error)
      && check_thumbnail (notes, &fields, error))
    return TRUE;
  ddpm_model_notes_clear (notes);
  return FALSE;
}

static void
set_string (JsonObject *object, const char *key, const char *value)
{
  if (value != NULL)
    json_object_set_string_member (object, key, value);
}

JsonNode *
ddpm_model_notes_to_json (const DdpmModelNotes *notes)
{
  JsonObject *object = json_object_new ();
  JsonNode *node = json_node_new (JSON_NODE_OBJECT);

  json_node_take_object (node, object);
  json_object_set_string_member (object, "alpha", notes->premultiplied ? "premultiplied" : "straight");
  json_object_set_string_member (object, "padding", notes->circular_padding ? "circular" : "zero");
  set_string (object, "recommended_sampler", notes->recommended_sampler);
  if (notes->recommended_steps != 0)
    json_object_set_int_member (object, "recommended_steps", notes->recommended_steps);
  if (notes->labels != NULL)
    {
      JsonArray *array = json_array_new ();

      for (guint i = 0; notes->labels[i] != NULL; i++)
        json_array_add_string_element (array, notes->labels[i]);
      json_object_set_array_member (object, "labels", array);
    }
  set_string (object, "licence", notes->licence);
  set_string (object, "source", notes->source);
  set_string (object, "thumbnail", notes->thumbnail);
  return node;
}
