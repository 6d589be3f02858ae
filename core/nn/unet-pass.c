/* A network at work: takes the memory, runs the layers forward and backward. */
#include "core/nn/unet-pass.h"

#include <string.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/nn/conv-plan.h"

/* --- life ---------------------------------------------------------------------------------- */

gsize
ddpm_unet_predict_pass_bytes (const DdpmUnet *unet, guint n_threads, const DdpmPassOptions *options)
{
  UnetPlan plan;
  gsize n_floats;

  unet_plan_init (&plan, unet, ddpm_kernels_get (), ddpm_team_choose_size (n_threads), options);
  n_floats = plan.n_floats;
  unet_plan_clear (&plan);
  return n_floats * sizeof (float);
}

gboolean
ddpm_precision_check (DdpmPrecision precision, GError **error)
{
  const DdpmKernels *kernels = ddpm_kernels_get ();

  if (precision != DDPM_PRECISION_BF16 || kernels->has_bf16)
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_UNSUPPORTED,
               _ ("this processor (%s) has no fast arithmetic in bf16; use the precision f32"),
               kernels->name);
  return FALSE;
}

static gboolean
check_options (const DdpmUnet *unet, const DdpmPassOptions *options, GError **error)
{
  if (!ddpm_unet_config_check_size (&unet->config, options->height, options->width, error))
    return FALSE;
  /* positions are counted in 32 bits */
  if ((guint64) options->batch * options->height * options->width > G_MAXINT32 / 2)
    {
      g_set_error (error, DDPM_ERROR, DDPM_ERROR_MEMORY,
                   _ ("a batch of %u pictures of %ux%u pixels is too large; use a smaller size or batch"),
                   options->batch, options->width, options->height);
      return FALSE;
    }
  return ddpm_precision_check (options->precision, error);
}

/* A parameter may serve several layers. */
static void
find_last_steps (DdpmUnetPass *pass)
{
  const UnetSweep *sweep = &pass->plan.places.sweep;

  pass->last_steps = g_new0 (guint, pass->unet->params->len);
  for (guint i = 0; i < sweep->n_steps; i++)
    {
      const UnetLayer *layer = unet_layer (pass->unet, sweep->steps[i].layer);

      if (sweep->steps[i].again)
        continue;
      if (layer->weight >= 0)
        pass->last_steps[layer->weight] = i;
      if (layer->bias >= 0)
        pass->last_steps[layer->bias] = i;
    }
}

DdpmUnetPass *
ddpm_unet_pass_new (const DdpmUnet *unet, DdpmTeam *team, const DdpmPassOptions *options, GError **error)
{
  g_autoptr (DdpmUnetPass) pass = g_new0 (DdpmUnetPass, 1);

  g_return_val_if_fail (options->batch > 0, NULL);
  pass->kernels = ddpm_kernels_get ();
  if (!check_options (unet, options, error))
    return NULL;
  pass->unet = unet;
  pass->team = team;
  pass->batch = options->batch;
  pass->height = options->height;
  pass->width = options->width;
  pass->mode = options->mode;
  pass->options = *options;
  pass->grad_written = g_new0 (gboolean, unet->tensors->len);
  pass->weight_offsets = g_new0 (gsize, unet->params->len);
  unet_plan_init (&pass->plan, unet, pass->kernels, ddpm_team_get_n_threads (team), options);
  pass->values = pass->plan.places.values;
  if (pass->mode == DDPM_PASS_TRAINING)
    find_last_steps (pass);
  if (!ddpm_arena_init (&pass->arena, pass->plan.n_floats * sizeof (float), error))
    return NULL;
  return g_steal_pointer (&pass);
}

void
ddpm_unet_pass_free (DdpmUnetPass *pass)
{
  if (pass == NULL)
    return;
  unet_plan_clear (&pass->plan);
  ddpm_arena_clear (&pass->arena);
  g_free (pass->grad_written);
  g_free (pass->weight_offsets);
  g_free (pass->last_steps);
  unet_profile_free (pass->profile);
  g_free (pass);
}

gsize
ddpm_unet_pass_get_bytes (const DdpmUnetPass *pass)
{
  return pass->arena.size_bytes;
}

void
ddpm_unet_pass_set_dropout_key (DdpmUnetPass *pass, guint32 seed, guint64 step, guint first)
{
  pass->dropout_seed = seed;
  pass->dropout_step = step;
  pass->dropout_first = first;
}

void
ddpm_unet_pass_set_label_vectors (DdpmUnetPass *pass, const float *vectors)
{
  pass->label_vectors = vectors;
}

void
ddpm_unet_pass_set_gradient_func (DdpmUnetPass *pass, DdpmGradientFunc func, gpointer user_data)
{
  pass->gradient_func = func;
  pass->gradient_data = user_data;
}

/* --- what the layers need to know ---------------------------------------------------------- */

gsize
unet_pass_n_pixels (const DdpmUnetPass *pass, gint tensor)
{
  const gint level = unet_tensor (pass->unet, tensor)->level;

  return level < 0 ? 1 : (gsize) (pass->height >> level) * (pass->width >> level);
}

gsize
unet_pass_stride (const DdpmUnetPass *pass, gint tensor)
{
  const gsize n_pixels = pass->batch * unet_pass_n_pixels (pass, tensor);

  return unet_tensor (pass->unet, tensor)->level < 0 ? n_pixels : unet_pad_channel (n_pixels);
}

float *
unet_pass_value (const DdpmUnetPass *pass, gint tensor)
{
  return (float *) pass->arena.base + pass->values[tensor];
}

float *
unet_pass_grad (const DdpmUnetPass *pass, gint tensor)
{
  return (float *) pass->arena.base + pass->plan.places.grads[tensor];
}

/* What is written to a whole is written to its parts: the up path claims [h, skip], the down path then adds
 * to skip. */
static gboolean
is_grad_written (const DdpmUnetPass *pass, gint tensor)
{
  for (; tensor >= 0; tensor = unet_tensor (pass->unet, tensor)->parent)
    if (pass->grad_written[tensor])
      return TRUE;
  return FALSE;
}

float *
unet_pass_claim_grad (DdpmUnetPass *pass, gint tensor, gboolean *accumulate)
{
  *accumulate = is_grad_written (pass, tensor);
  if (unet_tensor (pass->unet, tensor)->no_grad || (tensor == pass->unet->input && !pass->wants_grad_x))
    return NULL;
  pass->grad_written[tensor] = TRUE;
  return unet_pass_grad (pass, tensor);
}

const float *
unet_pass_weight (const DdpmUnetPass *pass, gint param)
{
  return pass->weights + pass->weight_offsets[param];
}

float *
unet_pass_grad_weight (const DdpmUnetPass *pass, gint param)
{
  return pass->grad_weights + unet_param (pass->unet, param)->offset;
}

UnetNormStats
unet_pass_norm_stats (const DdpmUnetPass *pass, const UnetLayer *norm)
{
  const gsize n = (gsize) unet_tensor (pass->unet, norm->input)->channels * pass->batch;
  float *stats = unet_pass_value (pass, norm->stats);

  return (UnetNormStats) { .scale = stats,
                           .shift = stats + n,
                           .mean = stats + 2 * n,
                           .rstd = stats + 2 * n + (gsize) norm->groups * pass->batch };
}

guint8 *
unet_pass_norm_mask (const DdpmUnetPass *pass, const UnetLayer *norm)
{
  if (norm->mask < 0 || pass->mode != DDPM_PASS_TRAINING)
    return NULL;
  return (guint8 *) unet_pass_value (pass, norm->mask);
}

/* --- running ------------------------------------------------------------------------------- */

typedef void (*LayerFunc) (DdpmUnetPass *pass, const UnetLayer *layer);

static const LayerFunc forward_functions[UNET_N_KINDS] = {
  [UNET_TIME] = unet_time_forward,           [UNET_CLASS] = unet_class_forward,
  [UNET_LINEAR] = unet_linear_forward,       [UNET_ACT] = unet_act_forward,
  [UNET_CONV] = unet_conv_forward,           [UNET_NORM] = unet_norm_forward,
  [UNET_ATTENTION] = unet_attention_forward, [UNET_RESAMPLE] = unet_resample_forward,
};

static const LayerFunc backward_functions[UNET_N_KINDS] = {
  [UNET_TIME] = unet_time_backward,           [UNET_CLASS] = unet_class_backward,
  [UNET_LINEAR] = unet_linear_backward,       [UNET_ACT] = unet_act_backward,
  [UNET_CONV] = unet_conv_backward,           [UNET_NORM] = unet_norm_backward,
  [UNET_ATTENTION] = unet_attention_backward, [UNET_RESAMPLE] = unet_resample_backward,
};

static void
run_layer (DdpmUnetPass *pass, guint number, const LayerFunc *functions, gboolean in_backward)
{
  const UnetLayer *layer = unet_layer (pass->unet, number);

  unet_profile_begin_layer (pass, number);
  functions[layer->kind](pass, layer);
  unet_profile_end_layer (pass, in_backward);
}

/* [batch][channels][pixels] to a tensor's value; scale * x + shift on the way, and for the output, or its
 * gradient, division by the timestep where the network does that. */
static void
put_pictures (DdpmUnetPass *pass, const float *pictures, gint tensor, float scale, float shift, float *value)
{
  const guint channels = unet_tensor (pass->unet, tensor)->channels;
  const gsize n_pixels = unet_pass_n_pixels (pass, tensor), stride = unet_pass_stride (pass, tensor);

  for (guint b = 0; b < pass->batch; b++)
    {
      const float divisor = tensor == pass->unet->output ? unet_time_get_divisor (pass, b) : 1.0f;

      for (guint c = 0; c < channels; c++)
        for (gsize i = 0; i < n_pixels; i++)
          value[c * stride + b * n_pixels + i] = scale * *pictures++ / divisor + shift;
    }
}

/* The way back. */
static void
get_pictures (DdpmUnetPass *pass, gint tensor, const float *value, float scale, float *pictures)
{
  const guint channels = unet_tensor (pass->unet, tensor)->channels;
  const gsize n_pixels = unet_pass_n_pixels (pass, tensor), stride = unet_pass_stride (pass, tensor);

  for (guint b = 0; b < pass->batch; b++)
    {
      const float divisor = tensor == pass->unet->output ? unet_time_get_divisor (pass, b) : 1.0f;

      for (guint c = 0; c < channels; c++)
        for (gsize i = 0; i < n_pixels; i++)
          *pictures++ = scale * value[c * stride + b * n_pixels + i] / divisor;
    }
}

/* The values of a parameter, wherever the layers find them while they pack. */
static const float *
fetch_param (DdpmUnetPass *pass, gint number, DdpmWeightsFunc func, gpointer user_data, float *scratch)
{
  pass->weights = func (unet_param (pass->unet, number), scratch, user_data);
  pass->weight_offsets[number] = 0;
  return pass->weights;
}

static void
pack_convolutions (DdpmUnetPass *pass, DdpmWeightsFunc func, gpointer user_data, float *scratch)
{
  const DdpmUnet *unet = pass->unet;

  for (guint i = 0; i < unet->layers->len; i++)
    if (unet_layer (unet, i)->kind == UNET_CONV)
      {
        fetch_param (pass, unet_layer (unet, i)->weight, func, user_data, scratch);
        unet_conv_pack (pass, unet_layer (unet, i));
      }
}

static void
keep_small_weights (DdpmUnetPass *pass, DdpmWeightsFunc func, gpointer user_data, float *scratch)
{
  float *kept = (float *) pass->arena.base + pass->plan.small_weights;

  for (guint i = 0; i < pass->unet->params->len; i++)
    {
      const gsize place = pass->plan.small_weights_of[i];

      if (place != G_MAXSIZE)
        memcpy (kept + place, fetch_param (pass, i, func, user_data, scratch),
                unet_param (pass->unet, i)->n_values * sizeof (float));
      pass->weight_offsets[i] = place;
    }
  pass->weights = kept;
}

gboolean
ddpm_unet_pass_pack_weights (DdpmUnetPass *pass, DdpmWeightsFunc func, gpointer user_data, GError **error)
{
  g_auto (DdpmArena) scratch = { 0 };
  gsize largest = 0;

  g_return_val_if_fail (pass->mode == DDPM_PASS_INFERENCE, FALSE);
  for (guint i = 0; i < pass->unet->params->len; i++)
    largest = MAX (largest, unet_param (pass->unet, i)->n_values);
  if (!ddpm_arena_init (&scratch, largest * sizeof (float), error))
    return FALSE;
  pack_convolutions (pass, func, user_data, scratch.base);
  keep_small_weights (pass, func, user_data, scratch.base);
  return TRUE;
}

static const float *
find_in_slab (const DdpmParam *param, float *scratch, gpointer weights)
{
  return (const float *) weights + param->offset;
}

void
ddpm_unet_pass_set_weights (DdpmUnetPass *pass, const float *weights)
{
  if (pass->mode == DDPM_PASS_INFERENCE)
    {
      pack_convolutions (pass, find_in_slab, (gpointer) weights, NULL);
      keep_small_weights (pass, find_in_slab, (gpointer) weights, NULL);
      return;
    }
  pass->weights = weights;
  for (guint i = 0; i < pass->unet->params->len; i++)
    pass->weight_offsets[i] = unet_param (pass->unet, i)->offset;
}

void
ddpm_unet_pass_forward (DdpmUnetPass *pass, const float *x, const float *timesteps, const guint32 *labels,
                        float *output)
{
  const DdpmUnet *unet = pass->unet;
  const gboolean centre = unet->config.center_input_sample;

  g_return_if_fail (pass->weights != NULL);
  g_return_if_fail (labels != NULL || unet->config.class_embed != DDPM_CLASS_EMBED_TABLE);
  pass->timesteps = timesteps;
  pass->labels = labels;
  pass->values = pass->plan.places.values;
  put_pictures (pass, x, unet->input, centre ? 2.0f : 1.0f, centre ? -1.0f : 0.0f,
                unet_pass_value (pass, unet->input));
  for (guint i = 0; i < unet->layers->len; i++)
    run_layer (pass, i, forward_functions, FALSE);
  get_pictures (pass, unet->output, unet_pass_value (pass, unet->output), 1.0f, output);
}

static void
tell_complete (const DdpmUnetPass *pass, gint param, guint step)
{
  if (param >= 0 && pass->last_steps[param] == step)
    pass->gradient_func (unet_param (pass->unet, param), pass->gradient_data);
}

static void
run_backward_step (DdpmUnetPass *pass, guint number)
{
  const UnetSweepStep *step = &pass->plan.places.sweep.steps[number];
  const UnetLayer *layer = unet_layer (pass->unet, step->layer);

  run_layer (pass, step->layer, step->again ? forward_functions : backward_functions, TRUE);
  if (step->again || pass->gradient_func == NULL)
    return;
  tell_complete (pass, layer->weight, number);
  tell_complete (pass, layer->bias, number);
}

void
ddpm_unet_pass_backward (DdpmUnetPass *pass, const float *grad_output, float *grad_weights, float *grad_x)
{
  const DdpmUnet *unet = pass->unet;

  g_return_if_fail (pass->mode == DDPM_PASS_TRAINING);
  pass->grad_weights = grad_weights;
  pass->wants_grad_x = grad_x != NULL;
  memset (pass->grad_written, 0, unet->tensors->len * sizeof *pass->grad_written);
  put_pictures (pass, grad_output, unet->output, 1.0f, 0.0f, unet_pass_grad (pass, unet->output));
  pass->values = pass->plan.places.values_again;
  for (guint i = 0; i < pass->plan.places.sweep.n_steps; i++)
    run_backward_step (pass, i);
  if (grad_x != NULL)
    get_pictures (pass, unet->input, unet_pass_grad (pass, unet->input),
                  unet->config.center_input_sample ? 2.0f : 1.0f, grad_x);
}
