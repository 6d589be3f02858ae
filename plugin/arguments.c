#include "plugin/arguments.h"

#include <glib/gi18n.h>
#include <math.h>

#include "plugin/argument-table.h"

#define BUNDLED_MODEL "materials"

/* Seeds that are drawn end below, for they are part of the layers' names. */
#define NEW_SEED_END 1000000

static void
add_argument (GimpProcedure *procedure, const DdpmArgument *argument)
{
  const char *label = _ (argument->label), *help = _ (argument->help);

  switch (argument->kind)
    {
    case DDPM_ARGUMENT_TEXT:
    case DDPM_ARGUMENT_WORD:
      gimp_procedure_add_string_argument (procedure, argument->name, label, help, argument->word,
                                          G_PARAM_READWRITE);
      break;
    case DDPM_ARGUMENT_SWITCH:
      gimp_procedure_add_boolean_argument (procedure, argument->name, label, help, argument->initial != 0,
                                           G_PARAM_READWRITE);
      break;
    case DDPM_ARGUMENT_INTEGER:
      gimp_procedure_add_int_argument (procedure, argument->name, label, help, G_MININT, G_MAXINT,
                                       (int) argument->initial, G_PARAM_READWRITE);
      break;
    case DDPM_ARGUMENT_NUMBER:
    case DDPM_ARGUMENT_PER_CENT:
      gimp_procedure_add_double_argument (procedure, argument->name, label, help, -G_MAXDOUBLE, G_MAXDOUBLE,
                                          argument->initial, G_PARAM_READWRITE);
      break;
    }
}

void
ddpm_arguments_add (GimpProcedure *procedure, DdpmSampleTask task)
{
  for (const DdpmArgument *argument = ddpm_argument_table; argument->name != NULL; argument++)
    if (DDPM_HAS_ARGUMENT (argument, task))
      add_argument (procedure, argument);

  /* A script that names a seed means it; a person expects other pictures each time. Hence two defaults. */
  gimp_procedure_add_boolean_argument (procedure, "new-seed", _ ("New seed"),
                                       _ ("Draw a seed instead of using the one given"), FALSE,
                                       G_PARAM_READWRITE);
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

static gboolean
find_word (const DdpmArgument *argument, const char *text, guint *place, GError **error)
{
  const char *const *words = argument->get_words ();
  g_autofree char *all = NULL;

  if (text == NULL || text[0] == '\0')
    text = argument->word;
  for (*place = 0; words[*place] != NULL; (*place)++)
    if (g_str_equal (words[*place], text))
      return TRUE;
  all = g_strjoinv (", ", (char **) words);
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, _ ("“%s” is “%s”, but it must be one of: %s."),
               argument->name, text, all);
  return FALSE;
}

static gboolean
check_range (const DdpmArgument *argument, double value, GError **error)
{
  if (isfinite (value) && value >= argument->low && value <= argument->high)
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
               argument->high > 1e6 ? _ ("“%s” is %.0f, but it must lie between %.0f and %.0f.")
                                    : _ ("“%s” is %g, but it must lie between %g and %g."),
               argument->name, value, argument->low, argument->high);
  return FALSE;
}

/* The value of config's property, or the initial one where the procedure has no such argument. */
static gboolean
read_argument (DdpmArguments *arguments, const DdpmArgument *argument, GObject *config, GError **error)
{
  const gboolean has = g_object_class_find_property (G_OBJECT_GET_CLASS (config), argument->name) != NULL;
  gpointer target = (char *) arguments + argument->offset;
  g_autofree char *text = NULL;
  double number = argument->initial;
  int integer = (int) argument->initial;

  switch (argument->kind)
    {
    case DDPM_ARGUMENT_TEXT:
      if (has)
        g_object_get (config, argument->name, &text, NULL);
      g_free (*(char **) target);
      *(char **) target = text != NULL && text[0] != '\0' ? g_steal_pointer (&text) : NULL;
      return TRUE;
    case DDPM_ARGUMENT_WORD:
      if (has)
        g_object_get (config, argument->name, &text, NULL);
      return find_word (argument, text, target, error);
    case DDPM_ARGUMENT_SWITCH:
      if (has)
        g_object_get (config, argument->name, &integer, NULL);
      *(gboolean *) target = integer;
      return TRUE;
    case DDPM_ARGUMENT_INTEGER:
      if (has)
        g_object_get (config, argument->name, &integer, NULL);
      *(guint *) target = (guint) integer;
      return check_range (argument, integer, error);
    case DDPM_ARGUMENT_NUMBER:
    case DDPM_ARGUMENT_PER_CENT:
      if (has)
        g_object_get (config, argument->name, &number, NULL);
      *(double *) target = argument->kind == DDPM_ARGUMENT_PER_CENT ? number / 100.0 : number;
      return check_range (argument, number, error);
    }
  g_return_val_if_reached (FALSE);
}

gboolean
ddpm_arguments_read (DdpmArguments *arguments, GimpProcedureConfig *config, GError **error)
{
  *arguments = (DdpmArguments) { 0 };
  for (const DdpmArgument *argument = ddpm_argument_table; argument->name != NULL; argument++)
    if (!read_argument (arguments, argument, G_OBJECT (config), error))
      return FALSE;

  if (arguments->model == NULL)
    arguments->model = ddpm_arguments_get_default_model ();
  if (arguments->model == NULL)
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                           _ ("No model is installed: give the path of a model folder."));
      return FALSE;
    }
  return TRUE;
}

/* The guidance of other models' pictures stays in the dialog's settings, where it does no harm. */
static gboolean
has_guidance (const DdpmArguments *arguments, const DdpmModel *model)
{
  if (arguments->label == NULL || g_str_equal (arguments->label, DDPM_LABEL_NONE))
    return FALSE;
  return ddpm_model_has_label_names (model) || !g_str_equal (arguments->label, DDPM_LABEL_ANY);
}

void
ddpm_arguments_set_options (const DdpmArguments *arguments, const DdpmModel *model,
                            DdpmSampleOptions *options)
{
  if (options->task == DDPM_TASK_PROGRESSIVE && arguments->shared < 1)
    options->task = DDPM_TASK_GENERATE;
  options->count = arguments->count;
  options->seed = arguments->seed;
  if (arguments->sampler > 0)
    ddpm_sampler_kind_from_name (ddpm_sampler_get_names ()[arguments->sampler - 1], &options->sampler);
  if (arguments->steps > 0)
    options->n_steps = arguments->steps;
  options->spacing = arguments->spacing;
  options->sigmas = arguments->sigmas;
  options->eta = arguments->eta;
  options->label = arguments->label;
  if (has_guidance (arguments, model))
    options->guidance = arguments->guidance;
  options->width = arguments->width;
  options->height = arguments->height;
  options->sizing = arguments->sizing;
  options->seamless = arguments->seamless;
  options->strength = arguments->strength;
  options->ladder_to = arguments->ladder_to;
  options->interpolation = arguments->method;
  options->shared = arguments->shared;
  options->resamplings = arguments->resamplings;
}

void
ddpm_arguments_clear (DdpmArguments *arguments)
{
  g_clear_pointer (&arguments->model, g_free);
  g_clear_pointer (&arguments->label, g_free);
}
