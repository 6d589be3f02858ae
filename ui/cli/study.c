/* ddpm study WHAT: finds the study and runs it. */
#include "ui/cli/study.h"

#include <stdio.h>
#include <string.h>

static const struct
{
  const char *name;
  DdpmCommandFunc run;
  const char *help;
} studies[] = {
  { "samplers", ddpm_study_samplers, "how good each sampler's pictures are, by its number of steps" },
  { "schedule", ddpm_study_schedule, "beta, alpha_bar and signal to noise of the schedules" },
  { "langevin", ddpm_study_langevin, "a model read as a score, by annealed Langevin dynamics" },
  { "objective", ddpm_study_objective, "what a network should be trained to say, with which loss" },
  { "rate", ddpm_study_rate, "progressive coding: bits sent, and how close the picture is, by step" },
};

static void
print_help (void)
{
  printf ("Usage:\n  ddpm study WHAT [OPTION…] …\n\n"
          "Experiments with diffusion models: each prints a table, and draws a picture with -o.\n\nWHAT:\n");
  for (guint i = 0; i < G_N_ELEMENTS (studies); i++)
    printf ("  %-12s %s\n", studies[i].name, studies[i].help);
  printf ("\nddpm study WHAT --help tells a study's options.\n");
}

static char *
list_studies (void)
{
  GString *names = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (studies); i++)
    g_string_append_printf (names, "%s%s", i == 0 ? "" : ", ", studies[i].name);
  return g_string_free (names, FALSE);
}

int
ddpm_command_study (const char *program, int argc, char **argv, GError **error)
{
  g_autofree char *names = list_studies ();

  if (argc < 2)
    {
      ddpm_refuse (error, DDPM_ERROR_USAGE,
                   "a study is missing: one of %s; ddpm study --help tells what they are", names);
      return 2;
    }
  if (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0 || strcmp (argv[1], "help") == 0)
    {
      print_help ();
      return 0;
    }
  for (guint i = 0; i < G_N_ELEMENTS (studies); i++)
    if (strcmp (argv[1], studies[i].name) == 0)
      {
        g_autofree char *name = g_strdup_printf ("ddpm study %s", studies[i].name);

        g_set_prgname (name);
        return studies[i].run (program, argc - 1, argv + 1, error);
      }
  ddpm_refuse (error, DDPM_ERROR_USAGE,
               "there is no study \"%s\", only %s; ddpm study --help tells what they are", argv[1], names);
  return 2;
}
