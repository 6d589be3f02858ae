/* scheduler/scheduler_config.json: a DdpmSchedulerConfig as diffusers' schedulers name its members, both
 * ways. */
#include "core/model/config.h"

#include <math.h>

#include "core/base/error.h"
#include "core/model/json-fields.h"

#define MAX_TIMESTEPS 1000000u

/* diffusers has no name for the last one, which it never predicts: its schedulers refuse such a model, rather
 * than taking what it says for something else. */
static const char *const prediction_names[] = { "epsilon", "sample", "v_prediction", "mu" };
static const char *const spacing_names[] = { "leading", "trailing", "linspace" };
/* In the order of DdpmSolverType; what another class's config calls it, is as it likes best. */
static const char *const solver_names[] = { "logrho", "midpoint", "heun", "bh1", "bh2" };
static const char *const final_sigma_names[] = { "zero", "sigma_min" };
/* Of these, "deis" and those without ++ solve the same equations in other variables. */
static const char *const algorithm_names[] = { "dpmsolver++", "dpmsolver", "deis", "sde-dpmsolver++",
                                               "sde-dpmsolver" };
#define FIRST_RANDOM_ALGORITHM 3
static const char *const variance_names[] = { "fixed_small",     "fixed_small_log", "fixed_large",
                                              "fixed_large_log", "learned",         "learned_range" };

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
      {
        g_set_error (
          error, DDPM_ERROR, DDPM_ERROR_UNSUPPORTED,
          "%s describes a %s, whose models are not of the DDPM kind; only those that predict noise at a "
          "timestep can be used",
          fields->file_name, class_name);
        return FALSE;
      }
  if (class_name != config->class_name)
    {
      g_free (config->class_name);
      config->class_name = g_strdup (class_name);
    }
  return TRUE;
}

/* What a file of this class means when it does not say it. */
static void
set_defaults_of_class (DdpmSchedulerConfig *config)
{
  static const char *const linspace_classes[] = { "Euler", "Heun",  "LMS",  "DPMSolver",
                                                  "UniPC", "KDPM2", "DEIS", NULL };

  for (guint i = 0; linspace_classes[i] != NULL; i++)
    if (g_str_has_prefix (config->class_name, linspace_classes[i]))
      config->timestep_spacing = DDPM_SPACING_LINSPACE;
  if (g_str_has_prefix (config->class_name, "Heun"))
    {
      config->beta_start = 0.00085;
      config->beta_end = 0.012;
    }
  if (g_str_has_prefix (config->class_name, "PNDM"))
    config->set_alpha_to_one = FALSE;
}

static gboolean
read_trained_betas (DdpmSchedulerConfig *config, const DdpmJsonFields *fields, GError **error)
{
  JsonNode *node = ddpm_json_fields_find (fields, "trained_betas");
  JsonArray *array;
  guint n;

  if (node == NULL || JSON_NODE_HOLDS_NULL (node))
    return TRUE;
  array = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  n = array != NULL ? json_array_get_length (array) : 0;
  if (n != config->num_train_timesteps)
    return ddpm_json_fields_fail (fields, "trained_betas", "null, or a list of num_train_timesteps numbers",
                                  error);

  config->trained_betas = g_new (float, n);
  for (guint i = 0; i < n; i++)
    {
      double beta;

      if (!ddpm_json_node_to_double (json_array_get_element (array, i), &beta))
        return ddpm_json_fields_fail (fields, "trained_betas", "a list of finite numbers", error);
      config->trained_betas[i] = beta;
    }
  config->beta_schedule = DDPM_BETAS_TRAINED;
  return TRUE;
}

static gboolean
read_betas (DdpmSchedulerConfig *config, const DdpmJsonFields *fields, GError **error)
{
  guint schedule = config->beta_schedule;

  if (!ddpm_json_fields_get_uint (fields, "num_train_timesteps", 1, MAX_TIMESTEPS,
                                  &config->num_train_timesteps, error)
      || !ddpm_json_fields_get_double (fields, "beta_start", &config->beta_start, error)
      || !ddpm_json_fields_get_double (fields, "beta_end", &config->beta_end, error)
      || !ddpm_json_fields_get_name (fields, "beta_schedule", ddpm_beta_schedule_names, DDPM_BETAS_N_FORMULAS,
                                     &schedule, error)
      || !ddpm_json_fields_get_bool (fields, "rescale_betas_zero_snr", &config->rescale_betas_zero_snr,
                                     error))
    return FALSE;
  config->beta_schedule = schedule;
  return read_trained_betas (config, fields, error);
}

/* DPM-Solver, which has no use for it, says null. */
static gboolean
read_variance_type (DdpmSchedulerConfig *config, const DdpmJsonFields *fields, GError **error)
{
  JsonNode *node = ddpm_json_fields_find (fields, "variance_type");
  guint variance = config->variance_type;

  if (node != NULL && JSON_NODE_HOLDS_NULL (node))
    return TRUE;
  if (!ddpm_json_fields_get_name (fields, "variance_type", variance_names, G_N_ELEMENTS (variance_names),
                                  &variance, error))
    return FALSE;
  config->variance_type = variance;
  return TRUE;
}

/* predict_epsilon is how diffusers' first releases said prediction_type. */
static gboolean
read_prediction (DdpmSchedulerConfig *config, const DdpmJsonFields *fields, GError **error)
{
  gboolean predict_epsilon = TRUE;
  guint prediction, spacing = config->timestep_spacing;

  if (!ddpm_json_fields_get_bool (fields, "predict_epsilon", &predict_epsilon, error))
    return FALSE;
  prediction = predict_epsilon ? DDPM_PREDICT_EPSILON : DDPM_PREDICT_SAMPLE;
  if (!ddpm_json_fields_get_name (fields, "prediction_type", prediction_names,
                                  G_N_ELEMENTS (prediction_names), &prediction, error)
      || !read_variance_type (config, fields, error)
      || !ddpm_json_fields_get_name (fields, "timestep_spacing", spacing_names, G_N_ELEMENTS (spacing_names),
                                     &spacing, error)
      || !ddpm_json_fields_get_uint (fields, "steps_offset", 0, MAX_TIMESTEPS, &config->steps_offset, error)
      || !ddpm_json_fields_get_bool (fields, "set_alpha_to_one", &config->set_alpha_to_one, error))
    return FALSE;
  config->prediction_type = prediction;
  config->timestep_spacing = spacing;
  return TRUE;
}

static gboolean
read_clipping (DdpmSchedulerConfig *config, const DdpmJsonFields *fields, GError **error)
{
  return ddpm_json_fields_get_bool (fields, "clip_sample", &config->clip_sample, error)
         && ddpm_json_fields_get_double (fields, "clip_sample_range", &config->clip_sample_range, error)
         && ddpm_json_fields_get_bool (fields, "thresholding", &config->thresholding, error)
         && ddpm_json_fields_get_double (fields, "dynamic_thresholding_ratio",
                                         &config->dynamic_thresholding_ratio, error)
         && ddpm_json_fields_get_double (fields, "sample_max_value", &config->sample_max_value, error);
}

static gboolean
read_sigmas (DdpmSchedulerConfig *config, const DdpmJsonFields *fields, GError **error)
{
  gboolean karras = FALSE, exponential = FALSE;
  guint final = 0;

  if (!ddpm_json_fields_get_bool (fields, "use_karras_sigmas", &karras, error)
      || !ddpm_json_fields_get_bool (fields, "use_exponential_sigmas", &exponential, error)
      || !ddpm_json_fields_get_name (fields, "final_sigmas_type", final_sigma_names,
                                     G_N_ELEMENTS (final_sigma_names), &final, error))
    return FALSE;
  if (karras || exponential)
    config->sigmas = karras ? DDPM_SIGMAS_KARRAS : DDPM_SIGMAS_EXPONENTIAL;
  config->final_sigma_min = final == 1;
  return TRUE;
}

static gboolean
read_disable_corrector (DdpmSchedulerConfig *config, const DdpmJsonFields *fields, GError **error)
{
  JsonNode *node = ddpm_json_fields_find (fields, "disable_corrector");
  JsonArray *array;

  if (node == NULL || JSON_NODE_HOLDS_NULL (node))
    return TRUE;
  array = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  if (array == NULL || json_array_get_length (array) > MAX_TIMESTEPS)
    return ddpm_json_fields_fail (fields, "disable_corrector", "a list of steps", error);
  config->n_disable_corrector = json_array_get_length (array);
  config->disable_corrector = g_new (guint, config->n_disable_corrector);
  for (guint i = 0; i < config->n_disable_corrector; i++)
    if (!ddpm_json_node_to_uint (json_array_get_element (array, i), 0, MAX_TIMESTEPS,
                                 &config->disable_corrector[i]))
      return ddpm_json_fields_fail (fields, "disable_corrector", "a list of steps", error);
  return TRUE;
}

/* DPM-Solver's alone. -Infinity, which is no JSON, is what diffusers writes where it is not used. */
static gboolean
read_lambda_min (DdpmSchedulerConfig *config, const DdpmJsonFields *fields, GError **error)
{
  JsonNode *node = ddpm_json_fields_find (fields, "lambda_min_clipped");
  const gboolean is_number =
    node != NULL && JSON_NODE_HOLDS_VALUE (node)
    && (json_node_get_value_type (node) == G_TYPE_DOUBLE || json_node_get_value_type (node) == G_TYPE_INT64);

  if (node == NULL || JSON_NODE_HOLDS_NULL (node) || !g_str_has_prefix (config->class_name, "DPMSolver"))
    return TRUE;
  if (!is_number || isnan (json_node_get_double (node)))
    return ddpm_json_fields_fail (fields, "lambda_min_clipped", "a number", error);
  config->lambda_min_clipped = json_node_get_double (node);
  return TRUE;
}

static gboolean
read_solver (DdpmSchedulerConfig *config, const DdpmJsonFields *fields, GError **error)
{
  guint type = config->solver_type, algorithm = 0;

  if (!ddpm_json_fields_get_bool (fields, "skip_prk_steps", &config->skip_prk_steps, error)
      || !ddpm_json_fields_get_name (fields, "algorithm_type", algorithm_names,
                                     G_N_ELEMENTS (algorithm_names), &algorithm, error)
      || !ddpm_json_fields_get_uint (fields, "solver_order", 1, 3, &config->solver_order, error)
      || !ddpm_json_fields_get_name (fields, "solver_type", solver_names, G_N_ELEMENTS (solver_names), &type,
                                     error)
      || !ddpm_json_fields_get_bool (fields, "lower_order_final", &config->lower_order_final, error)
      || !ddpm_json_fields_get_bool (fields, "euler_at_final", &config->euler_at_final, error)
      || !ddpm_json_fields_get_bool (fields, "predict_x0", &config->predict_x0, error))
    return FALSE;
  config->solver_type = type;
  config->random = algorithm >= FIRST_RANDOM_ALGORITHM;
  return read_lambda_min (config, fields, error) && read_disable_corrector (config, fields, error);
}

gboolean
ddpm_scheduler_config_from_json (DdpmSchedulerConfig *config, JsonNode *node, const char *file_name,
                                 GError **error)
{
  DdpmJsonFields fields;

  ddpm_scheduler_config_init (config);
  if (ddpm_json_fields_init (&fields, node, file_name, error) && read_class (config, &fields, error))
    {
      set_defaults_of_class (config);
      if (read_betas (config, &fields, error) && read_prediction (config, &fields, error)
          && read_clipping (config, &fields, error) && read_sigmas (config, &fields, error)
          && read_solver (config, &fields, error))
        return TRUE;
    }
  ddpm_scheduler_config_clear (config);
  return FALSE;
}

char *
ddpm_scheduler_config_describe (const DdpmSchedulerConfig *config)
{
  return g_strdup_printf ("%s, variance %s", prediction_names[config->prediction_type],
                          variance_names[config->variance_type]);
}

static void
set_trained_betas (JsonObject *object, const DdpmSchedulerConfig *config)
{
  JsonArray *array;

  if (config->trained_betas == NULL)
    {
      json_object_set_null_member (object, "trained_betas");
      return;
    }
  array = json_array_new ();
  for (guint i = 0; i < config->num_train_timesteps; i++)
    json_array_add_double_element (array, config->trained_betas[i]);
  json_object_set_array_member (object, "trained_betas", array);
}

JsonNode *
ddpm_scheduler_config_to_json (const DdpmSchedulerConfig *config)
{
  gboolean ddim = g_strcmp0 (config->class_name, "DDIMScheduler") == 0;
  DdpmBetaSchedule schedule =
    config->beta_schedule == DDPM_BETAS_TRAINED ? DDPM_BETAS_LINEAR : config->beta_schedule;
  JsonObject *object = json_object_new ();
  JsonNode *node = json_node_new (JSON_NODE_OBJECT);

  json_node_take_object (node, object);
  json_object_set_string_member (object, "_class_name", ddim ? "DDIMScheduler" : "DDPMScheduler");
  json_object_set_string_member (object, "_diffusers_version", DDPM_DIFFUSERS_VERSION);
  json_object_set_double_member (object, "beta_end", config->beta_end);
  json_object_set_string_member (object, "beta_schedule", ddpm_beta_schedule_names[schedule]);
  json_object_set_double_member (object, "beta_start", config->beta_start);
  json_object_set_boolean_member (object, "clip_sample", config->clip_sample);
  json_object_set_double_member (object, "clip_sample_range", config->clip_sample_range);
  json_object_set_double_member (object, "dynamic_thresholding_ratio", config->dynamic_thresholding_ratio);
  json_object_set_int_member (object, "num_train_timesteps", config->num_train_timesteps);
  json_object_set_string_member (object, "prediction_type", prediction_names[config->prediction_type]);
  json_object_set_boolean_member (object, "rescale_betas_zero_snr", config->rescale_betas_zero_snr);
  json_object_set_double_member (object, "sample_max_value", config->sample_max_value);
  if (ddim)
    json_object_set_boolean_member (object, "set_alpha_to_one", config->set_alpha_to_one);
  json_object_set_int_member (object, "steps_offset", config->steps_offset);
  json_object_set_boolean_member (object, "thresholding", config->thresholding);
  json_object_set_string_member (object, "timestep_spacing", spacing_names[config->timestep_spacing]);
  set_trained_betas (object, config);
  if (!ddim)
    json_object_set_string_member (object, "variance_type", variance_names[config->variance_type]);
  return node;
}
