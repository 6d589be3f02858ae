/* `ddpm study WHAT`: experiments of the papers, one file each, with a table for people, --json for programs,
 * and -o for a picture. argv[0] is WHAT; a study that is added gets a line here and one in study.c. */
#pragma once

#include "ui/cli/cli.h"

G_BEGIN_DECLS

int ddpm_study_samplers (const char *program, int argc, char **argv, GError **error);
int ddpm_study_schedule (const char *program, int argc, char **argv, GError **error);
int ddpm_study_langevin (const char *program, int argc, char **argv, GError **error);
int ddpm_study_objective (const char *program, int argc, char **argv, GError **error);
int ddpm_study_rate (const char *program, int argc, char **argv, GError **error);

G_END_DECLS
