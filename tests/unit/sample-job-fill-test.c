/* The sampling job's fill: pictures and masks of every kind, what stays and what becomes of it. Whether a
 * fill fits is shown by mask-test.c, on data that a formula knows. */
#include "tests/unit/sample-job-common.h"

#include <string.h>

#include "core/base/error.h"
#include "core/job/sample-pieces.h"

static DdpmImage *
new_mask (guint width, guint height, guint x, guint y, guint size)
{
  DdpmImage *mask = ddpm_image_new (width, height, 1);

  for (guint v = y; v < y + size; v++)
    for (guint u = x; u < x + size; u++)
      mask->pixels[v * width + u] = 1;
  return mask;
}

static DdpmSampleOptions
new_fill_options (const DdpmModel *model, const DdpmImage *input, const DdpmImage *mask)
{
  DdpmSampleOptions options = new_options (model);

  options.task = DDPM_TASK_FILL;
  options.inputs[0] = input;
  options.mask = mask;
  options.resamplings = 2;
  return options;
}

/* The picture's kind grows by what the model adds; where the mask is 0 not a bit changes. */
static void
assert_kept (const DdpmImage *image, const DdpmImage *input, const DdpmImage *mask)
{
  g_autoptr (DdpmImage) converted = ddpm_image_convert (input, image->n_channels);

  g_assert_cmpuint (image->width, ==, input->width);
  g_assert_cmpuint (image->height, ==, input->height);
  for (gsize i = 0; i < (gsize) input->width * input->height; i++)
    if (mask->pixels[i] == 0)
      g_assert_cmpmem (image->pixels + i * image->n_channels, image->n_channels * sizeof (float),
                       converted->pixels + i * image->n_channels, image->n_channels * sizeof (float));
}

static double
get_change (const DdpmImage *image, const DdpmImage *input, gsize pixel)
{
  g_autoptr (DdpmImage) converted = ddpm_image_convert (input, image->n_channels);
  double change = 0;

  for (guint c = 0; c < image->n_channels; c++)
    change = MAX (change, fabs ((double) image->pixels[pixel * image->n_channels + c]
                                - converted->pixels[pixel * image->n_channels + c]));
  return change;
}

static void
test_channels (void)
{
  for (guint n_channels = 1; n_channels <= 4; n_channels++)
    {
      g_autoptr (DdpmModel) model = new_model (n_channels, 0);

      model->notes.premultiplied = n_channels % 2 == 0;
      for (guint input_channels = 1; input_channels <= 4; input_channels++)
        {
          g_autoptr (DdpmImage) input = new_image (11, 9, input_channels);
          g_autoptr (DdpmImage) mask = new_mask (11, 9, 3, 5, 3);
          DdpmSampleOptions options = new_fill_options (model, input, mask);
          const gboolean has_alpha = input_channels % 2 == 0, made_alpha = n_channels % 2 == 0;
          g_autoptr (DdpmSampleJob) job = run_job (model, &options);
          const DdpmImage *image = get_image (job, 0);

          g_assert_cmpuint (image->n_channels, ==,
                            (MAX (input_channels, n_channels) >= 3 ? 3 : 1) + (has_alpha || made_alpha));
          assert_kept (image, input, mask);
          g_assert_cmpfloat (get_change (image, input, 6 * 11 + 4), >, 0.001);
          /* a model without alpha leaves the picture's as it is */
          for (guint i = 0; i < 11 * 9 && has_alpha && !made_alpha; i++)
            g_assert_cmpfloat (image->pixels[i * image->n_channels + image->n_channels - 1], ==,
                               input->pixels[i * input_channels + input_channels - 1]);
        }
    }
}

/* Half of a picture and half of what is made: in a picture with alpha colours count by it. */
static void
test_soft_mask (void)
{
  for (guint n_channels = 3; n_channels <= 4; n_channels++)
    {
      g_autoptr (DdpmModel) model = new_model (n_channels, 0);
      g_autoptr (DdpmImage) input = new_image (SIZE, SIZE, 3);
      g_autoptr (DdpmImage) half = ddpm_image_new (SIZE, SIZE, 1), whole = ddpm_image_new (SIZE, SIZE, 1);
      DdpmSampleOptions options = new_fill_options (model, input, half);
      g_autoptr (DdpmSampleJob) soft = NULL, hard = NULL;

      for (guint i = 0; i < SIZE * SIZE; i++)
        {
          half->pixels[i] = i < SIZE ? 0.5f : 1;
          whole->pixels[i] = 1;
        }
      /* with the last timestep alone, at 0, nothing of what is half known is put in place */
      options.n_steps = 1;
      options.resamplings = 1;
      soft = run_job (model, &options);
      options.mask = whole;
      hard = run_job (model, &options);
      for (guint i = 0; i < SIZE; i++)
        {
          const float *made = get_image (hard, 0)->pixels + i * n_channels;
          const float *mixed = get_image (soft, 0)->pixels + i * n_channels;
          const float made_alpha = n_channels == 4 ? made[3] : 1, alpha = (1 + made_alpha) / 2;

          for (guint c = 0; c < 3; c++)
            g_assert_cmpfloat_with_epsilon (mixed[c] * alpha,
                                            (input->pixels[i * 3 + c] + made[c] * made_alpha) / 2, 1e-5);
          if (n_channels == 4)
            g_assert_cmpfloat_with_epsilon (mixed[3], alpha, 1e-5);
        }
    }
}

/* A mask over everything makes a new picture; wild numbers outside of a mask stay what they are. */
static void
test_extremes (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) input = new_image (SIZE, SIZE, 3), other = new_image (SIZE, SIZE, 3);
  g_autoptr (DdpmImage) all = new_mask (SIZE, SIZE, 0, 0, SIZE), some = new_mask (SIZE, SIZE, 2, 2, 3);
  DdpmSampleOptions options = new_fill_options (model, input, all);
  g_autoptr (DdpmSampleJob) job = NULL, again = NULL, wild = NULL;

  for (gsize i = 0; i < count_values (other); i++)
    other->pixels[i] = 0.1f;
  job = run_job (model, &options);
  options.inputs[0] = other;
  again = run_job (model, &options);
  assert_same_bytes (get_image (job, 0), get_image (again, 0));

  input->pixels[0] = 1e30f;
  input->pixels[1] = -7;
  input->pixels[2] = INFINITY;
  options.inputs[0] = input;
  options.mask = some;
  wild = run_job (model, &options);
  assert_kept (get_image (wild, 0), input, some);
  g_assert_cmpfloat (get_change (get_image (wild, 0), input, 3 * SIZE + 3), >, 0.001);
}

/* Without a mask the transparent parts are filled, and are there then. */
static void
test_transparent (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) input = new_image (10, 12, 4), opaque = new_image (10, 12, 3);
  g_autoptr (DdpmImage) mask = ddpm_image_new (10, 12, 1);
  DdpmSampleOptions options = new_fill_options (model, input, NULL);
  g_autoptr (DdpmSampleJob) job = run_job (model, &options);
  g_autoptr (GError) error = NULL;
  const DdpmImage *image = get_image (job, 0);

  for (guint i = 0; i < 10 * 12; i++)
    {
      mask->pixels[i] = 1 - input->pixels[i * 4 + 3];
      g_assert_cmpfloat_with_epsilon (image->pixels[i * 4 + 3], 1, 1e-6);
    }
  assert_kept (image, input, mask);

  options.inputs[0] = opaque;
  g_assert_null (ddpm_sample_job_new (model, &options, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_USAGE);
  g_assert_nonnull (strstr (error->message, "transparent"));
}

static void
test_bad_masks (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) input = new_image (10, 8, 3), empty = ddpm_image_new (10, 8, 1);
  g_autoptr (DdpmImage) other = new_mask (8, 8, 2, 2, 2);
  DdpmSampleOptions options = new_fill_options (model, input, empty);
  g_autoptr (GError) error = NULL;

  empty->pixels[0] = NAN;
  empty->pixels[1] = -1;
  g_assert_null (ddpm_sample_job_new (model, &options, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_USAGE);
  g_assert_nonnull (strstr (error->message, "empty"));
  g_clear_error (&error);
  options.mask = other;
  g_assert_null (ddpm_sample_job_new (model, &options, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_USAGE);
  g_assert_nonnull (strstr (error->message, "8 x 8"));
  g_clear_error (&error);
  options.mask = NULL;
  options.inputs[0] = NULL;
  g_assert_null (ddpm_sample_job_new (model, &options, &error));
  g_assert_nonnull (strstr (error->message, "picture"));
  g_clear_error (&error);
  options.inputs[0] = input;
  options.resamplings = 0;
  g_assert_null (ddpm_sample_job_new (model, &options, &error));
  g_assert_nonnull (strstr (error->message, "resamplings"));
}

/* Bytes do not depend on threads, nor on how many are made besides; each fill is another one. */
static void
test_what_a_seed_means (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) input = new_image (30, 8, 3), mask = new_mask (30, 8, 1, 2, 2);
  DdpmSampleOptions options = new_fill_options (model, input, mask);
  g_autoptr (DdpmSampleJob) job = NULL, threaded = NULL, alone = NULL;

  mask->pixels[2 * 30 + 27] = 1; /* a second piece */
  options.sampler = DDPM_SAMPLER_DDPM;
  options.count = 3;
  options.batch = 4;
  job = run_job (model, &options);
  g_assert_cmpuint (ddpm_sample_job_get_total_steps (job), ==, 2 * 2 * 5);
  options.n_threads = 2;
  threaded = run_job (model, &options);
  options.count = 2;
  alone = run_job (model, &options);
  for (guint i = 0; i < 3; i++)
    {
      assert_kept (get_image (job, i), input, mask);
      assert_same_bytes (get_image (job, i), get_image (threaded, i));
      if (i < 2)
        assert_same_bytes (get_image (job, i), get_image (alone, i));
      g_assert_cmpfloat (get_difference (get_image (job, i), get_image (job, (i + 1) % 3)), >, 0.01);
      g_assert_cmpfloat (get_change (get_image (job, i), input, 2 * 30 + 27), >, 0.001);
      g_assert_cmpfloat (get_change (get_image (job, i), input, 2 * 30 + 2), >, 0.001);
    }
}

static double
get_masked_difference (const DdpmImage *a, const DdpmImage *b, const DdpmImage *mask)
{
  double largest = 0;

  for (gsize i = 0; i < count_values (a); i++)
    if (mask->pixels[i / a->n_channels] > 0)
      largest = MAX (largest, fabs ((double) a->pixels[i] - b->pixels[i]));
  return largest;
}

/* What is far away does not count. It does for a larger piece, be that scaled down or not. */
static void
test_context (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) input = new_image (40, 40, 3), other = new_image (40, 40, 3);
  g_autoptr (DdpmImage) small = new_mask (40, 40, 2, 2, 2), large = new_mask (40, 40, 2, 2, 12);

  model->scheduler.prediction_type = DDPM_PREDICT_SAMPLE; /* few of its values reach 0 or 1 */
  for (guint i = 0; i < 3 * 40 * 10; i++)
    other->pixels[3 * 40 * 20 + i] = 0;
  for (guint i = 0; i < 3; i++)
    {
      const DdpmImage *mask = i == 0 ? small : large;
      DdpmSampleOptions options = new_fill_options (model, input, mask);
      g_autoptr (DdpmSampleJob) job = NULL, changed = NULL;

      options.sizing = i == 1 ? DDPM_SIZING_FIT : DDPM_SIZING_AUTO;
      job = run_job (model, &options);
      options.inputs[0] = other;
      changed = run_job (model, &options);
      assert_kept (get_image (job, 0), input, mask);
      if (i == 0)
        g_assert_cmpfloat (get_masked_difference (get_image (job, 0), get_image (changed, 0), mask), ==, 0);
      else
        g_assert_cmpfloat (get_masked_difference (get_image (job, 0), get_image (changed, 0), mask), >, 1e-4);
    }
}

/* Nothing of what is under the mask shows in what is made, neither directly nor scaled up or down. */
static void
test_hidden (void)
{
  static const guint sizes[] = { 5, SIZE, 14 };
  g_autoptr (DdpmModel) model = new_model (3, 0);

  model->scheduler.prediction_type = DDPM_PREDICT_SAMPLE;
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      const guint n = sizes[i];
      g_autoptr (DdpmImage) input = new_image (n, n, 3), other = new_image (n, n, 3);
      g_autoptr (DdpmImage) mask = new_mask (n, n, 1, 1, n / 3 + 1);
      DdpmSampleOptions options = new_fill_options (model, input, mask);
      g_autoptr (DdpmSampleJob) job = NULL, changed = NULL;

      for (guint p = 0; p < n * n; p++)
        for (guint c = 0; c < 3 && mask->pixels[p] > 0; c++)
          other->pixels[p * 3 + c] = 1 - input->pixels[p * 3 + c];
      job = run_job (model, &options);
      options.inputs[0] = other;
      changed = run_job (model, &options);
      assert_same_bytes (get_image (job, 0), get_image (changed, 0));
    }
}

/* At the picture's own size, whole or by windows, whatever the network has to have: what is not around the
 * piece does not count, and what is made anew is. */
static void
test_sizings (void)
{
  static const DdpmSizing sizings[] = { DDPM_SIZING_AUTO, DDPM_SIZING_DIRECT, DDPM_SIZING_WINDOWS,
                                        DDPM_SIZING_FIT };
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) input = new_image (61, 47, 3);
  g_autoptr (DdpmImage) small = new_mask (61, 47, 20, 30, 2), large = new_mask (61, 47, 3, 3, 13);

  for (guint i = 0; i < G_N_ELEMENTS (sizings); i++)
    {
      DdpmSampleOptions options = new_fill_options (model, input, large);
      g_autoptr (DdpmSampleJob) job = NULL, small_job = NULL;
      g_autofree char *text = NULL;

      options.sizing = sizings[i];
      job = run_job (model, &options);
      assert_kept (get_image (job, 0), input, large);
      g_assert_cmpfloat (get_change (get_image (job, 0), input, 9 * 61 + 9), >, 0.001);
      text = ddpm_sample_job_describe (job, 0);
      /* 39 pixels around 13 are more than twice the model's 8 */
      g_assert_nonnull (strstr (text, i == 3 ? "fit" : i == 2 ? "windows" : "direct"));
      g_assert_nonnull (strstr (text, "\"width\":61"));

      options.mask = small;
      small_job = run_job (model, &options);
      assert_kept (get_image (small_job, 0), input, small);
      g_assert_cmpfloat (get_change (get_image (small_job, 0), input, 31 * 61 + 21), >, 0.001);
      g_assert_cmpuint (ddpm_sample_job_predict_bytes (small_job), <=, ddpm_sample_job_predict_bytes (job));
    }
}

static guint
count_pieces (const DdpmImage *mask, guint model_size)
{
  const DdpmRect model = { .width = model_size, .height = model_size };
  g_autoptr (GArray) pieces = ddpm_pieces_find (mask, &model);

  return pieces->len;
}

static void
test_pieces (void)
{
  g_autoptr (DdpmImage) mask = ddpm_image_new (200, 100, 1), speckled = ddpm_image_new (512, 512, 1);
  const DdpmRect model = { .width = 16, .height = 16 };
  GArray *pieces;

  g_assert_cmpuint (count_pieces (mask, 16), ==, 0);
  mask->pixels[10 * 200 + 20] = 1;
  mask->pixels[90 * 200 + 190] = 0.1f;
  g_assert_cmpuint (count_pieces (mask, 16), ==, 2);
  /* a model that sees all of it at once may as well */
  g_assert_cmpuint (count_pieces (mask, 600), ==, 1);
  /* near the first one */
  mask->pixels[12 * 200 + 17] = 1;
  pieces = ddpm_pieces_find (mask, &model);
  g_assert_cmpuint (pieces->len, ==, 2);
  for (guint i = 0; i < 2; i++)
    {
      const DdpmRect *piece = &g_array_index (pieces, DdpmRect, i);

      g_assert_cmpuint (piece->x, ==, i == 0 ? 17 : 190);
      g_assert_cmpuint (piece->y, ==, i == 0 ? 10 : 90);
      g_assert_cmpuint (piece->width, ==, i == 0 ? 4 : 1);
      g_assert_cmpuint (piece->height, ==, i == 0 ? 3 : 1);
    }
  g_array_unref (pieces);

  /* however many there are, they end up in pieces that do not overlap and hold all of them */
  for (guint y = 0; y < 512; y += 4)
    for (guint x = 0; x < 512; x += 4)
      speckled->pixels[y * 512 + x] = 1;
  g_assert_cmpuint (count_pieces (speckled, 4), ==, 1);
}

typedef struct
{
  DdpmSampleJob *job;
  GCancellable *cancellable;
  guint64 stop_at, cancel_at;
  guint n_previews;
} Watch;

static void
watch_progress (const DdpmProgress *progress, gpointer data)
{
  Watch *watch = data;

  watch->n_previews += progress->n_preview;
  g_assert_cmpuint (progress->total, ==, ddpm_sample_job_get_total_steps (watch->job));
  if (progress->step == watch->stop_at)
    ddpm_sample_job_stop_here (watch->job);
  if (progress->step == watch->cancel_at)
    g_cancellable_cancel (watch->cancellable);
}

/* Two pictures of two pieces, one piece at a time, 10 steps each. Cancelled: the finished picture; stopped:
 * the second one, too, with the estimate of its first piece. */
static void
test_stop (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  g_autoptr (DdpmImage) input = new_image (60, 8, 3), mask = new_mask (60, 8, 1, 2, 2);
  DdpmSampleOptions options = new_fill_options (model, input, mask);
  g_autoptr (DdpmSampleJob) whole = NULL;

  mask->pixels[2 * 60 + 57] = 1;
  options.count = 2;
  options.batch = 1;
  whole = run_job (model, &options);
  for (guint cancelled = 0; cancelled < 2; cancelled++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_autoptr (DdpmSampleJob) job = new_job (model, &options);
      Watch watch = { job, cancellable, cancelled ? 0 : 23, cancelled ? 23 : 0, 0 };
      guint n_images;

      g_assert_cmpuint (ddpm_sample_job_get_total_steps (job), ==, 40);
      g_assert_cmpint (ddpm_sample_job_run (job, watch_progress, &watch, cancellable, NULL), ==, !cancelled);
      g_assert_cmpuint (watch.n_previews, ==, 23);
      ddpm_sample_job_get_images (job, &n_images);
      g_assert_cmpuint (n_images, ==, cancelled ? 1 : 2);
      assert_same_bytes (get_image (job, 0), get_image (whole, 0));
      if (!cancelled)
        {
          assert_kept (get_image (job, 1), input, mask);
          g_assert_cmpfloat (get_change (get_image (job, 1), input, 2 * 60 + 1), >, 0.001);
          g_assert_cmpfloat (get_change (get_image (job, 1), input, 2 * 60 + 57), ==, 0);
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sample-job-fill/channels", test_channels);
  g_test_add_func ("/sample-job-fill/soft-mask", test_soft_mask);
  g_test_add_func ("/sample-job-fill/extremes", test_extremes);
  g_test_add_func ("/sample-job-fill/transparent", test_transparent);
  g_test_add_func ("/sample-job-fill/bad-masks", test_bad_masks);
  g_test_add_func ("/sample-job-fill/what-a-seed-means", test_what_a_seed_means);
  g_test_add_func ("/sample-job-fill/context", test_context);
  g_test_add_func ("/sample-job-fill/hidden", test_hidden);
  g_test_add_func ("/sample-job-fill/sizings", test_sizings);
  g_test_add_func ("/sample-job-fill/pieces", test_pieces);
  g_test_add_func ("/sample-job-fill/stop", test_stop);
  return g_test_run ();
}
