/* Pictures that are held out of a training, and the loss on them. */
#include "core/job/train-plan.h"
#include "tests/unit/train-job-common.h"

/* The loss on held out pictures in the last line of train.csv. Caller frees. */
static char *
read_held_out (const char *scratch, const char *output)
{
  g_autoptr (GBytes) bytes = read_bytes (scratch, output, "train.csv");
  g_autofree char *text = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  g_auto (GStrv) lines = g_strsplit (g_strchomp (text), "\n", -1);
  g_auto (GStrv) columns = g_strsplit (lines[g_strv_length (lines) - 1], ",", -1);

  g_assert_cmpuint (g_strv_length (columns), ==, 12);
  return g_strdup_printf ("%s %s", columns[7], columns[8]);
}

/* Each picture is on one side, by its name; few pictures are all trained on. */
static void
test_split (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 };
  g_autoptr (DdpmTrainSetup) few = NULL, many = NULL, half = NULL, none = NULL;
  guint training = 0, held_out = 0;

  init_options (&options, scratch, "model");
  make_pictures (scratch, "pictures", 39, 1);
  few = new_setup (&options);
  g_assert_cmpuint (few->n_held_out, ==, 0);
  g_assert_cmpuint (few->n_training, ==, 39);
  g_assert_cmpuint (few->options.held_out, ==, 0);

  make_pictures (scratch, "pictures", 60, 1);
  many = new_setup (&options);
  g_assert_cmpuint (many->options.held_out, ==, 20);
  g_assert_cmpuint (many->n_held_out, >, 0);
  g_assert_cmpuint (many->n_training + many->n_held_out, ==, 60);
  for (guint i = 0; i < 60; i++)
    if (g_str_hash (many->dataset->paths[i]) % 20 == 0)
      g_assert_cmpuint (many->held_out[held_out++], ==, i);
    else
      g_assert_cmpuint (many->training[training++], ==, i);

  options.held_out = 2;
  half = new_setup (&options);
  g_assert_cmpuint (half->n_held_out, >, 15);
  g_assert_cmpuint (half->n_held_out, <, 45);
  g_assert_cmpuint (half->fingerprint, !=, many->fingerprint);
  options.held_out = 1; /* that would be all of them */
  none = new_setup (&options);
  g_assert_cmpuint (none->n_held_out, ==, 0);
  g_assert_cmpuint (none->n_training, ==, 60);
}

/* It is measured at the end, the same after a pause and on another number of threads, and what is held out is
 * not trained on. */
static void
test_measured (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 }, stopped = { 0 }, resumed = { 0 }, without = { 0 };
  g_autofree char *whole_losses = NULL, *resumed_losses = NULL, *no_losses = NULL;
  double average, raw;

  make_pictures (scratch, "pictures", 60, 1);
  init_options (&options, scratch, "whole");
  assert_trains (&options);
  whole_losses = read_held_out (scratch, "whole");
  g_assert_cmpint (sscanf (whole_losses, "%lf %lf", &average, &raw), ==, 2);
  g_assert_cmpfloat (average, >, 0.5);
  g_assert_cmpfloat (average, <, 2);
  g_assert_cmpfloat (raw, >, 0.5);
  g_assert_cmpfloat (raw, <, average); /* it follows */

  init_options (&stopped, scratch, "resumed");
  stopped.steps = 5;
  assert_trains (&stopped);
  init_resume_options (&resumed, scratch, "resumed");
  resumed.steps = 8;
  assert_trains (&resumed);
  assert_same_run (scratch, "whole", "resumed");
  resumed_losses = read_held_out (scratch, "resumed");
  g_assert_cmpstr (resumed_losses, ==, whole_losses);

  init_options (&without, scratch, "without");
  without.held_out = 0;
  assert_trains (&without);
  no_losses = read_held_out (scratch, "without");
  g_assert_cmpstr (no_losses, ==, " ");
  g_assert_false (is_same (scratch, "whole", "without", "training/state.safetensors"));
}

/* Without an average there is one loss. */
static void
test_both_weights (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 };
  g_autofree char *losses = NULL;
  g_auto (GStrv) both = NULL;

  make_pictures (scratch, "pictures", 60, 1);
  init_options (&options, scratch, "model");
  options.ema = 0;
  assert_trains (&options);
  losses = read_held_out (scratch, "model");
  both = g_strsplit (losses, " ", 2);
  g_assert_cmpstr (both[0], !=, "");
  g_assert_cmpstr (both[0], ==, both[1]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/train-held-out/split", test_split);
  g_test_add_func ("/train-held-out/measured", test_measured);
  g_test_add_func ("/train-held-out/both-weights", test_both_weights);
  return g_test_run ();
}
