#include "core/job/train-from.h"

#include <string.h>

#include "core/base/arena.h"

#define TABLE "class_embedding.weight"

gboolean
ddpm_train_from_fits (const DdpmUnet *from, const DdpmUnet *unet)
{
  guint n_params, n_from;
  const DdpmParam *params = ddpm_unet_get_params (unet, &n_params);

  ddpm_unet_get_params (from, &n_from);
  for (guint i = 0; i < n_params; i++)
    {
      const DdpmParam *other = ddpm_unet_find_param (from, params[i].name);
      const gboolean is_table = strcmp (params[i].name, TABLE) == 0;

      if (!is_table && (other == NULL || other->n_values != params[i].n_values))
        return FALSE;
    }
  return n_params - (ddpm_unet_find_param (unet, TABLE) != NULL)
         == n_from - (ddpm_unet_find_param (from, TABLE) != NULL);
}

/* The row of a table that belongs to a label, the last one if none does. */
static guint
find_row (char *const *names, guint n_rows, const char *label)
{
  for (guint i = 0; names != NULL && label != NULL && names[i] != NULL; i++)
    if (strcmp (names[i], label) == 0)
      return i;
  return n_rows - 1;
}

/* old: NULL, or values of the model's table; without one the embedding is not changed by a label at first. */
static void
fill_table (const DdpmTrainSetup *setup, const DdpmParam *table, const float *old, float *values)
{
  const gsize width = table->shape[1];
  const guint n_rows = setup->config.num_class_embeds;
  const guint n_old_rows = ddpm_unet_get_config (setup->from->unet)->num_class_embeds;

  memset (values, 0, table->n_values * sizeof (float));
  for (guint row = 0; row < n_rows && old != NULL; row++)
    {
      const char *label = row + 1 < n_rows && setup->notes.labels != NULL ? setup->notes.labels[row] : NULL;
      const guint old_row = find_row (setup->from->notes.labels, n_old_rows, label);

      memcpy (values + row * width, old + old_row * width, width * sizeof (float));
    }
}

gboolean
ddpm_train_from_read (const DdpmTrainSetup *setup, float *weights, GError **error)
{
  const DdpmUnet *unet = setup->from->unet;
  g_auto (DdpmArena) arena = { 0 };
  const float *old;
  guint n_params;
  const DdpmParam *params = ddpm_unet_get_params (setup->unet, &n_params);

  if (setup->labels == NULL) /* the same network */
    return ddpm_model_read_weights (setup->from, weights, error);
  if (!ddpm_arena_init (&arena, ddpm_unet_get_n_weights (unet) * sizeof (float), error)
      || !ddpm_model_read_weights (setup->from, arena.base, error))
    return FALSE;
  old = arena.base;
  for (guint i = 0; i < n_params; i++)
    {
      const DdpmParam *param = ddpm_unet_find_param (unet, params[i].name);
      float *values = weights + params[i].offset;

      if (strcmp (params[i].name, TABLE) == 0)
        fill_table (setup, &params[i], param != NULL ? old + param->offset : NULL, values);
      else
        memcpy (values, old + param->offset, param->n_values * sizeof (float));
    }
  return TRUE;
}
