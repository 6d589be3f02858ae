#include "core/job/train-log.h"

#include <glib/gstdio.h>
#include <math.h>

#define HEADER                                                                                     \
  "step,loss,smoothed_loss,lr,grad_norm,pictures_per_s,seconds,held_out_average,held_out,nearest," \
  "nearest_held_out,copies\n"

static char *folder;

static GFile *
write_file (const char *text)
{
  g_autofree char *path = g_build_filename (folder, "train.csv", NULL);

  if (text != NULL)
    g_assert_true (g_file_set_contents (path, text, -1, NULL));
  else
    g_unlink (path);
  return g_file_new_for_path (path);
}

static void
assert_text (GFile *file, const char *expected)
{
  g_autofree char *text = NULL;

  g_assert_true (g_file_load_contents (file, NULL, &text, NULL, NULL, NULL));
  g_assert_cmpstr (text, ==, expected);
}

static void
test_new (void)
{
  g_autoptr (GFile) file = write_file (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (DdpmTrainLog) log = ddpm_train_log_open (file, 0, &error);
  const DdpmTrainLine line = { 50, 0.5, 0.75, 2e-4, 1.25, 100, 3.5, NAN, NAN, NAN, NAN, NAN };

  g_assert_no_error (error);
  g_assert_null (ddpm_train_log_find (log, 0));
  assert_text (file, HEADER);
  g_assert_true (ddpm_train_log_add (log, &line, &error));
  /* there at once, without the log being closed */
  assert_text (file, HEADER "50,0.5,0.75,0.0002,1.25,100,3.5,,,,,\n");
}

/* A run that was killed after its checkpoint of step 100, in the middle of a line. */
static void
test_resumed (void)
{
  g_autoptr (GFile) file = write_file (HEADER "50,1,1,1,1,1,3.5\n"
                                              "100,1,1,1,1,1,7.25,0.5,0.25\n"
                                              "150,1,1,1,1,1,9\n"
                                              "20");
  g_autoptr (GError) error = NULL;
  g_autoptr (DdpmTrainLog) log = ddpm_train_log_open (file, 100, &error);
  const DdpmTrainLine line = { 150, 2, 2, 2, 2, 2, 10, 3, 4, 0.5, NAN, 0 };

  g_assert_no_error (error);
  g_assert_cmpfloat (ddpm_train_log_find (log, 100)->seconds, ==, 7.25);
  g_assert_null (ddpm_train_log_find (log, 50));
  g_assert_true (ddpm_train_log_add (log, &line, &error));
  assert_text (file, HEADER "50,1,1,1,1,1,3.5,,,,,\n"
                            "100,1,1,1,1,1,7.25,0.5,0.25,,,\n"
                            "150,2,2,2,2,2,10,3,4,0.5,,0\n");
}

/* Whatever stands in the file: lines that are none, repeated or out of order go. */
static void
test_damaged (void)
{
  g_autoptr (GFile) file =
    write_file ("not a header\n\n,,\n50,1,1,1,1,1,3\n50,2,2,2,2,2,4\n-3,1\n40,1\nx\n60,5\n"
                "100,torn,1");
  g_autoptr (GError) error = NULL;
  g_autoptr (DdpmTrainLog) log = ddpm_train_log_open (file, 1000, &error);

  g_assert_no_error (error);
  g_assert_nonnull (log);
  assert_text (file, HEADER "50,1,1,1,1,1,3,,,,,\n60,5,,,,,,,,,,\n");
}

/* What is known later is put into the last line, and more lines follow. */
static void
test_amended (void)
{
  g_autoptr (GFile) file = write_file (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (DdpmTrainLog) log = ddpm_train_log_open (file, 0, &error);
  DdpmTrainLine line;
  guint n_lines = 0;

  ddpm_train_line_init (&line, 50);
  line.loss = 0.5;
  g_assert_true (ddpm_train_log_add (log, &line, &error));
  line.nearest = 0.875;
  line.copies = 0;
  g_assert_true (ddpm_train_log_amend (log, &line, &error));
  ddpm_train_line_init (&line, 100);
  line.seconds = 2;
  g_assert_true (ddpm_train_log_add (log, &line, &error));
  g_assert_no_error (error);
  assert_text (file, HEADER "50,0.5,,,,,,,,0.875,,0\n100,,,,,,2,,,,,\n");
  g_assert_cmpfloat (ddpm_train_log_get_lines (log, &n_lines)[0].nearest, ==, 0.875);
  g_assert_cmpuint (n_lines, ==, 2);
}

static void
test_anew (void)
{
  g_autoptr (GFile) file = write_file (HEADER "50,1,1,1,1,1,3.5\n");
  g_autoptr (GError) error = NULL;
  g_autoptr (DdpmTrainLog) log = ddpm_train_log_open (file, 0, &error);

  g_assert_no_error (error);
  g_assert_nonnull (log);
  assert_text (file, HEADER);
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("ddpm-train-log-XXXXXX", NULL);
  g_test_add_func ("/train-log/new", test_new);
  g_test_add_func ("/train-log/resumed", test_resumed);
  g_test_add_func ("/train-log/damaged", test_damaged);
  g_test_add_func ("/train-log/amended", test_amended);
  g_test_add_func ("/train-log/anew", test_anew);
  status = g_test_run ();
  g_autofree char *path = g_build_filename (folder, "train.csv", NULL);
  g_unlink (path);
  g_rmdir (folder);
  g_free (folder);
  return status;
}
