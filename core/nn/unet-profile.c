/* How long each layer takes, added up by kind. */
#include <string.h>
#include <time.h>

#include "core/nn/unet-pass.h"

typedef struct
{
  gint64 forward_ns, backward_ns;
  gint64 step_ns[UNET_N_STEPS]; /* in both */
} LayerTimes;

struct _UnetProfile
{
  LayerTimes *layers; /* [n_layers] */
  guint layer;        /* that is running */
  gint64 layer_start_ns, step_start_ns;
};

/* Some layers take only a few microseconds. */
static gint64
get_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

void
unet_profile_free (UnetProfile *profile)
{
  if (profile == NULL)
    return;
  g_free (profile->layers);
  g_free (profile);
}

void
unet_profile_begin_layer (DdpmUnetPass *pass, guint layer)
{
  if (pass->profile == NULL)
    return;
  pass->profile->layer = layer;
  pass->profile->layer_start_ns = pass->profile->step_start_ns = get_ns ();
}

void
unet_profile_end_layer (DdpmUnetPass *pass, gboolean in_backward)
{
  UnetProfile *profile = pass->profile;

  if (profile == NULL)
    return;
  if (in_backward)
    profile->layers[profile->layer].backward_ns += get_ns () - profile->layer_start_ns;
  else
    profile->layers[profile->layer].forward_ns += get_ns () - profile->layer_start_ns;
}

void
unet_profile_end_step (DdpmUnetPass *pass, UnetStep step)
{
  UnetProfile *profile = pass->profile;
  gint64 now_ns;

  if (profile == NULL)
    return;
  now_ns = get_ns ();
  profile->layers[profile->layer].step_ns[step] += now_ns - profile->step_start_ns;
  profile->step_start_ns = now_ns;
}

void
ddpm_unet_pass_begin_profile (DdpmUnetPass *pass)
{
  unet_profile_free (pass->profile);
  pass->profile = g_new0 (UnetProfile, 1);
  pass->profile->layers = g_new0 (LayerTimes, pass->unet->layers->len);
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
  if (pass->profile == NULL)
    return NULL;
  kinds = g_array_new (FALSE, TRUE, sizeof (DdpmLayerTimes));
  for (guint i = 0; i < unet->layers->len; i++)
    {
      const UnetLayer *layer = unet_layer (unet, i);
      const LayerTimes *spent = &pass->profile->layers[i];
      DdpmLayerTimes *times = find_kind (kinds, name_kind (layer));

      times->n_layers++;
      times->flop += unet_layer_get_flop (unet, layer, pass->height, pass->width) * pass->batch;
      times->forward_ms += spent->forward_ns / 1e6;
      times->backward_ms += spent->backward_ns / 1e6;
      times->transform_ms += spent->step_ns[UNET_STEP_TRANSFORM] / 1e6;
      times->multiply_ms += spent->step_ns[UNET_STEP_MULTIPLY] / 1e6;
    }
  g_array_sort (kinds, compare_times);
  *n_kinds = kinds->len;
  return (DdpmLayerTimes *) g_array_free (kinds, FALSE);
}
