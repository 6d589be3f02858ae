/* The settings kept with each new layer, as JSON in its parasite "ddpm-settings": what the sampling job says
 * of the picture, and what of the image it began with, so that it can be made again. */
#pragma once

#include <json-glib/json-glib.h>

#include "plugin/arguments.h"

G_BEGIN_DECLS

/* Where a run's input came from. */
typedef struct
{
  const char *procedure; /* its name in GIMP's procedure database */
  guint32 tattoos[2];    /* of the drawables, which GIMP keeps when the image is saved; 0: none */
  char *names[2];        /* theirs, owned; they tell which is which in a copy of the image */
  GeglRectangle part;    /* of the first, or of what was seen of the image */
} DdpmOrigin;

void ddpm_origin_clear (DdpmOrigin *origin);

/* Of picture `index` of a finished run. */
JsonObject *ddpm_record_new (DdpmSampleJob *job, guint index, const DdpmArguments *arguments,
                             const DdpmOrigin *origin);

void ddpm_record_attach (JsonObject *record, GimpLayer *layer);

/* NULL and a sentence where the layer has none, or one that was not written here. Errors: DDPM_ERROR_USAGE.
 */
JsonObject *ddpm_record_read (GimpItem *item, GError **error);

/* The sentence for one that was not written here. */
void ddpm_record_set_error (GimpItem *item, GError **error);

/* The procedure that made it. */
const char *ddpm_record_get_procedure (JsonObject *record);

/* The layers of `image` that it began with, NULL-terminated, caller frees; NULL and a sentence where one is
 * gone. */
GimpDrawable **ddpm_record_find_drawables (JsonObject *record, GimpImage *image, GError **error);

/* FALSE where it began with no part of an image. */
gboolean ddpm_record_get_part (JsonObject *record, GeglRectangle *part);

/* The part of a selection that a fill was made for, exactly; NULL where the item has none, or one of another
 * size than part's. */
void ddpm_record_attach_mask (const DdpmImage *mask, const GeglRectangle *part, GimpLayer *layer);
DdpmImage *ddpm_record_read_mask (GimpItem *item, const GeglRectangle *part);

/* The arguments that made it; those that it does not speak of have their initial values. */
void ddpm_record_set_config (JsonObject *record, GimpProcedureConfig *config);

G_END_DECLS
