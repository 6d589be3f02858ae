/* ddpm progressive: what a picture looks like to the model while it comes to be (Ho et al. 2020, section
 * 4.3). */
#include "ui/cli/cli.h"
#include "ui/cli/pictures.h"

#define DEFAULT_COUNT 10

int
ddpm_command_progressive (const char *program, int argc, char **argv, GError **error)
{
  g_auto (DdpmPictureArgs) args = { 0 };
  g_auto (GStrv) operands = NULL;
  const GOptionEntry entries[] = {
    { "count", 'n', 0, G_OPTION_ARG_STRING, &args.count,
      "Pictures, evenly over the steps, the finished one included (default: 10)", "N" },
    { "size", 0, 0, G_OPTION_ARG_STRING, &args.size, "Pixels of the pictures (default: the model's own size)",
      "N|WxH" },
    G_OPTION_ENTRY_NULL,
  };

  if (!ddpm_picture_args_parse (
        &args, argc, argv, entries, "MODEL", "MODEL -o OUT",
        "Makes one new picture and shows how it comes to be: the model's estimates of it from the first\n"
        "step, out of noise, to the last, which is what ddpm sample makes. MODEL is a folder, or the name\n"
        "of an installed model. OUT.png holds all of them side by side; in any other OUT, a folder, each\n"
        "gets a file.",
        &operands, error))
    return 2;
  return ddpm_pictures_make (&args, DDPM_TASK_PROGRESSIVE, DEFAULT_COUNT, operands, error);
}
