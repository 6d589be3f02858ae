#include "ui/cli/pictures.h"

#include <stdio.h>

#include "ui/cli/options.h"
#include "ui/cli/output.h"
#include "ui/cli/progress.h"
#include "ui/cli/signals.h"

void
ddpm_picture_args_clear (DdpmPictureArgs *args)
{
  char **texts[] = { &args->output,    &args->count,     &args->columns, &args->seed,        &args->steps,
                     &args->sampler,   &args->eta,       &args->batch,   &args->threads,     &args->size,
                     &args->strength,  &args->precision, &args->label,   &args->guidance,    &args->shared,
                     &args->ladder_to, &args->method,    &args->mask,    &args->resamplings, &args->sizing,
                     &args->seamless,  &args->spacing,   &args->sigmas };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    g_clear_pointer (texts[i], g_free);
}

gboolean
ddpm_picture_args_parse (DdpmPictureArgs *args, int argc, char **argv, const GOptionEntry *own,
                         const char *operand_names, const char *usage, const char *summary, char ***operands,
                         GError **error)
{
  const GOptionEntry common[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &args->output,
      "PNG file, or folder for one PNG each; several pictures in one file are set side by side", "OUT" },
    { "grid", 0, 0, G_OPTION_ARG_NONE, &args->grid, "Set all pictures side by side, also in a folder", NULL },
    { "columns", 0, 0, G_OPTION_ARG_STRING, &args->columns,
      "Pictures in a row of the grid (default: about square; a sequence: all)", "N" },
    { "seed", 0, 0, G_OPTION_ARG_STRING, &args->seed,
      "The random numbers' seed; the same one gives the same pictures (default: 0)", "N" },
    { "steps", 0, 0, G_OPTION_ARG_STRING, &args->steps,
      "Steps of the sampler (default: as the model recommends, else 50, with ddpm 250)", "N" },
    { "sampler", 0, 0, G_OPTION_ARG_STRING, &args->sampler,
      "How noise becomes a picture, one of the samplers above (default: as the model recommends, else what "
      "its scheduler is)",
      "NAME" },
    { "spacing", 0, 0, G_OPTION_ARG_STRING, &args->spacing,
      "Which of the model's timesteps the steps are: leading, trailing or linspace (default: auto, as its "
      "scheduler says)",
      "NAME" },
    { "sigmas", 0, 0, G_OPTION_ARG_STRING, &args->sigmas,
      "Noise levels of the steps: plain, those of timesteps; karras or exponential, not with ddpm, ddim "
      "and pndm (default: auto, as its scheduler says)",
      "NAME" },
    { "eta", 0, 0, G_OPTION_ARG_STRING, &args->eta, "Noise in the steps of ddim, from 0 to 1 (default: 0)",
      "X" },
    { "label", 0, 0, G_OPTION_ARG_STRING, &args->label,
      "Kind of picture: one of the labels that ddpm info tells; any, drawn for each picture; or none (default: "
      "any for new pictures, else none)",
      "NAME" },
    { "guidance", 0, 0, G_OPTION_ARG_STRING, &args->guidance,
      "How much the label counts: 1 as it is, 2 or 3 clearer, in twice the time (default: 1)", "X" },
    { "sizing", 0, 0, G_OPTION_ARG_STRING, &args->sizing,
      "What the model sees of pictures of other sizes than its own: direct, all at once; windows, "
      "overlapping parts; fit, the picture scaled; auto (default: auto)",
      "NAME" },
    { "seamless", 0, 0, G_OPTION_ARG_STRING, &args->seamless,
      "Make pictures that can be laid like tiles, side by side (x), one above the other (y) or both "
      "(default: none)",
      "AXES" },
    { "precision", 0, 0, G_OPTION_ARG_STRING, &args->precision,
      "f32, or bf16 where the processor has it: faster, nearly the same pictures (default: f32)", "NAME" },
    { "batch", 0, 0, G_OPTION_ARG_STRING, &args->batch, "Pictures made at once (default: by their size)",
      "N" },
    { "threads", 0, 0, G_OPTION_ARG_STRING, &args->threads,
      "Threads to use (default: as many as there are cores)", "N" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GArray) entries = g_array_new (TRUE, FALSE, sizeof (GOptionEntry));
  g_autoptr (GString) text = g_string_new (summary);

  g_string_append (text, "\n\nSamplers:");
  for (guint kind = 0; kind < DDPM_SAMPLER_N_KINDS; kind++)
    g_string_append_printf (text, "\n  %-16s %s", ddpm_sampler_kind_get_name (kind),
                            ddpm_sampler_kind_get_description (kind));
  for (const GOptionEntry *entry = own; entry->long_name != NULL; entry++)
    g_array_append_val (entries, *entry);
  g_array_append_vals (entries, common, G_N_ELEMENTS (common) - 1);
  return ddpm_options_parse (argc, argv, (const GOptionEntry *) (gpointer) entries->data, operand_names,
                             usage, text->str, operands, error);
}

/* What can be checked without the model, so that a wrong word is told at once. */
static gboolean
check_args (const DdpmPictureArgs *args, DdpmSampleOptions *options, DdpmOutput *output, GError **error)
{
  double strength = 100 * options->strength, ladder_to = 100 * options->ladder_to;
  double shared = 100 * options->shared;
  guint sampler = options->sampler, precision = options->precision, method = options->interpolation;
  guint sizing = options->sizing, seamless = options->seamless;

  if (!ddpm_option_get_uint ("-n", args->count, 1, DDPM_MAX_COUNT, &options->count, error)
      || !ddpm_option_get_uint ("--columns", args->columns, 1, DDPM_MAX_COUNT, &output->columns, error)
      || !ddpm_option_get_uint ("--seed", args->seed, 0, DDPM_MAX_SEED, &options->seed, error)
      || !ddpm_option_get_uint ("--steps", args->steps, 1, 1000000, &options->n_steps, error)
      || !ddpm_option_get_choice ("--sampler", args->sampler, ddpm_sampler_get_names (), &sampler, error)
      || !ddpm_option_get_choice ("--spacing", args->spacing, ddpm_sampler_spacing_names, &options->spacing,
                                  error)
      || !ddpm_option_get_choice ("--sigmas", args->sigmas, ddpm_sampler_sigmas_names, &options->sigmas,
                                  error)
      || !ddpm_option_get_double ("--eta", args->eta, 0, 1, &options->eta, error)
      || !ddpm_option_get_double ("--guidance", args->guidance, 0, DDPM_MAX_GUIDANCE, &options->guidance,
                                  error)
      || !ddpm_option_get_choice ("--sizing", args->sizing, ddpm_sizing_names, &sizing, error)
      || !ddpm_option_get_choice ("--seamless", args->seamless, ddpm_seamless_names, &seamless, error)
      || !ddpm_option_get_precision ("--precision", args->precision, &precision, error)
      || !ddpm_option_get_uint ("--batch", args->batch, 1, DDPM_MAX_COUNT, &options->batch, error)
      || !ddpm_option_get_uint ("--threads", args->threads, 1, 1024, &options->n_threads, error)
      || !ddpm_option_get_size ("--size", args->size, &options->width, &options->height, error)
      || !ddpm_option_get_double ("--strength", args->strength, 0, 100, &strength, error)
      || !ddpm_option_get_double ("--ladder-to", args->ladder_to, 0, 100, &ladder_to, error)
      || !ddpm_option_get_double ("--shared", args->shared, 0, 100, &shared, error)
      || !ddpm_option_get_choice ("--method", args->method, ddpm_interpolation_names, &method, error)
      || !ddpm_option_get_uint ("--resamplings", args->resamplings, 1, DDPM_MAX_RESAMPLINGS,
                                &options->resamplings, error))
    return FALSE;
  if (args->sampler != NULL)
    ddpm_sampler_kind_from_name (args->sampler, &options->sampler);
  options->precision = precision;
  options->sizing = sizing;
  options->seamless = seamless;
  options->strength = strength / 100;
  options->ladder_to = ladder_to / 100;
  options->shared = shared / 100;
  options->interpolation = method;
  output->is_grid = args->grid || args->columns != NULL;
  return TRUE;
}

#define LONG_SECONDS 5

/* What a longer run will take, and whether its steps are a bad choice. */
static void
tell_beforehand (DdpmSampleJob *job)
{
  guint first;
  const double seconds = ddpm_sample_job_estimate_seconds (job);
  g_autofree char *bytes = ddpm_format_bytes ((double) ddpm_sample_job_predict_bytes (job));
  g_autofree char *about = ddpm_format_about (seconds);

  if (seconds >= LONG_SECONDS)
    fprintf (stderr, "this takes about %s and up to %s of memory\n", about, bytes);
  if (ddpm_sample_job_begins_late (job, &first))
    fprintf (
      stderr,
      "these steps begin at timestep %u, which is not yet all noise, so that pictures may come out pale; "
      "--spacing trailing begins at the last one\n",
      first);
}

/* Runs the job and writes what it finished, all of it or, after Ctrl-C, the pictures that were done by then.
 */
static int
run_job (DdpmSampleJob *job, const DdpmOutput *output, guint32 seed, GError **error)
{
  g_autoptr (DdpmSignals) signals = ddpm_signals_new ("stopping; pictures that are finished will be written");
  g_autoptr (GError) local_error = NULL;
  g_autofree char *written = NULL;
  DdpmProgressLine line;
  guint n_images;

  tell_beforehand (job);
  ddpm_progress_line_init (&line);
  gboolean finished = ddpm_sample_job_run (job, ddpm_progress_line_show, &line,
                                           ddpm_signals_get_cancellable (signals), &local_error);
  ddpm_progress_line_clear (&line);
  if (!finished && !g_error_matches (local_error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_propagate_error (error, g_steal_pointer (&local_error));
      return 1;
    }
  ddpm_sample_job_get_images (job, &n_images);
  if (n_images > 0 && !ddpm_output_write (output, job, seed, &written, error))
    return 1;
  if (written != NULL)
    printf ("%s\n", written);
  if (ddpm_sample_job_get_inversion_error (job, 0) > 0)
    fprintf (stderr,
             "the first picture comes back from its latent within %.2f of 255, the second within %.2f\n",
             ddpm_sample_job_get_inversion_error (job, 0), ddpm_sample_job_get_inversion_error (job, 1));
  if (finished)
    return 0;
  fprintf (stderr, "ddpm: stopped; %u picture%s written\n", n_images, n_images == 1 ? " was" : "s were");
  return ddpm_signals_get_status (signals);
}

typedef struct
{
  DdpmImage *images[2], *mask; /* NULL where there is none */
} Inputs;

static void
inputs_clear (Inputs *inputs)
{
  g_clear_pointer (&inputs->images[0], ddpm_image_free);
  g_clear_pointer (&inputs->images[1], ddpm_image_free);
  g_clear_pointer (&inputs->mask, ddpm_image_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Inputs, inputs_clear)

/* How white a picture is: what is transparent in it is not. */
static DdpmImage *
load_mask (const char *path, GError **error)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (DdpmImage) image = ddpm_image_load (file, error);
  const guint n = image != NULL ? image->n_channels : 0;

  if (image == NULL)
    return NULL;
  for (gsize i = 0; n % 2 == 0 && i < (gsize) image->width * image->height; i++)
    {
      float *pixel = image->pixels + i * n;

      for (guint c = 0; c + 1 < n; c++)
        pixel[c] *= pixel[n - 1];
      pixel[n - 1] = 1;
    }
  return ddpm_image_convert (image, 1);
}

static gboolean
load_inputs (Inputs *inputs, const DdpmPictureArgs *args, char **paths, GError **error)
{
  for (guint i = 0; paths[i] != NULL; i++)
    {
      g_autoptr (GFile) file = g_file_new_for_path (paths[i]);

      inputs->images[i] = ddpm_image_load (file, error);
      if (inputs->images[i] == NULL)
        return FALSE;
    }
  if (args->mask != NULL)
    inputs->mask = load_mask (args->mask, error);
  return args->mask == NULL || inputs->mask != NULL;
}

/* The job takes one that can be undone where the model recommends another; who asks for one gets that. */
static gboolean
check_latent (const DdpmPictureArgs *args, const DdpmSampleOptions *options, const DdpmModel *model,
              GError **error)
{
  const DdpmSamplerOptions sampler_options = {
    .kind = options->sampler,
    .n_steps = options->n_steps,
    .spacing = options->spacing,
    .sigmas = options->sigmas,
    .eta = options->eta,
  };
  g_autoptr (DdpmSampler) sampler = NULL;

  if (options->task != DDPM_TASK_INTERPOLATE || options->interpolation != DDPM_INTERPOLATION_LATENT
      || (args->sampler == NULL && args->eta == NULL))
    return TRUE;
  sampler = ddpm_sampler_new (&sampler_options, &model->scheduler, error);
  return sampler != NULL
         && (ddpm_sampler_get_order (sampler) > 0 || ddpm_sampler_check_inversion (sampler, 0, error));
}

int
ddpm_pictures_make (const DdpmPictureArgs *args, DdpmSampleTask task, guint default_count, char **operands,
                    GError **error)
{
  g_auto (DdpmOutput) output = { 0 };
  DdpmSampleOptions options = { .ladder_to = -1 };
  g_auto (Inputs) inputs = { 0 };

  if (!ddpm_option_require ("-o", args->output, error) || !check_args (args, &options, &output, error))
    return 2;
  g_autoptr (GFile) folder = ddpm_model_find (operands[0], NULL, error);
  if (folder == NULL)
    return 1;
  g_autoptr (DdpmModel) model = ddpm_model_open_header (folder, error);
  if (model == NULL)
    return 1;

  ddpm_sample_options_init (&options, model);
  options.task = task;
  options.count = default_count;
  options.label = args->label;
  if (options.label == NULL && (task == DDPM_TASK_GENERATE || task == DDPM_TASK_PROGRESSIVE))
    options.label = DDPM_LABEL_ANY;
  if (!check_args (args, &options, &output, error))
    return 2;
  if ((task == DDPM_TASK_INTERPOLATE || task == DDPM_TASK_PROGRESSIVE || args->ladder_to != NULL)
      && output.columns == 0)
    output.columns = options.count; /* they are a sequence */
  if (!check_latent (args, &options, model, error))
    return 2;
  if (!load_inputs (&inputs, args, operands + 1, error))
    return 1;
  options.inputs[0] = inputs.images[0];
  options.inputs[1] = inputs.images[1];
  options.mask = inputs.mask;

  g_autoptr (DdpmSampleJob) job = ddpm_sample_job_new (model, &options, error);
  if (job == NULL || !ddpm_output_init (&output, args->output, error))
    return 1;
  return run_job (job, &output, options.seed, error);
}
