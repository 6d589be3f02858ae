/* Divergence: what is one, and what a run does about it. */
#include <math.h>

#include "core/job/train-plan.h"
#include "core/job/train-state.h"
#include "tests/unit/train-job-common.h"

/* Adds losses exp (normal (mean, deviation)) and says whether all were taken. */
static gboolean
add_losses (DdpmTrainGuard *guard, guint32 seed, guint n, double mean, double deviation)
{
  g_autofree float *normal = g_new (float, n);

  ddpm_rng_normal ((DdpmRngKey) { seed, DDPM_RNG_LATENT, guard->n, 0 }, normal, n);
  for (guint i = 0; i < n; i++)
    if (!ddpm_train_guard_add (guard, exp (mean + deviation * normal[i])))
      return FALSE;
  return TRUE;
}

/* Batches of one picture, whose losses lie thousandfold apart, from a first step on that happens to cost
 * little or much; a loss that comes down, goes up a little, and is bad for a while. */
static void
test_healthy (void)
{
  for (guint32 seed = 0; seed < 40; seed++)
    {
      DdpmTrainGuard guard;

      ddpm_train_guard_init (&guard);
      g_assert_true (add_losses (&guard, seed, 20000, -3, 2));
      ddpm_train_guard_init (&guard);
      g_assert_true (add_losses (&guard, seed, 1, seed % 2 == 0 ? -6 : 6, 0));
      for (guint i = 0; i < 10; i++)
        g_assert_true (add_losses (&guard, seed, 500, -0.5 * i, 1));
      g_assert_true (add_losses (&guard, seed, 500, -4, 1));
      g_assert_true (add_losses (&guard, seed, 60, 0, 1));
      g_assert_true (add_losses (&guard, seed, 1000, -4.5, 1));
      g_assert_true (ddpm_train_guard_is_calm (&guard));
    }
}

static void
test_run_away (void)
{
  static const struct
  {
    double before, after;
    guint n;
  } cases[] = {
    { -3, 0, 1000 },    /* all that was learned is lost */
    { -3, -0.5, 5000 }, /* most of it */
    { -1.5, 0.1, 400 }, /* as bad as at the start, and that was not far away */
    { 0, 5, 50 },       /* never learned anything */
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      DdpmTrainGuard guard;

      ddpm_train_guard_init (&guard);
      g_assert_true (add_losses (&guard, i, 100, 0, 0.3));
      g_assert_true (add_losses (&guard, i, cases[i].n, cases[i].before, 0.3));
      g_assert_true (ddpm_train_guard_is_calm (&guard));
      g_assert_false (add_losses (&guard, i, 800, cases[i].after, 0.3));
    }
}

/* What a listener hears of a run that goes back. */
typedef struct
{
  guint n_times;
  char *last; /* owned */
} Setbacks;

static void
count_setbacks (const DdpmProgress *progress, gpointer data)
{
  Setbacks *setbacks = data;

  if (progress->message == NULL || !g_str_has_prefix (progress->message, "diverged"))
    return;
  setbacks->n_times++;
  g_free (setbacks->last);
  setbacks->last = g_strdup (progress->message);
}

static DdpmTrainSlabs
read_state (const char *scratch, const char *output, DdpmTrainCounters *counters)
{
  g_autofree char *name = g_build_filename (output, "training/state.safetensors", NULL);
  g_autoptr (GFile) file = scratch_file (scratch, name), folder = scratch_file (scratch, output);
  g_autoptr (GError) error = NULL;
  g_autoptr (DdpmModel) model = ddpm_model_open_header (folder, &error);
  DdpmTrainSlabs slabs = { .n = 0 };

  g_assert_no_error (error);
  slabs.n = ddpm_unet_get_n_weights (model->unet);
  slabs.weights = g_new (float, 4 * slabs.n);
  slabs.ema = slabs.weights + slabs.n;
  slabs.first = slabs.weights + 2 * slabs.n;
  slabs.second = slabs.weights + 3 * slabs.n;
  g_assert_true (ddpm_train_state_read (file, counters, &slabs, &error));
  g_assert_no_error (error);
  return slabs;
}

/* Nothing is learned better. */
static void
make_flat_picture (const char *scratch)
{
  g_autoptr (DdpmImage) image = ddpm_image_new (SIDE, SIDE, 1);
  g_autoptr (GFile) file = scratch_file (scratch, "pictures/flat.png");
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < SIDE * SIDE; i++)
    image->pixels[i] = 0.75f;
  g_assert_true (ddpm_image_save_png (image, file, NULL, &error));
}

/* A learning rate that rises until the loss runs away, as it does with most seeds. How often it does
 * after that is a matter of chance; the run ends with a model or with a sentence, and what it leaves behind
 * is sound. */
static gboolean
train_with_absurd_lr (guint32 seed)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 };
  g_autoptr (GError) error = NULL;
  Setbacks setbacks = { 0 };
  DdpmTrainCounters counters;
  gboolean is_done;

  make_flat_picture (scratch);
  init_options (&options, scratch, "model");
  options.steps = 1300;
  options.warmup_steps = 3000;
  options.lr = 1;
  options.seed = seed;
  options.dropout = 0;
  options.flip = FALSE;
  options.save_every = 100;
  is_done = train (&options, count_setbacks, &setbacks, NULL, &error);
  g_test_message ("%u times; %s; %s", setbacks.n_times, setbacks.last, is_done ? "done" : error->message);
  if (!is_done)
    g_assert_error (error, DDPM_ERROR, DDPM_ERROR_NUMERIC);
  if (setbacks.n_times > 0)
    g_assert_nonnull (strstr (setbacks.last, "the loss has run away"));
  g_free (setbacks.last);

  DdpmTrainSlabs slabs = read_state (scratch, "model", &counters);
  g_autofree float *values = slabs.weights;
  g_assert_cmpuint (counters.guard.setbacks, ==, setbacks.n_times);
  g_assert_cmpint (is_done, ==, counters.step == options.steps);
  for (gsize i = 0; i < 4 * slabs.n; i++)
    g_assert_true (isfinite (values[i]));
  return setbacks.n_times > 0;
}

static void
test_absurd_lr (void)
{
  guint32 seed = 1;

  while (!train_with_absurd_lr (seed))
    g_assert_cmpuint (seed++, <, 10);
}

static void
spoil (const char *scratch, const char *output, const char *file_name, float value)
{
  g_autofree char *name = g_build_filename (output, "training", file_name, NULL);
  g_autoptr (GFile) file = scratch_file (scratch, name);
  g_autoptr (GError) error = NULL;
  DdpmTrainCounters counters;
  DdpmTrainSlabs slabs = read_state (scratch, output, &counters);
  g_autofree float *values = slabs.weights;

  for (gsize i = 0; i < slabs.n; i++)
    values[i] = value;
  g_assert_true (ddpm_train_state_write (file, &counters, &slabs, &error));
  g_assert_no_error (error);
}

/* Where going back does not help, it ends with a sentence; resumed, with the same one. */
static void
test_give_up (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 }, resumed = { 0 };
  g_autoptr (GError) error = NULL;
  Setbacks setbacks = { 0 };

  make_pictures (scratch, "pictures", 4, 1);
  init_options (&options, scratch, "model");
  options.steps = 3;
  assert_trains (&options);
  spoil (scratch, "model", "state.safetensors", NAN);
  spoil (scratch, "model", "good.safetensors", 1e38f);
  init_resume_options (&resumed, scratch, "model");
  resumed.steps = 8;
  g_assert_false (train (&resumed, count_setbacks, &setbacks, NULL, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_NUMERIC);
  g_assert_nonnull (strstr (error->message, "halved 3 times, to 0.000125"));
  g_assert_cmpuint (setbacks.n_times, ==, 3);
  g_free (setbacks.last);
  assert_refused (&resumed, DDPM_ERROR_NUMERIC, "halved 3 times, to 0.000125");
}

/* Weights that give no numbers: the run goes back to where it was well, from then on with half the learning
 * rate and other noise, and ends as if nothing had been; stopped anywhere after that, it ends the same. */
static void
test_go_back (void)
{
  static const float values[] = { 1e38f, INFINITY, NAN };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 };

  make_pictures (scratch, "pictures", 4, 1);
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    {
      g_autofree char *output = g_strdup_printf ("model-%u", i), *stopped = g_strdup_printf ("stopped-%u", i);

      for (guint round = 0; round < 2; round++)
        {
          const char *name = round == 0 ? output : stopped;
          g_auto (DdpmTrainOptions) begun = { 0 }, resumed = { 0 };
          g_autoptr (GCancellable) cancellable = round == 1 ? g_cancellable_new () : NULL;
          g_autoptr (GError) error = NULL;
          g_autofree char *csv_steps = NULL;
          Watch w = { .step = 2, .cancellable = cancellable };
          Setbacks setbacks = { 0 };
          DdpmTrainCounters counters;

          init_options (&begun, scratch, name);
          begun.steps = 5;
          assert_trains (&begun);
          spoil (scratch, name, "state.safetensors", values[i]);
          init_resume_options (&resumed, scratch, name);
          resumed.steps = 8;
          if (round == 1)
            {
              g_assert_false (train (&resumed, watch, &w, cancellable, &error));
              g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
              g_clear_error (&error);
              g_assert_cmpuint (w.last_step, ==, 2);
            }
          train (&resumed, count_setbacks, &setbacks, NULL, &error);
          g_assert_no_error (error);
          g_assert_cmpuint (setbacks.n_times, ==, round == 0);
          g_clear_pointer (&setbacks.last, g_free);
          g_autofree float *slab = read_state (scratch, name, &counters).weights;
          g_assert_cmpuint (counters.step, ==, 8);
          g_assert_cmpuint (counters.guard.setbacks, ==, 1);
          csv_steps = read_csv_steps (scratch, name);
          g_assert_cmpstr (csv_steps, ==, "8 ");
        }
      assert_same_run (scratch, output, stopped);
    }

  /* its way is another one than that of a run with half the learning rate from the start */
  init_options (&options, scratch, "half");
  options.lr /= 2;
  assert_trains (&options);
  g_assert_false (is_same (scratch, "half", "model-0", "unet/diffusion_pytorch_model.safetensors"));
}

/* From the last state that was kept, not from the beginning. */
static void
test_go_back_halfway (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 }, resumed = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *csv_steps = NULL;
  Setbacks setbacks = { 0 };

  make_pictures (scratch, "pictures", 4, 1);
  init_options (&options, scratch, "model");
  options.steps = 1010;
  options.save_every = 0;
  options.batch = 1;
  assert_trains (&options);
  spoil (scratch, "model", "state.safetensors", NAN);
  init_resume_options (&resumed, scratch, "model");
  resumed.steps = 1020;
  train (&resumed, count_setbacks, &setbacks, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (setbacks.last, ==,
                   "diverged at step 1011 (the loss is no longer a number): back to step 1000, with half the "
                   "learning rate, 0.0005 (1 of 3 times)");
  g_free (setbacks.last);
  csv_steps = read_csv_steps (scratch, "model");
  g_assert_true (g_str_has_suffix (csv_steps, " 950 1000 1020 "));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/train-guard/healthy", test_healthy);
  g_test_add_func ("/train-guard/run-away", test_run_away);
  g_test_add_func ("/train-guard/absurd-lr", test_absurd_lr);
  g_test_add_func ("/train-guard/give-up", test_give_up);
  g_test_add_func ("/train-guard/go-back", test_go_back);
  g_test_add_func ("/train-guard/go-back-halfway", test_go_back_halfway);
  return g_test_run ();
}
