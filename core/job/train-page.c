#include "core/job/train-page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/atomic-file.h"
#include "core/data/image-png.h"
#include "core/job/chart.h"
#include "core/job/train-fields.h"
#include "core/job/train-sample.h"
#include "core/job/train-show.h"

#define MOST_GRIDS 6    /* that are shown; the first, the last and some between */
#define MOST_WIDTH 900u /* pixels of a picture in the page */
#define MOST_CURVES 4   /* of a chart; the style has colours for them */

static const char style[] =
  ":root{color-scheme:light dark;--back:#fff;--text:#1c1c1e;--dim:#63636b;--rule:#dcdce2;--box:#f5f5f8;"
  "--c0:#0b62c4;--c1:#c2410c;--c2:#15803d;--c3:#7e3fb8}\n"
  "@media(prefers-color-scheme:dark){:root{--back:#161618;--text:#ececf0;--dim:#a0a0aa;--rule:#3a3a40;"
  "--box:#222226;--c0:#6cb2ff;--c1:#ff9b62;--c2:#63d489;--c3:#c79bff}}\n"
  "body{margin:0 auto;padding:1.5em;max-width:72em;background:var(--back);color:var(--text);"
  "font:16px/1.5 system-ui,sans-serif}\n"
  "h1{font-size:1.6em;margin:0 0 .2em}h2{font-size:1.2em;margin:2em 0 .6em;border-bottom:1px solid "
  "var(--rule)}"
  "p{margin:.4em 0;max-width:48em}.dim,figcaption,figure p{color:var(--dim);font-size:.9em}\n"
  "figure{margin:0 0 "
  "1.2em}.side-by-side{display:grid;grid-template-columns:repeat(auto-fit,minmax(26em,1fr));"
  "gap:0 2em}\n"
  "svg{display:block;width:100%;height:auto}.axis text{font-size:12px;fill:var(--dim)}"
  ".axis line{stroke:var(--rule)}\n"
  "polyline{fill:none;stroke-width:1.8;stroke-linejoin:round}.faint{opacity:.4}"
  ".legend span{margin-left:.8em;font-weight:600}\n"
  "polyline.curve-0{stroke:var(--c0)}polyline.curve-1{stroke:var(--c1)}polyline.curve-2{stroke:var(--c2)}"
  "polyline.curve-3{stroke:var(--c3)}\n"
  "circle.curve-0{fill:var(--c0)}circle.curve-1{fill:var(--c1)}circle.curve-2{fill:var(--c2)}"
  "circle.curve-3{fill:var(--c3)}\n"
  "span.curve-0{color:var(--c0)}span.curve-1{color:var(--c1)}span.curve-2{color:var(--c2)}"
  "span.curve-3{color:var(--c3)}\n"
  "img{max-width:100%;height:auto;image-rendering:pixelated;border-radius:3px;"
  "background:repeating-conic-gradient(#b8b8bc 0 25%,#d8d8dc 0 50%) 0 0/16px 16px}\n"
  "pre{background:var(--box);padding:.8em;overflow-x:auto;border-radius:4px}"
  "table{border-collapse:collapse}td,th{padding:.15em 1.5em .15em 0;text-align:left;vertical-align:top;"
  "font-weight:normal}th{color:var(--dim)}\n";

static void
append_escaped (GString *html, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_autofree char *escaped = g_markup_escape_text (valid, -1);

  g_string_append (html, escaped);
}

static void
append_row (GString *html, const char *name, const char *value)
{
  g_string_append (html, "<tr><th>");
  append_escaped (html, name);
  g_string_append (html, "</th><td>");
  append_escaped (html, value);
  g_string_append (html, "</td></tr>\n");
}

static char *
format_real (double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  return g_strdup (g_ascii_formatd (text, sizeof text, "%.4g", value));
}

/* ---- pictures ---- */

static int
compare_steps (gconstpointer a, gconstpointer b)
{
  const guint64 x = *(const guint64 *) a, y = *(const guint64 *) b;

  return x < y ? -1 : x > y;
}

/* The steps up to `last` with a grid in output/samples, in order. What lies there of later ones is of a time
 * before the run went back. */
static GArray *
find_grids (const DdpmTrainSetup *setup, guint64 last)
{
  g_autoptr (GFile) folder = g_file_get_child (setup->options.output, "samples");
  g_autoptr (GDir) dir = g_dir_open (g_file_peek_path (folder), 0, NULL);
  GArray *steps = g_array_new (FALSE, FALSE, sizeof (guint64));
  const char *name = NULL;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      char *end = NULL;
      guint64 step;

      if (!g_str_has_prefix (name, "step-"))
        continue;
      step = g_ascii_strtoull (name + strlen ("step-"), &end, 10);
      if (strcmp (end, ".png") == 0 && step > 0 && step <= last)
        g_array_append_val (steps, step);
    }
  g_array_sort (steps, compare_steps);
  return steps;
}

/* The picture itself goes into the page. One that cannot be read is left out. */
static void
append_picture (GString *html, const DdpmTrainSetup *setup, const char *kind, guint64 step,
                const char *caption)
{
  g_autoptr (GFile) file = ddpm_train_show_get_file (setup, kind, step);
  g_autoptr (DdpmImage) image = ddpm_image_load (file, NULL);
  g_autoptr (GByteArray) bytes = NULL;
  g_autofree char *text = NULL;
  guint shown;

  if (image == NULL)
    return;
  if (image->width > MOST_WIDTH)
    {
      DdpmImage *smaller =
        ddpm_image_scale (image, MOST_WIDTH, MAX (image->height * MOST_WIDTH / image->width, 1));

      ddpm_image_free (image);
      image = smaller;
    }
  bytes = ddpm_png_encode (image, NULL, NULL);
  if (bytes == NULL)
    return;
  text = g_base64_encode (bytes->data, bytes->len);
  shown = image->width * MAX (MOST_WIDTH / image->width, 1);
  g_string_append (html, "<figure><figcaption>");
  append_escaped (html, caption);
  g_string_append_printf (html, "</figcaption><img width=\"%u\" alt=\"", shown);
  append_escaped (html, caption);
  g_string_append_printf (html, "\" src=\"data:image/png;base64,%s\"></figure>\n", text);
}

static void
append_rows (GString *html, const DdpmTrainSetup *setup)
{
  g_auto (GStrv) names = ddpm_train_samples_get_row_names (setup);

  if (names == NULL)
    return;
  g_string_append (html, "<p>Rows, from the top: ");
  for (guint i = 0; names[i] != NULL; i++)
    {
      g_string_append (html, i > 0 ? ", " : "");
      append_escaped (html, names[i][0] != '\0' ? names[i] : "no label");
    }
  g_string_append (html, "; the same noise in each of them.</p>\n");
}

static void
append_last_samples (GString *html, const DdpmTrainSetup *setup, const GArray *steps)
{
  const guint64 last = g_array_index (steps, guint64, steps->len - 1);
  g_autofree char *caption = g_strdup_printf ("Step %" G_GUINT64_FORMAT, last);

  g_string_append (html,
                   "<h2>Samples</h2>\n<p>On the left what the averaged weights make, which are those of "
                   "the model; on the right what the raw ones make of the same noise.</p>\n");
  append_rows (html, setup);
  append_picture (html, setup, "step", last, caption);
  g_string_append (html,
                   "<h2>Nearest training pictures</h2>\n<p>In pairs: a sample, and the training picture "
                   "that is most like it, seen as it is most like it; the likest pairs first. A model "
                   "that has learned by heart shows the same picture twice.</p>\n");
  append_picture (html, setup, "nearest", last, caption);
}

static void
append_earlier_samples (GString *html, const DdpmTrainSetup *setup, const GArray *steps)
{
  const guint n = MIN (steps->len, MOST_GRIDS);

  if (n < 2)
    return;
  g_string_append (html, "<h2>Samples of earlier steps</h2>\n<div class=\"side-by-side\">\n");
  for (guint i = 0; i + 1 < n; i++)
    {
      const guint64 at = g_array_index (steps, guint64, (guint64) i * (steps->len - 1) / (n - 1));
      g_autofree char *caption = g_strdup_printf ("Step %" G_GUINT64_FORMAT, at);

      append_picture (html, setup, "step", at, caption);
    }
  g_string_append (html, "</div>\n");
}

/* ---- curves ---- */

/* One column of the log. */
static DdpmChartCurve
get_curve (GPtrArray *memory, const DdpmTrainLine *lines, guint n, const char *name, gsize member)
{
  double *x = g_new (double, MAX (n, 1)), *y = g_new (double, MAX (n, 1));

  for (guint i = 0; i < n; i++)
    {
      x[i] = (double) lines[i].step;
      y[i] = *(const double *) ((const char *) &lines[i] + member);
    }
  g_ptr_array_add (memory, x);
  g_ptr_array_add (memory, y);
  return (DdpmChartCurve) { .name = name, .x = x, .y = y, .n = n };
}

static void
append_charts (GString *html, const DdpmTrainLog *log)
{
  static const struct
  {
    const char *title, *note;
    gboolean is_logarithmic;
    struct
    {
      const char *name;
      gsize member;
    } curves[MOST_CURVES];
  } charts[] = {
    { "Loss",
      "On pictures that are held out it goes up again when the model begins to learn by heart.",
      TRUE,
      { { "smoothed", offsetof (DdpmTrainLine, smoothed) },
        { "held out, averaged weights", offsetof (DdpmTrainLine, held_out_average) },
        { "held out, raw weights", offsetof (DdpmTrainLine, held_out) },
        { "training", offsetof (DdpmTrainLine, loss) } } },
    { "Distance of samples to the nearest training picture",
      "As a share of the distance to the next ones. Well below that of held out pictures: copies.",
      FALSE,
      { { "samples", offsetof (DdpmTrainLine, nearest) },
        { "held out pictures", offsetof (DdpmTrainLine, nearest_held_out) },
        { "share of copies", offsetof (DdpmTrainLine, copies) } } },
    { "Learning rate", NULL, FALSE, { { "learning rate", offsetof (DdpmTrainLine, lr) } } },
    { "Norm of the gradient", NULL, TRUE, { { "norm", offsetof (DdpmTrainLine, grad_norm) } } },
    { "Pictures a second", NULL, FALSE, { { "pictures", offsetof (DdpmTrainLine, pictures_per_s) } } },
  };
  g_autoptr (GPtrArray) memory = g_ptr_array_new_with_free_func (g_free);
  guint n_lines = 0;
  const DdpmTrainLine *lines = ddpm_train_log_get_lines (log, &n_lines);

  g_string_append (html, "<h2>Curves</h2>\n<div class=\"side-by-side\">\n");
  for (guint i = 0; i < G_N_ELEMENTS (charts); i++)
    {
      DdpmChart chart = { .title = charts[i].title,
                          .note = charts[i].note,
                          .is_logarithmic = charts[i].is_logarithmic };

      for (guint j = 0; j < MOST_CURVES && charts[i].curves[j].name != NULL; j++)
        {
          chart.curves[j] =
            get_curve (memory, lines, n_lines, charts[i].curves[j].name, charts[i].curves[j].member);
          chart.curves[j].is_faint = charts[i].curves[j].member == offsetof (DdpmTrainLine, loss);
          chart.n_curves = j + 1;
        }
      ddpm_chart_append (html, &chart);
    }
  g_string_append (html, "</div>\n");
}

/* ---- words ---- */

static char *
format_field (const DdpmTrainOptions *options, const DdpmTrainField *field)
{
  const double value = ddpm_train_field_get_value (options, field);

  switch (field->type)
    {
    case DDPM_FIELD_SWITCH:
    case DDPM_FIELD_TOGGLE:
      return g_strdup (value != 0 ? "yes" : "no");
    case DDPM_FIELD_CHOICE:
      return g_strdup (field->names[(guint) value]);
    case DDPM_FIELD_UINT:
    case DDPM_FIELD_COUNT:
      return g_strdup_printf ("%.0f", value);
    case DDPM_FIELD_REAL:
      break;
    }
  return format_real (value);
}

static char *
format_channels (const DdpmUnetConfig *config)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < config->n_levels; i++)
    g_string_append_printf (text, "%s%u%s", i > 0 ? ", " : "", config->block_out_channels[i],
                            config->down_block_types[i] == DDPM_BLOCK_ATTENTION ? " with attention" : "");
  return g_string_free (text, FALSE);
}

static void
append_settings (GString *html, const DdpmTrainSetup *setup)
{
  g_autofree char *folder = g_file_get_parse_name (setup->options.pictures);
  g_autofree char *pictures =
    g_strdup_printf ("%u, %u of them held out", setup->dataset->n_pictures, setup->n_held_out);
  g_autofree char *size = g_strdup_printf ("%ux%u pixels, %u channels", setup->dataset->width,
                                           setup->dataset->height, setup->dataset->n_channels);
  g_autofree char *channels = format_channels (&setup->config);
  g_autofree char *parameters = g_strdup_printf ("%" G_GSIZE_FORMAT, ddpm_unet_get_n_weights (setup->unet));

  g_string_append (html, "<h2>Settings</h2>\n<table>\n");
  append_row (html, "folder", folder);
  append_row (html, "pictures", pictures);
  append_row (html, "size", size);
  append_row (html, "channels", channels);
  append_row (html, "parameters", parameters);
  for (guint i = 0; i < ddpm_train_n_fields; i++)
    {
      g_autofree char *value = format_field (&setup->options, &ddpm_train_fields[i]);

      append_row (html, ddpm_train_fields[i].option, value);
    }
  g_string_append (html, "</table>\n");
}

static void
append_head (GString *html, const DdpmTrainSetup *setup, const DdpmTrainLog *log, guint64 step)
{
  const guint64 steps = setup->options.steps;
  g_autofree char *name = g_file_get_basename (setup->options.output);
  guint n_lines = 0;
  const DdpmTrainLine *lines = ddpm_train_log_get_lines (log, &n_lines);

  g_string_append (html, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                         "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>");
  append_escaped (html, name);
  g_string_append_printf (html, "</title>\n<style>\n%s</style></head>\n<body>\n<h1>", style);
  append_escaped (html, name);
  g_string_append_printf (html,
                          "</h1>\n<p>%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                          " steps (%.0f %%), each of %u "
                          "pictures",
                          step, steps, floor (100.0 * (double) step / (double) steps), setup->options.batch);
  if (n_lines > 0)
    {
      const DdpmTrainLine *last = &lines[n_lines - 1];
      g_autofree char *loss = format_real (last->smoothed), *time = NULL;

      time = last->seconds < 5400 ? g_strdup_printf ("%.0f min", ceil (last->seconds / 60))
                                  : g_strdup_printf ("%.1f hours", last->seconds / 3600);
      g_string_append_printf (html, "; loss %s; %s of training", loss, time);
    }
  g_string_append (html, ".</p>\n");
}

static void
append_command (GString *html, const DdpmTrainSetup *setup, guint64 step)
{
  g_autofree char *path = g_file_get_path (setup->options.output);
  g_autofree char *quoted = g_shell_quote (path);

  g_string_append_printf (html, "<h2>%s</h2>\n<pre>ddpm train -o ",
                          step < setup->options.steps ? "To go on if it has stopped" : "To train it further");
  append_escaped (html, quoted);
  g_string_append (html, " --resume");
  if (step >= setup->options.steps)
    g_string_append_printf (html, " --steps %" G_GUINT64_FORMAT, 2 * setup->options.steps);
  g_string_append (html, "</pre>\n");
}

gboolean
ddpm_train_page_write (const DdpmTrainSetup *setup, const DdpmTrainLog *log, guint64 step, GError **error)
{
  g_autoptr (GFile) file = g_file_get_child (setup->options.output, "report.html");
  g_autoptr (GString) html = g_string_new (NULL);
  g_autoptr (GArray) steps = find_grids (setup, step);

  append_head (html, setup, log, step);
  if (steps->len > 0)
    append_last_samples (html, setup, steps);
  append_charts (html, log);
  append_earlier_samples (html, setup, steps);
  append_settings (html, setup);
  append_command (html, setup, step);
  g_string_append (html, "</body></html>\n");
  return ddpm_atomic_file_replace (file, html->str, html->len, error);
}
