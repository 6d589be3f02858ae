#include "plugin/arguments.h"

#include <glib/gi18n.h>
#include <math.h>

#define BUNDLED_MODEL "materials"

/* Seeds that are drawn end below, for they are part of the layers' names. */
#define NEW_SEED_END 1000000

/* More than any model has timesteps; how many this one has, the job checks. */
#define MAX_STEPS 1000000

void
ddpm_arguments_add (GimpProcedure *procedure, DdpmSampleTask task)
{
  gimp_procedure_add_string_argument (
    procedure, "model", _ ("_Model"),
    _ ("Name of an installed model, or the path of a model folder; empty: the "
       "default model"),
    "", G_PARAM_READWRITE);
  gimp_procedure_add_int_argument (
    procedure, "count",
    task == DDPM_TASK_INTERPOLATE ? _ ("_Number of in-betweens") : _ ("_Number of pictures"),
    _ ("How many new layers to make, 1 to 1000"), G_MININT, G_MAXINT, 4, G_PARAM_READWRITE);
  if (task != DDPM_TASK_GENERATE)
    gimp_procedure_add_double_argument (
      procedure, "strength", _ ("S_trength (%)"),
      _ ("How much is made anew, 0 to 100: 0 keeps the layer as it is, 100 keeps "
         "nothing of it"),
      -G_MAXDOUBLE, G_MAXDOUBLE, 50.0, G_PARAM_READWRITE);
  gimp_procedure_add_int_argument (
    procedure, "seed", _ ("See_d"),
    _ ("The same seed with the same settings makes the same pictures, 0 to 2147483647"), G_MININT, G_MAXINT,
    0, G_PARAM_READWRITE);
  gimp_procedure_add_boolean_argument (procedure, "new-seed", _ ("New seed"),
                                       _ ("Draw a seed instead of using the one given"), FALSE,
                                       G_PARAM_READWRITE);
  gimp_procedure_add_string_argument (
    procedure, "sampler", _ ("Sam_pler"),
    _ ("How noise becomes a picture: ddpm adds fresh noise at each step and needs many; ddim makes good "
       "pictures in few; auto is what the model recommends"),
    DDPM_SAMPLER_AUTO, G_PARAM_READWRITE);
  gimp_procedure_add_int_argument (
    procedure, "steps", _ ("St_eps (0: as recommended)"),
    _ ("More steps take longer and make better pictures, up to a point; 0: as many as "
       "the model recommends"),
    G_MININT, G_MAXINT, 0, G_PARAM_READWRITE);
  gimp_procedure_add_double_argument (procedure, "eta", _ ("Fresh noise (et_a)"),
                                      _ ("DDIM only: how much fresh noise each step adds, 0 to 1"),
                                      -G_MAXDOUBLE, G_MAXDOUBLE, 0.0, G_PARAM_READWRITE);

  /* A script that names a seed means it; a person expects other pictures each time. Hence two defaults. */
  gimp_procedure_add_boolean_aux_argument (
    procedure, "dialog-new-seed", _ ("Ne_w seed each time"),
    _ ("Draw a seed for each run; the one drawn is shown here the next time"), TRUE, G_PARAM_READWRITE);
}

char *
ddpm_arguments_get_default_model (void)
{
  g_auto (GStrv) names = ddpm_model_list (NULL);

  if (names == NULL || names[0] == NULL)
    return NULL;
  if (g_strv_contains ((const char *const *) names, BUNDLED_MODEL))
    return g_strdup (BUNDLED_MODEL);
  return g_strdup (names[0]);
}

static gboolean
check_int (const char *name, int value, int min, int max, GError **error)
{
  if (value >= min && value <= max)
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, _ ("“%s” is %d, but it must lie between %d and %d."),
               name, value, min, max);
  return FALSE;
}

static gboolean
check_double (const char *name, double value, double min, double max, GError **error)
{
  if (isfinite (value) && value >= min && value <= max)
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, _ ("“%s” is %g, but it must lie between %g and %g."),
               name, value, min, max);
  return FALSE;
}

/* has_sampler stays FALSE where it is left to the model. */
static gboolean
read_sampler (DdpmArguments *arguments, const char *name, GError **error)
{
  g_autofree char *names = NULL;

  if (name == NULL || name[0] == '\0' || g_str_equal (name, DDPM_SAMPLER_AUTO))
    return TRUE;
  arguments->has_sampler = ddpm_sampler_kind_from_name (name, &arguments->sampler);
  if (arguments->has_sampler)
    return TRUE;
  names = g_strjoinv (", ", (char **) ddpm_sampler_get_names ());
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, _ ("“%s” is “%s”, but it must be one of: %s, %s."),
               "sampler", name, DDPM_SAMPLER_AUTO, names);
  return FALSE;
}

static gboolean
has_property (GimpProcedureConfig *config, const char *name)
{
  return g_object_class_find_property (G_OBJECT_GET_CLASS (config), name) != NULL;
}

guint32
ddpm_arguments_draw_seed (void)
{
  return g_random_int_range (0, NEW_SEED_END);
}

void
ddpm_arguments_renew_seed (GimpProcedureConfig *config, GimpRunMode run_mode)
{
  const char *name = run_mode == GIMP_RUN_NONINTERACTIVE ? "new-seed" : "dialog-new-seed";
  gboolean new_seed;

  g_object_get (config, name, &new_seed, NULL);
  if (new_seed)
    g_object_set (config, "seed", (int) ddpm_arguments_draw_seed (), NULL);
}

gboolean
ddpm_arguments_read (DdpmArguments *arguments, GimpProcedureConfig *config, GError **error)
{
  g_autofree char *sampler = NULL;
  int count, seed, steps;
  double eta, strength = 0.0;

  *arguments = (DdpmArguments) { 0 };
  g_object_get (config, "model", &arguments->model, "count", &count, "seed", &seed, "steps", &steps, "eta",
                &eta, "sampler", &sampler, NULL);
  if (has_property (config, "strength"))
    g_object_get (config, "strength", &strength, NULL);

  if (!check_int ("count", count, 1, DDPM_MAX_COUNT, error)
      || !check_int ("seed", seed, 0, DDPM_MAX_SEED, error)
      || !check_int ("steps", steps, 0, MAX_STEPS, error) || !check_double ("eta", eta, 0.0, 1.0, error)
      || !check_double ("strength", strength, 0.0, 100.0, error) || !read_sampler (arguments, sampler, error))
    return FALSE;

  if (arguments->model == NULL || arguments->model[0] == '\0')
    {
      g_free (arguments->model);
      arguments->model = ddpm_arguments_get_default_model ();
    }
  if (arguments->model == NULL)
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                           _ ("No model is installed: give the path of a model folder."));
      return FALSE;
    }

  arguments->count = count;
  arguments->seed = seed;
  arguments->steps = steps;
  arguments->eta = eta;
  arguments->strength = strength / 100.0;
  return TRUE;
}

void
ddpm_arguments_set_options (const DdpmArguments *arguments, DdpmSampleOptions *options)
{
  options->count = arguments->count;
  options->seed = arguments->seed;
  if (arguments->has_sampler)
    options->sampler = arguments->sampler;
  if (arguments->steps > 0)
    options->n_steps = arguments->steps;
  options->eta = arguments->eta;
  options->strength = arguments->strength;
}

void
ddpm_arguments_clear (DdpmArguments *arguments)
{
  g_clear_pointer (&arguments->model, g_free);
}
