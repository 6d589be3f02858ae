/* ddpm fill: a part of a picture is made anew so that it fits its surroundings (Lugmayr et al. 2022,
 * "RePaint"). */
#include "ui/cli/cli.h"
#include "ui/cli/pictures.h"

int
ddpm_command_fill (const char *program, int argc, char **argv, GError **error)
{
  g_auto (DdpmPictureArgs) args = { 0 };
  g_auto (GStrv) operands = NULL;
  const GOptionEntry entries[] = {
    { "mask", 0, 0, G_OPTION_ARG_FILENAME, &args.mask,
      "Picture of the same size, white where PICTURE is made anew, grey where it is blended (default: "
      "what is transparent in PICTURE is made anew)",
      "MASK" },
    { "count", 'n', 0, G_OPTION_ARG_STRING, &args.count, "Fills to choose from (default: 1)", "N" },
    { "resamplings", 0, 0, G_OPTION_ARG_STRING, &args.resamplings,
      "How often the steps are gone through, back and forth: more fit better and take longer (default: 5)",
      "N" },
    G_OPTION_ENTRY_NULL,
  };

  if (!ddpm_picture_args_parse (
        &args, argc, argv, entries, "MODEL PICTURE", "MODEL PICTURE --mask MASK -o OUT",
        "Makes a part of a picture anew, so that it fits what lies around it; the rest stays as it is.\n"
        "MODEL is a folder, or the name of an installed model. OUT.png holds one picture, or all of\n"
        "them side by side; in any other OUT, a folder, each gets a file.",
        &operands, error))
    return 2;
  return ddpm_pictures_make (&args, DDPM_TASK_FILL, 1, operands, error);
}
