/* ddpm vary: noise goes over a picture up to a timestep, and the model takes it off again (Meng et al. 2022,
 * "SDEdit"). */
#include "ui/cli/cli.h"
#include "ui/cli/pictures.h"

int
ddpm_command_vary (const char *program, int argc, char **argv, GError **error)
{
  g_auto (DdpmPictureArgs) args = { 0 };
  g_auto (GStrv) operands = NULL;
  const GOptionEntry entries[] = {
    { "count", 'n', 0, G_OPTION_ARG_STRING, &args.count, "Variations to make (default: 1)", "N" },
    { "strength", 0, 0, G_OPTION_ARG_STRING, &args.strength,
      "How far to go from the picture, in per cent: 0 returns it, 100 ignores it (default: 50)", "PERCENT" },
    { "ladder-to", 0, 0, G_OPTION_ARG_STRING, &args.ladder_to,
      "Spread the variations evenly from --strength to this one, in per cent", "PERCENT" },
    G_OPTION_ENTRY_NULL,
  };

  if (!ddpm_picture_args_parse (
        &args, argc, argv, entries, "MODEL PICTURE", "MODEL PICTURE -o OUT",
        "Makes variations of a picture, at its own size. MODEL is a folder, or the name of an "
        "installed model.\nOUT.png holds one variation, or all of them side by side; in any "
        "other OUT, a folder, each gets a file.",
        &operands, error))
    return 2;
  return ddpm_pictures_make (&args, DDPM_TASK_VARY, 1, operands, error);
}
