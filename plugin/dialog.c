#include "plugin/dialog.h"

#include <glib/gi18n.h>
#include <libgimp/gimpui.h>

#include "ui/gtk/model-chooser.h"

/* What the spin buttons offer. More than that is a script's business. */
#define MAX_STEPS 1000

static void
limit_spin (GimpProcedureDialog *dialog, const char *property, double lower, double upper)
{
  GtkWidget *spin = gimp_procedure_dialog_get_widget (dialog, property, GIMP_TYPE_LABEL_SPIN);

  g_object_set (spin, "lower", lower, "upper", upper, NULL);
  gimp_label_spin_set_increments (GIMP_LABEL_SPIN (spin), 1.0, 10.0);
  gimp_label_spin_set_digits (GIMP_LABEL_SPIN (spin), 0);
}

static void
limit_scale (GimpProcedureDialog *dialog, const char *property, double upper, double step, int digits)
{
  GtkWidget *scale = gimp_procedure_dialog_get_scale_entry (dialog, property, 1.0);

  gimp_scale_entry_set_bounds (GIMP_SCALE_ENTRY (scale), 0.0, upper, FALSE);
  gimp_label_spin_set_increments (GIMP_LABEL_SPIN (scale), step, 10.0 * step);
  gimp_label_spin_set_digits (GIMP_LABEL_SPIN (scale), digits);
}

/* Lined up with the row of `property`. */
static GtkWidget *
make_model_row (GimpProcedureDialog *dialog, GimpProcedureConfig *config, const char *property)
{
  g_autoptr (GtkSizeGroup) labels = gtk_size_group_new (GTK_SIZE_GROUP_HORIZONTAL);
  GtkWidget *row = gimp_procedure_dialog_get_widget (dialog, property, G_TYPE_NONE);
  g_autofree char *default_model = ddpm_arguments_get_default_model ();
  GtkWidget *chooser = ddpm_model_chooser_new (_ ("_Model"), default_model);

  g_object_bind_property (config, "model", chooser, "model", G_BINDING_BIDIRECTIONAL | G_BINDING_SYNC_CREATE);
  gtk_size_group_add_widget (labels, ddpm_model_chooser_get_label (DDPM_MODEL_CHOOSER (chooser)));
  gtk_size_group_add_widget (labels, gimp_labeled_get_label (GIMP_LABELED (row)));
  gtk_widget_show (chooser);
  return chooser;
}

static GimpValueArray *
make_string_values (const char *string)
{
  GimpValueArray *values = gimp_value_array_new (1);
  g_auto (GValue) value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_STRING);
  g_value_set_string (&value, string);
  gimp_value_array_append (values, &value);
  return values;
}

gboolean
ddpm_dialog_run (GimpProcedure *procedure, GimpProcedureConfig *config, const DdpmProcedure *info)
{
  GtkWidget *widget, *box, *model_row;
  GimpProcedureDialog *dialog;
  gboolean run;

  gimp_ui_init ("gimp-ddpm");
  widget = gimp_procedure_dialog_new (procedure, config, _ (info->title));
  dialog = GIMP_PROCEDURE_DIALOG (widget);
  gimp_procedure_dialog_set_ok_label (dialog, _ (info->ok_label));

  limit_spin (dialog, "count", 1, DDPM_MAX_COUNT);
  limit_spin (dialog, "seed", 0, DDPM_MAX_SEED);
  limit_spin (dialog, "steps", 0, MAX_STEPS);
  limit_scale (dialog, "eta", 1.0, 0.01, 2);
  gimp_procedure_dialog_set_sensitive (dialog, "seed", TRUE, G_OBJECT (config), "dialog-new-seed", TRUE);
  gimp_procedure_dialog_set_sensitive_if_in (dialog, "eta", NULL, "sampler", make_string_values ("ddpm"),
                                             FALSE);
  if (info->task != DDPM_TASK_GENERATE)
    limit_scale (dialog, "strength", 100.0, 1.0, 0);

  if (info->task == DDPM_TASK_GENERATE)
    box = gimp_procedure_dialog_fill_box (dialog, "settings", "count", "dialog-new-seed", "seed", "sampler",
                                          "steps", "eta", NULL);
  else
    box = gimp_procedure_dialog_fill_box (dialog, "settings", "count", "strength", "dialog-new-seed", "seed",
                                          "sampler", "steps", "eta", NULL);
  model_row = make_model_row (dialog, config, "count");
  gtk_box_pack_start (GTK_BOX (box), model_row, FALSE, FALSE, 0);
  gtk_box_reorder_child (GTK_BOX (box), model_row, 0);
  gimp_procedure_dialog_fill (dialog, "settings", NULL);

  run = gimp_procedure_dialog_run (dialog);
  gtk_widget_destroy (widget);
  return run;
}
