/* Charts: what is drawn of numbers of all kinds, where, and into which files. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/data/image.h"
#include "core/job/chart.h"
#include "tests/unit/count.h"
#include "tests/unit/scratch.h"

/* Numbers that are none, zeros on a logarithmic scale, and curves without points. */
static void
test_gaps (void)
{
  static const double x[] = { 1, 2, 3, 4 }, gaps[] = { 1, NAN, 0, 0.01 }, nothing[] = { NAN, NAN, NAN, NAN };
  DdpmChart chart = { .title = "a < b",
                      .note = "c > d",
                      .is_logarithmic = TRUE,
                      .curves = { { "one", FALSE, x, gaps, 4 }, { "two", TRUE, x, nothing, 4 } },
                      .n_curves = 2 };
  g_autoptr (GString) html = g_string_new (NULL), none = g_string_new (NULL);
  const char *points = NULL;

  ddpm_chart_append (html, &chart);
  g_assert_nonnull (strstr (html->str, "a &lt; b"));
  g_assert_nonnull (strstr (html->str, "c &gt; d"));
  g_assert_null (strstr (html->str, "nan"));
  g_assert_null (strstr (html->str, "inf"));
  points = strstr (html->str, "<polyline");
  g_assert_nonnull (points);
  /* two points, each "x,y " */
  g_assert_cmpuint (count (html->str, "\"curve-0\""), >, 0);
  points = strstr (points, "points=\"") + strlen ("points=\"");
  g_assert_cmpuint (strcspn (points, "\""), >, strlen ("1,1 1,1"));
  chart.curves[0] = chart.curves[1];
  ddpm_chart_append (none, &chart);
  g_assert_cmpuint (none->len, ==, 0);
}

/* A logarithmic chart tells its heights however narrow it is, and no two ticks alike. */
static void
test_ticks (void)
{
  static const double ranges[][2] = { { 0.031, 0.052 }, { 0.03101, 0.03108 }, { 0.9, 7 }, { 1e-3, 1e3 } };
  static const double x[] = { 1, 2 };

  for (guint i = 0; i < G_N_ELEMENTS (ranges); i++)
    {
      const DdpmChart chart = { .title = "ticks",
                                .is_logarithmic = TRUE,
                                .curves = { { "one", FALSE, x, ranges[i], 2 } },
                                .n_curves = 1 };
      g_autoptr (GString) html = g_string_new (NULL);
      g_autofree char *before = NULL;
      guint n = 0;

      ddpm_chart_append (html, &chart);
      for (const char *at = html->str; (at = strstr (at, "text-anchor=\"end\"")) != NULL; n++)
        {
          g_autofree char *label = NULL;

          at = strchr (at, '>') + 1;
          label = g_strndup (at, strcspn (at, "<"));
          g_assert_cmpstr (label, !=, before);
          g_assert_cmpfloat (g_ascii_strtod (label, NULL), >=, ranges[i][0] * 0.999999);
          g_free (before);
          before = g_steal_pointer (&label);
        }
      g_assert_cmpuint (n, >=, 3);
      g_assert_cmpuint (n, <=, 12);
    }
}

/* However many points there are. */
static void
test_long_chart (void)
{
  const guint n = 200000;
  g_autofree double *x = g_new (double, n), *y = g_new (double, n);
  DdpmChart chart = { .title = "long", .curves = { { "one", FALSE, x, y, n } }, .n_curves = 1 };
  g_autoptr (GString) html = g_string_new (NULL);
  const char *points;
  double last = 0;

  for (guint i = 0; i < n; i++)
    {
      x[i] = 50.0 * (i + 1);
      y[i] = sin (i);
    }
  ddpm_chart_append (html, &chart);
  g_assert_cmpuint (html->len, <, 10000);
  g_assert_cmpuint (html->len, >, 2000);
  /* its means lie where it does, from one end of the frame to the other */
  points = strstr (html->str, "points=\"") + strlen ("points=\"");
  for (const char *at = points; *at != '"'; at = strchr (at, ' ') + 1)
    last = g_ascii_strtod (at, NULL);
  g_assert_cmpfloat_with_epsilon (g_ascii_strtod (points, NULL), 64, 3);
  g_assert_cmpfloat_with_epsilon (last, 628, 3);
}

/* x and y of the n circles of a curve, in their order. */
static void
read_marks (const char *svg, guint number, double (*marks)[2], guint n)
{
  g_autofree char *start = g_strdup_printf ("<circle class=\"curve-%u\"", number);
  const char *at = svg;

  g_assert_cmpuint (count (svg, start), ==, n);
  for (guint i = 0; i < n; i++)
    {
      at = strstr (at, start) + 1;
      marks[i][0] = g_ascii_strtod (strstr (at, "cx=\"") + strlen ("cx=\""), NULL);
      marks[i][1] = g_ascii_strtod (strstr (at, "cy=\"") + strlen ("cy=\""), NULL);
    }
}

/* Powers are evenly spread on an axis that is logarithmic, numbers on one that is not; more is to the right,
 * and above. */
static void
test_places (void)
{
  static const double powers[] = { 1, 10, 100 }, numbers[] = { 1, 2, 3 };

  for (guint i = 0; i < 4; i++)
    {
      const gboolean is_logarithmic_x = i & 1, is_logarithmic = i & 2;
      const DdpmChart chart = { .title = "places",
                                .is_logarithmic = is_logarithmic,
                                .is_logarithmic_x = is_logarithmic_x,
                                .curves = { { "one", FALSE, is_logarithmic_x ? powers : numbers,
                                              is_logarithmic ? powers : numbers, 3 } },
                                .n_curves = 1 };
      g_autoptr (GString) html = g_string_new (NULL);
      g_autofree char *svg = ddpm_chart_draw (NULL, &chart, 1, 1, 1);
      double marks[3][2];

      ddpm_chart_append (html, &chart);
      for (guint j = 0; j < 2; j++)
        {
          read_marks (j == 0 ? html->str : svg, 0, marks, 3);
          g_assert_cmpfloat (marks[1][0] - marks[0][0], >, 50);
          g_assert_cmpfloat (marks[0][1] - marks[1][1], >, 20);
          g_assert_cmpfloat_with_epsilon (marks[1][0] - marks[0][0], marks[2][0] - marks[1][0], 0.21);
          g_assert_cmpfloat_with_epsilon (marks[1][1] - marks[0][1], marks[2][1] - marks[1][1], 0.21);
        }
    }
}

/* Few points are drawn one by one, however close they are. */
static void
test_close_points (void)
{
  const double x[] = { 0, 0.1, 0.2, 1000 }, y[] = { 8, 4, 2, 0 };
  const DdpmChart chart = { .title = "close", .curves = { { "one", FALSE, x, y, 4 } }, .n_curves = 1 };
  g_autoptr (GString) html = g_string_new (NULL);
  guint n = 0;

  ddpm_chart_append (html, &chart);
  for (const char *at = html->str; (at = strstr (at, "<circle")) != NULL; at++)
    n++;
  g_assert_cmpuint (n, ==, 4);
}

/* Numbers as people write them, and each at its place. */
static void
test_numbers (void)
{
  static const double x[] = { 5, 1000 }, y[] = { 1e-7, 3 }, small[] = { -1, 1 };
  const DdpmChart wide = { .title = "wide",
                           .is_logarithmic = TRUE,
                           .is_logarithmic_x = TRUE,
                           .curves = { { "one", FALSE, x, y, 2 } },
                           .n_curves = 1 };
  const DdpmChart signs = { .title = "signs", .curves = { { "one", FALSE, x, small, 2 } }, .n_curves = 1 };
  g_autoptr (GString) html = g_string_new (NULL);

  ddpm_chart_append (html, &wide);
  g_assert_nonnull (strstr (html->str, ">1000<"));
  g_assert_nonnull (strstr (html->str, ">1e-6<"));
  g_assert_cmpuint (count (html->str, "text-anchor=\"end\""), ==, 8);
  g_assert_nonnull (strstr (html->str, ">0.01<"));
  g_assert_null (strstr (html->str, "e+"));
  g_string_truncate (html, 0);
  ddpm_chart_append (html, &signs);
  g_assert_nonnull (strstr (html->str, ">-0.5<"));
  g_assert_nonnull (strstr (html->str, ">0<"));
  g_assert_null (strstr (html->str, ">-0<"));
}

/* A legend for each chart, or one for all of the same curves; titles are escaped. */
static void
test_legends (void)
{
  static const double x[] = { 1, 2 };
  DdpmChart charts[3] = {
    { .title = "left & <b>",
      .x_title = "across",
      .y_title = "up",
      .curves = { { "one", FALSE, x, x, 2 }, { "two", TRUE, x, x, 2 } },
      .n_curves = 2 },
    { .title = "right", .curves = { { "one", FALSE, x, x, 2 }, { "three", FALSE, x, x, 2 } }, .n_curves = 2 }
  };
  g_autofree char *apart = ddpm_chart_draw ("a < b", charts, 2, 2, 1), *same = NULL, *none = NULL;
  g_autofree char *beside = NULL;

  g_assert_cmpuint (count (apart, ">one<"), ==, 2);
  g_assert_cmpuint (count (apart, ">two<"), ==, 1);
  g_assert_nonnull (strstr (apart, "a &lt; b"));
  g_assert_nonnull (strstr (apart, "left &amp; &lt;b&gt;"));
  g_assert_nonnull (strstr (apart, ">across<"));
  g_assert_nonnull (strstr (apart, ">up<"));
  charts[1].curves[1].name = "two";
  same = ddpm_chart_draw (NULL, charts, 2, 2, 1);
  g_assert_cmpuint (count (same, ">one<"), ==, 1);
  g_assert_cmpuint (count (same, ">two<"), ==, 1);
  /* three in rows of two leave room for it */
  charts[2] = charts[1];
  beside = ddpm_chart_draw (NULL, charts, 3, 2, 1);
  g_assert_cmpuint (count (beside, ">one<"), ==, 1);
  charts[0].curves[0].n = charts[0].curves[1].n = 0;
  none = ddpm_chart_draw (NULL, charts, 2, 2, 1);
  g_assert_cmpuint (count (none, "nothing that can be drawn"), ==, 1);
}

static guint
count_pixels (const DdpmImage *image, float red, float green, float blue)
{
  guint n = 0;

  for (gsize i = 0; i < (gsize) image->width * image->height; i++)
    {
      const float *pixel = image->pixels + 3 * i;

      n += fabsf (pixel[0] - red) + fabsf (pixel[1] - green) + fabsf (pixel[2] - blue) < 0.02f;
    }
  return n;
}

/* On white, in the curve's colour; charts beside one another or below. */
static void
test_files (void)
{
  static const double x[] = { 0, 1, 2 }, y[] = { 0, 2, 1 };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autofree char *png = g_build_filename (scratch, "a.PNG", NULL),
                  *svg = g_build_filename (scratch, "a.svg", NULL);
  const DdpmChart charts[2] = { { .title = "1", .curves = { { "one", FALSE, x, y, 3 } }, .n_curves = 1 },
                                { .title = "2", .curves = { { "one", FALSE, x, y, 3 } }, .n_curves = 1 } };
  g_autoptr (GError) error = NULL;
  g_autoptr (GFile) file = g_file_new_for_path (png);
  g_autofree char *text = NULL;
  guint sides[2];

  scratch_write (scratch, "a.svg", "before", 6);
  g_assert_true (ddpm_chart_check_file (svg, &error));
  g_assert_true (ddpm_chart_write (svg, "t", charts, 2, 2, &error));
  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (svg, &text, NULL, NULL));
  g_assert_nonnull (strstr (text, "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>"));
  g_assert_true (g_str_has_prefix (text, "<svg "));
  g_assert_true (g_str_has_suffix (text, "</svg>\n"));
  if (!ddpm_chart_check_file (png, &error))
    {
      g_assert_error (error, DDPM_ERROR, DDPM_ERROR_UNSUPPORTED);
      g_test_skip ("no loader for SVG");
      return;
    }
  for (guint columns = 2; columns > 0; columns--)
    {
      g_autoptr (DdpmImage) image = NULL;

      g_assert_true (ddpm_chart_write (png, "t", charts, 2, columns, &error));
      g_assert_no_error (error);
      image = ddpm_image_load (file, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (image->n_channels, ==, 3);
      g_assert_cmpuint (count_pixels (image, 1, 1, 1), >, image->width * image->height / 2);
      g_assert_cmpuint (count_pixels (image, 0x0b / 255.0f, 0x62 / 255.0f, 0xc4 / 255.0f), >, 1000);
      sides[columns - 1] = image->width;
    }
  g_assert_cmpuint (sides[1], >, 1.9 * sides[0]);
}

static void
test_refusals (void)
{
  static const struct
  {
    const char *name;
    DdpmError code;
  } cases[] = { { "a.jpg", DDPM_ERROR_USAGE },
                { "a", DDPM_ERROR_USAGE },
                { "none/a.svg", DDPM_ERROR_FILE },
                { "folder.svg", DDPM_ERROR_FILE } };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autofree char *folder = g_build_filename (scratch, "folder.svg", NULL);

  g_assert_cmpint (g_mkdir (folder, 0777), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_build_filename (scratch, cases[i].name, NULL);
      g_autoptr (GError) error = NULL;

      g_assert_false (ddpm_chart_check_file (path, &error));
      g_assert_error (error, DDPM_ERROR, (int) cases[i].code);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/chart/gaps", test_gaps);
  g_test_add_func ("/chart/ticks", test_ticks);
  g_test_add_func ("/chart/long", test_long_chart);
  g_test_add_func ("/chart/places", test_places);
  g_test_add_func ("/chart/close-points", test_close_points);
  g_test_add_func ("/chart/numbers", test_numbers);
  g_test_add_func ("/chart/legends", test_legends);
  g_test_add_func ("/chart/files", test_files);
  g_test_add_func ("/chart/refusals", test_refusals);
  return g_test_run ();
}
