/* How long each layer takes, added up by kind. */
#include <string.h>
#include <time.h>

#include "core/nn/unet-pass.h"

/* Some layers take only a few microseconds. */
gint64
unet_profile_get_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

void
unet_profile_add (DdpmUnetPass *pass, guint layer, gboolean in_backward, gint64 start_ns)
{
  pass->layer_ns[2 * layer + (in_backward ? 1 : 0)] += unet_profile_get_ns () - start_ns;
}

void
ddpm_unet_pass_begin_profile (DdpmUnetPass *pass)
{
  g_free (pass->layer_ns);
  pass->layer_ns = g_new0 (gint64, 2 * pass->unet->layers->len);
}

static const char *
name_kind (const UnetLayer *layer)
{
  static const char *const names[UNET_N_KINDS] = {
    [UNET_TIME] = "time and labels",
    [UNET_CLASS] = "time and labels",
    [UNET_LINEAR] = "linear",
    [UNET_ACT] = "activation",
    [UNET_NORM] = "norm",
    [UNET_ATTENTION] = "attention",
    [UNET_RESAMPLE] = "resample",
  };

  if (layer->kind != UNET_CONV)
    return names[layer->kind];
  if (layer->kernel == 1)
    return "convolution 1x1";
  return layer->stride == 2 ? "convolution 3x3 stride 2" : "convolution 3x3";
}

static DdpmLayerTimes *
find_kind (GArray *kinds, const char *name)
{
  const DdpmLayerTimes none = { .kind = name };

  for (guint i = 0; i < kinds->len; i++)
    if (strcmp (g_array_index (kinds, DdpmLayerTimes, i).kind, name) == 0)
      return &g_array_index (kinds, DdpmLayerTimes, i);
  g_array_append_val (kinds, none);
  return &g_array_index (kinds, DdpmLayerTimes, kinds->len - 1);
}

static gint
compare_times (gconstpointer a, gconstpointer b)
{
  const DdpmLayerTimes *x = a, *y = b;
  const double x_ms = x->forward_ms + x->backward_ms, y_ms = y->forward_ms + y->backward_ms;

  return (x_ms < y_ms) - (x_ms > y_ms);
}

DdpmLayerTimes *
ddpm_unet_pass_get_profile (const DdpmUnetPass *pass, guint *n_kinds)
{
  const DdpmUnet *unet = pass->unet;
  GArray *kinds;

  *n_kinds = 0;
  if (pass->layer_ns == NULL)
    return NULL;
  kinds = g_array_new (FALSE, TRUE, sizeof (DdpmLayerTimes));
  for (guint i = 0; i < unet->layers->len; i++)
    {
      const UnetLayer *layer = unet_layer (unet, i);
      DdpmLayerTimes *times = find_kind (kinds, name_kind (layer));

      times->n_layers++;
      times->flop += unet_layer_get_flop (unet, layer, pass->height, pass->width) * pass->batch;
      times->forward_ms += pass->layer_ns[2 * i] / 1e6;
      times->backward_ms += pass->layer_ns[2 * i + 1] / 1e6;
    }
  g_array_sort (kinds, compare_times);
  *n_kinds = kinds->len;
  return (DdpmLayerTimes *) g_array_free (kinds, FALSE);
}
