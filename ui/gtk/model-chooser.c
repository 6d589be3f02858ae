#include "ui/gtk/model-chooser.h"

#include <glib/gi18n.h>

#include "core/ddpm.h"

typedef enum
{
  ROW_MODEL,
  ROW_SEPARATOR,
  ROW_OTHER
} RowKind;

enum
{
  COLUMN_KIND,  /* RowKind */
  COLUMN_MODEL, /* value of the property */
  COLUMN_LABEL,
  N_COLUMNS
};

enum
{
  PROP_0,
  PROP_MODEL,
  PROP_DEFAULT_MODEL,
  PROP_LABEL,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

struct _DdpmModelChooser
{
  GtkGrid parent_instance;

  char *default_model;
  char *model; /* never NULL */
  GtkListStore *rows;
  GtkWidget *label, *combo, *warning, *description;
};

G_DEFINE_TYPE (DdpmModelChooser, ddpm_model_chooser, GTK_TYPE_GRID)

/* "32 × 32 pixels, colour with transparency", and on a second line "Recommended: DDIM, 50 steps". */
static char *
describe_model (const DdpmModel *model)
{
  static const char *const kinds[] = { N_ ("grey"), N_ ("grey with transparency"), N_ ("colour"),
                                       N_ ("colour with transparency") };
  const DdpmUnetConfig *config = ddpm_unet_get_config (model->unet);
  GString *text = g_string_new (NULL);

  if (config->sample_width > 0 && config->sample_height > 0)
    g_string_append_printf (text, _ ("%u × %u pixels, "), config->sample_width, config->sample_height);
  g_string_append (text, _ (kinds[CLAMP (config->in_channels, 1, G_N_ELEMENTS (kinds)) - 1]));
  if (model->notes.recommended_sampler != NULL && model->notes.recommended_steps > 0)
    {
      g_autofree char *sampler = g_ascii_strup (model->notes.recommended_sampler, -1);

      g_string_append_printf (text, _ ("\nRecommended: %s, %u steps"), sampler,
                              model->notes.recommended_steps);
    }
  return g_string_free (text, FALSE);
}

static void
update_description (DdpmModelChooser *chooser)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GFile) folder = NULL;
  g_autoptr (DdpmModel) model = NULL;
  g_autofree char *text = NULL;

  if (chooser->model[0] != '\0')
    {
      folder = ddpm_model_find (chooser->model, NULL, &error);
      if (folder != NULL)
        model = ddpm_model_open_header (folder, &error);
      text = model != NULL ? describe_model (model) : g_strdup (error->message);
    }
  else
    text = g_strdup (_ ("No model is installed: choose the folder of one."));

  gtk_label_set_text (GTK_LABEL (chooser->description), text);
  gtk_widget_set_visible (chooser->warning, model == NULL);
}

/* FALSE if there is no row of that model. */
static gboolean
find_row (DdpmModelChooser *chooser, const char *model, GtkTreeIter *iter)
{
  GtkTreeModel *rows = GTK_TREE_MODEL (chooser->rows);
  gboolean valid;

  for (valid = gtk_tree_model_get_iter_first (rows, iter); valid;
       valid = gtk_tree_model_iter_next (rows, iter))
    {
      g_autofree char *here = NULL;

      gtk_tree_model_get (rows, iter, COLUMN_MODEL, &here, -1);
      if (g_strcmp0 (here, model) == 0)
        return TRUE;
    }
  return FALSE;
}

static void
add_row (DdpmModelChooser *chooser, int position, RowKind kind, const char *model, GtkTreeIter *iter)
{
  g_autofree char *label = NULL;
  GtkTreeIter unused;

  if (kind == ROW_OTHER)
    label = g_strdup (_ ("Other folder…"));
  else if (model != NULL)
    label = g_filename_display_basename (model);
  gtk_list_store_insert_with_values (chooser->rows, iter != NULL ? iter : &unused, position, COLUMN_KIND,
                                     kind, COLUMN_MODEL, model, COLUMN_LABEL, label, -1);
}

static void
set_model (DdpmModelChooser *chooser, const char *model)
{
  GtkTreeIter iter;

  if (model == NULL || model[0] == '\0')
    model = chooser->default_model != NULL ? chooser->default_model : "";
  if (g_strcmp0 (model, chooser->model) != 0)
    {
      g_free (chooser->model);
      chooser->model = g_strdup (model);
    }

  if (chooser->model[0] != '\0')
    {
      /* a folder of the user's comes first, under its last part */
      if (!find_row (chooser, chooser->model, &iter))
        add_row (chooser, 0, ROW_MODEL, chooser->model, &iter);
      gtk_combo_box_set_active_iter (GTK_COMBO_BOX (chooser->combo), &iter);
    }
  else
    gtk_combo_box_set_active (GTK_COMBO_BOX (chooser->combo), -1);
  gtk_widget_set_tooltip_text (chooser->combo, chooser->model);
  update_description (chooser);
  g_object_notify_by_pspec (G_OBJECT (chooser), props[PROP_MODEL]);
}

/* Run when the combo box's list has gone. */
static gboolean
ask_for_folder (gpointer user_data)
{
  g_autoptr (DdpmModelChooser) chooser = user_data;
  GtkWidget *top = gtk_widget_get_toplevel (GTK_WIDGET (chooser));
  GtkWidget *dialog =
    gtk_file_chooser_dialog_new (_ ("Choose a Model Folder"), GTK_IS_WINDOW (top) ? GTK_WINDOW (top) : NULL,
                                 GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER, _ ("_Cancel"), GTK_RESPONSE_CANCEL,
                                 _ ("_Open"), GTK_RESPONSE_ACCEPT, NULL);
  g_autofree char *path = NULL;

  gtk_dialog_set_default_response (GTK_DIALOG (dialog), GTK_RESPONSE_ACCEPT);
  if (g_path_is_absolute (chooser->model))
    gtk_file_chooser_set_filename (GTK_FILE_CHOOSER (dialog), chooser->model);
  else
    gtk_file_chooser_set_current_folder (GTK_FILE_CHOOSER (dialog), g_get_home_dir ());
  if (gtk_dialog_run (GTK_DIALOG (dialog)) == GTK_RESPONSE_ACCEPT)
    path = gtk_file_chooser_get_filename (GTK_FILE_CHOOSER (dialog));
  gtk_widget_destroy (dialog);

  /* cancelled: back to what was chosen before */
  set_model (chooser, path != NULL ? path : chooser->model);
  return G_SOURCE_REMOVE;
}

static void
combo_changed (GtkComboBox *combo, DdpmModelChooser *chooser)
{
  g_autofree char *model = NULL;
  GtkTreeIter iter;
  int kind;

  if (!gtk_combo_box_get_active_iter (combo, &iter))
    return;
  gtk_tree_model_get (GTK_TREE_MODEL (chooser->rows), &iter, COLUMN_KIND, &kind, COLUMN_MODEL, &model, -1);
  if (kind == ROW_OTHER)
    g_idle_add (ask_for_folder, g_object_ref (chooser));
  else if (g_strcmp0 (model, chooser->model) != 0)
    set_model (chooser, model);
}

static gboolean
row_is_separator (GtkTreeModel *rows, GtkTreeIter *iter, gpointer user_data)
{
  int kind;

  gtk_tree_model_get (rows, iter, COLUMN_KIND, &kind, -1);
  return kind == ROW_SEPARATOR;
}

static void
fill_rows (DdpmModelChooser *chooser)
{
  g_auto (GStrv) models = ddpm_model_list (NULL);

  for (char **model = models; model != NULL && *model != NULL; model++)
    add_row (chooser, -1, ROW_MODEL, *model, NULL);
  add_row (chooser, -1, ROW_SEPARATOR, NULL, NULL);
  add_row (chooser, -1, ROW_OTHER, NULL, NULL);
}

static void
ddpm_model_chooser_constructed (GObject *object)
{
  DdpmModelChooser *chooser = DDPM_MODEL_CHOOSER (object);
  GtkWidget *line = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  GtkCellRenderer *cell = gtk_cell_renderer_text_new ();

  G_OBJECT_CLASS (ddpm_model_chooser_parent_class)->constructed (object);
  gtk_grid_set_column_spacing (GTK_GRID (chooser), 6);
  gtk_grid_set_row_spacing (GTK_GRID (chooser), 3);
  fill_rows (chooser);

  gtk_label_set_xalign (GTK_LABEL (chooser->label), 0.0);
  gtk_label_set_mnemonic_widget (GTK_LABEL (chooser->label), chooser->combo);
  gtk_grid_attach (GTK_GRID (chooser), chooser->label, 0, 0, 1, 1);

  gtk_combo_box_set_model (GTK_COMBO_BOX (chooser->combo), GTK_TREE_MODEL (chooser->rows));
  gtk_combo_box_set_row_separator_func (GTK_COMBO_BOX (chooser->combo), row_is_separator, NULL, NULL);
  gtk_cell_layout_pack_start (GTK_CELL_LAYOUT (chooser->combo), cell, TRUE);
  gtk_cell_layout_add_attribute (GTK_CELL_LAYOUT (chooser->combo), cell, "text", COLUMN_LABEL);
  gtk_widget_set_hexpand (chooser->combo, TRUE);
  gtk_grid_attach (GTK_GRID (chooser), chooser->combo, 1, 0, 1, 1);

  gtk_label_set_xalign (GTK_LABEL (chooser->description), 0.0);
  gtk_label_set_line_wrap (GTK_LABEL (chooser->description), TRUE);
  gtk_label_set_line_wrap_mode (GTK_LABEL (chooser->description), PANGO_WRAP_WORD_CHAR);
  gtk_label_set_max_width_chars (GTK_LABEL (chooser->description), 50);
  gtk_style_context_add_class (gtk_widget_get_style_context (chooser->description),
                               GTK_STYLE_CLASS_DIM_LABEL);
  gtk_box_pack_start (GTK_BOX (line), chooser->warning, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (line), chooser->description, TRUE, TRUE, 0);
  gtk_grid_attach (GTK_GRID (chooser), line, 1, 1, 1, 1);

  gtk_widget_show (chooser->label);
  gtk_widget_show (chooser->combo);
  gtk_widget_show (chooser->description);
  gtk_widget_show (line);
  g_signal_connect (chooser->combo, "changed", G_CALLBACK (combo_changed), chooser);
  set_model (chooser, NULL);
}

static void
ddpm_model_chooser_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  DdpmModelChooser *chooser = DDPM_MODEL_CHOOSER (object);

  switch (id)
    {
    case PROP_MODEL:
      set_model (chooser, g_value_get_string (value));
      break;
    case PROP_DEFAULT_MODEL:
      chooser->default_model = g_value_dup_string (value);
      break;
    case PROP_LABEL:
      gtk_label_set_text_with_mnemonic (GTK_LABEL (chooser->label), g_value_get_string (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
ddpm_model_chooser_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  DdpmModelChooser *chooser = DDPM_MODEL_CHOOSER (object);

  switch (id)
    {
    case PROP_MODEL:
      g_value_set_string (value, chooser->model);
      break;
    case PROP_DEFAULT_MODEL:
      g_value_set_string (value, chooser->default_model);
      break;
    case PROP_LABEL:
      g_value_set_string (value, gtk_label_get_label (GTK_LABEL (chooser->label)));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
ddpm_model_chooser_finalize (GObject *object)
{
  DdpmModelChooser *chooser = DDPM_MODEL_CHOOSER (object);

  g_free (chooser->default_model);
  g_free (chooser->model);
  g_object_unref (chooser->rows);
  G_OBJECT_CLASS (ddpm_model_chooser_parent_class)->finalize (object);
}

static void
ddpm_model_chooser_class_init (DdpmModelChooserClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  object_class->constructed = ddpm_model_chooser_constructed;
  object_class->set_property = ddpm_model_chooser_set_property;
  object_class->get_property = ddpm_model_chooser_get_property;
  object_class->finalize = ddpm_model_chooser_finalize;

  props[PROP_MODEL] = g_param_spec_string (
    "model", NULL, NULL, "", G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  props[PROP_DEFAULT_MODEL] = g_param_spec_string (
    "default-model", NULL, NULL, NULL, G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  props[PROP_LABEL] = g_param_spec_string (
    "label", NULL, NULL, "", G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
ddpm_model_chooser_init (DdpmModelChooser *chooser)
{
  chooser->model = g_strdup ("");
  chooser->rows = gtk_list_store_new (N_COLUMNS, G_TYPE_INT, G_TYPE_STRING, G_TYPE_STRING);
  chooser->label = gtk_label_new (NULL);
  chooser->combo = gtk_combo_box_new ();
  chooser->warning = gtk_image_new_from_icon_name ("dialog-warning-symbolic", GTK_ICON_SIZE_MENU);
  chooser->description = gtk_label_new (NULL);
}

GtkWidget *
ddpm_model_chooser_new (const char *label, const char *default_model)
{
  return g_object_new (DDPM_TYPE_MODEL_CHOOSER, "label", label, "default-model", default_model, NULL);
}

GtkWidget *
ddpm_model_chooser_get_label (DdpmModelChooser *chooser)
{
  g_return_val_if_fail (DDPM_IS_MODEL_CHOOSER (chooser), NULL);

  return chooser->label;
}
