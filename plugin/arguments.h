/* The arguments that the three procedures share: their declaration for GIMP, and their values, read
 * and checked. */
#pragma once

#include <libgimp/gimp.h>

#include "core/ddpm.h"

G_BEGIN_DECLS

typedef struct
{
  char *model; /* a name or a folder, never "" */
  guint count; /* pictures */
  guint32 seed;
  guint steps; /* 0: as the model recommends */
  gboolean has_sampler;
  DdpmSamplerKind sampler; /* where has_sampler; else as the model recommends */
  double eta;
  double strength; /* 0 … 1 */
} DdpmArguments;

/* The sampler argument's value for what the model recommends. */
#define DDPM_SAMPLER_AUTO "auto"

/* Declares the arguments of a procedure that does `task`. GIMP is told neither our ranges nor our choices:
 * bindings of other languages drop a value that GIMP's own check refuses and go on with the default, where a
 * script's author has to be told. Hence the check is ddpm_arguments_read's. */
void ddpm_arguments_add (GimpProcedure *procedure, DdpmSampleTask task);

/* A seed of those that are drawn. */
guint32 ddpm_arguments_draw_seed (void);

/* Puts another seed into config where "new-seed" asks for it, or in an interactive run the dialog's "new seed
 * each time", so that the next dialog shows it. To be called once for each run, before the arguments are
 * read. */
void ddpm_arguments_renew_seed (GimpProcedureConfig *config, GimpRunMode run_mode);

/* Reads and checks. Errors: DDPM_ERROR_USAGE, naming the argument. */
gboolean ddpm_arguments_read (DdpmArguments *arguments, GimpProcedureConfig *config, GError **error);

/* What they say, over the defaults that are in options. Borrowed like the options' own strings. */
void ddpm_arguments_set_options (const DdpmArguments *arguments, DdpmSampleOptions *options);

void ddpm_arguments_clear (DdpmArguments *arguments);

/* What an empty model argument means: the bundled model where it is installed, else the first one found.
 * NULL if there is none. Caller frees. */
char *ddpm_arguments_get_default_model (void);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmArguments, ddpm_arguments_clear)

G_END_DECLS
