/* Tiny models with random weights, and jobs on them, for the tests of the sampling job. */
#pragma once

#include "core/job/sample-job.h"

#include <math.h>

#define SIZE 8 /* pixels, of the models' pictures */

/* block: of the deeper level, on both ways. */
static inline DdpmModel *
new_block_model (guint n_channels, guint n_classes, DdpmVariance variance, DdpmBlockType block)
{
  DdpmUnetConfig config;
  DdpmModel *model = g_new0 (DdpmModel, 1);
  g_autoptr (GError) error = NULL;

  ddpm_unet_config_init (&config);
  config.sample_width = config.sample_height = SIZE;
  config.in_channels = n_channels;
  config.out_channels = ddpm_variance_get_out_channels (variance, n_channels);
  config.n_levels = 2;
  for (guint i = 0; i < 2; i++)
    {
      config.down_block_types[i] = config.up_block_types[i] = DDPM_BLOCK_PLAIN;
      config.block_out_channels[i] = 8;
    }
  config.down_block_types[1] = config.up_block_types[0] = block;
  config.add_attention = block == DDPM_BLOCK_ATTENTION;
  config.layers_per_block = 1;
  config.norm_num_groups = 2;
  config.class_embed = n_classes > 0 ? DDPM_CLASS_EMBED_TABLE : DDPM_CLASS_EMBED_NONE;
  config.num_class_embeds = n_classes;

  model->name = g_strdup ("tiny");
  model->unet = ddpm_unet_new (&config, &error);
  g_assert_no_error (error);
  model->weights = g_new (float, ddpm_unet_get_n_weights (model->unet));
  ddpm_unet_init_weights (model->unet, 1, model->weights);
  ddpm_scheduler_config_init (&model->scheduler);
  model->scheduler.variance_type = variance;
  return model;
}

static inline DdpmModel *
new_variance_model (guint n_channels, guint n_classes, DdpmVariance variance)
{
  return new_block_model (n_channels, n_classes, variance, DDPM_BLOCK_PLAIN);
}

static inline DdpmModel *
new_attention_model (void)
{
  return new_block_model (3, 0, DDPM_VARIANCE_FIXED_SMALL, DDPM_BLOCK_ATTENTION);
}

static inline DdpmModel *
new_model (guint n_channels, guint n_classes)
{
  return new_variance_model (n_channels, n_classes, DDPM_VARIANCE_FIXED_SMALL);
}

static inline DdpmSampleOptions
new_options (const DdpmModel *model)
{
  DdpmSampleOptions options;

  ddpm_sample_options_init (&options, model);
  options.sampler = DDPM_SAMPLER_DDIM;
  options.n_steps = 5;
  options.n_threads = 1;
  options.preview = TRUE;
  return options;
}

static inline DdpmSampleJob *
new_job (DdpmModel *model, const DdpmSampleOptions *options)
{
  g_autoptr (GError) error = NULL;
  DdpmSampleJob *job = ddpm_sample_job_new (model, options, &error);

  g_assert_no_error (error);
  return job;
}

/* A job that has run. */
static inline DdpmSampleJob *
run_job (DdpmModel *model, const DdpmSampleOptions *options)
{
  g_autoptr (GError) error = NULL;
  DdpmSampleJob *job = new_job (model, options);
  guint n_images;

  ddpm_sample_job_run (job, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  ddpm_sample_job_get_images (job, &n_images);
  g_assert_cmpuint (n_images, ==, options->count);
  return job;
}

static inline const DdpmImage *
get_image (DdpmSampleJob *job, guint index)
{
  guint n_images;
  DdpmImage *const *images = ddpm_sample_job_get_images (job, &n_images);

  g_assert_cmpuint (index, <, n_images);
  return images[index];
}

static inline gsize
count_values (const DdpmImage *image)
{
  return (gsize) image->width * image->height * image->n_channels;
}

static inline double
get_difference (const DdpmImage *a, const DdpmImage *b)
{
  double largest = 0;

  g_assert_cmpuint (a->width, ==, b->width);
  g_assert_cmpuint (a->height, ==, b->height);
  g_assert_cmpuint (a->n_channels, ==, b->n_channels);
  for (gsize i = 0; i < count_values (a); i++)
    largest = MAX (largest, fabs ((double) a->pixels[i] - b->pixels[i]));
  return largest;
}

static inline void
assert_same_bytes (const DdpmImage *a, const DdpmImage *b)
{
  g_assert_cmpuint (a->width, ==, b->width);
  g_assert_cmpuint (a->height, ==, b->height);
  g_assert_cmpuint (a->n_channels, ==, b->n_channels);
  g_assert_cmpmem (a->pixels, count_values (a) * sizeof (float), b->pixels,
                   count_values (b) * sizeof (float));
}

/* A smooth picture; alpha, where there is one, runs from 0 to 1 from top to bottom. */
static inline DdpmImage *
new_image (guint width, guint height, guint n_channels)
{
  DdpmImage *image = ddpm_image_new (width, height, n_channels);

  for (guint y = 0; y < height; y++)
    for (guint x = 0; x < width; x++)
      for (guint c = 0; c < n_channels; c++)
        image->pixels[((gsize) y * width + x) * n_channels + c] =
          (n_channels == 2 || n_channels == 4) && c == n_channels - 1
            ? (float) y / (float) (height - 1)
            : 0.5f + 0.4f * sinf (0.5f * (float) x + (float) c);
  return image;
}
