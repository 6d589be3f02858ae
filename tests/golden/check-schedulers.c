/* schedulers.json with schedulers.safetensors: the tables of schedules, noising forward, and whole
 * trajectories. */
#include "tests/golden/check.h"

#include <math.h>

#include "core/base/error.h"
#include "core/model/config.h"

/* The tables are diffusers' own, float for float, on the machine where they were recorded; another one's exp
 * or fused multiply-add may round the last digit differently, and rescaling passes that on. */
#define TABLE_TOLERANCE 1.2e-7 /* of alpha_bar, which is near 1 */
#define BETA_TOLERANCE_ABS 4e-9
#define BETA_TOLERANCE 5e-7 /* times beta */
#define BETA_TOLERANCE_RESCALED 5e-7
#define NOISING_TOLERANCE 2e-6 /* times max (1, max |value|) */

typedef gboolean (*CaseFunc) (JsonObject *object, const DdpmSafetensors *file, CheckResult *result,
                              GError **error);

static DdpmSchedule *
make_schedule (JsonObject *object, gboolean *rescaled, GError **error)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };

  if (!ddpm_scheduler_config_from_json (&config, json_object_get_member (object, "config"),
                                        json_object_get_string_member (object, "name"), error))
    return NULL;
  *rescaled = config.rescale_betas_zero_snr;
  return ddpm_schedule_new (&config, error);
}

static gboolean
check_schedule (JsonObject *object, const DdpmSafetensors *file, CheckResult *result, GError **error)
{
  const char *name = json_object_get_string_member (object, "name");
  gboolean rescaled = FALSE;
  g_autoptr (DdpmSchedule) schedule = make_schedule (object, &rescaled, error);
  g_autofree char *betas_name = g_strdup_printf ("schedule.%s.betas_f32", name);
  g_autofree char *alpha_bar_name = g_strdup_printf ("schedule.%s.alphas_cumprod_f32", name);
  g_auto (CheckArray) betas = { 0 }, alpha_bar = { 0 };

  if (schedule == NULL || !check_array_read (file, betas_name, 1, &betas, error)
      || !check_array_has (&betas, betas_name, schedule->n_timesteps, error)
      || !check_array_read (file, alpha_bar_name, 1, &alpha_bar, error)
      || !check_array_has (&alpha_bar, alpha_bar_name, schedule->n_timesteps, error))
    return FALSE;

  check_compare (result, "alphas_cumprod", schedule->alpha_bar, alpha_bar.values, alpha_bar.n_values,
                 TABLE_TOLERANCE);
  for (guint t = 0; t < schedule->n_timesteps; t++)
    check_add (result, "betas", check_max_difference (schedule->betas + t, betas.values + t, 1),
               (rescaled ? BETA_TOLERANCE_RESCALED : BETA_TOLERANCE_ABS) + BETA_TOLERANCE * betas.values[t]);
  return TRUE;
}

static gboolean
read_noising (const DdpmSafetensors *file, const char *name, const char *part, CheckArray *array,
              GError **error)
{
  g_autofree char *tensor_name = g_strdup_printf ("add_noise.%s.%s", name, part);

  return check_array_read (file, tensor_name, 0, array, error);
}

static gboolean
check_noising (JsonObject *object, const DdpmSafetensors *file, CheckResult *result, GError **error)
{
  const char *name = json_object_get_string_member (object, "name");
  JsonNode *list = json_object_get_member (object, "timesteps");
  JsonArray *timesteps = list != NULL && JSON_NODE_HOLDS_ARRAY (list) ? json_node_get_array (list) : NULL;
  const guint batch = timesteps != NULL ? json_array_get_length (timesteps) : 0;
  gboolean rescaled;
  g_autoptr (DdpmSchedule) schedule = make_schedule (object, &rescaled, error);
  g_auto (CheckArray) x0 = { 0 }, noise = { 0 }, noisy = { 0 }, velocity = { 0 };
  g_autofree float *computed = NULL;
  gsize n;

  if (schedule == NULL || !read_noising (file, name, "x0", &x0, error)
      || !read_noising (file, name, "noise", &noise, error)
      || !read_noising (file, name, "noisy", &noisy, error)
      || !read_noising (file, name, "velocity", &velocity, error)
      || !check_array_has (&noise, "noise", x0.n_values, error)
      || !check_array_has (&noisy, "noisy", x0.n_values, error)
      || !check_array_has (&velocity, "velocity", x0.n_values, error))
    return FALSE;
  if (batch == 0 || x0.n_values % batch != 0)
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_FILE, "x0 has another batch than timesteps");
      return FALSE;
    }

  n = x0.n_values / batch;
  computed = g_new (float, n);
  for (guint i = 0; i < batch; i++)
    {
      const guint t = (guint) json_array_get_int_element (timesteps, i);

      if (t >= schedule->n_timesteps)
        {
          g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE, "there is no timestep %u", t);
          return FALSE;
        }
      ddpm_schedule_add_noise (schedule, t, x0.values + i * n, noise.values + i * n, computed, n);
      check_compare (result, "noisy", computed, noisy.values + i * n, n,
                     NOISING_TOLERANCE * MAX (1, check_max_abs (noisy.values + i * n, n)));
      ddpm_schedule_get_velocity (schedule, t, x0.values + i * n, noise.values + i * n, computed, n);
      check_compare (result, "velocity", computed, velocity.values + i * n, n,
                     NOISING_TOLERANCE * MAX (1, check_max_abs (velocity.values + i * n, n)));
    }
  return TRUE;
}

/* FALSE unless every member that the checks go into is there. */
static gboolean
has_members (JsonObject *object, const char *const *objects)
{
  JsonNode *node = json_object_get_member (object, "name");

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_string (node) == NULL)
    return FALSE;
  for (guint i = 0; objects[i] != NULL; i++)
    {
      node = json_object_get_member (object, objects[i]);
      if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
        return FALSE;
    }
  return TRUE;
}

gboolean
check_schedulers (GFile *folder, CheckCaseFunc func, gpointer data, GError **error)
{
  static const struct
  {
    const char *list, *prefix;
    CaseFunc check;
    const char *objects[4];
  } kinds[] = {
    { "schedules", "schedule", check_schedule, { "config", NULL } },
    { "add_noise", "add_noise", check_noising, { "config", NULL } },
    { "trajectories", "traj", check_trajectory, { "config", "call", "model", NULL } },
  };
  g_autoptr (GFile) json_file = g_file_get_child (folder, "schedulers.json");
  g_autoptr (GFile) tensor_file = g_file_get_child (folder, "schedulers.safetensors");
  g_autoptr (JsonNode) node = ddpm_json_read (json_file, error);
  g_autoptr (DdpmSafetensors) file = NULL;

  if (node == NULL)
    return FALSE;
  file = ddpm_safetensors_open (tensor_file, error);
  if (file == NULL)
    return FALSE;
  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
    {
      JsonNode *list = json_object_get_member (json_node_get_object (node), kinds[k].list);
      const guint n =
        list != NULL && JSON_NODE_HOLDS_ARRAY (list) ? json_array_get_length (json_node_get_array (list)) : 0;

      for (guint i = 0; i < n; i++)
        {
          JsonNode *element = json_array_get_element (json_node_get_array (list), i);
          g_auto (CheckResult) result = { 0 };
          g_autoptr (GError) case_error = NULL;
          g_autofree char *name = NULL;

          if (!JSON_NODE_HOLDS_OBJECT (element)
              || !has_members (json_node_get_object (element), kinds[k].objects))
            {
              g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
                           "schedulers.json: entry %u of \"%s\" is incomplete", i, kinds[k].list);
              return FALSE;
            }
          name = g_strdup_printf ("%s.%s", kinds[k].prefix,
                                  json_object_get_string_member (json_node_get_object (element), "name"));
          kinds[k].check (json_node_get_object (element), file, &result, &case_error);
          func (name, &result, case_error, data);
        }
    }
  return TRUE;
}
