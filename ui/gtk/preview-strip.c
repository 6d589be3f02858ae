#include "ui/gtk/preview-strip.h"

#include <glib/gi18n.h>
#include <math.h>

#define GAP_px 6        /* between tiles, and around them */
#define MIN_TILE_px 72  /* where tiles would become smaller, they scroll */
#define MAX_TILE_px 512 /* a small picture alone is not blown up to the whole of a large window */
#define CHECK_px 8
#define BADGE_px 9 /* radius */

struct _DdpmPreviewStrip
{
  GtkScrolledWindow parent_instance;

  GtkWidget *area;
  guint count, n_finished;
  cairo_surface_t **pictures; /* [count], NULL: nothing yet */
};

G_DEFINE_TYPE (DdpmPreviewStrip, ddpm_preview_strip, GTK_TYPE_SCROLLED_WINDOW)

/* Where the tiles lie in an area of some width. */
typedef struct
{
  guint columns, rows;
  int side;   /* of a tile, px */
  int x0, y0; /* of the first one */
} Layout;

static int
get_extent (guint n, int side)
{
  return (int) n * (side + GAP_px) + GAP_px;
}

/* The columns with which n square tiles become largest. */
static Layout
make_layout (const DdpmPreviewStrip *strip, int width, int height)
{
  const guint n = MAX (strip->count, 1);
  Layout best = { 0 };

  for (guint columns = 1; columns <= n; columns++)
    {
      const guint rows = (n + columns - 1) / columns;
      const int across = (width - GAP_px) / (int) columns - GAP_px;
      const int down = (height - GAP_px) / (int) rows - GAP_px;
      const int side = MIN (MIN (across, down), MAX_TILE_px);

      if (side > best.side)
        best = (Layout) { .columns = columns, .rows = rows, .side = side };
    }
  if (best.side < MIN_TILE_px)
    {
      best.columns = CLAMP ((width - GAP_px) / (MIN_TILE_px + GAP_px), 1, (int) n);
      best.rows = (n + best.columns - 1) / best.columns;
      best.side = MAX ((width - GAP_px) / (int) best.columns - GAP_px, 1);
    }
  best.x0 = (width - get_extent (best.columns, best.side)) / 2 + GAP_px;
  best.y0 = MAX ((height - get_extent (best.rows, best.side)) / 2, 0) + GAP_px;
  return best;
}

static Layout
get_layout (const DdpmPreviewStrip *strip)
{
  return make_layout (strip, gtk_widget_get_allocated_width (strip->area),
                      gtk_widget_get_allocated_height (GTK_WIDGET (strip)));
}

static GdkRectangle
get_tile (const Layout *layout, guint index)
{
  return (GdkRectangle) {
    .x = layout->x0 + (int) (index % layout->columns) * (layout->side + GAP_px),
    .y = layout->y0 + (int) (index / layout->columns) * (layout->side + GAP_px),
    .width = layout->side,
    .height = layout->side,
  };
}

static guint32
get_byte (float value)
{
  return (guint32) lrintf (255.0f * CLAMP (value, 0.0f, 1.0f));
}

/* One pixel as cairo wants it, premultiplied. */
static guint32
get_argb (const float *pixel, guint n_channels)
{
  const gboolean has_alpha = n_channels == 2 || n_channels == 4;
  const float alpha = has_alpha ? CLAMP (pixel[n_channels - 1], 0.0f, 1.0f) : 1.0f;
  const guint green = n_channels > 2 ? 1 : 0, blue = n_channels > 2 ? 2 : 0;

  return get_byte (alpha) << 24 | get_byte (alpha * CLAMP (pixel[0], 0.0f, 1.0f)) << 16
         | get_byte (alpha * CLAMP (pixel[green], 0.0f, 1.0f)) << 8
         | get_byte (alpha * CLAMP (pixel[blue], 0.0f, 1.0f));
}

static cairo_surface_t *
make_surface (const DdpmImage *picture)
{
  cairo_surface_t *surface =
    cairo_image_surface_create (CAIRO_FORMAT_ARGB32, (int) picture->width, (int) picture->height);
  const int stride = cairo_image_surface_get_stride (surface);
  guchar *data = cairo_image_surface_get_data (surface);
  const float *from = picture->pixels;

  for (guint y = 0; data != NULL && y < picture->height; y++)
    {
      guint32 *to = (guint32 *) (gpointer) (data + (gsize) y * stride);

      for (guint x = 0; x < picture->width; x++, from += picture->n_channels)
        to[x] = get_argb (from, picture->n_channels);
    }
  cairo_surface_mark_dirty (surface);
  return surface;
}

static void
draw_checks (cairo_t *cr, const GdkRectangle *box)
{
  cairo_set_source_rgb (cr, 0.6, 0.6, 0.6);
  gdk_cairo_rectangle (cr, box);
  cairo_fill (cr);
  cairo_set_source_rgb (cr, 0.4, 0.4, 0.4);
  for (int y = 0; y * CHECK_px < box->height; y++)
    for (int x = y % 2; x * CHECK_px < box->width; x += 2)
      cairo_rectangle (cr, box->x + x * CHECK_px, box->y + y * CHECK_px,
                       MIN (CHECK_px, box->width - x * CHECK_px), MIN (CHECK_px, box->height - y * CHECK_px));
  cairo_fill (cr);
}

/* Whole screen pixels for each of the picture's, where it can be made twice as large or more. */
static void
draw_picture (DdpmPreviewStrip *strip, cairo_t *cr, const GdkRectangle *tile, cairo_surface_t *picture)
{
  const int device = gtk_widget_get_scale_factor (strip->area);
  const int width = cairo_image_surface_get_width (picture);
  const int height = cairo_image_surface_get_height (picture);
  const double room = (double) device * tile->width / MAX (width, height);
  const double scale = (room >= 2 ? floor (room) : room) / device;
  GdkRectangle box = { .width = MAX ((int) lround (scale * width), 1),
                       .height = MAX ((int) lround (scale * height), 1) };

  box.x = tile->x + (tile->width - box.width) / 2;
  box.y = tile->y + (tile->height - box.height) / 2;
  draw_checks (cr, &box);

  cairo_save (cr);
  gdk_cairo_rectangle (cr, &box);
  cairo_clip (cr);
  cairo_translate (cr, box.x, box.y);
  cairo_scale (cr, (double) box.width / width, (double) box.height / height);
  cairo_set_source_surface (cr, picture, 0, 0);
  cairo_pattern_set_filter (cairo_get_source (cr), room >= 2 ? CAIRO_FILTER_NEAREST : CAIRO_FILTER_GOOD);
  cairo_pattern_set_extend (cairo_get_source (cr), CAIRO_EXTEND_PAD);
  cairo_paint (cr);
  cairo_restore (cr);
}

static void
draw_empty (cairo_t *cr, const GdkRectangle *tile, const GdkRGBA *colour)
{
  cairo_set_source_rgba (cr, colour->red, colour->green, colour->blue, 0.06);
  gdk_cairo_rectangle (cr, tile);
  cairo_fill (cr);
  cairo_set_source_rgba (cr, colour->red, colour->green, colour->blue, 0.25);
  cairo_set_line_width (cr, 1);
  cairo_rectangle (cr, tile->x + 0.5, tile->y + 0.5, tile->width - 1, tile->height - 1);
  cairo_stroke (cr);
}

/* A tick in the corner. */
static void
draw_badge (cairo_t *cr, const GdkRectangle *tile)
{
  const double x = tile->x + tile->width - BADGE_px - 3, y = tile->y + tile->height - BADGE_px - 3;

  cairo_arc (cr, x, y, BADGE_px, 0, 2 * G_PI);
  cairo_set_source_rgba (cr, 0.16, 0.55, 0.26, 0.9);
  cairo_fill (cr);
  cairo_move_to (cr, x - 4, y);
  cairo_line_to (cr, x - 1, y + 3.5);
  cairo_line_to (cr, x + 4.5, y - 3.5);
  cairo_set_source_rgb (cr, 1, 1, 1);
  cairo_set_line_width (cr, 2);
  cairo_stroke (cr);
}

static gboolean
draw (GtkWidget *area, cairo_t *cr, DdpmPreviewStrip *strip)
{
  const Layout layout = get_layout (strip);
  GtkStyleContext *style = gtk_widget_get_style_context (area);
  GdkRectangle visible;
  GdkRGBA colour;

  gtk_style_context_get_color (style, gtk_style_context_get_state (style), &colour);
  if (!gdk_cairo_get_clip_rectangle (cr, &visible))
    return FALSE;
  for (guint i = 0; i < strip->count; i++)
    {
      const GdkRectangle tile = get_tile (&layout, i);

      if (!gdk_rectangle_intersect (&tile, &visible, NULL))
        continue;
      if (strip->pictures[i] == NULL)
        draw_empty (cr, &tile, &colour);
      else
        draw_picture (strip, cr, &tile, strip->pictures[i]);
      if (i < strip->n_finished)
        draw_badge (cr, &tile);
    }
  return FALSE;
}

static void
queue_draw_tile (DdpmPreviewStrip *strip, guint index)
{
  const Layout layout = get_layout (strip);
  const GdkRectangle tile = get_tile (&layout, index);

  gtk_widget_queue_draw_area (strip->area, tile.x, tile.y, tile.width, tile.height);
}

/* As high as its tiles need, which depends on the width. */
static void
update_height (DdpmPreviewStrip *strip, GdkRectangle *allocation)
{
  const Layout layout = make_layout (strip, allocation->width, allocation->height);
  const int needed = get_extent (layout.rows, layout.side);

  gtk_widget_set_size_request (strip->area, -1, needed > allocation->height ? needed : -1);
}

static void
size_allocated (GtkWidget *widget, GdkRectangle *allocation, gpointer user_data)
{
  update_height (DDPM_PREVIEW_STRIP (widget), allocation);
}

static void
describe (DdpmPreviewStrip *strip)
{
  g_autofree char *text = g_strdup_printf (_ ("%u of %u pictures finished"), strip->n_finished, strip->count);

  atk_object_set_description (gtk_widget_get_accessible (strip->area), strip->count > 0 ? text : "");
}

static void
clear_pictures (DdpmPreviewStrip *strip)
{
  for (guint i = 0; i < strip->count; i++)
    g_clear_pointer (&strip->pictures[i], cairo_surface_destroy);
  g_clear_pointer (&strip->pictures, g_free);
  strip->count = 0;
  strip->n_finished = 0;
}

void
ddpm_preview_strip_set_count (DdpmPreviewStrip *strip, guint count)
{
  GdkRectangle allocation;

  g_return_if_fail (DDPM_IS_PREVIEW_STRIP (strip));

  clear_pictures (strip);
  strip->count = count;
  strip->pictures = g_new0 (cairo_surface_t *, count);
  gtk_widget_get_allocation (GTK_WIDGET (strip), &allocation);
  update_height (strip, &allocation);
  gtk_adjustment_set_value (gtk_scrolled_window_get_vadjustment (GTK_SCROLLED_WINDOW (strip)), 0);
  gtk_widget_queue_draw (strip->area);
  describe (strip);
}

void
ddpm_preview_strip_set_picture (DdpmPreviewStrip *strip, guint index, const DdpmImage *picture)
{
  g_return_if_fail (DDPM_IS_PREVIEW_STRIP (strip) && index < strip->count);

  if (strip->pictures[index] == NULL)
    {
      const Layout layout = get_layout (strip);
      const GdkRectangle tile = get_tile (&layout, index);

      gtk_adjustment_clamp_page (gtk_scrolled_window_get_vadjustment (GTK_SCROLLED_WINDOW (strip)),
                                 tile.y - GAP_px, tile.y + tile.height + GAP_px);
    }
  g_clear_pointer (&strip->pictures[index], cairo_surface_destroy);
  strip->pictures[index] = make_surface (picture);
  queue_draw_tile (strip, index);
}

void
ddpm_preview_strip_set_n_finished (DdpmPreviewStrip *strip, guint n_finished)
{
  g_return_if_fail (DDPM_IS_PREVIEW_STRIP (strip) && n_finished <= strip->count);

  if (n_finished == strip->n_finished)
    return;
  strip->n_finished = n_finished;
  gtk_widget_queue_draw (strip->area);
  describe (strip);
}

static void
ddpm_preview_strip_finalize (GObject *object)
{
  clear_pictures (DDPM_PREVIEW_STRIP (object));
  G_OBJECT_CLASS (ddpm_preview_strip_parent_class)->finalize (object);
}

static void
ddpm_preview_strip_constructed (GObject *object)
{
  DdpmPreviewStrip *strip = DDPM_PREVIEW_STRIP (object);

  G_OBJECT_CLASS (ddpm_preview_strip_parent_class)->constructed (object);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (strip), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_shadow_type (GTK_SCROLLED_WINDOW (strip), GTK_SHADOW_IN);
  gtk_container_add (GTK_CONTAINER (strip), strip->area);
  gtk_widget_show (strip->area);
}

static void
ddpm_preview_strip_class_init (DdpmPreviewStripClass *class)
{
  G_OBJECT_CLASS (class)->constructed = ddpm_preview_strip_constructed;
  G_OBJECT_CLASS (class)->finalize = ddpm_preview_strip_finalize;
}

static void
ddpm_preview_strip_init (DdpmPreviewStrip *strip)
{
  strip->area = gtk_drawing_area_new ();
  atk_object_set_name (gtk_widget_get_accessible (strip->area), _ ("Preview of the pictures"));
  g_signal_connect (strip->area, "draw", G_CALLBACK (draw), strip);
  g_signal_connect (strip, "size-allocate", G_CALLBACK (size_allocated), NULL);
}

GtkWidget *
ddpm_preview_strip_new (void)
{
  return g_object_new (DDPM_TYPE_PREVIEW_STRIP, NULL);
}
