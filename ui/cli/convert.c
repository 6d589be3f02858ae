/* ddpm convert: a model of any layout as the folder that diffusers and this program write today. */
#include "ui/cli/cli.h"

#include <stdio.h>

#include "ui/cli/options.h"
#include "ui/cli/progress.h"

typedef struct
{
  char *output, *dtype;
  gboolean ema;
} ConvertArgs;

static void
convert_args_clear (ConvertArgs *args)
{
  g_free (args->output);
  g_free (args->dtype);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ConvertArgs, convert_args_clear)

static const char *const dtype_names[] = { "float16", "bfloat16", "float32", NULL };
static const DdpmDtype dtypes[] = { DDPM_DTYPE_F16, DDPM_DTYPE_BF16, DDPM_DTYPE_F32 };

static gboolean
parse_args (ConvertArgs *args, int argc, char **argv, char ***operands, GError **error)
{
  const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &args->output, "Folder to write, which must not be there yet",
      "FOLDER" },
    { "dtype", 0, 0, G_OPTION_ARG_STRING, &args->dtype,
      "How weights are stored: float16, bfloat16 or float32 (default: as they are)", "NAME" },
    { "ema", 0, 0, G_OPTION_ARG_NONE, &args->ema,
      "Take the averaged weights in the folder unet_ema, which train_unconditional.py writes", NULL },
    { NULL },
  };

  return ddpm_options_parse (
           argc, argv, entries, "MODEL", "MODEL -o FOLDER",
           "Writes a model once more, as one folder for DDPMPipeline.from_pretrained and for this program:\n"
           "whatever its layout, the names of its tensors, and into how many files it is split. MODEL is a\n"
           "folder, or the name of an installed model.",
           operands, error)
         && ddpm_option_require ("-o", args->output, error);
}

/* The place of a type in the table; what is stored otherwise becomes float32. */
static guint
find_dtype (DdpmDtype dtype)
{
  guint i = 0;

  while (i + 1 < G_N_ELEMENTS (dtypes) && dtypes[i] != dtype)
    i++;
  return i;
}

static void
report (const DdpmModel *model, const char *output, guint dtype)
{
  const gsize n = ddpm_unet_get_n_weights (model->unet);
  g_autofree char *bytes = ddpm_format_bytes ((double) n * (dtypes[dtype] == DDPM_DTYPE_F32 ? 4 : 2));

  printf ("written      %s: %.2f M parameters as %s, %s\n", output, (double) n / 1e6, dtype_names[dtype],
          bytes);
  if (!model->has_scheduler)
    printf ("scheduler    %s has none; the usual one is written\n", model->name);
  if (model->scheduler.prediction_type == DDPM_PREDICT_MU)
    printf ("predicts     mu, which only this program makes pictures with\n");
}

int
ddpm_command_convert (const char *program, int argc, char **argv, GError **error)
{
  g_auto (ConvertArgs) args = { 0 };
  g_auto (GStrv) operands = NULL;
  g_autoptr (GFile) folder = NULL, output = NULL;
  g_autoptr (DdpmModel) model = NULL;
  guint dtype = 0;

  if (!parse_args (&args, argc, argv, &operands, error)
      || !ddpm_option_get_choice ("--dtype", args.dtype, dtype_names, &dtype, error))
    return 2;
  folder = ddpm_model_find (operands[0], NULL, error);
  if (folder == NULL)
    return 1;
  model = args.ema ? ddpm_model_open_ema (folder, error) : ddpm_model_open (folder, error);
  if (model == NULL)
    return 1;
  if (args.dtype == NULL)
    dtype = find_dtype (model->dtype);
  output = g_file_new_for_path (args.output);
  if (!ddpm_model_convert (model, output, dtypes[dtype], error))
    return 1;
  report (model, args.output, dtype);
  return 0;
}
