#include "core/job/train-chart.h"

#include <math.h>

/* The drawing, in units of its own. */
#define WIDTH 640.0
#define HEIGHT 260.0
#define LEFT 64.0
#define RIGHT 12.0
#define TOP 10.0
#define BOTTOM 26.0
#define MOST_POINTS 300
#define TICKS 5
#define NARROW 0.9 /* of a logarithm: less than from 1 to 8 */

typedef struct
{
  double x0, x1, y0, y1; /* what is drawn; y as its logarithm if that is asked for */
  gboolean is_logarithmic;
} Frame;

/* Numbers in SVG have a point, whatever the locale. */
static void
append_number (GString *html, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append (html, g_ascii_formatd (text, sizeof text, "%.1f", value));
}

static void
append_escaped (GString *html, const char *text)
{
  g_autofree char *escaped = g_markup_escape_text (text, -1);

  g_string_append (html, escaped);
}

static gboolean
is_drawn (const Frame *frame, double y)
{
  return isfinite (y) && (!frame->is_logarithmic || y > 0);
}

static double
get_height (const Frame *frame, double y)
{
  return frame->is_logarithmic ? log10 (y) : y;
}

/* FALSE: there is nothing to draw. */
static gboolean
find_frame (const DdpmChart *chart, Frame *frame)
{
  *frame = (Frame) { INFINITY, -INFINITY, INFINITY, -INFINITY, chart->is_logarithmic };
  for (guint i = 0; i < chart->n_curves; i++)
    for (guint j = 0; j < chart->curves[i].n; j++)
      {
        const double x = chart->curves[i].x[j], y = chart->curves[i].y[j];

        if (!is_drawn (frame, y))
          continue;
        frame->x0 = MIN (frame->x0, x);
        frame->x1 = MAX (frame->x1, x);
        frame->y0 = MIN (frame->y0, get_height (frame, y));
        frame->y1 = MAX (frame->y1, get_height (frame, y));
      }
  if (frame->x0 > frame->x1)
    return FALSE;
  frame->x0 = 0;
  frame->x1 = MAX (frame->x1, 1);
  if (!frame->is_logarithmic)
    frame->y0 = MIN (frame->y0, 0);
  if (frame->y1 - frame->y0 < 1e-9)
    frame->y1 = frame->y0 + MAX (fabs (frame->y0) * 0.1, 1e-9);
  frame->y1 += 0.04 * (frame->y1 - frame->y0);
  return TRUE;
}

static double
place_x (const Frame *frame, double x)
{
  return LEFT + (WIDTH - LEFT - RIGHT) * (x - frame->x0) / (frame->x1 - frame->x0);
}

static double
place_y (const Frame *frame, double height)
{
  return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (height - frame->y0) / (frame->y1 - frame->y0);
}

/* 1, 2 or 5 times a power of ten, so that about TICKS of them make up the range. */
static double
get_tick_distance (double range)
{
  const double power = pow (10, floor (log10 (range / TICKS))), rest = range / TICKS / power;

  return power * (rest <= 1 ? 1 : rest <= 2 ? 2 : rest <= 5 ? 5 : 10);
}

static void
append_tick_x (GString *html, const Frame *frame, double x)
{
  g_string_append (html, "<text text-anchor=\"middle\" x=\"");
  append_number (html, place_x (frame, x));
  g_string_append (html, "\" y=\"");
  append_number (html, HEIGHT - 8);
  g_string_append_printf (html, "\">%.0f</text>", x);
}

/* distance: to the next tick, which it has to differ from in its digits. */
static void
append_tick_y (GString *html, const Frame *frame, double height, double value, double distance)
{
  const double digits = value != 0 ? floor (log10 (fabs (value))) - floor (log10 (distance)) + 1 : 1;
  g_autofree char *format = g_strdup_printf ("%%.%dg", CLAMP ((int) digits, 3, 15));
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append (html, "<line x1=\"");
  append_number (html, LEFT);
  g_string_append (html, "\" x2=\"");
  append_number (html, WIDTH - RIGHT);
  g_string_append (html, "\" y1=\"");
  append_number (html, place_y (frame, height));
  g_string_append (html, "\" y2=\"");
  append_number (html, place_y (frame, height));
  g_string_append (html, "\"/><text text-anchor=\"end\" x=\"");
  append_number (html, LEFT - 6);
  g_string_append (html, "\" y=\"");
  append_number (html, place_y (frame, height) + 4);
  g_string_append_printf (html, "\">%s</text>", g_ascii_formatd (text, sizeof text, format, value));
}

/* At plain distances, of a range so narrow that powers of ten and their parts would be few or none. */
static void
append_narrow_ticks (GString *html, const Frame *frame)
{
  const double least = pow (10, frame->y0), most = pow (10, frame->y1);
  const double distance = get_tick_distance (most - least);

  for (double i = ceil (least / distance); i * distance <= most; i++)
    append_tick_y (html, frame, log10 (i * distance), i * distance, distance);
}

/* At 1, 2 and 5 times the powers of ten; of a range of many powers only at those. */
static void
append_logarithmic_ticks (GString *html, const Frame *frame)
{
  static const double parts[] = { 1, 2, 5 };
  const gboolean is_wide = frame->y1 - frame->y0 > 2.5;

  if (frame->y1 - frame->y0 < NARROW)
    {
      append_narrow_ticks (html, frame);
      return;
    }

  for (int power = (int) floor (frame->y0); power <= (int) ceil (frame->y1); power++)
    for (guint i = 0; i < (is_wide ? 1 : G_N_ELEMENTS (parts)); i++)
      {
        const double value = parts[i] * pow (10, power);

        if (log10 (value) >= frame->y0 && log10 (value) <= frame->y1)
          append_tick_y (html, frame, log10 (value), value, value);
      }
}

static void
append_axes (GString *html, const Frame *frame)
{
  const double x_distance = MAX (get_tick_distance (frame->x1 - frame->x0), 1);
  const double y_distance = get_tick_distance (frame->y1 - frame->y0);

  g_string_append (html, "<g class=\"axis\">");
  for (guint i = 0; i * x_distance <= frame->x1; i++)
    append_tick_x (html, frame, i * x_distance);
  if (frame->is_logarithmic)
    append_logarithmic_ticks (html, frame);
  else
    for (guint i = 0; i * y_distance <= frame->y1; i++)
      append_tick_y (html, frame, i * y_distance, i * y_distance, y_distance);
  g_string_append (html, "</g>");
}

/* Means of what lies within one stretch of the steps, so that a curve stays small however long it is. */
static void
append_curve (GString *html, const Frame *frame, const DdpmChartCurve *curve, guint number)
{
  const double stretch = (frame->x1 - frame->x0) / MOST_POINTS;
  guint i = 0, n_points = 0;
  double x = 0, y = 0;

  g_string_append_printf (html, "<polyline class=\"curve-%u%s\" points=\"", number,
                          curve->is_faint ? " faint" : "");
  while (i < curve->n)
    {
      const double end = curve->x[i] + stretch;
      double sum_x = 0, sum_y = 0;
      guint n = 0;

      for (; i < curve->n && (n == 0 || curve->x[i] < end); i++)
        if (is_drawn (frame, curve->y[i]))
          {
            sum_x += curve->x[i];
            sum_y += get_height (frame, curve->y[i]);
            n++;
          }
      if (n == 0)
        break;
      x = place_x (frame, sum_x / n);
      y = place_y (frame, sum_y / n);
      append_number (html, x);
      g_string_append_c (html, ',');
      append_number (html, y);
      g_string_append_c (html, ' ');
      n_points++;
    }
  g_string_append (html, "\"/>");
  if (n_points == 0 || n_points > 30)
    return;
  /* a few points, or one alone, would not be seen as a line */
  g_string_append_printf (html, "<circle class=\"curve-%u\" r=\"3\" cx=\"", number);
  append_number (html, x);
  g_string_append (html, "\" cy=\"");
  append_number (html, y);
  g_string_append (html, "\"/>");
}

void
ddpm_chart_append (GString *html, const DdpmChart *chart)
{
  Frame frame;

  if (!find_frame (chart, &frame))
    return;
  g_string_append (html, "<figure class=\"chart\"><figcaption>");
  append_escaped (html, chart->title);
  g_string_append (html, "<span class=\"legend\">");
  for (guint i = 0; i < chart->n_curves && chart->n_curves > 1; i++)
    {
      g_string_append_printf (html, " <span class=\"curve-%u%s\">", i,
                              chart->curves[i].is_faint ? " faint" : "");
      append_escaped (html, chart->curves[i].name);
      g_string_append (html, "</span>");
    }
  g_string_append_printf (
    html, "</span></figcaption>\n<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"", WIDTH, HEIGHT);
  append_escaped (html, chart->title);
  g_string_append (html, "\">");
  append_axes (html, &frame);
  for (guint i = 0; i < chart->n_curves; i++)
    append_curve (html, &frame, &chart->curves[i], i);
  g_string_append (html, "</svg>");
  if (chart->note != NULL)
    {
      g_string_append (html, "<p>");
      append_escaped (html, chart->note);
      g_string_append (html, "</p>");
    }
  g_string_append (html, "</figure>\n");
}
