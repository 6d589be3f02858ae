#include "core/data/view.h"

#include <math.h>

#define MOST_TAPS 8 /* pixels that one is made of, along an axis: enough for a zoom of a quarter */

static gboolean
is_warped (const DdpmView *view)
{
  return view->angle != 0 || (view->zoom != 0 && view->zoom != 1);
}

static gboolean
is_coloured (const DdpmView *view)
{
  return view->brightness != 0 || view->contrast != 0 || view->saturation != 0 || view->hue != 0;
}

/* The place in the part, before it was turned and mirrored, that is shown at (x, y). */
static void
find_place (const DdpmView *view, guint width, guint height, guint x, guint y, guint *column, guint *row)
{
  const gboolean half = view->quarter_turns >= 2, quarter = view->quarter_turns % 2 == 1;
  const guint across = quarter ? y : x, down = quarter ? width - 1 - x : y;

  *column = half != view->flip ? width - 1 - across : across;
  *row = half != view->flip_vertical ? height - 1 - down : down;
}

static void
copy_part (const DdpmView *view, const DdpmViewedPicture *picture, guint width, guint height, float *tensor)
{
  const gsize n_pixels = (gsize) picture->width * picture->height;

  for (guint y = 0; y < height; y++)
    for (guint x = 0; x < width; x++)
      {
        guint column, row;

        find_place (view, width, height, x, y, &column, &row);
        const gsize from =
          (gsize) ((view->y + row) % picture->height) * picture->width + (view->x + column) % picture->width;
        for (guint c = 0; c < picture->n_channels; c++)
          tensor[((gsize) c * height + y) * width + x] = picture->values[c * n_pixels + from];
      }
}

/* A pixel's coordinate, of a side that goes on as its mirror image or from its other end. */
static guint
fold (gint64 at, guint side, gboolean wraps)
{
  const gint64 period = wraps ? side : 2 * (gint64) side;
  gint64 folded = at % period;

  if (folded < 0)
    folded += period;
  return (guint) (folded < side ? folded : period - 1 - folded);
}

/* Pixels and their weights along one axis. */
typedef struct
{
  guint n;
  guint at[MOST_TAPS];
  float weights[MOST_TAPS]; /* their sum is 1 */
} Taps;

/* A tent around `centre` (pixel i covers i … i + 1) that reaches `radius` to both sides: with 1 pixel linear
 * interpolation, with more an average, as wide as the distance of two neighbours that are shown. */
static void
find_taps (Taps *taps, double centre, double radius, guint side, gboolean wraps)
{
  const gint64 first = (gint64) ceil (centre - 0.5 - radius);
  float sum = 0;

  taps->n = 0;
  for (gint64 i = first; i < centre - 0.5 + radius && taps->n < MOST_TAPS; i++)
    {
      const float weight = (float) (1 - fabs (i + 0.5 - centre) / radius);

      if (weight <= 0)
        continue;
      taps->at[taps->n] = fold (i, side, wraps);
      taps->weights[taps->n++] = weight;
      sum += weight;
    }
  for (guint i = 0; i < taps->n; i++)
    taps->weights[i] /= sum;
}

static float
sample (const guint8 *plane, guint width, const Taps *across, const Taps *down)
{
  float sum = 0;

  for (guint j = 0; j < down->n; j++)
    {
      const guint8 *row = plane + (gsize) down->at[j] * width;
      float of_row = 0;

      for (guint i = 0; i < across->n; i++)
        of_row += across->weights[i] * row[across->at[i]];
      sum += down->weights[j] * of_row;
    }
  return sum;
}

static void
warp_part (const DdpmView *view, const DdpmViewedPicture *picture, guint width, guint height, float *tensor)
{
  const gsize n_pixels = (gsize) picture->width * picture->height;
  const double step =
    view->zoom != 0 ? 1 / (double) view->zoom : 1; /* pixels from one that is shown to the next */
  const double angle = view->angle * G_PI / 180;
  const double along = step * cos (angle), aside = step * sin (angle);
  const double middle_x = view->x + 0.5 * width, middle_y = view->y + 0.5 * height;
  Taps across, down;

  for (guint y = 0; y < height; y++)
    for (guint x = 0; x < width; x++)
      {
        guint column, row;

        find_place (view, width, height, x, y, &column, &row);
        /* turned back, against the clock; y points down */
        const double dx = column + 0.5 - 0.5 * width, dy = row + 0.5 - 0.5 * height;
        find_taps (&across, middle_x + along * dx + aside * dy, MAX (step, 1), picture->width,
                   picture->wraps);
        find_taps (&down, middle_y - aside * dx + along * dy, MAX (step, 1), picture->height, picture->wraps);
        for (guint c = 0; c < picture->n_channels; c++)
          tensor[((gsize) c * height + y) * width + x] =
            sample (picture->values + c * n_pixels, picture->width, &across, &down);
      }
}

/* What a view does to colours, as numbers. */
typedef struct
{
  float gain, offset; /* of the brightness; offset for an opaque pixel, in 0 … 255 */
  float turn[3][3];   /* of the rest */
} Change;

/* A turn around (1, 1, 1) / sqrt (3) by Rodrigues' formula, and a stretch of what it turns. */
static void
change_init (Change *change, const DdpmView *view)
{
  const double gain = exp2 (view->contrast), stretch = exp2 (view->saturation);
  const double angle = view->hue * G_PI / 180;
  const double same = cos (angle) + (1 - cos (angle)) / 3;
  const double next = (1 - cos (angle)) / 3 - sin (angle) / sqrt (3);
  const double last = (1 - cos (angle)) / 3 + sin (angle) / sqrt (3);

  change->gain = (float) gain;
  change->offset = (float) (255 * (gain * (view->brightness - 0.5) + 0.5));
  for (guint i = 0; i < 3; i++)
    {
      change->turn[i][i] = (float) (stretch * same);
      change->turn[i][(i + 1) % 3] = (float) (stretch * next);
      change->turn[i][(i + 2) % 3] = (float) (stretch * last);
    }
}

static void
change_colours (const DdpmView *view, guint n_channels, gsize n_pixels, float *tensor)
{
  float *red = tensor, *green = tensor, *blue = tensor;
  const float *alpha = n_channels == 4 ? tensor + 3 * n_pixels : NULL;
  Change change;

  change_init (&change, view);
  if (n_channels >= 3)
    {
      green = tensor + n_pixels;
      blue = tensor + 2 * n_pixels;
    }
  for (gsize i = 0; i < n_pixels; i++)
    {
      const float most = alpha != NULL ? alpha[i] : 255.0f;
      /* written this way, equal values stay exactly equal */
      const float m = green[i] + 0.2126f * (red[i] - green[i]) + 0.0722f * (blue[i] - green[i]);
      const float base = change.gain * m + change.offset * (most / 255.0f);
      const float rest[3] = { red[i] - m, green[i] - m, blue[i] - m };

      for (guint c = 0; c < MIN (n_channels, 3); c++)
        {
          const float *turn = change.turn[c];
          const float value = base + (turn[0] * rest[0] + turn[1] * rest[1] + turn[2] * rest[2]);

          tensor[c * n_pixels + i] = CLAMP (value, 0.0f, most);
        }
    }
}

void
ddpm_view_show (const DdpmView *view, const DdpmViewedPicture *picture, guint width, guint height,
                float *tensor)
{
  const gsize n_pixels = (gsize) width * height;

  g_return_if_fail (view->quarter_turns % 2 == 0 || width == height);

  if (is_warped (view))
    warp_part (view, picture, width, height, tensor);
  else
    copy_part (view, picture, width, height, tensor);
  if (is_coloured (view))
    change_colours (view, picture->n_channels, n_pixels, tensor);
  for (gsize i = 0; i < picture->n_channels * n_pixels; i++)
    tensor[i] = tensor[i] / 127.5f - 1.0f;
}
