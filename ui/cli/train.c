/* ddpm train: a model out of a folder of pictures. */
#include "ui/cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "ui/cli/options.h"
#include "ui/cli/progress.h"
#include "ui/cli/signals.h"
#include "ui/cli/train-report.h"

/* The options as given; NULL: not given. */
typedef struct
{
  char *output, *from, *size, *channels, *layers, *attention, *batch, *accumulate, *precision, *steps, *lr,
    *warmup, *ema, *dropout, *schedule, *pixels, *seed, *threads, *save_every, *sample_every, *crop,
    *min_label_pictures, *held_out, *label_dropout, *predict, *loss, *variance;
  gboolean flip, flip_vertical, rotate, tileable, labels, float32, recompute, resume, dry_run;
} TrainArgs;

static void
train_args_clear (TrainArgs *args)
{
  char **texts[] = {
    &args->output,        &args->from,       &args->size,         &args->channels, &args->layers,
    &args->attention,     &args->batch,      &args->steps,        &args->lr,       &args->warmup,
    &args->ema,           &args->dropout,    &args->schedule,     &args->pixels,   &args->seed,
    &args->threads,       &args->save_every, &args->sample_every, &args->crop,     &args->min_label_pictures,
    &args->label_dropout, &args->held_out,   &args->predict,      &args->loss,     &args->variance,
    &args->accumulate,    &args->precision,
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_clear_pointer (texts[i], g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (TrainArgs, train_args_clear)

static gboolean
parse_args (TrainArgs *args, int argc, char **argv, char ***operands, GError **error)
{
  const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &args->output, "Folder of the model to write", "MODEL" },
    { "size", 0, 0, G_OPTION_ARG_STRING, &args->size,
      "Pixels; other pictures are scaled and cropped (default: the pictures' own size, 64 at most)",
      "N|WxH" },
    { "channels", 0, 0, G_OPTION_ARG_STRING, &args->channels,
      "Widths of the network, from the finest level to the coarsest (default: by the size)", "LIST" },
    { "layers", 0, 0, G_OPTION_ARG_STRING, &args->layers, "ResNet blocks a level (default: 2)", "N" },
    { "attention", 0, 0, G_OPTION_ARG_STRING, &args->attention,
      "Heights in pixels that get attention; none: not in the middle either, good for textures of any size "
      "(default: the level of 9 to 16)",
      "LIST|none" },
    { "batch", 0, 0, G_OPTION_ARG_STRING, &args->batch, "Pictures a step (default: 32)", "N" },
    { "accumulate", 0, 0, G_OPTION_ARG_STRING, &args->accumulate,
      "Make a step in N passes, each on a part of the batch: less memory, the same model up to rounding "
      "(default: 1, or what memory makes necessary)",
      "N" },
    { "precision", 0, 0, G_OPTION_ARG_STRING, &args->precision,
      "f32, or bf16 where the processor has it: faster, with weights and sums in f32 (default: f32)",
      "NAME" },
    { "steps", 0, 0, G_OPTION_ARG_STRING, &args->steps, "Steps to train in all (default: 20000)", "N" },
    { "lr", 0, 0, G_OPTION_ARG_STRING, &args->lr, "Learning rate (default: 0.0002)", "X" },
    { "warmup", 0, 0, G_OPTION_ARG_STRING, &args->warmup,
      "Steps in which the learning rate rises to its value (default: 500)", "N" },
    { "ema", 0, 0, G_OPTION_ARG_STRING, &args->ema,
      "Largest decay of the moving average of the weights (default: 0.9999)", "X" },
    { "dropout", 0, 0, G_OPTION_ARG_STRING, &args->dropout, "Share of values dropped at random (default: 0)",
      "X" },
    { "crop", 0, 0, G_OPTION_ARG_STRING, &args->crop,
      "Train on parts, of --size, at random places; pictures are scaled down to N pixels on their shorter "
      "side before (default: on the middle of each)",
      "N" },
    { "tileable", 0, 0, G_OPTION_ARG_NONE, &args->tileable,
      "The opposite sides of the pictures meet, and so shall those of the model's", NULL },
    { "flip", 0, 0, G_OPTION_ARG_NONE, &args->flip, "Mirror pictures left to right at random (default: off)",
      NULL },
    { "flip-vertical", 0, 0, G_OPTION_ARG_NONE, &args->flip_vertical,
      "Mirror pictures upside down at random (default: off)", NULL },
    { "rotate", 0, 0, G_OPTION_ARG_NONE, &args->rotate,
      "Turn pictures by quarter turns at random (default: off)", NULL },
    { "labels", 0, 0, G_OPTION_ARG_NONE, &args->labels,
      "Folders in FOLDER are labels, so that each kind of picture can be asked for with ddpm sample --label",
      NULL },
    { "min-label-pictures", 0, 0, G_OPTION_ARG_STRING, &args->min_label_pictures,
      "Pictures a folder needs to be a label; those of others have none (default: 10)", "N" },
    { "label-dropout", 0, 0, G_OPTION_ARG_STRING, &args->label_dropout,
      "Share of pictures seen without their label, for --guidance (default: 0.1)", "X" },
    { "held-out", 0, 0, G_OPTION_ARG_STRING, &args->held_out,
      "One picture in N is not trained on but measured, 0 for none (default: 20, none for less than 40 "
      "pictures)",
      "N" },
    { "schedule", 0, 0, G_OPTION_ARG_STRING, &args->schedule,
      "Noise schedule: linear, scaled_linear, squaredcos_cap_v2 or sigmoid (default: linear)", "NAME" },
    { "predict", 0, 0, G_OPTION_ARG_STRING, &args->predict,
      "What the network says: epsilon, x0, v or mu, which only this program's samplers know (default: "
      "epsilon)",
      "NAME" },
    { "loss", 0, 0, G_OPTION_ARG_STRING, &args->loss,
      "simple, vlb, hybrid or min-snr (default: simple, or hybrid with a learned variance)", "NAME" },
    { "variance", 0, 0, G_OPTION_ARG_STRING, &args->variance,
      "Of a step back: fixed-small, fixed-large or learned (default: fixed-small)", "NAME" },
    { "pixels", 0, 0, G_OPTION_ARG_STRING, &args->pixels,
      "grey, rgb, rgba, or auto by what the pictures have (default: auto)", "KIND" },
    { "seed", 0, 0, G_OPTION_ARG_STRING, &args->seed, "The random numbers' seed (default: 0)", "N" },
    { "threads", 0, 0, G_OPTION_ARG_STRING, &args->threads,
      "Threads to use (default: as many as there are cores)", "N" },
    { "save-every", 0, 0, G_OPTION_ARG_STRING, &args->save_every,
      "Steps from checkpoint to checkpoint, 0 for about five minutes (default: 0)", "N" },
    { "sample-every", 0, 0, G_OPTION_ARG_STRING, &args->sample_every,
      "Steps from one grid of samples to the next, 0 for none (default: 1000)", "N" },
    { "recompute", 0, 0, G_OPTION_ARG_NONE, &args->recompute,
      "Compute values again instead of keeping them: less memory, more time, the same model (default: "
      "where memory would not do otherwise)",
      NULL },
    { "float32", 0, 0, G_OPTION_ARG_NONE, &args->float32, "Write the weights as float32 (default: float16)",
      NULL },
    { "dry-run", 0, 0, G_OPTION_ARG_NONE, &args->dry_run,
      "Only look at the pictures and tell what would be done; nothing is written", NULL },
    { "resume", 0, 0, G_OPTION_ARG_NONE, &args->resume,
      "Go on where the training of MODEL stopped; of the options, steps, threads, save-every, "
      "sample-every and recompute may change",
      NULL },
    { "from", 0, 0, G_OPTION_ARG_FILENAME, &args->from,
      "Begin with the weights of this model (default: random weights)", "MODEL" },
    G_OPTION_ENTRY_NULL,
  };

  return ddpm_options_parse (
           argc, argv, entries, "[FOLDER]", "FOLDER -o MODEL",
           "Trains a model on all pictures in a folder and its subfolders. Ctrl-C writes a checkpoint "
           "and\nsays how to go on. MODEL also gets train.csv and samples/.",
           operands, error)
         && ddpm_option_require ("-o", args->output, error);
}

/* The numbers of the network and the training. */
static gboolean
read_numbers (const TrainArgs *args, DdpmTrainOptions *options, GError **error)
{
  if (args->attention != NULL && strcmp (args->attention, "none") == 0)
    options->n_attention = 0;
  else if (!ddpm_option_get_list ("--attention", args->attention, DDPM_UNET_MAX_LEVELS, options->attention,
                                  &options->n_attention, error))
    return FALSE;
  return ddpm_option_get_size ("--size", args->size, &options->width, &options->height, error)
         && ddpm_option_get_list ("--channels", args->channels, DDPM_UNET_MAX_LEVELS, options->channels,
                                  &options->n_channels, error)
         && ddpm_option_get_uint ("--layers", args->layers, 1, 16, &options->layers_per_block, error)
         && ddpm_option_get_uint ("--batch", args->batch, 1, 4096, &options->batch, error)
         && ddpm_option_get_uint ("--accumulate", args->accumulate, 1, 4096, &options->accumulate, error)
         && ddpm_option_get_precision ("--precision", args->precision, &options->precision, error)
         && ddpm_option_get_uint64 ("--steps", args->steps, 1, 1000000000, &options->steps, error)
         && ddpm_option_get_double ("--lr", args->lr, 1e-12, 1, &options->lr, error)
         && ddpm_option_get_uint64 ("--warmup", args->warmup, 0, 1000000000, &options->warmup_steps, error)
         && ddpm_option_get_double ("--ema", args->ema, 0, 0.9999999, &options->ema, error)
         && ddpm_option_get_double ("--dropout", args->dropout, 0, 0.99, &options->dropout, error)
         && ddpm_option_get_uint ("--crop", args->crop, 1, 65535, &options->crop, error)
         && ddpm_option_get_uint ("--min-label-pictures", args->min_label_pictures, 1, 1000000,
                                  &options->min_label_pictures, error)
         && ddpm_option_get_double ("--label-dropout", args->label_dropout, 0, 1, &options->label_dropout,
                                    error)
         && ddpm_option_get_uint ("--held-out", args->held_out, 0, 1000000, &options->held_out, error)
         && ddpm_option_get_uint ("--seed", args->seed, 0, DDPM_MAX_SEED, &options->seed, error)
         && ddpm_option_get_uint ("--threads", args->threads, 1, 1024, &options->n_threads, error)
         && ddpm_option_get_uint64 ("--save-every", args->save_every, 0, 1000000000, &options->save_every,
                                    error)
         && ddpm_option_get_uint64 ("--sample-every", args->sample_every, 0, 1000000000,
                                    &options->sample_every, error);
}

static gboolean
read_objective (const TrainArgs *args, DdpmTrainOptions *options, GError **error)
{
  static const char *const predictions[] = { "epsilon", "x0", "v", "mu", NULL };
  static const char *const variances[] = { "fixed-small", "fixed-large", "learned", NULL };
  static const DdpmVariance variance_kinds[] = { DDPM_VARIANCE_FIXED_SMALL, DDPM_VARIANCE_FIXED_LARGE,
                                                 DDPM_VARIANCE_LEARNED_RANGE };
  guint prediction = 0, variance = 0;

  if (!ddpm_option_get_choice ("--predict", args->predict, predictions, &prediction, error)
      || !ddpm_option_get_choice ("--loss", args->loss, ddpm_loss_names, &options->loss, error)
      || !ddpm_option_get_choice ("--variance", args->variance, variances, &variance, error))
    return FALSE;
  if (args->predict != NULL)
    options->prediction = (DdpmPrediction) prediction;
  if (args->variance != NULL)
    options->variance = variance_kinds[variance];
  return TRUE;
}

static gboolean
read_args (const TrainArgs *args, const char *folder, DdpmTrainOptions *options, GError **error)
{
  static const char *const schedules[] = { "linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid", NULL };
  static const DdpmBetaSchedule schedule_kinds[] = { DDPM_BETAS_LINEAR, DDPM_BETAS_SCALED_LINEAR,
                                                     DDPM_BETAS_SQUAREDCOS_CAP_V2, DDPM_BETAS_SIGMOID };
  static const char *const pixels[] = { "auto", "grey", "rgb", "rgba", NULL };
  guint schedule = 0, kind = 0;

  if (!read_numbers (args, options, error) || !read_objective (args, options, error)
      || !ddpm_option_get_choice ("--schedule", args->schedule, schedules, &schedule, error)
      || !ddpm_option_get_choice ("--pixels", args->pixels, pixels, &kind, error))
    return FALSE;
  if (args->schedule != NULL)
    options->schedule = schedule_kinds[schedule];
  if (args->pixels != NULL)
    ddpm_pixels_from_name (args->pixels, &options->pixels);
  options->flip = args->flip;
  options->flip_vertical = args->flip_vertical;
  options->rotate = args->rotate;
  options->tileable = args->tileable;
  options->labels = args->labels;
  options->recompute = args->recompute;
  options->resume = args->resume;
  if (args->float32)
    options->dtype = DDPM_DTYPE_F32;
  if (folder != NULL)
    options->pictures = g_file_new_for_path (folder);
  options->output = g_file_new_for_path (args->output);
  if (args->from != NULL)
    options->from = ddpm_model_find (args->from, NULL, error);
  return args->from == NULL || options->from != NULL;
}

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
format_resume_command (const char *program, const TrainArgs *args, const char *folder)
{
  GString *text = g_string_new (program);

  g_string_append (text, " train");
  if (folder != NULL)
    append_word (text, folder);
  g_string_append (text, " -o");
  append_word (text, args->output);
  g_string_append (text, " --resume");
  if (args->threads != NULL)
    g_string_append_printf (text, " --threads %s", args->threads);
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
  g_auto (TrainArgs) args = { 0 };
  g_auto (DdpmTrainOptions) options = { 0 };
  g_auto (GStrv) operands = NULL;

  if (!parse_args (&args, argc, argv, &operands, error))
    return 2;
  if (operands[0] == NULL && !args.resume)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "FOLDER is missing");
      return 2;
    }
  ddpm_train_options_init (&options);
  if (!read_args (&args, operands[0], &options, error))
    return 1;
  g_autoptr (DdpmTrainJob) job = ddpm_train_job_new (&options, error);
  if (job == NULL)
    return 1;
  g_autofree char *resume_command = format_resume_command (program, &args, operands[0]);
  return run_job (job, args.output, resume_command, args.dry_run, error);
}
