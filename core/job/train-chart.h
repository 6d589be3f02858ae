/* Curves over the steps of a training, as SVG for a page that stands alone. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define DDPM_CHART_MOST_CURVES 4

typedef struct
{
  const char *name;
  gboolean is_faint;   /* in the background of the others */
  const double *x, *y; /* [n], x ascending; points whose y is not finite are left out */
  guint n;
} DdpmChartCurve;

typedef struct
{
  const char *title, *note; /* note: a sentence below; or NULL */
  gboolean is_logarithmic;  /* y; then only what is above 0 is drawn */
  DdpmChartCurve curves[DDPM_CHART_MOST_CURVES];
  guint n_curves;
} DdpmChart;

/* Appends a <figure> with classes that the page's style knows: chart, legend, axis, curve-0 … curve-3, faint.
 * Nothing where there is no point. Long curves are drawn by the means of some hundred stretches. */
void ddpm_chart_append (GString *html, const DdpmChart *chart);

G_END_DECLS
