/* ddpm_evaluate on a folder: against closed forms for networks that say nothing, and for what must not matter
 * or must. */
#include "core/base/error.h"
#include "core/diffusion/likelihood.h"
#include "tests/unit/evaluate-common.h"

/* A network that takes every picture for grey: no term depends on the noise, and each is known. */
static void
test_closed_form (void)
{
  enum
  {
    T = 30,
    N_PICTURES = 5,
    N = SIZE * SIZE * 3
  };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (DdpmModel) model = new_variance_model (3, 0, DDPM_VARIANCE_LEARNED_RANGE);
  g_autoptr (DdpmSchedule) schedule = NULL;
  double simple = 0, prior = 0, between = 0, decoder = 0, total = 0, squares = 0, error_bits;
  double terms[T] = { 0 }, rate = 0;
  DdpmEvaluation evaluation;

  write_pictures (scratch, N_PICTURES, 3);
  set_timesteps (model, T);
  model->scheduler.prediction_type = DDPM_PREDICT_SAMPLE;
  silence (model, 0.5f);
  schedule = ddpm_schedule_new (&model->scheduler, NULL);
  for (guint p = 0; p < N_PICTURES; p++)
    {
      float x0[N];
      double nats;

      get_picture (p, x0, N);
      nats = ddpm_likelihood_get_prior (schedule, x0, N);
      prior += nats;
      for (guint i = 0; i < N; i++)
        {
          const double small = (double) schedule->betas[1] * (1 - (double) schedule->alpha_bar[0])
                               / (1 - (double) schedule->alpha_bar[1]);
          const double bit = ddpm_likelihood_decode (
            x0[i], 0, 0.25 * log (small) + 0.75 * log (schedule->betas[0]), NULL, NULL);

          simple += (double) x0[i] * x0[i];
          decoder += bit;
          nats += bit;
          for (guint t = 1; t < T; t++)
            {
              double coef_x0, coef_xt, variance, kl;

              ddpm_schedule_get_posterior (schedule, t, &coef_x0, &coef_xt, &variance);
              kl = ddpm_likelihood_get_kl (coef_x0 * x0[i], log (variance), 0,
                                           0.25 * log (variance) + 0.75 * log (schedule->betas[t]));
              between += kl;
              nats += kl;
              terms[t] += kl;
            }
        }
      total += nats;
      squares += nats * nats;
    }
  error_bits =
    sqrt ((squares - total * total / N_PICTURES) / (N_PICTURES * (N_PICTURES - 1.0))) / (N * G_LN2);

  evaluation = evaluate (model, scratch, (DdpmEvaluateOptions) { .n_draws = 0, .n_rates = 100 });
  g_assert_cmpuint (evaluation.n_pictures, ==, N_PICTURES);
  g_assert_cmpuint (evaluation.n_timesteps, ==, T);
  g_assert_cmpfloat_with_epsilon (evaluation.simple, simple / (N * N_PICTURES), 1e-6);
  for (guint i = 0; i < DDPM_EVALUATE_N_PARTS; i++)
    g_assert_cmpfloat_with_epsilon (evaluation.simple_of_part[i], simple / (N * N_PICTURES), 1e-6);
  g_assert_cmpfloat_with_epsilon (evaluation.prior_bits, prior / (N * N_PICTURES * G_LN2), 1e-9);
  g_assert_cmpfloat_with_epsilon (evaluation.between_bits / (between / (N * N_PICTURES * G_LN2)), 1, 1e-6);
  g_assert_cmpfloat_with_epsilon (evaluation.decoder_bits / (decoder / (N * N_PICTURES * G_LN2)), 1, 1e-6);
  g_assert_cmpfloat_with_epsilon (evaluation.standard_error_bits / error_bits, 1, 1e-4);
  /* every timestep is a point; x_0 is always taken for grey */
  g_assert_cmpuint (evaluation.n_rates, ==, T);
  rate = prior;
  for (guint i = 0; i < T; i++)
    {
      g_assert_cmpuint (evaluation.rates[i].t, ==, T - 1 - i);
      g_assert_cmpfloat_with_epsilon (evaluation.rates[i].bits * N * N_PICTURES * G_LN2 / rate, 1, 1e-6);
      g_assert_cmpfloat_with_epsilon (evaluation.rates[i].distortion,
                                      127.5 * sqrt (simple / (N * N_PICTURES)), 1e-4);
      rate += terms[T - 1 - i];
    }
}

/* x_0 is clipped where the model's samplers clip it. */
static void
test_clip (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (DdpmModel) model = new_model (1, 0);
  const DdpmEvaluateOptions options = { .n_draws = 3 };
  DdpmEvaluation clipped, free;

  write_pictures (scratch, 3, 1);
  set_timesteps (model, 10);
  clipped = evaluate (model, scratch, options);
  model->scheduler.clip_sample = FALSE;
  free = evaluate (model, scratch, options);
  g_assert_cmpfloat (clipped.simple, ==, free.simple);
  g_assert_cmpfloat (clipped.between_bits, <, 0.9 * free.between_bits);
}

static void
assert_same (const DdpmEvaluation *a, const DdpmEvaluation *b)
{
  g_assert_cmpmem (a, sizeof *a, b, sizeof *b);
}

static void
test_threads (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (DdpmModel) model = new_variance_model (3, 0, DDPM_VARIANCE_LEARNED_RANGE);
  DdpmEvaluateOptions options = { .n_draws = 7, .seed = 3, .n_threads = 1 };
  DdpmEvaluation one, two, other;

  write_pictures (scratch, 9, 3);
  set_timesteps (model, 50);
  one = evaluate (model, scratch, options);
  options.n_threads = 2;
  two = evaluate (model, scratch, options);
  assert_same (&one, &two);
  options.seed = 4;
  other = evaluate (model, scratch, options);
  g_assert_cmpfloat (one.total_bits, !=, other.total_bits);
  g_assert_cmpfloat (one.prior_bits, ==, other.prior_bits);
}

/* Some timesteps tell what all of them say, without bias; as many as there are, the same to the bit. */
static void
test_draws (void)
{
  enum
  {
    T = 20
  };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (DdpmModel) model = new_model (1, 0);
  DdpmEvaluation every, all, some;

  write_pictures (scratch, 150, 1);
  set_timesteps (model, T);
  every = evaluate (model, scratch, (DdpmEvaluateOptions) { .n_draws = 0 });
  all = evaluate (model, scratch, (DdpmEvaluateOptions) { .n_draws = 1000 });
  g_assert_cmpuint (all.n_draws, ==, T - 1);
  all.n_draws = 0;
  assert_same (&every, &all);
  for (guint n_draws = 1; n_draws < 8; n_draws += 3)
    {
      some = evaluate (model, scratch, (DdpmEvaluateOptions) { .n_draws = n_draws });
      g_assert_cmpfloat (some.between_bits, !=, every.between_bits);
      g_assert_cmpfloat (some.decoder_bits, ==, every.decoder_bits);
      g_assert_cmpfloat (fabs (some.total_bits - every.total_bits), <, 3 * some.standard_error_bits);
      g_assert_cmpfloat (some.standard_error_bits, <, 0.3 * every.total_bits);
      g_assert_cmpfloat_with_epsilon (some.simple / every.simple, 1, 0.1);
    }
}

/* A label is the row of its folder, and counts unless it is to be ignored. */
static void
test_labels (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (DdpmModel) model = new_model (3, 3);
  const DdpmParam *table = ddpm_unet_find_param (model->unet, "class_embedding.weight");
  DdpmEvaluateOptions options = { .n_draws = 2 };
  DdpmEvaluation labelled, ignored, changed;

  model->notes.labels = g_strsplit ("Bricks,Wood", ",", -1);
  write_pictures (scratch, 10, 3);
  labelled = evaluate (model, scratch, options);
  g_assert_cmpuint (labelled.n_labelled, ==, 5); /* 1, 5, 9 and 2, 6 */
  options.ignore_labels = TRUE;
  ignored = evaluate (model, scratch, options);
  g_assert_cmpuint (ignored.n_labelled, ==, 0);
  g_assert_cmpfloat (labelled.simple, !=, ignored.simple);
  for (guint i = 0; i < table->shape[1]; i++) /* of Wood */
    model->weights[table->offset + table->shape[1] + i] += 1;
  changed = evaluate (model, scratch, options);
  assert_same (&ignored, &changed);
  options.ignore_labels = FALSE;
  changed = evaluate (model, scratch, options);
  g_assert_cmpfloat (labelled.simple, !=, changed.simple);
}

/* Fewer pictures, evenly from all; and only those that a training holds out. */
static void
test_choice (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (DdpmModel) model = new_model (1, 0);
  DdpmEvaluation some, held_out, both;

  write_pictures (scratch, 40, 1);
  some = evaluate (model, scratch, (DdpmEvaluateOptions) { .n_draws = 1, .max_pictures = 7 });
  g_assert_cmpuint (some.n_pictures, ==, 7);
  held_out = evaluate (model, scratch, (DdpmEvaluateOptions) { .n_draws = 1, .held_out = 4 });
  g_assert_cmpuint (held_out.n_pictures, >, 2);
  g_assert_cmpuint (held_out.n_pictures, <, 20);
  both = evaluate (model, scratch, (DdpmEvaluateOptions) { .n_draws = 1, .held_out = 4, .max_pictures = 1 });
  g_assert_cmpuint (both.n_pictures, ==, 1);
  g_assert_true (isnan (both.standard_error_bits));
  both = evaluate (model, scratch, (DdpmEvaluateOptions) { .n_draws = 1, .width = 4, .height = 6 });
  g_assert_cmpuint (both.width, ==, 4);
  g_assert_cmpuint (both.height, ==, 6);
}

static void
assert_fails (const DdpmModel *model, const char *scratch, DdpmEvaluateOptions options, GQuark domain,
              int code, const char *part)
{
  g_autoptr (GFile) pictures = scratch_file (scratch, "pictures");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  DdpmEvaluation evaluation;

  if (domain == G_IO_ERROR)
    g_cancellable_cancel (cancellable);
  options.pictures = pictures;
  g_assert_false (ddpm_evaluate (model, &options, NULL, NULL, cancellable, &evaluation, &error));
  g_assert_error (error, domain, code);
  if (strstr (error->message, part) == NULL)
    g_error ("\"%s\" is not in \"%s\"", part, error->message);
}

static void
test_refusals (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (DdpmModel) model = new_model (1, 0), two = new_model (2, 0), straight = new_model (4, 0);
  DdpmEvaluateOptions options = { .n_draws = 1 };

  assert_fails (model, scratch, options, DDPM_ERROR, DDPM_ERROR_FILE, "pictures");
  write_pictures (scratch, 2, 1);
  assert_fails (two, scratch, options, DDPM_ERROR, DDPM_ERROR_UNSUPPORTED, "2 channels");
  assert_fails (straight, scratch, options, DDPM_ERROR, DDPM_ERROR_UNSUPPORTED, "alpha");
  assert_fails (model, scratch, options, G_IO_ERROR, G_IO_ERROR_CANCELLED, "");
  options.held_out = 1000000;
  assert_fails (model, scratch, options, DDPM_ERROR, DDPM_ERROR_USAGE, "--held-out");
  options = (DdpmEvaluateOptions) { .n_draws = 1, .width = 7, .height = 8 };
  assert_fails (model, scratch, options, DDPM_ERROR, DDPM_ERROR_USAGE, "7x8");
  options = (DdpmEvaluateOptions) { .n_draws = 1 };
  model->weights[5] = NAN;
  assert_fails (model, scratch, options, DDPM_ERROR, DDPM_ERROR_NUMERIC, "finite");
  model->scheduler.rescale_betas_zero_snr = TRUE;
  assert_fails (model, scratch, options, DDPM_ERROR, DDPM_ERROR_USAGE, "pure noise");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/evaluate-job/closed-form", test_closed_form);
  g_test_add_func ("/evaluate-job/clip", test_clip);
  g_test_add_func ("/evaluate-job/threads", test_threads);
  g_test_add_func ("/evaluate-job/draws", test_draws);
  g_test_add_func ("/evaluate-job/labels", test_labels);
  g_test_add_func ("/evaluate-job/choice", test_choice);
  g_test_add_func ("/evaluate-job/refusals", test_refusals);
  return g_test_run ();
}
