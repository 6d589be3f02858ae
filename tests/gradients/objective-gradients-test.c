/* The gradient of every loss, for every prediction and variance that goes with it, against central
 * differences of the loss: with respect to the network's output value by value, and through a tiny network
 * with respect to its weights. */
#include <math.h>
#include <string.h>

#include "core/base/rng.h"
#include "core/diffusion/objective.h"
#include "core/nn/unet.h"
#include "tests/at-level.h"
#include "tests/schedule-common.h"

enum
{
  N = 12
};

static void
fill_normal (guint32 stream, float *values, gsize n)
{
  ddpm_rng_normal ((DdpmRngKey) { .seed = 11, .purpose = DDPM_RNG_LATENT, .index = stream }, values, n);
}

/* A picture of the 256 values, its noise, and what the network should say. */
typedef struct
{
  float x0[N], x_t[N], target[N], output[2 * N];
} Picture;

static void
make_picture (Picture *picture, const DdpmObjective *objective, guint t)
{
  float noise[N];

  for (guint i = 0; i < N; i++) /* both ends among them */
    picture->x0[i] = (float) (2 * MIN (24 * i, 255) / 255.0 - 1);
  fill_normal (1, noise, N);
  ddpm_schedule_add_noise (objective->schedule, t, picture->x0, noise, picture->x_t, N);
  ddpm_objective_get_target (objective, t, picture->x0, picture->x_t, noise, picture->target, N);
  /* near to it, and so far off that a bin is in the decoder's tail */
  fill_normal (2, picture->output, 2 * N);
  for (guint i = 0; i < N; i++)
    picture->output[i] = picture->target[i] + (i % 2 ? 0.3f : 0.005f) * picture->output[i];
}

static double
measure (const DdpmObjective *objective, guint t, const Picture *picture, guint place, float value)
{
  float output[2 * N];

  memcpy (output, picture->output, sizeof output);
  output[place] = value;
  return ddpm_objective_compare (objective, t, picture->x0, picture->x_t, picture->target, N, 1, output);
}

/* The mean's gradient of the hybrid loss is that of its simple part: the bound is not to move it. */
static DdpmObjective
get_measured (const DdpmObjective *objective, guint place)
{
  DdpmObjective measured = *objective;

  if (objective->loss == DDPM_LOSS_HYBRID && place < N)
    measured.loss = DDPM_LOSS_SIMPLE;
  return measured;
}

static void
check_objective (const DdpmObjective *objective, guint t)
{
  const gsize n_outputs = ddpm_objective_get_n_outputs (objective, N);
  const double scale = 0.37;
  const float step = 2e-4f;
  Picture picture;
  float gradient[2 * N], twice[2 * N];

  make_picture (&picture, objective, t);
  memcpy (gradient, picture.output, sizeof gradient);
  ddpm_objective_compare (objective, t, picture.x0, picture.x_t, picture.target, N, scale, gradient);
  memcpy (twice, picture.output, sizeof twice);
  ddpm_objective_compare (objective, t, picture.x0, picture.x_t, picture.target, N, 2 * scale, twice);
  for (guint i = 0; i < n_outputs; i++)
    {
      const DdpmObjective measured = get_measured (objective, i);
      const float above = picture.output[i] + step, below = picture.output[i] - step;
      const double slope =
        scale * (measure (&measured, t, &picture, i, above) - measure (&measured, t, &picture, i, below))
        / ((double) above - below);

      if (!(fabs (slope - gradient[i]) <= 2e-3 * (fabs (slope) + 1e-3)))
        g_error ("--predict %u --loss %s --variance %u, timestep %u, value %u: slope %.6g, but the gradient "
                 "says %.6g",
                 objective->prediction, ddpm_loss_names[objective->loss], objective->variance, t, i, slope,
                 gradient[i]);
      g_assert_cmpfloat_with_epsilon (twice[i], 2 * gradient[i], 1e-6 * fabs (twice[i]));
    }
}

static void
test_objectives (void)
{
  static const DdpmVariance variances[] = { DDPM_VARIANCE_FIXED_SMALL, DDPM_VARIANCE_FIXED_LARGE,
                                            DDPM_VARIANCE_LEARNED_RANGE };
  static const guint timesteps[] = { 0, 1, 2, 400, 999 };
  g_autoptr (DdpmSchedule) schedule = new_schedule (1000, 1e-4, 0.02);
  guint n_checked = 0;

  for (guint prediction = DDPM_PREDICT_EPSILON; prediction <= DDPM_PREDICT_MU; prediction++)
    for (guint v = 0; v < G_N_ELEMENTS (variances); v++)
      for (guint loss = DDPM_LOSS_SIMPLE; loss <= DDPM_LOSS_MIN_SNR; loss++)
        {
          const DdpmObjective objective = { schedule, prediction, variances[v], loss };

          if (!ddpm_objective_check (&objective, NULL))
            continue;
          n_checked++;
          for (guint i = 0; i < G_N_ELEMENTS (timesteps); i++)
            check_objective (&objective, timesteps[i]);
        }
  g_assert_cmpuint (n_checked, ==, 4 * (3 + 3 + 2));
}

enum
{
  SIDE = 8,
  CHANNELS = 3,
  BATCH = 3,
  N_PICTURE = CHANNELS * SIDE * SIDE
};

typedef struct
{
  DdpmObjective objective;
  DdpmUnet *unet;
  DdpmUnetPass *pass;
  DdpmTeam *team;
  float x0[BATCH * N_PICTURE], x_t[BATCH * N_PICTURE], target[BATCH * N_PICTURE];
  float timesteps[BATCH];
  float output[BATCH * 2 * N_PICTURE];
} Network;

static void
network_init (Network *f, const DdpmSchedule *schedule, DdpmPrediction prediction, DdpmVariance variance,
              const float *weights, guint n_threads)
{
  const DdpmPassOptions options = { BATCH, SIDE, SIDE, DDPM_PASS_TRAINING };
  DdpmUnetConfig config;
  g_autoptr (GError) error = NULL;
  float noise[BATCH * N_PICTURE];

  memset (f, 0, sizeof *f);
  f->objective = (DdpmObjective) { schedule, prediction, variance, DDPM_LOSS_VLB };
  ddpm_unet_config_init (&config);
  config.in_channels = CHANNELS;
  config.out_channels = ddpm_variance_get_out_channels (variance, CHANNELS);
  config.n_levels = 1;
  config.block_out_channels[0] = 8;
  config.down_block_types[0] = config.up_block_types[0] = DDPM_BLOCK_PLAIN;
  config.layers_per_block = 1;
  config.norm_num_groups = 4;
  config.add_attention = FALSE;
  f->unet = ddpm_unet_new (&config, &error);
  g_assert_no_error (error);
  f->team = ddpm_team_new (n_threads);
  f->pass = ddpm_unet_pass_new (f->unet, f->team, &options, &error);
  g_assert_no_error (error);
  ddpm_unet_pass_set_weights (f->pass, weights);
  fill_normal (3, noise, G_N_ELEMENTS (noise));
  for (guint b = 0; b < BATCH; b++)
    {
      const guint at = b * N_PICTURE, t = 4 * b; /* 0, where the decoder is, among them */

      f->timesteps[b] = (float) t;
      for (guint i = 0; i < N_PICTURE; i++)
        f->x0[at + i] = (float) (2 * ((i * 37 + b) % 256) / 255.0 - 1);
      ddpm_schedule_add_noise (schedule, t, f->x0 + at, noise + at, f->x_t + at, N_PICTURE);
      ddpm_objective_get_target (&f->objective, t, f->x0 + at, f->x_t + at, noise + at, f->target + at,
                                 N_PICTURE);
    }
}

static void
network_clear (Network *f)
{
  ddpm_unet_pass_free (f->pass);
  ddpm_unet_free (f->unet);
  ddpm_team_free (f->team);
}

/* The batch's loss; output becomes its gradient. */
static double
run_network (Network *f)
{
  const gsize n_outputs = ddpm_objective_get_n_outputs (&f->objective, N_PICTURE);
  double sum = 0;

  ddpm_unet_pass_forward (f->pass, f->x_t, f->timesteps, NULL, f->output);
  for (guint b = 0; b < BATCH; b++)
    sum += ddpm_objective_compare (&f->objective, (guint) f->timesteps[b], f->x0 + b * N_PICTURE,
                                   f->x_t + b * N_PICTURE, f->target + b * N_PICTURE, N_PICTURE,
                                   1.0 / (BATCH * N_PICTURE), f->output + b * n_outputs);
  return sum / (BATCH * N_PICTURE);
}

/* Each parameter is moved along a random direction. */
static void
check_network (DdpmPrediction prediction, DdpmVariance variance)
{
  g_autoptr (DdpmSchedule) schedule = new_schedule (10, 0.05, 0.4);
  g_autofree float *weights = g_new (float, 100000), *direction = g_new (float, 100000);
  g_autofree float *gradient = NULL, *again = NULL;
  const double step = 1e-2;
  const DdpmParam *params;
  Network f;
  guint n_params;
  gsize n;

  network_init (&f, schedule, prediction, variance, weights, 2);
  n = ddpm_unet_get_n_weights (f.unet);
  g_assert_cmpuint (n, <=, 100000);
  ddpm_unet_init_weights (f.unet, 3, weights);
  gradient = g_new0 (float, n);
  run_network (&f);
  ddpm_unet_pass_backward (f.pass, f.output, gradient, NULL);
  params = ddpm_unet_get_params (f.unet, &n_params);
  for (guint p = 0; p < n_params; p++)
    {
      float *values = weights + params[p].offset;
      g_autofree float *saved = g_memdup2 (values, params[p].n_values * sizeof (float));
      double expected = 0, norm = 0, slope = 0;

      fill_normal (10 + p, direction, params[p].n_values);
      for (int side = 1; side >= -1; side -= 2)
        {
          for (gsize i = 0; i < params[p].n_values; i++)
            values[i] = saved[i] + (float) (side * step / sqrt (params[p].n_values)) * direction[i];
          slope += side * run_network (&f) * sqrt (params[p].n_values) / (2 * step);
        }
      memcpy (values, saved, params[p].n_values * sizeof (float));
      for (gsize i = 0; i < params[p].n_values; i++)
        {
          expected += (double) direction[i] * gradient[params[p].offset + i];
          norm += (double) gradient[params[p].offset + i] * gradient[params[p].offset + i];
        }
      if (!(fabs (slope - expected) <= 0.01 * sqrt (norm) + 2e-3))
        g_error ("%s: slope %.6g, but the gradient says %.6g (norm %.4g)", params[p].name, slope, expected,
                 sqrt (norm));
    }
  network_clear (&f);

  /* to the bit on one thread */
  network_init (&f, schedule, prediction, variance, weights, 1);
  again = g_new0 (float, n);
  run_network (&f);
  ddpm_unet_pass_backward (f.pass, f.output, again, NULL);
  g_assert_cmpmem (again, n * sizeof (float), gradient, n * sizeof (float));
  network_clear (&f);
}

static void
test_networks (void)
{
  for (guint prediction = DDPM_PREDICT_EPSILON; prediction <= DDPM_PREDICT_MU; prediction++)
    check_network (prediction, DDPM_VARIANCE_LEARNED_RANGE);
  check_network (DDPM_PREDICT_EPSILON, DDPM_VARIANCE_FIXED_LARGE);
}

int
main (int argc, char **argv)
{
  if (skip_level ())
    return 0;
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/objective-gradients/objectives", test_objectives);
  g_test_add_func ("/objective-gradients/networks", test_networks);
  return g_test_run ();
}
