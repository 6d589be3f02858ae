/* The backward pass against central differences.
 *
 * The loss is the sum of output times a random upstream gradient (a plain sum of outputs would be blind to
 * group norms). Each parameter tensor by itself, and the input, is moved along a random direction: the
 * loss's slope has to be the dot product of direction and gradient. Tiny networks take turns in using every
 * kind of layer and option. */
#include <math.h>
#include <string.h>

#include "core/base/rng.h"
#include "core/nn/unet.h"
#include "tests/at-level.h"

#define BATCH 2
#define STEP 4e-3

typedef struct
{
  DdpmUnet *unet;
  DdpmTeam *team;
  DdpmPassOptions options;
  DdpmUnetPass *pass;
  guint size; /* pixels, both sides */
  gsize n_weights, n_in, n_out;
  float *weights, *x, *upstream, *output;
  float timesteps[BATCH];
  guint32 labels[BATCH];
  float *label_vectors; /* [BATCH][width of the time embedding] */
} Fixture;

static void
fill_normal (guint32 stream, float *values, gsize n)
{
  ddpm_rng_normal ((DdpmRngKey) { .seed = 11, .purpose = DDPM_RNG_LATENT, .index = stream }, values, n);
}

static float *
new_normal (guint32 stream, gsize n)
{
  float *values = g_new (float, n);

  fill_normal (stream, values, n);
  return values;
}

static void
make_pass (Fixture *f)
{
  g_autoptr (GError) error = NULL;

  f->pass = ddpm_unet_pass_new (f->unet, f->team, &f->options, &error);
  g_assert_no_error (error);
  ddpm_unet_pass_set_weights (f->pass, f->weights);
  ddpm_unet_pass_set_dropout_key (f->pass, 5, 9, 0);
  ddpm_unet_pass_set_label_vectors (f->pass, f->label_vectors);
}

static void
fixture_init (Fixture *f, const DdpmUnetConfig *config, guint size)
{
  g_autoptr (GError) error = NULL;
  const DdpmParam *params;
  guint n_params;

  *f = (Fixture) { .unet = ddpm_unet_new (config, &error), .team = ddpm_team_new (2), .size = size };
  g_assert_no_error (error);
  f->n_weights = ddpm_unet_get_n_weights (f->unet);
  f->n_in = BATCH * config->in_channels * size * size;
  f->n_out = BATCH * config->out_channels * size * size;
  f->weights = g_new0 (float, f->n_weights);
  ddpm_unet_init_weights (f->unet, 3, f->weights);
  /* norms begin as 1 and 0, where some mistakes do not show */
  params = ddpm_unet_get_params (f->unet, &n_params);
  for (guint p = 0; p < n_params; p++)
    if (params[p].n_dims == 1)
      for (gsize i = 0; i < params[p].n_values; i++)
        f->weights[params[p].offset + i] += 0.2f * sinf (1.0f + i + p);
  f->x = new_normal (1, f->n_in);
  f->upstream = new_normal (2, f->n_out);
  f->output = g_new (float, f->n_out);
  for (guint b = 0; b < BATCH; b++)
    {
      /* what a fourier embedding's network says is divided by them */
      f->timesteps[b] = config->time_embedding_type == DDPM_TIME_EMBEDDING_FOURIER ? 0.7 + b : 17 + 300 * b;
      f->labels[b] = 1 + b;
    }
  f->label_vectors =
    new_normal (4, BATCH * ddpm_unet_find_param (f->unet, "time_embedding.linear_2.bias")->shape[0]);
  f->options = (DdpmPassOptions) { BATCH, size, size, DDPM_PASS_TRAINING };
  make_pass (f);
}

static void
fixture_clear (Fixture *f)
{
  ddpm_unet_pass_free (f->pass);
  ddpm_unet_free (f->unet);
  ddpm_team_free (f->team);
  g_free (f->weights);
  g_free (f->x);
  g_free (f->upstream);
  g_free (f->output);
  g_free (f->label_vectors);
}

static void
run_forward (Fixture *f)
{
  ddpm_unet_pass_forward (f->pass, f->x, f->timesteps, f->labels, f->output);
}

static double
measure_loss (Fixture *f)
{
  double loss = 0;

  run_forward (f);
  for (gsize i = 0; i < f->n_out; i++)
    loss += (double) f->output[i] * f->upstream[i];
  return loss;
}

/* The slope along a direction whose entries are about 1 for values[n], and what gradient says it is. */
static void
check_slope (Fixture *f, const char *name, guint32 stream, float *values, gsize n, const float *gradient)
{
  g_autofree float *direction = new_normal (stream, n), *saved = g_memdup2 (values, n * sizeof (float));
  const double step = STEP / sqrt ((double) MAX (n / 16, 1));
  double expected = 0, norm = 0, slope;

  for (gsize i = 0; i < n; i++)
    {
      expected += (double) direction[i] * gradient[i];
      norm += (double) gradient[i] * gradient[i];
      values[i] = saved[i] + (float) (step * direction[i]);
    }
  slope = measure_loss (f);
  for (gsize i = 0; i < n; i++)
    values[i] = saved[i] - (float) (step * direction[i]);
  slope = (slope - measure_loss (f)) / (2 * step);
  memcpy (values, saved, n * sizeof (float));
  if (fabs (slope - expected) > 0.01 * sqrt (norm) + 4e-3)
    g_error ("%s: slope %.6g, but the gradient says %.6g (norm %.4g)", name, slope, expected, sqrt (norm));
}

typedef struct
{
  const float *grads;
  float *told;
  gsize n_told;
} Listener;

static void
listen (const DdpmParam *param, gpointer data)
{
  Listener *listener = data;

  memcpy (listener->told + param->offset, listener->grads + param->offset, param->n_values * sizeof (float));
  listener->n_told += param->n_values;
}

/* Each parameter is told of once, when its gradient is complete. */
static void
check_told (Fixture *f, const float *expected)
{
  g_autofree float *grads = g_new0 (float, f->n_weights), *told = g_new0 (float, f->n_weights);
  Listener listener = { grads, told };

  ddpm_unet_pass_set_gradient_func (f->pass, listen, &listener);
  run_forward (f);
  ddpm_unet_pass_backward (f->pass, f->upstream, grads, NULL);
  ddpm_unet_pass_set_gradient_func (f->pass, NULL, NULL);
  g_assert_cmpuint (listener.n_told, ==, f->n_weights);
  g_assert_cmpmem (told, f->n_weights * sizeof (float), expected, f->n_weights * sizeof (float));
}

/* Where values inside blocks are not kept but computed again, the gradients are the same to the bit, and the
 * memory is less. */
static void
check_recompute (Fixture *f, const float *grads, const float *grad_x)
{
  g_autofree float *again = g_new0 (float, f->n_weights), *again_x = g_new0 (float, f->n_in);
  g_autofree float *output = g_memdup2 (f->output, f->n_out * sizeof (float));
  const gsize kept_bytes = ddpm_unet_pass_get_bytes (f->pass);

  f->options.recompute = TRUE;
  ddpm_unet_pass_free (f->pass);
  make_pass (f);
  g_assert_cmpuint (ddpm_unet_pass_get_bytes (f->pass), <, kept_bytes);
  g_assert_cmpuint (ddpm_unet_predict_pass_bytes (f->unet, ddpm_team_get_n_threads (f->team), &f->options),
                    ==, ddpm_unet_pass_get_bytes (f->pass));
  for (guint i = 0; i < 2; i++)
    {
      memset (again, 0, f->n_weights * sizeof (float));
      run_forward (f);
      ddpm_unet_pass_backward (f->pass, f->upstream, again, again_x);
    }
  g_assert_cmpmem (f->output, f->n_out * sizeof (float), output, f->n_out * sizeof (float));
  g_assert_cmpmem (again, f->n_weights * sizeof (float), grads, f->n_weights * sizeof (float));
  g_assert_cmpmem (again_x, f->n_in * sizeof (float), grad_x, f->n_in * sizeof (float));
  check_told (f, grads);
}

/* Gradients do not depend on the number of threads, to the bit. */
static void
check_threads (Fixture *f, const float *expected)
{
  for (guint n_threads = 1; n_threads <= 3; n_threads++)
    {
      g_autofree float *grads = g_new0 (float, f->n_weights);

      ddpm_unet_pass_free (f->pass);
      ddpm_team_free (f->team);
      f->team = ddpm_team_new (n_threads);
      make_pass (f);
      run_forward (f);
      ddpm_unet_pass_backward (f->pass, f->upstream, grads, NULL);
      g_assert_cmpmem (grads, f->n_weights * sizeof (float), expected, f->n_weights * sizeof (float));
    }
}

static double
get_length (const float *values, gsize n)
{
  double sum = 0;

  for (gsize i = 0; i < n; i++)
    sum += (double) values[i] * values[i];
  return sqrt (sum);
}

static double
get_distance (const float *values, const float *expected, gsize n)
{
  double sum = 0;

  for (gsize i = 0; i < n; i++)
    sum += ((double) values[i] - expected[i]) * ((double) values[i] - expected[i]);
  return sqrt (sum);
}

/* Factors in bfloat16 have 8 bits, which is 0.2 % of each; Winograd's transforms make that 2 % of a sum, and
 * a value goes through a dozen of convolutions on its way there and back: 1 to 4 % of the whole gradient
 * here, up to 22 % of single parameters', which are sums that cancel. A wrong place or sign anywhere makes
 * more than half of its parameter's.
 */
#define MOST_ROUNDING 0.06
#define MOST_ROUNDING_OF_PARAM 0.3
#define LEAST_ROUNDING 1e-3 /* less would be f32 */

/* A key's bias is the same for all keys, and the softmax does not see it: its gradient is nothing but
 * rounding (of probabilities and their gradients to bfloat16), so many times smaller than the others. */
#define NEGLIGIBLE 5e-5

/* Threads and recomputation change nothing here either. */
static void
check_bf16 (Fixture *f, const float *expected, const float *expected_x)
{
  g_autofree float *grads = g_new0 (float, f->n_weights), *grad_x = g_new0 (float, f->n_in);
  const DdpmParam *params;
  guint n_params;
  double length;

  if (!ddpm_precision_check (DDPM_PRECISION_BF16, NULL))
    return;
  f->options.precision = DDPM_PRECISION_BF16;
  ddpm_unet_pass_free (f->pass);
  make_pass (f);
  run_forward (f);
  ddpm_unet_pass_backward (f->pass, f->upstream, grads, grad_x);
  length = get_length (expected, f->n_weights);
  g_assert_cmpfloat (get_distance (grads, expected, f->n_weights), <, MOST_ROUNDING * length);
  g_assert_cmpfloat (get_distance (grads, expected, f->n_weights), >, LEAST_ROUNDING * length);
  g_assert_cmpfloat (get_distance (grad_x, expected_x, f->n_in), <,
                     MOST_ROUNDING * get_length (expected_x, f->n_in));
  params = ddpm_unet_get_params (f->unet, &n_params);
  for (guint p = 0; p < n_params; p++)
    {
      const gsize offset = params[p].offset, n = params[p].n_values;
      const double distance = get_distance (grads + offset, expected + offset, n);

      if (distance > MOST_ROUNDING_OF_PARAM * get_length (expected + offset, n) + NEGLIGIBLE * length)
        g_error ("%s: in bf16 the gradient is %.3g away from %.3g", params[p].name, distance,
                 get_length (expected + offset, n));
    }
  check_threads (f, grads);
  check_recompute (f, grads, grad_x);
}

static void
check_config (const DdpmUnetConfig *config, guint size)
{
  Fixture f;
  g_autofree float *grads = NULL, *twice = NULL, *grad_x = NULL;
  const DdpmParam *params;
  guint n_params;

  fixture_init (&f, config, size);
  grads = g_new0 (float, f.n_weights);
  grad_x = g_new0 (float, f.n_in);
  run_forward (&f);
  ddpm_unet_pass_backward (f.pass, f.upstream, grads, grad_x);

  /* run again it adds, and without the input's gradient the others are the same */
  twice = g_memdup2 (grads, f.n_weights * sizeof (float));
  run_forward (&f);
  ddpm_unet_pass_backward (f.pass, f.upstream, twice, NULL);
  for (gsize i = 0; i < f.n_weights; i++)
    g_assert_cmpfloat_with_epsilon (twice[i], 2 * grads[i], 1e-4 * (1 + fabs (grads[i])));

  check_slope (&f, "input", 100, f.x, f.n_in, grad_x);
  params = ddpm_unet_get_params (f.unet, &n_params);
  for (guint p = 0; p < n_params; p++)
    if (config->time_embedding_type == DDPM_TIME_EMBEDDING_FOURIER
        && strcmp (params[p].name, "time_proj.weight") == 0)
      g_assert_cmpfloat (get_length (grads + params[p].offset, params[p].n_values), ==, 0);
    else
      check_slope (&f, params[p].name, 101 + p, f.weights + params[p].offset, params[p].n_values,
                   grads + params[p].offset);
  run_forward (&f);
  check_told (&f, grads);
  check_threads (&f, grads);
  check_recompute (&f, grads, grad_x);
  f.options.recompute = FALSE;
  check_bf16 (&f, grads, grad_x);
  fixture_clear (&f);
}

/* Two levels of 8 and 12 channels, one layer each, attention in the middle. */
static DdpmUnetConfig
make_config (void)
{
  DdpmUnetConfig config;

  ddpm_unet_config_init (&config);
  config.in_channels = 3;
  config.out_channels = 2;
  config.n_levels = 2;
  config.block_out_channels[0] = 8;
  config.block_out_channels[1] = 12;
  config.down_block_types[0] = config.down_block_types[1] = DDPM_BLOCK_PLAIN;
  config.up_block_types[0] = config.up_block_types[1] = DDPM_BLOCK_PLAIN;
  config.layers_per_block = 1;
  config.attention_head_dim = 4;
  config.norm_num_groups = 4;
  return config;
}

static void
test_plain (void)
{
  const DdpmUnetConfig config = make_config ();

  check_config (&config, 16); /* rows of whole vectors */
}

static void
test_attention_blocks (void)
{
  DdpmUnetConfig config = make_config ();

  config.down_block_types[0] = config.up_block_types[1] = DDPM_BLOCK_ATTENTION;
  config.attention_head_dim = 3; /* does not divide 8: to_q is not square */
  config.flip_sin_to_cos = FALSE;
  config.freq_shift = 1;
  check_config (&config, 12); /* queries in several blocks, the last one smaller */
}

static void
test_resnet_samplers (void)
{
  DdpmUnetConfig config = make_config ();

  config.down_block_types[0] = DDPM_BLOCK_RESNET_SAMPLE;
  config.up_block_types[0] = DDPM_BLOCK_RESNET_SAMPLE;
  config.mid_block_scale_factor = 1.5;
  config.attention_head_dim = 0;
  check_config (&config, 8);
}

static void
test_scale_shift (void)
{
  DdpmUnetConfig config = make_config ();

  config.scale_shift = TRUE; /* and so no norm in the middle attention */
  config.class_embed = DDPM_CLASS_EMBED_TABLE;
  config.num_class_embeds = 4;
  config.downsample_padding = 0;
  check_config (&config, 8);
}

/* Every way to tell the network the time, with every way to tell it a label. */
static void
test_embeddings (void)
{
  for (guint time = DDPM_TIME_EMBEDDING_POSITIONAL; time <= DDPM_TIME_EMBEDDING_LEARNED; time++)
    for (guint label = DDPM_CLASS_EMBED_NONE; label <= DDPM_CLASS_EMBED_IDENTITY; label++)
      {
        DdpmUnetConfig config = make_config ();

        config.n_levels = 1;
        config.add_attention = FALSE;
        config.time_embedding_type = time;
        config.num_train_timesteps = time == DDPM_TIME_EMBEDDING_LEARNED ? 320 : 0;
        config.time_embedding_dim = 12;
        config.class_embed = label;
        config.num_class_embeds = label == DDPM_CLASS_EMBED_TABLE ? 4 : 0;
        check_config (&config, 6);
      }
}

static void
test_activations (void)
{
  /* relu is left out: its kinks would need a step too small for float */
  static const DdpmActivation acts[] = { DDPM_ACT_MISH, DDPM_ACT_GELU };

  for (gsize i = 0; i < G_N_ELEMENTS (acts); i++)
    {
      DdpmUnetConfig config = make_config ();

      config.act_fn = acts[i];
      config.add_attention = FALSE;
      config.center_input_sample = TRUE;
      check_config (&config, 8);
    }
}

static void
test_no_middle (void)
{
  DdpmUnetConfig config = make_config ();

  config.mid_block = FALSE; /* the last skip is the up path's input as well */
  config.layers_per_block = 2;
  config.time_embedding_dim = 10;
  check_config (&config, 8);
}

static void
test_dropout (void)
{
  DdpmUnetConfig config = make_config ();
  Fixture f;
  g_autofree float *first = NULL;

  config.dropout = 0.3;
  check_config (&config, 8);

  /* masks follow the key */
  fixture_init (&f, &config, 8);
  run_forward (&f);
  first = g_memdup2 (f.output, f.n_out * sizeof (float));
  ddpm_unet_pass_set_dropout_key (f.pass, 5, 10, 0);
  run_forward (&f);
  g_assert_true (memcmp (first, f.output, f.n_out * sizeof (float)) != 0);
  ddpm_unet_pass_set_dropout_key (f.pass, 5, 9, 0);
  run_forward (&f);
  g_assert_cmpmem (first, f.n_out * sizeof (float), f.output, f.n_out * sizeof (float));
  fixture_clear (&f);
}

/* Both ways of halving, and pictures so small that the padding goes round them. */
static void
test_circular (void)
{
  DdpmUnetConfig config = make_config ();

  config.circular_padding = TRUE;
  check_config (&config, 12);
  config.downsample_padding = 0;
  config.add_attention = FALSE;
  check_config (&config, 4);
}

/* Pictures that threads share strip by strip, with an odd number of tiles in a row: a pair of tiles has to
 * stay with one of them. */
static void
test_bf16_strips (void)
{
  DdpmUnetConfig config = make_config ();
  Fixture f;
  g_autofree float *grads = NULL, *grad_x = NULL;

  config.add_attention = FALSE;
  fixture_init (&f, &config, 44);
  grads = g_new0 (float, f.n_weights);
  grad_x = g_new0 (float, f.n_in);
  run_forward (&f);
  ddpm_unet_pass_backward (f.pass, f.upstream, grads, grad_x);
  check_bf16 (&f, grads, grad_x);
  fixture_clear (&f);
}

int
main (int argc, char **argv)
{
  if (skip_level ())
    return 0;
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gradients/plain", test_plain);
  g_test_add_func ("/gradients/attention-blocks", test_attention_blocks);
  g_test_add_func ("/gradients/resnet-samplers", test_resnet_samplers);
  g_test_add_func ("/gradients/scale-shift", test_scale_shift);
  g_test_add_func ("/gradients/embeddings", test_embeddings);
  g_test_add_func ("/gradients/activations", test_activations);
  g_test_add_func ("/gradients/no-middle", test_no_middle);
  g_test_add_func ("/gradients/dropout", test_dropout);
  g_test_add_func ("/gradients/circular", test_circular);
  g_test_add_func ("/gradients/bf16-strips", test_bf16_strips);
  return g_test_run ();
}
