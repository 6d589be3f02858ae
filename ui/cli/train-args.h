/* The options of ddpm train as words, and as the library's options. */
#pragma once

#include "core/ddpm.h"

G_BEGIN_DECLS

#define DDPM_TRAIN_MAX_ARGS 64

typedef struct
{
  char *folder;                           /* NULL: none given */
  char *texts[DDPM_TRAIN_MAX_ARGS];       /* what was given to each option; NULL: the option was not */
  gboolean switches[DDPM_TRAIN_MAX_ARGS]; /* options that take no text */
} DdpmTrainArgs;

/* From the command line. Errors: G_OPTION_ERROR. */
gboolean ddpm_train_args_parse (DdpmTrainArgs *args, int argc, char **argv, GError **error);
void ddpm_train_args_clear (DdpmTrainArgs *args);

/* An option that is there, by its long name: its text or NULL; whether a switch was given. */
const char *ddpm_train_args_get (const DdpmTrainArgs *args, const char *name);
gboolean ddpm_train_args_has (const DdpmTrainArgs *args, const char *name);

/* options: initialised, everything open. Errors: DDPM_ERROR_USAGE naming the option; DDPM_ERROR_FILE for a
 * model of --from that is not there. */
gboolean ddpm_train_args_read (const DdpmTrainArgs *args, DdpmTrainOptions *options, GError **error);

/* "v, variance learned": by the words of the options. Caller frees. */
char *ddpm_train_args_describe_prediction (const DdpmTrainOptions *options);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmTrainArgs, ddpm_train_args_clear)

G_END_DECLS
