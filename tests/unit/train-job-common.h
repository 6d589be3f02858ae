/* What the tests of whole training runs share: pictures, options of a network small enough that a run takes a
 * moment, and looks at what a run has written. */
#pragma once

#include <string.h>

#include "core/base/error.h"
#include "core/base/rng.h"
#include "core/job/train-job.h"
#include "core/job/train-plan.h"
#include "tests/unit/limit.h"
#include "tests/unit/scratch.h"

#define SIDE 8

static inline void
make_pictures (const char *scratch, const char *folder, guint count, guint n_channels)
{
  for (guint i = 0; i < count; i++)
    {
      g_autoptr (DdpmImage) image = ddpm_image_new (SIDE, SIDE, n_channels);
      g_autofree char *name = g_strdup_printf ("%s/%02u.png", folder, i);
      g_autoptr (GFile) file = scratch_file (scratch, name);
      g_autoptr (GError) error = NULL;

      ddpm_rng_uniform ((DdpmRngKey) { 1, DDPM_RNG_LATENT, i, 0 }, image->pixels, SIDE * SIDE * n_channels);
      g_assert_true (ddpm_image_save_png (image, file, NULL, &error));
      g_assert_no_error (error);
    }
}

/* The tiny network, 8 steps. */
static inline void
init_options (DdpmTrainOptions *options, const char *scratch, const char *output)
{
  ddpm_train_options_init (options);
  options->pictures = scratch_file (scratch, "pictures");
  options->output = scratch_file (scratch, output);
  options->n_channels = 2;
  options->channels[0] = 4;
  options->channels[1] = 8;
  options->layers_per_block = 1;
  options->batch = 4;
  options->steps = 8;
  options->warmup_steps = 3;
  options->lr = 1e-3;
  options->flip = TRUE;
  options->dropout = 0.1;
  options->sample_every = 0;
  options->save_every = 3;
  options->n_threads = 2;
  options->seed = 5;
}

/* Nothing but where to resume. */
static inline void
init_resume_options (DdpmTrainOptions *options, const char *scratch, const char *output)
{
  ddpm_train_options_init (options);
  options->output = scratch_file (scratch, output);
  options->resume = TRUE;
  options->n_threads = 1;
}

static inline gboolean
train (const DdpmTrainOptions *options, DdpmProgressFunc func, gpointer data, GCancellable *cancellable,
       GError **error)
{
  g_autoptr (DdpmTrainJob) job = ddpm_train_job_new (options, error);

  return job != NULL && ddpm_train_job_run (job, func, data, cancellable, error);
}

static inline void
assert_trains (const DdpmTrainOptions *options)
{
  g_autoptr (GError) error = NULL;

  train (options, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
}

static inline void
assert_resumes (const char *scratch, const char *output)
{
  g_auto (DdpmTrainOptions) options = { 0 };

  init_resume_options (&options, scratch, output);
  assert_trains (&options);
}

/* The options are refused with a sentence that has `part` in it. */
static inline void
assert_refused (const DdpmTrainOptions *options, int code, const char *part)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (train (options, NULL, NULL, NULL, &error));
  g_assert_error (error, DDPM_ERROR, code);
  if (strstr (error->message, part) == NULL)
    g_error ("\"%s\" is not in \"%s\"", part, error->message);
}

/* The decision of a run that has `free_bytes` of memory. Caller frees. */
static inline DdpmTrainJob *
prepare_within (const DdpmTrainOptions *options, guint64 free_bytes, GError **error)
{
  DdpmTrainJob *job = ddpm_train_job_new (options, NULL);

  limit_memory (free_bytes);
  ddpm_train_job_prepare (job, NULL, NULL, NULL, error);
  limit_memory (G_MAXUINT64);
  return job;
}

static inline GBytes *
read_bytes (const char *scratch, const char *output, const char *name)
{
  g_autofree char *path = g_build_filename (scratch, output, name, NULL);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GError) error = NULL;
  GBytes *bytes = g_file_load_bytes (file, NULL, NULL, &error);

  g_assert_no_error (error);
  return bytes;
}

static inline gboolean
is_same (const char *scratch, const char *output, const char *other, const char *name)
{
  g_autoptr (GBytes) a = read_bytes (scratch, output, name), b = read_bytes (scratch, other, name);

  return g_bytes_equal (a, b);
}

static inline void
assert_same_run (const char *scratch, const char *output, const char *other)
{
  g_assert_true (is_same (scratch, output, other, "training/state.safetensors"));
  g_assert_true (is_same (scratch, output, other, "unet/diffusion_pytorch_model.safetensors"));
}

/* The first column of train.csv. */
static inline char *
read_csv_steps (const char *scratch, const char *output)
{
  g_autoptr (GBytes) bytes = read_bytes (scratch, output, "train.csv");
  g_autofree char *text = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  GString *steps = g_string_new (NULL);

  for (guint i = 1; lines[i] != NULL && lines[i][0] != '\0'; i++)
    g_string_append_printf (steps, "%.*s ", (int) (strchr (lines[i], ',') - lines[i]), lines[i]);
  return g_string_free (steps, FALSE);
}

typedef struct
{
  guint64 step; /* at which to act */
  GCancellable *cancellable;
  guint n_messages;
  guint n_sampling;
  guint64 last_step;
  double last_loss;
} Watch;

static inline void
watch (const DdpmProgress *progress, gpointer data)
{
  Watch *w = data;

  w->n_messages += progress->message != NULL;
  w->n_sampling += progress->phase == DDPM_PHASE_SAMPLE;
  if (progress->phase != DDPM_PHASE_TRAIN)
    return;
  w->last_step = progress->step;
  w->last_loss = progress->loss;
  if (w->cancellable != NULL && progress->step == w->step)
    g_cancellable_cancel (w->cancellable);
}

static inline DdpmModel *
open_model (const char *scratch, const char *output)
{
  g_autoptr (GFile) folder = scratch_file (scratch, output);
  g_autoptr (GError) error = NULL;
  DdpmModel *model = ddpm_model_open (folder, &error);

  g_assert_no_error (error);
  return model;
}

static inline DdpmTrainSetup *
new_setup (const DdpmTrainOptions *options)
{
  g_autoptr (GError) error = NULL;
  DdpmTrainSetup *setup = ddpm_train_setup_new (options, NULL, NULL, NULL, &error);

  g_assert_no_error (error);
  return setup;
}
