/* Samplers: lists of timesteps, the laws of DDPM and DDIM on a network that knows the data, and bad options.
 * (Trajectories recorded with diffusers are the golden suite's business.) */
#include "core/diffusion/sampler.h"

#include <math.h>
#include <string.h>

#include "core/base/error.h"
#include "core/base/rng.h"

enum
{
  N = 24
};

static DdpmSampler *
new_sampler (const DdpmSamplerOptions *options, const DdpmSchedulerConfig *config)
{
  g_autoptr (GError) error = NULL;
  DdpmSampler *sampler = ddpm_sampler_new (options, config, &error);

  g_assert_no_error (error);
  return sampler;
}

static void
test_names (void)
{
  const char *const *names = ddpm_sampler_get_names ();
  DdpmSamplerKind kind;

  g_assert_cmpuint (g_strv_length ((char **) names), ==, DDPM_SAMPLER_N_KINDS);
  for (guint i = 0; names[i] != NULL; i++)
    {
      g_assert_true (ddpm_sampler_kind_from_name (names[i], &kind));
      g_assert_cmpuint (kind, ==, i);
      g_assert_cmpstr (ddpm_sampler_kind_get_name (kind), ==, names[i]);
      g_assert_cmpuint (strlen (ddpm_sampler_kind_get_description (kind)), >, 20);
    }
  g_assert_false (ddpm_sampler_kind_from_name ("DDIM", &kind));
  g_assert_false (ddpm_sampler_kind_from_name (NULL, &kind));
}

/* A model is sampled as its scheduler would, or the one nearest to it. */
static void
test_classes (void)
{
  static const struct
  {
    const char *class_name;
    DdpmSamplerKind kind;
  } cases[] = {
    { "DDPMScheduler", DDPM_SAMPLER_DDPM },
    { "DDIMScheduler", DDPM_SAMPLER_DDIM },
    { "PNDMScheduler", DDPM_SAMPLER_PNDM },
    { "LMSDiscreteScheduler", DDPM_SAMPLER_LMS },
    { "EulerDiscreteScheduler", DDPM_SAMPLER_EULER },
    { "EulerAncestralDiscreteScheduler", DDPM_SAMPLER_EULER_ANCESTRAL },
    { "HeunDiscreteScheduler", DDPM_SAMPLER_HEUN },
    { "DPMSolverMultistepScheduler", DDPM_SAMPLER_DPMPP_2M },
    { "UniPCMultistepScheduler", DDPM_SAMPLER_UNIPC },
    { "KDPM2DiscreteScheduler", DDPM_SAMPLER_HEUN },
    { "KDPM2AncestralDiscreteScheduler", DDPM_SAMPLER_EULER_ANCESTRAL },
    { "DPMSolverSinglestepScheduler", DDPM_SAMPLER_DPMPP_2M },
    { "DPMSolverSDEScheduler", DDPM_SAMPLER_DPMPP_2M_SDE },
    { "SomeScheduler", DDPM_SAMPLER_DDIM },
  };
  g_auto (DdpmSchedulerConfig) config = { 0 };

  ddpm_scheduler_config_init (&config);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_free (config.class_name);
      config.class_name = g_strdup (cases[i].class_name);
      g_assert_cmpint (ddpm_sampler_kind_of_config (&config), ==, cases[i].kind);
    }
  g_free (config.class_name);
  config.class_name = g_strdup ("DPMSolverMultistepScheduler");
  config.algorithm = DDPM_ALGORITHM_SDE_DPMSOLVERPP;
  g_assert_cmpint (ddpm_sampler_kind_of_config (&config), ==, DDPM_SAMPLER_DPMPP_2M_SDE);
  config.algorithm = DDPM_ALGORITHM_DEIS;
  g_assert_cmpint (ddpm_sampler_kind_of_config (&config), ==, DDPM_SAMPLER_DPMPP_2M);
}

static void
assert_timesteps (DdpmSpacing spacing, guint offset, guint n_steps, const guint *expected)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (DdpmSampler) sampler = NULL;
  const float *timesteps;
  guint n;

  ddpm_scheduler_config_init (&config);
  config.timestep_spacing = spacing;
  config.steps_offset = offset;
  sampler = new_sampler (&(DdpmSamplerOptions) { .kind = DDPM_SAMPLER_DDIM, .n_steps = n_steps }, &config);
  timesteps = ddpm_sampler_get_timesteps (sampler, &n);
  g_assert_cmpuint (n, ==, n_steps);
  for (guint i = 0; i < n; i++)
    g_assert_cmpfloat (timesteps[i], ==, expected[i]);
}

static void
test_spacing (void)
{
  assert_timesteps (DDPM_SPACING_LEADING, 0, 4, (guint[]) { 750, 500, 250, 0 });
  assert_timesteps (DDPM_SPACING_LEADING, 1, 4, (guint[]) { 751, 501, 251, 1 });
  assert_timesteps (DDPM_SPACING_LEADING, 0, 3, (guint[]) { 666, 333, 0 });
  assert_timesteps (DDPM_SPACING_TRAILING, 0, 4, (guint[]) { 999, 749, 499, 249 });
  assert_timesteps (DDPM_SPACING_LINSPACE, 0, 4, (guint[]) { 999, 666, 333, 0 });
  assert_timesteps (DDPM_SPACING_LINSPACE, 0, 1, (guint[]) { 0 });
}

/* For every number of steps and spacing: as many as asked for, strictly descending, within the table. */
static void
test_spacing_all (void)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };

  ddpm_scheduler_config_init (&config);
  for (guint spacing = DDPM_SPACING_LEADING; spacing <= DDPM_SPACING_LINSPACE; spacing++)
    for (guint n_steps = 1; n_steps <= 1000; n_steps++)
      {
        g_autoptr (DdpmSampler) sampler = NULL;
        const float *timesteps;
        guint n;

        config.timestep_spacing = spacing;
        sampler =
          new_sampler (&(DdpmSamplerOptions) { .kind = DDPM_SAMPLER_DDPM, .n_steps = n_steps }, &config);
        timesteps = ddpm_sampler_get_timesteps (sampler, &n);
        g_assert_cmpuint (n, ==, n_steps);
        g_assert_cmpfloat (timesteps[0], <, 1000);
        for (guint i = 1; i < n; i++)
          g_assert_cmpfloat (timesteps[i], <, timesteps[i - 1]);
      }
}

static void
test_find_step (void)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (DdpmSampler) sampler = NULL;
  const guint timesteps[] = { 900, 500, 20 };

  ddpm_scheduler_config_init (&config);
  sampler = new_sampler (&(DdpmSamplerOptions) { .timesteps = timesteps, .n_timesteps = 3 }, &config);
  g_assert_cmpuint (ddpm_sampler_find_step (sampler, 999), ==, 0);
  g_assert_cmpuint (ddpm_sampler_find_step (sampler, 900), ==, 0);
  g_assert_cmpuint (ddpm_sampler_find_step (sampler, 899), ==, 1);
  g_assert_cmpuint (ddpm_sampler_find_step (sampler, 20), ==, 2);
  g_assert_cmpuint (ddpm_sampler_find_step (sampler, 19), ==, 3);
}

static void
take_step (const DdpmSampler *sampler, guint step, const float *output, const float *variance,
           const float *noise, float *x, float *x0, gsize n)
{
  const DdpmSamplerPiece piece = {
    .n = n, .output = output, .variance = variance, .noise = noise, .x = x, .x0 = x0
  };

  ddpm_sampler_step (sampler, step, 0, &piece);
}

/* What a network would say that knows x0[n] exactly. */
static void
predict (const DdpmSampler *sampler, DdpmPrediction type, guint t, const float *x0, const float *x,
         float *output)
{
  double mu_x0, mu_x_t, variance;
  const double alpha_bar = ddpm_sampler_get_schedule (sampler)->alpha_bar[t];
  const double signal = sqrt (alpha_bar), spread = sqrt (1 - alpha_bar);

  ddpm_schedule_get_posterior (ddpm_sampler_get_schedule (sampler), t, &mu_x0, &mu_x_t, &variance);
  for (guint i = 0; i < N; i++)
    {
      const double epsilon = (x[i] - signal * x0[i]) / spread;

      output[i] = (float) (type == DDPM_PREDICT_EPSILON  ? epsilon
                           : type == DDPM_PREDICT_SAMPLE ? x0[i]
                           : type == DDPM_PREDICT_V      ? signal * epsilon - spread * x0[i]
                                                         : mu_x0 * x0[i] + mu_x_t * x[i]);
    }
}

/* x[N] from pure noise, with such a network. */
static void
run_sampler (DdpmSampler *sampler, DdpmPrediction type, const float *x0, float *x)
{
  float output[N], noise[N], estimate[N], said[N];
  guint n_steps;
  const float *timesteps = ddpm_sampler_get_timesteps (sampler, &n_steps);

  ddpm_rng_normal ((DdpmRngKey) { .seed = 3, .purpose = DDPM_RNG_LATENT }, x, N);
  for (guint i = 0; i < N; i++)
    said[i] = 0.01f;
  for (guint step = 0; step < n_steps; step++)
    {
      predict (sampler, type, (guint) timesteps[step], x0, x, output);
      ddpm_rng_normal ((DdpmRngKey) { .seed = 3, .purpose = DDPM_RNG_STEP, .step = step }, noise, N);
      take_step (sampler, step, output, said, noise, x, estimate, N);
      for (guint i = 0; i < N; i++)
        /* far from the picture there is next to nothing of it in mu, and floats hold few digits of that */
        g_assert_cmpfloat_with_epsilon (estimate[i], x0[i], type == DDPM_PREDICT_MU ? 0.1 : 2e-2);
    }
}

/* Whatever the sampler, prediction and variance, knowing x0 leads to x0. */
static void
test_exact_network (void)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };
  float x0[N], x[N];

  ddpm_scheduler_config_init (&config);
  for (guint i = 0; i < N; i++)
    x0[i] = sinf ((float) i);
  for (guint kind = DDPM_SAMPLER_DDPM; kind <= DDPM_SAMPLER_DDIM; kind++)
    for (guint type = DDPM_PREDICT_EPSILON; type <= DDPM_PREDICT_MU; type++)
      for (guint variance = DDPM_VARIANCE_FIXED_SMALL; variance <= DDPM_VARIANCE_LEARNED_RANGE; variance++)
        for (guint eta = 0; eta < 2; eta++)
          {
            g_autoptr (DdpmSampler) sampler = NULL;

            config.prediction_type = type;
            config.variance_type = variance;
            sampler =
              new_sampler (&(DdpmSamplerOptions) { .kind = kind, .n_steps = 25, .eta = eta }, &config);
            run_sampler (sampler, type, x0, x);
            for (guint i = 0; i < N; i++)
              g_assert_cmpfloat_with_epsilon (x[i], x0[i], 1e-3);
          }
}

/* What is asked for is what a config of the sampler's own class would say. */
static void
test_choices (void)
{
  static const char *const class_names[] = { "DDPM",
                                             "DDIM",
                                             "PNDM",
                                             "LMSDiscrete",
                                             "EulerDiscrete",
                                             "EulerAncestralDiscrete",
                                             "HeunDiscrete",
                                             "DPMSolverMultistep",
                                             "DPMSolverMultistep",
                                             "UniPCMultistep" };
  G_STATIC_ASSERT (G_N_ELEMENTS (class_names) == DDPM_SAMPLER_N_KINDS);

  for (guint kind = 0; kind < DDPM_SAMPLER_N_KINDS; kind++)
    for (guint spacing = DDPM_SPACING_LEADING; spacing <= DDPM_SPACING_LINSPACE; spacing++)
      for (guint sigmas = DDPM_SIGMAS_OF_TIMESTEPS; sigmas <= DDPM_SIGMAS_EXPONENTIAL; sigmas++)
        {
          const gboolean is_plain = sigmas == DDPM_SIGMAS_OF_TIMESTEPS;
          const gboolean has_sigmas = kind > DDPM_SAMPLER_PNDM, is_shifted = kind >= DDPM_SAMPLER_DPMPP_2M;
          const DdpmSamplerOptions own_options = { .kind = kind, .n_steps = 7 };
          DdpmSamplerOptions options = own_options;
          g_auto (DdpmSchedulerConfig) config = { 0 }, own_config = { 0 };
          g_autoptr (DdpmSampler) sampler = NULL, own = NULL;
          const float *timesteps, *own_timesteps;
          guint n, n_own;

          if (!is_plain && (!has_sigmas || (is_shifted && spacing != DDPM_SPACING_LINSPACE)))
            continue;
          options.spacing = !is_plain && is_shifted ? 0 : 1 + spacing;
          options.sigmas = 1 + sigmas;
          ddpm_scheduler_config_init (&config);
          ddpm_scheduler_config_copy (&own_config, &config);
          g_free (own_config.class_name);
          own_config.class_name = g_strconcat (class_names[kind], "Scheduler", NULL);
          own_config.timestep_spacing = spacing;
          own_config.sigmas = sigmas;
          sampler = new_sampler (&options, &config);
          own = new_sampler (&own_options, &own_config);
          timesteps = ddpm_sampler_get_timesteps (sampler, &n);
          own_timesteps = ddpm_sampler_get_timesteps (own, &n_own);
          if (kind != DDPM_SAMPLER_PNDM) /* which warms up otherwise where the config is not its own */
            g_assert_cmpmem (timesteps, n * sizeof *timesteps, own_timesteps, n_own * sizeof *own_timesteps);
          else
            g_assert_cmpfloat (timesteps[0], ==, own_timesteps[0]);
        }
}

/* eta 1 is ancestral sampling: DDIM then takes the same step as DDPM with the small variance where strides
 * agree. */
static void
test_ddim_is_ddpm (void)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (DdpmSampler) ddpm = NULL, ddim = NULL;
  float output[N], noise[N], a[N], b[N];

  ddpm_scheduler_config_init (&config);
  config.clip_sample = FALSE;
  ddpm = new_sampler (&(DdpmSamplerOptions) { .kind = DDPM_SAMPLER_DDPM, .n_steps = 10 }, &config);
  ddim = new_sampler (&(DdpmSamplerOptions) { .kind = DDPM_SAMPLER_DDIM, .n_steps = 10, .eta = 1 }, &config);
  for (guint step = 0; step < 10; step++)
    {
      ddpm_rng_normal ((DdpmRngKey) { .seed = 4, .purpose = DDPM_RNG_LATENT, .step = step }, a, N);
      ddpm_rng_normal ((DdpmRngKey) { .seed = 5, .purpose = DDPM_RNG_LATENT, .step = step }, output, N);
      ddpm_rng_normal ((DdpmRngKey) { .seed = 6, .purpose = DDPM_RNG_LATENT, .step = step }, noise, N);
      for (guint i = 0; i < N; i++)
        b[i] = a[i];
      take_step (ddpm, step, output, NULL, noise, a, NULL, N);
      take_step (ddim, step, output, NULL, noise, b, NULL, N);
      for (guint i = 0; i < N; i++)
        g_assert_cmpfloat_with_epsilon (a[i], b[i], 2e-3);
    }
}

/* A variance in a range goes from the small one to the large one; one that is said itself is taken. */
static void
test_learned_variance (void)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };
  static const DdpmVariance fixed[] = { DDPM_VARIANCE_FIXED_SMALL, DDPM_VARIANCE_FIXED_LARGE };
  const DdpmSamplerOptions options = { .kind = DDPM_SAMPLER_DDPM, .n_steps = 10 };
  float output[N], noise[N], said[N], start[N], a[N], b[N];

  ddpm_scheduler_config_init (&config);
  ddpm_rng_normal ((DdpmRngKey) { .seed = 4, .purpose = DDPM_RNG_LATENT }, start, N);
  ddpm_rng_normal ((DdpmRngKey) { .seed = 5, .purpose = DDPM_RNG_LATENT }, output, N);
  ddpm_rng_normal ((DdpmRngKey) { .seed = 6, .purpose = DDPM_RNG_LATENT }, noise, N);
  for (guint end = 0; end < 2; end++)
    {
      g_autoptr (DdpmSampler) plain = NULL, range = NULL, direct = NULL;

      config.variance_type = fixed[end];
      plain = new_sampler (&options, &config);
      config.variance_type = DDPM_VARIANCE_LEARNED_RANGE;
      range = new_sampler (&options, &config);
      config.variance_type = DDPM_VARIANCE_LEARNED;
      direct = new_sampler (&options, &config);
      for (guint step = 0; step < 10; step++)
        {
          memcpy (a, start, sizeof a);
          memcpy (b, start, sizeof b);
          for (guint i = 0; i < N; i++)
            said[i] = end == 0 ? -1 : 1;
          take_step (plain, step, output, NULL, noise, a, NULL, N);
          take_step (range, step, output, said, noise, b, NULL, N);
          for (guint i = 0; i < N; i++)
            g_assert_cmpfloat_with_epsilon (a[i], b[i], 1e-5);

          /* the difference that noise makes is its standard deviation */
          for (guint i = 0; i < N; i++)
            said[i] = 0.09f;
          memcpy (a, start, sizeof a);
          memcpy (b, start, sizeof b);
          take_step (direct, step, output, said, noise, a, NULL, N);
          for (guint i = 0; i < N; i++)
            noise[i] += 1;
          take_step (direct, step, output, said, noise, b, NULL, N);
          for (guint i = 0; i < N; i++)
            {
              g_assert_cmpfloat_with_epsilon (b[i] - a[i], step < 9 ? 0.3 : 0, 1e-5);
              noise[i] -= 1;
            }
        }
    }
}

/* An untrained network that predicts mu makes bad pictures, but pictures. */
static void
test_bad_mu (void)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };
  float output[N], noise[N], x[N];

  ddpm_scheduler_config_init (&config);
  config.prediction_type = DDPM_PREDICT_MU;
  for (guint kind = DDPM_SAMPLER_DDPM; kind <= DDPM_SAMPLER_DDIM; kind++)
    {
      g_autoptr (DdpmSampler) sampler =
        new_sampler (&(DdpmSamplerOptions) { .kind = kind, .n_steps = 50 }, &config);

      ddpm_rng_normal ((DdpmRngKey) { .seed = 4, .purpose = DDPM_RNG_LATENT }, x, N);
      for (guint step = 0; step < 50; step++)
        {
          ddpm_rng_normal ((DdpmRngKey) { .seed = 5, .purpose = DDPM_RNG_LATENT, .step = step }, output, N);
          ddpm_rng_normal ((DdpmRngKey) { .seed = 6, .purpose = DDPM_RNG_LATENT, .step = step }, noise, N);
          take_step (sampler, step, output, NULL, noise, x, NULL, N);
        }
      for (guint i = 0; i < N; i++)
        g_assert_cmpfloat (fabsf (x[i]), <=, 1);
    }
}

static void
test_clip (void)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (DdpmSampler) sampler = NULL;
  const float output[] = { 5, -5, 0.25f, NAN };
  float x[] = { 0, 0, 0, 0 }, x0[4];

  ddpm_scheduler_config_init (&config);
  config.prediction_type = DDPM_PREDICT_SAMPLE;
  config.clip_sample_range = 0.5;
  sampler = new_sampler (&(DdpmSamplerOptions) { .kind = DDPM_SAMPLER_DDIM, .n_steps = 5 }, &config);
  take_step (sampler, 0, output, NULL, NULL, x, x0, 4);
  g_assert_cmpfloat (x0[0], ==, 0.5f);
  g_assert_cmpfloat (x0[1], ==, -0.5f);
  g_assert_cmpfloat (x0[2], ==, 0.25f);
  g_assert_true (isnan (x0[3]));
}

static void
test_needs_noise (void)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };
  g_autoptr (DdpmSampler) ddpm = NULL, custom = NULL, ddim = NULL, ddim_eta = NULL;
  const guint timesteps[] = { 300, 7 };

  ddpm_scheduler_config_init (&config);
  ddpm = new_sampler (&(DdpmSamplerOptions) { .kind = DDPM_SAMPLER_DDPM, .n_steps = 4 }, &config);
  custom = new_sampler (
    &(DdpmSamplerOptions) { .kind = DDPM_SAMPLER_DDPM, .timesteps = timesteps, .n_timesteps = 2 }, &config);
  ddim = new_sampler (&(DdpmSamplerOptions) { .kind = DDPM_SAMPLER_DDIM, .n_steps = 4 }, &config);
  ddim_eta =
    new_sampler (&(DdpmSamplerOptions) { .kind = DDPM_SAMPLER_DDIM, .n_steps = 4, .eta = 0.1 }, &config);
  g_assert_true (ddpm_sampler_step_needs_noise (ddpm, 2));
  g_assert_false (ddpm_sampler_step_needs_noise (ddpm, 3));
  g_assert_true (ddpm_sampler_step_needs_noise (custom, 1));
  g_assert_false (ddpm_sampler_step_needs_noise (ddim, 0));
  g_assert_true (ddpm_sampler_step_needs_noise (ddim_eta, 3));
}

static void
assert_refused (DdpmSamplerOptions options, const DdpmSchedulerConfig *config, int code, const char *word)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (ddpm_sampler_new (&options, config, &error));
  g_assert_error (error, DDPM_ERROR, code);
  g_assert_nonnull (strstr (error->message, word));
}

static void
test_bad_options (void)
{
  g_auto (DdpmSchedulerConfig) config = { 0 };
  const guint equal[] = { 7, 7 }, beyond[] = { 1000 };

  ddpm_scheduler_config_init (&config);
  assert_refused ((DdpmSamplerOptions) { .n_steps = 0 }, &config, DDPM_ERROR_USAGE, "number of steps");
  assert_refused ((DdpmSamplerOptions) { .n_steps = 1001 }, &config, DDPM_ERROR_USAGE, "1 to 1000");
  assert_refused ((DdpmSamplerOptions) { .n_steps = 5, .eta = -0.1 }, &config, DDPM_ERROR_USAGE, "eta");
  assert_refused ((DdpmSamplerOptions) { .n_steps = 5, .eta = NAN }, &config, DDPM_ERROR_USAGE, "eta");
  assert_refused ((DdpmSamplerOptions) { .timesteps = equal, .n_timesteps = 2 }, &config, DDPM_ERROR_USAGE,
                  "descend");
  assert_refused ((DdpmSamplerOptions) { .timesteps = beyond, .n_timesteps = 1 }, &config, DDPM_ERROR_USAGE,
                  "999");
  assert_refused ((DdpmSamplerOptions) { .timesteps = beyond, .n_timesteps = 0 }, &config, DDPM_ERROR_USAGE,
                  "empty");
  assert_refused ((DdpmSamplerOptions) { .kind = DDPM_SAMPLER_DDIM, .n_steps = 5, .sigmas = 2 }, &config,
                  DDPM_ERROR_USAGE, "ddim knows the noise levels of timesteps only, not karras");
  assert_refused (
    (DdpmSamplerOptions) { .kind = DDPM_SAMPLER_UNIPC, .n_steps = 5, .sigmas = 3, .spacing = 2 }, &config,
    DDPM_ERROR_USAGE, "unipc has its timesteps from exponential noise levels, not by trailing spacing");

  config.steps_offset = 1;
  assert_refused ((DdpmSamplerOptions) { .n_steps = 1000 }, &config, DDPM_ERROR_USAGE, "steps_offset");
  config.steps_offset = G_MAXUINT;
  assert_refused ((DdpmSamplerOptions) { .n_steps = 1 }, &config, DDPM_ERROR_USAGE, "steps_offset");
  config.steps_offset = 0;
  config.clip_sample_range = 0;
  assert_refused ((DdpmSamplerOptions) { .n_steps = 5 }, &config, DDPM_ERROR_USAGE, "clip_sample_range");
  config.clip_sample_range = 1;
  config.thresholding = TRUE;
  config.dynamic_thresholding_ratio = 1.5;
  assert_refused ((DdpmSamplerOptions) { .n_steps = 5 }, &config, DDPM_ERROR_USAGE, "dynamic_thresholding");
  config.thresholding = FALSE;
  config.rescale_betas_zero_snr = TRUE;
  config.timestep_spacing = DDPM_SPACING_TRAILING;
  assert_refused ((DdpmSamplerOptions) { .n_steps = 5 }, &config, DDPM_ERROR_USAGE, "epsilon");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sampler/names", test_names);
  g_test_add_func ("/sampler/classes", test_classes);
  g_test_add_func ("/sampler/spacing", test_spacing);
  g_test_add_func ("/sampler/spacing-all", test_spacing_all);
  g_test_add_func ("/sampler/find-step", test_find_step);
  g_test_add_func ("/sampler/exact-network", test_exact_network);
  g_test_add_func ("/sampler/choices", test_choices);
  g_test_add_func ("/sampler/ddim-is-ddpm", test_ddim_is_ddpm);
  g_test_add_func ("/sampler/learned-variance", test_learned_variance);
  g_test_add_func ("/sampler/bad-mu", test_bad_mu);
  g_test_add_func ("/sampler/clip", test_clip);
  g_test_add_func ("/sampler/needs-noise", test_needs_noise);
  g_test_add_func ("/sampler/bad-options", test_bad_options);
  return g_test_run ();
}
