#include "ui/cli/train-args.h"

#include <string.h>

#include "ui/cli/options.h"

/* arg_data is filled in where they are parsed. An option that has a field in the library's table needs no
 * more than its line here. */
static const GOptionEntry entries[] = {
  { "output", 'o', 0, G_OPTION_ARG_FILENAME, NULL, "Folder of the model to write", "MODEL" },
  { "size", 0, 0, G_OPTION_ARG_STRING, NULL,
    "Pixels; other pictures are scaled and cropped (default: the pictures' own size, 64 at most)", "N|WxH" },
  { "channels", 0, 0, G_OPTION_ARG_STRING, NULL,
    "Widths of the network, from the finest level to the coarsest (default: by the size)", "LIST" },
  { "layers", 0, 0, G_OPTION_ARG_STRING, NULL, "ResNet blocks a level (default: 1)", "N" },
  { "attention", 0, 0, G_OPTION_ARG_STRING, NULL,
    "Heights in pixels that get attention; none: not in the middle either, good for textures of any size "
    "(default: the level of 9 to 16)",
    "LIST|none" },
  { "batch", 0, 0, G_OPTION_ARG_STRING, NULL, "Pictures a step (default: 32, fewer of large pictures)", "N" },
  { "accumulate", 0, 0, G_OPTION_ARG_STRING, NULL,
    "Make a step in N passes, each on a part of the batch: less memory, the same model up to rounding "
    "(default: 1, or what memory makes necessary)",
    "N" },
  { "precision", 0, 0, G_OPTION_ARG_STRING, NULL,
    "f32, or bf16 where the processor has it: faster, with weights and sums in f32 (default: f32)", "NAME" },
  { "steps", 0, 0, G_OPTION_ARG_STRING, NULL,
    "Steps to train in all (default: by the number of pictures, and no more than take three hours)", "N" },
  { "hours", 0, 0, G_OPTION_ARG_STRING, NULL,
    "Instead of --steps: as many as this machine makes in X hours, measured before it begins", "X" },
  { "lr", 0, 0, G_OPTION_ARG_STRING, NULL,
    "Learning rate (default: 0.0003; less for a large network, and with --from)", "X" },
  { "warmup", 0, 0, G_OPTION_ARG_STRING, NULL,
    "Steps in which the learning rate rises to its value (default: 500)", "N" },
  { "ema", 0, 0, G_OPTION_ARG_STRING, NULL,
    "Largest decay of the moving average of the weights (default: 0.9999)", "X" },
  { "dropout", 0, 0, G_OPTION_ARG_STRING, NULL, "Share of values dropped at random (default: 0)", "X" },
  { "crop", 0, 0, G_OPTION_ARG_STRING, NULL,
    "Train on parts, of --size, at random places; pictures are scaled down to N pixels on their shorter "
    "side before; 0: on the middle of each (default: 0, but for a few photographs)",
    "N" },
  { "tileable", 0, 0, G_OPTION_ARG_NONE, NULL,
    "The opposite sides of the pictures meet, and so shall those of the model's", NULL },
  { "flip", 0, 0, G_OPTION_ARG_NONE, NULL,
    "Mirror pictures left to right at random (default: where there are fewer than 40)", NULL },
  { "no-flip", 0, 0, G_OPTION_ARG_NONE, NULL, "Do not, however few they are", NULL },
  { "flip-vertical", 0, 0, G_OPTION_ARG_NONE, NULL, "Mirror pictures upside down at random (default: off)",
    NULL },
  { "rotate", 0, 0, G_OPTION_ARG_NONE, NULL, "Turn pictures by quarter turns at random (default: off)",
    NULL },
  { "rotate-degrees", 0, 0, G_OPTION_ARG_STRING, NULL,
    "Turn pictures at random by up to X degrees to both sides (default: 0)", "X" },
  { "scale-jitter", 0, 0, G_OPTION_ARG_STRING, NULL,
    "Make pictures larger or smaller at random, by up to a factor of 1 + X (default: 0)", "X" },
  { "colour-jitter", 0, 0, G_OPTION_ARG_STRING, NULL,
    "Change brightness, contrast, saturation and hue at random; 0.2 is little, 1 is much (default: 0)", "X" },
  { "cache-memory", 0, 0, G_OPTION_ARG_STRING, NULL,
    "MB of memory for pictures; what it does not hold is in a file in the cache folder meanwhile "
    "(default: a quarter of what is free)",
    "N" },
  { "quick-scan", 0, 0, G_OPTION_ARG_NONE, NULL,
    "Look only at the headers of pictures before training, as with more than 1000 megapixels: it begins "
    "sooner, and one that cannot be read is found on the way (default: off)",
    NULL },
  { "labels", 0, 0, G_OPTION_ARG_NONE, NULL,
    "Folders in FOLDER are labels, so that each kind of picture can be asked for with ddpm sample --label",
    NULL },
  { "min-label-pictures", 0, 0, G_OPTION_ARG_STRING, NULL,
    "Pictures a folder needs to be a label; those of others have none (default: 10)", "N" },
  { "label-dropout", 0, 0, G_OPTION_ARG_STRING, NULL,
    "Share of pictures seen without their label, for --guidance (default: 0.1)", "X" },
  { "held-out", 0, 0, G_OPTION_ARG_STRING, NULL,
    "One picture in N is not trained on but measured, 0 for none (default: 20, none for less than 40 "
    "pictures)",
    "N" },
  { "schedule", 0, 0, G_OPTION_ARG_STRING, NULL,
    "Noise schedule: linear, scaled_linear, squaredcos_cap_v2 or sigmoid (default: linear)", "NAME" },
  { "predict", 0, 0, G_OPTION_ARG_STRING, NULL,
    "What the network says: epsilon, x0, v or mu, which only this program's samplers know (default: "
    "epsilon)",
    "NAME" },
  { "loss", 0, 0, G_OPTION_ARG_STRING, NULL,
    "simple, vlb, hybrid or min-snr (default: simple, or hybrid with a learned variance)", "NAME" },
  { "variance", 0, 0, G_OPTION_ARG_STRING, NULL,
    "Of a step back: fixed-small, fixed-large or learned (default: fixed-small)", "NAME" },
  { "pixels", 0, 0, G_OPTION_ARG_STRING, NULL,
    "grey, rgb, rgba, or auto by what the pictures have (default: auto)", "KIND" },
  { "seed", 0, 0, G_OPTION_ARG_STRING, NULL, "The random numbers' seed (default: 0)", "N" },
  { "threads", 0, 0, G_OPTION_ARG_STRING, NULL, "Threads to use (default: as many as there are cores)", "N" },
  { "save-every", 0, 0, G_OPTION_ARG_STRING, NULL,
    "Steps from checkpoint to checkpoint, 0 for about five minutes (default: 0)", "N" },
  { "sample-every", 0, 0, G_OPTION_ARG_STRING, NULL,
    "Steps from one grid of samples to the next, 0 for none (default: about four minutes)", "N" },
  { "recompute", 0, 0, G_OPTION_ARG_NONE, NULL,
    "Compute values again instead of keeping them: less memory, more time, the same model (default: "
    "where memory would not do otherwise)",
    NULL },
  { "float32", 0, 0, G_OPTION_ARG_NONE, NULL, "Write the weights as float32 (default: float16)", NULL },
  { "dry-run", 0, 0, G_OPTION_ARG_NONE, NULL,
    "Only look at the pictures and tell what would be done; nothing is written", NULL },
  { "resume", 0, 0, G_OPTION_ARG_NONE, NULL,
    "Go on where the training of MODEL stopped; of the options, steps, threads, save-every, "
    "sample-every, recompute and cache-memory may change",
    NULL },
  { "from", 0, 0, G_OPTION_ARG_FILENAME, NULL,
    "Begin with the weights of this model (default: random weights)", "MODEL" },
};

G_STATIC_ASSERT (G_N_ELEMENTS (entries) <= DDPM_TRAIN_MAX_ARGS);

void
ddpm_train_args_clear (DdpmTrainArgs *args)
{
  for (guint i = 0; i < G_N_ELEMENTS (entries); i++)
    g_clear_pointer (&args->texts[i], g_free);
  g_clear_pointer (&args->folder, g_free);
}

/* The place of an option in the table, which has it. */
static guint
find_entry (const char *name)
{
  guint i = 0;

  while (strcmp (entries[i].long_name, name) != 0)
    i++;
  return i;
}

const char *
ddpm_train_args_get (const DdpmTrainArgs *args, const char *name)
{
  return args->texts[find_entry (name)];
}

gboolean
ddpm_train_args_has (const DdpmTrainArgs *args, const char *name)
{
  return args->switches[find_entry (name)];
}

gboolean
ddpm_train_args_parse (DdpmTrainArgs *args, int argc, char **argv, GError **error)
{
  GOptionEntry own[G_N_ELEMENTS (entries) + 1] = { 0 };
  g_auto (GStrv) operands = NULL;

  memcpy (own, entries, sizeof entries);
  for (guint i = 0; i < G_N_ELEMENTS (entries); i++)
    own[i].arg_data = own[i].arg == G_OPTION_ARG_NONE ? (gpointer) &args->switches[i] : &args->texts[i];
  if (!ddpm_options_parse (
        argc, argv, own, "[FOLDER]", "FOLDER -o MODEL",
        "Trains a model on all pictures in a folder and its subfolders. Ctrl-C writes a checkpoint "
        "and\nsays how to go on. MODEL also gets report.html, train.csv and samples/.",
        &operands, error)
      || !ddpm_option_require ("-o", ddpm_train_args_get (args, "output"), error))
    return FALSE;
  if (operands[0] == NULL && !ddpm_train_args_has (args, "resume"))
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "FOLDER is missing");
      return FALSE;
    }
  args->folder = g_strdup (operands[0]);
  return TRUE;
}

static gboolean
read_field (DdpmTrainOptions *options, const DdpmTrainField *field, const char *text, GError **error)
{
  const char *option = field->option;
  guint number = 0;
  guint64 count = 0;
  double value = 0;

  switch (field->type)
    {
    case DDPM_FIELD_UINT:
      if (!ddpm_option_get_uint (option, text, (guint) field->least, (guint) field->most, &number, error))
        return FALSE;
      value = number;
      break;
    case DDPM_FIELD_COUNT:
      if (!ddpm_option_get_uint64 (option, text, (guint64) field->least, (guint64) field->most, &count,
                                   error))
        return FALSE;
      value = (double) count;
      break;
    case DDPM_FIELD_CHOICE:
      if (!ddpm_option_get_choice (option, text, field->names, &number, error))
        return FALSE;
      value = number;
      break;
    default:
      if (!ddpm_option_get_double (option, text, field->least, field->most, &value, error))
        return FALSE;
    }
  ddpm_train_field_set_value (options, field, value);
  return TRUE;
}

/* All options that are single values. */
static gboolean
read_fields (const DdpmTrainArgs *args, DdpmTrainOptions *options, GError **error)
{
  for (guint i = 0; i < ddpm_train_n_fields; i++)
    for (guint k = 0; k < G_N_ELEMENTS (entries); k++)
      {
        const DdpmTrainField *field = &ddpm_train_fields[i];

        if (strcmp (field->option + strlen ("--"), entries[k].long_name) != 0)
          continue;
        if (args->switches[k])
          ddpm_train_field_set_value (options, field, TRUE);
        else if (args->texts[k] != NULL && !read_field (options, field, args->texts[k], error))
          return FALSE;
      }
  return TRUE;
}

/* What a field is not enough for. */
static gboolean
read_special (const DdpmTrainArgs *args, DdpmTrainOptions *options, GError **error)
{
  if (ddpm_train_args_has (args, "no-flip"))
    {
      if (options->flip == TRUE)
        {
          g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                       "--flip and --no-flip contradict each other; leave one of them out");
          return FALSE;
        }
      options->flip = FALSE;
    }
  return ddpm_option_get_double ("--hours", ddpm_train_args_get (args, "hours"), 1e-3, 1e5, &options->hours,
                                 error);
}

static gboolean
read_shape (const DdpmTrainArgs *args, DdpmTrainOptions *options, GError **error)
{
  const char *attention = ddpm_train_args_get (args, "attention");

  if (g_strcmp0 (attention, "none") == 0)
    options->n_attention = 0;
  else if (!ddpm_option_get_list ("--attention", attention, DDPM_UNET_MAX_LEVELS, options->attention,
                                  &options->n_attention, error))
    return FALSE;
  return ddpm_option_get_size ("--size", ddpm_train_args_get (args, "size"), &options->width,
                               &options->height, error)
         && ddpm_option_get_list ("--channels", ddpm_train_args_get (args, "channels"), DDPM_UNET_MAX_LEVELS,
                                  options->channels, &options->n_channels, error)
         && ddpm_option_get_uint ("--threads", ddpm_train_args_get (args, "threads"), 1, 1024,
                                  &options->n_threads, error);
}

/* What an option's words stand for. */
typedef struct
{
  const char *word;
  guint kind;
} Kind;

#define MOST_KINDS 4

static const Kind predictions[] = { { "epsilon", DDPM_PREDICT_EPSILON },
                                    { "x0", DDPM_PREDICT_SAMPLE },
                                    { "v", DDPM_PREDICT_V },
                                    { "mu", DDPM_PREDICT_MU } };
static const Kind variances[] = { { "fixed-small", DDPM_VARIANCE_FIXED_SMALL },
                                  { "fixed-large", DDPM_VARIANCE_FIXED_LARGE },
                                  { "learned", DDPM_VARIANCE_LEARNED_RANGE } };

/* Sets *value to the kind that the option's text names in kinds[n], if it was given. */
static gboolean
read_kind (const DdpmTrainArgs *args, const char *name, const Kind *kinds, guint n, guint *value,
           GError **error)
{
  g_autofree char *option = g_strdup_printf ("--%s", name);
  const char *words[MOST_KINDS + 1] = { NULL };
  const char *text = ddpm_train_args_get (args, name);
  guint place = 0;

  for (guint i = 0; i < n; i++)
    words[i] = kinds[i].word;
  if (!ddpm_option_get_choice (option, text, words, &place, error))
    return FALSE;
  if (text != NULL)
    *value = kinds[place].kind;
  return TRUE;
}

static gboolean
read_kinds (const DdpmTrainArgs *args, DdpmTrainOptions *options, GError **error)
{
  static const char *const pixels[] = { "auto", "grey", "rgb", "rgba", NULL };
  const char *pixels_name = ddpm_train_args_get (args, "pixels");
  guint schedule = options->schedule, prediction = options->prediction, variance = options->variance, kind;

  if (!ddpm_option_get_choice ("--schedule", ddpm_train_args_get (args, "schedule"), ddpm_beta_schedule_names,
                               &schedule, error)
      || !read_kind (args, "predict", predictions, G_N_ELEMENTS (predictions), &prediction, error)
      || !read_kind (args, "variance", variances, G_N_ELEMENTS (variances), &variance, error)
      || !ddpm_option_get_choice ("--pixels", pixels_name, pixels, &kind, error))
    return FALSE;
  options->schedule = schedule;
  options->prediction = prediction;
  options->variance = variance;
  return pixels_name == NULL || ddpm_pixels_from_name (pixels_name, &options->pixels);
}

static const char *
find_word (const Kind *kinds, guint n, guint kind)
{
  for (guint i = 0; i < n; i++)
    if (kinds[i].kind == kind)
      return kinds[i].word;
  return "?"; /* a resumed run of a model that was made elsewhere */
}

char *
ddpm_train_args_describe_prediction (const DdpmTrainOptions *options)
{
  return g_strdup_printf ("%s, variance %s",
                          find_word (predictions, G_N_ELEMENTS (predictions), options->prediction),
                          find_word (variances, G_N_ELEMENTS (variances), options->variance));
}

gboolean
ddpm_train_args_read (const DdpmTrainArgs *args, DdpmTrainOptions *options, GError **error)
{
  const char *from = ddpm_train_args_get (args, "from");

  if (!read_fields (args, options, error) || !read_special (args, options, error)
      || !read_shape (args, options, error) || !read_kinds (args, options, error))
    return FALSE;
  options->resume = ddpm_train_args_has (args, "resume");
  if (ddpm_train_args_has (args, "float32"))
    options->dtype = DDPM_DTYPE_F32;
  if (args->folder != NULL)
    options->pictures = g_file_new_for_path (args->folder);
  options->output = g_file_new_for_path (ddpm_train_args_get (args, "output"));
  if (from != NULL)
    options->from = ddpm_model_find (from, NULL, error);
  return from == NULL || options->from != NULL;
}
