#include "ui/gtk/model-chooser.h"

#include <glib/gi18n.h>

#include "core/ddpm.h"
#include "ui/gtk/model-card.h"
#include "ui/gtk/model-folders.h"

#define ROW_THUMBNAIL_px 24
#define THUMBNAIL_px 68
#define TEXT_CHARS 34

typedef enum
{
  ROW_MODEL,
  ROW_SEPARATOR,
  ROW_ADD
} RowKind;

enum
{
  COLUMN_KIND,  /* RowKind */
  COLUMN_MODEL, /* value of the property */
  COLUMN_LABEL,
  COLUMN_THUMBNAIL, /* GdkPixbuf or NULL */
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
  GtkWidget *label, *combo;
  GtkWidget *picture; /* the chosen model's thumbnail, or a warning sign */
  GtkWidget *card, *description;
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

/* Small pictures in whole pixels. */
static void
show_picture (DdpmModelChooser *chooser, GdkPixbuf *thumbnail)
{
  g_autoptr (GdkPixbuf) larger = NULL;

  gtk_widget_set_visible (chooser->picture, thumbnail != NULL);
  if (thumbnail == NULL)
    return;
  if (2 * MAX (gdk_pixbuf_get_width (thumbnail), gdk_pixbuf_get_height (thumbnail)) <= THUMBNAIL_px)
    thumbnail = larger = gdk_pixbuf_scale_simple (thumbnail, 2 * gdk_pixbuf_get_width (thumbnail),
                                                  2 * gdk_pixbuf_get_height (thumbnail), GDK_INTERP_NEAREST);
  gtk_image_set_from_pixbuf (GTK_IMAGE (chooser->picture), thumbnail);
}

static void
show_warning (DdpmModelChooser *chooser, const char *text)
{
  gtk_image_set_from_icon_name (GTK_IMAGE (chooser->picture), "dialog-warning", GTK_ICON_SIZE_DND);
  gtk_widget_show (chooser->picture);
  gtk_widget_hide (chooser->card);
  gtk_label_set_text (GTK_LABEL (chooser->description), text);
}

static void
update_description (DdpmModelChooser *chooser)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GFile) folder = NULL;
  g_autoptr (DdpmModel) model = NULL;
  g_auto (DdpmModelCard) card = { 0 };
  g_autofree char *text = NULL;

  if (chooser->model[0] == '\0')
    {
      show_warning (chooser, _ ("No model is installed: add the folder of one."));
      return;
    }
  folder = ddpm_model_find (chooser->model, NULL, &error);
  if (folder != NULL)
    model = ddpm_model_open_header (folder, &error);
  if (model == NULL)
    {
      show_warning (chooser, error->message);
      return;
    }
  card = ddpm_model_card_read (folder, THUMBNAIL_px);
  text = describe_model (model);
  show_picture (chooser, card.thumbnail);
  gtk_label_set_text (GTK_LABEL (chooser->card), card.line != NULL ? card.line : "");
  gtk_widget_set_visible (chooser->card, card.line != NULL);
  gtk_label_set_text (GTK_LABEL (chooser->description), text);
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
  g_auto (DdpmModelCard) card = { 0 };
  g_autofree char *label = NULL;
  GtkTreeIter unused;

  if (kind == ROW_ADD)
    label = g_strdup (_ ("Add Folder…"));
  else if (model != NULL)
    {
      g_autoptr (GFile) folder = ddpm_model_find (model, NULL, NULL);

      label = g_filename_display_basename (model);
      if (folder != NULL)
        card = ddpm_model_card_read (folder, ROW_THUMBNAIL_px);
    }
  gtk_list_store_insert_with_values (chooser->rows, iter != NULL ? iter : &unused, position, COLUMN_KIND,
                                     kind, COLUMN_MODEL, model, COLUMN_LABEL, label, COLUMN_THUMBNAIL,
                                     card.thumbnail, -1);
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

/* What is chosen from now on; in front, where the list does not have it. */
static void
add_folder (DdpmModelChooser *chooser, const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *model = ddpm_model_folders_add (path, &error);
  g_auto (GStrv) models = NULL;

  if (model == NULL)
    {
      set_model (chooser, chooser->model);
      show_warning (chooser, error->message);
      return;
    }
  models = ddpm_model_folders_list ();
  for (char **other = models; *other != NULL; other++)
    {
      GtkTreeIter iter;

      if (!find_row (chooser, *other, &iter))
        add_row (chooser, 0, ROW_MODEL, *other, NULL);
    }
  set_model (chooser, model);
}

/* Run when the combo box's list has gone. */
static gboolean
ask_for_folder (gpointer user_data)
{
  g_autoptr (DdpmModelChooser) chooser = user_data;
  GtkWidget *top = gtk_widget_get_toplevel (GTK_WIDGET (chooser));
  GtkWidget *dialog = gtk_file_chooser_dialog_new (
    _ ("Add a Folder with Models"), GTK_IS_WINDOW (top) ? GTK_WINDOW (top) : NULL,
    GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER, _ ("_Cancel"), GTK_RESPONSE_CANCEL, _ ("_Add"),
    GTK_RESPONSE_ACCEPT, NULL);
  g_autofree char *path = NULL;

  gtk_dialog_set_default_response (GTK_DIALOG (dialog), GTK_RESPONSE_ACCEPT);
  if (g_path_is_absolute (chooser->model))
    gtk_file_chooser_set_filename (GTK_FILE_CHOOSER (dialog), chooser->model);
  else
    gtk_file_chooser_set_current_folder (GTK_FILE_CHOOSER (dialog), g_get_home_dir ());
  if (gtk_dialog_run (GTK_DIALOG (dialog)) == GTK_RESPONSE_ACCEPT)
    path = gtk_file_chooser_get_filename (GTK_FILE_CHOOSER (dialog));
  gtk_widget_destroy (dialog);

  if (path != NULL)
    add_folder (chooser, path);
  else
    set_model (chooser, chooser->model);
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
  if (kind == ROW_ADD)
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
  g_auto (GStrv) models = ddpm_model_list (NULL), added = ddpm_model_folders_list ();

  for (char **model = models; model != NULL && *model != NULL; model++)
    add_row (chooser, -1, ROW_MODEL, *model, NULL);
  for (char **model = added; *model != NULL; model++)
    add_row (chooser, -1, ROW_MODEL, *model, NULL);
  add_row (chooser, -1, ROW_SEPARATOR, NULL, NULL);
  add_row (chooser, -1, ROW_ADD, NULL, NULL);
}

static void
set_up_text (GtkWidget *label)
{
  gtk_label_set_xalign (GTK_LABEL (label), 0.0);
  gtk_label_set_line_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_line_wrap_mode (GTK_LABEL (label), PANGO_WRAP_WORD_CHAR);
  gtk_label_set_width_chars (GTK_LABEL (label), TEXT_CHARS);
  gtk_label_set_max_width_chars (GTK_LABEL (label), TEXT_CHARS);
  gtk_widget_show (label);
}

static void
set_up_combo (DdpmModelChooser *chooser)
{
  GtkCellLayout *layout = GTK_CELL_LAYOUT (chooser->combo);
  GtkCellRenderer *picture = gtk_cell_renderer_pixbuf_new (), *name = gtk_cell_renderer_text_new ();

  gtk_combo_box_set_model (GTK_COMBO_BOX (chooser->combo), GTK_TREE_MODEL (chooser->rows));
  gtk_combo_box_set_row_separator_func (GTK_COMBO_BOX (chooser->combo), row_is_separator, NULL, NULL);
  g_object_set (picture, "width", ROW_THUMBNAIL_px + 6, NULL);
  gtk_cell_layout_pack_start (layout, picture, FALSE);
  gtk_cell_layout_add_attribute (layout, picture, "pixbuf", COLUMN_THUMBNAIL);
  gtk_cell_layout_pack_start (layout, name, TRUE);
  gtk_cell_layout_add_attribute (layout, name, "text", COLUMN_LABEL);
  gtk_widget_set_hexpand (chooser->combo, TRUE);
  gtk_widget_show (chooser->combo);
  g_signal_connect (chooser->combo, "changed", G_CALLBACK (combo_changed), chooser);
}

static void
ddpm_model_chooser_constructed (GObject *object)
{
  DdpmModelChooser *chooser = DDPM_MODEL_CHOOSER (object);
  GtkWidget *about = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  GtkWidget *texts = gtk_box_new (GTK_ORIENTATION_VERTICAL, 2);

  G_OBJECT_CLASS (ddpm_model_chooser_parent_class)->constructed (object);
  gtk_grid_set_column_spacing (GTK_GRID (chooser), 6);
  gtk_grid_set_row_spacing (GTK_GRID (chooser), 6);
  fill_rows (chooser);

  gtk_label_set_xalign (GTK_LABEL (chooser->label), 0.0);
  gtk_label_set_mnemonic_widget (GTK_LABEL (chooser->label), chooser->combo);
  gtk_widget_show (chooser->label);
  gtk_grid_attach (GTK_GRID (chooser), chooser->label, 0, 0, 1, 1);
  set_up_combo (chooser);
  gtk_grid_attach (GTK_GRID (chooser), chooser->combo, 1, 0, 1, 1);

  gtk_widget_set_valign (chooser->picture, GTK_ALIGN_START);
  set_up_text (chooser->card);
  set_up_text (chooser->description);
  gtk_style_context_add_class (gtk_widget_get_style_context (chooser->description),
                               GTK_STYLE_CLASS_DIM_LABEL);
  gtk_box_pack_start (GTK_BOX (texts), chooser->card, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (texts), chooser->description, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (about), chooser->picture, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (about), texts, TRUE, TRUE, 0);
  gtk_widget_show (texts);
  gtk_widget_show (about);
  gtk_grid_attach (GTK_GRID (chooser), about, 0, 1, 2, 1);
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
  chooser->rows = gtk_list_store_new (N_COLUMNS, G_TYPE_INT, G_TYPE_STRING, G_TYPE_STRING, GDK_TYPE_PIXBUF);
  chooser->label = gtk_label_new (NULL);
  chooser->combo = gtk_combo_box_new ();
  chooser->picture = gtk_image_new ();
  chooser->card = gtk_label_new (NULL);
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
