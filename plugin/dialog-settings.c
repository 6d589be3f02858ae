#include "plugin/dialog-settings.h"

#include <glib/gi18n.h>
#include <math.h>

#include "ui/gtk/dice-button.h"
#include "ui/gtk/model-chooser.h"

/* What the spin buttons offer. More than that is a script's business. */
#define MAX_STEPS 1000
#define MAX_SIZE 8192
#define MAX_GUIDANCE 10
#define MAX_RESAMPLINGS 50

#define SPACING_px 6
#define SENTENCE_CHARS 36 /* in a line of what is said of a choice */

/* GimpLabeled's grid: label, entry or scale, spin button of a scale. */
#define COLUMN_ENTRY 1
#define COLUMN_AFTER_SPIN 2

struct _DdpmSettings
{
  GimpProcedureDialog *dialog; /* borrowed, like the config */
  GimpProcedureConfig *config;
  GtkSizeGroup *labels; /* what has no widget of GIMP's is lined up with what has */
  GtkWidget *box;

  GtkListStore *label_rows; /* NULL: no row for labels */
  GtkWidget *label_row, *guidance_row;
  GtkWidget *strength_step;    /* a label, or NULL */
  GtkWidget *sampler_sentence; /* a label */
  DdpmSamplerKind recommended; /* by the model */
  GtkWidget *ladder_check, *ladder_spin;
  guint n_timesteps; /* of the model; 0: none */
};

typedef enum
{
  ROW_SPIN,    /* low … high, whole numbers */
  ROW_SCALE,   /* low … high, by step */
  ROW_CHOICE,  /* words, each with its own sentence */
  ROW_CHECK,   /* yes or no */
  ROW_SPECIAL, /* made by a function */
} RowKind;

typedef struct
{
  const char *word, *text;
} Choice;

static const Choice sizings[] = { { "auto", N_ ("As fits best") },
                                  { "direct", N_ ("In one piece") },
                                  { "windows", N_ ("Overlapping windows, all details") },
                                  { "fit", N_ ("The model's size, scaled") },
                                  { NULL } };
static const Choice seams[] = { { "none", N_ ("No") },
                                { "x", N_ ("Left to right") },
                                { "y", N_ ("Top to bottom") },
                                { "both", N_ ("In both directions") },
                                { NULL } };
static const Choice spacings[] = { { "auto", N_ ("As the model's scheduler says") },
                                   { "leading", N_ ("Leading") },
                                   { "trailing", N_ ("Trailing") },
                                   { "linspace", N_ ("From first to last, evenly") },
                                   { NULL } };
static const Choice sigmas[] = { { "auto", N_ ("As the model's scheduler says") },
                                 { "plain", N_ ("Those of the timesteps") },
                                 { "karras", N_ ("Karras'") },
                                 { "exponential", N_ ("Exponential") },
                                 { NULL } };
static const Choice methods[] = { { "noise", N_ ("Mixed in noise") },
                                  { "latent", N_ ("Through inverted latents") },
                                  { NULL } };

typedef struct
{
  const char *property;
  RowKind kind;
  gboolean is_more; /* under "Sampling", which is folded up */
  double low, high, step;
  const Choice *choices;
  GtkWidget *(*make) (DdpmSettings *settings);
  gboolean is_rare; /* set by scripts; there where it is in force, so that it can be seen and taken back */
} Row;

static GParamSpec *
find_property (DdpmSettings *settings, const char *name)
{
  return g_object_class_find_property (G_OBJECT_GET_CLASS (settings->config), name);
}

/* Screen readers get the name of what has no text of its own. */
static void
name_entry (GtkWidget *widget, gpointer nick)
{
  g_auto (GStrv) parts = g_strsplit (nick, "_", -1);
  g_autofree char *name = g_strjoinv ("", parts);

  if (GTK_IS_SPIN_BUTTON (widget) || GTK_IS_SCALE (widget) || GTK_IS_COMBO_BOX (widget))
    atk_object_set_name (gtk_widget_get_accessible (widget), name);
}

static GtkWidget *
make_spin (DdpmSettings *settings, const Row *row)
{
  GtkWidget *spin = gimp_procedure_dialog_get_widget (settings->dialog, row->property, GIMP_TYPE_LABEL_SPIN);

  g_object_set (spin, "lower", row->low, "upper", row->high, NULL);
  gimp_label_spin_set_increments (GIMP_LABEL_SPIN (spin), row->step, 10.0 * row->step);
  gimp_label_spin_set_digits (GIMP_LABEL_SPIN (spin), 0);
  return spin;
}

static GtkWidget *
make_scale (DdpmSettings *settings, const Row *row)
{
  GtkWidget *scale = gimp_procedure_dialog_get_scale_entry (settings->dialog, row->property, 1.0);

  gimp_scale_entry_set_bounds (GIMP_SCALE_ENTRY (scale), row->low, row->high, FALSE);
  gimp_label_spin_set_increments (GIMP_LABEL_SPIN (scale), row->step, 10.0 * row->step);
  gimp_label_spin_set_digits (GIMP_LABEL_SPIN (scale), row->step < 0.1 ? 2 : row->step < 1 ? 1 : 0);
  return scale;
}

/* A combo box of words: column 0 the property's value, column 1 what people read. */
static GtkWidget *
make_combo_row (DdpmSettings *settings, const char *property, GtkListStore *rows)
{
  GParamSpec *pspec = find_property (settings, property);
  GtkWidget *combo =
    gimp_prop_string_combo_box_new (G_OBJECT (settings->config), property, GTK_TREE_MODEL (rows), 0, 1);
  GtkWidget *row = gimp_label_string_widget_new (g_param_spec_get_nick (pspec), combo);

  gtk_widget_set_hexpand (combo, TRUE);
  gtk_widget_set_tooltip_text (combo, g_param_spec_get_blurb (pspec));
  return row;
}

static GtkWidget *
make_choice (DdpmSettings *settings, const Row *row)
{
  g_autoptr (GtkListStore) rows = gtk_list_store_new (2, G_TYPE_STRING, G_TYPE_STRING);

  for (const Choice *choice = row->choices; choice->word != NULL; choice++)
    gtk_list_store_insert_with_values (rows, NULL, -1, 0, choice->word, 1, _ (choice->text), -1);
  return make_combo_row (settings, row->property, rows);
}

static GtkWidget *
make_model_row (DdpmSettings *settings)
{
  g_autofree char *default_model = ddpm_arguments_get_default_model ();
  GtkWidget *row = ddpm_model_chooser_new (_ ("_Model"), default_model);

  g_object_bind_property (settings->config, "model", row, "model",
                          G_BINDING_BIDIRECTIONAL | G_BINDING_SYNC_CREATE);
  gtk_size_group_add_widget (settings->labels, ddpm_model_chooser_get_label (DDPM_MODEL_CHOOSER (row)));
  return row;
}

static GtkWidget *
make_hint (void)
{
  GtkWidget *hint = gtk_label_new (NULL);

  gtk_label_set_xalign (GTK_LABEL (hint), 0.0);
  gtk_style_context_add_class (gtk_widget_get_style_context (hint), GTK_STYLE_CLASS_DIM_LABEL);
  gtk_widget_show (hint);
  return hint;
}

/* What the chosen sampler is like. */
static void
update_sampler (DdpmSettings *settings)
{
  DdpmSamplerKind kind = settings->recommended;
  g_autofree char *name = NULL, *text = NULL;

  g_object_get (settings->config, "sampler", &name, NULL);
  if (ddpm_sampler_kind_from_name (name, &kind))
    text = g_strdup (ddpm_sampler_kind_get_description (kind));
  else if (settings->n_timesteps > 0)
    text =
      g_strdup_printf ("%s: %s", ddpm_sampler_kind_get_name (kind), ddpm_sampler_kind_get_description (kind));
  gtk_label_set_text (GTK_LABEL (settings->sampler_sentence), text != NULL ? text : "");
}

static GtkWidget *
make_sampler_row (DdpmSettings *settings)
{
  g_autoptr (GtkListStore) rows = gtk_list_store_new (2, G_TYPE_STRING, G_TYPE_STRING);
  GtkWidget *row;

  gtk_list_store_insert_with_values (rows, NULL, -1, 0, DDPM_SAMPLER_AUTO, 1, _ ("As the model recommends"),
                                     -1);
  for (const char *const *name = ddpm_sampler_get_names (); *name != NULL; name++)
    {
      g_autofree char *label = g_ascii_strup (*name, -1);

      gtk_list_store_insert_with_values (rows, NULL, -1, 0, *name, 1, label, -1);
    }
  row = make_combo_row (settings, "sampler", rows);
  settings->sampler_sentence = make_hint ();
  gtk_label_set_line_wrap (GTK_LABEL (settings->sampler_sentence), TRUE);
  gtk_label_set_max_width_chars (GTK_LABEL (settings->sampler_sentence), SENTENCE_CHARS);
  gtk_grid_attach (GTK_GRID (row), settings->sampler_sentence, COLUMN_ENTRY, 1, 1, 1);
  g_signal_connect_swapped (settings->config, "notify::sampler", G_CALLBACK (update_sampler), settings);
  update_sampler (settings);
  return row;
}

static GtkWidget *
make_label_row (DdpmSettings *settings)
{
  settings->label_rows = gtk_list_store_new (2, G_TYPE_STRING, G_TYPE_STRING);
  settings->label_row = make_combo_row (settings, "label", settings->label_rows);
  return settings->label_row;
}

static void
update_guidance (DdpmSettings *settings)
{
  g_autofree char *label = NULL;

  if (settings->guidance_row == NULL || settings->label_row == NULL)
    return;
  g_object_get (settings->config, "label", &label, NULL);
  gtk_widget_set_sensitive (settings->guidance_row, gtk_widget_get_sensitive (settings->label_row)
                                                      && label != NULL
                                                      && !g_str_equal (label, DDPM_LABEL_NONE));
}

static GtkWidget *
make_guidance_row (DdpmSettings *settings)
{
  const Row row = { "guidance", ROW_SCALE, FALSE, 0, MAX_GUIDANCE, 0.1 };

  settings->guidance_row = make_scale (settings, &row);
  g_signal_connect_swapped (settings->config, "notify::label", G_CALLBACK (update_guidance), settings);
  return settings->guidance_row;
}

/* "= step 500 of 1000", as in Ho et al. and in the parasites' strength. */
static void
update_strength (DdpmSettings *settings)
{
  g_autofree char *text = NULL;
  double strength;

  if (settings->strength_step == NULL)
    return;
  g_object_get (settings->config, "strength", &strength, NULL);
  if (settings->n_timesteps == 0)
    text = g_strdup ("");
  else if (strength <= 0)
    text = g_strdup (_ ("0 % = no noise: the layer stays as it is"));
  else
    text = g_strdup_printf (_ ("%.0f %% = step %ld of %u"), strength,
                            lround (strength / 100.0 * (settings->n_timesteps - 1)), settings->n_timesteps);
  gtk_label_set_text (GTK_LABEL (settings->strength_step), text);
}

static GtkWidget *
make_strength_row (DdpmSettings *settings)
{
  const Row row = { "strength", ROW_SCALE, FALSE, 0, 100, 1 };
  GtkWidget *scale = make_scale (settings, &row);

  settings->strength_step = make_hint ();
  gtk_grid_attach (GTK_GRID (scale), settings->strength_step, COLUMN_ENTRY, 1, 2, 1);
  g_signal_connect_swapped (settings->config, "notify::strength", G_CALLBACK (update_strength), settings);
  return scale;
}

static void
draw_seed (DdpmSettings *settings)
{
  g_object_set (settings->config, "seed", (int) ddpm_arguments_draw_seed (), "dialog-new-seed", FALSE, NULL);
}

static GtkWidget *
make_seed_row (DdpmSettings *settings)
{
  const Row row = { "seed", ROW_SPIN, FALSE, 0, DDPM_MAX_SEED, 1 };
  GtkWidget *spin = make_spin (settings, &row), *dice = ddpm_dice_button_new ();

  gtk_grid_attach (GTK_GRID (spin), dice, COLUMN_AFTER_SPIN, 0, 1, 1);
  gtk_widget_show (dice);
  g_signal_connect_swapped (dice, "clicked", G_CALLBACK (draw_seed), settings);
  g_object_bind_property (settings->config, "dialog-new-seed",
                          gimp_label_spin_get_spin_button (GIMP_LABEL_SPIN (spin)), "sensitive",
                          G_BINDING_SYNC_CREATE | G_BINDING_INVERT_BOOLEAN);
  return spin;
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

static GtkWidget *
make_eta_row (DdpmSettings *settings)
{
  const Row row = { "eta", ROW_SCALE, TRUE, 0, 1, 0.01 };
  GtkWidget *scale = make_scale (settings, &row);

  gimp_procedure_dialog_set_sensitive_if_in (settings->dialog, "eta", NULL, "sampler",
                                             make_string_values ("ddpm"), FALSE);
  return scale;
}

/* Below 0 there is no ladder, which people say by a tick. */
static void
show_ladder (DdpmSettings *settings)
{
  double ladder_to;

  g_object_get (settings->config, "ladder-to", &ladder_to, NULL);
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (settings->ladder_check), ladder_to >= 0);
  gtk_widget_set_sensitive (settings->ladder_spin, ladder_to >= 0);
  if (ladder_to >= 0)
    gtk_spin_button_set_value (GTK_SPIN_BUTTON (settings->ladder_spin), ladder_to);
}

static void
ladder_changed (DdpmSettings *settings)
{
  const gboolean wanted = gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (settings->ladder_check));
  const double value = gtk_spin_button_get_value (GTK_SPIN_BUTTON (settings->ladder_spin));
  double ladder_to;

  g_object_get (settings->config, "ladder-to", &ladder_to, NULL);
  if (wanted ? ladder_to != value : ladder_to >= 0)
    g_object_set (settings->config, "ladder-to", wanted ? value : -1.0, NULL);
}

static GtkWidget *
make_ladder_row (DdpmSettings *settings)
{
  GParamSpec *pspec = find_property (settings, "ladder-to");
  GtkWidget *row = gtk_grid_new ();

  settings->ladder_check = gtk_check_button_new_with_mnemonic (g_param_spec_get_nick (pspec));
  settings->ladder_spin = gtk_spin_button_new_with_range (0, 100, 1);
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (settings->ladder_spin), 100);
  gtk_widget_set_tooltip_text (row, g_param_spec_get_blurb (pspec));
  gtk_grid_set_column_spacing (GTK_GRID (row), 6);
  gtk_grid_attach (GTK_GRID (row), settings->ladder_check, 0, 0, 1, 1);
  gtk_grid_attach (GTK_GRID (row), settings->ladder_spin, COLUMN_ENTRY, 0, 1, 1);
  gtk_size_group_add_widget (settings->labels, settings->ladder_check);
  name_entry (settings->ladder_spin, (gpointer) g_param_spec_get_nick (pspec));
  gtk_widget_show_all (row);
  show_ladder (settings);
  g_signal_connect_swapped (settings->config, "notify::ladder-to", G_CALLBACK (show_ladder), settings);
  g_signal_connect_swapped (settings->ladder_check, "toggled", G_CALLBACK (ladder_changed), settings);
  g_signal_connect_swapped (settings->ladder_spin, "value-changed", G_CALLBACK (ladder_changed), settings);
  return row;
}

static const Row rows[] = {
  { "model", ROW_SPECIAL, .make = make_model_row },
  { "label", ROW_SPECIAL, .make = make_label_row },
  { "guidance", ROW_SPECIAL, .make = make_guidance_row },
  { "count", ROW_SPIN, FALSE, 1, DDPM_MAX_COUNT, 1 },
  { "width", ROW_SPIN, FALSE, 0, MAX_SIZE, 1 },
  { "height", ROW_SPIN, FALSE, 0, MAX_SIZE, 1 },
  { "sizing", ROW_CHOICE, .choices = sizings },
  { "seamless", ROW_CHOICE, .choices = seams },
  { "strength", ROW_SPECIAL, .make = make_strength_row },
  { "ladder-to", ROW_SPECIAL, .make = make_ladder_row },
  { "method", ROW_CHOICE, .choices = methods },
  { "shared", ROW_SCALE, FALSE, 0, 100, 1 },
  { "seed", ROW_SPECIAL, .make = make_seed_row },
  { "dialog-new-seed", ROW_CHECK },
  { "visible", ROW_CHECK },
  { "new-image", ROW_CHECK },
  { "sampler", ROW_SPECIAL, .is_more = TRUE, .make = make_sampler_row },
  { "steps", ROW_SPIN, TRUE, 0, MAX_STEPS, 1 },
  { "spacing", ROW_CHOICE, .is_more = TRUE, .choices = spacings, .is_rare = TRUE },
  { "sigmas", ROW_CHOICE, .is_more = TRUE, .choices = sigmas, .is_rare = TRUE },
  { "eta", ROW_SPECIAL, .is_more = TRUE, .make = make_eta_row },
  { "resamplings", ROW_SPIN, TRUE, 1, MAX_RESAMPLINGS, 1 },
};

static GtkWidget *
make_row (DdpmSettings *settings, const Row *row)
{
  switch (row->kind)
    {
    case ROW_SPIN:
      return make_spin (settings, row);
    case ROW_SCALE:
      return make_scale (settings, row);
    case ROW_CHOICE:
      return make_choice (settings, row);
    case ROW_CHECK:
      return gimp_procedure_dialog_get_widget (settings->dialog, row->property, G_TYPE_NONE);
    case ROW_SPECIAL:
      return row->make (settings);
    }
  g_return_val_if_reached (NULL);
}

static void
add_row (DdpmSettings *settings, GtkWidget *box, const Row *row)
{
  GParamSpec *pspec = find_property (settings, row->property);
  GtkWidget *widget;

  if (pspec == NULL)
    return;
  widget = make_row (settings, row);
  if (GIMP_IS_LABELED (widget))
    {
      gtk_size_group_add_widget (settings->labels, gimp_labeled_get_label (GIMP_LABELED (widget)));
      gtk_container_foreach (GTK_CONTAINER (widget), name_entry, (gpointer) g_param_spec_get_nick (pspec));
    }
  gtk_box_pack_start (GTK_BOX (box), widget, FALSE, FALSE, 0);
  gtk_widget_show (widget);
}

static gboolean
is_initial (DdpmSettings *settings, const char *property)
{
  GParamSpec *pspec = find_property (settings, property);
  g_auto (GValue) value = G_VALUE_INIT;

  g_value_init (&value, pspec->value_type);
  g_object_get_property (G_OBJECT (settings->config), property, &value);
  return g_param_value_defaults (pspec, &value);
}

/* What the model recommends serves nearly always; folded up unless something else was chosen the last time.
 */
static GtkWidget *
make_more (DdpmSettings *settings)
{
  GtkWidget *more = gtk_expander_new_with_mnemonic (_ ("Sampling and _quality")),
            *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, SPACING_px);
  gboolean chosen = FALSE;

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (rows[i].is_more && find_property (settings, rows[i].property) != NULL)
      {
        const gboolean initial = is_initial (settings, rows[i].property);

        if (!rows[i].is_rare || !initial)
          add_row (settings, box, &rows[i]);
        chosen |= !initial;
      }
  gtk_widget_set_margin_top (box, SPACING_px);
  gtk_widget_show (box);
  gtk_container_add (GTK_CONTAINER (more), box);
  gtk_expander_set_expanded (GTK_EXPANDER (more), chosen);
  gtk_widget_show (more);
  return more;
}

DdpmSettings *
ddpm_settings_new (GimpProcedureDialog *dialog, GimpProcedureConfig *config)
{
  DdpmSettings *settings = g_new0 (DdpmSettings, 1);

  settings->dialog = dialog;
  settings->config = config;
  settings->labels = gtk_size_group_new (GTK_SIZE_GROUP_HORIZONTAL);
  settings->box = gtk_box_new (GTK_ORIENTATION_VERTICAL, SPACING_px);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    if (!rows[i].is_more)
      add_row (settings, settings->box, &rows[i]);
  gtk_box_pack_start (GTK_BOX (settings->box), make_more (settings), FALSE, FALSE, 0);
  gtk_widget_show (settings->box);
  return settings;
}

void
ddpm_settings_free (DdpmSettings *settings)
{
  g_signal_handlers_disconnect_by_data (settings->config, settings);
  g_clear_object (&settings->label_rows);
  g_object_unref (settings->labels);
  g_free (settings);
}

GtkWidget *
ddpm_settings_get_widget (DdpmSettings *settings)
{
  return settings->box;
}

static void
add_label (DdpmSettings *settings, const char *label, const char *text)
{
  gtk_list_store_insert_with_values (settings->label_rows, NULL, -1, 0, label, 1, text, -1);
}

/* A label that the model does not have is forgotten. */
static void
fill_labels (DdpmSettings *settings, char **labels)
{
  GParamSpec *pspec = g_object_class_find_property (G_OBJECT_GET_CLASS (settings->config), "label");
  const char *initial = G_PARAM_SPEC_STRING (pspec)->default_value;
  const gboolean has_labels = labels != NULL && labels[0] != NULL;
  g_autofree char *chosen = NULL;

  if (initial == NULL || initial[0] == '\0')
    initial = DDPM_LABEL_NONE;
  g_object_get (settings->config, "label", &chosen, NULL);
  gtk_list_store_clear (settings->label_rows);
  if (has_labels)
    {
      add_label (settings, DDPM_LABEL_ANY, _ ("Any, drawn for each picture"));
      add_label (settings, DDPM_LABEL_NONE, _ ("None in particular"));
    }
  else
    add_label (settings, initial, _ ("The model has none"));
  for (char **label = labels; has_labels && *label != NULL; label++)
    add_label (settings, *label, *label);

  if (has_labels && chosen != NULL
      && (g_strv_contains ((const char *const *) labels, chosen) || g_str_equal (chosen, DDPM_LABEL_ANY)))
    initial = chosen;
  g_object_set (settings->config, "label", initial, NULL);
  gtk_widget_set_sensitive (settings->label_row, has_labels);
}

void
ddpm_settings_set_model (DdpmSettings *settings, const DdpmModel *model)
{
  DdpmSampleOptions recommended;

  settings->n_timesteps = model != NULL ? model->scheduler.num_train_timesteps : 0;
  if (settings->label_row != NULL)
    fill_labels (settings, model != NULL ? model->notes.labels : NULL);
  if (model != NULL)
    {
      ddpm_sample_options_init (&recommended, model);
      settings->recommended = recommended.sampler;
    }
  update_sampler (settings);
  update_guidance (settings);
  update_strength (settings);
}
