/* Charts as a picture that stands alone, in an SVG file or a PNG. */
#include "core/job/chart-private.h"

#include <math.h>
#include <string.h>

#include "core/base/atomic-file.h"
#include "core/base/error.h"
#include "core/data/image.h"

/* In units of the picture. */
#define MARGIN 12.0
#define CHART_WIDTH 560.0
#define CHART_HEIGHT 300.0 /* of the frame */
#define CHART_RIGHT 20.0
#define TITLE_HEIGHT 34.0 /* of the whole */
#define CHART_TITLE_HEIGHT 30.0
#define AXIS_TITLE_HEIGHT 20.0 /* and its width, at the side */
#define LEGEND_ROW 20.0
#define LEGEND_LINE 30.0 /* a piece of the curve */
#define LEGEND_GAP 8.0
#define LETTER 7.6 /* a wide one of the legend */
#define CHART_GAP 14.0

#define PNG_SCALE 2.0 /* pixels for each unit */

static const char style[] =
  "text{font-family:'DejaVu Sans',Verdana,sans-serif;font-size:12px;fill:#1c1c1e}\n"
  ".title{font-size:17px;font-weight:bold}.chart-title{font-size:14px;font-weight:bold}\n"
  ".axis text{fill:#4c4c54}.axis line{stroke:#dcdce2}.frame{fill:none;stroke:#a0a0aa}\n"
  "polyline{fill:none;stroke-width:1.8;stroke-linejoin:round}polyline.faint{opacity:.6}\n";

/* Neighbours differ in colour, and every fourth, whose colours are alike for some people, in dashes. */
static const struct
{
  const char *colour, *dashes;
} looks[DDPM_CHART_MOST_CURVES] = {
  { "#0b62c4", NULL },    { "#c2410c", NULL },    { "#15803d", NULL },    { "#7e3fb8", NULL },
  { "#be185d", "8,4" },   { "#0e7490", "8,4" },   { "#a16207", "8,4" },   { "#4b5563", "8,4" },
  { "#6b3410", "2.5,3" }, { "#dc2626", "2.5,3" }, { "#65a30d", "2.5,3" }, { "#111827", "2.5,3" },
};

static void
append_style (GString *svg)
{
  g_string_append_printf (svg, "<style>\n%s", style);
  for (guint i = 0; i < G_N_ELEMENTS (looks); i++)
    {
      g_string_append_printf (svg, "polyline.curve-%u{stroke:%s", i, looks[i].colour);
      if (looks[i].dashes != NULL)
        g_string_append_printf (svg, ";stroke-dasharray:%s", looks[i].dashes);
      g_string_append_printf (svg, "}circle.curve-%u{fill:%s}\n", i, looks[i].colour);
    }
  g_string_append (svg, "</style>\n");
}

static void
append_text (GString *svg, const char *class, const char *anchor, double x, double y, const char *text)
{
  g_string_append_printf (svg, "<text class=\"%s\" text-anchor=\"%s\" x=\"", class, anchor);
  ddpm_chart_append_number (svg, x);
  g_string_append (svg, "\" y=\"");
  ddpm_chart_append_number (svg, y);
  g_string_append (svg, "\">");
  ddpm_chart_append_escaped (svg, text);
  g_string_append (svg, "</text>\n");
}

/* ---- legends ---- */

static double
get_legend_item (const DdpmChart *chart)
{
  glong most = 1;

  for (guint i = 0; i < chart->n_curves; i++)
    most = MAX (most, g_utf8_strlen (chart->curves[i].name, -1));
  return LEGEND_LINE + 3 * LEGEND_GAP + (double) most * LETTER;
}

static guint
get_legend_columns (const DdpmChart *chart, double width)
{
  return CLAMP ((guint) (width / get_legend_item (chart)), 1, MAX (chart->n_curves, 1));
}

static double
get_legend_height (const DdpmChart *chart, double width)
{
  const guint columns = get_legend_columns (chart, width);

  return chart->n_curves < 2 ? 0 : LEGEND_ROW * ((chart->n_curves + columns - 1) / columns) + LEGEND_GAP;
}

/* In columns, in the middle of the width. */
static void
append_legend (GString *svg, const DdpmChart *chart, double left, double top, double width)
{
  const guint columns = get_legend_columns (chart, width);
  const double item = get_legend_item (chart), start = left + MAX (width - columns * item, 0) / 2;

  for (guint i = 0; i < chart->n_curves && chart->n_curves > 1; i++)
    {
      const double x = start + item * (i % columns), y = top + LEGEND_ROW * (i / columns + 0.5);

      g_string_append_printf (svg, "<polyline class=\"curve-%u%s\" points=\"", i,
                              chart->curves[i].is_faint ? " faint" : "");
      ddpm_chart_append_number (svg, x);
      g_string_append_c (svg, ',');
      ddpm_chart_append_number (svg, y);
      g_string_append_c (svg, ' ');
      ddpm_chart_append_number (svg, x + LEGEND_LINE);
      g_string_append_c (svg, ',');
      ddpm_chart_append_number (svg, y);
      g_string_append (svg, "\"/>");
      append_text (svg, "legend", "start", x + LEGEND_LINE + LEGEND_GAP, y + 4, chart->curves[i].name);
    }
}

static gboolean
has_same_curves (const DdpmChart *charts, guint n_charts)
{
  for (guint i = 1; i < n_charts; i++)
    {
      if (charts[i].n_curves != charts[0].n_curves)
        return FALSE;
      for (guint j = 0; j < charts[0].n_curves; j++)
        if (strcmp (charts[i].curves[j].name, charts[0].curves[j].name) != 0)
          return FALSE;
    }
  return TRUE;
}

/* ---- the picture ---- */

static void
append_chart (GString *svg, const DdpmChart *chart, double left, double top)
{
  DdpmChartFrame frame = { .left = left + AXIS_TITLE_HEIGHT + DDPM_CHART_LEFT,
                           .top = top + CHART_TITLE_HEIGHT,
                           .width = CHART_WIDTH - AXIS_TITLE_HEIGHT - DDPM_CHART_LEFT - CHART_RIGHT,
                           .height = CHART_HEIGHT };
  const double middle_x = frame.left + frame.width / 2, middle_y = frame.top + frame.height / 2;
  const double x_title_y = frame.top + frame.height + DDPM_CHART_BOTTOM + 14;

  append_text (svg, "chart-title", "middle", middle_x, top + 18, chart->title);
  if (chart->x_title != NULL)
    append_text (svg, "axis-title", "middle", middle_x, x_title_y, chart->x_title);
  if (chart->y_title != NULL)
    {
      g_string_append (svg, "<g transform=\"translate(");
      ddpm_chart_append_number (svg, left + 14);
      g_string_append_c (svg, ',');
      ddpm_chart_append_number (svg, middle_y);
      g_string_append (svg, ") rotate(-90)\">");
      append_text (svg, "axis-title", "middle", 0, 0, chart->y_title);
      g_string_append (svg, "</g>");
    }
  if (ddpm_chart_frame_fit (&frame, chart))
    {
      ddpm_chart_append_axes (svg, &frame);
      ddpm_chart_append_curves (svg, &frame, chart);
    }
  else
    append_text (svg, "nothing", "middle", middle_x, middle_y, "nothing that can be drawn");
  g_string_append (svg, "<rect class=\"frame\" x=\"");
  ddpm_chart_append_number (svg, frame.left);
  g_string_append (svg, "\" y=\"");
  ddpm_chart_append_number (svg, frame.top);
  g_string_append_printf (svg, "\" width=\"%.0f\" height=\"%.0f\"/>\n", frame.width, frame.height);
}

typedef enum
{
  LEGEND_EACH,  /* below each chart */
  LEGEND_BELOW, /* one for all, below them */
  LEGEND_BESIDE /* one for all, where the last row has no chart */
} LegendPlace;

#define INSET (AXIS_TITLE_HEIGHT + DDPM_CHART_LEFT) /* of the frame in its chart */

typedef struct
{
  guint n_columns;
  double width, height;
  double top, row_height; /* of the charts */
  LegendPlace place;
  double legend_width, legend_height;
} Layout;

static void
lay_out (Layout *layout, gboolean has_title, const DdpmChart *charts, guint n_charts, guint columns)
{
  const guint n_columns = CLAMP (columns, 1, n_charts), n_rows = (n_charts + n_columns - 1) / n_columns;
  double legend_height = 0;

  layout->n_columns = n_columns;
  layout->width = 2 * MARGIN + n_columns * CHART_WIDTH + (n_columns - 1) * CHART_GAP;
  layout->place = n_charts < 2 || !has_same_curves (charts, n_charts) ? LEGEND_EACH
                  : n_charts % n_columns == 0                         ? LEGEND_BELOW
                                                                      : LEGEND_BESIDE;
  layout->legend_width =
    layout->place == LEGEND_BELOW ? layout->width - 2 * MARGIN - INSET : CHART_WIDTH - INSET;
  for (guint i = 0; i < n_charts; i++)
    legend_height = MAX (legend_height, get_legend_height (&charts[i], layout->legend_width));
  layout->legend_height = legend_height;
  layout->top = MARGIN + (has_title ? TITLE_HEIGHT : 0);
  layout->row_height = CHART_TITLE_HEIGHT + CHART_HEIGHT + DDPM_CHART_BOTTOM + AXIS_TITLE_HEIGHT + CHART_GAP
                       + (layout->place == LEGEND_EACH ? legend_height : 0);
  layout->height = layout->top + n_rows * layout->row_height - CHART_GAP + MARGIN
                   + (layout->place == LEGEND_BELOW ? legend_height + LEGEND_GAP : 0);
}

/* The left upper corner of chart `number`. */
static void
get_corner (const Layout *layout, guint number, double *x, double *y)
{
  *x = MARGIN + (number % layout->n_columns) * (CHART_WIDTH + CHART_GAP);
  *y = layout->top + (number / layout->n_columns) * layout->row_height;
}

static void
append_legends (GString *svg, const Layout *layout, const DdpmChart *charts, guint n_charts)
{
  double x, y;

  for (guint i = 0; i < n_charts && layout->place == LEGEND_EACH; i++)
    {
      get_corner (layout, i, &x, &y);
      append_legend (svg, &charts[i], x + INSET,
                     y + layout->row_height - CHART_GAP - layout->legend_height + LEGEND_GAP,
                     layout->legend_width);
    }
  if (layout->place == LEGEND_BELOW)
    append_legend (svg, &charts[0], MARGIN + INSET, layout->height - MARGIN - layout->legend_height,
                   layout->legend_width);
  if (layout->place == LEGEND_BESIDE)
    {
      get_corner (layout, n_charts, &x, &y);
      append_legend (svg, &charts[0], x + INSET, y + CHART_TITLE_HEIGHT, layout->legend_width);
    }
}

char *
ddpm_chart_draw (const char *title, const DdpmChart *charts, guint n_charts, guint columns, double scale)
{
  g_autoptr (GString) svg = g_string_new (NULL);
  Layout layout;
  double x, y;

  lay_out (&layout, title != NULL, charts, n_charts, columns);
  g_string_append_printf (svg,
                          "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
                          "viewBox=\"0 0 %.0f %.0f\">\n",
                          scale * layout.width, scale * layout.height, layout.width, layout.height);
  append_style (svg);
  g_string_append (svg, "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
  if (title != NULL)
    append_text (svg, "title", "middle", layout.width / 2, MARGIN + 18, title);
  for (guint i = 0; i < n_charts; i++)
    {
      get_corner (&layout, i, &x, &y);
      append_chart (svg, &charts[i], x, y);
    }
  append_legends (svg, &layout, charts, n_charts);
  g_string_append (svg, "</svg>\n");
  return g_string_free (g_steal_pointer (&svg), FALSE);
}

/* ---- files ---- */

static gboolean
has_ending (const char *path, const char *ending)
{
  const gsize n = strlen (path), n_ending = strlen (ending);

  return n > n_ending && g_ascii_strcasecmp (path + n - n_ending, ending) == 0;
}

static DdpmImage *
render (const char *svg, const char *path, GError **error)
{
  g_autoptr (GError) reason = NULL;
  g_autoptr (DdpmImage) image = ddpm_image_decode (svg, strlen (svg), &reason);

  if (image != NULL)
    return ddpm_image_convert (image, 3);
  g_set_error (error, DDPM_ERROR, DDPM_ERROR_UNSUPPORTED,
               "\"%s\" cannot be drawn, as gdk-pixbuf has no loader for SVG here (%s); choose a name that "
               "ends in .svg",
               path, reason->message);
  return NULL;
}

gboolean
ddpm_chart_check_file (const char *path, GError **error)
{
  static const char empty[] = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1\" height=\"1\"></svg>";
  g_autofree char *folder = g_path_get_dirname (path);

  if (!has_ending (path, ".svg") && !has_ending (path, ".png"))
    return ddpm_refuse (error, DDPM_ERROR_USAGE,
                        "\"%s\" cannot be written: drawings are SVG or PNG; choose a name that ends in .svg "
                        "or .png",
                        path);
  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    return ddpm_refuse (error, DDPM_ERROR_FILE, "\"%s\" is a folder; choose another name for the drawing",
                        path);
  if (!g_file_test (folder, G_FILE_TEST_IS_DIR))
    return ddpm_refuse (error, DDPM_ERROR_FILE, "the folder \"%s\" does not exist; make it first", folder);
  if (has_ending (path, ".png"))
    {
      g_autoptr (DdpmImage) image = render (empty, path, error);

      return image != NULL;
    }
  return TRUE;
}

gboolean
ddpm_chart_write (const char *path, const char *title, const DdpmChart *charts, guint n_charts, guint columns,
                  GError **error)
{
  const gboolean is_png = has_ending (path, ".png");
  g_autofree char *svg = ddpm_chart_draw (title, charts, n_charts, columns, is_png ? PNG_SCALE : 1);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (DdpmImage) image = NULL;

  if (!is_png)
    return ddpm_atomic_file_replace (file, svg, strlen (svg), error);
  image = render (svg, path, error);
  return image != NULL && ddpm_image_save_png (image, file, NULL, error);
}
