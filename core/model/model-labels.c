/* What a label is called, and where a network finds it. */
#include "core/model/model.h"

#include <string.h>

#include "core/base/error.h"
#include "core/base/text.h"

gboolean
ddpm_model_has_label_names (const DdpmModel *model)
{
  return model->notes.labels != NULL && model->notes.labels[0] != NULL;
}

guint
ddpm_model_count_labels (const DdpmModel *model)
{
  const DdpmUnetConfig *config = ddpm_unet_get_config (model->unet);

  if (ddpm_model_has_label_names (model))
    return g_strv_length (model->notes.labels);
  return config->class_embed == DDPM_CLASS_EMBED_TABLE ? config->num_class_embeds : 0;
}

guint32
ddpm_model_get_no_label (const DdpmModel *model)
{
  return MAX (ddpm_unet_config_get_n_classes (ddpm_unet_get_config (model->unet)), 1) - 1;
}

static gboolean
find_by_name (const DdpmModel *model, const char *label, guint32 *row, GError **error)
{
  char **names = model->notes.labels;
  g_autofree char *wanted = g_utf8_casefold (label, -1), *all = NULL;

  for (guint i = 0; names[i] != NULL; i++)
    {
      g_autofree char *name = g_utf8_casefold (names[i], -1);

      if (strcmp (name, wanted) == 0)
        {
          *row = i;
          return TRUE;
        }
    }
  all = g_strjoinv (", ", names);
  return ddpm_refuse (error, DDPM_ERROR_USAGE, _ ("The model \"%s\" has no label \"%s\"; it has %s."),
                      model->name, label, all);
}

/* n: how many there are. */
static gboolean
find_by_number (const DdpmModel *model, const char *label, guint n, guint32 *row, GError **error)
{
  guint64 number = 0;

  if (!g_ascii_string_to_unsigned (label, 10, 0, n - 1, &number, NULL))
    return ddpm_refuse (
      error, DDPM_ERROR_USAGE,
      _ ("The labels of the model \"%s\" have no names; give a number from 0 to %u, not \"%s\"."),
      model->name, n - 1, label);
  *row = (guint32) number;
  return TRUE;
}

gboolean
ddpm_model_find_label (const DdpmModel *model, const char *label, guint32 *row, GError **error)
{
  const DdpmUnetConfig *config = ddpm_unet_get_config (model->unet);

  *row = ddpm_model_get_no_label (model);
  if (label == NULL)
    return TRUE;
  if (ddpm_model_has_label_names (model))
    return find_by_name (model, label, row, error);
  switch (config->class_embed)
    {
    case DDPM_CLASS_EMBED_TABLE:
      return find_by_number (model, label, config->num_class_embeds, row, error);
    case DDPM_CLASS_EMBED_TIMESTEP: /* floats count so far */
      return find_by_number (model, label, 1 << 24, row, error);
    case DDPM_CLASS_EMBED_IDENTITY:
      return ddpm_refuse (
        error, DDPM_ERROR_USAGE,
        _ ("The labels of the model \"%s\" are vectors, which \"%s\" is not; leave it out."), model->name,
        label);
    case DDPM_CLASS_EMBED_NONE:
      break;
    }
  return ddpm_refuse (error, DDPM_ERROR_USAGE,
                      _ ("The model \"%s\" has no labels; leave out \"%s\", or train one with --labels."),
                      model->name, label);
}
