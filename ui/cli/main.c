/* The `ddpm` command: finds the subcommand, runs it, and turns its error into one sentence and an exit
 * status. */
#include "ui/cli/cli.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

static const struct
{
  const char *name;
  DdpmCommandFunc run;
  const char *help;
} commands[] = {
  { "train", ddpm_command_train, "train a model on a folder of pictures" },
  { "sample", ddpm_command_sample, "make new pictures with a model" },
  { "vary", ddpm_command_vary, "make variations of a picture" },
  { "interpolate", ddpm_command_interpolate, "make the pictures between two pictures" },
  { "fill", ddpm_command_fill, "make a part of a picture anew" },
  { "progressive", ddpm_command_progressive, "show how a new picture comes to be" },
  { "evaluate", ddpm_command_evaluate, "measure how well a model knows pictures" },
  { "study", ddpm_command_study, "repeat experiments of the papers, as tables and pictures" },
  { "info", ddpm_command_info, "tell what a model is" },
  { "convert", ddpm_command_convert, "write a model in another format" },
  { "bench", ddpm_command_bench, "measure the speed of a network" },
};

static void
print_help (void)
{
  printf ("Usage:\n  ddpm COMMAND [OPTION…] …\n\n"
          "Trains denoising diffusion models on pictures, and makes pictures with them.\n\nCommands:\n");
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    printf ("  %-12s %s\n", commands[i].name, commands[i].help);
  printf ("\nddpm COMMAND --help tells a command's options; ddpm --version tells the version.\n"
          "DDPM_THREADS in the environment is the number of threads (default: as many as there are cores),\n"
          "DDPM_CPU the level of the processor's instructions to use (default: the best that it has).\n"
          "The exit status is 0, 1 for a failure, 2 for wrong usage, 130 after Ctrl-C.\n");
}

/* Wrong usage is 2, everything else that fails 1. The program's name is that of the command by now. */
static int
report_error (const GError *error)
{
  if (error->domain == G_OPTION_ERROR)
    {
      fprintf (stderr, "ddpm: %s; %s --help tells the options\n", error->message, g_get_prgname ());
      return 2;
    }
  fprintf (stderr, "ddpm: %s\n", error->message);
  return g_error_matches (error, DDPM_ERROR, DDPM_ERROR_USAGE) ? 2 : 1;
}

/* What is asked for in vain would only show in the speed. */
static gboolean
check_environment (void)
{
  const char *level = g_getenv ("DDPM_CPU"), *n_threads = g_getenv ("DDPM_THREADS");
  g_autoptr (GString) names = g_string_new (NULL);
  unsigned n_levels;
  const DdpmKernels *const *levels = ddpm_kernels_list (&n_levels);

  for (guint i = 0; i < n_levels; i++)
    g_string_append_printf (names, "%s%s", i == 0 ? "" : i + 1 < n_levels ? ", " : " or ", levels[i]->name);
  if (level != NULL && *level != '\0' && ddpm_kernels_find (level) == NULL)
    fprintf (stderr, "ddpm: DDPM_CPU is \"%s\"; on this processor it can be %s, or unset\n", level,
             names->str);
  else if (n_threads != NULL && *n_threads != '\0'
           && !g_ascii_string_to_unsigned (n_threads, 10, 1, G_MAXINT, NULL, NULL))
    fprintf (stderr, "ddpm: DDPM_THREADS is \"%s\"; it can be 1 or more, or unset\n", n_threads);
  else
    return TRUE;
  return FALSE;
}

static int
run_command (const char *program, int argc, char **argv)
{
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    if (strcmp (argv[0], commands[i].name) == 0)
      {
        g_autoptr (GError) error = NULL;
        g_autofree char *name = g_strdup_printf ("ddpm %s", commands[i].name);

        g_set_prgname (name); /* for the first line of --help */
        int status = commands[i].run (program, argc, argv, &error);
        return error == NULL ? status : report_error (error);
      }
  fprintf (stderr, "ddpm: there is no command \"%s\"; ddpm --help tells what there is\n", argv[0]);
  return 2;
}

int
main (int argc, char **argv)
{
  int status = 0;

  /* names of files and people's words follow the locale, numbers do not: programs read them */
  setlocale (LC_ALL, "");
  setlocale (LC_NUMERIC, "C");

  if (argc < 2)
    {
      fprintf (stderr, "ddpm: a command is missing; ddpm --help tells what there is\n");
      return 2;
    }
  if (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0 || strcmp (argv[1], "help") == 0)
    print_help ();
  else if (strcmp (argv[1], "--version") == 0)
    printf ("ddpm %s\n", DDPM_VERSION);
  else if (!check_environment ())
    status = 2;
  else
    {
      /* what the user typed, where a script stands between the user and this program */
      const char *typed = g_getenv ("DDPM_COMMAND");
      status = run_command (typed != NULL ? typed : argv[0], argc - 1, argv + 1);
    }

  if (fflush (stdout) != 0 || ferror (stdout))
    {
      fprintf (stderr, "ddpm: the output could not be written: %s\n", g_strerror (errno));
      return status == 0 ? 1 : status;
    }
  return status;
}
