/* The tensors of a file put into a network's slab. */
#include "core/model/model.h"

#include <string.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/model/tensor.h"

#define PIECE_VALUES 65536     /* that a thread converts at once */
#define FORGET_BYTES (1 << 20) /* of the file, that may stay in memory after they were read */

/* Before diffusers 0.17 the linear layers of an attention had other names, and drafts before its first
 * release other ones for whole modules; shapes and values are the same. */
static const struct
{
  const char *now, *then;
} attention_names[] = { { ".to_q.", ".query." },
                        { ".to_k.", ".key." },
                        { ".to_v.", ".value." },
                        { ".to_out.0.", ".proj_attn." } },
  module_names[] = { { "time_proj.", "time_steps." },
                     { "mid_block.", "mid." },
                     { "down_blocks.", "downsample_blocks." },
                     { "up_blocks.", "upsample_blocks." } };

/* NULL: it was always called that. */
static char *
get_old_attention_name (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (attention_names); i++)
    {
      const char *at = strstr (name, attention_names[i].now);

      if (at != NULL && strstr (name, "attentions.") != NULL)
        return g_strdup_printf ("%.*s%s%s", (int) (at - name), name, attention_names[i].then,
                                at + strlen (attention_names[i].now));
    }
  return NULL;
}

static char *
get_old_module_name (const char *name)
{
  for (guint i = 0; name != NULL && i < G_N_ELEMENTS (module_names); i++)
    if (g_str_has_prefix (name, module_names[i].now))
      return g_strconcat (module_names[i].then, name + strlen (module_names[i].now), NULL);
  return NULL;
}

/* By any of its names. */
static const DdpmTensor *
find_by_names (const DdpmSafetensors *file, const char *name)
{
  g_autofree char *attention = get_old_attention_name (name), *module = get_old_module_name (name);
  g_autofree char *both = get_old_module_name (attention);
  const char *const names[] = { name, attention, module, both };
  const DdpmTensor *tensor = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (names) && tensor == NULL; i++)
    if (names[i] != NULL)
      tensor = ddpm_safetensors_find (file, names[i]);
  return tensor;
}

static char *
describe_shape (const gsize *shape, guint n_dims)
{
  GString *text = g_string_new ("[");

  for (guint i = 0; i < n_dims; i++)
    g_string_append_printf (text, "%s%" G_GSIZE_FORMAT, i > 0 ? ", " : "", shape[i]);
  g_string_append_c (text, ']');
  return g_string_free (text, FALSE);
}

/* A parameter's tensor, of the right shape and a type that holds weights. */
static const DdpmTensor *
find_tensor (const DdpmSafetensors *file, const DdpmParam *param, const char *file_name, GError **error)
{
  const DdpmTensor *tensor = find_by_names (file, param->name);
  g_autofree char *shape = NULL, *expected = NULL;

  if (tensor == NULL)
    {
      g_set_error (
        error, DDPM_ERROR, DDPM_ERROR_FILE,
        _ (
          "%s lacks the tensor \"%s\", which the network in config.json has; the two do not belong together"),
        file_name, param->name);
      return NULL;
    }

  if (tensor->n_dims != param->n_dims
      || memcmp (tensor->shape, param->shape, param->n_dims * sizeof (gsize)) != 0)
    {
      shape = describe_shape (tensor->shape, tensor->n_dims);
      expected = describe_shape (param->shape, param->n_dims);
      g_set_error (
        error, DDPM_ERROR, DDPM_ERROR_FILE,
        _ ("%s: the tensor \"%s\" has the shape %s, but the network in config.json needs %s; the two do not "
           "belong together"),
        file_name, tensor->name, shape, expected);
      return NULL;
    }
  if (tensor->dtype > DDPM_DTYPE_F64)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_UNSUPPORTED,
                   _ ("%s: the tensor \"%s\" is stored as %s, but weights have to be floating-point numbers"),
                   file_name, tensor->name, ddpm_dtype_get_name (tensor->dtype));
      return NULL;
    }
  return tensor;
}

gboolean
ddpm_unet_check_weights (const DdpmUnet *unet, const DdpmSafetensors *file, const char *file_name,
                         GError **error)
{
  guint n_params;
  const DdpmParam *params = ddpm_unet_get_params (unet, &n_params);

  for (guint i = 0; i < n_params; i++)
    if (find_tensor (file, &params[i], file_name, error) == NULL)
      return FALSE;
  return TRUE;
}

gboolean
ddpm_unet_load_weights (const DdpmUnet *unet, const DdpmSafetensors *file, const char *file_name,
                        float *weights, GError **error)
{
  guint n_params;
  const DdpmParam *params = ddpm_unet_get_params (unet, &n_params);

  for (guint i = 0; i < n_params; i++)
    {
      const DdpmTensor *tensor = find_tensor (file, &params[i], file_name, error);

      if (tensor == NULL)
        return FALSE;
      ddpm_tensor_to_float (tensor, weights + params[i].offset);
    }
  return TRUE;
}

/* --- into a pass --------------------------------------------------------------------------- */

typedef struct
{
  const DdpmSafetensors *file;
  DdpmTeam *team;
  const DdpmTensor *tensor; /* the one that was fetched last */
  float *values;            /* where it is converted to */
  gsize read_bytes;         /* of the file, that are still in memory */
} Packing;

static void
convert_piece (guint task, guint worker, gpointer data)
{
  const Packing *packing = data;
  const gsize first = (gsize) task * PIECE_VALUES;

  ddpm_tensor_part_to_float (packing->tensor, first, MIN (PIECE_VALUES, packing->tensor->n_values - first),
                             packing->values + first);
}

/* All tensors have been checked before. What has been packed is not kept in memory: a model takes its own
 * size, not twice that. */
static const float *
fetch_values (const DdpmParam *param, float *scratch, gpointer user_data)
{
  Packing *packing = user_data;
  const float *values;

  if (packing->read_bytes > FORGET_BYTES)
    {
      ddpm_safetensors_forget (packing->file);
      packing->read_bytes = 0;
    }
  packing->tensor = find_tensor (packing->file, param, "", NULL);
  packing->read_bytes += packing->tensor->size_bytes;
  values = ddpm_tensor_get_floats (packing->tensor);
  if (values != NULL)
    return values;
  packing->values = scratch;
  ddpm_team_run (packing->team, (packing->tensor->n_values + PIECE_VALUES - 1) / PIECE_VALUES, convert_piece,
                 packing);
  return scratch;
}

gboolean
ddpm_unet_pack_weights (const DdpmUnet *unet, const DdpmSafetensors *file, const char *file_name,
                        DdpmUnetPass *pass, DdpmTeam *team, GError **error)
{
  Packing packing = { .file = file, .team = team };

  return ddpm_unet_check_weights (unet, file, file_name, error)
         && ddpm_unet_pass_pack_weights (pass, fetch_values, &packing, error);
}
