/* What the tests of model folders share: small ones with labels, and looks at them. */
#pragma once

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "core/base/error.h"
#include "core/model/model.h"
#include "tests/unit/scratch.h"

#define WEIGHTS "diffusion_pytorch_model.safetensors"

static inline DdpmUnet *
new_unet (guint first_width)
{
  g_autoptr (GError) error = NULL;
  DdpmUnetConfig config;
  DdpmUnet *unet;

  ddpm_unet_config_init (&config);
  config.n_levels = 2;
  config.in_channels = config.out_channels = 4;
  config.sample_height = config.sample_width = 16;
  config.block_out_channels[0] = first_width;
  config.block_out_channels[1] = 8;
  config.down_block_types[1] = config.up_block_types[0] = DDPM_BLOCK_ATTENTION;
  config.down_block_types[0] = config.up_block_types[1] = DDPM_BLOCK_PLAIN;
  config.layers_per_block = 1;
  config.norm_num_groups = 4;
  config.class_embed = DDPM_CLASS_EMBED_TABLE;
  config.num_class_embeds = 3;
  unet = ddpm_unet_new (&config, &error);
  g_assert_no_error (error);
  return unet;
}

/* The folder of a model of this width, whose weights depend on the seed; two labels. */
static inline GFile *
save_model (const char *scratch, const char *name, guint first_width, guint32 seed, DdpmDtype dtype)
{
  g_autofree char *path = g_build_filename (scratch, name, NULL);
  g_autoptr (GFile) folder = g_file_new_for_path (path);
  g_autoptr (DdpmUnet) unet = new_unet (first_width);
  g_autofree float *weights = g_new (float, ddpm_unet_get_n_weights (unet));
  g_auto (DdpmSchedulerConfig) scheduler = { 0 };
  char *labels[] = { (char *) "cat", (char *) "dog", NULL };
  const DdpmModelNotes notes = {
    .premultiplied = TRUE, .circular_padding = TRUE, .recommended_steps = 20, .labels = labels
  };
  g_autoptr (GError) error = NULL;

  ddpm_unet_init_weights (unet, seed, weights);
  ddpm_scheduler_config_init (&scheduler);
  scheduler.variance_type = DDPM_VARIANCE_FIXED_LARGE;
  ddpm_model_save (folder, unet, weights, &scheduler, &notes, dtype, &error);
  g_assert_no_error (error);
  return g_steal_pointer (&folder);
}

static inline DdpmModel *
open_model (GFile *folder)
{
  g_autoptr (GError) error = NULL;
  DdpmModel *model = ddpm_model_open (folder, &error);

  g_assert_no_error (error);
  return model;
}

static inline void
assert_weights (const DdpmModel *model, guint32 seed, float tolerance)
{
  gsize n = ddpm_unet_get_n_weights (model->unet);
  g_autofree float *expected = g_new (float, n);

  ddpm_unet_init_weights (model->unet, seed, expected);
  for (gsize i = 0; i < n; i++)
    g_assert_cmpfloat (fabsf (model->weights[i] - expected[i]), <=,
                       tolerance * (fabsf (expected[i]) + 1e-4f));
}

static inline void
assert_refused (GFile *folder, DdpmError code, const char *reason)
{
  g_autoptr (GError) error = NULL, header_error = NULL;
  g_autoptr (DdpmModel) model = ddpm_model_open (folder, &error);
  g_autoptr (DdpmModel) header = ddpm_model_open_header (folder, &header_error);

  g_assert_null (model);
  g_assert_null (header);
  g_assert_error (error, DDPM_ERROR, (gint) code);
  g_test_message ("%s", error->message);
  g_assert_cmpstr (error->message, ==, header_error->message);
  g_assert_nonnull (strstr (error->message, reason));
}

static inline void
write_text (GFile *folder, const char *name, const char *text)
{
  scratch_write (g_file_peek_path (folder), name, text, strlen (text));
}

static inline void
delete_file (GFile *folder, const char *name)
{
  g_autofree char *path = g_build_filename (g_file_peek_path (folder), name, NULL);

  g_assert_cmpint (g_remove (path), ==, 0);
}

static inline void
rename_file (GFile *folder, const char *from, const char *to)
{
  g_autofree char *from_path = g_build_filename (g_file_peek_path (folder), from, NULL);
  g_autofree char *to_path = g_build_filename (g_file_peek_path (folder), to, NULL);

  g_assert_cmpint (g_rename (from_path, to_path), ==, 0);
}
