/* Likelihood by the probability flow, and reconstructions, of whole models: against closed forms for networks
 * that say nothing, which are exact ones for data that are known. */
#include "core/diffusion/flow-reconstruction.h"
#include "tests/unit/evaluate-common.h"

/* A network that says v = 0 takes all values for standard normal ones, at every level of noise: so the flow's
 * likelihood is that density. */
static void
test_standard_normal (void)
{
  enum
  {
    N_PICTURES = 17,
    N = SIZE * SIZE * 3
  };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (DdpmModel) model = new_variance_model (3, 0, DDPM_VARIANCE_LEARNED_RANGE);
  const DdpmEvaluateOptions options = { .skip_bound = TRUE, .flow_steps = 200, .seed = 3 };
  double sum = 0, squares = 0, variance, error_bits;
  g_autoptr (DdpmSchedule) schedule = NULL;
  DdpmEvaluation evaluation;

  write_pictures (scratch, N_PICTURES, 3);
  model->scheduler.prediction_type = DDPM_PREDICT_V;
  silence (model, 0.5f);
  schedule = ddpm_schedule_new (&model->scheduler, NULL);
  variance = 1 + 1 / ddpm_schedule_get_snr (schedule, 0);
  for (guint p = 0; p < N_PICTURES; p++)
    {
      float x0[N];
      double nats = 0, bits;

      get_picture (p, x0, N);
      for (guint i = 0; i < N; i++)
        nats += 0.5 * x0[i] * x0[i] / variance + 0.5 * log (2 * G_PI * variance);
      bits = nats / (N * G_LN2) + log2 (127.5);
      sum += bits;
      squares += bits * bits;
    }
  error_bits = sqrt ((squares - sum * sum / N_PICTURES) / (N_PICTURES * (N_PICTURES - 1.0)));
  evaluation = evaluate (model, scratch, options);
  g_test_message ("%g, exact %g; standard error %g, exact %g", evaluation.flow_bits, sum / N_PICTURES,
                  evaluation.flow_standard_error_bits, error_bits);
  g_assert_cmpfloat_with_epsilon (evaluation.flow_bits, sum / N_PICTURES, 2e-3);
  g_assert_cmpfloat_with_epsilon (evaluation.flow_standard_error_bits / error_bits, 1, 0.05);
  g_assert_cmpfloat (evaluation.total_bits, ==, 0);
}

/* A network that says x_0 = 0 takes all values for 0 with timestep 0's noise, next to which that of a byte's
 * width counts: its variance is 1 / 12 of the width's square. The flow there is straight, and the only error
 * that of the integral of 1 / sigma. */
static void
test_width_of_bytes (void)
{
  enum
  {
    N_PICTURES = 12,
    N_STEPS = 60
  };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (DdpmModel) model = new_model (3, 0);
  const DdpmEvaluateOptions options = { .skip_bound = TRUE, .flow_steps = N_STEPS };
  g_autoptr (DdpmSchedule) schedule = NULL;
  double least, most, last, square, nats, divergence = 0;
  DdpmEvaluation evaluation, other;

  write_plain_pictures (scratch, N_PICTURES, 3, 128);
  model->scheduler.prediction_type = DDPM_PREDICT_SAMPLE;
  silence (model, 0);
  schedule = ddpm_schedule_new (&model->scheduler, NULL);
  least = 1 / sqrt (ddpm_schedule_get_snr (schedule, 0));
  most = 1 / sqrt (ddpm_schedule_get_snr (schedule, 999));
  last = least;
  for (guint i = 1; i < N_STEPS; i++)
    {
      const double share = (double) i / (N_STEPS - 1);
      const double sigma = pow ((1 - share) * pow (least, 1 / 7.0) + share * pow (most, 1 / 7.0), 7);

      divergence += (sigma - last) * (1 / sigma + 1 / last) / 2;
      last = sigma;
    }
  square = 1 / (255.0 * 255) + 1 / (12 * 127.5 * 127.5);
  /* the latent is the value's place in the noise */
  nats = -divergence + 0.5 * square / (least * least) * most * most / (1 + most * most) + 0.5 * log (2 * G_PI)
         + 0.5 * log (1 + most * most);
  evaluation = evaluate (model, scratch, options);
  g_test_message ("%g, exact %g", evaluation.flow_bits, nats / G_LN2 + log2 (127.5));
  g_assert_cmpfloat_with_epsilon (evaluation.flow_bits, nats / G_LN2 + log2 (127.5), 0.012);
  other = evaluate (model, scratch, options);
  g_assert_cmpfloat (evaluation.flow_bits, ==, other.flow_bits);
  other =
    evaluate (model, scratch, (DdpmEvaluateOptions) { .skip_bound = TRUE, .flow_steps = N_STEPS, .seed = 1 });
  g_assert_cmpfloat (evaluation.flow_bits, !=, other.flow_bits);
}

/* With v = 0 epsilon is x times its noise: the way to the latent and back is a factor, which the formulas of
 * DDIM give. */
static double
get_factor (const DdpmSchedule *schedule, guint n_steps)
{
  const double last = schedule->n_timesteps - 1;
  double x = 1, epsilon = 0, now = 1;

  for (guint i = 0; i < n_steps; i++)
    {
      const double then = schedule->alpha_bar[(guint) rint (last * i / (n_steps - 1))];
      const double a = sqrt (now / then), b = sqrt (1 - now) - a * sqrt (1 - then);

      epsilon = sqrt (1 - then) * (x - b * epsilon) / a;
      x = (x - b * epsilon) / a;
      now = then;
    }
  for (guint i = n_steps; i-- > 0;)
    {
      const double then = i > 0 ? schedule->alpha_bar[(guint) rint (last * (i - 1) / (n_steps - 1))] : 1;

      x = sqrt (then) * sqrt (now) * x + sqrt (1 - then) * sqrt (1 - now) * x;
      now = then;
    }
  return x;
}

static void
test_reconstruction (void)
{
  enum
  {
    N_PICTURES = 5,
    N = SIZE * SIZE
  };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (DdpmModel) model = new_model (1, 0);
  const DdpmEvaluateOptions options = { .skip_bound = TRUE,
                                        .reconstruct_steps = { 3, 6, 30 },
                                        .n_reconstructions = 3 };
  g_autoptr (DdpmSchedule) schedule = NULL;
  DdpmEvaluation evaluation;

  write_pictures (scratch, N_PICTURES, 1);
  set_timesteps (model, 30);
  model->scheduler.prediction_type = DDPM_PREDICT_V;
  silence (model, 0);
  schedule = ddpm_schedule_new (&model->scheduler, NULL);
  evaluation = evaluate (model, scratch, options);
  for (guint i = 0; i < options.n_reconstructions; i++)
    {
      const double factor = get_factor (schedule, options.reconstruct_steps[i]);
      double squares = 0, median = 0;
      guint order[N_PICTURES] = { 0 };
      double singles[N_PICTURES] = { 0 };

      for (guint p = 0; p < N_PICTURES; p++)
        {
          float x0[N];

          get_picture (p, x0, N);
          for (guint k = 0; k < N; k++)
            singles[p] += pow (CLAMP (factor * x0[k], -1, 1) - x0[k], 2);
          squares += singles[p];
        }
      for (guint p = 0; p < N_PICTURES; p++)
        {
          for (guint q = 0; q < N_PICTURES; q++)
            order[p] += singles[q] < singles[p];
          if (order[p] == N_PICTURES / 2)
            median = 127.5 * sqrt (singles[p] / N);
        }
      g_test_message ("%u steps: factor %g, %g", options.reconstruct_steps[i], factor,
                      evaluation.reconstruction_rms[i]);
      g_assert_cmpfloat_with_epsilon (
        evaluation.reconstruction_rms[i] / (127.5 * sqrt (squares / (N_PICTURES * N))), 1, 1e-3);
      g_assert_cmpfloat_with_epsilon (evaluation.reconstruction_median[i] / median, 1, 1e-3);
    }
  g_assert_cmpfloat (evaluation.reconstruction_rms[3], ==, 0);
}

/* DdpmFlowFunc: what the whole network says of one picture. */
static gboolean
predict (const float *x, float t, float *output, gpointer user_data, GError **error)
{
  ddpm_unet_pass_forward (user_data, x, &t, NULL, output);
  return TRUE;
}

/* The network is told the timestep. */
static void
test_timesteps (void)
{
  enum
  {
    N_PICTURES = 3,
    N = SIZE * SIZE
  };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (DdpmModel) model = new_model (1, 0);
  const DdpmEvaluateOptions options = { .skip_bound = TRUE,
                                        .reconstruct_steps = { 5 },
                                        .n_reconstructions = 1 };
  g_autoptr (DdpmTeam) team = ddpm_team_new (1);
  const DdpmPassOptions pass_options = {
    .batch = 1, .height = SIZE, .width = SIZE, .mode = DDPM_PASS_INFERENCE
  };
  g_autoptr (DdpmUnetPass) pass = ddpm_unet_pass_new (model->unet, team, &pass_options, NULL);
  const DdpmFlowOptions flow = { &model->scheduler, 5, 1, N, predict, pass };
  double sum = 0;

  write_pictures (scratch, N_PICTURES, 1);
  g_assert_true (ddpm_model_pack_weights (model, pass, team, NULL));
  for (guint p = 0; p < N_PICTURES; p++)
    {
      float x0[N];
      double squares;

      get_picture (p, x0, N);
      g_assert_true (ddpm_flow_reconstruct (&flow, x0, &squares, NULL));
      sum += squares;
    }
  g_assert_cmpfloat_with_epsilon (evaluate (model, scratch, options).reconstruction_rms[0]
                                    / (127.5 * sqrt (sum / (N * N_PICTURES))),
                                  1, 1e-4);
}

/* What comes of a picture does not depend on the others that the network sees with it, but for rounding: 17
 * pictures go in two batches, 8 and 9 of them in one each. */
static void
test_batches (void)
{
  enum
  {
    N = 17
  };
  static const guint ends[][2] = { { 0, N }, { 0, 8 }, { 8, N } };
  g_autoptr (DdpmModel) model = new_model (1, 0);
  const DdpmEvaluateOptions options = { .skip_bound = TRUE,
                                        .reconstruct_steps = { 4, 1 },
                                        .n_reconstructions = 2 };
  double squares[3][2];

  for (guint i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      g_autoptr (Scratch) scratch = scratch_new ();
      DdpmEvaluation evaluation;

      write_pictures (scratch, N, 1);
      for (guint p = 0; p < N; p++)
        {
          g_autofree char *name = get_picture_name (p);
          g_autoptr (GFile) file = scratch_file (scratch, name);

          if (p < ends[i][0] || p >= ends[i][1])
            g_assert_true (g_file_delete (file, NULL, NULL));
        }
      evaluation = evaluate (model, scratch, options);
      g_assert_cmpuint (evaluation.n_pictures, ==, ends[i][1] - ends[i][0]);
      for (guint k = 0; k < 2; k++)
        squares[i][k] =
          evaluation.reconstruction_rms[k] * evaluation.reconstruction_rms[k] * evaluation.n_pictures;
    }
  for (guint k = 0; k < 2; k++)
    g_assert_cmpfloat_with_epsilon ((squares[1][k] + squares[2][k]) / squares[0][k], 1, 1e-3);
  g_assert_cmpfloat (squares[0][0], !=, squares[0][1]);
}

/* A picture's label counts. */
static void
test_labels (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (DdpmModel) model = new_model (1, 3);
  DdpmEvaluateOptions options = {
    .skip_bound = TRUE, .flow_steps = 5, .reconstruct_steps = { 4 }, .n_reconstructions = 1
  };
  DdpmEvaluation labelled, ignored;

  model->notes.labels = g_strsplit ("Bricks,Wood", ",", -1);
  write_pictures (scratch, 6, 1);
  labelled = evaluate (model, scratch, options);
  options.ignore_labels = TRUE;
  ignored = evaluate (model, scratch, options);
  g_assert_cmpfloat (labelled.flow_bits, !=, ignored.flow_bits);
  g_assert_cmpfloat (labelled.reconstruction_rms[0], !=, ignored.reconstruction_rms[0]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/evaluate-flow/standard-normal", test_standard_normal);
  g_test_add_func ("/evaluate-flow/width-of-bytes", test_width_of_bytes);
  g_test_add_func ("/evaluate-flow/reconstruction", test_reconstruction);
  g_test_add_func ("/evaluate-flow/timesteps", test_timesteps);
  g_test_add_func ("/evaluate-flow/batches", test_batches);
  g_test_add_func ("/evaluate-flow/labels", test_labels);
  return g_test_run ();
}
