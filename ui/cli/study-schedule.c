/* ddpm study schedule: what the noise schedules are: beta, alpha_bar and the signal to noise ratio by
 * timestep (Ho et al. 2020, section 2; Nichol and Dhariwal 2021, figures 3 to 5). */
#include <math.h>
#include <stdio.h>

#include "ui/cli/json.h"
#include "ui/cli/options.h"
#include "ui/cli/study.h"

#define MOST_CURVES (DDPM_BETAS_N_FORMULAS + 1)
#define MOST_TIMESTEPS 100000u
#define N_ROWS 11

G_STATIC_ASSERT (MOST_CURVES <= DDPM_CHART_MOST_CURVES);

/* One schedule's tables over all its timesteps. */
typedef struct
{
  char *name;
  DdpmSchedulerConfig config;
  DdpmSchedule *schedule;
  double *t, *values[3]; /* [T]; in the order of `quantities` */
} Curve;

typedef enum
{
  QUANTITY_BETA,
  QUANTITY_ALPHA_BAR,
  QUANTITY_SNR,
  N_QUANTITIES
} Quantity;

static const char *const quantities[N_QUANTITIES] = { "beta", "alpha_bar", "snr" };

static void
curve_free (Curve *curve)
{
  g_free (curve->name);
  ddpm_scheduler_config_clear (&curve->config);
  ddpm_schedule_free (curve->schedule);
  g_free (curve->t);
  for (guint i = 0; i < N_QUANTITIES; i++)
    g_free (curve->values[i]);
  g_free (curve);
}

/* The options as given; NULL: not given. */
typedef struct
{
  char *timesteps, *beta_start, *beta_end, *output;
  gboolean zero_snr, as_json;
} Args;

static void
args_clear (Args *args)
{
  char **texts[] = { &args->timesteps, &args->beta_start, &args->beta_end, &args->output };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_clear_pointer (texts[i], g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Args, args_clear)

static gboolean
parse_args (Args *args, int argc, char **argv, char ***operands, GError **error)
{
  const GOptionEntry entries[] = {
    { "timesteps", 0, 0, G_OPTION_ARG_STRING, &args->timesteps,
      "Timesteps of the schedules (default: 1000, or the model's)", "T" },
    { "beta-start", 0, 0, G_OPTION_ARG_STRING, &args->beta_start,
      "First beta of those that have one (default: 0.0001)", "B" },
    { "beta-end", 0, 0, G_OPTION_ARG_STRING, &args->beta_end,
      "Last beta of those that have one (default: 0.02)", "B" },
    { "zero-snr", 0, 0, G_OPTION_ARG_NONE, &args->zero_snr,
      "Rescale them so that nothing of the picture is left at the last timestep (default: as they are)",
      NULL },
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &args->output,
      "Draw the curves into this file, SVG or PNG (default: no drawing)", "FILE" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &args->as_json,
      "Print one JSON object, with all timesteps (default: a table of some)", NULL },
    G_OPTION_ENTRY_NULL,
  };

  return ddpm_options_parse (
    argc, argv, entries, "[MODEL]", "[MODEL]",
    "Tells how the noise schedules add noise: beta, alpha_bar (how much of the picture's variance is left)\n"
    "and alpha_bar / (1 - alpha_bar), the signal to noise ratio, by timestep. With a MODEL, a folder or the\n"
    "name of an installed model, its own schedule stands beside the others.",
    operands, error);
}

/* What all curves have in common, before the choice of a formula. */
static gboolean
read_args (const Args *args, const DdpmModel *model, DdpmSchedulerConfig *config, GError **error)
{
  if (model != NULL)
    config->num_train_timesteps = model->scheduler.num_train_timesteps;
  config->rescale_betas_zero_snr = args->zero_snr;
  if (model != NULL && args->timesteps != NULL)
    return ddpm_refuse (error, DDPM_ERROR_USAGE,
                        "--timesteps does not go with a model, which has its own; leave out one of them");
  return ddpm_option_get_uint ("--timesteps", args->timesteps, 2, MOST_TIMESTEPS,
                               &config->num_train_timesteps, error)
         && ddpm_option_get_double ("--beta-start", args->beta_start, 0, 1, &config->beta_start, error)
         && ddpm_option_get_double ("--beta-end", args->beta_end, 0, 1, &config->beta_end, error);
}

static Curve *
curve_new (const char *name, const DdpmSchedulerConfig *config, GError **error)
{
  g_autoptr (DdpmSchedule) schedule = ddpm_schedule_new (config, error);
  Curve *curve;

  if (schedule == NULL)
    return NULL;
  curve = g_new0 (Curve, 1);
  curve->name = g_strdup (name);
  ddpm_scheduler_config_copy (&curve->config, config);
  curve->schedule = g_steal_pointer (&schedule);
  curve->t = g_new (double, config->num_train_timesteps);
  for (guint i = 0; i < N_QUANTITIES; i++)
    curve->values[i] = g_new (double, config->num_train_timesteps);
  for (guint t = 0; t < config->num_train_timesteps; t++)
    {
      curve->t[t] = t;
      curve->values[QUANTITY_BETA][t] = curve->schedule->betas[t];
      curve->values[QUANTITY_ALPHA_BAR][t] = curve->schedule->alpha_bar[t];
      curve->values[QUANTITY_SNR][t] = ddpm_schedule_get_snr (curve->schedule, t);
    }
  return curve;
}

static gboolean
add_curve (GPtrArray *curves, const char *name, const DdpmSchedulerConfig *config, GError **error)
{
  Curve *curve = curve_new (name, config, error);

  if (curve == NULL)
    return FALSE;
  g_ptr_array_add (curves, curve);
  return TRUE;
}

/* The model's own last: drawn over the one that it is. */
static gboolean
add_curves (GPtrArray *curves, const DdpmModel *model, const DdpmSchedulerConfig *common, GError **error)
{
  for (guint i = 0; i < DDPM_BETAS_N_FORMULAS; i++)
    {
      g_auto (DdpmSchedulerConfig) config = { 0 };

      ddpm_scheduler_config_copy (&config, common);
      config.beta_schedule = i;
      if (!add_curve (curves, ddpm_beta_schedule_names[i], &config, error))
        return FALSE;
    }
  return model == NULL || add_curve (curves, model->name, &model->scheduler, error);
}

/* Where signal and noise are equal, between two timesteps; NaN: nowhere. */
static double
find_balance (const Curve *curve)
{
  const double *snr = curve->values[QUANTITY_SNR];

  for (guint t = 0; t + 1 < curve->schedule->n_timesteps; t++)
    if (snr[t] >= 1 && snr[t + 1] < 1)
      {
        const double before = log (snr[t]), after = log (MAX (snr[t + 1], 1e-30));

        return t + before / (before - after);
      }
  return NAN;
}

static void
print_quantity (const GPtrArray *curves, Quantity quantity)
{
  const guint n = ((const Curve *) curves->pdata[0])->schedule->n_timesteps;
  guint before = G_MAXUINT;

  printf ("%-12s", quantity == QUANTITY_SNR    ? "SNR      t"
                   : quantity == QUANTITY_BETA ? "beta     t"
                                               : "alpha_bar t");
  for (guint i = 0; i < curves->len; i++)
    printf (" %17s", ((const Curve *) curves->pdata[i])->name);
  printf ("\n");
  for (guint row = 0; row < N_ROWS; row++)
    {
      const guint t = (guint) rint ((double) row * (n - 1) / (N_ROWS - 1));

      if (t == before)
        continue;
      before = t;
      printf ("%11u ", t);
      for (guint i = 0; i < curves->len; i++)
        printf (" %17.6g", ((const Curve *) curves->pdata[i])->values[quantity][t]);
      printf ("\n");
    }
}

static void
print_text (const GPtrArray *curves)
{
  for (guint quantity = 0; quantity < N_QUANTITIES; quantity++)
    {
      print_quantity (curves, quantity);
      printf ("\n");
    }
  printf ("%-12s", "SNR 1 at t");
  for (guint i = 0; i < curves->len; i++)
    {
      const double t = find_balance (curves->pdata[i]);

      if (isfinite (t))
        printf (" %17.1f", t);
      else
        printf (" %17s", "-");
    }
  printf ("\n");
}

static void
print_json (const GPtrArray *curves)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  ddpm_json_add_int (builder, "timesteps", ((const Curve *) curves->pdata[0])->schedule->n_timesteps);
  json_builder_set_member_name (builder, "schedules");
  json_builder_begin_array (builder);
  for (guint i = 0; i < curves->len; i++)
    {
      const Curve *curve = curves->pdata[i];

      json_builder_begin_object (builder);
      ddpm_json_add_string (builder, "name", curve->name);
      ddpm_json_add_double (builder, "balance", find_balance (curve));
      for (guint quantity = 0; quantity < N_QUANTITIES; quantity++)
        ddpm_json_add_doubles (builder, quantities[quantity], curve->values[quantity],
                               curve->schedule->n_timesteps);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  ddpm_json_print (builder);
}

static gboolean
draw (const GPtrArray *curves, const char *path, GError **error)
{
  DdpmChart charts[N_QUANTITIES] = {
    { .title = "beta: noise that each step adds", .y_title = "beta", .is_logarithmic = TRUE },
    { .title = "alpha_bar: what is left of the picture", .y_title = "alpha_bar" },
    { .title = "signal to noise ratio", .y_title = "alpha_bar / (1 - alpha_bar)", .is_logarithmic = TRUE },
  };

  for (guint quantity = 0; quantity < N_QUANTITIES; quantity++)
    {
      charts[quantity].x_title = "timestep";
      charts[quantity].n_curves = curves->len;
      for (guint i = 0; i < curves->len; i++)
        {
          const Curve *curve = curves->pdata[i];

          charts[quantity].curves[i] = (DdpmChartCurve) { .name = curve->name,
                                                          .x = curve->t,
                                                          .y = curve->values[quantity],
                                                          .n = curve->schedule->n_timesteps };
        }
    }
  return ddpm_chart_write (path, NULL, charts, N_QUANTITIES, 2, error);
}

int
ddpm_study_schedule (const char *program, int argc, char **argv, GError **error)
{
  g_auto (Args) args = { 0 };
  g_auto (GStrv) operands = NULL;
  g_auto (DdpmSchedulerConfig) common = { 0 };
  g_autoptr (DdpmModel) model = NULL;
  g_autoptr (GPtrArray) curves = g_ptr_array_new_with_free_func ((GDestroyNotify) curve_free);

  if (!parse_args (&args, argc, argv, &operands, error)
      || (args.output != NULL && !ddpm_chart_check_file (args.output, error)))
    return 2;
  if (operands[0] != NULL)
    {
      g_autoptr (GFile) folder = ddpm_model_find (operands[0], NULL, error);

      model = folder != NULL ? ddpm_model_open_header (folder, error) : NULL;
      if (model == NULL)
        return 1;
    }
  ddpm_scheduler_config_init (&common);
  if (!read_args (&args, model, &common, error) || !add_curves (curves, model, &common, error))
    return 2;
  if (args.output != NULL && !draw (curves, args.output, error))
    return 1;
  if (args.as_json)
    print_json (curves);
  else
    print_text (curves);
  return 0;
}
