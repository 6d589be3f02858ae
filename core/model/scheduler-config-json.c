/* scheduler/scheduler_config.json: a DdpmSchedulerConfig as diffusers' schedulers name its members, both
 * ways: the loops over the table of scheduler-keys.c, and what is to be said of a file as a whole. */
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/model/config.h"
#include "core/model/scheduler-keys.h"

/* Families whose networks are asked for something other than noise at a discrete timestep. */
static const char *const other_families[] = { "ScoreSde", "KarrasVe",    "CMStochastic", "FlowMatch",
                                              "EDM",      "VQDiffusion", "Cogvideo",     "Cosine" };

static gboolean
read_class (DdpmSchedulerConfig *config, const DdpmJsonFields *fields, GError **error)
{
  const char *class_name = config->class_name;

  if (!ddpm_json_fields_get_string (fields, "_class_name", &class_name, error))
    return FALSE;
  if (class_name == NULL)
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (other_families); i++)
    if (g_str_has_prefix (class_name, other_families[i]))
      return ddpm_refuse (
        error, DDPM_ERROR_UNSUPPORTED,
        _ ("%s describes a %s, whose models are not of the DDPM kind; only those that predict noise at a "
           "timestep can be used"),
        fields->file_name, class_name);
  ddpm_scheduler_config_set_class (config, class_name);
  return TRUE;
}

/* What would make other pictures in diffusers than here. */
static gboolean
check_others (const DdpmJsonFields *fields, GError **error)
{
  static const struct
  {
    const char *key, *value; /* the only one that is known, as JSON */
  } others[] = {
    { "use_beta_sigmas", "false" },
    { "use_lu_lambdas", "false" },
    { "use_flow_sigmas", "false" },
    { "use_dynamic_shifting", "false" },
    { "interpolation_type", "\"linear\"" },
    { "timestep_type", "\"discrete\"" },
    { "sigma_min", "null" },
    { "sigma_max", "null" },
    { "solver_p", "null" },
    { "shift_terminal", "null" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      JsonNode *node = ddpm_json_fields_find (fields, others[i].key);
      g_autofree char *text = node != NULL ? ddpm_json_to_text (node) : NULL;

      if (text != NULL && !g_str_equal (text, others[i].value) && !JSON_NODE_HOLDS_NULL (node))
        return ddpm_refuse (error, DDPM_ERROR_UNSUPPORTED,
                            _ ("%s: \"%s\" is %s, which no sampler here does; put %s there to go without it"),
                            fields->file_name, others[i].key, text, others[i].value);
    }
  return TRUE;
}

/* predict_epsilon is how diffusers' first releases said prediction_type. */
static gboolean
read_predict_epsilon (DdpmSchedulerConfig *config, const DdpmJsonFields *fields, GError **error)
{
  gboolean predict_epsilon = TRUE;

  if (!ddpm_json_fields_get_bool (fields, "predict_epsilon", &predict_epsilon, error))
    return FALSE;
  config->prediction_type = predict_epsilon ? DDPM_PREDICT_EPSILON : DDPM_PREDICT_SAMPLE;
  return TRUE;
}

static gboolean
read_keys (DdpmSchedulerConfig *config, const DdpmJsonFields *fields, GError **error)
{
  for (guint i = 0; i < ddpm_scheduler_n_keys; i++)
    if (!ddpm_scheduler_keys[i].read (&ddpm_scheduler_keys[i], fields, config, error))
      return FALSE;
  return TRUE;
}

gboolean
ddpm_scheduler_config_from_json (DdpmSchedulerConfig *config, JsonNode *node, const char *file_name,
                                 GError **error)
{
  DdpmJsonFields fields;

  ddpm_scheduler_config_init (config);
  if (ddpm_json_fields_init (&fields, node, file_name, error) && read_class (config, &fields, error)
      && read_predict_epsilon (config, &fields, error) && read_keys (config, &fields, error)
      && check_others (&fields, error))
    return TRUE;
  ddpm_scheduler_config_clear (config);
  return FALSE;
}

char *
ddpm_scheduler_config_describe (const DdpmSchedulerConfig *config)
{
  return g_strdup_printf ("%s, variance %s", ddpm_scheduler_config_name_prediction (config),
                          ddpm_scheduler_config_name_variance (config));
}

/* What the class has no member for is written where a file without it would mean something else: samplers of
 * other classes go by it, and diffusers keeps such members, too. */
JsonNode *
ddpm_scheduler_config_to_json (const DdpmSchedulerConfig *config)
{
  const guint class_bit = ddpm_scheduler_class_find (config->class_name);
  g_auto (DdpmSchedulerConfig) usual = { 0 };
  JsonObject *object = json_object_new ();
  JsonNode *node = json_node_new (JSON_NODE_OBJECT);

  ddpm_scheduler_config_init (&usual);
  ddpm_scheduler_config_set_class (&usual, config->class_name);
  json_node_take_object (node, object);
  json_object_set_string_member (object, "_class_name", config->class_name);
  json_object_set_string_member (object, "_diffusers_version", DDPM_DIFFUSERS_VERSION);
  for (guint i = 0; i < ddpm_scheduler_n_keys; i++)
    {
      const DdpmSchedulerKey *key = &ddpm_scheduler_keys[i];
      g_autoptr (JsonNode) value = key->write (key, config), unsaid = key->write (key, &usual);

      if (value != NULL
          && ((key->classes & class_bit) != 0 || unsaid == NULL || !json_node_equal (value, unsaid)))
        json_object_set_member (object, key->name, g_steal_pointer (&value));
    }
  return node;
}
