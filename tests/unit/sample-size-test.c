/* The sampling job at sizes that are not its model's: windows, the whole picture at once, scaled; pictures
 * that tile. */
#include "tests/unit/sample-job-common.h"

#include <string.h>

#include "core/base/rng.h"
#include "core/job/sample-predict.h"
#include "core/job/sample-start.h"
#include "core/job/windows.h"

static const DdpmSizing sizings[] = { DDPM_SIZING_AUTO, DDPM_SIZING_DIRECT, DDPM_SIZING_WINDOWS,
                                      DDPM_SIZING_FIT };

static void
assert_sums_to_one (const DdpmWindowAxis *axis)
{
  g_autofree double *sums = g_new0 (double, axis->length);

  for (guint i = 0; i < axis->n; i++)
    for (guint place = 0; place < axis->size; place++)
      {
        g_assert_cmpfloat (axis->weights[i * axis->size + place], >=, 0);
        sums[(axis->begins[i] + place) % axis->length] += axis->weights[i * axis->size + place];
      }
  for (guint place = 0; place < axis->length; place++)
    g_assert_cmpfloat_with_epsilon (sums[place], 1, 1e-5);
}

static void
test_axis (void)
{
  for (guint size = 4; size <= 12; size += 4)
    for (guint overlap = 0; overlap < size; overlap++)
      for (guint length = 1; length <= 40; length++)
        for (guint wraps = length < size; wraps <= 1; wraps++)
          {
            DdpmWindows windows = { 0 };
            DdpmWindowAxis *axis = &windows.x;

            ddpm_window_axis_init (axis, length, size, overlap, overlap / 4, wraps);
            assert_sums_to_one (axis);
            for (guint i = 0; i + 1 < axis->n; i++)
              g_assert_cmpuint (axis->begins[i + 1] - axis->begins[i], <=, size - overlap);
            if (!wraps)
              g_assert_cmpuint (axis->begins[axis->n - 1] + size, ==, length);
            ddpm_windows_clear (&windows);
          }
}

/* What is taken from a canvas and added again is the canvas. */
static void
test_take_and_add (void)
{
  const guint width = 13, height = 7;
  DdpmWindows windows;
  float plane[7 * 13], again[7 * 13] = { 0 }, values[8 * 8];

  for (guint i = 0; i < width * height; i++)
    plane[i] = (float) i;
  ddpm_window_axis_init (&windows.x, width, 8, 4, 1, FALSE);
  ddpm_window_axis_init (&windows.y, height, 8, 2, 1, TRUE);
  for (guint number = 0; number < ddpm_windows_count (&windows); number++)
    {
      ddpm_windows_take (&windows, number, plane, values);
      for (guint row = 0; row < 8; row++)
        ddpm_windows_add_row (&windows, number, row, values + row * 8,
                              again + (windows.y.begins[number / windows.x.n] + row) % height * width);
    }
  for (guint i = 0; i < width * height; i++)
    g_assert_cmpfloat_with_epsilon (again[i], plane[i], 1e-4);
  ddpm_windows_clear (&windows);
}

static const struct
{
  guint width, height;
} sizes[] = { { 1, 1 }, { 3, 50 }, { 50, 3 }, { 7, 9 }, { 37, 41 }, { SIZE, SIZE } };

/* Every task at every size in every way, with a network without attention and with it. */
static void
test_sizes (void)
{
  for (guint attention = 0; attention < 2; attention++)
    for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
      for (guint z = 0; z < G_N_ELEMENTS (sizings); z++)
        for (DdpmSeamless seamless = DDPM_SEAMLESS_NONE; seamless <= 3; seamless++)
          {
            g_autoptr (DdpmModel) model = attention ? new_attention_model () : new_model (3, 0);
            g_autoptr (DdpmImage) input = new_image (sizes[s].width, sizes[s].height, 3);
            const DdpmSampleTask tasks[] = { DDPM_TASK_GENERATE, DDPM_TASK_VARY, DDPM_TASK_INTERPOLATE };
            DdpmSampleOptions options = new_options (model);

            options.n_steps = 1;
            options.sizing = sizings[z];
            options.seamless = seamless;
            options.width = sizes[s].width;
            options.height = sizes[s].height;
            options.inputs[0] = options.inputs[1] = input;
            options.task = tasks[(s + z + seamless) % G_N_ELEMENTS (tasks)];
            g_autoptr (DdpmSampleJob) job = run_job (model, &options);

            g_assert_cmpuint (get_image (job, 0)->width, ==, sizes[s].width);
            g_assert_cmpuint (get_image (job, 0)->height, ==, sizes[s].height);
          }
}

/* What is masked is made anew, also when the network sees the whole picture as it is; the rest stays. */
static void
test_fill (void)
{
  for (guint s = 2; s < G_N_ELEMENTS (sizes); s++)
    for (guint z = 0; z < G_N_ELEMENTS (sizings); z++)
      {
        const guint width = sizes[s].width, height = sizes[s].height;
        g_autoptr (DdpmModel) model = new_model (3, 0);
        g_autoptr (DdpmImage) input = new_image (width, height, 3), mask = ddpm_image_new (width, height, 1);
        DdpmSampleOptions options = new_options (model);
        double change = 0;

        for (guint i = 0; i < width * height; i++)
          mask->pixels[i] = i % width >= 2 && i % width < 6 && i / width < 4 ? 1 : 0;
        options.task = DDPM_TASK_FILL;
        options.inputs[0] = input;
        options.mask = mask;
        options.sizing = sizings[z];
        options.n_steps = 2;
        options.resamplings = 1;
        g_autoptr (DdpmSampleJob) job = run_job (model, &options);

        g_assert_cmpuint (get_image (job, 0)->width, ==, width);
        g_assert_cmpuint (get_image (job, 0)->height, ==, height);
        for (guint i = 0; i < width * height * 3; i++)
          if (mask->pixels[i / 3] == 0)
            g_assert_cmpfloat (get_image (job, 0)->pixels[i], ==, input->pixels[i]);
          else
            change += fabs ((double) get_image (job, 0)->pixels[i] - input->pixels[i]);
        g_assert_cmpfloat (change, >, 1);
      }
}

/* At the model's own size all ways but windows that go over the edges are one. */
static void
test_own_size (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) plain = run_job (model, &options);

  for (guint z = 0; z < G_N_ELEMENTS (sizings); z++)
    {
      options.sizing = sizings[z];
      g_autoptr (DdpmSampleJob) job = run_job (model, &options);
      assert_same_bytes (get_image (job, 0), get_image (plain, 0));
    }
}

/* Bytes depend neither on threads nor on how many pictures are made at once, but for rounding. */
static void
test_threads (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 3);
  char *labels[] = { (char *) "a", (char *) "b", NULL };
  DdpmSampleOptions options = new_options (model);

  model->notes.labels = g_strdupv (labels);
  options.label = "b";
  options.guidance = 2;
  options.sampler = DDPM_SAMPLER_DDPM;
  options.count = 2;
  options.width = 45;
  options.height = 38;
  options.sizing = DDPM_SIZING_WINDOWS;
  options.seamless = DDPM_SEAMLESS_X;
  g_autoptr (DdpmSampleJob) job = run_job (model, &options);
  options.n_threads = 3;
  g_autoptr (DdpmSampleJob) threaded = run_job (model, &options);
  options.batch = 1;
  g_autoptr (DdpmSampleJob) alone = run_job (model, &options);
  for (guint i = 0; i < 2; i++)
    {
      assert_same_bytes (get_image (job, i), get_image (threaded, i));
      g_assert_cmpfloat (get_difference (get_image (job, i), get_image (alone, i)), <, 1e-3);
    }
}

/* How much what the network says at the last column, or row, changes with what is at the first one, over how
 * much the second one does. */
static double
measure_reach (DdpmSampleJob *job, gboolean along_x)
{
  g_autoptr (DdpmTeam) team = ddpm_team_new (1);
  g_autoptr (DdpmSamplePredictor) predictor = ddpm_sample_predictor_new (job, team, NULL);
  const guint n = along_x ? job->width : job->height, m = along_x ? job->height : job->width;
  const gsize n_values = ddpm_sample_job_get_n_values (job), plane = (gsize) job->width * job->height;
  const gsize step = along_x ? 1 : job->width, other = along_x ? job->width : 1;
  g_autofree float *x = g_new (float, n_values), *said = g_new (float, n_values);
  double across = 0, beside = 0;

  ddpm_rng_normal ((DdpmRngKey) { .seed = 1, .purpose = DDPM_RNG_LATENT }, x, n_values);
  memcpy (said, ddpm_sample_predictor_run (predictor, 0, x, 500), n_values * sizeof (float));
  for (gsize c = 0; c < 3; c++)
    for (gsize k = 0; k < m; k++)
      x[c * plane + k * other] += 1;
  const float *changed = ddpm_sample_predictor_run (predictor, 0, x, 500);
  for (gsize c = 0; c < 3; c++)
    for (gsize k = 0; k < m; k++)
      {
        const gsize first = c * plane + k * other, second = first + step, last = first + (n - 1) * step;

        across += fabsf (changed[last] - said[last]);
        beside += fabsf (changed[second] - said[second]);
      }
  return across / beside;
}

/* Along an axis that wraps the first place is the last one's neighbour, along one that does not it is far
 * away. */
static void
test_seamless (void)
{
  static const struct
  {
    DdpmSizing sizing;
    guint width, height;
  } cases[] = { { DDPM_SIZING_DIRECT, 16, 12 },
                { DDPM_SIZING_DIRECT, 45, 35 },
                { DDPM_SIZING_WINDOWS, 45, 38 },
                { DDPM_SIZING_FIT, 45, 38 } };

  for (guint attention = 0; attention < 2; attention++)
    for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
      for (DdpmSeamless seamless = DDPM_SEAMLESS_NONE; seamless <= 3; seamless++)
        {
          g_autoptr (DdpmModel) model = attention ? new_attention_model () : new_model (3, 0);
          DdpmSampleOptions options = new_options (model);

          options.sizing = cases[i].sizing;
          options.seamless = seamless;
          options.width = cases[i].width;
          options.height = cases[i].height;
          g_autoptr (DdpmSampleJob) job = new_job (model, &options);

          /* attention reaches everything in a picture as small as the model's */
          if (attention && options.sizing == DDPM_SIZING_FIT)
            continue;
          for (guint along_x = 0; along_x < 2; along_x++)
            {
              const double reach = measure_reach (job, along_x);

              if ((seamless & (along_x ? DDPM_SEAMLESS_X : DDPM_SEAMLESS_Y)) != 0)
                g_assert_cmpfloat (reach, >, 0.5);
              else
                g_assert_cmpfloat (reach, <, 0.35);
            }
        }
}

/* What the network says everywhere is what comes out everywhere, however often a window goes round. */
static void
test_constant (void)
{
  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    for (guint z = 0; z < G_N_ELEMENTS (sizings); z++)
      {
        g_autoptr (DdpmModel) model = new_model (3, 0);
        const DdpmParam *bias = ddpm_unet_find_param (model->unet, "conv_out.bias");
        DdpmSampleOptions options = new_options (model);

        memset (model->weights, 0, ddpm_unet_get_n_weights (model->unet) * sizeof (float));
        for (guint i = 0; i < bias->n_values; i++)
          model->weights[bias->offset + i] = 1;
        options.width = sizes[s].width;
        options.height = sizes[s].height;
        options.sizing = sizings[z];
        options.seamless = DDPM_SEAMLESS_X | DDPM_SEAMLESS_Y;
        g_autoptr (DdpmSampleJob) job = new_job (model, &options);
        g_autoptr (DdpmTeam) team = ddpm_team_new (1);
        g_autoptr (DdpmSamplePredictor) predictor = ddpm_sample_predictor_new (job, team, NULL);
        g_autofree float *x = g_new0 (float, ddpm_sample_job_get_n_values (job));
        const float *said = ddpm_sample_predictor_run (predictor, 0, x, 500);

        for (gsize i = 0; i < ddpm_sample_job_get_n_values (job); i++)
          g_assert_cmpfloat_with_epsilon (said[i], 1, 1e-4);
      }
}

/* A tile that is scaled is a tile: it does not matter where it begins. */
static void
test_scale_tile (void)
{
  g_autoptr (DdpmImage) tile = new_image (6, 4, 3), moved = ddpm_image_new (6, 4, 3);

  for (guint i = 0; i < 6 * 4 * 3; i++)
    tile->pixels[i] = (float) (i * 7 % 11) / 11;
  for (guint y = 0; y < 4; y++)
    for (guint x = 0; x < 6; x++)
      memcpy (moved->pixels + (y * 6 + x) * 3, tile->pixels + ((y + 1) % 4 * 6 + (x + 2) % 6) * 3,
              3 * sizeof (float));
  g_autoptr (DdpmImage) large = ddpm_image_scale_tile (tile, 15, 12, TRUE, TRUE);
  g_autoptr (DdpmImage) large_moved = ddpm_image_scale_tile (moved, 15, 12, TRUE, TRUE);
  for (guint y = 0; y < 12; y++)
    for (guint x = 0; x < 15; x++)
      for (guint c = 0; c < 3; c++)
        g_assert_cmpfloat_with_epsilon (large_moved->pixels[(y * 15 + x) * 3 + c],
                                        large->pixels[((y + 3) % 12 * 15 + (x + 5) % 15) * 3 + c], 1e-5);
}

/* The noise of a larger canvas has something in common, channel by channel, in pieces as in one; that of the
 * model's own size has nothing. */
static void
test_common (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSampleOptions options = new_options (model);
  const DdpmRngKey key = { .seed = 1, .purpose = DDPM_RNG_STEP, .step = 3 };

  for (guint k = 1; k <= 2; k++)
    {
      const guint plane = SIZE * SIZE * k * k, n = 3 * plane;
      g_autofree float *whole = g_new0 (float, n), *pieces = g_new0 (float, n);

      options.width = options.height = k * SIZE;
      g_autoptr (DdpmSampleJob) job = new_job (model, &options);
      ddpm_sample_add_common (job, key, 0, whole, n);
      for (guint begin = 0; begin < n; begin += 52)
        ddpm_sample_add_common (job, key, begin, pieces + begin, MIN (52, n - begin));
      g_assert_cmpmem (whole, n * sizeof (float), pieces, n * sizeof (float));
      for (guint i = 0; i < n; i++)
        g_assert_cmpfloat (whole[i], ==, k == 1 ? 0 : whole[i / plane * plane]);
      if (k == 2)
        g_assert_true (whole[0] != 0 && whole[plane] != 0 && whole[0] != whole[plane]);
    }
}

/* More pixels take more canvases, and nothing else: the network works on as much at once. */
static void
test_memory (void)
{
  g_autoptr (DdpmModel) model = new_attention_model ();
  DdpmSampleOptions options = new_options (model);
  gsize bytes[2], canvases;

  options.sizing = DDPM_SIZING_WINDOWS;
  for (guint i = 0; i < 2; i++)
    {
      options.width = options.height = 64 << i;
      g_autoptr (DdpmSampleJob) job = new_job (model, &options);
      bytes[i] = ddpm_sample_job_predict_bytes (job);
    }
  /* x, estimate, preview, noise, both ends, what the network said, and the picture of up to 4 channels; the
   * number of windows at once differs a little */
  canvases = (gsize) (128 * 128 - 64 * 64) * sizeof (float) * (7 * 3 + 4);
  g_assert_cmpuint (bytes[1] - bytes[0], >=, canvases);
  g_assert_cmpuint (bytes[1] - bytes[0], <, canvases + canvases / 20);
}

/* Something for something, nothing for nothing. */
static void
test_estimate (void)
{
  g_autoptr (DdpmModel) model = new_attention_model ();
  g_autoptr (DdpmImage) input = new_image (SIZE, SIZE, 3);
  DdpmSampleOptions options = new_options (model);

  options.width = options.height = 256;
  g_autoptr (DdpmSampleJob) job = new_job (model, &options);
  g_assert_cmpfloat (ddpm_sample_job_estimate_seconds (job), >, 0);

  options.task = DDPM_TASK_VARY;
  options.inputs[0] = input;
  options.strength = 0;
  g_autoptr (DdpmSampleJob) nothing = new_job (model, &options);
  g_assert_cmpfloat (ddpm_sample_job_estimate_seconds (nothing), ==, 0);
}

static void
note_size (const DdpmProgress *progress, gpointer data)
{
  guint *size = data;

  size[0] = progress->preview[0]->width;
  size[1] = progress->preview[0]->height;
}

/* Previews of large pictures are smaller. */
static void
test_preview (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSampleOptions options = new_options (model);
  guint size[2];

  options.n_steps = 1;
  options.width = 2 * DDPM_PREVIEW_MAX_SIDE;
  options.height = 10;
  g_autoptr (DdpmSampleJob) job = new_job (model, &options);
  g_assert_true (ddpm_sample_job_run (job, note_size, size, NULL, NULL));
  g_assert_cmpuint (size[0], ==, DDPM_PREVIEW_MAX_SIDE);
  g_assert_cmpuint (size[1], ==, 5);
}

/* Windows are no larger than as many of them need to be: with one of a network's pictures as overlap, four
 * and a half of them take two windows of half of five and a half, not of four. */
static void
test_fitted (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 0);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = NULL;

  options.width = options.height = 4 * SIZE + SIZE / 2;
  options.sizing = DDPM_SIZING_WINDOWS;
  job = new_job (model, &options);
  g_assert_cmpuint (job->windows.x.n, ==, 2);
  g_assert_cmpuint (job->windows.x.size, ==, (11 * SIZE / 2) / 2);
  g_assert_cmpuint (job->windows.x.begins[1] + job->windows.x.size, ==, options.width);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sample-size/axis", test_axis);
  g_test_add_func ("/sample-size/take-and-add", test_take_and_add);
  g_test_add_func ("/sample-size/sizes", test_sizes);
  g_test_add_func ("/sample-size/fitted", test_fitted);
  g_test_add_func ("/sample-size/fill", test_fill);
  g_test_add_func ("/sample-size/own-size", test_own_size);
  g_test_add_func ("/sample-size/threads", test_threads);
  g_test_add_func ("/sample-size/seamless", test_seamless);
  g_test_add_func ("/sample-size/constant", test_constant);
  g_test_add_func ("/sample-size/scale-tile", test_scale_tile);
  g_test_add_func ("/sample-size/common", test_common);
  g_test_add_func ("/sample-size/memory", test_memory);
  g_test_add_func ("/sample-size/estimate", test_estimate);
  g_test_add_func ("/sample-size/preview", test_preview);
  return g_test_run ();
}
