#include "plugin/record.h"

#include <glib/gi18n.h>
#include <string.h>

#include "plugin/argument-table.h"

#define PARASITE "ddpm-settings"

/* Members that the sampling job does not know. */
#define PROCEDURE "procedure"
#define FOLDER "folder"
#define TATTOOS "layers"
#define NAMES "layer-names"
#define PART "part"

static void
add_integers (JsonObject *record, const char *name, const gint64 *values, guint n)
{
  JsonArray *array = json_array_new ();

  for (guint i = 0; i < n; i++)
    json_array_add_int_element (array, values[i]);
  json_object_set_array_member (record, name, array);
}

void
ddpm_origin_clear (DdpmOrigin *origin)
{
  for (guint i = 0; i < G_N_ELEMENTS (origin->names); i++)
    g_clear_pointer (&origin->names[i], g_free);
}

static void
add_names (JsonObject *record, char *const *names, guint n)
{
  JsonArray *array = json_array_new ();

  for (guint i = 0; i < n; i++)
    json_array_add_string_element (array, names[i]);
  json_object_set_array_member (record, NAMES, array);
}

static void
add_origin (JsonObject *record, const DdpmOrigin *origin)
{
  const gint64 tattoos[] = { origin->tattoos[0], origin->tattoos[1] };
  const gint64 part[] = { origin->part.x, origin->part.y, origin->part.width, origin->part.height };
  guint n_tattoos = (tattoos[0] != 0) + (tattoos[1] != 0);

  json_object_set_string_member (record, PROCEDURE, origin->procedure);
  if (n_tattoos > 0)
    {
      add_integers (record, TATTOOS, tattoos, n_tattoos);
      add_names (record, origin->names, n_tattoos);
    }
  if (origin->part.width > 0)
    add_integers (record, PART, part, G_N_ELEMENTS (part));
}

JsonObject *
ddpm_record_new (DdpmSampleJob *job, guint index, const DdpmArguments *arguments, const DdpmOrigin *origin)
{
  g_autofree char *described = ddpm_sample_job_describe (job, index);
  g_autoptr (JsonNode) node = json_from_string (described, NULL);
  JsonObject *record = json_node_dup_object (node);

  add_origin (record, origin);
  /* a model that is not installed is not found by its name */
  if (strchr (arguments->model, G_DIR_SEPARATOR) != NULL)
    json_object_set_string_member (record, FOLDER, arguments->model);
  if (arguments->visible)
    json_object_set_boolean_member (record, "visible", TRUE);
  if (arguments->new_image)
    json_object_set_boolean_member (record, "new-image", TRUE);
  return record;
}

void
ddpm_record_attach (JsonObject *record, GimpLayer *layer)
{
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), record);
  g_autofree char *text = json_to_string (node, FALSE);
  GimpParasite *parasite = gimp_parasite_new (PARASITE, GIMP_PARASITE_PERSISTENT, strlen (text), text);

  gimp_item_attach_parasite (GIMP_ITEM (layer), parasite);
  gimp_parasite_free (parasite);
}

static const char *
get_string (JsonObject *record, const char *name)
{
  JsonNode *node = json_object_get_member (record, name);

  return node != NULL && json_node_get_value_type (node) == G_TYPE_STRING ? json_node_get_string (node)
                                                                          : NULL;
}

/* Exactly n whole numbers; an image file is not to be trusted. */
static gboolean
get_integers (JsonObject *record, const char *name, gint64 *values, guint n)
{
  JsonNode *node = json_object_get_member (record, name);
  JsonArray *array = node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;

  if (array == NULL || json_array_get_length (array) != n)
    return FALSE;
  for (guint i = 0; i < n; i++)
    {
      JsonNode *element = json_array_get_element (array, i);

      if (json_node_get_value_type (element) != G_TYPE_INT64)
        return FALSE;
      values[i] = json_node_get_int (element);
    }
  return TRUE;
}

void
ddpm_record_set_error (GimpItem *item, GError **error)
{
  g_autofree char *name = gimp_item_get_name (item);

  g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
               _ ("The settings kept with the layer “%s” do not say how it was made: select another one."),
               name);
}

JsonObject *
ddpm_record_read (GimpItem *item, GError **error)
{
  GimpParasite *parasite = gimp_item_get_parasite (item, PARASITE);
  g_autofree char *name = gimp_item_get_name (item);
  g_autofree char *text = NULL;
  g_autoptr (JsonNode) node = NULL;

  if (parasite == NULL)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                   _ ("The layer “%s” was not made by a diffusion model here: select one that was."), name);
      return NULL;
    }
  else
    {
      guint32 n_bytes;
      const char *bytes = gimp_parasite_get_data (parasite, &n_bytes);

      text = g_strndup (bytes, n_bytes);
      gimp_parasite_free (parasite);
    }
  node = text != NULL && g_utf8_validate (text, -1, NULL) ? json_from_string (text, NULL) : NULL;
  if (node != NULL && JSON_NODE_HOLDS_OBJECT (node) && get_string (json_node_get_object (node), PROCEDURE))
    return json_node_dup_object (node);
  ddpm_record_set_error (item, error);
  return NULL;
}

const char *
ddpm_record_get_procedure (JsonObject *record)
{
  return get_string (record, PROCEDURE);
}

/* Of those in the array of that name; NULL: it has none there. */
static const char *
get_string_at (JsonObject *record, const char *name, guint index)
{
  JsonNode *node = json_object_get_member (record, name);
  JsonArray *array = node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  JsonNode *element =
    array != NULL && index < json_array_get_length (array) ? json_array_get_element (array, index) : NULL;

  return element != NULL && json_node_get_value_type (element) == G_TYPE_STRING
           ? json_node_get_string (element)
           : NULL;
}

static GimpDrawable *
find_by_tattoo (GimpImage *image, gint64 tattoo)
{
  GimpDrawable *found = NULL;

  if (tattoo <= 0 || tattoo > G_MAXUINT32)
    return NULL;
  found = (GimpDrawable *) gimp_image_get_layer_by_tattoo (image, (guint) tattoo);
  return found != NULL ? found : (GimpDrawable *) gimp_image_get_channel_by_tattoo (image, (guint) tattoo);
}

static GimpDrawable *
find_by_name (GimpImage *image, const char *name)
{
  GimpDrawable *found = (GimpDrawable *) gimp_image_get_layer_by_name (image, name);

  return found != NULL ? found : (GimpDrawable *) gimp_image_get_channel_by_name (image, name);
}

/* A copy of an image has other tattoos; a layer may have been given another name. */
static GimpDrawable *
find_drawable (GimpImage *image, gint64 tattoo, const char *name)
{
  GimpDrawable *by_tattoo = find_by_tattoo (image, tattoo), *by_name;
  g_autofree char *its_name = by_tattoo != NULL ? gimp_item_get_name (GIMP_ITEM (by_tattoo)) : NULL;

  if (name == NULL || g_strcmp0 (its_name, name) == 0)
    return by_tattoo;
  by_name = find_by_name (image, name);
  return by_name != NULL ? by_name : by_tattoo;
}

GimpDrawable **
ddpm_record_find_drawables (JsonObject *record, GimpImage *image, GError **error)
{
  gint64 tattoos[2] = { 0 };
  guint n = get_integers (record, TATTOOS, tattoos, 2)   ? 2
            : get_integers (record, TATTOOS, tattoos, 1) ? 1
                                                         : 0;
  g_autofree GimpDrawable **drawables = g_new0 (GimpDrawable *, n + 1);

  for (guint i = 0; i < n; i++)
    {
      drawables[i] = find_drawable (image, tattoos[i], get_string_at (record, NAMES, i));
      if (drawables[i] == NULL)
        {
          g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                               _ ("The layer that this one was made from is no longer in the image: undo its "
                                  "deletion, or vary another layer with the same seed."));
          return NULL;
        }
    }
  return g_steal_pointer (&drawables);
}

gboolean
ddpm_record_get_part (JsonObject *record, GeglRectangle *part)
{
  gint64 values[4];

  if (!get_integers (record, PART, values, G_N_ELEMENTS (values)))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    if (values[i] < (i < 2 ? -GIMP_MAX_IMAGE_SIZE : 1) || values[i] > GIMP_MAX_IMAGE_SIZE)
      return FALSE;
  *part = (GeglRectangle) { (int) values[0], (int) values[1], (int) values[2], (int) values[3] };
  return TRUE;
}

static void
set_argument (const DdpmArgument *argument, JsonNode *node, GObject *config)
{
  const GType type = node != NULL ? json_node_get_value_type (node) : G_TYPE_INVALID;
  const gboolean is_number = type == G_TYPE_INT64 || type == G_TYPE_DOUBLE;
  double number = is_number ? json_node_get_double (node) : argument->initial;
  g_autofree char *digits =
    type == G_TYPE_INT64 ? g_strdup_printf ("%d", (int) json_node_get_int (node)) : NULL;

  switch (argument->kind)
    {
    case DDPM_ARGUMENT_TEXT: /* or the number of a label without a name */
      g_object_set (config, argument->name,
                    type == G_TYPE_STRING ? json_node_get_string (node)
                    : digits != NULL      ? digits
                                          : argument->word,
                    NULL);
      break;
    case DDPM_ARGUMENT_WORD:
      g_object_set (config, argument->name,
                    type == G_TYPE_STRING ? json_node_get_string (node) : argument->word, NULL);
      break;
    case DDPM_ARGUMENT_SWITCH:
      g_object_set (config, argument->name, type == G_TYPE_BOOLEAN && json_node_get_boolean (node), NULL);
      break;
    case DDPM_ARGUMENT_INTEGER:
      g_object_set (config, argument->name, (int) CLAMP (number, G_MININT, G_MAXINT), NULL);
      break;
    case DDPM_ARGUMENT_PER_CENT:
      g_object_set (config, argument->name, is_number ? 100 * number : number, NULL);
      break;
    case DDPM_ARGUMENT_NUMBER:
      g_object_set (config, argument->name, number, NULL);
      break;
    }
}

void
ddpm_record_set_config (JsonObject *record, GimpProcedureConfig *config)
{
  const char *folder = get_string (record, FOLDER);

  for (const DdpmArgument *argument = ddpm_argument_table; argument->name != NULL; argument++)
    if (g_object_class_find_property (G_OBJECT_GET_CLASS (config), argument->name) != NULL)
      set_argument (argument, json_object_get_member (record, argument->name), G_OBJECT (config));
  if (folder != NULL)
    g_object_set (config, "model", folder, NULL);
  g_object_set (config, "new-seed", FALSE, "dialog-new-seed", FALSE, NULL);
}
