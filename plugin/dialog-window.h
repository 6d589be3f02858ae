/* What a dialog looks like: settings on the left, on the right the pictures with a line below them that tells
 * what a run would take, or how far it is. What it does is dialog.c's. */
#pragma once

#include <libgimp/gimpui.h>

#include "plugin/dialog-settings.h"
#include "plugin/run.h"

G_BEGIN_DECLS

/* Beside GTK's own. */
enum
{
  DDPM_RESPONSE_STOP = 100,
  DDPM_RESPONSE_KEEP,
};

typedef struct _DdpmWindow DdpmWindow;

DdpmWindow *ddpm_window_new (GimpProcedure *procedure, GimpProcedureConfig *config, const char *title,
                             const char *ok_label);
void ddpm_window_free (DdpmWindow *window);

GtkWidget *ddpm_window_get_dialog (DdpmWindow *window);
DdpmSettings *ddpm_window_get_settings (DdpmWindow *window);

/* Shows it until a button is pressed: GTK_RESPONSE_OK, DDPM_RESPONSE_KEEP, or another one to close it. */
int ddpm_window_run (DdpmWindow *window);

/* While a run is under way the settings are as it uses them, and cannot be changed; the buttons are those
 * that end it. */
void ddpm_window_set_running (DdpmWindow *window, gboolean running);

/* Empty tiles. */
void ddpm_window_set_count (DdpmWindow *window, guint count);
void ddpm_window_show_picture (DdpmWindow *window, guint index, const DdpmImage *picture);
void ddpm_window_show_progress (DdpmWindow *window, const DdpmRunState *state);

/* From the press of a button that ends the run until it has ended. close: it is not to be seen any more. */
void ddpm_window_show_ending (DdpmWindow *window, gboolean close);

/* What a run with the settings as they are would take; seconds below 0: not known. */
void ddpm_window_show_plan (DdpmWindow *window, gsize n_bytes, double seconds);

/* Or why it would fail; "": nothing can be said. */
void ddpm_window_show_warning (DdpmWindow *window, const char *text);

/* There are pictures that can be inserted although nothing runs. */
void ddpm_window_set_keepable (DdpmWindow *window, gboolean keepable);

/* A sentence above all; NULL: none. */
void ddpm_window_show_error (DdpmWindow *window, const char *message);

G_END_DECLS
