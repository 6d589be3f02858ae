/* A model's own pictures against a folder's, with models whose pictures are known. */
#include "core/base/error.h"
#include "tests/unit/evaluate-common.h"

/* A model that takes everything for x_0 = 0 makes grey pictures: of byte 128, as files have them. */
static DdpmModel *
new_grey_model (guint n_channels, guint n_classes)
{
  DdpmModel *model = new_model (n_channels, n_classes);

  model->scheduler.prediction_type = DDPM_PREDICT_SAMPLE;
  silence (model, 0);
  return model;
}

static void
test_grey (void)
{
  static const guint bytes[] = { 128, 0, 28 };
  const DdpmEvaluateOptions options = {
    .skip_bound = TRUE, .n_samples = 5, .own_sampler = TRUE, .sampler = DDPM_SAMPLER_DDIM, .sampler_steps = 3
  };

  for (guint i = 0; i < G_N_ELEMENTS (bytes); i++)
    {
      g_autoptr (Scratch) scratch = scratch_new ();
      g_autoptr (DdpmModel) model = new_grey_model (3, 0);
      const gboolean same = bytes[i] == 128;
      DdpmEvaluation e;

      write_plain_pictures (scratch, 8, 3, bytes[i]);
      e = evaluate (model, scratch, options);
      g_assert_cmpuint (e.n_reference, ==, 5);
      g_assert_false (e.has_others); /* 8 are not twice 5 */
      g_assert_cmpfloat (e.distances.precision, ==, same ? 1 : 0);
      g_assert_cmpfloat (e.distances.recall, ==, same ? 1 : 0);
      g_assert_cmpfloat_with_epsilon (e.distances.nearest, 128 - bytes[i], 1e-3);
      if (same)
        g_assert_cmpfloat (e.distances.sliced_wasserstein_mean, <, 1e-4);
      else
        g_assert_cmpfloat (e.distances.sliced_wasserstein_mean, >, 1);
      g_assert_cmpfloat (e.total_bits, ==, 0);
    }
}

/* Two halves of the folder: one to compare with, the other one to compare. */
static void
test_others (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (DdpmModel) model = new_grey_model (1, 0);
  DdpmEvaluateOptions options = { .skip_bound = TRUE, .n_samples = 6, .sampler_steps = 2 };
  DdpmEvaluation e;

  write_pictures (scratch, 12, 1);
  e = evaluate (model, scratch, options);
  g_assert_cmpuint (e.n_reference, ==, 6);
  g_assert_true (e.has_others);
  g_assert_cmpfloat (e.others.nearest, >, 20); /* none is there twice */
  g_assert_cmpfloat (e.others.sliced_wasserstein_mean, <, e.distances.sliced_wasserstein_mean);
  g_assert_cmpfloat (e.distances.nearest, >, 0);
  /* grey is in the midst of noise, but no noise is near pictures that are all the same */
  g_assert_cmpfloat (e.distances.precision, ==, 1);
  g_assert_cmpfloat (e.distances.recall, ==, 0);
  options.n_samples = 20;
  e = evaluate (model, scratch, options);
  g_assert_cmpuint (e.n_reference, ==, 12);
  g_assert_false (e.has_others);
  g_assert_cmpfloat (e.others.nearest, ==, 0);
  options.max_pictures = 4;
  e = evaluate (model, scratch, options);
  g_assert_cmpuint (e.n_reference, ==, 4);
}

/* The model's recommendation, unless something else is asked for. */
static void
test_sampler (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (DdpmModel) model = new_model (1, 0);
  DdpmEvaluateOptions options = { .skip_bound = TRUE, .n_samples = 3 };
  DdpmEvaluation recommended, own;

  model->notes.recommended_sampler = g_strdup ("heun");
  model->notes.recommended_steps = 4;
  write_pictures (scratch, 3, 1);
  recommended = evaluate (model, scratch, options);
  g_assert_cmpint (recommended.sampler, ==, DDPM_SAMPLER_HEUN);
  g_assert_cmpuint (recommended.sampler_steps, ==, 4);
  options.sampler_steps = 2;
  own = evaluate (model, scratch, options);
  g_assert_cmpint (own.sampler, ==, DDPM_SAMPLER_HEUN);
  g_assert_cmpuint (own.sampler_steps, ==, 2);
  g_assert_cmpfloat (own.distances.nearest, !=, recommended.distances.nearest);
  options.own_sampler = TRUE;
  options.sampler = DDPM_SAMPLER_DDPM;
  own = evaluate (model, scratch, options);
  g_assert_cmpint (own.sampler, ==, DDPM_SAMPLER_DDPM);
  g_assert_cmpuint (own.sampler_steps, ==, 2);
  options.seed = 1;
  recommended = evaluate (model, scratch, options);
  g_assert_cmpfloat (own.distances.nearest, !=, recommended.distances.nearest);
}

/* Moves the row of the class table that belongs to a label. */
static void
change_row (DdpmModel *model, guint row)
{
  const DdpmParam *table = ddpm_unet_find_param (model->unet, "class_embedding.weight");

  for (guint i = 0; i < table->shape[1]; i++)
    model->weights[table->offset + row * table->shape[1] + i] += 3;
}

/* Of 8 pictures, 2 are Bricks, 2 Wood and the others nothing that the model knows: so are the samples; none
 * is Gravel, of which there is no picture. */
static void
test_labels (void)
{
  enum
  {
    N_ROWS = 4
  };
  static const char *const expected[] = { "changes", "stays", "changes", "changes" };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (DdpmModel) model = new_model (1, N_ROWS);
  DdpmEvaluateOptions options = { .skip_bound = TRUE, .n_samples = 8, .sampler_steps = 3 };
  DdpmEvaluation before, after;

  model->notes.labels = g_strsplit ("Bricks,Gravel,Wood", ",", -1);
  write_pictures (scratch, 8, 1);
  for (guint row = 0; row < N_ROWS; row++)
    {
      before = evaluate (model, scratch, options);
      g_assert_cmpuint (before.n_labelled, ==, 4);
      change_row (model, row);
      after = evaluate (model, scratch, options);
      g_assert_cmpstr (after.distances.nearest == before.distances.nearest ? "stays" : "changes", ==,
                       expected[row]);
    }
  options.ignore_labels = TRUE;
  before = evaluate (model, scratch, options);
  for (guint row = 0; row < N_ROWS - 1; row++)
    change_row (model, row);
  after = evaluate (model, scratch, options);
  g_assert_cmpfloat (after.distances.nearest, ==, before.distances.nearest);
}

/* All measures at once, on one thread and on three. */
static void
test_threads (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (DdpmModel) model = new_variance_model (3, 0, DDPM_VARIANCE_LEARNED_RANGE);
  DdpmEvaluateOptions options = { .n_draws = 2,
                                  .flow_steps = 3,
                                  .reconstruct_steps = { 3 },
                                  .n_reconstructions = 1,
                                  .n_samples = 3,
                                  .sampler_steps = 3,
                                  .n_threads = 1 };
  DdpmEvaluation one, three;

  write_pictures (scratch, 9, 3);
  one = evaluate (model, scratch, options);
  options.n_threads = 3;
  three = evaluate (model, scratch, options);
  g_assert_cmpmem (&one, sizeof one, &three, sizeof three);
  g_assert_true (one.has_others);
  g_assert_cmpfloat (one.total_bits, >, 0);
  g_assert_cmpfloat (one.flow_bits, >, 0);
  g_assert_cmpfloat (one.reconstruction_rms[0], >, 0);
  g_assert_cmpfloat (one.distances.nearest, >, 0);
}

/* Counts what is told, and cancels after `left` times. */
typedef struct
{
  GCancellable *cancellable;
  guint left, told;
  guint64 step, total;
} Watch;

static void
watch (const DdpmProgress *progress, gpointer user_data)
{
  Watch *w = user_data;

  if (progress->phase != DDPM_PHASE_PREPARE)
    {
      w->told++;
      g_assert_cmpuint (progress->step, <=, progress->total);
      w->step = progress->step;
      w->total = progress->total;
      if (w->left > 0 && --w->left == 0)
        g_cancellable_cancel (w->cancellable);
    }
}

/* Progress of each measure goes from nothing to all; it can be cancelled anywhere. */
static void
test_progress (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (DdpmModel) model = new_model (1, 3);
  g_autoptr (GFile) pictures = scratch_file (scratch, "pictures");
  const DdpmEvaluateOptions measures[] = {
    { .pictures = pictures, .n_draws = 2 },
    { .pictures = pictures, .skip_bound = TRUE, .flow_steps = 3 },
    { .pictures = pictures, .skip_bound = TRUE, .reconstruct_steps = { 3, 2 }, .n_reconstructions = 2 },
    { .pictures = pictures, .skip_bound = TRUE, .n_samples = 4, .sampler_steps = 3 },
  };
  static const guint64 totals[] = { 12, 4 * 12, 4 * 2 * 5, 12 };

  model->notes.labels = g_strsplit ("Bricks,Wood", ",", -1);
  write_pictures (scratch, 4, 1);
  for (guint i = 0; i < G_N_ELEMENTS (measures); i++)
    for (guint left = 0; left < 3; left++)
      {
        g_autoptr (GCancellable) cancellable = g_cancellable_new ();
        g_autoptr (GError) error = NULL;
        Watch w = { cancellable, left, 0, 0, 0 };
        DdpmEvaluation evaluation;
        const gboolean done =
          ddpm_evaluate (model, &measures[i], watch, &w, cancellable, &evaluation, &error);

        if (left == 0)
          {
            g_assert_no_error (error);
            g_assert_true (done);
            g_assert_cmpuint (w.step, ==, totals[i]);
            g_assert_cmpuint (w.total, ==, totals[i]);
          }
        else if (w.told >= left)
          {
            g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
            g_assert_false (done);
          }
      }
}

static void
assert_fails (const DdpmModel *model, const char *scratch, DdpmEvaluateOptions options, int code,
              const char *part)
{
  g_autoptr (GFile) pictures = scratch_file (scratch, "pictures");
  g_autoptr (GError) error = NULL;
  DdpmEvaluation evaluation;

  options.pictures = pictures;
  options.skip_bound = TRUE;
  g_assert_false (ddpm_evaluate (model, &options, NULL, NULL, NULL, &evaluation, &error));
  g_assert_error (error, DDPM_ERROR, code);
  if (strstr (error->message, part) == NULL)
    g_error ("\"%s\" is not in \"%s\"", part, error->message);
}

/* What cannot be measured is told before the folder is looked at, which is not even there. */
static void
test_refusals (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (DdpmModel) model = new_model (1, 0);

  set_timesteps (model, 10);
  assert_fails (model, scratch, (DdpmEvaluateOptions) { .flow_steps = 11 }, DDPM_ERROR_USAGE, "--flow-steps");
  assert_fails (model, scratch,
                (DdpmEvaluateOptions) { .reconstruct_steps = { 3, 11 }, .n_reconstructions = 2 },
                DDPM_ERROR_USAGE, "--reconstruct");
  assert_fails (model, scratch, (DdpmEvaluateOptions) { .n_samples = 1, .sampler_steps = 11 },
                DDPM_ERROR_USAGE, "--steps");
  write_pictures (scratch, 3, 1);
  model->weights[5] = NAN;
  assert_fails (model, scratch, (DdpmEvaluateOptions) { .flow_steps = 2 }, DDPM_ERROR_NUMERIC, "finite");
  assert_fails (model, scratch, (DdpmEvaluateOptions) { .reconstruct_steps = { 3 }, .n_reconstructions = 1 },
                DDPM_ERROR_NUMERIC, "finite");
  assert_fails (model, scratch, (DdpmEvaluateOptions) { .n_samples = 1, .sampler_steps = 2 },
                DDPM_ERROR_NUMERIC, "");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/evaluate-samples/grey", test_grey);
  g_test_add_func ("/evaluate-samples/others", test_others);
  g_test_add_func ("/evaluate-samples/sampler", test_sampler);
  g_test_add_func ("/evaluate-samples/labels", test_labels);
  g_test_add_func ("/evaluate-samples/threads", test_threads);
  g_test_add_func ("/evaluate-samples/progress", test_progress);
  g_test_add_func ("/evaluate-samples/refusals", test_refusals);
  return g_test_run ();
}
