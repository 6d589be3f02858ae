/* A training step in parts: as the whole one up to rounding, for less memory, and resumed bit for bit. */
#include <math.h>

#include "core/job/train-step.h"
#include "tests/unit/train-job-common.h"

typedef struct
{
  DdpmTrainSetup *setup;
  DdpmTrainStep step;
  double loss;
} Fixture;

/* A step's gradient, taken in so many parts; with dropout, flips and labels, which belong to a picture's
 * place in the whole batch. */
static void
set_up (Fixture *f, const char *scratch, guint accumulate)
{
  g_auto (DdpmTrainOptions) options = { 0 };
  g_autoptr (GError) error = NULL;

  init_options (&options, scratch, "model");
  options.batch = 8;
  options.accumulate = accumulate;
  options.labels = TRUE;
  options.min_label_pictures = 2;
  options.label_dropout = 0.5;
  f->setup = ddpm_train_setup_new (&options, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  ddpm_train_step_init (&f->step, f->setup, &error);
  g_assert_no_error (error);
  ddpm_unet_init_weights (f->setup->unet, 3, f->step.slabs.weights);
  g_assert_true (ddpm_train_step_compute (&f->step, 7, NULL, &f->loss, NULL));
}

static void
tear_down (Fixture *f)
{
  ddpm_train_step_clear (&f->step);
  ddpm_train_setup_free (f->setup);
}

static void
test_gradient (void)
{
  static const guint numbers[] = { 2, 4, 8 };
  g_autoptr (Scratch) scratch = scratch_new ();
  Fixture whole;

  make_pictures (scratch, "pictures/a", 5, 3);
  make_pictures (scratch, "pictures/b", 4, 3);
  set_up (&whole, scratch, 1);
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      Fixture parts;
      double distance = 0;

      set_up (&parts, scratch, numbers[i]);
      g_assert_cmpuint (parts.step.batch.size, ==, 8 / numbers[i]);
      g_assert_cmpuint (ddpm_unet_pass_get_bytes (parts.step.pass), <,
                        ddpm_unet_pass_get_bytes (whole.step.pass));
      for (gsize k = 0; k < whole.step.slabs.n; k++)
        distance += pow ((double) parts.step.grads[k] - whole.step.grads[k], 2);
      /* Floats have 24 bits, 6e-8; sums of some hundred of them in another order lose a few more. A picture
       * too many or another's noise changes a tenth at least. */
      g_assert_cmpfloat (sqrt (distance), <, 1e-5 * whole.step.grad_norm);
      g_assert_cmpfloat_with_epsilon (parts.loss, whole.loss, 1e-6 * whole.loss);
      tear_down (&parts);
    }
  tear_down (&whole);
}

/* Stopped and resumed, without saying so again; and to the same loss as without parts. */
static void
test_run (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) at_once = { 0 }, options = { 0 }, stopped = { 0 }, resumed = { 0 },
                            uneven = { 0 };
  g_autoptr (GError) error = NULL;
  Watch w = { 0 }, w_at_once = { 0 };

  make_pictures (scratch, "pictures", 7, 3);
  init_options (&at_once, scratch, "at-once");
  train (&at_once, watch, &w_at_once, NULL, &error);
  g_assert_no_error (error);
  init_options (&options, scratch, "parts");
  options.accumulate = 2;
  train (&options, watch, &w, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat_with_epsilon (w.last_loss, w_at_once.last_loss, 1e-4 * w.last_loss);

  init_options (&stopped, scratch, "stopped");
  stopped.accumulate = 2;
  stopped.steps = 5;
  assert_trains (&stopped);
  init_resume_options (&resumed, scratch, "stopped");
  resumed.steps = 8;
  assert_trains (&resumed);
  assert_same_run (scratch, "parts", "stopped");

  resumed.accumulate = 4;
  assert_refused (&resumed, DDPM_ERROR_USAGE, "--accumulate differs");
  init_options (&uneven, scratch, "uneven");
  uneven.accumulate = 3;
  assert_refused (&uneven, DDPM_ERROR_USAGE, "--accumulate 3");
}

/* Parts are for where recomputing would not do, and no more of them than that takes; what was chosen is kept
 * when there is more memory later. */
static void
test_decision (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 }, resumed = { 0 };
  g_autoptr (DdpmTrainJob) two = NULL, chosen = NULL, still = NULL, none = NULL;
  g_autoptr (GError) error = NULL;
  gsize bytes;

  make_pictures (scratch, "pictures", 2, 3);
  init_options (&options, scratch, "model");
  options.batch = 1024;
  options.steps = 1;
  options.recompute = TRUE;
  options.accumulate = 2;
  two = prepare_within (&options, G_MAXUINT64, &error);
  g_assert_no_error (error);
  g_assert_false (ddpm_train_job_get_plan (two)->must_accumulate);
  bytes = ddpm_train_job_get_plan (two)->peak_bytes;

  options.recompute = FALSE;
  options.accumulate = DDPM_TRAIN_OPEN;
  chosen = prepare_within (&options, bytes, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (ddpm_train_job_get_plan (chosen)->options->accumulate, ==, 2);
  g_assert_true (ddpm_train_job_get_plan (chosen)->must_accumulate);
  g_assert_true (ddpm_train_job_get_plan (chosen)->recompute);
  g_assert_cmpuint (ddpm_train_job_get_plan (chosen)->peak_bytes, ==, bytes);

  ddpm_train_job_run (chosen, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  init_resume_options (&resumed, scratch, "model");
  resumed.steps = 2;
  still = prepare_within (&resumed, G_MAXUINT64, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (ddpm_train_job_get_plan (still)->options->accumulate, ==, 2);
  g_assert_false (ddpm_train_job_get_plan (still)->must_accumulate);

  /* not chosen where it was given */
  g_object_unref (options.output);
  options.output = scratch_file (scratch, "other");
  options.accumulate = 1;
  none = prepare_within (&options, bytes, &error);
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_MEMORY);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/train-accumulate/gradient", test_gradient);
  g_test_add_func ("/train-accumulate/run", test_run);
  g_test_add_func ("/train-accumulate/decision", test_decision);
  return g_test_run ();
}
