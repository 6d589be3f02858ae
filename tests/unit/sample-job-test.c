/* The sampling job on tiny networks with random weights: what a seed means, inputs of every kind, cancelling
 * and stopping, and options that are out of range. */
#include "core/job/sample-job.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "core/base/error.h"

#define SIZE 8 /* pixels, of the models' pictures */

static DdpmModel *
new_model (guint n_channels, guint n_classes)
{
  DdpmUnetConfig config;
  DdpmModel *model = g_new0 (DdpmModel, 1);
  g_autoptr (GError) error = NULL;

  ddpm_unet_config_init (&config);
  config.sample_width = config.sample_height = SIZE;
  config.in_channels = config.out_channels = n_channels;
  config.n_levels = 2;
  for (guint i = 0; i < 2; i++)
    {
      config.down_block_types[i] = config.up_block_types[i] = DDPM_BLOCK_PLAIN;
      config.block_out_channels[i] = 8;
    }
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
  return model;
}

static DdpmSampleOptions
new_options (const DdpmModel *model)
{
  DdpmSampleOptions options;

  ddpm_sample_options_init (&options, model);
  options.n_steps = 5;
  options.n_threads = 1;
  return options;
}

static DdpmSampleJob *
new_job (DdpmModel *model, const DdpmSampleOptions *options)
{
  g_autoptr (GError) error = NULL;
  DdpmSampleJob *job = ddpm_sample_job_new (model, options, &error);

  g_assert_no_error (error);
  return job;
}

/* A job that has run. */
static DdpmSampleJob *
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

static const DdpmImage *
get_image (DdpmSampleJob *job, guint index)
{
  guint n_images;
  DdpmImage *const *images = ddpm_sample_job_get_images (job, &n_images);

  g_assert_cmpuint (index, <, n_images);
  return images[index];
}

static gsize
count_values (const DdpmImage *image)
{
  return (gsize) image->width * image->height * image->n_channels;
}

static double
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

static void
assert_same_bytes (const DdpmImage *a, const DdpmImage *b)
{
  g_assert_cmpuint (a->width, ==, b->width);
  g_assert_cmpuint (a->height, ==, b->height);
  g_assert_cmpuint (a->n_channels, ==, b->n_channels);
  g_assert_cmpmem (a->pixels, count_values (a) * sizeof (float), b->pixels,
                   count_values (b) * sizeof (float));
}

/* A smooth picture; alpha, where there is one, runs from 0 to 1 from top to bottom. */
static DdpmImage *
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

static DdpmImage *
new_plain_image (float value)
{
  DdpmImage *image = ddpm_image_new (SIZE, SIZE, 3);

  for (gsize i = 0; i < count_values (image); i++)
    image->pixels[i] = value;
  return image;
}

static double
get_mean (const DdpmImage *image)
{
  double sum = 0;

  for (gsize i = 0; i < count_values (image); i++)
    sum += image->pixels[i];
  return sum / (double) count_values (image);
}

static void
test_defaults (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSampleOptions options;

  ddpm_sample_options_init (&options, model);
  g_assert_cmpint (options.sampler, ==, DDPM_SAMPLER_DDIM);
  g_assert_cmpuint (options.n_steps, ==, 50);
  g_assert_cmpuint (options.count, ==, 1);

  model->notes.recommended_sampler = g_strdup ("ddpm");
  model->notes.recommended_steps = 250;
  ddpm_sample_options_init (&options, model);
  g_assert_cmpint (options.sampler, ==, DDPM_SAMPLER_DDPM);
  g_assert_cmpuint (options.n_steps, ==, 250);

  model->scheduler.num_train_timesteps = 100;
  ddpm_sample_options_init (&options, model);
  g_assert_cmpuint (options.n_steps, ==, 100);
}

static void
test_generate (void)
{
  for (guint n_channels = 1; n_channels <= 4; n_channels++)
    {
      g_autoptr (DdpmModel) model = new_model (n_channels, 0);
      DdpmSampleOptions options = new_options (model);
      g_autoptr (DdpmSampleJob) job = NULL, again = NULL, other = NULL;

      options.count = 3;
      options.seed = 7;
      job = run_job (model, &options);
      again = run_job (model, &options);
      options.seed = 8;
      other = run_job (model, &options);
      for (guint i = 0; i < 3; i++)
        {
          const DdpmImage *image = get_image (job, i);

          g_assert_cmpuint (image->width, ==, SIZE);
          g_assert_cmpuint (image->height, ==, SIZE);
          g_assert_cmpuint (image->n_channels, ==, n_channels);
          for (gsize v = 0; v < count_values (image); v++)
            g_assert_true (image->pixels[v] >= 0 && image->pixels[v] <= 1);
          assert_same_bytes (image, get_image (again, i));
          g_assert_cmpfloat (get_difference (image, get_image (other, i)), >, 0.1);
          g_assert_cmpfloat (get_difference (image, get_image (job, (i + 1) % 3)), >, 0.1);
        }
    }
}

static void
test_size (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = NULL;

  options.width = 12;
  options.height = 6;
  job = run_job (model, &options);
  g_assert_cmpuint (get_image (job, 0)->width, ==, 12);
  g_assert_cmpuint (get_image (job, 0)->height, ==, 6);
}

/* Bytes do not depend on threads, nor on how many pictures are made besides; with another batch the noise is
 * the same. */
static void
test_what_a_seed_means (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);

  for (guint kind = DDPM_SAMPLER_DDPM; kind <= DDPM_SAMPLER_DDIM; kind++)
    {
      DdpmSampleOptions options = new_options (model);
      g_autoptr (DdpmSampleJob) job = NULL, threaded = NULL, more = NULL, alone = NULL;

      options.sampler = kind;
      options.eta = 0.5;
      options.seed = DDPM_MAX_SEED;
      options.count = 3;
      options.batch = 2;
      job = run_job (model, &options);
      options.n_threads = 3;
      threaded = run_job (model, &options);
      options.count = 5;
      more = run_job (model, &options);
      options.count = 3;
      options.batch = 1;
      alone = run_job (model, &options);
      for (guint i = 0; i < 3; i++)
        {
          assert_same_bytes (get_image (job, i), get_image (threaded, i));
          assert_same_bytes (get_image (job, i), get_image (more, i));
          g_assert_cmpfloat (get_difference (get_image (job, i), get_image (alone, i)), <, 1e-4);
        }
    }
}

/* The last row of a class table means "no label". */
static void
test_label (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 4);
  const DdpmParam *table = ddpm_unet_find_param (model->unet, "class_embedding.weight");
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = NULL, other_rows = NULL, other_label = NULL;
  gsize n_columns;

  g_assert_nonnull (table);
  n_columns = table->shape[1];
  job = run_job (model, &options);
  memset (model->weights + table->offset, 0, 3 * n_columns * sizeof (float));
  other_rows = run_job (model, &options);
  memset (model->weights + table->offset + 3 * n_columns, 0, n_columns * sizeof (float));
  other_label = run_job (model, &options);
  assert_same_bytes (get_image (job, 0), get_image (other_rows, 0));
  g_assert_cmpfloat (get_difference (get_image (job, 0), get_image (other_label, 0)), >, 0);
}

static void
test_strength_0 (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) input = new_image (13, 5, 4);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = NULL;

  options.task = DDPM_TASK_VARY;
  options.strength = 0;
  options.count = 2;
  options.inputs[0] = input;
  job = run_job (model, &options);
  assert_same_bytes (get_image (job, 0), input);
  assert_same_bytes (get_image (job, 1), input);
  g_assert_cmpuint (ddpm_sample_job_get_total_steps (job), ==, 0);
}

/* Any channel count into any model: the input's size, the model's channels, the input's alpha where the model
 * has none. */
static void
test_vary_channels (void)
{
  for (guint n_channels = 1; n_channels <= 4; n_channels++)
    {
      g_autoptr (DdpmModel) model = new_model (n_channels, 0);
      const gboolean has_alpha = n_channels == 2 || n_channels == 4;

      model->notes.premultiplied = has_alpha;
      for (guint input_channels = 1; input_channels <= 4; input_channels++)
        {
          g_autoptr (DdpmImage) input = new_image (11, 9, input_channels);
          const gboolean input_alpha = input_channels == 2 || input_channels == 4;
          DdpmSampleOptions options = new_options (model);
          g_autoptr (DdpmSampleJob) job = NULL;
          const DdpmImage *image;

          options.task = DDPM_TASK_VARY;
          options.inputs[0] = input;
          job = run_job (model, &options);
          image = get_image (job, 0);
          g_assert_cmpuint (image->width, ==, 11);
          g_assert_cmpuint (image->height, ==, 9);
          g_assert_cmpuint (image->n_channels, ==, n_channels + (input_alpha && !has_alpha));
          if (input_alpha && !has_alpha)
            for (guint i = 0; i < 11 * 9; i++)
              g_assert_cmpfloat (image->pixels[i * image->n_channels + image->n_channels - 1], ==,
                                 input->pixels[i * input_channels + input_channels - 1]);
        }
    }
}

/* The more strength, the further from the input. */
static void
test_vary_strength (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) input = new_image (SIZE, SIZE, 3);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) weak = NULL, strong = NULL;

  options.task = DDPM_TASK_VARY;
  options.n_steps = 100;
  options.count = 2;
  options.inputs[0] = input;
  options.strength = 0.02;
  weak = run_job (model, &options);
  options.strength = 1;
  strong = run_job (model, &options);
  g_assert_cmpuint (ddpm_sample_job_get_total_steps (weak), ==, 3);
  g_assert_cmpuint (ddpm_sample_job_get_total_steps (strong), ==, 100);
  for (guint i = 0; i < 2; i++)
    {
      g_assert_cmpfloat (get_difference (input, get_image (weak, i)), >, 0);
      g_assert_cmpfloat (get_difference (input, get_image (weak, i)), <, 0.3);
      g_assert_cmpfloat (get_difference (input, get_image (strong, i)), >, 0.4);
    }
  g_assert_cmpfloat (get_difference (get_image (weak, 0), get_image (weak, 1)), >, 0);
}

/* A spacing that ends far above t0 still denoises what was noised, in one step. */
static void
test_vary_below_last_timestep (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) input = new_image (SIZE, SIZE, 3);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = NULL;

  model->scheduler.timestep_spacing = DDPM_SPACING_TRAILING;
  options.task = DDPM_TASK_VARY;
  options.inputs[0] = input;
  options.strength = 0.05;
  job = run_job (model, &options);
  g_assert_cmpuint (ddpm_sample_job_get_total_steps (job), ==, 1);
}

/* From the lower to the upper, ends not repeated. */
static void
test_interpolate_order (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) lower = new_plain_image (0.2f), upper = new_plain_image (0.8f);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) plain = NULL, job = NULL;

  options.task = DDPM_TASK_INTERPOLATE;
  options.count = 3;
  options.n_steps = 100;
  options.inputs[0] = lower;
  options.inputs[1] = upper;
  options.strength = 0;
  plain = run_job (model, &options);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (DdpmImage) mixture = new_plain_image (0.2f + 0.6f * (float) (i + 1) / 4);

      g_assert_cmpfloat (get_difference (get_image (plain, i), mixture), <, 1e-6);
    }

  options.strength = 0.02;
  job = run_job (model, &options);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpfloat_with_epsilon (get_mean (get_image (job, i)), get_mean (get_image (plain, i)), 0.05);
}

/* Both ends and all in-betweens share one noise: between a picture and itself there is one and the same
 * picture. */
static void
test_interpolate_noise (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) input = new_image (SIZE, SIZE, 3);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = NULL, vary = NULL;

  options.task = DDPM_TASK_INTERPOLATE;
  options.sampler = DDPM_SAMPLER_DDPM;
  options.count = 3;
  options.batch = 2;
  options.inputs[0] = options.inputs[1] = input;
  job = run_job (model, &options);
  for (guint i = 1; i < 3; i++)
    g_assert_cmpfloat (get_difference (get_image (job, 0), get_image (job, i)), <, 1e-4);

  /* and it is the first variation with that seed */
  options.task = DDPM_TASK_VARY;
  vary = run_job (model, &options);
  g_assert_cmpfloat (get_difference (get_image (job, 0), get_image (vary, 0)), <, 1e-4);
  g_assert_cmpfloat (get_difference (get_image (vary, 1), get_image (vary, 0)), >, 0.01);
}

static void
test_interpolate_kinds (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) lower = new_image (10, 6, 4), upper = new_image (7, 9, 1);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = NULL;
  const DdpmImage *image;

  options.task = DDPM_TASK_INTERPOLATE;
  options.inputs[0] = lower;
  options.inputs[1] = upper;
  job = run_job (model, &options);
  image = get_image (job, 0);
  g_assert_cmpuint (image->width, ==, 10);
  g_assert_cmpuint (image->height, ==, 6);
  g_assert_cmpuint (image->n_channels, ==, 4);
  /* half of the lower's alpha, half of the upper's, which is opaque */
  g_assert_cmpfloat_with_epsilon (image->pixels[3], 0.5, 1e-6);
  g_assert_cmpfloat_with_epsilon (image->pixels[count_values (image) - 1], 1, 1e-6);
}

typedef struct
{
  DdpmSampleJob *job;
  GCancellable *cancellable;
  guint64 cancel_at, stop_at, last;
  DdpmImage *preview; /* the first picture of the last preview */
} Watch;

static void
watch_progress (const DdpmProgress *progress, gpointer data)
{
  Watch *watch = data;

  g_assert_cmpint (progress->phase, ==, DDPM_PHASE_SAMPLE);
  g_assert_cmpuint (progress->step, ==, watch->last + 1);
  g_assert_cmpuint (progress->total, ==, ddpm_sample_job_get_total_steps (watch->job));
  g_assert_true (isnan (progress->loss));
  g_assert_cmpuint (progress->n_preview, >, 0);
  g_assert_cmpuint (progress->preview[0]->width, ==, SIZE);
  watch->last = progress->step;
  g_clear_pointer (&watch->preview, ddpm_image_free);
  watch->preview = ddpm_image_copy (progress->preview[0]);
  if (progress->step == watch->cancel_at)
    g_cancellable_cancel (watch->cancellable);
  if (progress->step == watch->stop_at)
    ddpm_sample_job_stop_here (watch->job);
}

static void
test_progress (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = NULL;
  Watch watch = { 0 };

  options.count = 3;
  options.batch = 2;
  watch.job = job = new_job (model, &options);
  g_assert_cmpuint (ddpm_sample_job_get_total_steps (job), ==, 10);
  g_assert_true (ddpm_sample_job_run (job, watch_progress, &watch, NULL, NULL));
  g_assert_cmpuint (watch.last, ==, 10);
  ddpm_image_free (watch.preview);
}

/* The first batch was finished and is kept. */
static void
test_cancel (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (DdpmSampleJob) job = NULL, whole = NULL;
  g_autoptr (GError) error = NULL;
  Watch watch = { .cancellable = cancellable, .cancel_at = 7 };
  guint n_images;

  options.count = 5;
  options.batch = 2;
  whole = run_job (model, &options);
  watch.job = job = new_job (model, &options);
  g_assert_false (ddpm_sample_job_run (job, watch_progress, &watch, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpuint (watch.last, ==, 7);
  ddpm_sample_job_get_images (job, &n_images);
  g_assert_cmpuint (n_images, ==, 2);
  for (guint i = 0; i < 2; i++)
    assert_same_bytes (get_image (job, i), get_image (whole, i));
  ddpm_image_free (watch.preview);
}

/* The estimate that was shown last is what comes out; the second batch is never begun. */
static void
test_stop_here (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = NULL;
  Watch watch = { .stop_at = 3 };
  guint n_images;

  options.count = 4;
  options.batch = 2;
  watch.job = job = new_job (model, &options);
  g_assert_true (ddpm_sample_job_run (job, watch_progress, &watch, NULL, NULL));
  g_assert_cmpuint (watch.last, ==, 3);
  ddpm_sample_job_get_images (job, &n_images);
  g_assert_cmpuint (n_images, ==, 2);
  assert_same_bytes (get_image (job, 0), watch.preview);
  ddpm_image_free (watch.preview);
}

typedef struct
{
  gboolean called, succeeded;
  GError *error;
} AsyncEnd;

static void
on_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  AsyncEnd *end = data;

  end->called = TRUE;
  end->succeeded = ddpm_sample_job_run_finish (DDPM_SAMPLE_JOB (source), result, &end->error);
}

static void
test_async (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSampleOptions options = new_options (model);

  options.count = 3;
  options.batch = 1;
  for (guint cancelled = 0; cancelled < 2; cancelled++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (DdpmSampleJob) job = new_job (model, &options);
      Watch watch = { .job = job, .cancellable = cancellable, .cancel_at = cancelled ? 11 : 0 };
      AsyncEnd end = { 0 };
      guint n_images;

      ddpm_sample_job_run_async (job, watch_progress, &watch, cancellable, on_ready, &end);
      while (!end.called)
        g_main_context_iteration (NULL, TRUE);
      ddpm_sample_job_get_images (job, &n_images);
      g_assert_cmpuint (n_images, ==, cancelled ? 2 : 3);
      g_assert_cmpint (end.succeeded, ==, !cancelled);
      if (cancelled)
        g_assert_error (end.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
      g_clear_error (&end.error);
      ddpm_image_free (watch.preview);
    }
}

static void
test_not_finite (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = NULL;
  g_autoptr (GError) error = NULL;

  model->weights[0] = NAN;
  job = new_job (model, &options);
  g_assert_false (ddpm_sample_job_run (job, NULL, NULL, NULL, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_NUMERIC);
  g_assert_nonnull (strstr (error->message, "tiny"));
}

static void
test_describe (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) input = new_image (SIZE, SIZE, 3);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = NULL;
  g_autofree char *text = NULL;
  g_autoptr (JsonNode) node = NULL;
  JsonObject *object;

  options.task = DDPM_TASK_INTERPOLATE;
  options.count = 3;
  options.seed = 42;
  options.strength = 0.25;
  options.inputs[0] = options.inputs[1] = input;
  job = new_job (model, &options);
  text = ddpm_sample_job_describe (job, 1);
  g_assert_null (strchr (text, '\n'));
  node = json_from_string (text, NULL);
  g_assert_nonnull (node);
  object = json_node_get_object (node);
  g_assert_cmpstr (json_object_get_string_member (object, "task"), ==, "interpolate");
  g_assert_cmpstr (json_object_get_string_member (object, "model"), ==, "tiny");
  g_assert_cmpstr (json_object_get_string_member (object, "sampler"), ==, "ddim");
  g_assert_cmpstr (json_object_get_string_member (object, "version"), ==, DDPM_VERSION);
  g_assert_cmpint (json_object_get_int_member (object, "seed"), ==, 42);
  g_assert_cmpint (json_object_get_int_member (object, "index"), ==, 1);
  g_assert_cmpint (json_object_get_int_member (object, "count"), ==, 3);
  g_assert_cmpint (json_object_get_int_member (object, "steps"), ==, 5);
  g_assert_cmpfloat (json_object_get_double_member (object, "eta"), ==, 0);
  g_assert_cmpfloat (json_object_get_double_member (object, "strength"), ==, 0.25);
  g_assert_cmpfloat (json_object_get_double_member (object, "lambda"), ==, 0.5);
}

static void
test_memory (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) one = NULL, many = NULL;

  options.count = 40;
  options.batch = 1;
  one = new_job (model, &options);
  options.batch = 40;
  many = new_job (model, &options);
  g_assert_cmpuint (ddpm_sample_job_predict_bytes (one), >,
                    ddpm_unet_predict_pass_bytes (model->unet, 1, SIZE, SIZE, DDPM_PASS_INFERENCE));
  g_assert_cmpuint (ddpm_sample_job_predict_bytes (many), >, ddpm_sample_job_predict_bytes (one));

  /* Left open, the batch is a small one, and batches are about equal. */
  g_clear_object (&many);
  options.batch = 0;
  options.count = 17;
  many = new_job (model, &options);
  g_assert_cmpuint (ddpm_sample_job_get_total_steps (many), ==, 2 * options.n_steps);
}

static void
assert_refused (DdpmModel *model, const DdpmSampleOptions *options, int code, const char *word)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (ddpm_sample_job_new (model, options, &error));
  g_assert_error (error, DDPM_ERROR, code);
  g_assert_nonnull (strstr (error->message, word));
}

static void
test_bad_options (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) input = new_image (SIZE, SIZE, 3);
  const DdpmSampleOptions good = new_options (model);
  DdpmSampleOptions options;

  options = good;
  options.count = 0;
  assert_refused (model, &options, DDPM_ERROR_USAGE, "number of pictures");
  options.count = DDPM_MAX_COUNT + 1;
  assert_refused (model, &options, DDPM_ERROR_USAGE, "number of pictures");

  options = good;
  options.seed = DDPM_MAX_SEED + 1u;
  assert_refused (model, &options, DDPM_ERROR_USAGE, "seed");

  options = good;
  options.n_steps = 0;
  assert_refused (model, &options, DDPM_ERROR_USAGE, "steps");
  options.n_steps = 1001;
  assert_refused (model, &options, DDPM_ERROR_USAGE, "steps");

  options = good;
  options.eta = 1.5;
  assert_refused (model, &options, DDPM_ERROR_USAGE, "eta");

  options = good;
  options.width = 9;
  assert_refused (model, &options, DDPM_ERROR_USAGE, "9");
  options.width = G_MAXUINT - 1;
  assert_refused (model, &options, DDPM_ERROR_USAGE, "too large");

  options = good;
  options.task = DDPM_TASK_VARY;
  assert_refused (model, &options, DDPM_ERROR_USAGE, "one picture");
  options.inputs[0] = input;
  options.strength = 1.01;
  assert_refused (model, &options, DDPM_ERROR_USAGE, "strength");
  options.strength = NAN;
  assert_refused (model, &options, DDPM_ERROR_USAGE, "strength");
  options.strength = 0;
  options.n_steps = 5000;
  assert_refused (model, &options, DDPM_ERROR_USAGE, "steps");

  options = good;
  options.task = DDPM_TASK_INTERPOLATE;
  options.inputs[0] = input;
  assert_refused (model, &options, DDPM_ERROR_USAGE, "two pictures");

  options = good;
  model->notes.circular_padding = TRUE;
  assert_refused (model, &options, DDPM_ERROR_UNSUPPORTED, "circular");
}

static void
test_bad_models (void)
{
  g_autoptr (DdpmModel) model = new_model (5, 0);
  DdpmSampleOptions options = new_options (model);

  assert_refused (model, &options, DDPM_ERROR_UNSUPPORTED, "5 channels");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sample-job/defaults", test_defaults);
  g_test_add_func ("/sample-job/generate", test_generate);
  g_test_add_func ("/sample-job/size", test_size);
  g_test_add_func ("/sample-job/what-a-seed-means", test_what_a_seed_means);
  g_test_add_func ("/sample-job/label", test_label);
  g_test_add_func ("/sample-job/strength-0", test_strength_0);
  g_test_add_func ("/sample-job/vary-channels", test_vary_channels);
  g_test_add_func ("/sample-job/vary-strength", test_vary_strength);
  g_test_add_func ("/sample-job/vary-below-last-timestep", test_vary_below_last_timestep);
  g_test_add_func ("/sample-job/interpolate-order", test_interpolate_order);
  g_test_add_func ("/sample-job/interpolate-noise", test_interpolate_noise);
  g_test_add_func ("/sample-job/interpolate-kinds", test_interpolate_kinds);
  g_test_add_func ("/sample-job/progress", test_progress);
  g_test_add_func ("/sample-job/cancel", test_cancel);
  g_test_add_func ("/sample-job/stop-here", test_stop_here);
  g_test_add_func ("/sample-job/async", test_async);
  g_test_add_func ("/sample-job/not-finite", test_not_finite);
  g_test_add_func ("/sample-job/describe", test_describe);
  g_test_add_func ("/sample-job/memory", test_memory);
  g_test_add_func ("/sample-job/bad-options", test_bad_options);
  g_test_add_func ("/sample-job/bad-models", test_bad_models);
  return g_test_run ();
}
