/* Curves as SVG: as a figure of a page that has a style of its own, or several beside one another as a
 * picture that stands alone. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define DDPM_CHART_MOST_CURVES 12 /* as many can be told apart, by colour and dashes */

typedef struct
{
  const char *name;
  gboolean is_faint;   /* in the background of the others */
  const double *x, *y; /* [n], x ascending; points that are not finite are left out */
  guint n;
} DdpmChartCurve;

typedef struct
{
  const char *title, *note;                  /* note: a sentence below, in a page only; or NULL */
  const char *x_title, *y_title;             /* what the axes are, in a picture only; or NULL */
  gboolean is_logarithmic, is_logarithmic_x; /* y, x; then only what is above 0 is drawn */
  DdpmChartCurve curves[DDPM_CHART_MOST_CURVES];
  guint n_curves;
} DdpmChart;

/* Appends a <figure> with classes that the page's style knows: chart, legend, axis, curve-0, curve-1 …,
 * faint. Nothing where there is no point. Curves of few points get a mark at each; long ones are drawn by the
 * means of some hundred stretches. Axes that are not logarithmic begin at 0, or below it. */
void ddpm_chart_append (GString *html, const DdpmChart *chart);

/* A whole SVG file on white: a title (or NULL), then the charts, `columns` in a row, each with a legend, or
 * one for all if their curves have the same names (where the last row has no chart, or below). Charts without
 * a point say so. scale: pixels for each of its units, of which a chart is 560 wide. The caller frees. */
char *ddpm_chart_draw (const char *title, const DdpmChart *charts, guint n_charts, guint columns,
                       double scale);

/* Whether a drawing can be written to this file, by its name: SVG or PNG, in a folder that is there; to be
 * asked before long work. PNG takes gdk-pixbuf's loader of SVG. Errors: DDPM_ERROR_USAGE, DDPM_ERROR_FILE,
 * DDPM_ERROR_UNSUPPORTED. */
gboolean ddpm_chart_check_file (const char *path, GError **error);

/* ddpm_chart_draw to such a file, which is replaced as a whole. Errors: DDPM_ERROR_FILE and those above. */
gboolean ddpm_chart_write (const char *path, const char *title, const DdpmChart *charts, guint n_charts,
                           guint columns, GError **error);

G_END_DECLS
