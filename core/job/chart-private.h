/* What figures of a page and pictures have in common: axes and curves inside a frame. */
#pragma once

#include "core/job/chart.h"

G_BEGIN_DECLS

/* `from` and `to` are logarithms where that is asked for. */
typedef struct
{
  double from, to;
  gboolean is_logarithmic;
  gboolean is_whole; /* only whole numbers are on it */
} DdpmChartAxis;

/* Where the curves are drawn, in units of the SVG; the numbers of the axes lie outside of it, up to
 * DDPM_CHART_LEFT and DDPM_CHART_BOTTOM. */
typedef struct
{
  double left, top, width, height;
  DdpmChartAxis x, y;
} DdpmChartFrame;

#define DDPM_CHART_LEFT 64.0
#define DDPM_CHART_BOTTOM 26.0

/* Numbers in SVG have a point, whatever the locale. */
void ddpm_chart_append_number (GString *svg, double value);

/* Text from outside may be anything. */
void ddpm_chart_append_escaped (GString *svg, const char *text);

/* Sets the axes of a frame whose place is set. FALSE: there is nothing to draw. */
gboolean ddpm_chart_frame_fit (DdpmChartFrame *frame, const DdpmChart *chart);

void ddpm_chart_append_axes (GString *svg, const DdpmChartFrame *frame);
void ddpm_chart_append_curves (GString *svg, const DdpmChartFrame *frame, const DdpmChart *chart);

G_END_DECLS
