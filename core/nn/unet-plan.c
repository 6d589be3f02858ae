/* Memory of a pass: the tensors (unet-places.c), and what layers need while they run. */
#include "core/nn/conv-geometry.h"
#include "core/nn/unet-pass.h"

#define ALIGN_FLOATS 16

static gsize
take (UnetPlan *plan, gsize n_floats)
{
  const gsize offset = plan->n_floats;

  plan->n_floats += (n_floats + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS;
  return offset;
}

static void
plan_scratch (UnetPlan *plan, const DdpmUnet *unet, const DdpmKernels *kernels, guint n_threads, guint batch,
              guint height, guint width, DdpmPassMode mode)
{
  gsize gathered = 0, gathered_grad = 0, packed = 0, sums = 0, worker = 0;

  for (guint i = 0; i < unet->layers->len; i++)
    {
      const UnetLayer *layer = unet_layer (unet, i);

      if (layer->kind == UNET_CONV)
        {
          const UnetConvScratch scratch =
            unet_conv_measure (unet, layer, kernels, batch, height, width, mode);

          gathered = MAX (gathered, scratch.gathered);
          gathered_grad = MAX (gathered_grad, scratch.gathered_grad);
          worker = MAX (worker, scratch.unfolded);
          sums = MAX (sums, (gsize) unet_tensor (unet, layer->output)->channels * batch);
          plan->packed_of[i] = mode == DDPM_PASS_TRAINING ? 0 : packed;
          packed = mode == DDPM_PASS_TRAINING ? MAX (packed, scratch.packed) : packed + scratch.packed;
        }
      else if (layer->kind == UNET_NORM)
        sums = MAX (sums, (gsize) unet_tensor (unet, layer->input)->channels * batch * 2);
      else if (layer->kind == UNET_ATTENTION)
        {
          const gint level = unet_tensor (unet, layer->query)->level;

          worker =
            MAX (worker, unet_attention_scratch_floats ((gsize) (height >> level) * (width >> level), mode));
        }
    }
  plan->gathered = take (plan, gathered);
  plan->gathered_grad = take (plan, gathered_grad);
  plan->packed = take (plan, packed);
  plan->sums = take (plan, sums);
  plan->worker_stride = (worker + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS;
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
  plan_scratch (plan, unet, kernels, n_threads, options->batch, options->height, options->width,
                options->mode);
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
