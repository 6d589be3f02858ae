/* Training shared by several processes, which are threads here: the same as in one, up to rounding, and the
 * same every time; and what any one of them meets ends all of them in the same way. */
#include <math.h>

#include "core/job/train-step.h"
#include "tests/unit/ranks-common.h"
#include "tests/unit/train-job-common.h"

static void
test_shares (void)
{
  for (guint n_ranks = 1; n_ranks <= 7; n_ranks++)
    for (guint whole = 0; whole < 40; whole++)
      {
        guint next = 0;

        for (guint rank = 0; rank < n_ranks; rank++)
          {
            const DdpmRanks ranks = { .rank = rank, .n_ranks = n_ranks };
            guint first, size;

            ddpm_ranks_get_share (&ranks, whole, &first, &size);
            g_assert_cmpuint (first, ==, next);
            g_assert_cmpuint (size, >=, whole / n_ranks);
            g_assert_cmpuint (size, <=, whole / n_ranks + 1);
            next += size;
          }
        g_assert_cmpuint (next, ==, whole);
      }
}

/* --- sums ---------------------------------------------------------------------------------- */

typedef struct
{
  DdpmRanks ranks;
  GArray *begun; /* gsize: first, n, … */
  float *grads;
} Recorder;

static void
record (DdpmRanks *ranks, float *values, gsize n)
{
  Recorder *recorder = (Recorder *) ranks;
  const gsize sum[2] = { values - recorder->grads, n };

  g_array_append_vals (recorder->begun, sum, 2);
}

static void
assert_begun (Recorder *recorder, const gsize *expected, guint n)
{
  g_assert_cmpmem (recorder->begun->data, recorder->begun->len * sizeof (gsize), expected,
                   n * sizeof (gsize));
}

/* Buckets of 10 of 34 floats: one is begun when all in it is complete, neither sooner nor twice, also in the
 * next step. */
static void
test_sums (void)
{
  float grads[34];
  Recorder recorder = { { .begin_sum = record }, g_array_new (FALSE, FALSE, sizeof (gsize)), grads };
  DdpmRankSums sums;

  ddpm_rank_sums_init (&sums, &recorder.ranks, grads, G_N_ELEMENTS (grads), 10);
  for (guint step = 0; step < 2; step++)
    {
      g_array_set_size (recorder.begun, 0);
      ddpm_rank_sums_begin (&sums);
      ddpm_rank_sums_take (&(DdpmParam) { .offset = 9, .n_values = 18 }, &sums);
      assert_begun (&recorder, (const gsize[]) { 10, 10 }, 2);
      ddpm_rank_sums_take (&(DdpmParam) { .offset = 30, .n_values = 4 }, &sums);
      ddpm_rank_sums_take (&(DdpmParam) { .offset = 27, .n_values = 3 }, &sums);
      assert_begun (&recorder, (const gsize[]) { 10, 10, 30, 4, 20, 10 }, 6);
      ddpm_rank_sums_take (&(DdpmParam) { .offset = 0, .n_values = 8 }, &sums);
      assert_begun (&recorder, (const gsize[]) { 10, 10, 30, 4, 20, 10 }, 6);
      ddpm_rank_sums_take (&(DdpmParam) { .offset = 8, .n_values = 1 }, &sums);
      assert_begun (&recorder, (const gsize[]) { 10, 10, 30, 4, 20, 10, 0, 10 }, 8);
    }
  ddpm_rank_sums_clear (&sums);
  g_array_unref (recorder.begun);
}

/* --- agreement ----------------------------------------------------------------------------- */

typedef struct
{
  GError *error; /* what it meets; then what it gets */
  double values[5];
  gboolean ok;
} Fate;

static void
agree (FakeRanks *ranks, gpointer data)
{
  Fate *fate = data;

  fate->ok = ddpm_ranks_agree (&ranks->ranks, fate->error == NULL, NULL, &fate->error);
}

static void
test_agree (void)
{
  Fate fates[3] = { 0 };

  run_ranks (3, agree, fates, sizeof *fates);
  for (guint i = 0; i < 3; i++)
    {
      g_assert_no_error (fates[i].error);
      g_assert_true (fates[i].ok);
    }
  fates[1].error = g_error_new_literal (DDPM_ERROR, DDPM_ERROR_FILE, "The disk is full");
  fates[2].error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "Stopped");
  run_ranks (3, agree, fates, sizeof *fates);
  for (guint i = 0; i < 3; i++)
    {
      g_assert_false (fates[i].ok);
      g_assert_error (fates[i].error, DDPM_ERROR, DDPM_ERROR_FILE);
      g_assert_cmpstr (fates[i].error->message, ==,
                       i == 1 ? "The disk is full" : "In process 2 of 3: The disk is full");
      g_clear_error (&fates[i].error);
    }
}

static void
check_same (FakeRanks *ranks, gpointer data)
{
  Fate *fate = data;

  g_clear_error (&fate->error);
  fate->ok = ddpm_ranks_check_same (&ranks->ranks, "other numbers", fate->values, sizeof fate->values, NULL,
                                    &fate->error);
}

static void
gather (FakeRanks *ranks, gpointer data)
{
  Fate *fate = data;

  fate->ok = ddpm_ranks_gather (&ranks->ranks, fate->values, 5, NULL, &fate->error);
}

static void
test_same_and_gather (void)
{
  Fate fates[3] = { 0 };

  run_ranks (3, check_same, fates, sizeof *fates);
  for (guint i = 0; i < 3; i++)
    g_assert_true (fates[i].ok);
  fates[2].values[3] = 5e-324; /* one bit */
  run_ranks (3, check_same, fates, sizeof *fates);
  for (guint i = 0; i < 3; i++)
    {
      g_assert_error (fates[i].error, DDPM_ERROR, DDPM_ERROR_NUMERIC);
      g_assert_cmpstr (fates[i].error->message, ==, "Process 3 of 3 has other numbers");
      g_clear_error (&fates[i].error);
    }
  for (guint i = 0; i < 3; i++)
    for (guint k = 0; k < 5; k++)
      fates[i].values[k] = 10 * i + k;
  run_ranks (3, gather, fates, sizeof *fates);
  for (guint i = 0; i < 3; i++)
    {
      static const double expected[] = { 0, 11, 12, 23, 24 }; /* shares of 1, 2 and 2 */

      g_assert_cmpmem (fates[i].values, sizeof expected, expected, sizeof expected);
    }
}

/* --- a step -------------------------------------------------------------------------------- */

typedef struct
{
  const char *scratch;
  guint accumulate;
  DdpmTrainSetup *setup;
  DdpmTrainStep step;
  double loss;
} Share;

/* With dropout, flips and labels, which belong to a picture's place in the whole batch. */
static void
compute_share (FakeRanks *ranks, gpointer data)
{
  Share *share = data;
  g_auto (DdpmTrainOptions) options = { 0 };
  g_autoptr (GError) error = NULL;

  init_options (&options, share->scratch, "model");
  options.batch = 10;
  options.accumulate = share->accumulate;
  options.labels = TRUE;
  options.min_label_pictures = 2;
  options.label_dropout = 0.5;
  options.ranks = ranks != NULL ? &ranks->ranks : NULL;
  share->setup = ddpm_train_setup_new (&options, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  ddpm_train_step_init (&share->step, share->setup, &error);
  g_assert_no_error (error);
  ddpm_unet_init_weights (share->setup->unet, 3, share->step.slabs.weights);
  ddpm_train_step_compute (&share->step, 7, NULL, &share->loss, &error);
  g_assert_no_error (error);
}

static void
share_clear (Share *share)
{
  ddpm_train_step_clear (&share->step);
  ddpm_train_setup_free (share->setup);
}

/* Every process has the gradient of the whole batch, the same to the bit, also where shares are uneven and a
 * step has parts. */
static void
test_gradient (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  Share whole = { scratch, 1 };

  make_pictures (scratch, "pictures/a", 5, 3);
  make_pictures (scratch, "pictures/b", 4, 3);
  compute_share (NULL, &whole);
  for (guint n_ranks = 2; n_ranks <= MAX_RANKS; n_ranks++)
    for (guint accumulate = 1; accumulate <= 2; accumulate++)
      {
        Share shares[MAX_RANKS];
        const DdpmTrainSlabs *slabs = &whole.step.slabs;
        double distance = 0;

        for (guint rank = 0; rank < n_ranks; rank++)
          shares[rank] = (Share) { scratch, accumulate };
        run_ranks (n_ranks, compute_share, shares, sizeof *shares);
        for (gsize k = 0; k < slabs->n; k++)
          distance += pow ((double) shares[0].step.grads[k] - whole.step.grads[k], 2);
        /* Floats have 24 bits, 6e-8; sums of some hundred of them in another order lose a few more. A picture
         * too many or another's noise changes a tenth at least. */
        g_assert_cmpfloat (sqrt (distance), <, 1e-5 * whole.step.grad_norm);
        g_assert_cmpfloat_with_epsilon (shares[0].loss, whole.loss, 1e-6 * whole.loss);
        for (guint rank = 0; rank < n_ranks; rank++)
          {
            g_assert_cmpuint (shares[rank].step.batch.size, <=, 10 / accumulate / n_ranks + 1);
            g_assert_cmpmem (shares[rank].step.grads, slabs->n * sizeof (float), shares[0].step.grads,
                             slabs->n * sizeof (float));
            g_assert_true (shares[rank].loss == shares[0].loss);
          }
        for (guint rank = 0; rank < n_ranks; rank++)
          share_clear (&shares[rank]);
      }
  share_clear (&whole);
}

/* --- runs ---------------------------------------------------------------------------------- */

typedef struct
{
  const DdpmTrainOptions *options;
  Watch watch;
  guint64 leaves_at;
  gboolean miscounts;
  GError *error;
  guint64 n_exchanges;
} Trainee;

static void
train_rank (FakeRanks *ranks, gpointer data)
{
  Trainee *trainee = data;
  DdpmTrainOptions options = *trainee->options;

  ranks->leaves_at = trainee->leaves_at;
  ranks->miscounts = trainee->miscounts;
  options.ranks = &ranks->ranks;
  g_assert_false (train (&options, watch, &trainee->watch, trainee->watch.cancellable, &trainee->error)
                  == (trainee->error != NULL));
  trainee->n_exchanges = ranks->n_exchanges;
}

static void
assert_ranks_train (guint n_ranks, const DdpmTrainOptions *options, Trainee *trainees)
{
  for (guint rank = 0; rank < n_ranks; rank++)
    trainees[rank] = (Trainee) { .options = options };
  run_ranks (n_ranks, train_rank, trainees, sizeof *trainees);
  for (guint rank = 0; rank < n_ranks; rank++)
    g_assert_no_error (trainees[rank].error);
}

/* As one process to rounding, with what is held out; as itself to the bit; and resumed by as many to the bit,
 * by others to rounding. */
static void
test_runs (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) alone = { 0 }, options = { 0 }, again = { 0 }, stopped = { 0 }, resumed = { 0 };
  Trainee trainees[MAX_RANKS];
  Watch w = { 0 };
  g_autoptr (GError) error = NULL;

  make_pictures (scratch, "pictures", 7, 3);
  init_options (&alone, scratch, "alone");
  alone.held_out = 3;
  train (&alone, watch, &w, NULL, &error);
  g_assert_no_error (error);
  init_options (&options, scratch, "three");
  options.held_out = 3;
  assert_ranks_train (3, &options, trainees);
  for (guint rank = 0; rank < 3; rank++)
    g_assert_cmpfloat_with_epsilon (trainees[rank].watch.last_loss, w.last_loss, 1e-5 * w.last_loss);
  init_options (&again, scratch, "again");
  again.held_out = 3;
  assert_ranks_train (3, &again, trainees);
  assert_same_run (scratch, "three", "again");

  init_options (&stopped, scratch, "stopped");
  stopped.held_out = 3;
  stopped.steps = 5;
  assert_ranks_train (3, &stopped, trainees);
  init_resume_options (&resumed, scratch, "stopped");
  resumed.steps = 8;
  assert_ranks_train (3, &resumed, trainees);
  assert_same_run (scratch, "three", "stopped");
  resumed.steps = 9;
  assert_ranks_train (2, &resumed, trainees);
  resumed.steps = 10;
  assert_trains (&resumed);
}

/* The loss on held out pictures after a step that changes nothing, by one process or two. Caller frees. */
static char *
read_held_out (const char *scratch, const char *output, guint n_ranks)
{
  g_auto (DdpmTrainOptions) options = { 0 };
  g_auto (GStrv) lines = NULL, columns = NULL;
  g_autoptr (GBytes) bytes = NULL;
  Trainee trainees[MAX_RANKS];

  init_options (&options, scratch, output);
  options.held_out = 2;
  options.steps = 1;
  options.lr = 1e-12;
  if (n_ranks == 1)
    assert_trains (&options);
  else
    assert_ranks_train (n_ranks, &options, trainees);
  bytes = read_bytes (scratch, output, "train.csv");
  lines = g_strsplit (g_bytes_get_data (bytes, NULL), "\n", 3);
  columns = g_strsplit (lines[1], ",", -1);
  return g_strdup (columns[7]);
}

/* Each process measures a share of the batches. */
static void
test_held_out (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autofree char *alone = NULL, *shared = NULL;

  make_pictures (scratch, "pictures", 9, 3);
  alone = read_held_out (scratch, "alone", 1);
  shared = read_held_out (scratch, "shared", 3);
  g_assert_cmpstr (alone, !=, "");
  g_assert_cmpstr (alone, ==, shared);
}

static void
assert_all_fail (Trainee *trainees, guint n_ranks, GQuark domain, int code, const char *part)
{
  run_ranks (n_ranks, train_rank, trainees, sizeof *trainees);
  for (guint rank = 0; rank < n_ranks; rank++)
    {
      g_assert_error (trainees[rank].error, domain, code);
      if (strstr (trainees[rank].error->message, part) == NULL)
        g_error ("\"%s\" is not in \"%s\"", part, trainees[rank].error->message);
      g_clear_error (&trainees[rank].error);
    }
}

/* What only one of them knows. */
static void
test_failures (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 }, other = { 0 };
  Trainee trainees[MAX_RANKS] = { 0 };
  g_autofree char *blocked = g_build_filename (scratch, "model", "train.csv", NULL);

  make_pictures (scratch, "pictures", 5, 3);
  make_pictures (scratch, "others", 6, 3);
  init_options (&options, scratch, "model");
  for (guint rank = 0; rank < 3; rank++)
    trainees[rank].options = &options;

  /* more processes than pictures in a step */
  options.batch = 2;
  assert_all_fail (trainees, 3, DDPM_ERROR, DDPM_ERROR_USAGE, "3 processes cannot share the 2 pictures");
  options.batch = 4;

  /* one sees another folder */
  init_options (&other, scratch, "model");
  g_clear_object (&other.pictures);
  other.pictures = scratch_file (scratch, "others");
  trainees[1].options = &other;
  assert_all_fail (trainees, 3, DDPM_ERROR, DDPM_ERROR_NUMERIC, "Process 2 of 3 has other pictures");
  g_clear_object (&other.pictures);
  other.pictures = scratch_file (scratch, "nowhere/at/all");
  assert_all_fail (trainees, 3, DDPM_ERROR, DDPM_ERROR_FILE, "");
  trainees[1].options = &options;

  /* the first cannot write */
  g_assert_cmpint (g_mkdir_with_parents (blocked, 0777), ==, 0);
  assert_all_fail (trainees, 3, DDPM_ERROR, DDPM_ERROR_USAGE, "train.csv");
  scratch_remove (blocked);

  /* one computes wrongly: that is seen before anything is saved */
  options.save_every = 0;
  trainees[2].miscounts = TRUE;
  assert_all_fail (trainees, 3, DDPM_ERROR, DDPM_ERROR_NUMERIC, "Process 3 of 3 has other weights");
}

/* Stopped or gone, whichever one it is: a checkpoint is there, of the last step that all have made, and a run
 * that goes on ends as one that never stopped. */
static void
test_stops (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) whole = { 0 };
  Trainee trainees[MAX_RANKS];
  guint64 n_exchanges;

  make_pictures (scratch, "pictures", 5, 3);
  init_options (&whole, scratch, "whole");
  whole.save_every = 0;
  assert_ranks_train (2, &whole, trainees);
  n_exchanges = trainees[0].n_exchanges;
  for (guint i = 0; i < 4; i++)
    {
      const guint rank = i % 2;
      const gboolean leaves = i >= 2;
      g_auto (DdpmTrainOptions) options = { 0 }, resumed = { 0 };
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autofree char *name = g_strdup_printf ("stopped-%u", i);

      init_options (&options, scratch, name);
      options.save_every = 0;
      for (guint k = 0; k < 2; k++)
        trainees[k] = (Trainee) { .options = &options };
      if (leaves)
        trainees[rank].leaves_at = n_exchanges - 3; /* before the end, after some steps */
      else
        trainees[rank].watch = (Watch) { .step = 3, .cancellable = cancellable };
      run_ranks (2, train_rank, trainees, sizeof *trainees);
      for (guint k = 0; k < 2; k++)
        g_assert_error (trainees[k].error, G_IO_ERROR, (leaves ? G_IO_ERROR_CLOSED : G_IO_ERROR_CANCELLED));
      g_assert_nonnull (strstr (trainees[0].error->message, "the checkpoint is written"));
      for (guint k = 0; k < 2; k++)
        g_clear_error (&trainees[k].error);

      init_resume_options (&resumed, scratch, name);
      resumed.save_every = 0;
      assert_ranks_train (2, &resumed, trainees);
      assert_same_run (scratch, "whole", name);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/train-ranks/shares", test_shares);
  g_test_add_func ("/train-ranks/sums", test_sums);
  g_test_add_func ("/train-ranks/agree", test_agree);
  g_test_add_func ("/train-ranks/same-and-gather", test_same_and_gather);
  g_test_add_func ("/train-ranks/gradient", test_gradient);
  g_test_add_func ("/train-ranks/runs", test_runs);
  g_test_add_func ("/train-ranks/held-out", test_held_out);
  g_test_add_func ("/train-ranks/failures", test_failures);
  g_test_add_func ("/train-ranks/stops", test_stops);
  return g_test_run ();
}
