#include "core/data/seams.h"

#include <math.h>

#define LEAST_SIDE 4
#define ALLOWED_RATIO 1.6        /* of the step across the edge to the steps beside it */
#define ALLOWED_STEP (2 / 255.0) /* more than that, where there are none beside it */
#define LEAST_VARIATION (3 / 255.0)

/* A row or a column of pixels. */
typedef struct
{
  const DdpmImage *image;
  gsize first, step; /* pixels */
  guint n;
} Line;

static Line
get_line (const DdpmImage *image, gboolean is_column, guint number)
{
  if (is_column)
    return (Line) { image, number, image->width, image->height };
  return (Line) { image, (gsize) number * image->width, 1, image->width };
}

/* Premultiplied, so that colours nobody sees do not count. */
static float
get_value (const Line *line, guint place, guint channel)
{
  const guint n_channels = line->image->n_channels;
  const gboolean has_alpha = n_channels == 2 || n_channels == 4;
  const float *pixel = line->image->pixels + (line->first + place * line->step) * n_channels;

  return has_alpha && channel + 1 < n_channels ? pixel[channel] * pixel[n_channels - 1] : pixel[channel];
}

/* The mean difference of two lines, the second one shifted by some places. */
static double
get_difference (const Line *a, const Line *b, guint shift)
{
  const guint n_channels = a->image->n_channels;
  double sum = 0;

  for (guint i = 0; i + shift < a->n; i++)
    for (guint c = 0; c < n_channels; c++)
      sum += fabsf (get_value (a, i, c) - get_value (b, i + shift, c));
  return sum / ((a->n - shift) * n_channels);
}

static DdpmSeams
judge_direction (const DdpmImage *image, gboolean columns)
{
  const guint n = columns ? image->width : image->height;
  const Line first = get_line (image, columns, 0), second = get_line (image, columns, 1);
  const Line last = get_line (image, columns, n - 1), before = get_line (image, columns, n - 2);
  const double across = get_difference (&first, &last, 0);
  const double beside = (get_difference (&first, &second, 0) + get_difference (&last, &before, 0)) / 2;

  const double along = MIN (get_difference (&first, &first, 1), get_difference (&last, &last, 1));

  if (across > ALLOWED_RATIO * beside + ALLOWED_STEP)
    return DDPM_SEAMS_BROKEN;
  return along < LEAST_VARIATION ? DDPM_SEAMS_FLAT : DDPM_SEAMS_MEET;
}

DdpmSeams
ddpm_image_get_seams (const DdpmImage *image)
{
  DdpmSeams rows, columns;

  if (MIN (image->width, image->height) < LEAST_SIDE)
    return DDPM_SEAMS_FLAT;
  rows = judge_direction (image, FALSE);
  columns = judge_direction (image, TRUE);
  if (rows == DDPM_SEAMS_BROKEN || columns == DDPM_SEAMS_BROKEN)
    return DDPM_SEAMS_BROKEN;
  return rows == DDPM_SEAMS_FLAT || columns == DDPM_SEAMS_FLAT ? DDPM_SEAMS_FLAT : DDPM_SEAMS_MEET;
}
