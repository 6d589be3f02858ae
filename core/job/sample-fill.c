#include "core/job/sample-fill.h"

#include <math.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/text.h"

typedef struct
{
  DdpmRect piece;      /* inside the picture */
  gint x, y;           /* of the view, perhaps outside of it */
  guint width, height; /* of the view, pixels of the picture */
} View;

struct _DdpmSampleFill
{
  const DdpmImage *input;
  DdpmImage *mask;     /* 1 channel, 0 … 1 */
  gboolean opaque;     /* transparent parts are what is filled */
  DdpmRect model;      /* size of the network's pictures */
  guint width, height; /* of tensors */
  GArray *pieces;      /* DdpmRect */
  View *views;         /* one of each */
};

static gboolean
has_alpha (guint n_channels)
{
  return n_channels == 2 || n_channels == 4;
}

static float
get_alpha (const DdpmImage *image, gsize pixel)
{
  const guint n = image->n_channels;

  return has_alpha (n) ? image->pixels[pixel * n + n - 1] : 1.0f;
}

/* 0 … 1, whatever was given. */
static float
limit_value (float value)
{
  return value > 0 ? MIN (value, 1.0f) : 0.0f;
}

static DdpmImage *
make_mask (const DdpmImage *input, const DdpmImage *given)
{
  DdpmImage *mask = ddpm_image_new (input->width, input->height, 1);

  for (gsize i = 0; i < (gsize) input->width * input->height; i++)
    mask->pixels[i] = limit_value (given != NULL ? given->pixels[i] : 1.0f - get_alpha (input, i));
  return mask;
}

/* Where a view of `size` pixels begins so that a piece is in its middle, but nothing of it lies outside of
 * the picture as long as there is enough of that. */
static gint
place_view (guint begin, guint piece_size, guint size, guint picture_size)
{
  const gint64 room = (gint64) picture_size - size;
  const gint64 middle = begin + piece_size / 2;

  return (gint) (room < 0 ? room / 2 : CLAMP (middle - size / 2, 0, room));
}

static View
make_view (const DdpmSampleFill *fill, const DdpmRect *piece, gboolean scaled)
{
  View view = { *piece, .width = fill->width, .height = fill->height };

  if (scaled)
    {
      const double scale = ddpm_piece_get_scale (piece, fill->mask, &fill->model);

      view.width = MAX ((guint) rint (scale * fill->width), piece->width);
      view.height = MAX ((guint) rint (scale * fill->height), piece->height);
    }
  view.x = place_view (piece->x, piece->width, view.width, fill->mask->width);
  view.y = place_view (piece->y, piece->height, view.height, fill->mask->height);
  return view;
}

static gboolean
check_mask (const DdpmImage *input, const DdpmImage *mask, GError **error)
{
  if (mask == NULL || (mask->width == input->width && mask->height == input->height))
    return TRUE;
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
               _ ("The mask has %u x %u pixels and the picture %u x %u; they have to be of one size."),
               mask->width, mask->height, input->width, input->height);
  return FALSE;
}

DdpmSampleFill *
ddpm_sample_fill_new (const DdpmImage *input, const DdpmImage *mask, guint width, guint height,
                      GError **error)
{
  g_autoptr (DdpmSampleFill) fill = NULL;

  g_return_val_if_fail (mask == NULL || mask->n_channels == 1, NULL);

  if (!check_mask (input, mask, error))
    return NULL;
  fill = g_new0 (DdpmSampleFill, 1);
  fill->input = input;
  fill->mask = make_mask (input, mask);
  fill->opaque = mask == NULL;
  fill->model = (DdpmRect) { .width = width, .height = height };
  fill->pieces = ddpm_pieces_find (fill->mask, &fill->model);
  if (fill->pieces->len > 0)
    return g_steal_pointer (&fill);
  g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                       mask != NULL
                         ? _ ("The mask is empty; it has to be white where the picture is made anew.")
                         : _ ("Nothing of the picture is transparent; say by a mask what is made anew."));
  return NULL;
}

void
ddpm_sample_fill_free (DdpmSampleFill *fill)
{
  if (fill == NULL)
    return;
  g_clear_pointer (&fill->mask, ddpm_image_free);
  g_clear_pointer (&fill->pieces, g_array_unref);
  g_free (fill->views);
  g_free (fill);
}

guint
ddpm_sample_fill_get_n_pieces (const DdpmSampleFill *fill)
{
  return fill->pieces->len;
}

double
ddpm_sample_fill_get_scale (const DdpmSampleFill *fill)
{
  double scale = 0;

  for (guint i = 0; i < fill->pieces->len; i++)
    scale = MAX (scale,
                 ddpm_piece_get_scale (&g_array_index (fill->pieces, DdpmRect, i), fill->mask, &fill->model));
  return scale;
}

void
ddpm_sample_fill_get_native_size (const DdpmSampleFill *fill, guint *width, guint *height)
{
  *width = fill->model.width;
  *height = fill->model.height;
  for (guint i = 0; i < fill->pieces->len; i++)
    {
      const DdpmRect *piece = &g_array_index (fill->pieces, DdpmRect, i);

      *width = MAX (*width, 3 * piece->width);
      *height = MAX (*height, 3 * piece->height);
    }
  *width = MIN (*width, fill->mask->width);
  *height = MIN (*height, fill->mask->height);
}

void
ddpm_sample_fill_set_canvas (DdpmSampleFill *fill, guint width, guint height, gboolean scaled)
{
  g_return_if_fail (fill->views == NULL);

  fill->width = width;
  fill->height = height;
  fill->views = g_new (View, fill->pieces->len);
  for (guint i = 0; i < fill->pieces->len; i++)
    fill->views[i] = make_view (fill, &g_array_index (fill->pieces, DdpmRect, i), scaled);
}

gsize
ddpm_sample_fill_predict_bytes (const DdpmSampleFill *fill, guint count)
{
  const gsize picture = (gsize) fill->mask->width * fill->mask->height;
  gsize largest = 0;

  for (guint i = 0; i < fill->pieces->len; i++)
    largest = MAX (largest, (gsize) fill->views[i].width * fill->views[i].height);
  /* parts of the view, and what scaling them leaves in between; pictures of 4 channels, and the mask */
  return sizeof (float) * (4 * 3 * largest + 4 * count * picture + picture);
}

/* How much of a pixel of the view is known, and which pixel of the picture it is; 0 outside of that. */
static float
get_known (const DdpmSampleFill *fill, const View *view, guint x, guint y, gsize *pixel)
{
  const gint64 at_x = (gint64) view->x + x, at_y = (gint64) view->y + y;

  *pixel = 0;
  if (at_x < 0 || at_y < 0 || at_x >= fill->mask->width || at_y >= fill->mask->height)
    return 0;
  *pixel = (gsize) at_y * fill->mask->width + (gsize) at_x;
  return 1.0f - fill->mask->pixels[*pixel];
}

/* The view's colours, their alpha how much of each there is and is known, so that scaling mixes nothing of
 * what is to go into what stays. */
static DdpmImage *
crop_colours (const DdpmSampleFill *fill, const View *view)
{
  const DdpmImage *input = fill->input;
  const guint n = input->n_channels, n_colours = has_alpha (n) ? n - 1 : n;
  DdpmImage *colours = ddpm_image_new (view->width, view->height, n_colours + 1);
  float *to = colours->pixels;

  for (guint y = 0; y < view->height; y++)
    for (guint x = 0; x < view->width; x++, to += n_colours + 1)
      {
        gsize pixel;
        const float known = get_known (fill, view, x, y, &pixel);

        for (guint c = 0; c < n_colours; c++)
          to[c] = limit_value (input->pixels[pixel * n + c]);
        to[n_colours] = known * limit_value (get_alpha (input, pixel));
      }
  return colours;
}

/* The view's alpha as grey, with how much of it is known. */
static DdpmImage *
crop_alpha (const DdpmSampleFill *fill, const View *view)
{
  DdpmImage *alpha = ddpm_image_new (view->width, view->height, 2);
  float *to = alpha->pixels;

  for (guint y = 0; y < view->height; y++)
    for (guint x = 0; x < view->width; x++, to += 2)
      {
        gsize pixel;

        to[1] = get_known (fill, view, x, y, &pixel);
        to[0] = limit_value (get_alpha (fill->input, pixel));
      }
  return alpha;
}

/* mask[height][width] of a view: the most that is unknown of anything that a pixel stands for. A network
 * without alpha knows nothing of what is transparent. */
static void
fill_view_mask (const DdpmSampleFill *fill, const View *view, gboolean with_alpha, float *mask)
{
  for (guint y = 0; y < fill->height; y++)
    for (guint x = 0; x < fill->width; x++)
      {
        const guint left = (guint64) x * view->width / fill->width;
        const guint right = ((guint64) (x + 1) * view->width + fill->width - 1) / fill->width;
        const guint top = (guint64) y * view->height / fill->height;
        const guint bottom = ((guint64) (y + 1) * view->height + fill->height - 1) / fill->height;
        float known = 1;

        for (guint v = top; v < bottom; v++)
          for (guint u = left; u < right; u++)
            {
              gsize pixel;
              float part = get_known (fill, view, u, v, &pixel);

              if (!with_alpha)
                part = MIN (part, limit_value (get_alpha (fill->input, pixel)));
              known = MIN (known, part);
            }
        mask[(gsize) y * fill->width + x] = 1.0f - known;
      }
}

void
ddpm_sample_fill_get_view (const DdpmSampleFill *fill, guint piece, guint n_channels, gboolean premultiplied,
                           float *known, float *mask)
{
  const View *view = &fill->views[piece];
  g_autoptr (DdpmImage) colours = crop_colours (fill, view);
  g_autoptr (DdpmImage) scaled = ddpm_image_scale (colours, fill->width, fill->height);
  const guint n = scaled->n_channels;

  /* without alpha what the colours were weighed by has done its work */
  for (gsize i = 0; i < (gsize) fill->width * fill->height; i++)
    scaled->pixels[i * n + n - 1] = 1;
  if (has_alpha (n_channels) && has_alpha (fill->input->n_channels))
    {
      g_autoptr (DdpmImage) alpha = crop_alpha (fill, view);
      g_autoptr (DdpmImage) scaled_alpha = ddpm_image_scale (alpha, fill->width, fill->height);

      for (gsize i = 0; i < (gsize) fill->width * fill->height; i++)
        scaled->pixels[i * n + n - 1] = scaled_alpha->pixels[i * 2];
    }

  {
    g_autoptr (DdpmImage) converted = ddpm_image_convert (scaled, n_channels);

    ddpm_image_to_tensor (converted, premultiplied, known);
  }
  fill_view_mask (fill, view, has_alpha (n_channels), mask);
}

DdpmImage *
ddpm_sample_fill_copy_input (const DdpmSampleFill *fill, guint n_channels)
{
  const guint n = fill->input->n_channels;
  const gboolean in_colour = n >= 3 || n_channels >= 3, with_alpha = has_alpha (n) || has_alpha (n_channels);

  return ddpm_image_convert (fill->input, (in_colour ? 3 : 1) + (with_alpha ? 1 : 0));
}

/* to[n] becomes `share` of from[n] and `rest` of itself; with alpha, the last, colours count by it. */
static void
blend_pixel (float *to, const float *from, guint n, gboolean with_alpha, float share, float rest)
{
  const guint n_colours = with_alpha ? n - 1 : n;

  if (with_alpha)
    {
      const float alpha = share * from[n - 1] + rest * to[n - 1];

      share = alpha > 0 ? share * from[n - 1] / alpha : share;
      rest = 1.0f - share;
      to[n - 1] = alpha;
    }
  for (guint c = 0; c < n_colours; c++)
    to[c] = share < 1 ? share * from[c] + rest * to[c] : from[c];
}

void
ddpm_sample_fill_paste (const DdpmSampleFill *fill, guint piece, const DdpmImage *made, DdpmImage *picture)
{
  const View *view = &fill->views[piece];
  const DdpmRect *rect = &view->piece;
  const guint n = picture->n_channels;
  const gboolean keep_alpha = has_alpha (n) && !has_alpha (made->n_channels) && !fill->opaque;
  g_autoptr (DdpmImage) converted = ddpm_image_convert (made, n);
  g_autoptr (DdpmImage) scaled = ddpm_image_scale (converted, view->width, view->height);

  for (guint y = rect->y; y < rect->y + rect->height; y++)
    for (guint x = rect->x; x < rect->x + rect->width; x++)
      {
        const gsize pixel = (gsize) y * picture->width + x;
        const gsize from = (gsize) (y - view->y) * view->width + (gsize) (x - view->x);
        float *to = picture->pixels + pixel * n;
        const float share = fill->mask->pixels[pixel], alpha = to[n - 1];

        if (share <= 0)
          continue;
        if (keep_alpha)
          {
            blend_pixel (to, scaled->pixels + from * n, n - 1, FALSE, share, 1.0f - share);
            to[n - 1] = alpha;
          }
        else
          /* what is made lies behind what there is of a transparent pixel, and for a part of any other */
          blend_pixel (to, scaled->pixels + from * n, n, has_alpha (n), share,
                       fill->opaque ? 1.0f : 1.0f - share);
      }
}
