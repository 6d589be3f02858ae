/* The memory of a training: recomputing values instead of keeping them, by option or where it is needed. */
#include "tests/unit/train-job-common.h"

/* The option makes no difference to what is trained, and may be given, or not, when a run is resumed. */
static void
test_same_model (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) keep = { 0 }, recompute = { 0 }, mixed = { 0 }, resumed = { 0 };

  make_pictures (scratch, "pictures", 5, 3);
  init_options (&keep, scratch, "keep");
  assert_trains (&keep);
  init_options (&recompute, scratch, "recompute");
  recompute.recompute = TRUE;
  assert_trains (&recompute);
  assert_same_run (scratch, "keep", "recompute");

  init_options (&mixed, scratch, "mixed");
  mixed.steps = 4;
  assert_trains (&mixed);
  init_resume_options (&resumed, scratch, "mixed");
  resumed.steps = 8;
  resumed.recompute = TRUE;
  assert_trains (&resumed);
  assert_same_run (scratch, "keep", "mixed");
}

static void
test_decision (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 };
  g_autoptr (DdpmTrainJob) keep = NULL, recompute = NULL, little = NULL, none = NULL;
  g_autoptr (GError) error = NULL;
  gsize kept_bytes, bytes;

  make_pictures (scratch, "pictures", 2, 3);
  init_options (&options, scratch, "model");
  options.batch = 2048;

  keep = prepare_within (&options, G_MAXUINT64, &error);
  g_assert_no_error (error);
  g_assert_false (ddpm_train_job_get_plan (keep)->recompute);
  kept_bytes = ddpm_train_job_get_plan (keep)->peak_bytes;
  g_assert_cmpuint (ddpm_train_job_get_plan (keep)->peak_kept_bytes, ==, kept_bytes);

  options.recompute = TRUE;
  recompute = prepare_within (&options, G_MAXUINT64, &error);
  g_assert_no_error (error);
  g_assert_true (ddpm_train_job_get_plan (recompute)->recompute);
  bytes = ddpm_train_job_get_plan (recompute)->peak_bytes;
  g_assert_cmpuint (bytes, <, kept_bytes);
  g_assert_cmpuint (ddpm_train_job_get_plan (recompute)->peak_kept_bytes, ==, kept_bytes);

  /* between the two nobody has to ask for it */
  options.recompute = FALSE;
  little = prepare_within (&options, bytes + (kept_bytes - bytes) / 2, &error);
  g_assert_no_error (error);
  g_assert_true (ddpm_train_job_get_plan (little)->recompute);
  g_assert_cmpuint (ddpm_train_job_get_plan (little)->peak_bytes, ==, bytes);
  g_assert_false (ddpm_train_job_get_plan (little)->options->recompute);

  /* even picture by picture */
  none = prepare_within (&options, 10000, &error);
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_MEMORY);
  g_assert_nonnull (strstr (error->message, "--batch"));
  g_assert_null (ddpm_train_job_get_plan (none));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/train-memory/same-model", test_same_model);
  g_test_add_func ("/train-memory/decision", test_decision);
  return g_test_run ();
}
