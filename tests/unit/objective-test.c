/* Objectives: what is predicted, how it is weighed, and which of them make sense. (Gradients are the
 * gradients suite's business.) */
#include "core/diffusion/objective.h"

#include <math.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/rng.h"

enum
{
  N = 48
};

typedef struct
{
  DdpmSchedule *schedule;
  float x0[N], noise[N], x_t[N], target[N], output[2 * N];
} Fixture;

static void
set_up (Fixture *f, gboolean zero_snr)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (GError) error = NULL;

  ddpm_scheduler_config_init (&config);
  config.rescale_betas_zero_snr = zero_snr;
  f->schedule = ddpm_schedule_new (&config, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < N; i++)
    f->x0[i] = (float) (2 * (5 * i) / 255.0 - 1);
  ddpm_rng_normal ((DdpmRngKey) { .seed = 1, .purpose = DDPM_RNG_LATENT }, f->noise, N);
}

static void
tear_down (Fixture *f)
{
  ddpm_schedule_free (f->schedule);
}

/* target[N], and output[2 * N] of a network that is off by error[i] in its x_0 and says 0.2 of its variance.
 */
static void
say (Fixture *f, const DdpmObjective *objective, guint t, double error)
{
  const double signal = sqrt (f->schedule->alpha_bar[t]);
  const double spread = sqrt (1 - (double) f->schedule->alpha_bar[t]);
  double coef_x0, coef_xt, variance, slope;

  ddpm_schedule_get_posterior (f->schedule, t, &coef_x0, &coef_xt, &variance);
  ddpm_schedule_add_noise (f->schedule, t, f->x0, f->noise, f->x_t, N);
  ddpm_objective_get_target (objective, t, f->x0, f->x_t, f->noise, f->target, N);
  slope = objective->prediction == DDPM_PREDICT_EPSILON  ? -signal / spread
          : objective->prediction == DDPM_PREDICT_SAMPLE ? 1
          : objective->prediction == DDPM_PREDICT_V      ? -1 / spread
                                                         : coef_x0;
  for (guint i = 0; i < N; i++)
    {
      f->output[i] = (float) (f->target[i] + slope * error * cos (i));
      f->output[N + i] = 0.2f;
    }
}

static double
compare (Fixture *f, const DdpmObjective *objective, guint t)
{
  return ddpm_objective_compare (objective, t, f->x0, f->x_t, f->target, N, 1, f->output);
}

/* The mean of x_(t-1) given x_t and x_0, as it comes out when x_(t-1) is drawn. */
static void
test_targets (void)
{
  Fixture f;
  DdpmObjective objective = { .prediction = DDPM_PREDICT_MU };
  const guint t = 400;
  double coef_x0, coef_xt, variance;

  set_up (&f, FALSE);
  objective.schedule = f.schedule;
  say (&f, &objective, t, 0);
  ddpm_schedule_get_posterior (f.schedule, t, &coef_x0, &coef_xt, &variance);
  for (guint i = 0; i < N; i++)
    {
      const double alpha = 1 - (double) f.schedule->betas[t], alpha_bar = f.schedule->alpha_bar[t];
      /* equation 11 */
      const double mean = (f.x_t[i] - (1 - alpha) / sqrt (1 - alpha_bar) * f.noise[i]) / sqrt (alpha);

      g_assert_cmpfloat_with_epsilon (f.target[i], mean, 1e-5);
    }
  objective.prediction = DDPM_PREDICT_EPSILON;
  say (&f, &objective, t, 0);
  g_assert_cmpmem (f.target, sizeof f.target, f.noise, sizeof f.noise);
  objective.prediction = DDPM_PREDICT_SAMPLE;
  say (&f, &objective, t, 0);
  g_assert_cmpmem (f.target, sizeof f.target, f.x0, sizeof f.x0);
  objective.prediction = DDPM_PREDICT_V;
  say (&f, &objective, t, 0);
  for (guint i = 0; i < N; i++)
    g_assert_cmpfloat_with_epsilon (
      f.target[i],
      sqrt (f.schedule->alpha_bar[t]) * f.noise[i] - sqrt (1 - f.schedule->alpha_bar[t]) * f.x0[i], 1e-6);
  tear_down (&f);
}

/* Whatever is predicted: an error of x_0 counts min (SNR, 5) times its square. */
static void
test_min_snr (void)
{
  Fixture f;

  set_up (&f, FALSE);
  for (guint prediction = DDPM_PREDICT_EPSILON; prediction <= DDPM_PREDICT_MU; prediction++)
    for (guint t = 0; t < 1000; t += 111)
      {
        const DdpmObjective objective = { f.schedule, prediction, DDPM_VARIANCE_FIXED_SMALL,
                                          DDPM_LOSS_MIN_SNR };
        const double snr = ddpm_schedule_get_snr (f.schedule, t);
        double squares = 0;

        for (guint i = 0; i < N; i++)
          squares += pow (0.5 * cos (i), 2);
        say (&f, &objective, t, 0.5);
        g_assert_cmpfloat_with_epsilon (compare (&f, &objective, t) / (MIN (snr, 5) * squares), 1, 2e-3);
      }
  tear_down (&f);

  /* and nothing is divided by a ratio of 0 */
  set_up (&f, TRUE);
  for (guint prediction = DDPM_PREDICT_EPSILON; prediction <= DDPM_PREDICT_MU; prediction++)
    {
      const DdpmObjective objective = { f.schedule, prediction, DDPM_VARIANCE_FIXED_SMALL,
                                        DDPM_LOSS_MIN_SNR };

      g_assert_cmpfloat (ddpm_objective_get_weight (&objective, 999), ==,
                         prediction == DDPM_PREDICT_EPSILON ? 1 : 0);
    }
  tear_down (&f);
}

static void
test_simple (void)
{
  Fixture f;
  const guint t = 300;

  set_up (&f, FALSE);
  for (guint prediction = DDPM_PREDICT_EPSILON; prediction <= DDPM_PREDICT_MU; prediction++)
    {
      const DdpmObjective objective = { f.schedule, prediction, DDPM_VARIANCE_FIXED_LARGE, DDPM_LOSS_SIMPLE };
      double squares = 0;

      say (&f, &objective, t, 0.3);
      for (guint i = 0; i < N; i++)
        squares += pow ((double) f.output[i] - f.target[i], 2);
      g_assert_cmpfloat_with_epsilon (compare (&f, &objective, t), squares, 1e-6 * squares);
      f.output[3] = NAN;
      g_assert_true (isnan (compare (&f, &objective, t)));
    }
  tear_down (&f);
}

/* Equation 12: with a fixed variance the bound is the squares of epsilon's errors, weighted. */
static void
test_vlb (void)
{
  Fixture f;
  const guint t = 300;

  set_up (&f, FALSE);
  const DdpmObjective objective = { f.schedule, DDPM_PREDICT_EPSILON, DDPM_VARIANCE_FIXED_LARGE,
                                    DDPM_LOSS_VLB };
  const double beta = f.schedule->betas[t], alpha_bar = f.schedule->alpha_bar[t];
  double coef_x0, coef_xt, variance, squares = 0, constant;

  ddpm_schedule_get_posterior (f.schedule, t, &coef_x0, &coef_xt, &variance);
  constant = N * 0.5 * (log (beta / variance) - 1 + variance / beta);
  say (&f, &objective, t, 0.3);
  for (guint i = 0; i < N; i++)
    squares += pow ((double) f.output[i] - f.target[i], 2);
  g_assert_cmpfloat_with_epsilon (
    compare (&f, &objective, t) * G_LN2 / 1000
      / (constant + beta * beta / (2 * beta * (1 - beta) * (1 - alpha_bar)) * squares),
    1, 1e-4);
  tear_down (&f);
}

/* The mean follows the simple loss alone, and the variance a thousandth of the bound. */
static void
test_hybrid (void)
{
  Fixture f;
  const guint t = 300;
  float hybrid[2 * N], simple[N], bound[2 * N];
  double losses[3];

  set_up (&f, FALSE);
  DdpmObjective objective = { f.schedule, DDPM_PREDICT_V, DDPM_VARIANCE_LEARNED_RANGE, DDPM_LOSS_HYBRID };
  say (&f, &objective, t, 0.3);
  losses[0] = compare (&f, &objective, t);
  memcpy (hybrid, f.output, sizeof hybrid);
  objective.loss = DDPM_LOSS_VLB;
  say (&f, &objective, t, 0.3);
  losses[1] = compare (&f, &objective, t);
  memcpy (bound, f.output, sizeof bound);
  objective.loss = DDPM_LOSS_SIMPLE;
  objective.variance = DDPM_VARIANCE_FIXED_SMALL;
  say (&f, &objective, t, 0.3);
  losses[2] = compare (&f, &objective, t);
  memcpy (simple, f.output, sizeof simple);
  g_assert_cmpfloat_with_epsilon (losses[0], losses[2] + 0.001 * losses[1], 1e-6 * losses[0]);
  g_assert_cmpmem (hybrid, sizeof simple, simple, sizeof simple);
  for (guint i = N; i < 2 * N; i++)
    g_assert_cmpfloat_with_epsilon (hybrid[i], 0.001 * bound[i], 1e-6 * fabs (hybrid[i]));
  tear_down (&f);
}

static void
test_checks (void)
{
  static const gboolean fits[2][4] = { { TRUE, TRUE, FALSE, TRUE }, { FALSE, TRUE, TRUE, FALSE } };
  Fixture f, zero;

  set_up (&f, FALSE);
  set_up (&zero, TRUE);
  for (guint learned = 0; learned < 2; learned++)
    for (guint loss = DDPM_LOSS_SIMPLE; loss <= DDPM_LOSS_MIN_SNR; loss++)
      {
        g_autoptr (GError) error = NULL;
        const DdpmObjective objective = { f.schedule, DDPM_PREDICT_V,
                                          learned ? DDPM_VARIANCE_LEARNED_RANGE : DDPM_VARIANCE_FIXED_LARGE,
                                          loss };

        g_assert_cmpint (ddpm_objective_check (&objective, &error), ==, fits[learned][loss]);
        if (fits[learned][loss])
          continue;
        g_assert_error (error, DDPM_ERROR, DDPM_ERROR_USAGE);
        g_assert_nonnull (strstr (error->message, ddpm_loss_names[loss]));
      }
  for (guint variance = DDPM_VARIANCE_FIXED_SMALL; variance <= DDPM_VARIANCE_LEARNED_RANGE; variance++)
    {
      const DdpmObjective objective = { f.schedule, DDPM_PREDICT_EPSILON, variance,
                                        ddpm_objective_choose_loss (variance) };

      g_assert_cmpint (ddpm_objective_check (&objective, NULL), ==, variance != DDPM_VARIANCE_LEARNED);
      g_assert_cmpuint (ddpm_objective_get_n_outputs (&objective, N), ==,
                        variance >= DDPM_VARIANCE_LEARNED ? 2 * N : N);
    }
  {
    DdpmObjective objective = { zero.schedule, DDPM_PREDICT_EPSILON, DDPM_VARIANCE_FIXED_SMALL,
                                DDPM_LOSS_VLB };

    g_assert_false (ddpm_objective_check (&objective, NULL));
    objective.prediction = DDPM_PREDICT_V;
    g_assert_true (ddpm_objective_check (&objective, NULL));
  }
  tear_down (&f);
  tear_down (&zero);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/objective/targets", test_targets);
  g_test_add_func ("/objective/min-snr", test_min_snr);
  g_test_add_func ("/objective/simple", test_simple);
  g_test_add_func ("/objective/vlb", test_vlb);
  g_test_add_func ("/objective/hybrid", test_hybrid);
  g_test_add_func ("/objective/checks", test_checks);
  return g_test_run ();
}
