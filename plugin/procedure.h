/* What the three procedures have in common, and the table that tells them apart. */
#pragma once

#include "plugin/layers.h"

G_BEGIN_DECLS

/* What a procedure works on. */
typedef struct
{
  DdpmImage *inputs[2]; /* as in DdpmSampleOptions, owned */
  DdpmPlace place;      /* where the pictures go */
} DdpmSources;

typedef struct
{
  const char *name;       /* in GIMP's procedure database */
  const char *menu_label; /* these are marked for translation, and translated where they are used */
  const char *title;      /* of the dialog */
  const char *ok_label;
  const char *blurb, *help;
  GimpProcedureSensitivityMask sensitivity;
  DdpmSampleTask task;

  /* Checks the image (NULL: none is open) and its drawables (NULL-terminated, or NULL), and fills in the
   * sources, empty before. Changes nothing in the image. */
  gboolean (*collect) (GimpImage *image, GimpDrawable **drawables, DdpmSources *sources, GError **error);
} DdpmProcedure;

extern const DdpmProcedure ddpm_procedure_generate;
extern const DdpmProcedure ddpm_procedure_vary;
extern const DdpmProcedure ddpm_procedure_interpolate;

GimpProcedure *ddpm_procedure_create (GimpPlugIn *plug_in, const DdpmProcedure *info);

G_END_DECLS
