/* The study of objectives on tiny pictures: what it trains, what it measures, and that it stops. */
#include "core/job/study-objective.h"

#include "core/job/evaluate-job.h"
#include "tests/unit/train-job-common.h"

#define N_PICTURES 12

/* Half of the pictures are held out. */
static DdpmObjectiveStudyOptions
new_options (const char *scratch)
{
  g_autoptr (GFile) marker = scratch_file (scratch, "models/marker");

  return (DdpmObjectiveStudyOptions) {
    .pictures = scratch_file (scratch, "pictures"),
    .output = scratch_file (scratch, "models"),
    .width = SIDE,
    .height = SIDE,
    .n_channels = 2,
    .channels = { 4, 8 },
    .batch = 4,
    .steps = 10,
    .n_points = 3,
    .held_out = 2,
    .most_measured = 5,
    .n_samples = 3,
    .sampler_steps = 4,
    .seed = 7,
    .n_threads = 1,
  };
}

static void
options_clear (DdpmObjectiveStudyOptions *options)
{
  g_clear_object (&options->pictures);
  g_clear_object (&options->output);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmObjectiveStudyOptions, options_clear)

static void
add_variant (DdpmObjectiveStudyOptions *options, DdpmPrediction prediction, DdpmLoss loss, gboolean learned)
{
  options->variants[options->n_variants++] = (DdpmObjectiveVariant) { prediction, loss, learned };
}

static gboolean
run (const DdpmObjectiveStudyOptions *options, DdpmObjectiveStudy *study)
{
  g_autoptr (GError) error = NULL;

  ddpm_objective_study_run (options, NULL, NULL, NULL, study, &error);
  g_assert_no_error (error);
  return TRUE;
}

/* All that makes sense is trained; each measurement is that of ddpm_evaluate on the model that was written.
 */
static void
test_variants (void)
{
  static const DdpmPrediction predictions[] = { DDPM_PREDICT_MU, DDPM_PREDICT_V };
  static const DdpmLoss losses[] = { DDPM_LOSS_SIMPLE, DDPM_LOSS_VLB, DDPM_LOSS_HYBRID };
  static const char *const names[] = { "mu-simple", "mu-vlb", "mu-vlb-learned", "mu-hybrid",
                                       "v-simple",  "v-vlb",  "v-vlb-learned",  "v-hybrid" };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmObjectiveStudyOptions) options = new_options (scratch);
  g_auto (DdpmObjectiveStudy) study = { 0 };

  make_pictures (scratch, "pictures", N_PICTURES, 3);
  for (guint i = 0; i < G_N_ELEMENTS (predictions); i++)
    for (guint j = 0; j < G_N_ELEMENTS (losses); j++)
      for (guint learned = 0; learned < 2; learned++)
        if (losses[j] == DDPM_LOSS_VLB || learned == (losses[j] == DDPM_LOSS_HYBRID))
          add_variant (&options, predictions[i], losses[j], learned);
  g_assert_true (run (&options, &study));
  g_assert_cmpuint (study.n_results, ==, G_N_ELEMENTS (names));
  g_assert_cmpuint (study.n_pictures, ==, N_PICTURES);
  g_assert_cmpuint (study.n_compared, ==, N_PICTURES);
  g_assert_cmpuint (study.n_measured, >, 0);
  g_assert_cmpuint (study.n_measured, <=, options.most_measured);
  for (guint i = 0; i < study.n_results; i++)
    {
      const DdpmObjectiveVariant *variant = &options.variants[i];
      const DdpmObjectiveResult *result = &study.results[i];
      g_autofree char *path = g_build_filename (scratch, "models", names[i], NULL);
      g_autoptr (GFile) folder = g_file_new_for_path (path);
      g_autoptr (GError) error = NULL;
      g_autoptr (DdpmModel) model = ddpm_model_open_header (folder, &error);

      g_assert_no_error (error);
      g_assert_cmpint (model->scheduler.prediction_type, ==, variant->prediction);
      g_assert_cmpint (ddpm_variance_is_learned (model->scheduler.variance_type), ==, variant->learned);
      g_assert_null (result->failure);
      g_assert_cmpuint (result->n_points, ==, options.n_points);
      g_assert_cmpfloat (result->steps[0], ==, 4);
      g_assert_cmpfloat (result->steps[1], ==, 8);
      g_assert_cmpfloat (result->steps[2], ==, 10);
      for (guint p = 0; p < result->n_points; p++)
        g_assert_cmpfloat (result->bits[p], >, 0);
      g_assert_cmpfloat (result->bits[2], !=, result->bits[0]);
      g_assert_cmpfloat (result->simple, >, 0);
      g_assert_cmpfloat (result->standard_error_bits, >, 0);
      g_assert_cmpfloat (result->distances.sliced_wasserstein_mean, >, 0);
      for (guint k = 0; k < i; k++)
        g_assert_cmpfloat (result->bits[2], !=, study.results[k].bits[2]);
    }
}

/* The last measurement is that of the finished model on the pictures that its training did not see, all of
 * them here. */
static void
test_held_out (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmObjectiveStudyOptions) options = new_options (scratch);
  g_auto (DdpmObjectiveStudy) study = { 0 };
  g_autoptr (GFile) folder = scratch_file (scratch, "models/epsilon-vlb/x");
  g_autoptr (GFile) parent = g_file_get_parent (folder);
  DdpmEvaluateOptions evaluate = { .pictures = options.pictures, .held_out = 2, .n_draws = 20, .seed = 7 };
  g_autoptr (DdpmModel) model = NULL;
  g_autoptr (GError) error = NULL;
  DdpmEvaluation evaluation;

  make_pictures (scratch, "pictures", N_PICTURES, 3);
  options.most_measured = 100;
  add_variant (&options, DDPM_PREDICT_EPSILON, DDPM_LOSS_VLB, FALSE);
  g_assert_true (run (&options, &study));
  model = ddpm_model_open_header (parent, &error);
  g_assert_no_error (error);
  ddpm_evaluate (model, &evaluate, NULL, NULL, NULL, &evaluation, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (study.n_measured, ==, evaluation.n_pictures);
  g_assert_cmpuint (study.n_measured, <, N_PICTURES);
  /* the pictures' noise goes by their places in the folder, which differ; L_T has none, L_0 hardly any in
   * common with it */
  g_assert_cmpfloat_with_epsilon (study.results[0].bits[2] / evaluation.total_bits, 1, 0.2);
}

static void
test_same_on_threads (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmObjectiveStudyOptions) options = new_options (scratch);
  g_auto (DdpmObjectiveStudy) one = { 0 }, two = { 0 };

  make_pictures (scratch, "pictures", N_PICTURES, 1);
  add_variant (&options, DDPM_PREDICT_SAMPLE, DDPM_LOSS_HYBRID, TRUE);
  g_assert_true (run (&options, &one));
  scratch_remove (g_file_peek_path (options.output));
  g_assert_true (g_file_make_directory (options.output, NULL, NULL));
  options.n_threads = 2;
  g_assert_true (run (&options, &two));
  g_assert_cmpmem (one.results[0].bits, sizeof one.results[0].bits, two.results[0].bits,
                   sizeof two.results[0].bits);
  g_assert_cmpfloat (one.results[0].distances.sliced_wasserstein_mean, ==,
                     two.results[0].distances.sliced_wasserstein_mean);
}

static void
cancel (const DdpmProgress *progress, gpointer cancellable)
{
  if (progress->phase == DDPM_PHASE_TRAIN && progress->step == 12)
    g_cancellable_cancel (cancellable);
}

static void
test_stops (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmObjectiveStudyOptions) options = new_options (scratch);
  g_auto (DdpmObjectiveStudy) study = { 0 };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  make_pictures (scratch, "pictures", N_PICTURES, 3);
  add_variant (&options, DDPM_PREDICT_EPSILON, DDPM_LOSS_SIMPLE, FALSE);
  add_variant (&options, DDPM_PREDICT_V, DDPM_LOSS_SIMPLE, FALSE);
  add_variant (&options, DDPM_PREDICT_MU, DDPM_LOSS_SIMPLE, FALSE);
  g_assert_false (ddpm_objective_study_run (&options, cancel, cancellable, cancellable, &study, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (study.n_results, ==, 2);
  g_assert_cmpuint (study.results[0].n_points, ==, 3);
}

static void
test_nothing_held_out (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmObjectiveStudyOptions) options = new_options (scratch);
  g_auto (DdpmObjectiveStudy) study = { 0 };
  g_autoptr (GError) error = NULL;

  make_pictures (scratch, "pictures", 3, 3);
  add_variant (&options, DDPM_PREDICT_EPSILON, DDPM_LOSS_SIMPLE, FALSE);
  options.held_out = 1000000;
  g_assert_false (ddpm_objective_study_run (&options, NULL, NULL, NULL, &study, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_USAGE);
  g_assert_nonnull (strstr (error->message, "--held-out 1000000"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/study-objective/variants", test_variants);
  g_test_add_func ("/study-objective/held-out", test_held_out);
  g_test_add_func ("/study-objective/same-on-threads", test_same_on_threads);
  g_test_add_func ("/study-objective/stops", test_stops);
  g_test_add_func ("/study-objective/nothing-held-out", test_nothing_held_out);
  return g_test_run ();
}
