#include "core/job/windows.h"

#include <math.h>
#include <string.h>

/* Rises from 0 to 1 over `width` pixels, smoothly at both ends; `place` counts from where it begins. */
static double
rise (double place, double width)
{
  if (place <= 0)
    return 0;
  return place >= width ? 1 : 0.5 - 0.5 * cos (G_PI * place / width);
}

/* Of a window for itself: it counts from its margin on, where it has a neighbour at that end. */
static double
get_own_weight (const DdpmWindowAxis *axis, guint place, guint overlap, guint margin, gboolean has_left,
                gboolean has_right)
{
  const double width = MAX (overlap - 2 * margin, 1);
  const double left = has_left ? rise (place + 0.5 - margin, width) : 1;
  const double right = has_right ? rise (axis->size - place - 0.5 - margin, width) : 1;

  return left * right;
}

static void
set_weights (DdpmWindowAxis *axis, guint overlap, guint margin, gboolean wraps)
{
  g_autofree double *sums = g_new0 (double, axis->length);

  for (guint i = 0; i < axis->n; i++)
    for (guint place = 0; place < axis->size; place++)
      {
        const double weight =
          get_own_weight (axis, place, overlap, margin, wraps || i > 0, wraps || i + 1 < axis->n);

        axis->weights[(gsize) i * axis->size + place] = (float) weight;
        sums[(axis->begins[i] + place) % axis->length] += (float) weight;
      }
  for (guint i = 0; i < axis->n; i++)
    for (guint place = 0; place < axis->size; place++)
      axis->weights[(gsize) i * axis->size + place] /= (float) sums[(axis->begins[i] + place) % axis->length];
}

void
ddpm_window_axis_init (DdpmWindowAxis *axis, guint length, guint size, guint overlap, guint margin,
                       gboolean wraps)
{
  const guint step = size - overlap;

  g_return_if_fail (length > 0 && overlap < size && 2 * margin <= overlap && (wraps || size <= length));

  *axis = (DdpmWindowAxis) { .length = length, .size = size, .n = 1 };
  if (size != length)
    axis->n = wraps ? (length + step - 1) / step : (length - size + step - 1) / step + 1;
  axis->begins = g_new0 (guint, axis->n);
  axis->weights = g_new (float, (gsize) axis->n *size);
  for (guint i = 1; i < axis->n; i++)
    axis->begins[i] =
      (guint) (wraps ? (guint64) i * length / axis->n : (guint64) i * (length - size) / (axis->n - 1));
  if (size == length)
    for (guint place = 0; place < size; place++)
      axis->weights[place] = 1;
  else
    set_weights (axis, overlap, margin, wraps);
}

void
ddpm_windows_clear (DdpmWindows *windows)
{
  g_free (windows->x.begins);
  g_free (windows->x.weights);
  g_free (windows->y.begins);
  g_free (windows->y.weights);
  *windows = (DdpmWindows) { 0 };
}

guint
ddpm_windows_count (const DdpmWindows *windows)
{
  return windows->x.n * windows->y.n;
}

gboolean
ddpm_windows_is_whole (const DdpmWindows *windows)
{
  return windows->x.size == windows->x.length && windows->y.size == windows->y.length;
}

void
ddpm_windows_take (const DdpmWindows *windows, guint number, const float *plane, float *values)
{
  const DdpmWindowAxis *x = &windows->x, *y = &windows->y;
  const guint left = x->begins[number % x->n], top = y->begins[number / x->n];

  for (guint row = 0; row < y->size; row++)
    {
      const float *from = plane + (gsize) ((top + row) % y->length) * x->length;
      float *to = values + (gsize) row * x->size;

      /* runs that end where the canvas ends */
      for (guint done = 0, begin = left, n; done < x->size; done += n, begin = 0)
        {
          n = MIN (x->length - begin, x->size - done);
          memcpy (to + done, from + begin, n * sizeof (float));
        }
    }
}

void
ddpm_windows_add_row (const DdpmWindows *windows, guint number, guint row, const float *values,
                      float *canvas_row)
{
  const DdpmWindowAxis *x = &windows->x, *y = &windows->y;
  const float *weights = x->weights + (gsize) (number % x->n) * x->size;
  const float weight = y->weights[(gsize) (number / x->n) * y->size + row];

  if (weight == 0)
    return;
  for (guint done = 0, begin = x->begins[number % x->n], n; done < x->size; done += n, begin = 0)
    {
      n = MIN (x->length - begin, x->size - done);
      for (guint i = 0; i < n; i++)
        canvas_row[begin + i] += weight * weights[done + i] * values[done + i];
    }
}
