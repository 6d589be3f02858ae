/* The `ddpm` command: what its files share. One file per subcommand, each with one function here. */
#pragma once

#include "core/ddpm.h"

G_BEGIN_DECLS

/* argv[0] is the subcommand's name, `program` what the user typed to start the command. The result is the
 * exit status where no error is set: 0, or 128 and the signal's number for work that was stopped by a signal.
 */
typedef int (*DdpmCommandFunc) (const char *program, int argc, char **argv, GError **error);

int ddpm_command_train (const char *program, int argc, char **argv, GError **error);
int ddpm_command_sample (const char *program, int argc, char **argv, GError **error);
int ddpm_command_vary (const char *program, int argc, char **argv, GError **error);
int ddpm_command_interpolate (const char *program, int argc, char **argv, GError **error);
int ddpm_command_fill (const char *program, int argc, char **argv, GError **error);
int ddpm_command_progressive (const char *program, int argc, char **argv, GError **error);
int ddpm_command_evaluate (const char *program, int argc, char **argv, GError **error);
int ddpm_command_study (const char *program, int argc, char **argv, GError **error);
int ddpm_command_info (const char *program, int argc, char **argv, GError **error);
int ddpm_command_convert (const char *program, int argc, char **argv, GError **error);
int ddpm_command_bench (const char *program, int argc, char **argv, GError **error);

G_END_DECLS
