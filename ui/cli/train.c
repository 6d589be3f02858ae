/* ddpm train: a model out of a folder of pictures. */
#include "ui/cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "ui/cli/progress.h"
#include "ui/cli/signals.h"
#include "ui/cli/train-args.h"
#include "ui/cli/train-report.h"

/* As a shell reads it back. */
static void
append_word (GString *text, const char *word)
{
  gboolean is_plain = word[0] != '\0';

  for (const char *c = word; *c != '\0' && is_plain; c++)
    is_plain = g_ascii_isalnum (*c) || strchr ("_-./,:=+@%", *c) != NULL;
  g_autofree char *quoted = is_plain ? g_strdup (word) : g_shell_quote (word);
  g_string_append_printf (text, " %s", quoted);
}

/* The command that goes on with the training; what it does not say is in the checkpoint. */
static char *
format_resume_command (const char *program, const DdpmTrainArgs *args)
{
  const char *threads = ddpm_train_args_get (args, "threads");
  GString *text = g_string_new (program);

  g_string_append (text, " train");
  if (args->folder != NULL)
    append_word (text, args->folder);
  g_string_append (text, " -o");
  append_word (text, ddpm_train_args_get (args, "output"));
  g_string_append (text, " --resume");
  if (threads != NULL)
    g_string_append_printf (text, " --threads %s", threads);
  return g_string_free (text, FALSE);
}

static int
report_stop (DdpmTrainJob *job, const char *output, const char *command, DdpmSignals *signals)
{
  const DdpmTrainPlan *plan = ddpm_train_job_get_plan (job);

  if (plan == NULL || ddpm_train_job_get_step (job) == 0)
    fprintf (stderr, "ddpm: stopped before the first step; there is no checkpoint yet\n");
  else
    fprintf (stderr,
             "ddpm: stopped after step %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
             "; the checkpoint is in %s; go on with\n  %s\n",
             ddpm_train_job_get_step (job), plan->options->steps, output, command);
  return ddpm_signals_get_status (signals);
}

static int
run_job (DdpmTrainJob *job, const char *output, const char *resume_command, gboolean dry_run, GError **error)
{
  g_autoptr (DdpmSignals) signals = ddpm_signals_new ("finishing the step; once more Ctrl-C stops at once");
  GCancellable *cancellable = ddpm_signals_get_cancellable (signals);
  g_autoptr (GError) local_error = NULL;
  DdpmProgressLine line;

  ddpm_progress_line_init (&line);
  gboolean done = ddpm_train_job_prepare (job, ddpm_progress_line_show, &line, cancellable, &local_error);
  ddpm_progress_line_clear (&line);
  if (done)
    {
      ddpm_train_report_plan (ddpm_train_job_get_plan (job));
      if (dry_run)
        return 0;
      done = ddpm_train_job_run (job, ddpm_progress_line_show, &line, cancellable, &local_error);
      ddpm_progress_line_clear (&line);
    }
  if (g_error_matches (local_error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return report_stop (job, output, resume_command, signals);
  if (!done)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return 1;
    }
  g_autoptr (GString) words = g_string_new (NULL);
  append_word (words, output);
  printf ("done         %s has %" G_GUINT64_FORMAT " steps of training; make pictures with\n"
          "             ddpm sample%s -o pictures.png -n 16\n",
          output, ddpm_train_job_get_step (job), words->str);
  return 0;
}

int
ddpm_command_train (const char *program, int argc, char **argv, GError **error)
{
  g_auto (DdpmTrainArgs) args = { 0 };
  g_auto (DdpmTrainOptions) options = { 0 };

  if (!ddpm_train_args_parse (&args, argc, argv, error))
    return 2;
  ddpm_train_options_init (&options);
  if (!ddpm_train_args_read (&args, &options, error))
    return 1;
  g_autoptr (DdpmTrainJob) job = ddpm_train_job_new (&options, error);
  if (job == NULL)
    return 1;
  g_autofree char *resume_command = format_resume_command (program, &args);
  return run_job (job, ddpm_train_args_get (&args, "output"), resume_command,
                  ddpm_train_args_has (&args, "dry-run"), error);
}
