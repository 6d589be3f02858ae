/* Where made pictures go: one PNG, or a folder of them. */
#pragma once

#include "core/ddpm.h"

G_BEGIN_DECLS

typedef struct
{
  char *path; /* a file, or a folder where is_folder */
  gboolean is_folder;
  gboolean is_grid; /* all pictures as one, side by side; a single file holds more than one picture only so */
  guint columns;    /* of the grid; 0: about square */
} DdpmOutput;

/* Sets path and is_folder of an output that is all 0 but for the grid's fields. What ends in .png is a file,
 * everything else a folder, made when missing; an existing folder is a folder whatever its name. Checks that
 * it can be written before the long work starts. Errors: DDPM_ERROR_USAGE (the name of another kind of file),
 * DDPM_ERROR_FILE. */
gboolean ddpm_output_init (DdpmOutput *output, const char *path, GError **error);
void ddpm_output_clear (DdpmOutput *output);

/* Writes what the job finished: PATH, or PATH/seed-S-0001.png … (a grid: PATH/seed-S-grid.png), each with the
 * job's settings as JSON in a text chunk of the keyword "ddpm". *written (caller frees) says where. Errors:
 * DDPM_ERROR_FILE. */
gboolean ddpm_output_write (const DdpmOutput *output, DdpmSampleJob *job, guint32 seed, char **written,
                            GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmOutput, ddpm_output_clear)

G_END_DECLS
