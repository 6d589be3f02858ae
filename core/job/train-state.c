#include "core/job/train-state.h"

#include "core/base/error.h"
#include "core/model/safetensors.h"

#define STATE_VERSION "1"

gboolean
ddpm_train_state_write (GFile *file, const DdpmTrainCounters *counters, const DdpmTrainSlabs *slabs,
                        GError **error)
{
  const DdpmTensorToWrite tensors[] = {
    { "weights", 1, { slabs->n }, slabs->weights },
    { "ema", 1, { slabs->n }, slabs->ema },
    { "first", 1, { slabs->n }, slabs->first },
    { "second", 1, { slabs->n }, slabs->second },
  };
  g_autofree char *step = g_strdup_printf ("%" G_GUINT64_FORMAT, counters->step);
  g_autofree char *fingerprint = g_strdup_printf ("%016" G_GINT64_MODIFIER "x", counters->fingerprint);
  g_autofree char *loss_count = g_strdup_printf ("%" G_GUINT64_FORMAT, counters->loss_count);
  char smoothed[G_ASCII_DTOSTR_BUF_SIZE], loss_sum[G_ASCII_DTOSTR_BUF_SIZE];
  const char *metadata[] = {
    "ddpm_training_version",
    STATE_VERSION,
    "step",
    step,
    "dataset_fingerprint",
    fingerprint,
    "smoothed_loss",
    g_ascii_dtostr (smoothed, sizeof smoothed, counters->smoothed),
    "loss_sum",
    g_ascii_dtostr (loss_sum, sizeof loss_sum, counters->loss_sum),
    "loss_count",
    loss_count,
    NULL,
  };

  return ddpm_safetensors_write (file, tensors, G_N_ELEMENTS (tensors), DDPM_DTYPE_F32, metadata, error);
}

static gboolean
set_damaged (GFile *file, const char *what, GError **error)
{
  g_autofree char *name = g_file_get_parse_name (file);

  g_set_error (error, DDPM_ERROR, DDPM_ERROR_FILE,
               "%s cannot be resumed from: %s; start a new training in another folder", name, what);
  return FALSE;
}

static gboolean
read_count (const DdpmSafetensors *state, const char *key, guint base, guint64 most, guint64 *count)
{
  const char *text = ddpm_safetensors_get_metadata (state, key);

  return text != NULL && g_ascii_string_to_unsigned (text, base, 0, most, count, NULL);
}

static gboolean
read_real (const DdpmSafetensors *state, const char *key, double *value)
{
  const char *text = ddpm_safetensors_get_metadata (state, key);
  char *end = NULL;

  if (text == NULL)
    return FALSE;
  *value = g_ascii_strtod (text, &end);
  return end != text && *end == '\0';
}

static gboolean
read_slab (GFile *file, const DdpmSafetensors *state, const char *name, gsize n, float *values,
           GError **error)
{
  const DdpmTensor *tensor = ddpm_safetensors_find (state, name);
  g_autofree char *what = NULL;

  if (tensor != NULL && tensor->dtype == DDPM_DTYPE_F32 && tensor->n_values == n)
    {
      if (values != NULL)
        ddpm_tensor_to_float (tensor, values);
      return TRUE;
    }
  what = tensor == NULL ? g_strdup_printf ("it has no \"%s\"", name)
                        : g_strdup_printf ("its \"%s\" does not fit the network of options.json", name);
  return set_damaged (file, what, error);
}

gboolean
ddpm_train_state_read (GFile *file, DdpmTrainCounters *counters, const DdpmTrainSlabs *slabs, GError **error)
{
  g_autoptr (DdpmSafetensors) state = ddpm_safetensors_open (file, error);

  if (state == NULL)
    return FALSE;
  if (g_strcmp0 (ddpm_safetensors_get_metadata (state, "ddpm_training_version"), STATE_VERSION) != 0)
    return set_damaged (file, "it was not written by this version's trainer", error);
  if (!read_count (state, "step", 10, 1000000000, &counters->step)
      || !read_count (state, "dataset_fingerprint", 16, G_MAXUINT64, &counters->fingerprint)
      || !read_count (state, "loss_count", 10, 1000000000, &counters->loss_count)
      || !read_real (state, "smoothed_loss", &counters->smoothed)
      || !read_real (state, "loss_sum", &counters->loss_sum))
    return set_damaged (file, "its counters are missing or damaged", error);
  return read_slab (file, state, "weights", slabs->n, slabs->weights, error)
         && read_slab (file, state, "ema", slabs->n, slabs->ema, error)
         && read_slab (file, state, "first", slabs->n, slabs->first, error)
         && read_slab (file, state, "second", slabs->n, slabs->second, error);
}
