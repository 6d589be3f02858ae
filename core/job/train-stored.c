#include "core/job/train-stored.h"

#include <string.h>

#include "core/base/error.h"
#include "core/job/train-fields.h"

#define OPTIONS_VERSION 1

static void
add_file (JsonBuilder *builder, const char *key, GFile *file)
{
  g_autofree char *uri = file != NULL ? g_file_get_uri (file) : NULL;

  if (uri == NULL)
    return;
  json_builder_set_member_name (builder, key);
  json_builder_add_string_value (builder, uri);
}

static JsonNode *
write_field (const DdpmTrainOptions *options, const DdpmTrainField *field)
{
  const double value = ddpm_train_field_get_value (options, field);
  JsonNode *node = json_node_alloc ();

  switch (field->type)
    {
    case DDPM_FIELD_REAL:
      return json_node_init_double (node, value);
    case DDPM_FIELD_SWITCH:
    case DDPM_FIELD_TOGGLE:
      return json_node_init_boolean (node, value != 0);
    case DDPM_FIELD_CHOICE:
      return json_node_init_string (node, field->names[(guint) value]);
    default:
      return json_node_init_int (node, (gint64) value);
    }
}

static void
options_to_json (const DdpmTrainOptions *options, JsonBuilder *builder)
{
  add_file (builder, "pictures", options->pictures);
  add_file (builder, "from", options->from);
  json_builder_set_member_name (builder, "width");
  json_builder_add_int_value (builder, options->width);
  json_builder_set_member_name (builder, "height");
  json_builder_add_int_value (builder, options->height);
  for (guint i = 0; i < ddpm_train_n_fields; i++)
    {
      json_builder_set_member_name (builder, ddpm_train_fields[i].key);
      json_builder_add_value (builder, write_field (options, &ddpm_train_fields[i]));
    }
  json_builder_set_member_name (builder, "dtype");
  json_builder_add_string_value (builder, options->dtype == DDPM_DTYPE_F32 ? "F32" : "F16");
}

/* The member's value node if it has one of the type `kind`, or a number where a number is asked for. */
static JsonNode *
get_member (JsonObject *object, const char *key, GType kind, const char *file_name, GError **error)
{
  JsonNode *node = json_object_get_member (object, key);
  const GType type =
    node != NULL && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_value_type (node) : G_TYPE_INVALID;

  if (type == kind || (kind == G_TYPE_DOUBLE && type == G_TYPE_INT64))
    return node;
  g_set_error (
    error, DDPM_ERROR, DDPM_ERROR_FILE,
    "%s: \"%s\" is missing or not of the right kind; the file is damaged and the training cannot be resumed",
    file_name, key);
  return NULL;
}

/* -1: none of them. */
static double
find_name (const char *const *names, const char *name)
{
  for (guint i = 0; names[i] != NULL; i++)
    if (strcmp (names[i], name) == 0)
      return i;
  return -1;
}

static gboolean
read_field (DdpmTrainOptions *options, const DdpmTrainField *field, JsonObject *object, const char *file_name,
            GError **error)
{
  static const GType types[] = { [DDPM_FIELD_UINT] = G_TYPE_INT64,     [DDPM_FIELD_COUNT] = G_TYPE_INT64,
                                 [DDPM_FIELD_REAL] = G_TYPE_DOUBLE,    [DDPM_FIELD_SWITCH] = G_TYPE_BOOLEAN,
                                 [DDPM_FIELD_TOGGLE] = G_TYPE_BOOLEAN, [DDPM_FIELD_CHOICE] = G_TYPE_STRING };
  JsonNode *node = NULL;
  double value = 0;

  if (field->is_newer && !json_object_has_member (object, field->key))
    {
      ddpm_train_field_set_value (options, field, field->least);
      return TRUE;
    }
  node = get_member (object, field->key, types[field->type], file_name, error);
  if (node == NULL)
    return FALSE;
  if (field->type == DDPM_FIELD_CHOICE)
    value = find_name (field->names, json_node_get_string (node));
  else
    value = json_node_get_value_type (node) == G_TYPE_BOOLEAN ? json_node_get_boolean (node)
                                                              : json_node_get_double (node);
  if (value >= field->least && value <= field->most)
    {
      ddpm_train_field_set_value (options, field, value);
      return TRUE;
    }
  return ddpm_refuse (
    error, DDPM_ERROR_FILE,
    "%s: \"%s\" is out of its range; the file is damaged and the training cannot be resumed", file_name,
    field->key);
}

static gboolean
read_fields (DdpmTrainOptions *options, JsonObject *object, const char *file_name, GError **error)
{
  for (guint i = 0; i < ddpm_train_n_fields; i++)
    if (!read_field (options, &ddpm_train_fields[i], object, file_name, error))
      return FALSE;
  return TRUE;
}

static gboolean
options_from_json (DdpmTrainOptions *options, JsonObject *object, const char *file_name, GError **error)
{
  JsonNode *pictures = get_member (object, "pictures", G_TYPE_STRING, file_name, error);
  JsonNode *width = pictures ? get_member (object, "width", G_TYPE_INT64, file_name, error) : NULL;
  JsonNode *height = width ? get_member (object, "height", G_TYPE_INT64, file_name, error) : NULL;
  JsonNode *dtype = height ? get_member (object, "dtype", G_TYPE_STRING, file_name, error) : NULL;
  JsonNode *from = NULL;

  if (dtype == NULL || !read_fields (options, object, file_name, error))
    return FALSE;
  if (json_object_has_member (object, "from"))
    {
      from = get_member (object, "from", G_TYPE_STRING, file_name, error);
      if (from == NULL)
        return FALSE;
      options->from = g_file_new_for_uri (json_node_get_string (from));
    }
  options->pictures = g_file_new_for_uri (json_node_get_string (pictures));
  options->width = (guint) CLAMP (json_node_get_int (width), 0, G_MAXINT);
  options->height = (guint) CLAMP (json_node_get_int (height), 0, G_MAXINT);
  options->dtype = g_str_equal (json_node_get_string (dtype), "F32") ? DDPM_DTYPE_F32 : DDPM_DTYPE_F16;
  return TRUE;
}

gboolean
ddpm_train_stored_read (DdpmTrainSetup *setup, DdpmTrainOptions *stored, guint64 *fingerprint, GError **error)
{
  g_autoptr (GFile) file = ddpm_train_get_options_file (setup->options.output);
  g_autofree char *name = g_file_get_parse_name (file);
  g_autoptr (JsonNode) root = NULL;
  JsonObject *object = NULL;
  static const char *const parts[] = { "options", "unet", "scheduler", "notes" };
  const char *dataset = NULL;

  if (!g_file_query_exists (file, NULL))
    return ddpm_refuse (error, DDPM_ERROR_FILE,
                        "There is no training to resume: %s does not exist; leave out --resume to start one",
                        name);
  root = ddpm_json_read (file, error);
  if (root == NULL)
    return FALSE;
  object = JSON_NODE_HOLDS_OBJECT (root) ? json_node_get_object (root) : NULL;
  if (object == NULL || json_object_get_int_member_with_default (object, "version", 0) != OPTIONS_VERSION)
    return ddpm_refuse (
      error, DDPM_ERROR_FILE,
      "%s is damaged or was written by another version; start a new training in another folder", name);
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      JsonNode *node = json_object_get_member (object, parts[i]);

      if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
        return ddpm_refuse (error, DDPM_ERROR_FILE,
                            "%s: \"%s\" is missing; the file is damaged and the training cannot be resumed",
                            name, parts[i]);
    }
  dataset = json_object_get_string_member_with_default (object, "dataset_fingerprint", "");
  if (!g_ascii_string_to_unsigned (dataset, 16, 0, G_MAXUINT64, fingerprint, NULL))
    return ddpm_refuse (
      error, DDPM_ERROR_FILE,
      "%s: \"dataset_fingerprint\" is missing; the file is damaged and the training cannot be resumed", name);
  if (!options_from_json (stored, json_object_get_object_member (object, "options"), name, error)
      || !ddpm_unet_config_from_json (&setup->config, json_object_get_member (object, "unet"), name, error)
      || !ddpm_scheduler_config_from_json (&setup->scheduler, json_object_get_member (object, "scheduler"),
                                           name, error)
      || !ddpm_model_notes_from_json (&setup->notes, json_object_get_member (object, "notes"), name, error))
    return FALSE;
  if (stored->labels
      && (setup->notes.labels == NULL
          || g_strv_length (setup->notes.labels) + 1 != setup->config.num_class_embeds))
    return ddpm_refuse (
      error, DDPM_ERROR_FILE,
      "%s: the labels do not fit the network; the file is damaged and the training cannot be resumed", name);
  return TRUE;
}

gboolean
ddpm_train_stored_write (const DdpmTrainSetup *setup, GError **error)
{
  g_autoptr (GFile) file = ddpm_train_get_options_file (setup->options.output);
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autofree char *fingerprint = g_strdup_printf ("%016" G_GINT64_MODIFIER "x", setup->fingerprint);

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "version");
  json_builder_add_int_value (builder, OPTIONS_VERSION);
  json_builder_set_member_name (builder, "dataset_fingerprint");
  json_builder_add_string_value (builder, fingerprint);
  json_builder_set_member_name (builder, "options");
  json_builder_begin_object (builder);
  options_to_json (&setup->options, builder);
  json_builder_end_object (builder);
  json_builder_set_member_name (builder, "unet");
  json_builder_add_value (builder, ddpm_unet_config_to_json (&setup->config));
  json_builder_set_member_name (builder, "scheduler");
  json_builder_add_value (builder, ddpm_scheduler_config_to_json (&setup->scheduler));
  json_builder_set_member_name (builder, "notes");
  json_builder_add_value (builder, ddpm_model_notes_to_json (&setup->notes));
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  return ddpm_json_write (file, root, error);
}
