/* The parts of a concatenation have intervals of their own but a common place, a block: the up path's part is
 * free for others while the skip beside it waits.
 *
 * Layer i of N runs forward at time i, step k of the sweep at time N + k. */
#include "core/nn/unet-places.h"

#include "core/kernels/kernels.h"
#include "core/nn/conv-plan.h"

#define ALIGN_FLOATS 16

/* --- intervals ----------------------------------------------------------------------------- */

typedef struct
{
  gint first, last; /* times; first > last: never needed */
  gsize start;      /* floats from the beginning of the block */
  gsize n_floats;
  gsize offset; /* once it is placed */
} Interval;

/* Three of each tensor. A tensor that is concatenated of others has none of its own. */
typedef struct
{
  const DdpmUnet *unet;
  Interval *values, *values_again, *grads;
} Intervals;

static gint
find_root (const DdpmUnet *unet, gint tensor)
{
  while (unet_tensor (unet, tensor)->parent >= 0)
    tensor = unet_tensor (unet, tensor)->parent;
  return tensor;
}

/* Touches the tensor, or its parts. */
static void
touch (const Intervals *all, Interval *intervals, gint tensor, gint time)
{
  gboolean has_parts = FALSE;

  for (guint t = 0; t < all->unet->tensors->len; t++)
    if (unet_tensor (all->unet, t)->parent == tensor)
      {
        touch (all, intervals, t, time);
        has_parts = TRUE;
      }
  if (has_parts)
    return;
  intervals[tensor].first = MIN (intervals[tensor].first, time);
  intervals[tensor].last = MAX (intervals[tensor].last, time);
}

static void
touch_all (const Intervals *all, Interval *intervals, const UnetTensorList *list, gint time)
{
  for (guint i = 0; i < list->n; i++)
    touch (all, intervals, list->tensors[i], time);
}

/* A value that is recomputed is there twice; every other one from the forward pass on. */
static void
touch_in_sweep (const Intervals *all, const gboolean *recomputed, const UnetTensorList *list, gint time)
{
  for (guint i = 0; i < list->n; i++)
    touch (all, recomputed[list->tensors[i]] ? all->values_again : all->values, list->tensors[i], time);
}

/* Vectors are matrices without gaps. */
static gsize
get_stride (gint level, const DdpmPassOptions *options)
{
  return level < 0 ? options->batch
                   : unet_pad_channel ((gsize) options->batch * (options->height >> level)
                                       * (options->width >> level));
}

static gsize
align (gsize n_floats)
{
  return (n_floats + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS;
}

static void
begin_intervals (const Intervals *all, const DdpmPassOptions *options)
{
  const DdpmUnet *unet = all->unet;

  for (guint t = 0; t < unet->tensors->len; t++)
    {
      const UnetTensor *tensor = unet_tensor (unet, t);
      const gsize stride = get_stride (tensor->level, options);
      Interval interval = { .first = G_MAXINT, .last = -1 };

      interval.n_floats = align (tensor->channels * stride + DDPM_KERNEL_SLACK);
      for (gint part = t; unet_tensor (unet, part)->parent >= 0; part = unet_tensor (unet, part)->parent)
        interval.start += unet_tensor (unet, part)->parent_channel * stride;
      all->values[t] = all->values_again[t] = all->grads[t] = interval;
    }
}

static void
find_intervals (const Intervals *all, const UnetPlaces *places, const DdpmPassOptions *options,
                const gboolean *recomputed)
{
  const DdpmUnet *unet = all->unet;
  const gint n_layers = unet->layers->len;

  begin_intervals (all, options);
  touch (all, all->values, unet->input, 0);
  for (gint i = 0; i < n_layers; i++)
    {
      const UnetTensorList written = unet_list_written (unet, unet_layer (unet, i), options->mode);
      const UnetTensorList read = unet_list_read (unet, unet_layer (unet, i), options->mode);

      touch_all (all, all->values, &written, i);
      touch_all (all, all->values, &read, i);
    }
  for (guint i = 0; i < places->sweep.n_steps; i++)
    {
      const UnetLayer *layer = unet_layer (unet, places->sweep.steps[i].layer);
      const gint time = n_layers + i;

      if (places->sweep.steps[i].again)
        {
          const UnetTensorList written = unet_list_written (unet, layer, options->mode);
          const UnetTensorList read = unet_list_read (unet, layer, options->mode);

          touch_in_sweep (all, recomputed, &written, time);
          touch_in_sweep (all, recomputed, &read, time);
        }
      else
        {
          const UnetTensorList read = unet_list_backward (unet, layer), grads = unet_list_grads (layer);

          touch_in_sweep (all, recomputed, &read, time);
          touch_all (all, all->grads, &grads, time);
        }
    }
  if (options->mode == DDPM_PASS_TRAINING)
    touch (all, all->grads, unet->input, n_layers + places->sweep.n_steps);
}

/* --- places -------------------------------------------------------------------------------- */

/* Intervals that lie side by side. */
typedef struct
{
  GPtrArray *intervals; /* Interval */
  gsize n_floats;
} Block;

static void
block_free (gpointer data)
{
  g_ptr_array_unref (((Block *) data)->intervals);
  g_free (data);
}

/* One block for each tensor that is no part, of what is needed of it. */
static void
add_blocks (GPtrArray *blocks, const DdpmUnet *unet, Interval *intervals)
{
  const guint n_tensors = unet->tensors->len;
  g_autofree Block **block_of = g_new0 (Block *, n_tensors);

  for (guint t = 0; t < n_tensors; t++)
    {
      const gint root = find_root (unet, t);

      if (intervals[t].first > intervals[t].last)
        continue;
      if (block_of[root] == NULL)
        {
          block_of[root] = g_new0 (Block, 1);
          block_of[root]->intervals = g_ptr_array_new ();
          g_ptr_array_add (blocks, block_of[root]);
        }
      g_ptr_array_add (block_of[root]->intervals, &intervals[t]);
      block_of[root]->n_floats = MAX (block_of[root]->n_floats, intervals[t].start + intervals[t].n_floats);
    }
}

/* Largest first. */
static gint
compare_blocks (gconstpointer a, gconstpointer b)
{
  const Block *x = *(Block *const *) a, *y = *(Block *const *) b;

  return (x->n_floats < y->n_floats) - (x->n_floats > y->n_floats);
}

static void
insert_by_offset (GPtrArray *placed, Interval *interval)
{
  guint at = placed->len;

  while (at > 0 && ((const Interval *) g_ptr_array_index (placed, at - 1))->offset > interval->offset)
    at--;
  g_ptr_array_insert (placed, at, interval);
}

/* The lowest place, from `place` on, where the interval takes nothing from those of the same time; `placed`
 * is in the order of offsets. */
static gsize
find_place_for (const Interval *interval, const GPtrArray *placed, gsize place)
{
  for (guint i = 0; i < placed->len; i++)
    {
      const Interval *other = g_ptr_array_index (placed, i);
      const gsize end = other->offset + other->n_floats;

      if (other->first > interval->last || interval->first > other->last || end <= place + interval->start)
        continue;
      if (other->offset >= place + interval->start + interval->n_floats)
        break;
      place = end - interval->start;
    }
  return place;
}

static gsize
find_place (const Block *block, const GPtrArray *placed)
{
  gsize place = 0, before;

  do
    {
      before = place;
      for (guint i = 0; i < block->intervals->len; i++)
        place = find_place_for (g_ptr_array_index (block->intervals, i), placed, place);
    }
  while (place != before);
  return place;
}

/* Each block as low as it goes. Returns the floats taken. */
static gsize
place_blocks (GPtrArray *blocks)
{
  g_autoptr (GPtrArray) placed = g_ptr_array_new ();
  gsize n_floats = 0;

  g_ptr_array_sort (blocks, compare_blocks);
  for (guint i = 0; i < blocks->len; i++)
    {
      const Block *block = g_ptr_array_index (blocks, i);
      const gsize place = find_place (block, placed);

      for (guint k = 0; k < block->intervals->len; k++)
        {
          Interval *interval = g_ptr_array_index (block->intervals, k);

          interval->offset = place + interval->start;
          insert_by_offset (placed, interval);
        }
      n_floats = MAX (n_floats, place + block->n_floats);
    }
  return n_floats;
}

/* Where a tensor begins: where its first part does. */
static gsize
get_offset (const DdpmUnet *unet, const Interval *intervals, gint tensor)
{
  for (guint t = 0; t < unet->tensors->len; t++)
    if (unet_tensor (unet, t)->parent == tensor && unet_tensor (unet, t)->parent_channel == 0)
      return get_offset (unet, intervals, t);
  return intervals[tensor].offset;
}

void
unet_places_init (UnetPlaces *places, const DdpmUnet *unet, const DdpmPassOptions *options)
{
  const guint n_tensors = unet->tensors->len;
  const gboolean training = options->mode == DDPM_PASS_TRAINING;
  g_autofree gboolean *recomputed =
    training && options->recompute ? unet_find_internal (unet) : g_new0 (gboolean, n_tensors);
  g_autofree Interval *intervals = g_new (Interval, 3 * n_tensors);
  const Intervals all = { unet, intervals, intervals + n_tensors, intervals + 2 * n_tensors };
  g_autoptr (GPtrArray) blocks = g_ptr_array_new_with_free_func (block_free);

  *places = (UnetPlaces) { .values = g_new (gsize, n_tensors),
                           .values_again = g_new (gsize, n_tensors),
                           .grads = g_new (gsize, n_tensors) };
  if (training)
    unet_sweep_init (&places->sweep, unet, recomputed);
  find_intervals (&all, places, options, recomputed);
  add_blocks (blocks, unet, all.values);
  add_blocks (blocks, unet, all.values_again);
  add_blocks (blocks, unet, all.grads);
  places->n_floats = place_blocks (blocks);
  for (guint t = 0; t < n_tensors; t++)
    {
      places->values[t] = get_offset (unet, all.values, t);
      places->values_again[t] = recomputed[t] ? get_offset (unet, all.values_again, t) : places->values[t];
      places->grads[t] = get_offset (unet, all.grads, t);
    }
}

void
unet_places_clear (UnetPlaces *places)
{
  g_clear_pointer (&places->values, g_free);
  g_clear_pointer (&places->values_again, g_free);
  g_clear_pointer (&places->grads, g_free);
  unet_sweep_clear (&places->sweep);
}
