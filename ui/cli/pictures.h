/* What `ddpm sample`, `vary`, `interpolate`, `fill` and `progressive` share: their common options, and the
 * way from options to PNG files. */
#pragma once

#include "core/ddpm.h"

G_BEGIN_DECLS

/* The options as given; NULL: not given. */
typedef struct
{
  char *output, *count, *columns, *seed, *steps, *sampler, *spacing, *sigmas, *eta, *precision, *batch,
    *threads, *label, *guidance, *sizing, *seamless;
  char *size;        /* sample, progressive */
  char *shared;      /* sample */
  char *strength;    /* vary, interpolate: per cent */
  char *ladder_to;   /* vary: per cent */
  char *method;      /* interpolate */
  char *mask;        /* fill: a file */
  char *resamplings; /* fill */
  gboolean grid;
} DdpmPictureArgs;

void ddpm_picture_args_clear (DdpmPictureArgs *args);

/* Parses argv with the common options and `own` ones (NULL-terminated); operands as in ddpm_options_parse. */
gboolean ddpm_picture_args_parse (DdpmPictureArgs *args, int argc, char **argv, const GOptionEntry *own,
                                  const char *operand_names, const char *usage, const char *summary,
                                  char ***operands, GError **error);

/* operands[0] is the model, the others are the pictures that the task starts from. Makes default_count
 * pictures where -n was not given. The result is the exit status, as in DdpmCommandFunc. */
int ddpm_pictures_make (const DdpmPictureArgs *args, DdpmSampleTask task, guint default_count,
                        char **operands, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmPictureArgs, ddpm_picture_args_clear)

G_END_DECLS
