/* Memory of a pass: when each tensor is needed, and a place for each so that tensors needed at the same
 * time do not overlap.
 *
 * Layer i of N runs forward at time i and backward at time 2N - 1 - i. */
#include "core/nn/conv-geometry.h"
#include "core/nn/unet-pass.h"

#define ALIGN_FLOATS 16

typedef struct
{
  gint first, last; /* times; first > last: never needed */
  gsize n_floats;
  gsize offset;
} Interval;

/* --- what a layer touches ------------------------------------------------------------------ */

#define MAX_TOUCHED 8

typedef struct
{
  gint tensors[MAX_TOUCHED];
  guint n;
} TensorList;

static void
list_add (TensorList *list, gint tensor)
{
  if (tensor >= 0)
    list->tensors[list->n++] = tensor;
}

/* A convolution's input, or what its norm computes it from. */
static void
list_add_input (TensorList *list, const DdpmUnet *unet, gint tensor)
{
  const gint norm = unet_tensor (unet, tensor)->norm;

  if (norm < 0)
    {
      list_add (list, tensor);
      return;
    }
  list_add (list, unet_layer (unet, norm)->input);
  list_add (list, unet_layer (unet, norm)->stats);
  list_add (list, unet_layer (unet, norm)->mask);
}

/* Tensors whose values a layer reads or writes in the forward pass. */
static TensorList
list_forward (const DdpmUnet *unet, const UnetLayer *layer)
{
  TensorList list = { .n = 0 };

  if (layer->input >= 0)
    list_add_input (&list, unet, layer->input);
  list_add (&list, layer->time_bias);
  list_add (&list, layer->residual);
  list_add (&list, layer->scale_shift);
  list_add (&list, layer->stats);
  list_add (&list, layer->mask);
  list_add (&list, layer->key);
  list_add (&list, layer->value);
  if (unet_tensor (unet, layer->output)->norm < 0)
    list_add (&list, layer->output);
  return list;
}

/* Tensors whose values a layer reads in the backward pass. */
static TensorList
list_backward (const DdpmUnet *unet, const UnetLayer *layer)
{
  TensorList list = { .n = 0 };

  switch (layer->kind)
    {
    case UNET_CONV:
    case UNET_LINEAR:
    case UNET_ACT:
      list_add_input (&list, unet, layer->input);
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
      break;
    default:
      break;
    }
  return list;
}

/* Tensors whose gradient a layer reads or writes in the backward pass. */
static TensorList
list_grads (const UnetLayer *layer)
{
  TensorList list = { .n = 0 };

  list_add (&list, layer->output);
  list_add (&list, layer->input);
  list_add (&list, layer->time_bias);
  list_add (&list, layer->residual);
  list_add (&list, layer->scale_shift);
  list_add (&list, layer->key);
  list_add (&list, layer->value);
  return list;
}

/* --- intervals ----------------------------------------------------------------------------- */

/* Vectors are matrices without gaps. */
static gsize
get_stride (gint level, guint batch, guint height, guint width)
{
  return level < 0 ? batch : unet_pad_channel ((gsize) batch * (height >> level) * (width >> level));
}

static gint
find_root (const DdpmUnet *unet, gint tensor)
{
  while (unet_tensor (unet, tensor)->parent >= 0)
    tensor = unet_tensor (unet, tensor)->parent;
  return tensor;
}

static void
touch (Interval *intervals, const DdpmUnet *unet, gint tensor, gint time)
{
  Interval *interval = &intervals[find_root (unet, tensor)];

  interval->first = MIN (interval->first, time);
  interval->last = MAX (interval->last, time);
}

static void
touch_all (Interval *intervals, const DdpmUnet *unet, const TensorList *list, gint time)
{
  for (guint i = 0; i < list->n; i++)
    touch (intervals, unet, list->tensors[i], time);
}

/* intervals[2 * n_tensors]: of the values, then of the gradients. */
static void
find_intervals (Interval *intervals, const DdpmUnet *unet, guint batch, guint height, guint width,
                DdpmPassMode mode)
{
  const gint n_layers = unet->layers->len;
  const guint n_tensors = unet->tensors->len;
  Interval *grads = intervals + n_tensors;

  for (guint t = 0; t < n_tensors; t++)
    {
      const UnetTensor *tensor = unet_tensor (unet, t);
      const gsize n_floats =
        tensor->channels * get_stride (tensor->level, batch, height, width) + DDPM_KERNEL_SLACK;

      intervals[t] = grads[t] = (Interval) {
        .first = G_MAXINT, .last = -1, .n_floats = (n_floats + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS
      };
    }
  touch (intervals, unet, unet->input, 0);
  for (gint i = 0; i < n_layers; i++)
    {
      const UnetLayer *layer = unet_layer (unet, i);
      const TensorList forward = list_forward (unet, layer);
      const TensorList backward = list_backward (unet, layer), gradients = list_grads (layer);

      touch_all (intervals, unet, &forward, i);
      if (mode == DDPM_PASS_TRAINING)
        {
          touch_all (intervals, unet, &backward, 2 * n_layers - 1 - i);
          touch_all (grads, unet, &gradients, 2 * n_layers - 1 - i);
        }
    }
  if (mode == DDPM_PASS_TRAINING)
    touch (grads, unet, unet->input, 2 * n_layers);
}

/* --- places -------------------------------------------------------------------------------- */

static gint
compare_sizes (gconstpointer a, gconstpointer b)
{
  const Interval *x = *(Interval *const *) a, *y = *(Interval *const *) b;

  return (x->n_floats < y->n_floats) - (x->n_floats > y->n_floats);
}

static gint
compare_offsets (gconstpointer a, gconstpointer b)
{
  const Interval *x = *(Interval *const *) a, *y = *(Interval *const *) b;

  return (x->offset > y->offset) - (x->offset < y->offset);
}

/* The lowest place that no placed interval of the same time takes. */
static gsize
find_place (const GPtrArray *placed, const Interval *interval)
{
  g_autoptr (GPtrArray) neighbours = g_ptr_array_new ();
  gsize place = 0;

  for (guint i = 0; i < placed->len; i++)
    {
      const Interval *other = g_ptr_array_index (placed, i);

      if (other->first <= interval->last && interval->first <= other->last)
        g_ptr_array_add (neighbours, (gpointer) other);
    }
  g_ptr_array_sort (neighbours, compare_offsets);
  for (guint i = 0; i < neighbours->len; i++)
    {
      const Interval *other = g_ptr_array_index (neighbours, i);

      if (place + interval->n_floats <= other->offset)
        break;
      place = MAX (place, other->offset + other->n_floats);
    }
  return place;
}

/* Largest first, each as low as it goes. Returns the floats taken. */
static gsize
place_intervals (Interval *intervals, guint n)
{
  g_autoptr (GPtrArray) by_size = g_ptr_array_new (), placed = g_ptr_array_new ();
  gsize n_floats = 0;

  for (guint i = 0; i < n; i++)
    if (intervals[i].first <= intervals[i].last)
      g_ptr_array_add (by_size, &intervals[i]);
  g_ptr_array_sort (by_size, compare_sizes);
  for (guint i = 0; i < by_size->len; i++)
    {
      Interval *interval = g_ptr_array_index (by_size, i);

      interval->offset = find_place (placed, interval);
      n_floats = MAX (n_floats, interval->offset + interval->n_floats);
      g_ptr_array_add (placed, interval);
    }
  return n_floats;
}

/* --- the plan ------------------------------------------------------------------------------ */

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

/* A part lies inside its parent. */
static gsize
get_offset (const DdpmUnet *unet, const Interval *intervals, guint batch, guint height, guint width,
            gint tensor)
{
  const gint root = find_root (unet, tensor), level = unet_tensor (unet, tensor)->level;
  gsize channel = 0;

  for (gint t = tensor; t != root; t = unet_tensor (unet, t)->parent)
    channel += unet_tensor (unet, t)->parent_channel;
  return intervals[root].offset + channel * get_stride (level, batch, height, width);
}

void
unet_plan_init (UnetPlan *plan, const DdpmUnet *unet, const DdpmKernels *kernels, guint n_threads,
                guint batch, guint height, guint width, DdpmPassMode mode)
{
  const guint n_tensors = unet->tensors->len;
  g_autofree Interval *intervals = g_new (Interval, 2 * n_tensors);

  *plan = (UnetPlan) { .values = g_new (gsize, n_tensors),
                       .grads = g_new (gsize, n_tensors),
                       .packed_of = g_new0 (gsize, unet->layers->len) };
  find_intervals (intervals, unet, batch, height, width, mode);
  plan->n_floats = place_intervals (intervals, 2 * n_tensors);
  for (guint t = 0; t < n_tensors; t++)
    {
      plan->values[t] = get_offset (unet, intervals, batch, height, width, t);
      plan->grads[t] = get_offset (unet, intervals + n_tensors, batch, height, width, t);
    }
  plan_scratch (plan, unet, kernels, n_threads, batch, height, width, mode);
}

void
unet_plan_clear (UnetPlan *plan)
{
  g_clear_pointer (&plan->values, g_free);
  g_clear_pointer (&plan->grads, g_free);
  g_clear_pointer (&plan->packed_of, g_free);
}
