/* All that moves x other than a sampler's steps: its start, noise, jumps back, inversion; and dynamic
 * thresholds. */
#include "tests/unit/gaussian.h"

#include <string.h>

#include "core/base/error.h"
#include "core/base/rng.h"

#define N 8

static const Gaussian data = { 0.2, 0.5 };

static DdpmSampler *
new_sampler (DdpmSamplerKind kind, guint n_steps, const DdpmSchedulerConfig *config)
{
  g_autoptr (GError) error = NULL;
  DdpmSampler *sampler =
    ddpm_sampler_new (&(DdpmSamplerOptions) { .kind = kind, .n_steps = n_steps }, config, &error);

  g_assert_no_error (error);
  return sampler;
}

static void
config_init (DdpmSchedulerConfig *config)
{
  ddpm_scheduler_config_init (config);
  config->clip_sample = FALSE;
}

static void
draw (guint purpose, float *values, gsize n)
{
  ddpm_rng_normal ((DdpmRngKey) { .seed = 7, .purpose = purpose }, values, n);
}

/* From x[N] before `first` to the picture. */
static void
sample (const DdpmSampler *sampler, DdpmPrediction type, guint first, float *x)
{
  g_autofree float *state = g_new (float, (ddpm_sampler_get_n_states (sampler) + 1) * N);
  float output[N];
  guint n_steps;

  ddpm_sampler_get_timesteps (sampler, &n_steps);
  for (guint step = first; step < n_steps; step++)
    {
      const DdpmSamplerPiece piece = { .n = N, .output = output, .x = x, .state = state, .plane_size = N };

      gaussian_predict (&data, sampler, type, step, x, output, N);
      ddpm_sampler_step (sampler, step, step - first, &piece);
    }
}

/* From the picture x[N] to the latent before `first`, in two pieces, as two threads would. */
static void
invert (const DdpmSampler *sampler, DdpmPrediction type, guint first, guint rounds, float *x)
{
  float state[DDPM_SAMPLER_N_INVERSION_STATES * N], output[N];
  guint n_steps, n_past = 0;
  const gsize half = N / 2;

  ddpm_sampler_get_timesteps (sampler, &n_steps);
  for (guint step = n_steps; step-- > first;)
    if (ddpm_sampler_can_begin (sampler, step))
      {
        for (gsize at = 0; at < N; at += half)
          ddpm_sampler_invert_begin (sampler, step, n_past, x + at, state + at, N, half);
        for (guint round = 0; round < rounds; round++)
          {
            gaussian_predict (&data, sampler, type, step, x, output, N);
            for (gsize at = 0; at < N; at += half)
              ddpm_sampler_invert_step (sampler, step, n_past, output + at, x + at, state + at, N, half);
          }
        n_past++;
      }
}

/* How far a picture comes back from its latent, at most. */
static double
get_error (DdpmSamplerKind kind, guint n_steps, guint rounds, double part, DdpmPrediction type)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (DdpmSampler) sampler = NULL;
  g_autoptr (GError) error = NULL;
  const guint first = (guint) (part * n_steps);
  float picture[N], x[N];
  double largest = 0;

  config_init (&config);
  config.prediction_type = type;
  config.sigmas = DDPM_SIGMAS_KARRAS; /* down to next to nothing, whatever the number of steps */
  sampler = new_sampler (kind, n_steps, &config);
  g_assert_true (ddpm_sampler_check_inversion (sampler, first, &error));
  draw (DDPM_RNG_LATENT, picture, N);
  memcpy (x, picture, sizeof x);
  invert (sampler, type, first, rounds, x);
  sample (sampler, type, first, x);
  for (guint i = 0; i < N; i++)
    largest = MAX (largest, fabs (x[i] - picture[i]));
  return largest;
}

/* The error falls as sampler.h says, and is nothing after many rounds. */
static void
test_ddim_inversion (void)
{
  static const DdpmPrediction types[] = { DDPM_PREDICT_EPSILON, DDPM_PREDICT_SAMPLE, DDPM_PREDICT_V };

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      const double coarse = get_error (DDPM_SAMPLER_DDIM, 50, 1, 0, types[i]);
      const double fine = get_error (DDPM_SAMPLER_DDIM, 200, 1, 0, types[i]);

      g_test_message ("type %u: %g, %g; order %.2f", types[i], coarse, fine, log2 (coarse / fine) / 2);
      g_assert_cmpfloat (log2 (coarse / fine) / 2, >, 1.5);
      g_assert_cmpfloat (get_error (DDPM_SAMPLER_DDIM, 50, 30, 0, types[i]), <, 1e-4);
      g_assert_cmpfloat (get_error (DDPM_SAMPLER_DDIM, 50, 30, 0.5, types[i]), <, 1e-4);
    }
}

/* The others' latents lead back with order 2, also those of samplers in halves or with a warm-up. */
static void
test_other_inversions (void)
{
  static const DdpmSamplerKind kinds[] = { DDPM_SAMPLER_PNDM,     DDPM_SAMPLER_LMS,  DDPM_SAMPLER_EULER,
                                           DDPM_SAMPLER_DPMPP_2M, DDPM_SAMPLER_HEUN, DDPM_SAMPLER_UNIPC };

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      const double coarse = get_error (kinds[i], 50, 1, 0, DDPM_PREDICT_EPSILON);
      const double fine = get_error (kinds[i], 200, 1, 0, DDPM_PREDICT_EPSILON);

      g_test_message ("%s: %g, %g; order %.2f", ddpm_sampler_kind_get_name (kinds[i]), coarse, fine,
                      log2 (coarse / fine) / 2);
      g_assert_cmpfloat (log2 (coarse / fine) / 2, >, 1.5);
      g_assert_cmpfloat (fine, <, 0.01);
    }
}

static void
test_no_inversion (void)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (DdpmSampler) ddpm = NULL, zero_snr = NULL;
  g_autoptr (GError) random = NULL, noise = NULL;

  config_init (&config);
  ddpm = new_sampler (DDPM_SAMPLER_DDPM, 10, &config);
  g_assert_false (ddpm_sampler_check_inversion (ddpm, 0, &random));
  g_assert_error (random, DDPM_ERROR, DDPM_ERROR_USAGE);
  g_assert_nonnull (strstr (random->message, "random"));

  config.rescale_betas_zero_snr = TRUE;
  config.timestep_spacing = DDPM_SPACING_TRAILING;
  config.prediction_type = DDPM_PREDICT_V;
  zero_snr = new_sampler (DDPM_SAMPLER_DDIM, 10, &config);
  g_assert_false (ddpm_sampler_check_inversion (zero_snr, 0, &noise));
  g_assert_error (noise, DDPM_ERROR, DDPM_ERROR_USAGE);
  g_assert_nonnull (strstr (noise->message, "999"));
  g_assert_true (ddpm_sampler_check_inversion (zero_snr, 1, NULL));
}

/* Noise to a later step and a jump from there make what noise to the earlier step makes: the same picture's
 * part, and variances that add up. */
static void
test_jump_back (void)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (DdpmSampler) sampler = NULL;
  const float one = 1, zero = 0;

  config_init (&config);
  sampler = new_sampler (DDPM_SAMPLER_DDIM, 20, &config);
  for (guint from = 0; from <= 20; from++)
    for (guint to = 0; to <= from; to++)
      {
        float signal, old_noise, new_noise = 0;
        double expected_signal, expected_spread;

        ddpm_sampler_add_noise (sampler, from, &one, &zero, &signal, 1);
        ddpm_sampler_add_noise (sampler, from, &zero, &one, &old_noise, 1);
        ddpm_sampler_jump_back (sampler, from, to, &zero, &signal, 1);
        ddpm_sampler_jump_back (sampler, from, to, &zero, &old_noise, 1);
        ddpm_sampler_jump_back (sampler, from, to, &one, &new_noise, 1);
        ddpm_sampler_get_level (sampler, to, &expected_signal, &expected_spread);
        g_assert_cmpfloat_with_epsilon (signal, expected_signal, 1e-6);
        g_assert_cmpfloat_with_epsilon (hypot (old_noise, new_noise), expected_spread, 1e-6);
      }
}

static int
compare (gconstpointer a, gconstpointer b)
{
  const float x = *(const float *) a, y = *(const float *) b;

  return (x > y) - (x < y);
}

/* Against the sorted list. */
static void
test_threshold (void)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };
  float output[101], x[101] = { 0 }, scratch[101], sorted[101];

  config_init (&config);
  config.prediction_type = DDPM_PREDICT_SAMPLE;
  config.thresholding = TRUE;
  config.sample_max_value = 100;
  for (guint n = 1; n <= 101; n += 4)
    for (guint i = 0; i <= 8; i++)
      {
        g_autoptr (DdpmSampler) sampler = NULL;
        double position, expected;
        guint place;

        config.dynamic_thresholding_ratio = i / 8.0;
        sampler = new_sampler (DDPM_SAMPLER_DDIM, 5, &config);
        g_assert_true (ddpm_sampler_needs_threshold (sampler));
        draw (DDPM_RNG_LATENT, output, n);
        for (guint k = 0; k < n; k++)
          {
            output[k] = rintf (4 * output[k]); /* some are equal */
            sorted[k] = fabsf (output[k]);
          }
        qsort (sorted, n, sizeof (float), compare);
        position = config.dynamic_thresholding_ratio * (n - 1);
        place = (guint) position;
        expected = sorted[place];
        if (place + 1 < n)
          expected += (position - place) * (sorted[place + 1] - sorted[place]);
        g_assert_cmpfloat_with_epsilon (ddpm_sampler_get_threshold (sampler, 0, output, x, scratch, n),
                                        CLAMP (expected, 1, 100), 1e-5);
      }
  for (guint i = 0; i < 101; i++)
    output[i] = NAN;
  {
    g_autoptr (DdpmSampler) sampler = new_sampler (DDPM_SAMPLER_DDIM, 5, &config);

    ddpm_sampler_get_threshold (sampler, 0, output, x, scratch, 101); /* comes to an end */
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sampler-moves/ddim-inversion", test_ddim_inversion);
  g_test_add_func ("/sampler-moves/other-inversions", test_other_inversions);
  g_test_add_func ("/sampler-moves/no-inversion", test_no_inversion);
  g_test_add_func ("/sampler-moves/jump-back", test_jump_back);
  g_test_add_func ("/sampler-moves/threshold", test_threshold);
  return g_test_run ();
}
