/* ddpm train: a model out of a folder of pictures. */
#include "ui/cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "ui/cli/progress.h"
#include "ui/cli/ranks.h"
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
format_resume_command (const char *program, const DdpmTrainArgs *args, const DdpmRanks *ranks)
{
  const char *threads = ddpm_train_args_get (args, "threads");
  GString *text = g_string_new (NULL);

  if (ranks != NULL)
    g_string_append_printf (text, "mpirun -n %u ", ranks->n_ranks);
  g_string_append_printf (text, "%s train", program);
  if (args->folder != NULL)
    append_word (text, args->folder);
  g_string_append (text, " -o");
  append_word (text, ddpm_train_args_get (args, "output"));
  g_string_append (text, " --resume");
  if (threads != NULL)
    g_string_append_printf (text, " --threads %s", threads);
  return g_string_free (text, FALSE);
}

/* What a training works with, all borrowed. */
typedef struct
{
  DdpmTrainJob *job;
  DdpmRanks *ranks; /* NULL: one process */
  const char *output, *resume_command;
  gboolean dry_run;
} Training;

static int
report_stop (const Training *training, DdpmSignals *signals)
{
  const DdpmTrainPlan *plan = ddpm_train_job_get_plan (training->job);
  const guint64 step = ddpm_train_job_get_step (training->job);

  if (plan == NULL || step == 0)
    fprintf (stderr, "ddpm: stopped before the first step; there is no checkpoint yet\n");
  else
    fprintf (stderr,
             "ddpm: stopped after step %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
             "; the checkpoint is in %s; go on with\n  %s\n",
             step, plan->options->steps, training->output, training->resume_command);
  return ddpm_signals_get_status (signals);
}

static void
report_done (const Training *training)
{
  g_autoptr (GString) words = g_string_new (NULL);

  append_word (words, training->output);
  printf ("done         %s has %" G_GUINT64_FORMAT " steps of training; make pictures with\n"
          "             ddpm sample%s -o pictures.png -n 16\n",
          training->output, ddpm_train_job_get_step (training->job), words->str);
}

/* Of several processes only the first one speaks. */
static int
run_job (const Training *training, GError **error)
{
  const gboolean speaks = ddpm_ranks_is_first (training->ranks);
  const DdpmProgressFunc func = speaks ? ddpm_progress_line_show : NULL;
  g_autoptr (DdpmSignals) signals =
    ddpm_signals_new (speaks ? "finishing the step; once more Ctrl-C stops at once" : NULL);
  GCancellable *cancellable = ddpm_signals_get_cancellable (signals);
  DdpmTrainJob *job = training->job;
  g_autoptr (GError) local_error = NULL;
  DdpmProgressLine line;

  ddpm_progress_line_init (&line);
  gboolean done = ddpm_train_job_prepare (job, func, &line, cancellable, &local_error);
  ddpm_progress_line_clear (&line);
  if (done)
    {
      if (speaks)
        ddpm_train_report_plan (ddpm_train_job_get_plan (job));
      if (training->dry_run)
        return 0;
      line.predicted_bytes = ddpm_train_job_get_plan (job)->peak_bytes;
      done = ddpm_train_job_run (job, func, &line, cancellable, &local_error);
      ddpm_progress_line_clear (&line);
    }
  if (speaks && g_error_matches (local_error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return report_stop (training, signals);
  if (!done)
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return 1;
    }
  if (speaks)
    report_done (training);
  return 0;
}

static int
train (const char *program, int argc, char **argv, DdpmRanks *ranks, GError **error)
{
  g_auto (DdpmTrainArgs) args = { 0 };
  g_auto (DdpmTrainOptions) options = { 0 };
  g_autoptr (DdpmTrainJob) job = NULL;
  g_autofree char *resume_command = NULL;

  ddpm_train_options_init (&options);
  options.ranks = ranks;
  if (ddpm_train_args_parse (&args, argc, argv, error) && ddpm_train_args_read (&args, &options, error))
    job = ddpm_train_job_new (&options, error);
  if (!ddpm_ranks_agree (ranks, job != NULL, NULL, error))
    return 1;
  resume_command = format_resume_command (program, &args, ranks);
  return run_job (&(Training) { .job = job,
                                .ranks = ranks,
                                .output = ddpm_train_args_get (&args, "output"),
                                .resume_command = resume_command,
                                .dry_run = ddpm_train_args_has (&args, "dry-run") },
                  error);
}

int
ddpm_command_train (const char *program, int argc, char **argv, GError **error)
{
  g_autoptr (DdpmRanks) ranks = NULL;
  g_autoptr (GError) local_error = NULL;
  int status;

  if (!ddpm_ranks_open (&ranks, error))
    return 1;
  status = train (program, argc, argv, ranks, &local_error);
  if (ddpm_ranks_is_first (ranks))
    {
      if (local_error != NULL)
        g_propagate_error (error, g_steal_pointer (&local_error));
      return status;
    }
  /* the first process says what is the matter, and its status is mpirun's */
  return 0;
}
