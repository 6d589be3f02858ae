#include "ui/gtk/dice-button.h"

#include <glib/gi18n.h>

#define SIDE_px 16
#define N_FACES 6

/* Which of the die's 3 x 3 places have a dot, row by row from the lowest bit. */
static const guint faces[N_FACES] = { 0020, 0104, 0124, 0505, 0525, 0555 };

/* The button keeps the face it shows, 0 … 5. */
#define FACE_KEY "ddpm-face"

static gboolean
draw (GtkWidget *area, cairo_t *cr, GtkWidget *button)
{
  const guint face = GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (button), FACE_KEY));
  const double x = (gtk_widget_get_allocated_width (area) - SIDE_px) / 2.0;
  const double y = (gtk_widget_get_allocated_height (area) - SIDE_px) / 2.0;
  const double radius = 3, low = 1, high = SIDE_px - 1;
  GtkStyleContext *style = gtk_widget_get_style_context (area);
  GdkRGBA colour;

  gtk_style_context_get_color (style, gtk_style_context_get_state (style), &colour);
  gdk_cairo_set_source_rgba (cr, &colour);
  cairo_translate (cr, x, y);
  cairo_arc (cr, low + radius, low + radius, radius, G_PI, 1.5 * G_PI);
  cairo_arc (cr, high - radius, low + radius, radius, 1.5 * G_PI, 2 * G_PI);
  cairo_arc (cr, high - radius, high - radius, radius, 0, 0.5 * G_PI);
  cairo_arc (cr, low + radius, high - radius, radius, 0.5 * G_PI, G_PI);
  cairo_close_path (cr);
  cairo_set_line_width (cr, 1.2);
  cairo_stroke (cr);

  for (guint place = 0; place < 9; place++)
    if (faces[face] >> place & 1)
      {
        cairo_arc (cr, 4.4 + 3.6 * (place % 3), 4.4 + 3.6 * (place / 3), 1.4, 0, 2 * G_PI);
        cairo_fill (cr);
      }
  return FALSE;
}

/* Never the same face twice: something has happened. */
static void
roll (GtkWidget *button, gpointer user_data)
{
  const guint face = GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (button), FACE_KEY));
  const guint next = (face + g_random_int_range (1, N_FACES)) % N_FACES;

  g_object_set_data (G_OBJECT (button), FACE_KEY, GUINT_TO_POINTER (next));
  gtk_widget_queue_draw (button);
}

GtkWidget *
ddpm_dice_button_new (void)
{
  GtkWidget *button = gtk_button_new (), *area = gtk_drawing_area_new ();

  gtk_widget_set_size_request (area, SIDE_px, SIDE_px);
  gtk_container_add (GTK_CONTAINER (button), area);
  gtk_widget_show (area);
  g_object_set_data (G_OBJECT (button), FACE_KEY, GUINT_TO_POINTER (4));
  g_signal_connect (area, "draw", G_CALLBACK (draw), button);
  g_signal_connect (button, "clicked", G_CALLBACK (roll), NULL);
  gtk_widget_set_tooltip_text (button, _ ("Draw another seed"));
  atk_object_set_name (gtk_widget_get_accessible (button), _ ("Draw another seed"));
  return button;
}
