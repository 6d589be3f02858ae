/* Layer i of N runs forward at time i; the backward pass is a sweep of steps whose times follow. Without
 * recomputation the sweep is the layers in reverse. With it, a segment's layers first run forward once more,
 * as far as values are missing that the segment needs and that were not kept. */
#include "core/nn/unet-sweep.h"

/* --- what a layer touches ------------------------------------------------------------------ */

static void
list_add (UnetTensorList *list, gint tensor)
{
  if (tensor >= 0)
    list->tensors[list->n++] = tensor;
}

UnetTensorList
unet_list_written (const DdpmUnet *unet, const UnetLayer *layer, DdpmPassMode mode)
{
  UnetTensorList list = { .n = 0 };

  if (unet_tensor (unet, layer->output)->norm < 0)
    list_add (&list, layer->output);
  list_add (&list, layer->stats);
  if (mode == DDPM_PASS_TRAINING)
    list_add (&list, layer->mask);
  return list;
}

/* A layer's input, or what its norm computes it from. */
static void
list_add_input (UnetTensorList *list, const DdpmUnet *unet, gint tensor, DdpmPassMode mode)
{
  const gint norm = tensor >= 0 ? unet_tensor (unet, tensor)->norm : -1;

  if (norm < 0)
    {
      list_add (list, tensor);
      return;
    }
  list_add (list, unet_layer (unet, norm)->input);
  list_add (list, unet_layer (unet, norm)->stats);
  if (mode == DDPM_PASS_TRAINING)
    list_add (list, unet_layer (unet, norm)->mask);
}

/* What a layer takes besides its input. */
static void
list_add_others (UnetTensorList *list, const UnetLayer *layer)
{
  list_add (list, layer->time_bias);
  list_add (list, layer->residual);
  list_add (list, layer->scale_shift);
  list_add (list, layer->key);
  list_add (list, layer->value);
}

UnetTensorList
unet_list_read (const DdpmUnet *unet, const UnetLayer *layer, DdpmPassMode mode)
{
  UnetTensorList list = { .n = 0 };

  list_add_input (&list, unet, layer->input, mode);
  list_add_others (&list, layer);
  return list;
}

UnetTensorList
unet_list_backward (const DdpmUnet *unet, const UnetLayer *layer)
{
  UnetTensorList list = { .n = 0 };

  switch (layer->kind)
    {
    case UNET_CONV:
    case UNET_LINEAR:
    case UNET_ACT:
      list_add_input (&list, unet, layer->input, DDPM_PASS_TRAINING);
      break;
    case UNET_NORM:
      list_add (&list, layer->input);
      list_add (&list, layer->scale_shift);
      list_add (&list, layer->stats);
      list_add (&list, layer->mask);
      break;
    case UNET_ATTENTION:
      list_add (&list, layer->query);
      list_add (&list, layer->key);
      list_add (&list, layer->value);
      list_add (&list, layer->output);
      list_add (&list, layer->stats);
      break;
    default:
      break;
    }
  return list;
}

UnetTensorList
unet_list_grads (const UnetLayer *layer)
{
  UnetTensorList list = { .n = 0 };

  list_add (&list, layer->output);
  list_add (&list, layer->input);
  list_add_others (&list, layer);
  return list;
}

/* --- the sweep ----------------------------------------------------------------------------- */

static gboolean
list_has_flagged (const UnetTensorList *list, const gboolean *flags)
{
  for (guint i = 0; i < list->n; i++)
    if (flags[list->tensors[i]])
      return TRUE;
  return FALSE;
}

static void
list_flag (const UnetTensorList *list, gboolean *flags)
{
  for (guint i = 0; i < list->n; i++)
    flags[list->tensors[i]] = TRUE;
}

gboolean *
unet_find_internal (const DdpmUnet *unet)
{
  const guint n_tensors = unet->tensors->len;
  g_autofree gint *segment_of = g_new (gint, n_tensors);
  gboolean *internal = g_new (gboolean, n_tensors);

  for (guint t = 0; t < n_tensors; t++)
    {
      segment_of[t] = -1;
      internal[t] = unet_tensor (unet, t)->level >= 0 && unet_tensor (unet, t)->parent < 0
                    && (gint) t != unet->input && (gint) t != unet->output;
    }
  for (guint i = 0; i < unet->layers->len; i++)
    {
      const UnetLayer *layer = unet_layer (unet, i);
      const UnetTensorList lists[] = { unet_list_written (unet, layer, DDPM_PASS_TRAINING),
                                       unet_list_read (unet, layer, DDPM_PASS_TRAINING) };

      for (guint l = 0; l < G_N_ELEMENTS (lists); l++)
        for (guint k = 0; k < lists[l].n; k++)
          {
            const gint t = lists[l].tensors[k];

            if (segment_of[t] >= 0 && segment_of[t] != (gint) layer->segment)
              internal[t] = FALSE;
            segment_of[t] = layer->segment;
          }
    }
  for (guint t = 0; t < n_tensors; t++)
    if (unet_tensor (unet, t)->parent >= 0)
      internal[unet_tensor (unet, t)->parent] = FALSE;
  return internal;
}

static void
add_step (UnetSweep *sweep, guint layer, gboolean again)
{
  sweep->steps[sweep->n_steps++] = (UnetSweepStep) { layer, again };
}

/* Layers first … end-1 are a segment. Those that run again are found from the last to the first, since one
 * may need what an earlier one writes. */
static void
sweep_segment (UnetSweep *sweep, const DdpmUnet *unet, guint first, guint end, const gboolean *recomputed)
{
  g_autofree gboolean *needed = g_new0 (gboolean, unet->tensors->len);
  g_autofree gboolean *again = g_new0 (gboolean, end - first);

  for (guint i = first; i < end; i++)
    {
      const UnetTensorList read = unet_list_backward (unet, unet_layer (unet, i));

      list_flag (&read, needed);
    }
  for (guint t = 0; t < unet->tensors->len; t++)
    needed[t] = needed[t] && recomputed[t];
  for (guint i = end; i-- > first;)
    {
      const UnetTensorList written = unet_list_written (unet, unet_layer (unet, i), DDPM_PASS_TRAINING);
      const UnetTensorList read = unet_list_read (unet, unet_layer (unet, i), DDPM_PASS_TRAINING);

      again[i - first] = list_has_flagged (&written, needed);
      for (guint k = 0; again[i - first] && k < read.n; k++)
        needed[read.tensors[k]] = needed[read.tensors[k]] || recomputed[read.tensors[k]];
    }
  for (guint i = first; i < end; i++)
    if (again[i - first])
      add_step (sweep, i, TRUE);
  for (guint i = end; i-- > first;)
    add_step (sweep, i, FALSE);
}

void
unet_sweep_init (UnetSweep *sweep, const DdpmUnet *unet, const gboolean *recomputed)
{
  const guint n_layers = unet->layers->len;

  sweep->steps = g_new (UnetSweepStep, 2 * n_layers);
  for (guint end = n_layers, first; end > 0; end = first)
    {
      first = end - 1;
      while (first > 0 && unet_layer (unet, first - 1)->segment == unet_layer (unet, end - 1)->segment)
        first--;
      sweep_segment (sweep, unet, first, end, recomputed);
    }
}

void
unet_sweep_clear (UnetSweep *sweep)
{
  g_clear_pointer (&sweep->steps, g_free);
}
