/* ddpm sample: new pictures out of noise. */
#include "ui/cli/cli.h"
#include "ui/cli/pictures.h"

int
ddpm_command_sample (const char *program, int argc, char **argv, GError **error)
{
  g_auto (DdpmPictureArgs) args = { 0 };
  g_auto (GStrv) operands = NULL;
  const GOptionEntry entries[] = {
    { "count", 'n', 0, G_OPTION_ARG_STRING, &args.count, "Pictures to make (default: 1)", "N" },
    { "size", 0, 0, G_OPTION_ARG_STRING, &args.size,
      "Pixels of the pictures, any size (default: the model's own)", "N|WxH" },
    { "shared", 0, 0, G_OPTION_ARG_STRING, &args.shared,
      "Noise that all pictures have in common: from the first step (100) down to this one, in per cent, 0 to "
      "100; the lower, the more alike they are (default: 100, nothing; takes --sampler ddpm or --eta 1)",
      "PERCENT" },
    G_OPTION_ENTRY_NULL,
  };

  if (!ddpm_picture_args_parse (
        &args, argc, argv, entries, "MODEL", "MODEL -o OUT",
        "Makes new pictures. MODEL is a folder, or the name of an installed model.\n"
        "OUT.png holds one picture, or all of them side by side; in any other OUT, a folder, "
        "each gets\na file: seed-S-0001.png, seed-S-0002.png, …",
        &operands, error))
    return 2;
  return ddpm_pictures_make (&args, DDPM_TASK_GENERATE, 1, operands, error);
}
