/* Going on from a model of other channels, or of another size. */
#include "tests/unit/train-job-common.h"

/* A model of `n_channels` in float32, trained for a moment so that all its weights are something. */
static void
make_model (const char *scratch, guint n_channels, DdpmVariance variance)
{
  g_auto (DdpmTrainOptions) options = { 0 };

  make_pictures (scratch, "pictures", 4, n_channels);
  init_options (&options, scratch, "first");
  options.dtype = DDPM_DTYPE_F32;
  options.lr = 1e-2;
  options.variance = variance;
  assert_trains (&options);
}

/* From it to the pictures in "others", without getting anywhere. */
static void
init_more (DdpmTrainOptions *more, const char *scratch)
{
  ddpm_train_options_init (more);
  more->pictures = scratch_file (scratch, "others");
  more->output = scratch_file (scratch, "second");
  more->from = scratch_file (scratch, "first");
  more->steps = 1;
  more->batch = 2;
  more->lr = 1e-12;
  more->sample_every = 0;
  more->n_threads = 1;
  more->dtype = DDPM_DTYPE_F32;
}

static guint
get_channels (const DdpmModel *model)
{
  return ddpm_unet_get_config (model->unet)->in_channels;
}

/* What a model says to noise of its size, [out][SIDE][SIDE] of one picture. x [in][SIDE][SIDE]. Caller frees.
 */
static float *
ask (const DdpmModel *model, const float *x)
{
  const DdpmPassOptions options = { 1, SIDE, SIDE, DDPM_PASS_INFERENCE };
  const float timestep = 100;
  g_autoptr (DdpmTeam) team = ddpm_team_new (1);
  g_autoptr (DdpmUnetPass) pass = ddpm_unet_pass_new (model->unet, team, &options, NULL);
  float *out = g_new (float, ddpm_unet_get_config (model->unet)->out_channels *SIDE *SIDE);

  g_assert_nonnull (pass);
  ddpm_unet_pass_set_weights (pass, model->weights);
  ddpm_unet_pass_forward (pass, x, &timestep, NULL, out);
  return out;
}

static void
assert_same_channel (const float *a, const float *b)
{
  for (guint i = 0; i < SIDE * SIDE; i++)
    g_assert_cmpfloat_with_epsilon (a[i], b[i], 1e-4);
}

/* Whether a channel says something. */
static gboolean
is_alive (const float *values)
{
  float most = 0;

  for (guint i = 0; i < SIDE * SIDE; i++)
    most = MAX (most, ABS (values[i]));
  return most > 1e-3;
}

/* Pictures with transparency add a channel to an RGB model: the colours are what they were, whatever that
 * channel shows, and it says nothing yet. With a learned variance each half of the output gets one. */
static void
test_add_alpha (gconstpointer data)
{
  const DdpmVariance variance = GPOINTER_TO_UINT (data);
  const guint n_halves = variance == DDPM_VARIANCE_LEARNED_RANGE ? 2 : 1;
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) more = { 0 }, resumed = { 0 };
  g_autoptr (DdpmModel) first = NULL, second = NULL;
  g_autofree float *before = NULL, *after = NULL;
  float x[4 * SIDE * SIDE];

  make_model (scratch, 3, variance);
  make_pictures (scratch, "others", 3, 4);
  init_more (&more, scratch);
  assert_trains (&more);
  first = open_model (scratch, "first");
  second = open_model (scratch, "second");
  g_assert_cmpuint (get_channels (second), ==, 4);
  g_assert_true (second->notes.premultiplied);
  ddpm_rng_normal ((DdpmRngKey) { 7, DDPM_RNG_LATENT, 0, 0 }, x, G_N_ELEMENTS (x));
  before = ask (first, x);
  after = ask (second, x);
  for (guint half = 0; half < n_halves; half++)
    {
      for (guint c = 0; c < 3; c++)
        {
          g_assert_true (is_alive (before + (3 * half + c) * SIDE * SIDE));
          assert_same_channel (before + (3 * half + c) * SIDE * SIDE, after + (4 * half + c) * SIDE * SIDE);
        }
      g_assert_false (is_alive (after + (4 * half + 3) * SIDE * SIDE));
    }
  init_resume_options (&resumed, scratch, "second");
  resumed.steps = 2;
  assert_trains (&resumed);
}

/* A grey model becomes a coloured one that does to three equal colours what it did to grey, whatever
 * transparency there is. */
static void
test_add_colour (gconstpointer data)
{
  const guint n_channels = GPOINTER_TO_UINT (data);
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) more = { 0 };
  g_autoptr (DdpmModel) first = NULL, second = NULL;
  g_autofree float *before = NULL, *after = NULL;
  float x[4 * SIDE * SIDE];

  make_model (scratch, 1, DDPM_VARIANCE_FIXED_SMALL);
  make_pictures (scratch, "others", 3, n_channels);
  init_more (&more, scratch);
  assert_trains (&more);
  first = open_model (scratch, "first");
  second = open_model (scratch, "second");
  g_assert_cmpuint (get_channels (second), ==, n_channels);
  ddpm_rng_normal ((DdpmRngKey) { 7, DDPM_RNG_LATENT, 0, 0 }, x, G_N_ELEMENTS (x));
  for (guint c = 1; c < 3; c++)
    memcpy (x + c * SIDE * SIDE, x, SIDE * SIDE * sizeof *x);
  before = ask (first, x);
  after = ask (second, x);
  g_assert_true (is_alive (before));
  for (guint c = 0; c < 3; c++)
    assert_same_channel (before, after + c * SIDE * SIDE);
  if (n_channels == 4)
    g_assert_false (is_alive (after + 3 * SIDE * SIDE));
}

/* Channels that are asked for: without transparency, and grey, which is the mean of what the colours were. */
static void
test_take_away (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) more = { 0 };
  g_autoptr (DdpmModel) first = NULL, second = NULL, third = NULL;
  g_autofree float *rgba = NULL, *rgb = NULL, *grey = NULL, *mean = g_new0 (float, SIDE *SIDE);
  float x[4 * SIDE * SIDE] = { 0 };

  make_model (scratch, 4, DDPM_VARIANCE_FIXED_SMALL);
  make_pictures (scratch, "others", 3, 4);
  init_more (&more, scratch);
  more.pixels = DDPM_PIXELS_RGB;
  assert_trains (&more);
  g_clear_object (&more.output);
  more.output = scratch_file (scratch, "third");
  more.pixels = DDPM_PIXELS_GREY;
  assert_trains (&more);
  first = open_model (scratch, "first");
  second = open_model (scratch, "second");
  third = open_model (scratch, "third");
  g_assert_cmpuint (get_channels (second), ==, 3);
  g_assert_cmpuint (get_channels (third), ==, 1);
  /* three equal colours, and nothing in the fourth channel */
  ddpm_rng_normal ((DdpmRngKey) { 7, DDPM_RNG_LATENT, 0, 0 }, x, SIDE * SIDE);
  for (guint c = 1; c < 3; c++)
    memcpy (x + c * SIDE * SIDE, x, SIDE * SIDE * sizeof *x);
  rgba = ask (first, x);
  rgb = ask (second, x);
  grey = ask (third, x);
  for (guint c = 0; c < 3; c++)
    {
      assert_same_channel (rgba + c * SIDE * SIDE, rgb + c * SIDE * SIDE);
      for (guint i = 0; i < SIDE * SIDE; i++)
        mean[i] += rgba[c * SIDE * SIDE + i] / 3;
    }
  g_assert_true (is_alive (mean));
  assert_same_channel (mean, grey);
}

/* By themselves pictures never take channels away: they are brought to what the model has. */
static void
test_keep (void)
{
  static const struct
  {
    guint model, pictures;
  } cases[] = { { 3, 1 }, { 4, 3 }, { 4, 1 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Scratch) scratch = scratch_new ();
      g_auto (DdpmTrainOptions) more = { 0 };
      g_autoptr (DdpmTrainJob) job = NULL;
      g_autoptr (GError) error = NULL;
      const DdpmTrainPlan *plan;

      make_model (scratch, cases[i].model, DDPM_VARIANCE_FIXED_SMALL);
      make_pictures (scratch, "others", 3, cases[i].pictures);
      init_more (&more, scratch);
      job = ddpm_train_job_new (&more, &error);
      g_assert_true (ddpm_train_job_prepare (job, NULL, NULL, NULL, &error));
      plan = ddpm_train_job_get_plan (job);
      g_assert_cmpuint (plan->config->in_channels, ==, cases[i].model);
      g_assert_cmpuint (plan->dataset->n_channels, ==, cases[i].model);
      g_assert_cmpstr (plan->origin->name, ==, "first");
      g_assert_cmpuint (plan->origin->n_channels, ==, cases[i].model);
      g_assert_cmpuint (plan->origin->width, ==, SIDE);
    }
}

static void
test_other_size (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) more = { 0 };
  g_autoptr (DdpmModel) first = NULL, second = NULL;

  make_model (scratch, 3, DDPM_VARIANCE_FIXED_SMALL);
  make_pictures (scratch, "others", 3, 3);
  init_more (&more, scratch);
  more.width = 4 * SIDE;
  more.height = 2 * SIDE;
  assert_trains (&more);
  first = open_model (scratch, "first");
  second = open_model (scratch, "second");
  g_assert_cmpuint (ddpm_unet_get_config (second->unet)->sample_width, ==, 4 * SIDE);
  g_assert_cmpuint (ddpm_unet_get_config (second->unet)->sample_height, ==, 2 * SIDE);
  for (gsize i = 0; i < ddpm_unet_get_n_weights (first->unet); i++)
    g_assert_cmpfloat_with_epsilon (first->weights[i], second->weights[i], 1e-6);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/train-adapt/add-alpha", GUINT_TO_POINTER (DDPM_VARIANCE_FIXED_SMALL),
                        test_add_alpha);
  g_test_add_data_func ("/train-adapt/add-alpha-learned", GUINT_TO_POINTER (DDPM_VARIANCE_LEARNED_RANGE),
                        test_add_alpha);
  g_test_add_data_func ("/train-adapt/add-colour", GUINT_TO_POINTER (3), test_add_colour);
  g_test_add_data_func ("/train-adapt/add-colour-and-alpha", GUINT_TO_POINTER (4), test_add_colour);
  g_test_add_func ("/train-adapt/take-away", test_take_away);
  g_test_add_func ("/train-adapt/keep", test_keep);
  g_test_add_func ("/train-adapt/other-size", test_other_size);
  return g_test_run ();
}
