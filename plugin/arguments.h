/* The arguments of the procedures: their declaration for GIMP, and their values, read and checked. */
#pragma once

#include <libgimp/gimp.h>

#include "core/ddpm.h"

G_BEGIN_DECLS

typedef struct
{
  char *model;         /* a name or a folder, never "" */
  char *label;         /* NULL: none */
  double guidance;     /* counts where there is a label */
  guint count;         /* pictures */
  guint width, height; /* 0: the model's */
  guint sizing;        /* DdpmSizing */
  guint seamless;      /* DdpmSeamless */
  double strength;     /* 0 … 1 */
  double ladder_to;    /* the same; below 0: no ladder */
  guint method;        /* DdpmInterpolation */
  double shared;       /* 0 … 1 */
  guint resamplings;
  guint seed;
  guint sampler; /* 0: as the model recommends, else 1 + its place in ddpm_sampler_get_names */
  guint steps;   /* 0: as the model recommends */
  guint spacing; /* its place in ddpm_sampler_spacing_names */
  guint sigmas;  /* its place in ddpm_sampler_sigmas_names */
  double eta;
  gboolean visible;   /* what is seen of the image instead of a layer */
  gboolean new_image; /* the pictures become layers of a new image */
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

/* What they say, over the defaults that are in options, whose task is set. Strings are borrowed. */
void ddpm_arguments_set_options (const DdpmArguments *arguments, const DdpmModel *model,
                                 DdpmSampleOptions *options);

void ddpm_arguments_clear (DdpmArguments *arguments);

/* What an empty model argument means: the bundled model where it is installed, else the first one found.
 * NULL if there is none. Caller frees. */
char *ddpm_arguments_get_default_model (void);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmArguments, ddpm_arguments_clear)

G_END_DECLS
