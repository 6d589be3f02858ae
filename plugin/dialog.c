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

static GtkWidget *
make_model_row (GimpProcedureConfig *config, GtkSizeGroup *labels)
{
  g_autofree char *default_model = ddpm_arguments_get_default_model ();
  GtkWidget *row = ddpm_model_chooser_new (_ ("_Model"), default_model);

  g_object_bind_property (config, "model", row, "model", G_BINDING_BIDIRECTIONAL | G_BINDING_SYNC_CREATE);
  gtk_size_group_add_widget (labels, ddpm_model_chooser_get_label (DDPM_MODEL_CHOOSER (row)));
  return row;
}

static GtkWidget *
make_sampler_row (GimpProcedureConfig *config, GtkSizeGroup *labels)
{
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (config), "sampler");
  g_autoptr (GtkListStore) rows = gtk_list_store_new (2, G_TYPE_STRING, G_TYPE_STRING);
  GtkWidget *combo, *row;

  gtk_list_store_insert_with_values (rows, NULL, -1, 0, DDPM_SAMPLER_AUTO, 1, _ ("As the model recommends"),
                                     -1);
  for (const char *const *name = ddpm_sampler_get_names (); *name != NULL; name++)
    {
      g_autofree char *label = g_ascii_strup (*name, -1);

      gtk_list_store_insert_with_values (rows, NULL, -1, 0, *name, 1, label, -1);
    }
  combo = gimp_prop_string_combo_box_new (G_OBJECT (config), "sampler", GTK_TREE_MODEL (rows), 0, 1);
  row = gimp_label_string_widget_new (g_param_spec_get_nick (pspec), combo);
  gtk_widget_set_hexpand (combo, TRUE);
  gtk_widget_set_tooltip_text (combo, g_param_spec_get_blurb (pspec));
  gtk_size_group_add_widget (labels, gimp_labeled_get_label (GIMP_LABELED (row)));
  return row;
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

static void
insert_row (GtkBox *box, GtkWidget *row, int position)
{
  gtk_box_pack_start (box, row, FALSE, FALSE, 0);
  gtk_box_reorder_child (box, row, position);
  gtk_widget_show (row);
}

gboolean
ddpm_dialog_run (GimpProcedure *procedure, GimpProcedureConfig *config, const DdpmProcedure *info)
{
  g_autoptr (GtkSizeGroup) labels = NULL;
  GtkWidget *widget, *box, *steps_row;
  GimpProcedureDialog *dialog;
  int steps_position;
  gboolean run;

  gimp_ui_init ("gimp-ddpm");
  labels = gtk_size_group_new (GTK_SIZE_GROUP_HORIZONTAL);
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
    box = gimp_procedure_dialog_fill_box (dialog, "settings", "count", "dialog-new-seed", "seed", "steps",
                                          "eta", NULL);
  else
    box = gimp_procedure_dialog_fill_box (dialog, "settings", "count", "strength", "dialog-new-seed", "seed",
                                          "steps", "eta", NULL);
  /* what has no widget of GIMP's is lined up with what has */
  steps_row = gimp_procedure_dialog_get_widget (dialog, "steps", G_TYPE_NONE);
  gtk_size_group_add_widget (labels, gimp_labeled_get_label (GIMP_LABELED (steps_row)));
  gtk_container_child_get (GTK_CONTAINER (box), steps_row, "position", &steps_position, NULL);
  insert_row (GTK_BOX (box), make_sampler_row (config, labels), steps_position);
  insert_row (GTK_BOX (box), make_model_row (config, labels), 0);
  gimp_procedure_dialog_fill (dialog, "settings", NULL);

  run = gimp_procedure_dialog_run (dialog);
  gtk_widget_destroy (widget);
  return run;
}
