/* report.html, and that nothing that is shown of a training can end it. */
#include "tests/unit/train-job-common.h"
#include "tests/unit/count.h"

static char *
read_page (const char *scratch, const char *output)
{
  g_autoptr (GBytes) bytes = read_bytes (scratch, output, "report.html");

  return g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

/* Curves, pictures, rows by label and settings are in it; names are escaped; it needs no other file. */
static void
test_page (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 };
  g_autofree char *page = NULL;

  make_pictures (scratch, "pictures/a & <b>", 4, 3);
  make_pictures (scratch, "pictures/Wood", 4, 3);
  make_pictures (scratch, "pictures", 4, 3);
  init_options (&options, scratch, "mo<i>del");
  options.steps = 30;
  options.sample_every = 3;
  options.labels = TRUE;
  options.min_label_pictures = 4;
  options.held_out = 4;
  assert_trains (&options);
  page = read_page (scratch, "mo<i>del");
  g_assert_true (g_str_has_prefix (page, "<!DOCTYPE html>"));
  g_assert_true (g_str_has_suffix (page, "</html>\n"));
  g_assert_null (strstr (page, "<i>"));
  g_assert_null (strstr (page, "<b>"));
  g_assert_nonnull (strstr (page, "mo&lt;i&gt;del</h1>"));
  g_assert_nonnull (strstr (page, "Rows, from the top: Wood, a &amp; &lt;b&gt;, no label"));
  g_assert_nonnull (strstr (page, "30 of 30 steps (100 %)"));
  g_assert_nonnull (strstr (page, " --resume --steps 60</pre>"));
  g_assert_nonnull (strstr (page, "<th>--held-out</th><td>4</td>"));
  g_assert_null (strstr (page, "http"));
  g_assert_cmpuint (count (page, "<img "), ==, 7); /* six of ten grids, and the pairs */
  g_assert_cmpuint (count (page, "src=\"data:image/png;base64,"), ==, 7);
  g_assert_nonnull (strstr (page, ">Step 3<"));
  g_assert_cmpuint (count (page, ">Step 30<"), ==, 2);
  g_assert_cmpuint (count (page, "<svg "), ==, 5);
}

static void
listen (const DdpmProgress *progress, gpointer data)
{
  guint *n_failures = data;

  *n_failures += progress->message != NULL && g_str_has_prefix (progress->message, "no samples at step");
}

/* A file where the grids should go: the run tells so, each time, and ends with a model. */
static void
test_no_place_for_samples (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *page = NULL;
  guint n_failures = 0;

  make_pictures (scratch, "pictures", 4, 1);
  init_options (&options, scratch, "model");
  options.sample_every = 4;
  scratch_write (scratch, "model/samples", "", 0);
  g_assert_true (train (&options, listen, &n_failures, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (n_failures, ==, 2);
  page = read_page (scratch, "model");
  g_assert_null (strstr (page, "<img "));
  g_assert_nonnull (strstr (page, "<svg "));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/train-page/page", test_page);
  g_test_add_func ("/train-page/no-place-for-samples", test_no_place_for_samples);
  return g_test_run ();
}
