/* Sampling with a network that says its variance, too. */
#include <string.h>

#include "core/base/error.h"
#include "tests/unit/sample-job-common.h"

#define N_CHANNELS 3

/* The network's variance becomes another one, and nothing else. */
static void
change_variance (DdpmModel *model)
{
  const DdpmParam *bias = ddpm_unet_find_param (model->unet, "conv_out.bias");

  g_assert_cmpuint (bias->n_values, ==, 2 * N_CHANNELS);
  for (guint i = N_CHANNELS; i < 2 * N_CHANNELS; i++)
    model->weights[bias->offset + i] += 1;
}

/* It counts where noise is added, and nowhere else. */
static void
test_variance_counts (void)
{
  static const DdpmSamplerKind kinds[] = { DDPM_SAMPLER_DDPM, DDPM_SAMPLER_DDIM };

  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++)
    {
      g_autoptr (DdpmModel) model = new_variance_model (N_CHANNELS, 0, DDPM_VARIANCE_LEARNED_RANGE);
      DdpmSampleOptions options = new_options (model);
      g_autoptr (DdpmSampleJob) job = NULL, other = NULL;

      options.sampler = kinds[k];
      job = run_job (model, &options);
      g_assert_cmpuint (get_image (job, 0)->n_channels, ==, N_CHANNELS);
      change_variance (model);
      other = run_job (model, &options);
      if (kinds[k] == DDPM_SAMPLER_DDIM)
        assert_same_bytes (get_image (job, 0), get_image (other, 0));
      else
        g_assert_cmpfloat (get_difference (get_image (job, 0), get_image (other, 0)), >, 0.01);
    }
}

/* Each picture has its own, whatever the threads; with another batch up to rounding. */
static void
test_batches (void)
{
  g_autoptr (DdpmModel) model = new_variance_model (N_CHANNELS, 0, DDPM_VARIANCE_LEARNED_RANGE);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = NULL, threads = NULL, singly = NULL;

  options.sampler = DDPM_SAMPLER_DDPM;
  options.count = 3;
  job = run_job (model, &options);
  options.n_threads = 2;
  threads = run_job (model, &options);
  options.batch = 1;
  singly = run_job (model, &options);
  for (guint i = 0; i < 3; i++)
    {
      assert_same_bytes (get_image (job, i), get_image (threads, i));
      g_assert_cmpfloat (get_difference (get_image (job, i), get_image (singly, i)), <, 1e-3);
    }
}

/* Guidance of 0 is no label at all, but for the variance, which is the label's. */
static void
test_guidance (void)
{
  g_autoptr (DdpmModel) model = new_variance_model (N_CHANNELS, 3, DDPM_VARIANCE_LEARNED_RANGE);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) without = NULL, guided = NULL, same = NULL;

  model->notes.labels = g_strsplit ("Bricks,Wood", ",", -1);
  options.sampler = DDPM_SAMPLER_DDIM;
  without = run_job (model, &options);
  options.label = "Wood";
  options.guidance = 0;
  guided = run_job (model, &options);
  g_assert_cmpfloat (get_difference (get_image (without, 0), get_image (guided, 0)), <, 1e-3);

  options.sampler = DDPM_SAMPLER_DDPM;
  guided = (g_object_unref (guided), run_job (model, &options));
  options.label = NULL;
  options.guidance = 1;
  same = run_job (model, &options);
  g_assert_cmpfloat (get_difference (get_image (same, 0), get_image (guided, 0)), >, 1e-5);
}

static void
test_channels (void)
{
  g_autoptr (DdpmModel) model = new_variance_model (N_CHANNELS, 0, DDPM_VARIANCE_LEARNED);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (GError) error = NULL;

  model->scheduler.variance_type = DDPM_VARIANCE_FIXED_SMALL;
  g_assert_null (ddpm_sample_job_new (model, &options, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "3 channels in and 6 out"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sample-job-variance/counts", test_variance_counts);
  g_test_add_func ("/sample-job-variance/batches", test_batches);
  g_test_add_func ("/sample-job-variance/guidance", test_guidance);
  g_test_add_func ("/sample-job-variance/channels", test_channels);
  return g_test_run ();
}
