#include "core/job/chart-private.h"

#include <math.h>

/* A page's figure, in units of its own. */
#define WIDTH 640.0
#define HEIGHT 260.0
#define RIGHT 12.0
#define TOP 10.0

#define MOST_POINTS 300
#define MOST_MARKS 30 /* points of a curve that are seen one by one */
#define TICKS 7
#define NARROW 0.9 /* of a logarithm: less than from 1 to 8 */
#define WIDE 2.5
#define MOST_POWERS 10 /* of ten, with a tick each */
#define ROOM 0.04

void
ddpm_chart_append_number (GString *svg, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append (svg, g_ascii_formatd (text, sizeof text, "%.1f", value));
}

void
ddpm_chart_append_escaped (GString *svg, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_autofree char *escaped = g_markup_escape_text (valid, -1);

  g_string_append (svg, escaped);
}

/* ` name="value"` */
static void
append_attribute (GString *svg, const char *name, double value)
{
  g_string_append_printf (svg, " %s=\"", name);
  ddpm_chart_append_number (svg, value);
  g_string_append_c (svg, '"');
}

/* ---- axes ---- */

static gboolean
is_on_axis (const DdpmChartAxis *axis, double value)
{
  return isfinite (value) && (!axis->is_logarithmic || value > 0);
}

static double
get_place (const DdpmChartAxis *axis, double value)
{
  return axis->is_logarithmic ? log10 (value) : value;
}

static void
widen (DdpmChartAxis *axis, double value)
{
  axis->from = MIN (axis->from, get_place (axis, value));
  axis->to = MAX (axis->to, get_place (axis, value));
  axis->is_whole = axis->is_whole && value == rint (value);
}

static void
finish_axis (DdpmChartAxis *axis)
{
  if (!axis->is_logarithmic)
    {
      axis->from = MIN (axis->from, 0);
      axis->to = MAX (axis->to, 0);
    }
  if (axis->to - axis->from < 1e-9)
    axis->to = axis->from + (axis->is_whole ? 1 : MAX (fabs (axis->from) * 0.1, 1e-9));
  /* an end that is no 0 is a point of a curve, and has its mark */
  const double room = ROOM * (axis->to - axis->from);
  if (axis->is_logarithmic || axis->from < 0)
    axis->from -= room;
  if (axis->is_logarithmic || !axis->is_whole)
    axis->to += room;
}

gboolean
ddpm_chart_frame_fit (DdpmChartFrame *frame, const DdpmChart *chart)
{
  frame->x = (DdpmChartAxis) { INFINITY, -INFINITY, chart->is_logarithmic_x, TRUE };
  frame->y = (DdpmChartAxis) { INFINITY, -INFINITY, chart->is_logarithmic, FALSE };
  for (guint i = 0; i < chart->n_curves; i++)
    for (guint j = 0; j < chart->curves[i].n; j++)
      {
        const double x = chart->curves[i].x[j], y = chart->curves[i].y[j];

        if (!is_on_axis (&frame->x, x) || !is_on_axis (&frame->y, y))
          continue;
        widen (&frame->x, x);
        widen (&frame->y, y);
      }
  if (frame->x.from > frame->x.to)
    return FALSE;
  finish_axis (&frame->x);
  finish_axis (&frame->y);
  return TRUE;
}

static double
place_x (const DdpmChartFrame *frame, double place)
{
  return frame->left + frame->width * (place - frame->x.from) / (frame->x.to - frame->x.from);
}

static double
place_y (const DdpmChartFrame *frame, double place)
{
  return frame->top + frame->height * (frame->y.to - place) / (frame->y.to - frame->y.from);
}

/* 1, 2 or 5 times a power of ten, so that about TICKS of them make up the range. */
static double
get_tick_distance (double range)
{
  const double power = pow (10, floor (log10 (range / TICKS))), rest = range / TICKS / power;

  return power * (rest <= 1 ? 1 : rest <= 2 ? 2 : rest <= 5 ? 5 : 10);
}

/* "2000", "0.05", "1e-5". distance: to the next tick, which it has to differ from in its digits. */
static void
append_tick_text (GString *svg, double value, double distance)
{
  const double size = value != 0 ? floor (log10 (fabs (value))) : 0;
  const double digits = MAX (size - floor (log10 (distance)) + 1, size < 6 ? size + 1 : 0);
  g_autofree char *format = g_strdup_printf ("%%.%dg", CLAMP ((int) digits, 3, 15));
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  g_autoptr (GString) word = g_string_new (g_ascii_formatd (text, sizeof text, format, value));

  g_string_replace (word, "e-0", "e-", 1);
  g_string_replace (word, "e+", "e", 1);
  g_string_replace (word, "e0", "e", 1);
  g_string_append (svg, word->str);
}

/* A line across the frame and a number outside of it. */
static void
append_tick (GString *svg, const DdpmChartFrame *frame, gboolean is_x, double value, double distance)
{
  const double bottom = frame->top + frame->height, right = frame->left + frame->width;
  const double x = is_x ? place_x (frame, get_place (&frame->x, value)) : frame->left;
  const double y = is_x ? bottom : place_y (frame, get_place (&frame->y, value));

  g_string_append (svg, "<line");
  append_attribute (svg, "x1", x);
  append_attribute (svg, "x2", is_x ? x : right);
  append_attribute (svg, "y1", is_x ? frame->top : y);
  append_attribute (svg, "y2", y);
  g_string_append_printf (svg, "/><text text-anchor=\"%s\"", is_x ? "middle" : "end");
  append_attribute (svg, "x", is_x ? x : x - 6);
  append_attribute (svg, "y", is_x ? y + 18 : y + 4);
  g_string_append_c (svg, '>');
  append_tick_text (svg, value, distance);
  g_string_append (svg, "</text>");
}

/* At plain distances from one another, between two values. */
static void
append_plain_ticks (GString *svg, const DdpmChartFrame *frame, gboolean is_x, double least, double most)
{
  const gboolean is_whole = is_x && frame->x.is_whole;
  const double distance = MAX (get_tick_distance (most - least), is_whole ? 1 : 0);

  for (double i = ceil (least / distance - 1e-9); i * distance <= most * (1 + 1e-12); i++)
    append_tick (svg, frame, is_x, i * distance + 0.0, distance); /* no -0 */
}

/* At 1, 2 and 5 times the powers of ten; of a range of many powers only at those, or at some of them. */
static void
append_logarithmic_ticks (GString *svg, const DdpmChartFrame *frame, gboolean is_x)
{
  static const double parts[] = { 1, 2, 5 };
  const DdpmChartAxis *axis = is_x ? &frame->x : &frame->y;
  const double range = axis->to - axis->from;
  const int stride = (int) MAX (ceil (range / MOST_POWERS), 1);

  for (int power = (int) floor (axis->from); power <= (int) ceil (axis->to); power++)
    for (guint i = 0; i < (range > WIDE ? 1 : G_N_ELEMENTS (parts)); i++)
      {
        const double value = parts[i] * pow (10, power), place = log10 (value);

        if (place >= axis->from - 1e-9 && place <= axis->to + 1e-9 && power % stride == 0)
          append_tick (svg, frame, is_x, value, value);
      }
}

static void
append_ticks (GString *svg, const DdpmChartFrame *frame, gboolean is_x)
{
  const DdpmChartAxis *axis = is_x ? &frame->x : &frame->y;

  if (!axis->is_logarithmic)
    append_plain_ticks (svg, frame, is_x, axis->from, axis->to);
  else if (axis->to - axis->from < NARROW) /* powers of ten and their parts would be few or none */
    append_plain_ticks (svg, frame, is_x, pow (10, axis->from), pow (10, axis->to));
  else
    append_logarithmic_ticks (svg, frame, is_x);
}

void
ddpm_chart_append_axes (GString *svg, const DdpmChartFrame *frame)
{
  g_string_append (svg, "<g class=\"axis\">");
  append_ticks (svg, frame, TRUE);
  append_ticks (svg, frame, FALSE);
  g_string_append (svg, "</g>");
}

/* ---- curves ---- */

static void
append_mark (GString *svg, guint number, double x, double y)
{
  g_string_append_printf (svg, "<circle class=\"curve-%u\" r=\"3\"", number);
  append_attribute (svg, "cx", x);
  append_attribute (svg, "cy", y);
  g_string_append (svg, "/>");
}

/* Of a long curve means of what lies within one stretch of the axis, so that it stays small however long it
 * is.
 */
static void
append_curve (GString *svg, const DdpmChartFrame *frame, const DdpmChartCurve *curve, guint number)
{
  const double stretch = curve->n > MOST_POINTS ? (frame->x.to - frame->x.from) / MOST_POINTS : 0;
  g_autoptr (GString) marks = g_string_new (NULL);
  guint i = 0, n_points = 0;

  g_string_append_printf (svg, "<polyline class=\"curve-%u%s\" points=\"", number,
                          curve->is_faint ? " faint" : "");
  while (i < curve->n)
    {
      double sum_x = 0, sum_y = 0, end = INFINITY;
      guint n = 0;

      for (; i < curve->n; i++)
        {
          const double x = is_on_axis (&frame->x, curve->x[i]) ? get_place (&frame->x, curve->x[i]) : NAN;

          if (isnan (x) || !is_on_axis (&frame->y, curve->y[i]))
            continue;
          if (x >= end)
            break;
          end = n == 0 ? x + stretch : end;
          sum_x += x;
          sum_y += get_place (&frame->y, curve->y[i]);
          n++;
        }
      if (n == 0)
        break;
      const double x = place_x (frame, sum_x / n), y = place_y (frame, sum_y / n);
      ddpm_chart_append_number (svg, x);
      g_string_append_c (svg, ',');
      ddpm_chart_append_number (svg, y);
      g_string_append_c (svg, ' ');
      if (++n_points <= MOST_MARKS)
        append_mark (marks, number, x, y);
    }
  g_string_append (svg, "\"/>");
  /* a few points, or one alone, would not be seen as a line */
  if (n_points <= MOST_MARKS && !curve->is_faint)
    g_string_append (svg, marks->str);
}

void
ddpm_chart_append_curves (GString *svg, const DdpmChartFrame *frame, const DdpmChart *chart)
{
  for (guint i = 0; i < chart->n_curves; i++)
    append_curve (svg, frame, &chart->curves[i], i);
}

/* ---- a page's figure ---- */

void
ddpm_chart_append (GString *html, const DdpmChart *chart)
{
  DdpmChartFrame frame = { .left = DDPM_CHART_LEFT,
                           .top = TOP,
                           .width = WIDTH - DDPM_CHART_LEFT - RIGHT,
                           .height = HEIGHT - TOP - DDPM_CHART_BOTTOM };

  if (!ddpm_chart_frame_fit (&frame, chart))
    return;
  g_string_append (html, "<figure class=\"chart\"><figcaption>");
  ddpm_chart_append_escaped (html, chart->title);
  g_string_append (html, "<span class=\"legend\">");
  for (guint i = 0; i < chart->n_curves && chart->n_curves > 1; i++)
    {
      g_string_append_printf (html, " <span class=\"curve-%u%s\">", i,
                              chart->curves[i].is_faint ? " faint" : "");
      ddpm_chart_append_escaped (html, chart->curves[i].name);
      g_string_append (html, "</span>");
    }
  g_string_append_printf (
    html, "</span></figcaption>\n<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"", WIDTH, HEIGHT);
  ddpm_chart_append_escaped (html, chart->title);
  g_string_append (html, "\">");
  ddpm_chart_append_axes (html, &frame);
  ddpm_chart_append_curves (html, &frame, chart);
  g_string_append (html, "</svg>");
  if (chart->note != NULL)
    {
      g_string_append (html, "<p>");
      ddpm_chart_append_escaped (html, chart->note);
      g_string_append (html, "</p>");
    }
  g_string_append (html, "</figure>\n");
}
