/* Memory of a pass: the tensors (unet-places.c), and what layers need while they run. */
#include "core/nn/conv-plan.h"
#include "core/nn/unet-pass.h"

#define ALIGN_FLOATS 16

static gsize
take (UnetPlan *plan, gsize n_floats)
{
  const gsize offset = plan->n_floats;

  plan->n_floats += (n_floats + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS;
  return offset;
}

/* Grows the plan's sizes by what a convolution needs while it runs in one direction. */
static void
measure_conv (UnetPlan *sizes, const UnetConvPlan *conv)
{
  if (conv->division != UNET_CONV_BY_ROWS)
    {
      sizes->tiles_in = MAX (sizes->tiles_in, conv->tiles_in);
      sizes->tiles_out = MAX (sizes->tiles_out, conv->tiles_out);
    }
  sizes->points = MAX (sizes->points, conv->points);
  sizes->worker_stride = MAX (sizes->worker_stride, conv->worker);
}

static void
plan_scratch (UnetPlan *plan, const DdpmUnet *unet, const DdpmKernels *kernels, guint n_threads,
              const DdpmPassOptions *options)
{
  const DdpmPassMode mode = options->mode;
  const UnetConvDirection last_direction =
    mode == DDPM_PASS_TRAINING ? UNET_CONV_WEIGHT_GRAD : UNET_CONV_FORWARD;
  UnetPlan sizes = { 0 };

  for (guint i = 0; i < unet->layers->len; i++)
    {
      const UnetLayer *layer = unet_layer (unet, i);

      if (layer->kind == UNET_CONV)
        {
          for (UnetConvDirection direction = UNET_CONV_FORWARD; direction <= last_direction; direction++)
            {
              const UnetConvPlan conv = unet_conv_plan (unet, layer, kernels, direction, options);

              measure_conv (&sizes, &conv);
            }
          sizes.sums = MAX (sizes.sums, (gsize) unet_tensor (unet, layer->output)->channels * options->batch);
          plan->packed_of[i] = sizes.packed;
          sizes.packed += mode == DDPM_PASS_INFERENCE ? unet_conv_count_packed (unet, layer, kernels) : 0;
        }
      else if (layer->kind == UNET_NORM)
        sizes.sums =
          MAX (sizes.sums, (gsize) unet_tensor (unet, layer->input)->channels * options->batch * 2);
      else if (layer->kind == UNET_LINEAR)
        sizes.sums = MAX (sizes.sums, unet_linear_count_scratch (unet, layer, options->batch));
      else if (layer->kind == UNET_ATTENTION)
        sizes.worker_stride = MAX (sizes.worker_stride, unet_attention_count_scratch (unet, layer, options));
    }
  plan->tiles_in = take (plan, sizes.tiles_in);
  plan->tiles_out = take (plan, sizes.tiles_out);
  plan->points = take (plan, sizes.points);
  plan->packed = take (plan, sizes.packed);
  plan->sums = take (plan, sizes.sums);
  plan->worker_stride = unet_pad_channel (sizes.worker_stride);
  plan->worker = take (plan, plan->worker_stride * n_threads);
  take (plan, DDPM_KERNEL_SLACK);
}

/* Parameters that are not packed. */
static void
plan_small_weights (UnetPlan *plan, const DdpmUnet *unet)
{
  g_autofree gboolean *packed = g_new0 (gboolean, unet->params->len);
  gsize n_floats = 0;

  for (guint i = 0; i < unet->layers->len; i++)
    if (unet_layer (unet, i)->kind == UNET_CONV)
      packed[unet_layer (unet, i)->weight] = TRUE;
  plan->small_weights_of = g_new (gsize, unet->params->len);
  for (guint i = 0; i < unet->params->len; i++)
    {
      plan->small_weights_of[i] = packed[i] ? G_MAXSIZE : n_floats;
      n_floats += packed[i] ? 0 : unet_param (unet, i)->n_values;
    }
  plan->small_weights = take (plan, n_floats);
}

void
unet_plan_init (UnetPlan *plan, const DdpmUnet *unet, const DdpmKernels *kernels, guint n_threads,
                const DdpmPassOptions *options)
{
  *plan = (UnetPlan) { .packed_of = g_new0 (gsize, unet->layers->len) };
  unet_places_init (&plan->places, unet, options);
  plan->n_floats = plan->places.n_floats;
  plan_scratch (plan, unet, kernels, n_threads, options);
  if (options->mode == DDPM_PASS_INFERENCE)
    plan_small_weights (plan, unet);
}

void
unet_plan_clear (UnetPlan *plan)
{
  unet_places_clear (&plan->places);
  g_clear_pointer (&plan->packed_of, g_free);
  g_clear_pointer (&plan->small_weights_of, g_free);
}
