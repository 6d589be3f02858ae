/* ddpm interpolate: two pictures, noised alike, mixed and denoised (Ho et al. 2020, section 4.4). */
#include "ui/cli/cli.h"
#include "ui/cli/pictures.h"

#define DEFAULT_COUNT 5

int
ddpm_command_interpolate (const char *program, int argc, char **argv, GError **error)
{
  g_auto (DdpmPictureArgs) args = { 0 };
  g_auto (GStrv) operands = NULL;
  const GOptionEntry entries[] = {
    { "count", 'n', 0, G_OPTION_ARG_STRING, &args.count, "Pictures between the two (default: 5)", "N" },
    { "strength", 0, 0, G_OPTION_ARG_STRING, &args.strength,
      "How freely the model may invent, in per cent: 0 fades from one to the other (default: 50)",
      "PERCENT" },
    { "method", 0, 0, G_OPTION_ARG_STRING, &args.method,
      "noise: both are noised alike and mixed; latent: both are led back to what ddim would make them of "
      "(default: noise)",
      "NAME" },
    G_OPTION_ENTRY_NULL,
  };

  if (!ddpm_picture_args_parse (
        &args, argc, argv, entries, "MODEL FIRST SECOND", "MODEL FIRST SECOND -o OUT",
        "Makes the pictures between two pictures, in order, the two not repeated, at the size "
        "of FIRST.\nMODEL is a folder, or the name of an installed model. OUT.png holds all of "
        "them side by side; in any\nother OUT, a folder, each gets a file.",
        &operands, error))
    return 2;
  return ddpm_pictures_make (&args, DDPM_TASK_INTERPOLATE, DEFAULT_COUNT, operands, error);
}
