/* The table of keys. Those that are a member of the config under another name stand in it with their offset;
 * the others have functions of their own, here before it. */
#include "core/model/scheduler-keys.h"

#include <math.h>

#include "core/base/text.h"

#define MAX_TIMESTEPS 1000000u

enum
{
  DDPM = 1 << 0,
  DDIM = 1 << 1,
  PNDM = 1 << 2,
  LMS = 1 << 3,
  EULER = 1 << 4,
  ANCESTRAL = 1 << 5,
  HEUN = 1 << 6,
  KDPM2 = 1 << 7,
  DPM_SDE = 1 << 8,
  DPM_SINGLE = 1 << 9,
  DPM_MULTI = 1 << 10,
  DEIS = 1 << 11,
  UNIPC = 1 << 12,
  IPNDM = 1 << 13,
  REPAINT = 1 << 14
};

#define ALL (REPAINT | (REPAINT - 1))
#define WITH_BETAS (ALL & ~IPNDM)
#define WITH_SOLVER (DPM_SINGLE | DPM_MULTI | DEIS | UNIPC)
#define WITH_SPACING (ALL & ~(DPM_SINGLE | IPNDM | REPAINT))
#define WITH_SIGMAS (WITH_SOLVER | LMS | EULER | HEUN | KDPM2 | DPM_SDE)
#define WITH_THRESHOLDING (WITH_SOLVER | DDPM | DDIM)
#define WITH_ZERO_SNR (DDPM | DDIM | EULER | ANCESTRAL | DPM_MULTI | UNIPC)

guint
ddpm_scheduler_class_find (const char *class_name)
{
  static const struct
  {
    const char *prefix;
    guint bit;
  } classes[] = {
    { "DDPM", DDPM },
    { "DDIM", DDIM },
    { "PNDM", PNDM },
    { "LMS", LMS },
    { "EulerAncestral", ANCESTRAL },
    { "Euler", EULER },
    { "Heun", HEUN },
    { "KDPM2", KDPM2 },
    { "DPMSolverSDE", DPM_SDE },
    { "DPMSolverSinglestep", DPM_SINGLE },
    { "DPMSolver", DPM_MULTI },
    { "DEIS", DEIS },
    { "UniPC", UNIPC },
    { "IPNDM", IPNDM },
    { "RePaint", REPAINT },
  };

  for (guint i = 0; i < G_N_ELEMENTS (classes); i++)
    if (g_str_has_prefix (class_name, classes[i].prefix))
      return classes[i].bit;
  return DDPM;
}

void
ddpm_scheduler_config_set_class (DdpmSchedulerConfig *config, const char *class_name)
{
  const guint bit = ddpm_scheduler_class_find (class_name);

  if (config->class_name != class_name)
    {
      g_free (config->class_name);
      config->class_name = g_strdup (class_name);
    }
  if (bit & (WITH_SIGMAS | ANCESTRAL))
    config->timestep_spacing = DDPM_SPACING_LINSPACE;
  if (bit & (HEUN | KDPM2 | DPM_SDE))
    {
      config->beta_start = 0.00085;
      config->beta_end = 0.012;
    }
  if (bit & HEUN)
    config->clip_sample = FALSE;
  if (bit & PNDM)
    config->set_alpha_to_one = FALSE;
  if (bit & DEIS)
    config->algorithm = DDPM_ALGORITHM_DEIS;
}

/* diffusers has no name for the last one, which it never predicts: its schedulers refuse such a model, rather
 * than taking what it says for something else. */
static const char *const prediction_names[] = { "epsilon", "sample", "v_prediction", "mu" };
static const char *const spacing_names[] = { "leading", "trailing", "linspace" };
/* In the order of DdpmSolverType; the first one is DEIS', and what others like best. */
static const char *const solver_names[] = { "logrho", "midpoint", "heun", "bh1", "bh2" };
static const char *const final_sigma_names[] = { "zero", "sigma_min" };
static const char *const algorithm_names[] = { "dpmsolver++", "dpmsolver", "deis", "sde-dpmsolver++",
                                               "sde-dpmsolver" };
static const char *const variance_names[] = { "fixed_small",     "fixed_small_log", "fixed_large",
                                              "fixed_large_log", "learned",         "learned_range" };

const char *
ddpm_scheduler_config_name_prediction (const DdpmSchedulerConfig *config)
{
  return prediction_names[config->prediction_type];
}

const char *
ddpm_scheduler_config_name_variance (const DdpmSchedulerConfig *config)
{
  return variance_names[config->variance_type];
}

static gpointer
get_member (const DdpmSchedulerKey *key, const DdpmSchedulerConfig *config)
{
  return (char *) config + key->offset;
}

static gboolean
read_bool (const DdpmSchedulerKey *key, const DdpmJsonFields *fields, DdpmSchedulerConfig *config,
           GError **error)
{
  return ddpm_json_fields_get_bool (fields, key->name, get_member (key, config), error);
}

static JsonNode *
write_bool (const DdpmSchedulerKey *key, const DdpmSchedulerConfig *config)
{
  return json_node_init_boolean (json_node_alloc (), *(const gboolean *) get_member (key, config));
}

static gboolean
read_uint (const DdpmSchedulerKey *key, const DdpmJsonFields *fields, DdpmSchedulerConfig *config,
           GError **error)
{
  return ddpm_json_fields_get_uint (fields, key->name, key->min, key->max, get_member (key, config), error);
}

static JsonNode *
write_uint (const DdpmSchedulerKey *key, const DdpmSchedulerConfig *config)
{
  return json_node_init_int (json_node_alloc (), *(const guint *) get_member (key, config));
}

static gboolean
read_double (const DdpmSchedulerKey *key, const DdpmJsonFields *fields, DdpmSchedulerConfig *config,
             GError **error)
{
  return ddpm_json_fields_get_double (fields, key->name, get_member (key, config), error);
}

static JsonNode *
write_double (const DdpmSchedulerKey *key, const DdpmSchedulerConfig *config)
{
  return json_node_init_double (json_node_alloc (), *(const double *) get_member (key, config));
}

static gboolean
read_name (const DdpmSchedulerKey *key, const DdpmJsonFields *fields, DdpmSchedulerConfig *config,
           GError **error)
{
  return ddpm_json_fields_get_name (fields, key->name, key->names, key->n_names, get_member (key, config),
                                    error);
}

static JsonNode *
write_name (const DdpmSchedulerKey *key, const DdpmSchedulerConfig *config)
{
  return json_node_init_string (json_node_alloc (), key->names[*(const guint *) get_member (key, config)]);
}

/* With a list of betas the name is of no use. */
static JsonNode *
write_beta_schedule (const DdpmSchedulerKey *key, const DdpmSchedulerConfig *config)
{
  return config->beta_schedule == DDPM_BETAS_TRAINED
           ? json_node_init_string (json_node_alloc (), ddpm_beta_schedule_names[DDPM_BETAS_LINEAR])
           : write_name (key, config);
}

static JsonNode *
take_array (JsonArray *array)
{
  JsonNode *node = json_node_new (JSON_NODE_ARRAY);

  json_node_take_array (node, array);
  return node;
}

static JsonArray *
find_array (const DdpmJsonFields *fields, const char *name)
{
  JsonNode *node = ddpm_json_fields_find (fields, name);

  return node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

static gboolean
is_absent (const DdpmJsonFields *fields, const char *name)
{
  JsonNode *node = ddpm_json_fields_find (fields, name);

  return node == NULL || JSON_NODE_HOLDS_NULL (node);
}

/* num_train_timesteps, which comes before it, says how many. */
static gboolean
read_trained_betas (const DdpmSchedulerKey *key, const DdpmJsonFields *fields, DdpmSchedulerConfig *config,
                    GError **error)
{
  JsonArray *array = find_array (fields, key->name);
  const guint n = array != NULL ? json_array_get_length (array) : 0;

  if (is_absent (fields, key->name))
    return TRUE;
  if (n != config->num_train_timesteps)
    return ddpm_json_fields_fail (fields, key->name, _ ("null, or a list of num_train_timesteps numbers"),
                                  error);
  config->trained_betas = g_new (float, n);
  for (guint i = 0; i < n; i++)
    {
      double beta;

      if (!ddpm_json_node_to_double (json_array_get_element (array, i), &beta))
        return ddpm_json_fields_fail (fields, key->name, _ ("a list of finite numbers"), error);
      config->trained_betas[i] = (float) beta;
    }
  config->beta_schedule = DDPM_BETAS_TRAINED;
  return TRUE;
}

static JsonNode *
write_trained_betas (const DdpmSchedulerKey *key, const DdpmSchedulerConfig *config)
{
  JsonArray *array;

  if (config->beta_schedule != DDPM_BETAS_TRAINED || config->trained_betas == NULL)
    return json_node_new (JSON_NODE_NULL);
  array = json_array_new ();
  for (guint i = 0; i < config->num_train_timesteps; i++)
    json_array_add_double_element (array, config->trained_betas[i]);
  return take_array (array);
}

static gboolean
read_disable_corrector (const DdpmSchedulerKey *key, const DdpmJsonFields *fields,
                        DdpmSchedulerConfig *config, GError **error)
{
  JsonArray *array = find_array (fields, key->name);

  if (is_absent (fields, key->name))
    return TRUE;
  if (array == NULL || json_array_get_length (array) > MAX_TIMESTEPS)
    return ddpm_json_fields_fail (fields, key->name, _ ("a list of steps"), error);
  config->n_disable_corrector = json_array_get_length (array);
  config->disable_corrector = g_new (guint, config->n_disable_corrector);
  for (guint i = 0; i < config->n_disable_corrector; i++)
    if (!ddpm_json_node_to_uint (json_array_get_element (array, i), 0, MAX_TIMESTEPS,
                                 &config->disable_corrector[i]))
      return ddpm_json_fields_fail (fields, key->name, _ ("a list of steps"), error);
  return TRUE;
}

static JsonNode *
write_disable_corrector (const DdpmSchedulerKey *key, const DdpmSchedulerConfig *config)
{
  JsonArray *array = json_array_new ();

  for (guint i = 0; i < config->n_disable_corrector; i++)
    json_array_add_int_element (array, config->disable_corrector[i]);
  return take_array (array);
}

/* -Infinity, which is no JSON, is what diffusers writes where it is not used. */
static gboolean
read_lambda_min (const DdpmSchedulerKey *key, const DdpmJsonFields *fields, DdpmSchedulerConfig *config,
                 GError **error)
{
  JsonNode *node = ddpm_json_fields_find (fields, key->name);
  const GType type =
    node != NULL && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_value_type (node) : G_TYPE_NONE;

  if (is_absent (fields, key->name) || !(ddpm_scheduler_class_find (config->class_name) & key->classes))
    return TRUE;
  if ((type != G_TYPE_DOUBLE && type != G_TYPE_INT64) || isnan (json_node_get_double (node)))
    return ddpm_json_fields_fail (fields, key->name, _ ("a number"), error);
  config->lambda_min_clipped = json_node_get_double (node);
  return TRUE;
}

static JsonNode *
write_lambda_min (const DdpmSchedulerKey *key, const DdpmSchedulerConfig *config)
{
  return isfinite (config->lambda_min_clipped) ? write_double (key, config) : NULL;
}

/* DPM-Solver, which has no use for it unless it is learned, says null. */
static gboolean
read_variance_type (const DdpmSchedulerKey *key, const DdpmJsonFields *fields, DdpmSchedulerConfig *config,
                    GError **error)
{
  return is_absent (fields, key->name) || read_name (key, fields, config, error);
}

static JsonNode *
write_variance_type (const DdpmSchedulerKey *key, const DdpmSchedulerConfig *config)
{
  const guint bit = ddpm_scheduler_class_find (config->class_name);

  return bit != DDPM && config->variance_type == DDPM_VARIANCE_FIXED_SMALL ? json_node_new (JSON_NODE_NULL)
                                                                           : write_name (key, config);
}

/* What a class likes best has another name in each. */
static JsonNode *
write_solver_type (const DdpmSchedulerKey *key, const DdpmSchedulerConfig *config)
{
  const guint bit = ddpm_scheduler_class_find (config->class_name);

  if (config->solver_type != DDPM_SOLVER_AUTO || bit == DEIS)
    return write_name (key, config);
  return json_node_init_string (json_node_alloc (),
                                solver_names[bit == UNIPC ? DDPM_SOLVER_BH2 : DDPM_SOLVER_MIDPOINT]);
}

/* One member of the config is two of the file; Karras' come last and count where both are true. */
static DdpmSigmas
get_sigmas_of_key (const DdpmSchedulerKey *key)
{
  return g_str_equal (key->name, "use_karras_sigmas") ? DDPM_SIGMAS_KARRAS : DDPM_SIGMAS_EXPONENTIAL;
}

static gboolean
read_sigmas (const DdpmSchedulerKey *key, const DdpmJsonFields *fields, DdpmSchedulerConfig *config,
             GError **error)
{
  gboolean used = FALSE;

  if (!is_absent (fields, key->name) && !ddpm_json_fields_get_bool (fields, key->name, &used, error))
    return FALSE;
  if (used)
    config->sigmas = get_sigmas_of_key (key);
  return TRUE;
}

static JsonNode *
write_sigmas (const DdpmSchedulerKey *key, const DdpmSchedulerConfig *config)
{
  return json_node_init_boolean (json_node_alloc (), config->sigmas == get_sigmas_of_key (key));
}

#define AT(member) .offset = G_STRUCT_OFFSET (DdpmSchedulerConfig, member)
#define BOOL(member) .read = read_bool, .write = write_bool, AT (member)
#define DOUBLE(member) .read = read_double, .write = write_double, AT (member)
#define UINT(member, least, most) \
  .read = read_uint, .write = write_uint, AT (member), .min = (least), .max = (most)
#define NAME(member, of_names) OWN (read_name, write_name), AT (member), NAMES (of_names)
#define NAMES(of_names) .names = of_names, .n_names = G_N_ELEMENTS (of_names)
#define OWN(reader, writer) .read = reader, .write = writer

/* Names are read and written as whole numbers. */
G_STATIC_ASSERT (sizeof (DdpmPrediction) == sizeof (guint) && sizeof (gboolean) == sizeof (guint));

const DdpmSchedulerKey ddpm_scheduler_keys[] = {
  { "algorithm_type", DPM_SINGLE | DPM_MULTI | DEIS, NAME (algorithm, algorithm_names) },
  { "beta_end", WITH_BETAS, DOUBLE (beta_end) },
  { "beta_schedule", WITH_BETAS, OWN (read_name, write_beta_schedule), AT (beta_schedule),
    .names = ddpm_beta_schedule_names, .n_names = DDPM_BETAS_N_FORMULAS },
  { "beta_start", WITH_BETAS, DOUBLE (beta_start) },
  { "clip_sample", DDPM | DDIM | HEUN | REPAINT, BOOL (clip_sample) },
  { "clip_sample_range", DDPM | DDIM | HEUN, DOUBLE (clip_sample_range) },
  { "disable_corrector", UNIPC, OWN (read_disable_corrector, write_disable_corrector) },
  { "dynamic_thresholding_ratio", WITH_THRESHOLDING, DOUBLE (dynamic_thresholding_ratio) },
  { "euler_at_final", DPM_MULTI, BOOL (euler_at_final) },
  { "final_sigmas_type", EULER | DPM_SINGLE | DPM_MULTI | UNIPC, NAME (final_sigma_min, final_sigma_names) },
  { "lambda_min_clipped", DPM_SINGLE | DPM_MULTI, OWN (read_lambda_min, write_lambda_min),
    AT (lambda_min_clipped) },
  { "lower_order_final", WITH_SOLVER, BOOL (lower_order_final) },
  { "num_train_timesteps", ALL, UINT (num_train_timesteps, 1, MAX_TIMESTEPS) },
  { "predict_x0", UNIPC, BOOL (predict_x0) },
  { "prediction_type", ALL & ~(IPNDM | REPAINT), NAME (prediction_type, prediction_names) },
  { "rescale_betas_zero_snr", WITH_ZERO_SNR, BOOL (rescale_betas_zero_snr) },
  { "sample_max_value", WITH_THRESHOLDING, DOUBLE (sample_max_value) },
  { "set_alpha_to_one", DDIM | PNDM, BOOL (set_alpha_to_one) },
  { "skip_prk_steps", PNDM, BOOL (skip_prk_steps) },
  { "solver_order", WITH_SOLVER, UINT (solver_order, 1, 3) },
  { "solver_type", WITH_SOLVER, OWN (read_name, write_solver_type), AT (solver_type), NAMES (solver_names) },
  { "steps_offset", WITH_SPACING, UINT (steps_offset, 0, MAX_TIMESTEPS) },
  { "thresholding", WITH_THRESHOLDING, BOOL (thresholding) },
  { "timestep_spacing", WITH_SPACING, NAME (timestep_spacing, spacing_names) },
  { "trained_betas", ALL, OWN (read_trained_betas, write_trained_betas) },
  { "use_exponential_sigmas", WITH_SIGMAS, OWN (read_sigmas, write_sigmas) },
  { "use_karras_sigmas", WITH_SIGMAS, OWN (read_sigmas, write_sigmas) },
  { "variance_type", DDPM | DPM_SINGLE | DPM_MULTI, OWN (read_variance_type, write_variance_type),
    AT (variance_type), NAMES (variance_names) },
};
const guint ddpm_scheduler_n_keys = G_N_ELEMENTS (ddpm_scheduler_keys);
