/* What a procedure begins with: pixels taken from the image, and the place for what becomes of them. */
#pragma once

#include "plugin/layers.h"

G_BEGIN_DECLS

/* What GIMP was asked for. */
typedef struct
{
  GimpImage *image;         /* NULL: none is open */
  GimpDrawable **drawables; /* NULL-terminated, or NULL */
  GimpProcedureConfig *config;

  /* to repeat a run; NULL otherwise */
  const GeglRectangle *part; /* of the drawable or image, instead of the selection's bounds */
  const DdpmImage *mask;     /* that part of the selection */
  GimpLayer *above;          /* where pictures that begin with no layer go, instead of the active layer */
} DdpmRequest;

typedef struct
{
  DdpmInputs inputs; /* owned */
  DdpmPlace place;   /* where the pictures go */
} DdpmSources;

/* One sentence unless there are exactly n drawables, all of them still there. layers_only: no masks and no
 * channels. Errors: DDPM_ERROR_USAGE. */
gboolean ddpm_request_check (const DdpmRequest *request, guint n, gboolean layers_only, GError **error);

/* The place for new pictures: in a group above the active layer, at the selection's centre or the image's; a
 * new image where none is open or config asks for one. */
void ddpm_sources_take_place (DdpmSources *sources, const DdpmRequest *request);

/* The drawable's part within the selection's bounds, all of it where nothing is selected, as first picture,
 * and the place above it. Errors: DDPM_ERROR_USAGE where the selection does not touch it. */
gboolean ddpm_sources_take_drawable (DdpmSources *sources, const DdpmRequest *request, GError **error);

/* All of the drawable, with the selection as mask; the place of what the mask lets through is above it.
 * Errors: DDPM_ERROR_USAGE where nothing of it is selected. */
gboolean ddpm_sources_take_selection (DdpmSources *sources, const DdpmRequest *request, GError **error);

/* What is seen of the image within the selection's bounds; the place is on top of all. */
void ddpm_sources_take_visible (DdpmSources *sources, const DdpmRequest *request);

/* A whole layer as picture `index`; the place is that of the first. */
void ddpm_sources_take_layer (DdpmSources *sources, guint index, GimpDrawable *layer);

void ddpm_sources_clear (DdpmSources *sources);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmSources, ddpm_sources_clear)

G_END_DECLS
