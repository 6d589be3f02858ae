#include "core/job/train-state.h"

#include <math.h>

#include "core/base/error.h"
#include "core/model/safetensors.h"

#define STATE_VERSION "1"

static void
add (GPtrArray *metadata, const char *key, char *value)
{
  g_ptr_array_add (metadata, g_strdup (key));
  g_ptr_array_add (metadata, value);
}

static void
add_count (GPtrArray *metadata, const char *key, guint64 value)
{
  add (metadata, key, g_strdup_printf ("%" G_GUINT64_FORMAT, value));
}

static void
add_real (GPtrArray *metadata, const char *key, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  add (metadata, key, g_strdup (g_ascii_dtostr (text, sizeof text, value)));
}

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
  const DdpmTrainGuard *guard = &counters->guard;
  g_autoptr (GPtrArray) metadata = g_ptr_array_new_with_free_func (g_free);

  add (metadata, "ddpm_training_version", g_strdup (STATE_VERSION));
  add_count (metadata, "step", counters->step);
  add (metadata, "dataset_fingerprint",
       g_strdup_printf ("%016" G_GINT64_MODIFIER "x", counters->fingerprint));
  add_real (metadata, "smoothed_loss", counters->smoothed);
  add_real (metadata, "loss_sum", counters->loss_sum);
  add_count (metadata, "loss_count", counters->loss_count);
  add_count (metadata, "logged", counters->logged);
  add_real (metadata, "grad_norm", counters->grad_norm);
  add_count (metadata, "setbacks", guard->setbacks);
  add_count (metadata, "guard_steps", guard->n);
  add_count (metadata, "guard_bad_steps", guard->n_bad);
  add_real (metadata, "guard_level", guard->level);
  add_real (metadata, "guard_spread", guard->spread);
  add_real (metadata, "guard_start", guard->start);
  add_real (metadata, "guard_lowest", guard->lowest);
  g_ptr_array_add (metadata, NULL);
  return ddpm_safetensors_write (file, tensors, G_N_ELEMENTS (tensors), DDPM_DTYPE_F32,
                                 (const char **) metadata->pdata, error);
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

/* Checkpoints from before there was a guard have nothing of this. */
static gboolean
read_guard (const DdpmSafetensors *state, DdpmTrainCounters *counters)
{
  DdpmTrainGuard *guard = &counters->guard;

  ddpm_train_guard_init (guard);
  counters->logged = counters->step;
  counters->grad_norm = NAN;
  if (ddpm_safetensors_get_metadata (state, "guard_steps") == NULL)
    return TRUE;
  return read_count (state, "logged", 10, 1000000000, &counters->logged)
         && read_real (state, "grad_norm", &counters->grad_norm)
         && read_count (state, "guard_steps", 10, 1000000000, &guard->n)
         && read_count (state, "guard_bad_steps", 10, DDPM_TRAIN_GUARD_PATIENCE, &guard->n_bad)
         && read_count (state, "setbacks", 10, DDPM_TRAIN_GUARD_MOST_SETBACKS, &guard->setbacks)
         && read_real (state, "guard_level", &guard->level)
         && read_real (state, "guard_spread", &guard->spread)
         && read_real (state, "guard_start", &guard->start)
         && read_real (state, "guard_lowest", &guard->lowest);
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
      || !read_real (state, "loss_sum", &counters->loss_sum) || !read_guard (state, counters))
    return set_damaged (file, "its counters are missing or damaged", error);
  return read_slab (file, state, "weights", slabs->n, slabs->weights, error)
         && read_slab (file, state, "ema", slabs->n, slabs->ema, error)
         && read_slab (file, state, "first", slabs->n, slabs->first, error)
         && read_slab (file, state, "second", slabs->n, slabs->second, error);
}
