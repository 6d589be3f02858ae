/* Overlapping windows on a canvas, through which a network sees pictures larger than those it knows.
 *
 * What the network says of each window is averaged where windows overlap, at every step (MultiDiffusion,
 * Bar-Tal et al. 2023, equation 5), with weights that fall towards a window's rim, where the network sees
 * least of what is around. Weights of an axis sum to 1 at each place of the canvas, so that nothing has to be
 * divided afterwards, and a window's weight at a place is the product of those of both axes. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Where windows lie along an axis; lengths in pixels. */
typedef struct
{
  guint length;   /* of the canvas */
  guint size;     /* of a window */
  guint n;        /* windows */
  guint *begins;  /* [n] first place; a window goes on at 0 after the last one */
  float *weights; /* [n][size] */
} DdpmWindowAxis;

typedef struct
{
  DdpmWindowAxis x, y;
} DdpmWindows;

/* Windows of `size` pixels, neighbours with at least `overlap` (below size) in common, of which the outer
 * `margin` (at most half of it) does not count: evenly spread from the canvas's first to its last place,
 * where it has an edge and size <= length; all around where it `wraps`, at any length. One that is as long as
 * its canvas is the canvas itself, everywhere with weight 1. */
void ddpm_window_axis_init (DdpmWindowAxis *axis, guint length, guint size, guint overlap, guint margin,
                            gboolean wraps);
void ddpm_windows_clear (DdpmWindows *windows);

/* How many windows there are, and whether there is only one, the canvas itself. */
guint ddpm_windows_count (const DdpmWindows *windows);
gboolean ddpm_windows_is_whole (const DdpmWindows *windows);

/* values[y.size][x.size] of one channel: what window `number` shows of plane[y.length][x.length]. */
void ddpm_windows_take (const DdpmWindows *windows, guint number, const float *plane, float *values);

/* Adds row `row` of window `number`, values[x.size], with its weights to the canvas's row where it lies,
 * canvas_row[x.length]. */
void ddpm_windows_add_row (const DdpmWindows *windows, guint number, guint row, const float *values,
                           float *canvas_row);

G_END_DECLS
