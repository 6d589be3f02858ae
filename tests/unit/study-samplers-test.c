/* The samplers' study on a network whose output is always 0. Asked for v, that is the one that is best for
 * data of independent standard normal values: x_0 is signal x and epsilon is spread x, and the probability
 * flow leaves x as it is. So what every sampler should make of a latent is known. */
#include <string.h>

#include "core/base/error.h"
#include "core/base/rng.h"
#include "core/job/picture-set.h"
#include "core/job/study-samplers.h"
#include "tests/unit/sample-job-common.h"
#include "tests/unit/scratch.h"

#define N_PICTURES 4

static DdpmModel *
new_exact_model (guint n_timesteps)
{
  DdpmModel *model = new_model (3, 0);

  memset (model->weights, 0, ddpm_unet_get_n_weights (model->unet) * sizeof (float));
  model->scheduler.prediction_type = DDPM_PREDICT_V;
  model->scheduler.clip_sample = FALSE;
  model->scheduler.num_train_timesteps = n_timesteps;
  /* as little is left of the picture after few timesteps as after many */
  model->scheduler.beta_schedule = DDPM_BETAS_SQUAREDCOS_CAP_V2;
  return model;
}

/* All kinds with 4, 8 and 16 steps. */
static DdpmSamplerStudyOptions
new_study_options (void)
{
  DdpmSamplerStudyOptions options = { .n_kinds = DDPM_SAMPLER_N_KINDS,
                                      .steps = { 4, 8, 16 },
                                      .n_steps = 3,
                                      .n_pictures = N_PICTURES,
                                      .many_steps = 60,
                                      .seed = 3,
                                      .n_threads = 1 };

  for (guint i = 0; i < DDPM_SAMPLER_N_KINDS; i++)
    options.kinds[i] = i;
  return options;
}

static DdpmSamplerStudy
run_study (DdpmModel *model, const DdpmSamplerStudyOptions *options)
{
  g_autoptr (GError) error = NULL;
  DdpmSamplerStudy study;

  ddpm_sampler_study_run (model, options, NULL, NULL, NULL, &study, &error);
  g_assert_no_error (error);
  return study;
}

/* What a deterministic sampler makes of a value by a network that says 0: a number times it. */
static double
get_factor (const DdpmModel *model, DdpmSamplerKind kind, guint n_steps)
{
  const DdpmSamplerOptions options = { .kind = kind, .n_steps = n_steps };
  g_autoptr (GError) error = NULL;
  g_autoptr (DdpmSampler) sampler = ddpm_sampler_new (&options, &model->scheduler, &error);
  const float zero = 0, one = 1;
  float x, state[16] = { 0 };
  guint n;

  g_assert_no_error (error);
  g_assert_cmpuint (ddpm_sampler_get_n_states (sampler), <=, G_N_ELEMENTS (state));
  ddpm_sampler_get_timesteps (sampler, &n);
  ddpm_sampler_start (sampler, &one, &x, 1);
  for (guint step = 0; step < n; step++)
    ddpm_sampler_step (
      sampler, step, step,
      &(DdpmSamplerPiece) { .n = 1, .output = &zero, .x = &x, .state = state, .plane_size = 1 });
  return x;
}

/* Of pictures, whose values end at -1 and 1, in bytes. */
static double
get_expected_deviation (double factor, double followed, guint32 seed)
{
  const gsize n = 3 * SIZE * SIZE;
  g_autofree float *latent = g_new (float, n);
  double sum = 0;

  for (guint i = 0; i < N_PICTURES; i++)
    {
      ddpm_rng_normal ((DdpmRngKey) { seed, DDPM_RNG_LATENT, i, 0 }, latent, n);
      for (gsize j = 0; j < n; j++)
        {
          const double a = CLAMP (factor * latent[j], -1, 1), b = CLAMP (followed * latent[j], -1, 1);

          sum += (a - b) * (a - b);
        }
    }
  return 127.5 * sqrt (sum / (double) (N_PICTURES * n));
}

/* DDIM turns by the angle between two levels; its cosine is the factor of a step. */
static double
get_ddim_factor (const DdpmModel *model, guint n_steps)
{
  const DdpmSamplerOptions options = { .kind = DDPM_SAMPLER_DDIM, .n_steps = n_steps };
  g_autoptr (DdpmSampler) sampler = ddpm_sampler_new (&options, &model->scheduler, NULL);
  double factor = 1, before = 0;

  for (guint step = 0; step <= n_steps; step++)
    {
      double signal = 1, spread = 0, angle;

      if (step < n_steps)
        ddpm_sampler_get_level (sampler, step, &signal, &spread);
      angle = atan2 (spread, signal);
      if (step > 0)
        factor *= cos (before - angle);
      before = angle;
    }
  return factor;
}

/* What is told of the flow is what is known of it, and falls with the steps. */
static void
test_deviations (void)
{
  g_autoptr (DdpmModel) model = new_exact_model (100);
  DdpmSamplerStudyOptions options = new_study_options ();
  const DdpmSamplerStudy study = run_study (model, &options);
  const double followed = get_factor (model, study.many, study.many_steps);

  g_assert_cmpuint (study.n_followed, ==, N_PICTURES);
  g_assert_cmpuint (study.many_steps, ==, 60);
  g_assert_cmpfloat_with_epsilon (followed, 1, 0.01);
  for (guint i = 0; i < options.n_kinds; i++)
    {
      const gboolean is_random =
        i == DDPM_SAMPLER_DDPM || i == DDPM_SAMPLER_EULER_ANCESTRAL || i == DDPM_SAMPLER_DPMPP_2M_SDE;

      for (guint j = 0; j < options.n_steps; j++)
        {
          const DdpmSamplerStudyCell *cell = &study.cells[i][j];

          g_assert_true (cell->is_finite);
          g_assert_cmpuint (isnan (cell->deviation), ==, is_random);
          if (is_random)
            continue;
          g_assert_cmpfloat_with_epsilon (
            cell->deviation,
            get_expected_deviation (get_factor (model, i, options.steps[j]), followed, options.seed), 1e-3);
          if (j > 0)
            g_assert_cmpfloat (cell->deviation, <, 0.9 * study.cells[i][j - 1].deviation);
        }
    }
  for (guint j = 0; j < options.n_steps; j++)
    g_assert_cmpfloat_with_epsilon (
      study.cells[DDPM_SAMPLER_DDIM][j].deviation,
      get_expected_deviation (get_ddim_factor (model, options.steps[j]), followed, options.seed), 1e-3);
}

static void
assert_same_distances (const DdpmDistances *a, const DdpmDistances *b)
{
  g_assert_cmpuint (a->n_levels, ==, b->n_levels);
  g_assert_cmpfloat (a->sliced_wasserstein_mean, ==, b->sliced_wasserstein_mean);
  g_assert_cmpfloat (a->precision, ==, b->precision);
  g_assert_cmpfloat (a->recall, ==, b->recall);
  g_assert_cmpfloat (a->nearest, ==, b->nearest);
}

static void
test_threads (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSamplerStudyOptions options = new_study_options ();
  DdpmSamplerStudy one, two;

  model->scheduler.num_train_timesteps = 20;
  one = run_study (model, &options);
  options.n_threads = 2;
  two = run_study (model, &options);
  assert_same_distances (&one.floor, &two.floor);
  for (guint i = 0; i < options.n_kinds; i++)
    for (guint j = 0; j < options.n_steps; j++)
      {
        const DdpmSamplerStudyCell *a = &one.cells[i][j], *b = &two.cells[i][j];

        g_assert_cmpuint (a->n_evaluations, ==, b->n_evaluations);
        g_assert_cmpmem (&a->deviation, sizeof a->deviation, &b->deviation, sizeof b->deviation);
        if (a->n_evaluations > 0)
          assert_same_distances (&a->distances, &b->distances);
      }
}

static DdpmPictureSet *
sample (DdpmModel *model, DdpmSamplerKind kind, guint n_steps, guint32 seed)
{
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = NULL;
  guint n_images;

  options.sampler = kind;
  options.n_steps = n_steps;
  options.seed = seed;
  options.count = N_PICTURES;
  job = run_job (model, &options);
  return ddpm_picture_set_new_from_images (ddpm_sample_job_get_images (job, &n_images), N_PICTURES);
}

static void
assert_distances (const DdpmDistances *distances, const DdpmPictureSet *a, const DdpmPictureSet *b,
                  guint32 seed)
{
  g_autoptr (GError) error = NULL;
  DdpmDistances wanted;

  ddpm_picture_set_compare (a, b, 1, seed, NULL, &wanted, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (wanted.sliced_wasserstein_mean, >, 0);
  assert_same_distances (distances, &wanted);
}

/* Without a folder it is the paper's sampler, in all timesteps, that others are compared with. */
static void
test_own_reference (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSamplerStudyOptions options = new_study_options ();
  DdpmSamplerStudy study;

  model->scheduler.num_train_timesteps = 20;
  study = run_study (model, &options);
  g_autoptr (DdpmPictureSet) reference = sample (model, DDPM_SAMPLER_DDPM, 20, options.seed + 1);
  g_autoptr (DdpmPictureSet) others = sample (model, DDPM_SAMPLER_DDPM, 20, options.seed + 2);
  g_autoptr (DdpmPictureSet) samples = sample (model, DDPM_SAMPLER_HEUN, 8, options.seed);
  assert_distances (&study.floor, others, reference, options.seed);
  assert_distances (&study.cells[DDPM_SAMPLER_HEUN][1].distances, samples, reference, options.seed);
}

/* Pictures number 0 … n-1, each of one grey. */
static GFile *
make_folder (const char *scratch, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (DdpmImage) image = ddpm_image_new (SIZE, SIZE, 3);
      g_autofree char *name = g_strdup_printf ("pictures/%u.png", i);
      g_autoptr (GFile) file = scratch_file (scratch, name);
      g_autoptr (GError) error = NULL;

      for (gsize j = 0; j < count_values (image); j++)
        image->pixels[j] = (float) (i + 1) / (float) (n + 1);
      ddpm_image_save_png (image, file, NULL, &error);
      g_assert_no_error (error);
    }
  return scratch_file (scratch, "pictures");
}

/* Halves of the folder that have no picture in common, and in another order by another seed. */
static void
test_folder (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) folder = make_folder (scratch, 7);
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSamplerStudyOptions options = new_study_options ();
  DdpmSamplerStudy study, other;

  options.pictures = folder;
  options.n_kinds = options.n_steps = 1;
  study = run_study (model, &options);
  g_assert_cmpuint (study.n_pictures, ==, 3);
  /* greys are 255 / 8 apart: so far is another one at least */
  g_assert_cmpfloat (study.floor.nearest, >=, 255.0 / 8 - 1);
  g_assert_cmpfloat (study.cells[0][0].distances.nearest, >, 0);
  g_assert_cmpuint (study.width, ==, SIZE);
  g_assert_cmpuint (study.height, ==, SIZE);
  options.seed++;
  other = run_study (model, &options);
  g_assert_cmpfloat (other.floor.nearest, >=, 255.0 / 8 - 1);
  g_assert_cmpfloat (other.floor.nearest, !=, study.floor.nearest);
}

static void
test_few_pictures (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) folder = make_folder (scratch, 3);
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (GError) error = NULL;
  DdpmSamplerStudyOptions options = new_study_options ();
  DdpmSamplerStudy study;

  options.pictures = folder;
  g_assert_false (ddpm_sampler_study_run (model, &options, NULL, NULL, NULL, &study, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_USAGE);
}

/* Two evaluations a step but for the last; no more steps than there are timesteps. */
static void
test_evaluations (void)
{
  g_autoptr (DdpmModel) model = new_exact_model (10);
  g_autoptr (GError) error = NULL;
  DdpmSamplerStudyOptions options = new_study_options ();
  DdpmSamplerStudy study = run_study (model, &options);

  g_assert_cmpuint (study.cells[DDPM_SAMPLER_DDIM][0].n_evaluations, ==, 4);
  g_assert_cmpuint (study.cells[DDPM_SAMPLER_HEUN][0].n_evaluations, ==, 7);
  g_assert_cmpuint (study.cells[DDPM_SAMPLER_DDIM][2].n_evaluations, ==, 0);
  g_assert_cmpuint (study.many_steps, <=, 10);
  options.steps[0] = options.steps[1] = 16;
  g_assert_false (ddpm_sampler_study_run (model, &options, NULL, NULL, NULL, &study, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_USAGE);
}

/* A sampler that leads nowhere does not end the study. */
static void
test_not_finite (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) folder = make_folder (scratch, 4);
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSamplerStudyOptions options = new_study_options ();
  DdpmSamplerStudy study;

  for (gsize i = 0; i < ddpm_unet_get_n_weights (model->unet); i++)
    model->weights[i] = NAN;
  options.pictures = folder;
  options.n_kinds = 1;
  study = run_study (model, &options);
  for (guint j = 0; j < options.n_steps; j++)
    {
      g_assert_cmpuint (study.cells[0][j].n_evaluations, ==, options.steps[j]);
      g_assert_false (study.cells[0][j].is_finite);
    }
}

typedef struct
{
  guint64 step, total;
  GCancellable *cancellable; /* when half is done */
} Listener;

static void
listen (const DdpmProgress *progress, gpointer data)
{
  Listener *listener = data;

  g_assert_cmpint (progress->phase, ==, DDPM_PHASE_EVALUATE);
  g_assert_cmpuint (progress->step, >=, listener->step);
  g_assert_cmpuint (progress->step, <=, progress->total);
  listener->step = progress->step;
  listener->total = progress->total;
  if (listener->cancellable != NULL && 2 * progress->step > progress->total)
    g_cancellable_cancel (listener->cancellable);
}

static void
test_progress (void)
{
  g_autoptr (DdpmModel) model = new_exact_model (20);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  DdpmSamplerStudyOptions options = new_study_options ();
  DdpmSamplerStudy study;
  Listener listener = { 0 };

  g_assert_true (ddpm_sampler_study_run (model, &options, listen, &listener, NULL, &study, NULL));
  g_assert_cmpuint (listener.step, ==, listener.total);
  listener = (Listener) { .cancellable = cancellable };
  g_assert_false (ddpm_sampler_study_run (model, &options, listen, &listener, cancellable, &study, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/study-samplers/deviations", test_deviations);
  g_test_add_func ("/study-samplers/threads", test_threads);
  g_test_add_func ("/study-samplers/own-reference", test_own_reference);
  g_test_add_func ("/study-samplers/folder", test_folder);
  g_test_add_func ("/study-samplers/few-pictures", test_few_pictures);
  g_test_add_func ("/study-samplers/evaluations", test_evaluations);
  g_test_add_func ("/study-samplers/not-finite", test_not_finite);
  g_test_add_func ("/study-samplers/progress", test_progress);
  return g_test_run ();
}
