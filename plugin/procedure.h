/* What the procedures have in common, and the table that tells them apart. */
#pragma once

#include "plugin/sources.h"

G_BEGIN_DECLS

typedef struct
{
  const char *name;       /* in GIMP's procedure database */
  const char *menu_label; /* these are marked for translation, and translated where they are used */
  const char *title;      /* of the dialog */
  const char *ok_label;
  const char *blurb, *help;
  GimpProcedureSensitivityMask sensitivity;
  DdpmSampleTask task;

  /* Checks what was asked for and fills in the sources, of which only the image is set. Changes nothing in
   * the image. */
  gboolean (*collect) (const DdpmRequest *request, DdpmSources *sources, GError **error);
} DdpmProcedure;

extern const DdpmProcedure ddpm_procedure_generate;
extern const DdpmProcedure ddpm_procedure_vary;
extern const DdpmProcedure ddpm_procedure_interpolate;
extern const DdpmProcedure ddpm_procedure_fill;
extern const DdpmProcedure ddpm_procedure_progressive;
extern const DdpmProcedure ddpm_procedure_repeat; /* described as the others, but collects nothing */

GimpProcedure *ddpm_procedure_create (GimpPlugIn *plug_in, const DdpmProcedure *info);

/* The procedure of that name; NULL: none. */
const DdpmProcedure *ddpm_procedure_find (const char *name);

/* plug-in-ddpm-repeat: one of the others again, with the settings kept with a layer. */
GimpProcedure *ddpm_procedure_create_repeat (GimpPlugIn *plug_in);

/* Menu entry, documentation and return values; info->task and info->collect are not looked at. */
void ddpm_procedure_describe (GimpProcedure *procedure, const DdpmProcedure *info);

/* A run as GIMP asks a procedure for it, with its dialog where run_mode is interactive. */
GimpValueArray *ddpm_procedure_run (GimpProcedure *procedure, const DdpmProcedure *info, GimpRunMode run_mode,
                                    const DdpmRequest *request);

G_END_DECLS
