/* The plug-in as GIMP sees it: which procedures there are. */
#include <glib/gi18n.h>
#include <libgimp/gimp.h>

#include "plugin/procedure.h"

typedef struct
{
  GimpPlugIn parent_instance;
} DdpmPlugIn;

typedef struct
{
  GimpPlugInClass parent_class;
} DdpmPlugInClass;

static GType ddpm_plug_in_get_type (void);

G_DEFINE_TYPE (DdpmPlugIn, ddpm_plug_in, GIMP_TYPE_PLUG_IN)

static const DdpmProcedure *const procedures[] = {
  &ddpm_procedure_generate, &ddpm_procedure_vary,        &ddpm_procedure_interpolate,
  &ddpm_procedure_fill,     &ddpm_procedure_progressive, &ddpm_procedure_repeat,
};

const DdpmProcedure *
ddpm_procedure_find (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (procedures); i++)
    if (g_str_equal (name, procedures[i]->name))
      return procedures[i];
  return NULL;
}

static GList *
query_procedures (GimpPlugIn *plug_in)
{
  GList *names = NULL;

  gimp_plug_in_add_menu_branch (plug_in, "<Image>/Filters", _ ("Generate with DDPM"));
  for (guint i = 0; i < G_N_ELEMENTS (procedures); i++)
    names = g_list_append (names, g_strdup (procedures[i]->name));
  return names;
}

static GimpProcedure *
create_procedure (GimpPlugIn *plug_in, const char *name)
{
  const DdpmProcedure *info = ddpm_procedure_find (name);

  if (info == &ddpm_procedure_repeat)
    return ddpm_procedure_create_repeat (plug_in);
  return info != NULL ? ddpm_procedure_create (plug_in, info) : NULL;
}

static void
ddpm_plug_in_class_init (DdpmPlugInClass *class)
{
  GimpPlugInClass *plug_in_class = GIMP_PLUG_IN_CLASS (class);

  plug_in_class->query_procedures = query_procedures;
  plug_in_class->create_procedure = create_procedure;
}

static void
ddpm_plug_in_init (DdpmPlugIn *plug_in)
{
}

GIMP_MAIN (ddpm_plug_in_get_type ())
