/* To choose a model: a combo box with the models found and "Add Folder…", and below it the chosen model's
 * thumbnail, the first line of its card and what it makes, or what is wrong with it. */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define DDPM_TYPE_MODEL_CHOOSER (ddpm_model_chooser_get_type ())
G_DECLARE_FINAL_TYPE (DdpmModelChooser, ddpm_model_chooser, DDPM, MODEL_CHOOSER, GtkGrid)

/* label may have a mnemonic. default_model (NULL: none) is what an empty "model" stands for.
 * Its property "model" is the name of a model found, or the path of a folder; "" where nothing can be chosen.
 */
GtkWidget *ddpm_model_chooser_new (const char *label, const char *default_model);

/* The label, for a size group with those of other rows. */
GtkWidget *ddpm_model_chooser_get_label (DdpmModelChooser *chooser);

G_END_DECLS
