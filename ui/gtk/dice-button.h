/* A button with a die on it, which shows another face each time it is pressed. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* An ordinary GtkButton; its "clicked" is for the caller. */
GtkWidget *ddpm_dice_button_new (void);

G_END_DECLS
