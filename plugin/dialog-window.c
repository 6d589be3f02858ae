#include "plugin/dialog-window.h"

#include <glib/gi18n.h>

#include "ui/gtk/preview-strip.h"

#define STRIP_SIDE_px 404 /* four pictures of 64 pixels three times as large, and what is around them */
#define SPACING_px 6
#define BORDER_px 12
#define AROUND_SETTINGS_px 240 /* title, GIMP's own buttons, and a panel or two of the desktop's */

struct _DdpmWindow
{
  GtkWidget *dialog;
  DdpmSettings *settings;

  GtkWidget *error_bar, *error_label;
  GtkWidget *strip;
  GtkWidget *line; /* a stack of the next two */
  GtkWidget *plan, *progress;
  GtkWidget *plan_icon, *plan_label;
  GtkWidget *stop_button, *keep_button;
  int response; /* the last one */
};

/* "about 40 s", "about 3 min", "about 1 h 5 min". Caller frees. */
static char *
format_duration (double seconds)
{
  const guint minutes = (guint) (seconds / 60 + 0.5);

  if (seconds < 90)
    return g_strdup_printf (_ ("about %u s"), MAX ((guint) (seconds + 0.5), 1));
  if (minutes < 60)
    return g_strdup_printf (_ ("about %u min"), minutes);
  return g_strdup_printf (_ ("about %u h %u min"), minutes / 60, minutes % 60);
}

static void
error_response (GtkInfoBar *bar, int response, DdpmWindow *window)
{
  ddpm_window_show_error (window, NULL);
}

static GtkWidget *
make_error_bar (DdpmWindow *window)
{
  GtkWidget *content;

  window->error_bar = gtk_info_bar_new ();
  window->error_label = gtk_label_new (NULL);
  gtk_info_bar_set_message_type (GTK_INFO_BAR (window->error_bar), GTK_MESSAGE_ERROR);
  gtk_info_bar_set_show_close_button (GTK_INFO_BAR (window->error_bar), TRUE);
  g_signal_connect (window->error_bar, "response", G_CALLBACK (error_response), window);
  gtk_label_set_line_wrap (GTK_LABEL (window->error_label), TRUE);
  gtk_label_set_xalign (GTK_LABEL (window->error_label), 0.0);
  gtk_label_set_selectable (GTK_LABEL (window->error_label), TRUE);
  gtk_widget_set_can_focus (window->error_label, FALSE);
  gtk_widget_show (window->error_label);
  content = gtk_info_bar_get_content_area (GTK_INFO_BAR (window->error_bar));
  gtk_box_pack_start (GTK_BOX (content), window->error_label, TRUE, TRUE, 0);
  gtk_widget_set_no_show_all (window->error_bar, TRUE);
  return window->error_bar;
}

static GtkWidget *
make_plan (DdpmWindow *window)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, SPACING_px);

  window->plan_icon = gtk_image_new_from_icon_name ("dialog-warning-symbolic", GTK_ICON_SIZE_MENU);
  window->plan_label = gtk_label_new (NULL);
  gtk_label_set_line_wrap (GTK_LABEL (window->plan_label), TRUE);
  gtk_label_set_xalign (GTK_LABEL (window->plan_label), 0.0);
  gtk_label_set_max_width_chars (GTK_LABEL (window->plan_label), 40);
  gtk_box_pack_start (GTK_BOX (box), window->plan_icon, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), window->plan_label, TRUE, TRUE, 0);
  gtk_widget_show (window->plan_label);
  gtk_widget_show (box);
  return box;
}

static GtkWidget *
make_line (DdpmWindow *window)
{
  window->line = gtk_stack_new ();
  window->plan = make_plan (window);
  window->progress = gtk_progress_bar_new ();
  gtk_progress_bar_set_show_text (GTK_PROGRESS_BAR (window->progress), TRUE);
  gtk_widget_set_valign (window->progress, GTK_ALIGN_CENTER);
  gtk_widget_show (window->progress);
  gtk_stack_add_named (GTK_STACK (window->line), window->plan, "plan");
  gtk_stack_add_named (GTK_STACK (window->line), window->progress, "progress");
  gtk_widget_show (window->line);
  return window->line;
}

/* A button of the window's right half; it responds as those of the dialog do. */
static void
clicked (GtkWidget *button, DdpmWindow *window)
{
  gtk_dialog_response (GTK_DIALOG (window->dialog),
                       button == window->stop_button ? DDPM_RESPONSE_STOP : DDPM_RESPONSE_KEEP);
}

static GtkWidget *
make_button (DdpmWindow *window, const char *label, const char *tooltip)
{
  GtkWidget *button = gtk_button_new_with_mnemonic (label);

  gtk_widget_set_tooltip_text (button, tooltip);
  gtk_widget_set_sensitive (button, FALSE);
  g_signal_connect (button, "clicked", G_CALLBACK (clicked), window);
  gtk_widget_show (button);
  return button;
}

static GtkWidget *
make_pictures (DdpmWindow *window)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, SPACING_px);
  GtkWidget *buttons = gtk_button_box_new (GTK_ORIENTATION_HORIZONTAL);

  window->strip = ddpm_preview_strip_new ();
  gtk_widget_set_size_request (window->strip, STRIP_SIDE_px, STRIP_SIDE_px);
  gtk_widget_show (window->strip);
  window->stop_button =
    make_button (window, _ ("St_op Here"), _ ("Take the pictures as they look now, and make no others"));
  window->keep_button =
    make_button (window, _ ("_Keep Finished"), _ ("Take the pictures that are finished, and no others"));
  gtk_button_box_set_layout (GTK_BUTTON_BOX (buttons), GTK_BUTTONBOX_END);
  gtk_box_set_spacing (GTK_BOX (buttons), SPACING_px);
  gtk_box_pack_start (GTK_BOX (buttons), window->stop_button, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (buttons), window->keep_button, FALSE, FALSE, 0);
  gtk_widget_show (buttons);

  gtk_box_pack_start (GTK_BOX (box), window->strip, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (box), make_line (window), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), buttons, FALSE, FALSE, 0);
  gtk_widget_show (box);
  return box;
}

static void
note_response (GtkDialog *dialog, int response, DdpmWindow *window)
{
  window->response = response;
}

/* The window is as high as the settings are, those that are unfolded included, while the screen has room. */
static gboolean
fit_settings (gpointer user_data)
{
  GtkScrolledWindow *scrolled = user_data;
  GtkWidget *settings = gtk_bin_get_child (GTK_BIN (gtk_bin_get_child (GTK_BIN (scrolled))));
  GdkMonitor *monitor = gdk_display_get_monitor (gtk_widget_get_display (settings), 0);
  GdkRectangle area = { .height = 768 };
  int height;

  if (monitor != NULL)
    gdk_monitor_get_workarea (monitor, &area);
  gtk_widget_get_preferred_height (settings, NULL, &height);
  height = MIN (height, MAX (area.height - AROUND_SETTINGS_px, STRIP_SIDE_px));
  if (height != gtk_scrolled_window_get_min_content_height (scrolled))
    gtk_scrolled_window_set_min_content_height (scrolled, height);
  return G_SOURCE_REMOVE;
}

/* Nothing can ask for another size while sizes are given out. */
static void
settings_resized (GtkWidget *settings, GdkRectangle *allocation, GtkScrolledWindow *scrolled)
{
  g_idle_add_full (G_PRIORITY_HIGH_IDLE, fit_settings, g_object_ref (scrolled), g_object_unref);
}

/* The settings, which scroll where it has none. */
static GtkWidget *
make_settings (DdpmWindow *window)
{
  GtkWidget *scrolled = gtk_scrolled_window_new (NULL, NULL);
  GtkWidget *settings = ddpm_settings_get_widget (window->settings);

  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scrolled), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_container_add (GTK_CONTAINER (scrolled), settings);
  g_signal_connect (settings, "size-allocate", G_CALLBACK (settings_resized), scrolled);
  gtk_widget_show (scrolled);
  return scrolled;
}

DdpmWindow *
ddpm_window_new (GimpProcedure *procedure, GimpProcedureConfig *config, const char *title,
                 const char *ok_label)
{
  DdpmWindow *window = g_new0 (DdpmWindow, 1);
  GtkWidget *halves = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 3 * SPACING_px);
  GtkWidget *content;

  window->dialog = gimp_procedure_dialog_new (procedure, config, title);
  gimp_procedure_dialog_set_ok_label (GIMP_PROCEDURE_DIALOG (window->dialog), ok_label);
  g_signal_connect (window->dialog, "response", G_CALLBACK (note_response), window);
  window->settings = ddpm_settings_new (GIMP_PROCEDURE_DIALOG (window->dialog), config);

  gtk_box_pack_start (GTK_BOX (halves), make_settings (window), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (halves), make_pictures (window), TRUE, TRUE, 0);
  gtk_widget_set_margin_bottom (halves, BORDER_px);
  gtk_widget_show (halves);
  content = gtk_dialog_get_content_area (GTK_DIALOG (window->dialog));
  gtk_box_pack_start (GTK_BOX (content), make_error_bar (window), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (content), halves, TRUE, TRUE, 0);
  return window;
}

void
ddpm_window_free (DdpmWindow *window)
{
  ddpm_settings_free (window->settings);
  gtk_widget_destroy (window->dialog);
  g_free (window);
}

GtkWidget *
ddpm_window_get_dialog (DdpmWindow *window)
{
  return window->dialog;
}

DdpmSettings *
ddpm_window_get_settings (DdpmWindow *window)
{
  return window->settings;
}

int
ddpm_window_run (DdpmWindow *window)
{
  window->response = GTK_RESPONSE_NONE;
  return gimp_procedure_dialog_run (GIMP_PROCEDURE_DIALOG (window->dialog)) ? GTK_RESPONSE_OK
                                                                            : window->response;
}

/* GIMP's buttons to reset, to run, to load and to save. */
static void
set_buttons_sensitive (GtkWidget *child, gpointer sensitive)
{
  gtk_widget_set_sensitive (child, GPOINTER_TO_INT (sensitive));
}

void
ddpm_window_set_running (DdpmWindow *window, gboolean running)
{
  GtkDialog *dialog = GTK_DIALOG (window->dialog);
  GtkWidget *ok = gtk_dialog_get_widget_for_response (dialog, GTK_RESPONSE_OK);
  GtkWidget *cancel = gtk_dialog_get_widget_for_response (dialog, GTK_RESPONSE_CANCEL);
  GtkContainer *content = GTK_CONTAINER (gtk_dialog_get_content_area (dialog));
  g_autoptr (GList) children = gtk_container_get_children (content);

  gtk_widget_set_sensitive (ddpm_settings_get_widget (window->settings), !running);
  for (GList *child = children; child != NULL; child = child->next)
    if (GTK_IS_BUTTON_BOX (child->data) && child->data != gtk_widget_get_parent (ok))
      gtk_widget_set_sensitive (child->data, !running);
  gtk_container_foreach (GTK_CONTAINER (gtk_widget_get_parent (ok)), set_buttons_sensitive,
                         GINT_TO_POINTER (!running));
  gtk_widget_set_sensitive (cancel, TRUE);
  gtk_widget_set_sensitive (window->stop_button, running);
  gtk_widget_set_sensitive (window->keep_button, FALSE);

  gtk_stack_set_visible_child (GTK_STACK (window->line), running ? window->progress : window->plan);
  gtk_progress_bar_set_fraction (GTK_PROGRESS_BAR (window->progress), 0);
  gtk_progress_bar_set_text (GTK_PROGRESS_BAR (window->progress), _ ("Opening the model…"));
  /* a second Return must not press a button that ends what the first one began */
  if (running)
    gtk_window_set_focus (GTK_WINDOW (window->dialog), NULL);
  else
    gtk_widget_grab_focus (ok);
}

void
ddpm_window_set_count (DdpmWindow *window, guint count)
{
  ddpm_preview_strip_set_count (DDPM_PREVIEW_STRIP (window->strip), count);
}

void
ddpm_window_show_picture (DdpmWindow *window, guint index, const DdpmImage *picture)
{
  ddpm_preview_strip_set_picture (DDPM_PREVIEW_STRIP (window->strip), index, picture);
}

void
ddpm_window_show_progress (DdpmWindow *window, const DdpmRunState *state)
{
  GtkProgressBar *bar = GTK_PROGRESS_BAR (window->progress);
  g_autofree char *left = state->seconds_left >= 0 ? format_duration (state->seconds_left) : NULL;
  g_autofree char *text = NULL;

  if (state->total == 0)
    return;
  ddpm_preview_strip_set_n_finished (DDPM_PREVIEW_STRIP (window->strip), state->n_finished);
  gtk_widget_set_sensitive (window->keep_button, state->n_finished > 0);
  gtk_progress_bar_set_fraction (bar, (double) state->step / state->total);
  text = left != NULL
           ? g_strdup_printf (_ ("Step %u of %u, %s left"), (guint) state->step, (guint) state->total, left)
           : g_strdup_printf (_ ("Step %u of %u"), (guint) state->step, (guint) state->total);
  gtk_progress_bar_set_text (bar, text);
}

void
ddpm_window_show_ending (DdpmWindow *window, gboolean close)
{
  gtk_progress_bar_set_text (GTK_PROGRESS_BAR (window->progress), _ ("Stopping…"));
  gtk_widget_set_sensitive (window->stop_button, FALSE);
  gtk_widget_set_sensitive (window->keep_button, FALSE);
  if (close)
    gtk_widget_hide (window->dialog);
}

void
ddpm_window_show_plan (DdpmWindow *window, gsize n_bytes, double seconds)
{
  g_autofree char *memory = g_format_size (n_bytes);
  g_autofree char *duration = seconds >= 0 ? format_duration (seconds) : NULL;
  g_autofree char *text = duration != NULL
                            ? g_strdup_printf (_ ("Takes %s and %s of memory"), duration, memory)
                            : g_strdup_printf (_ ("Takes %s of memory"), memory);

  gtk_label_set_text (GTK_LABEL (window->plan_label), text);
  gtk_widget_hide (window->plan_icon);
}

void
ddpm_window_show_warning (DdpmWindow *window, const char *text)
{
  gtk_label_set_text (GTK_LABEL (window->plan_label), text);
  gtk_widget_set_visible (window->plan_icon, text[0] != '\0');
}

void
ddpm_window_set_keepable (DdpmWindow *window, gboolean keepable)
{
  gtk_widget_set_sensitive (window->keep_button, keepable);
}

void
ddpm_window_show_error (DdpmWindow *window, const char *message)
{
  gtk_label_set_text (GTK_LABEL (window->error_label), message != NULL ? message : "");
  gtk_widget_set_visible (window->error_bar, message != NULL);
}
