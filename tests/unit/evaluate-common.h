/* Folders of pictures, and models that say nothing, for the tests of what is measured on them. */
#pragma once

#include "core/job/evaluate-job.h"

#include <string.h>

#include "core/base/rng.h"
#include "tests/unit/sample-job-common.h"
#include "tests/unit/scratch.h"

/* Below the scratch folder: some of them in folders Bricks and Wood. */
static inline char *
get_picture_name (guint number)
{
  static const char *const folders[] = { "", "Bricks/", "Wood/", "Sand/" };

  return g_strdup_printf ("pictures/%s%03u.png", folders[number % 4], number);
}

static inline void
write_pictures (const char *scratch, guint n, guint n_channels)
{
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (DdpmImage) image = ddpm_image_new (SIZE, SIZE, n_channels);
      g_autofree char *name = get_picture_name (i);
      g_autoptr (GFile) file = scratch_file (scratch, name);
      g_autoptr (GError) error = NULL;

      ddpm_rng_uniform ((DdpmRngKey) { 1, DDPM_RNG_LATENT, i, 0 }, image->pixels, count_values (image));
      g_assert_true (ddpm_image_save_png (image, file, NULL, &error));
      g_assert_no_error (error);
    }
}

static inline void
set_timesteps (DdpmModel *model, guint n)
{
  model->scheduler.num_train_timesteps = n;
  model->scheduler.beta_start = 0.01;
  model->scheduler.beta_end = 0.3;
}

/* What is said becomes 0, or for the variance `variance`, whatever is seen. */
static inline void
silence (DdpmModel *model, float variance)
{
  const DdpmParam *weight = ddpm_unet_find_param (model->unet, "conv_out.weight");
  const DdpmParam *bias = ddpm_unet_find_param (model->unet, "conv_out.bias");
  const guint n_channels = ddpm_unet_get_config (model->unet)->in_channels;

  memset (model->weights + weight->offset, 0, weight->n_values * sizeof (float));
  for (gsize i = 0; i < bias->n_values; i++)
    model->weights[bias->offset + i] = i < n_channels ? 0 : variance;
}

static inline DdpmEvaluation
evaluate (const DdpmModel *model, const char *scratch, DdpmEvaluateOptions options)
{
  g_autoptr (GFile) pictures = scratch_file (scratch, "pictures");
  g_autoptr (GError) error = NULL;
  DdpmEvaluation evaluation;

  options.pictures = pictures;
  ddpm_evaluate (model, &options, NULL, NULL, NULL, &evaluation, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (fabs (evaluation.total_bits
                           - (evaluation.prior_bits + evaluation.between_bits + evaluation.decoder_bits)),
                     <=, 1e-9 * evaluation.total_bits);
  return evaluation;
}

/* All values of a picture that write_pictures made, as the network sees them. */
static inline void
get_picture (guint number, float *values, gsize n)
{
  ddpm_rng_uniform ((DdpmRngKey) { 1, DDPM_RNG_LATENT, number, 0 }, values, n);
  for (gsize i = 0; i < n; i++)
    values[i] = (float) (2 * rint (255 * values[i]) / 255 - 1);
}

/* n pictures in scratch/pictures with all values at byte `value`. */
static inline void
write_plain_pictures (const char *scratch, guint n, guint n_channels, guint value)
{
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (DdpmImage) image = ddpm_image_new (SIZE, SIZE, n_channels);
      g_autofree char *name = g_strdup_printf ("pictures/%03u.png", i);
      g_autoptr (GFile) file = scratch_file (scratch, name);
      g_autoptr (GError) error = NULL;

      for (gsize k = 0; k < count_values (image); k++)
        image->pixels[k] = (float) value / 255;
      g_assert_true (ddpm_image_save_png (image, file, NULL, &error));
      g_assert_no_error (error);
    }
}
