/* Training runs that are stopped, killed, damaged or overtaken, and go on bit for bit or not at all. */
#include <signal.h>
#include <sys/resource.h>

#include "tests/unit/train-job-common.h"
#include "tests/unit/cancel.h"

static const char *program; /* this one, to be started again where a test has to kill it */

/* Stopped at any step and resumed, on another number of threads, a run ends with the bytes of one that was
 * not. */
static void
test_resume (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 };

  make_pictures (scratch, "pictures", 7, 3);
  init_options (&options, scratch, "whole");
  assert_trains (&options);
  for (guint step = 1; step <= 7; step += 2)
    {
      g_autofree char *output = g_strdup_printf ("stopped-%u", step);
      g_auto (DdpmTrainOptions) stopped = { 0 };
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GError) error = NULL;
      Watch w = { .step = step, .cancellable = cancellable };

      init_options (&stopped, scratch, output);
      g_assert_false (train (&stopped, watch, &w, cancellable, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_assert_cmpuint (w.last_step, ==, step);
      g_assert_false (is_same (scratch, "whole", output, "training/state.safetensors"));
      assert_resumes (scratch, output);
      assert_same_run (scratch, "whole", output);
    }
}

static void
init_tileable_options (DdpmTrainOptions *options, const char *scratch, const char *output, guint crop)
{
  init_options (options, scratch, output);
  options->tileable = options->rotate = options->flip_vertical = TRUE;
  options->width = options->height = SIDE / 2;
  options->crop = crop;
}

/* The views of pictures are drawn anew for each step, also after a pause. The model wraps around; while it is
 * trained, the network does if pictures are seen whole. */
static void
test_resume_tileable (void)
{
  static const guint crops[] = { 0, SIDE };

  for (guint i = 0; i < G_N_ELEMENTS (crops); i++)
    {
      g_autoptr (Scratch) scratch = scratch_new ();
      g_auto (DdpmTrainOptions) options = { 0 }, stopped = { 0 }, resumed = { 0 };
      g_autoptr (GFile) folder = scratch_file (scratch, "resumed");
      g_autoptr (DdpmTrainJob) job = NULL;
      g_autoptr (DdpmModel) model = NULL;
      g_autoptr (GError) error = NULL;

      make_pictures (scratch, "pictures", 7, 3);
      init_tileable_options (&options, scratch, "whole", crops[i]);
      assert_trains (&options);
      init_tileable_options (&stopped, scratch, "resumed", crops[i]);
      stopped.steps = 5;
      assert_trains (&stopped);
      init_resume_options (&resumed, scratch, "resumed");
      resumed.steps = 8;
      job = ddpm_train_job_new (&resumed, &error);
      g_assert_true (ddpm_train_job_run (job, NULL, NULL, NULL, &error));
      g_assert_cmpint (ddpm_train_job_get_plan (job)->config->circular_padding, ==, crops[i] == 0);
      assert_same_run (scratch, "whole", "resumed");

      model = ddpm_model_open_header (folder, &error);
      g_assert_no_error (error);
      g_assert_true (model->notes.circular_padding);

      resumed.rotate = TRUE;
      assert_resumes (scratch, "resumed");
      resumed.crop = 5;
      assert_refused (&resumed, DDPM_ERROR_USAGE, "--crop differs");
    }
}

/* The same where it is stopped whenever it comes, mostly in the middle of a step. */
static void
test_resume_from_any_time (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 };
  gint64 duration_us;

  make_pictures (scratch, "pictures", 7, 3);
  init_options (&options, scratch, "whole");
  duration_us = -g_get_monotonic_time ();
  assert_trains (&options);
  duration_us += g_get_monotonic_time ();
  for (guint i = 0; i < 12; i++)
    {
      g_autofree char *output = g_strdup_printf ("stopped-%u", i);
      g_auto (DdpmTrainOptions) stopped = { 0 };
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (DdpmTrainJob) job = NULL;
      g_autoptr (GError) error = NULL;
      Canceller canceller = { cancellable, duration_us * i / 12 };
      GThread *thread;
      gboolean finished;

      init_options (&stopped, scratch, output);
      job = ddpm_train_job_new (&stopped, &error);
      g_assert_true (ddpm_train_job_prepare (job, NULL, NULL, NULL, &error));
      thread = g_thread_new ("cancel", cancel_later, &canceller);
      finished = ddpm_train_job_run (job, NULL, NULL, cancellable, &error);
      g_thread_join (thread);
      g_clear_object (&job);
      if (!finished)
        {
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
          assert_resumes (scratch, output);
        }
      assert_same_run (scratch, "whole", output);
    }
}

/* A run that is stopped before its first checkpoint begins again. */
static void
test_resume_at_the_beginning (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 }, stopped = { 0 };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (DdpmTrainJob) job = NULL;
  g_autoptr (GError) error = NULL;

  make_pictures (scratch, "pictures", 7, 3);
  init_options (&options, scratch, "whole");
  assert_trains (&options);
  init_options (&stopped, scratch, "stopped");
  job = ddpm_train_job_new (&stopped, &error);
  g_assert_true (ddpm_train_job_prepare (job, NULL, NULL, NULL, &error));
  g_cancellable_cancel (cancellable);
  g_assert_false (ddpm_train_job_run (job, NULL, NULL, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_resumes (scratch, "stopped");
  assert_same_run (scratch, "whole", "stopped");
}

/* More steps than there were to be, and a run that has none left. */
static void
test_extend (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 }, shorter = { 0 }, longer = { 0 };
  g_autofree char *csv_steps = NULL;
  g_autoptr (GBytes) stored = NULL;

  make_pictures (scratch, "pictures", 7, 1);
  init_options (&options, scratch, "whole");
  assert_trains (&options);
  init_options (&shorter, scratch, "extended");
  shorter.steps = 5;
  assert_trains (&shorter);
  stored = read_bytes (scratch, "extended", "training/options.json");
  init_resume_options (&longer, scratch, "extended");
  longer.steps = 8;
  assert_trains (&longer);
  assert_same_run (scratch, "whole", "extended");
  csv_steps = read_csv_steps (scratch, "extended");
  g_assert_cmpstr (csv_steps, ==, "5 8 ");
  /* the new number of steps is remembered */
  assert_resumes (scratch, "extended");
  assert_same_run (scratch, "whole", "extended");

  /* killed between its checkpoint and its options */
  scratch_write (scratch, "extended/training/options.json", g_bytes_get_data (stored, NULL),
                 g_bytes_get_size (stored));
  assert_resumes (scratch, "extended");
  assert_same_run (scratch, "whole", "extended");

  longer.steps = 7;
  assert_refused (&longer, DDPM_ERROR_USAGE, "--steps 7 is less than the 8 steps");
}

static void
test_resume_refused (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 }, resumed = { 0 };

  make_pictures (scratch, "pictures", 7, 1);
  init_resume_options (&resumed, scratch, "model");
  assert_refused (&resumed, DDPM_ERROR_FILE, "There is no training to resume");
  init_options (&options, scratch, "model");
  options.steps = 3;
  assert_trains (&options);
  assert_refused (&options, DDPM_ERROR_USAGE, "holds a training already");

  /* the same options are no others */
  options.resume = TRUE;
  assert_trains (&options);
#define ASSERT_CHANGE(member, value, name)             \
  G_STMT_START                                         \
  {                                                    \
    g_auto (DdpmTrainOptions) changed = { 0 };         \
    init_resume_options (&changed, scratch, "model");  \
    changed.member = value;                            \
    assert_refused (&changed, DDPM_ERROR_USAGE, name); \
  }                                                    \
  G_STMT_END
  ASSERT_CHANGE (batch, 5, "--batch");
  ASSERT_CHANGE (lr, 0.5, "--lr");
  ASSERT_CHANGE (seed, 0, "--seed");
  ASSERT_CHANGE (ema, 0.5, "--ema");
  ASSERT_CHANGE (dropout, 0, "--dropout");
  ASSERT_CHANGE (warmup_steps, 0, "--warmup");
  ASSERT_CHANGE (layers_per_block, 2, "--layers");
  ASSERT_CHANGE (pixels, DDPM_PIXELS_RGB, "--pixels");
  ASSERT_CHANGE (schedule, DDPM_BETAS_SIGMOID, "--schedule");
  ASSERT_CHANGE (dtype, DDPM_DTYPE_F32, "type of the weights");
  ASSERT_CHANGE (from, scratch_file (scratch, "model"), "--from");
  ASSERT_CHANGE (width = changed.height, 16, "--size");
  ASSERT_CHANGE (n_channels = changed.channels[0], 1, "--channels");
  ASSERT_CHANGE (n_attention = changed.attention[0], 1, "--attention");
#undef ASSERT_CHANGE

  make_pictures (scratch, "pictures", 8, 1);
  assert_refused (&resumed, DDPM_ERROR_FILE, "are not those that this training began with");
}

static void
damage (const char *scratch, const char *name, gsize from, const char *bytes, gsize keep)
{
  g_autoptr (GFile) file = scratch_file (scratch, name);
  g_autofree char *contents = NULL;
  gsize n_bytes = 0;

  g_assert_true (g_file_load_contents (file, NULL, &contents, &n_bytes, NULL, NULL));
  g_assert_cmpuint (from + strlen (bytes), <=, n_bytes);
  memcpy (contents + from, bytes, strlen (bytes));
  scratch_write (scratch, name, contents, MIN (keep, n_bytes));
}

static void
test_damaged_state (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 }, resumed = { 0 };

  make_pictures (scratch, "pictures", 3, 1);
  init_options (&options, scratch, "model");
  options.steps = 1;
  assert_trains (&options);
  init_resume_options (&resumed, scratch, "model");
  damage (scratch, "model/training/state.safetensors", 0, "", 1000);
  assert_refused (&resumed, DDPM_ERROR_FILE, "state.safetensors");
  scratch_write (scratch, "model/training/state.safetensors", "", 0);
  assert_refused (&resumed, DDPM_ERROR_FILE, "state.safetensors");
  damage (scratch, "model/training/options.json", 0, "[", G_MAXSIZE);
  assert_refused (&resumed, DDPM_ERROR_FILE, "options.json");
  scratch_write (scratch, "model/training/options.json", "{\"version\": 1}", 14);
  assert_refused (&resumed, DDPM_ERROR_FILE, "\"options\" is missing");
}

/* Stopped before its first checkpoint, a run that began with a model finds that again. */
static void
test_from_resumed (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 };

  make_pictures (scratch, "pictures", 6, 1);
  init_options (&options, scratch, "first");
  assert_trains (&options);
  for (guint round = 0; round < 2; round++)
    {
      g_auto (DdpmTrainOptions) more = { 0 };
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (GError) error = NULL;
      g_autoptr (DdpmTrainJob) job = NULL;

      ddpm_train_options_init (&more);
      more.pictures = g_object_ref (options.pictures);
      more.output = scratch_file (scratch, round == 0 ? "whole" : "stopped");
      more.from = g_object_ref (options.output);
      more.steps = 3;
      more.batch = 2;
      more.sample_every = 0;
      job = ddpm_train_job_new (&more, &error);
      g_assert_true (ddpm_train_job_prepare (job, NULL, NULL, NULL, &error));
      if (round == 1)
        g_cancellable_cancel (cancellable);
      g_assert_cmpint (ddpm_train_job_run (job, NULL, NULL, cancellable, &error), ==, round == 0);
    }
  assert_resumes (scratch, "stopped");
  assert_same_run (scratch, "whole", "stopped");
}

static void
start_another (const DdpmProgress *progress, gpointer data)
{
  const char *scratch = data;
  g_auto (DdpmTrainOptions) options = { 0 };

  if (progress->phase != DDPM_PHASE_TRAIN || progress->step != 4 || progress->message != NULL)
    return;
  init_resume_options (&options, scratch, "model");
  assert_refused (&options, DDPM_ERROR_USAGE, "Another training is writing");
}

static void
test_two_at_once (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 };
  g_autoptr (GError) error = NULL;

  make_pictures (scratch, "pictures", 3, 1);
  init_options (&options, scratch, "model");
  train (&options, start_another, scratch, NULL, &error);
  g_assert_no_error (error);
}

/* From the first checkpoint on, no file may grow beyond this: the next checkpoint dies, or fails, in its
 * middle. */
#define MOST_BYTES 2000

static void
limit_files (const DdpmProgress *progress, gpointer data)
{
  const struct rlimit limit = { MOST_BYTES, MOST_BYTES };

  if (progress->phase == DDPM_PHASE_TRAIN && progress->step == 4)
    g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &limit), ==, 0);
}

/* This program again, as `train-resume-test --limited SCRATCH OUTPUT kill|fail`: 0 only if the run was told
 * of the failure. */
static int
train_limited (const char *scratch, const char *output, gboolean fail)
{
  g_auto (DdpmTrainOptions) options = { 0 };
  g_autoptr (GError) error = NULL;
  const struct rlimit no_core = { 0, 0 };

  setrlimit (RLIMIT_CORE, &no_core);
  signal (SIGXFSZ, fail ? SIG_IGN : SIG_DFL);
  init_options (&options, scratch, output);
  if (train (&options, limit_files, NULL, NULL, &error))
    return 1;
  return g_error_matches (error, DDPM_ERROR, DDPM_ERROR_FILE)
             && strstr (error->message, "The checkpoint of step 3 is intact") != NULL
           ? 0
           : 1;
}

static void
run_limited (const char *scratch, const char *output, const char *kind)
{
  const char *const argv[] = { program, "--limited", scratch, output, kind, NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (GSubprocess) process = g_subprocess_newv (argv, G_SUBPROCESS_FLAGS_NONE, &error);

  g_assert_no_error (error);
  g_assert_true (g_subprocess_wait (process, NULL, &error));
  if (g_str_equal (kind, "kill"))
    {
      g_assert_true (g_subprocess_get_if_signaled (process));
      g_assert_cmpint (g_subprocess_get_term_sig (process), ==, SIGXFSZ);
    }
  else
    g_assert_true (g_subprocess_get_successful (process));
}

/* A run that is killed, or runs out of room, while it writes a checkpoint goes on from the one before. */
static void
test_torn_checkpoint (void)
{
  static const char *const kinds[] = { "kill", "fail" };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 };

  make_pictures (scratch, "pictures", 7, 3);
  init_options (&options, scratch, "whole");
  assert_trains (&options);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_auto (DdpmTrainOptions) resumed = { 0 };
      g_autoptr (DdpmTrainJob) job = NULL;
      g_autoptr (GError) error = NULL;
      g_autoptr (GDir) training = NULL;
      g_autofree char *path = g_build_filename (scratch, kinds[i], "training", NULL);
      guint n_files = 0;

      run_limited (scratch, kinds[i], kinds[i]);
      init_resume_options (&resumed, scratch, kinds[i]);
      job = ddpm_train_job_new (&resumed, &error);
      g_assert_true (ddpm_train_job_prepare (job, NULL, NULL, NULL, &error));
      g_assert_cmpuint (ddpm_train_job_get_plan (job)->first_step, ==, 3);
      g_assert_true (ddpm_train_job_run (job, NULL, NULL, NULL, &error));
      g_assert_no_error (error);
      assert_same_run (scratch, "whole", kinds[i]);

      /* and what the torn one left behind is gone */
      training = g_dir_open (path, 0, NULL);
      while (g_dir_read_name (training) != NULL)
        n_files++;
      g_assert_cmpuint (n_files, ==, 3); /* options, checkpoint, and the state to go back to */
    }
}

/* Prepared, but overtaken: while the pictures were read another process went on from the same checkpoint. */
static void
test_overtaken (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 }, longer = { 0 };
  g_autoptr (DdpmTrainJob) slow = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) before = NULL, after = NULL;

  make_pictures (scratch, "pictures", 5, 1);
  init_options (&options, scratch, "model");
  options.steps = 3;
  assert_trains (&options);
  init_resume_options (&longer, scratch, "model");
  longer.steps = 6;
  slow = ddpm_train_job_new (&longer, &error);
  g_assert_true (ddpm_train_job_prepare (slow, NULL, NULL, NULL, &error));
  assert_trains (&longer);
  before = read_bytes (scratch, "model", "training/state.safetensors");

  g_assert_false (ddpm_train_job_run (slow, NULL, NULL, NULL, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_FILE);
  g_assert_nonnull (strstr (error->message, "to step 6"));
  after = read_bytes (scratch, "model", "training/state.safetensors");
  g_assert_true (g_bytes_equal (before, after));
}

int
main (int argc, char **argv)
{
  program = argv[0];
  if (argc == 5 && g_str_equal (argv[1], "--limited"))
    return train_limited (argv[2], argv[3], g_str_equal (argv[4], "fail"));
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/train-resume/resume", test_resume);
  g_test_add_func ("/train-resume/resume-tileable", test_resume_tileable);
  g_test_add_func ("/train-resume/resume-from-any-time", test_resume_from_any_time);
  g_test_add_func ("/train-resume/resume-at-the-beginning", test_resume_at_the_beginning);
  g_test_add_func ("/train-resume/extend", test_extend);
  g_test_add_func ("/train-resume/resume-refused", test_resume_refused);
  g_test_add_func ("/train-resume/damaged-state", test_damaged_state);
  g_test_add_func ("/train-resume/from-resumed", test_from_resumed);
  g_test_add_func ("/train-resume/two-at-once", test_two_at_once);
  g_test_add_func ("/train-resume/torn-checkpoint", test_torn_checkpoint);
  g_test_add_func ("/train-resume/overtaken", test_overtaken);
  return g_test_run ();
}
