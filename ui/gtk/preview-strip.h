/* Pictures while they are made: one tile each, drawn with whole pixels where there is room for it, over a
 * checkerboard where they are transparent. Tiles are as large as the room allows, and scroll where there are
 * many. */
#pragma once

#include <gtk/gtk.h>

#include "core/ddpm.h"

G_BEGIN_DECLS

#define DDPM_TYPE_PREVIEW_STRIP (ddpm_preview_strip_get_type ())
G_DECLARE_FINAL_TYPE (DdpmPreviewStrip, ddpm_preview_strip, DDPM, PREVIEW_STRIP, GtkScrolledWindow)

GtkWidget *ddpm_preview_strip_new (void);

/* Empty tiles, as many as pictures are awaited; 0: none. */
void ddpm_preview_strip_set_count (DdpmPreviewStrip *strip, guint count);

/* What tile `index` shows: copied at once. Scrolls to it where it is the first that shows something new. */
void ddpm_preview_strip_set_picture (DdpmPreviewStrip *strip, guint index, const DdpmImage *picture);

/* The first n pictures are finished: their tiles say so. */
void ddpm_preview_strip_set_n_finished (DdpmPreviewStrip *strip, guint n_finished);

G_END_DECLS
