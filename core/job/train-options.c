/* Most options of a training run are single numbers; they stand in one table, and checking, defaulting,
 * storing and comparing walk over it. The network's shape, its pixels and its schedule are handled by
 * train-plan.c, which also stores them, as the model's own configuration. */
#include "core/job/train-options.h"

#include <math.h>

#include "core/base/error.h"
#include "core/job/sample-job.h"

typedef enum
{
  TYPE_UINT,
  TYPE_COUNT, /* guint64 */
  TYPE_REAL,
  TYPE_SWITCH, /* gboolean; FALSE: open, and the default */
} FieldType;

typedef struct
{
  const char *key;    /* in options.json */
  const char *option; /* on the command line */
  FieldType type;
  gsize offset;
  double least, most; /* both allowed */
  double fallback;
  gboolean may_change; /* when the run is resumed */
  gboolean is_newer;   /* files of earlier versions lack it, which counts as 0 */
} Field;

#define FIELD(member) offsetof (DdpmTrainOptions, member)

static const Field fields[] = {
  { "layers_per_block", "--layers", TYPE_UINT, FIELD (layers_per_block), 1, 16, 2 },
  { "batch", "--batch", TYPE_UINT, FIELD (batch), 1, 4096, 32 },
  { "steps", "--steps", TYPE_COUNT, FIELD (steps), 1, 1e9, 20000, .may_change = TRUE },
  { "lr", "--lr", TYPE_REAL, FIELD (lr), 1e-12, 1, 2e-4 },
  { "warmup_steps", "--warmup", TYPE_COUNT, FIELD (warmup_steps), 0, 1e9, 500 },
  { "max_grad_norm", "--max-grad-norm", TYPE_REAL, FIELD (max_grad_norm), 0, 1e9, 1 },
  { "ema", "--ema", TYPE_REAL, FIELD (ema), 0, 0.9999999, 0.9999 },
  { "dropout", "--dropout", TYPE_REAL, FIELD (dropout), 0, 0.99, 0 },
  { "seed", "--seed", TYPE_UINT, FIELD (seed), 0, DDPM_MAX_SEED, 0 },
  { "save_every", "--save-every", TYPE_COUNT, FIELD (save_every), 0, 1e9, 0, .may_change = TRUE },
  { "sample_every", "--sample-every", TYPE_COUNT, FIELD (sample_every), 0, 1e9, 1000, .may_change = TRUE },
  { "flip", "--flip", TYPE_SWITCH, FIELD (flip), 0, 1 },
  { "flip_vertical", "--flip-vertical", TYPE_SWITCH, FIELD (flip_vertical), 0, 1, .is_newer = TRUE },
  { "rotate", "--rotate", TYPE_SWITCH, FIELD (rotate), 0, 1, .is_newer = TRUE },
  { "crop", "--crop", TYPE_UINT, FIELD (crop), 0, 65535, 0, .is_newer = TRUE },
  { "tileable", "--tileable", TYPE_SWITCH, FIELD (tileable), 0, 1, .is_newer = TRUE },
  { "labels", "--labels", TYPE_SWITCH, FIELD (labels), 0, 1, .is_newer = TRUE },
  { "min_label_pictures", "--min-label-pictures", TYPE_UINT, FIELD (min_label_pictures), 1, 1e6, 10,
    .is_newer = TRUE },
  { "label_dropout", "--label-dropout", TYPE_REAL, FIELD (label_dropout), 0, 1, 0.1, .is_newer = TRUE },
  { "held_out", "--held-out", TYPE_UINT, FIELD (held_out), 0, 1e6, DDPM_TRAIN_OPEN, .is_newer = TRUE },
  { "recompute", "--recompute", TYPE_SWITCH, FIELD (recompute), 0, 1, .may_change = TRUE, .is_newer = TRUE },
};

static double
get_value (const DdpmTrainOptions *options, const Field *field)
{
  const void *place = (const char *) options + field->offset;

  switch (field->type)
    {
    case TYPE_UINT:
      return *(const guint *) place;
    case TYPE_COUNT:
      return (double) *(const guint64 *) place;
    case TYPE_SWITCH:
      return *(const gboolean *) place;
    default:
      return *(const double *) place;
    }
}

static void
set_value (DdpmTrainOptions *options, const Field *field, double value)
{
  void *place = (char *) options + field->offset;

  switch (field->type)
    {
    case TYPE_UINT:
      *(guint *) place = (guint) value;
      break;
    case TYPE_COUNT:
      *(guint64 *) place = (guint64) value;
      break;
    case TYPE_SWITCH:
      *(gboolean *) place = value != 0;
      break;
    default:
      *(double *) place = value;
    }
}

static gboolean
is_open (const DdpmTrainOptions *options, const Field *field)
{
  const void *place = (const char *) options + field->offset;

  switch (field->type)
    {
    case TYPE_UINT:
      return *(const guint *) place == DDPM_TRAIN_OPEN;
    case TYPE_COUNT:
      return *(const guint64 *) place == DDPM_TRAIN_OPEN_COUNT;
    case TYPE_SWITCH:
      return !*(const gboolean *) place;
    default:
      return *(const double *) place == DDPM_TRAIN_OPEN_REAL;
    }
}

static void
set_open (DdpmTrainOptions *options, const Field *field)
{
  void *place = (char *) options + field->offset;

  switch (field->type)
    {
    case TYPE_UINT:
      *(guint *) place = DDPM_TRAIN_OPEN;
      break;
    case TYPE_COUNT:
      *(guint64 *) place = DDPM_TRAIN_OPEN_COUNT;
      break;
    case TYPE_SWITCH:
      *(gboolean *) place = FALSE;
      break;
    default:
      *(double *) place = DDPM_TRAIN_OPEN_REAL;
    }
}

void
ddpm_train_options_init (DdpmTrainOptions *options)
{
  *options = (DdpmTrainOptions) {
    .n_attention = DDPM_TRAIN_OPEN,
    .schedule = DDPM_TRAIN_OPEN_SCHEDULE,
    .pixels = DDPM_PIXELS_AUTO,
    .dtype = DDPM_TRAIN_OPEN_DTYPE,
  };
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    set_open (options, &fields[i]);
}

void
ddpm_train_options_clear (DdpmTrainOptions *options)
{
  g_clear_object (&options->pictures);
  g_clear_object (&options->output);
  g_clear_object (&options->from);
}

void
ddpm_train_options_copy (DdpmTrainOptions *copy, const DdpmTrainOptions *options)
{
  *copy = *options;
  if (copy->pictures != NULL)
    g_object_ref (copy->pictures);
  if (copy->output != NULL)
    g_object_ref (copy->output);
  if (copy->from != NULL)
    g_object_ref (copy->from);
}

static gboolean
check_field (const DdpmTrainOptions *options, const Field *field, GError **error)
{
  const double value = get_value (options, field);

  if (is_open (options, field) || (value >= field->least && value <= field->most))
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, "%s must be between %.10g and %.10g, not %.10g",
               field->option, field->least, field->most, value);
  return FALSE;
}

static gboolean
check_lists (const DdpmTrainOptions *options, GError **error)
{
  if (options->n_channels > DDPM_UNET_MAX_LEVELS)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, "--channels takes 1 to %d widths, not %u",
                   DDPM_UNET_MAX_LEVELS, options->n_channels);
      return FALSE;
    }
  for (guint i = 0; i < options->n_channels; i++)
    if (options->channels[i] < 1 || options->channels[i] > 8192)
      {
        g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                     "--channels takes widths between 1 and 8192, not %u", options->channels[i]);
        return FALSE;
      }
  if (options->n_attention != DDPM_TRAIN_OPEN && options->n_attention > DDPM_UNET_MAX_LEVELS)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, "--attention takes at most %d resolutions, not %u",
                   DDPM_UNET_MAX_LEVELS, options->n_attention);
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_labels (const DdpmTrainOptions *options, GError **error)
{
  const char *option = NULL;

  if (options->labels || options->resume)
    return TRUE;
  if (options->min_label_pictures != DDPM_TRAIN_OPEN)
    option = "--min-label-pictures";
  else if (options->label_dropout != DDPM_TRAIN_OPEN_REAL)
    option = "--label-dropout";
  if (option == NULL)
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
               "%s means nothing without --labels; add that, or leave it out", option);
  return FALSE;
}

gboolean
ddpm_train_options_check (const DdpmTrainOptions *options, GError **error)
{
  const guint largest_pixels = 4096;

  if (options->output == NULL)
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                           "Training needs a folder to write the model to; name one with -o");
      return FALSE;
    }
  if (options->pictures == NULL && !options->resume)
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                           "Training needs a folder of pictures; name one");
      return FALSE;
    }
  if (options->width > largest_pixels || options->height > largest_pixels
      || (options->width == 0) != (options->height == 0))
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                   "--size must be between 1 and %u pixels in both directions, not %ux%u", largest_pixels,
                   options->width, options->height);
      return FALSE;
    }
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    if (!check_field (options, &fields[i], error))
      return FALSE;
  if (options->n_threads > 1024)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, "--threads must be between 0 and 1024, not %u",
                   options->n_threads);
      return FALSE;
    }
  if (options->schedule != DDPM_TRAIN_OPEN_SCHEDULE && options->schedule >= DDPM_BETAS_TRAINED)
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                           "--schedule must be one of the schedules that have a formula");
      return FALSE;
    }
  if (options->dtype != DDPM_TRAIN_OPEN_DTYPE && options->dtype != DDPM_DTYPE_F32
      && options->dtype != DDPM_DTYPE_F16)
    {
      g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                           "Weights are written as float16 or float32 and as nothing else");
      return FALSE;
    }
  return check_lists (options, error) && check_labels (options, error);
}

static gboolean
refuse_change (const char *option, GError **error)
{
  g_set_error (
    error, DDPM_ERROR, DDPM_ERROR_USAGE,
    "%s differs from what this training began with; leave it out to resume, or start a new model in "
    "another folder",
    option);
  return FALSE;
}

/* What is not in the table, of the things that have a single value. */
static gboolean
resume_choices (DdpmTrainOptions *options, const DdpmTrainOptions *stored, GError **error)
{
  if (options->dtype != DDPM_TRAIN_OPEN_DTYPE && options->dtype != stored->dtype)
    return refuse_change ("The type of the weights", error);
  if (options->width != 0 && (options->width != stored->width || options->height != stored->height))
    return refuse_change ("--size", error);
  if (options->from != NULL && (stored->from == NULL || !g_file_equal (options->from, stored->from)))
    return refuse_change ("--from", error);

  options->dtype = stored->dtype;
  options->width = stored->width;
  options->height = stored->height;
  g_set_object (&options->from, stored->from);
  if (options->pictures == NULL)
    g_set_object (&options->pictures, stored->pictures);
  return TRUE;
}

gboolean
ddpm_train_options_resume (DdpmTrainOptions *options, const DdpmTrainOptions *stored, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    {
      if (is_open (options, &fields[i]))
        set_value (options, &fields[i], get_value (stored, &fields[i]));
      else if (!fields[i].may_change && get_value (options, &fields[i]) != get_value (stored, &fields[i]))
        return refuse_change (fields[i].option, error);
    }
  return resume_choices (options, stored, error);
}

void
ddpm_train_options_set_defaults (DdpmTrainOptions *options)
{
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    if (is_open (options, &fields[i]))
      set_value (options, &fields[i], fields[i].fallback);
  if (options->schedule == DDPM_TRAIN_OPEN_SCHEDULE)
    options->schedule = DDPM_BETAS_LINEAR;
  if (options->dtype == DDPM_TRAIN_OPEN_DTYPE)
    options->dtype = DDPM_DTYPE_F16;
}

static void
add_file (JsonBuilder *builder, const char *key, GFile *file)
{
  g_autofree char *uri = file != NULL ? g_file_get_uri (file) : NULL;

  if (uri == NULL)
    return;
  json_builder_set_member_name (builder, key);
  json_builder_add_string_value (builder, uri);
}

void
ddpm_train_options_to_json (const DdpmTrainOptions *options, JsonBuilder *builder)
{
  add_file (builder, "pictures", options->pictures);
  add_file (builder, "from", options->from);
  json_builder_set_member_name (builder, "width");
  json_builder_add_int_value (builder, options->width);
  json_builder_set_member_name (builder, "height");
  json_builder_add_int_value (builder, options->height);
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    {
      json_builder_set_member_name (builder, fields[i].key);
      if (fields[i].type == TYPE_REAL)
        json_builder_add_double_value (builder, get_value (options, &fields[i]));
      else if (fields[i].type == TYPE_SWITCH)
        json_builder_add_boolean_value (builder, get_value (options, &fields[i]) != 0);
      else
        json_builder_add_int_value (builder, (gint64) get_value (options, &fields[i]));
    }
  json_builder_set_member_name (builder, "dtype");
  json_builder_add_string_value (builder, options->dtype == DDPM_DTYPE_F32 ? "F32" : "F16");
}

/* The member's value node if it has one of the type `kind`, or a number where a number is asked for. */
static JsonNode *
get_member (JsonObject *object, const char *key, GType kind, const char *file_name, GError **error)
{
  JsonNode *node = json_object_get_member (object, key);
  const GType type =
    node != NULL && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_value_type (node) : G_TYPE_INVALID;

  if (type == kind || (kind == G_TYPE_DOUBLE && type == G_TYPE_INT64))
    return node;
  g_set_error (
    error, DDPM_ERROR, DDPM_ERROR_FILE,
    "%s: \"%s\" is missing or not of the right kind; the file is damaged and the training cannot be resumed",
    file_name, key);
  return NULL;
}

static gboolean
read_field (DdpmTrainOptions *options, const Field *field, JsonObject *object, const char *file_name,
            GError **error)
{
  static const GType types[] = { [TYPE_UINT] = G_TYPE_INT64,
                                 [TYPE_COUNT] = G_TYPE_INT64,
                                 [TYPE_REAL] = G_TYPE_DOUBLE,
                                 [TYPE_SWITCH] = G_TYPE_BOOLEAN };
  JsonNode *node = NULL;
  double value = 0;

  if (field->is_newer && !json_object_has_member (object, field->key))
    {
      set_value (options, field, 0);
      return TRUE;
    }
  node = get_member (object, field->key, types[field->type], file_name, error);
  if (node == NULL)
    return FALSE;
  value = field->type == TYPE_SWITCH ? json_node_get_boolean (node) : json_node_get_double (node);
  if (value >= field->least && value <= field->most)
    {
      set_value (options, field, value);
      return TRUE;
    }
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
               "%s: \"%s\" is %g, out of its range; the file is damaged and the training cannot be resumed",
               file_name, field->key, value);
  return FALSE;
}

static gboolean
read_fields (DdpmTrainOptions *options, JsonObject *object, const char *file_name, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    if (!read_field (options, &fields[i], object, file_name, error))
      return FALSE;
  return TRUE;
}

gboolean
ddpm_train_options_from_json (DdpmTrainOptions *options, JsonObject *object, const char *file_name,
                              GError **error)
{
  JsonNode *pictures = get_member (object, "pictures", G_TYPE_STRING, file_name, error);
  JsonNode *width = pictures ? get_member (object, "width", G_TYPE_INT64, file_name, error) : NULL;
  JsonNode *height = width ? get_member (object, "height", G_TYPE_INT64, file_name, error) : NULL;
  JsonNode *dtype = height ? get_member (object, "dtype", G_TYPE_STRING, file_name, error) : NULL;
  JsonNode *from = NULL;

  if (dtype == NULL || !read_fields (options, object, file_name, error))
    return FALSE;
  if (json_object_has_member (object, "from"))
    {
      from = get_member (object, "from", G_TYPE_STRING, file_name, error);
      if (from == NULL)
        return FALSE;
      options->from = g_file_new_for_uri (json_node_get_string (from));
    }
  options->pictures = g_file_new_for_uri (json_node_get_string (pictures));
  options->width = (guint) CLAMP (json_node_get_int (width), 0, G_MAXINT);
  options->height = (guint) CLAMP (json_node_get_int (height), 0, G_MAXINT);
  options->dtype = g_str_equal (json_node_get_string (dtype), "F32") ? DDPM_DTYPE_F32 : DDPM_DTYPE_F16;
  return TRUE;
}
