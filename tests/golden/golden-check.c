/* golden-check: compares the library with recorded reference arrays.
 *
 *     golden-check [--tap] [--threads=N] FOLDER…
 *
 * A FOLDER is a case (a network: config.json, weights, io.safetensors; or a pipeline: a model folder with
 * io.safetensors) or a set of cases: a folder of such folders, with schedulers.json or without. One line per
 * case: name, largest error, tolerance, and ok, FAIL or skipped with the reason. The status is 0 when none
 * fails, 1 when one does, 2 for wrong usage.
 *
 * Each case runs on two teams, of N threads and of another number: both have to compute the same bytes. */
#include "tests/at-level.h"
#include "tests/golden/check.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>

#include "core/base/error.h"

typedef struct
{
  gboolean tap;
  DdpmTeam *team, *other_team;
  guint n_ok, n_failed, n_skipped;
} Report;

static void
report_tap (Report *report, const char *name, const char *verdict, const char *details)
{
  const guint number = report->n_ok + report->n_failed + report->n_skipped;

  if (g_str_equal (verdict, "skipped"))
    printf ("ok %u %s # SKIP %s\n", number, name, details);
  else
    printf ("%s %u %s\n# %s\n", g_str_equal (verdict, "ok") ? "ok" : "not ok", number, name, details);
}

/* A CheckCaseFunc. */
static void
report_case (const char *name, const CheckResult *result, const GError *error, gpointer data)
{
  Report *report = data;
  g_autofree char *details = NULL;
  const char *verdict = "FAIL";

  if (g_error_matches (error, DDPM_ERROR, DDPM_ERROR_UNSUPPORTED))
    {
      verdict = "skipped";
      details = g_strdup (error->message);
      report->n_skipped++;
    }
  else if (error == NULL && check_result_passes (result))
    {
      verdict = "ok";
      report->n_ok++;
    }
  else
    report->n_failed++;

  if (details == NULL)
    details = error != NULL ? g_strdup (error->message)
              : result->what == NULL
                ? g_strdup ("nothing was compared")
                : g_strdup_printf ("error %.1e  tolerance %.1e", result->error, result->tolerance);
  if (report->tap)
    report_tap (report, name, verdict, details);
  else if (g_str_equal (verdict, "skipped"))
    printf ("%-44s  skipped: %s\n", name, details);
  else if (g_str_equal (verdict, "FAIL") && error == NULL && result->what != NULL)
    printf ("%-44s  %s  FAIL: %s\n", name, details, result->what);
  else if (g_str_equal (verdict, "FAIL"))
    printf ("%-44s  FAIL: %s\n", name, details);
  else
    printf ("%-44s  %s  ok\n", name, details);
  fflush (stdout);
}

static gboolean
has_child (GFile *folder, const char *name)
{
  g_autoptr (GFile) child = g_file_get_child (folder, name);

  return g_file_query_exists (child, NULL);
}

static gboolean
is_pipeline (GFile *folder)
{
  return has_child (folder, "io.safetensors")
         && (has_child (folder, "model_index.json") || has_child (folder, "unet"));
}

static gboolean
is_unet (GFile *folder)
{
  return has_child (folder, "io.safetensors") && !is_pipeline (folder);
}

static gboolean
check_case (GFile *folder, DdpmTeam *team, CheckResult *result, GError **error)
{
  if (is_pipeline (folder))
    return check_pipeline (folder, team, result, error);
  return check_unet (folder, team, result, error);
}

static void
run_case (Report *report, GFile *folder)
{
  g_autofree char *name = g_file_get_basename (folder);
  g_auto (CheckResult) result = { 0 }, other = { 0 };
  g_autoptr (GError) error = NULL;

  if (check_case (folder, report->team, &result, &error)
      && check_case (folder, report->other_team, &other, &error) && result.digest != NULL
      && !g_str_equal (g_checksum_get_string (result.digest), g_checksum_get_string (other.digest)))
    check_add (&result, "bytes on another number of threads", INFINITY, 1);
  report_case (name, &result, error, report);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return g_strcmp0 (*(const char *const *) a, *(const char *const *) b);
}

/* Names of the cases in a set, sorted; a folder that is named as one counts even if it lacks its files. */
static GPtrArray *
list_cases (GFile *set, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GFileEnumerator) entries =
    g_file_enumerate_children (set, G_FILE_ATTRIBUTE_STANDARD_NAME "," G_FILE_ATTRIBUTE_STANDARD_TYPE,
                               G_FILE_QUERY_INFO_NONE, NULL, error);

  if (entries == NULL)
    return NULL;
  for (;;)
    {
      GFileInfo *info;
      GFile *child;
      const char *name;

      if (!g_file_enumerator_iterate (entries, &info, &child, NULL, error))
        return NULL;
      if (info == NULL)
        break;
      name = g_file_info_get_name (info);
      if (g_file_info_get_file_type (info) == G_FILE_TYPE_DIRECTORY
          && (g_str_has_prefix (name, "unet_") || g_str_has_prefix (name, "pipeline_") || is_unet (child)
              || is_pipeline (child)))
        g_ptr_array_add (names, g_strdup (name));
    }
  g_ptr_array_sort (names, compare_names);
  return g_steal_pointer (&names);
}

/* FALSE with an error if there is nothing to check. */
static gboolean
run_set (Report *report, GFile *set, GError **error)
{
  const gboolean has_schedulers = has_child (set, "schedulers.json");
  g_autoptr (GPtrArray) names = list_cases (set, error);

  if (names == NULL)
    return FALSE;
  for (guint i = 0; i < names->len; i++)
    {
      g_autoptr (GFile) folder = g_file_get_child (set, names->pdata[i]);

      run_case (report, folder);
    }
  if (has_schedulers)
    return check_schedulers (set, report_case, report, error);
  if (names->len > 0)
    return TRUE;
  g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_FILE, "there are no cases in this folder");
  return FALSE;
}

static void
run_folder (Report *report, const char *argument)
{
  g_autoptr (GFile) folder = g_file_new_for_commandline_arg (argument);
  g_autoptr (GError) error = NULL;

  if (is_pipeline (folder) || is_unet (folder))
    run_case (report, folder);
  else if (!run_set (report, folder, &error))
    report_case (argument, NULL, error, report);
}

int
main (int argc, char **argv)
{
  Report report = { 0 };
  int n_threads = 0;
  const GOptionEntry entries[] = {
    { "tap", 0, 0, G_OPTION_ARG_NONE, &report.tap, "Speak the Test Anything Protocol", NULL },
    { "threads", 0, 0, G_OPTION_ARG_INT, &n_threads, "Number of threads (all)", "N" },
    { NULL },
  };
  g_autoptr (GOptionContext) context =
    g_option_context_new ("FOLDER… - compare with recorded reference arrays");
  g_autoptr (GError) error = NULL;

  setlocale (LC_CTYPE, "");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      fprintf (stderr, "golden-check: %s\n", error->message);
      return 2;
    }
  if (argc < 2 || n_threads < 0)
    {
      fprintf (stderr, "golden-check: %s\n",
               n_threads < 0 ? "--threads must not be negative."
                             : "name the folders to check, or see --help.");
      return 2;
    }

  if (report.tap && skip_level ())
    return 0;
  report.team = ddpm_team_new (n_threads);
  report.other_team = ddpm_team_new (ddpm_team_get_n_threads (report.team) == 1 ? 2 : 1);
  for (int i = 1; i < argc; i++)
    run_folder (&report, argv[i]);
  ddpm_team_free (report.team);
  ddpm_team_free (report.other_team);

  if (report.tap)
    printf ("1..%u\n", report.n_ok + report.n_failed + report.n_skipped);
  else
    printf ("%u ok, %u failed, %u skipped\n", report.n_ok, report.n_failed, report.n_skipped);
  return report.n_failed > 0 ? 1 : 0;
}
