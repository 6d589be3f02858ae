/* Sampling with labels, and guidance towards them. */
#include <json-glib/json-glib.h>
#include <string.h>

#include "core/base/error.h"
#include "tests/unit/sample-job-common.h"

static DdpmModel *
new_labelled_model (void)
{
  DdpmModel *model = new_model (3, 4);

  model->notes.labels = g_strsplit ("Bricks,Wood,\303\204pfel", ",", -1);
  return model;
}

/* First to last row of the class table become 0. */
static void
clear_rows (DdpmModel *model, guint first, guint n)
{
  const DdpmParam *table = ddpm_unet_find_param (model->unet, "class_embedding.weight");

  g_assert_nonnull (table);
  memset (model->weights + table->offset + first * table->shape[1], 0, n * table->shape[1] * sizeof (float));
}

/* The last row of a class table means "no label". */
static void
test_no_label (void)
{
  g_autoptr (DdpmModel) model = new_model (3, 4);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = NULL, other_rows = NULL, other_label = NULL;

  job = run_job (model, &options);
  clear_rows (model, 0, 3);
  other_rows = run_job (model, &options);
  clear_rows (model, 3, 1);
  other_label = run_job (model, &options);
  assert_same_bytes (get_image (job, 0), get_image (other_rows, 0));
  g_assert_cmpfloat (get_difference (get_image (job, 0), get_image (other_label, 0)), >, 0);
}

/* A label is its row, however it is written. */
static void
test_label (void)
{
  g_autoptr (DdpmModel) model = new_labelled_model ();
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) wood = NULL, same = NULL, apples = NULL, other = NULL;

  options.label = "Wood";
  wood = run_job (model, &options);
  clear_rows (model, 0, 1);
  clear_rows (model, 3, 1);
  options.label = "wood";
  same = run_job (model, &options);
  assert_same_bytes (get_image (wood, 0), get_image (same, 0));
  options.label = "\303\244PFEL";
  apples = run_job (model, &options);
  g_assert_cmpfloat (get_difference (get_image (wood, 0), get_image (apples, 0)), >, 0);
  clear_rows (model, 1, 1);
  options.label = "Wood";
  other = run_job (model, &options);
  g_assert_cmpfloat (get_difference (get_image (wood, 0), get_image (other, 0)), >, 0);
}

/* A published model, whose labels have no names, and which has them in one of three ways. */
static DdpmModel *
new_nameless_model (DdpmClassEmbed kind)
{
  DdpmModel *model = new_model (3, 4);
  DdpmUnetConfig config = *ddpm_unet_get_config (model->unet);
  g_autoptr (GError) error = NULL;

  config.class_embed = kind;
  ddpm_unet_free (model->unet);
  model->unet = ddpm_unet_new (&config, &error);
  g_assert_no_error (error);
  g_free (model->weights);
  model->weights = g_new (float, ddpm_unet_get_n_weights (model->unet));
  ddpm_unet_init_weights (model->unet, 1, model->weights);
  return model;
}

static void
assert_label_refused (DdpmModel *model, const char *label, double guidance, const char *part)
{
  DdpmSampleOptions options = new_options (model);
  g_autoptr (GError) error = NULL;

  options.label = label;
  options.guidance = guidance;
  g_assert_null (ddpm_sample_job_new (model, &options, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_USAGE);
  if (strstr (error->message, part) == NULL)
    g_error ("\"%s\" is not in \"%s\"", part, error->message);
}

/* Without names a label is its number; without a label it is the last one of a table, or 0. */
static void
test_numbers (void)
{
  static const char *const none[] = { NULL, "3", "0" };

  for (guint kind = DDPM_CLASS_EMBED_TABLE; kind <= DDPM_CLASS_EMBED_TIMESTEP; kind++)
    {
      g_autoptr (DdpmModel) model = new_nameless_model (kind);
      DdpmSampleOptions options = new_options (model);
      g_autoptr (DdpmSampleJob) without = run_job (model, &options), same = NULL, other = NULL;

      options.label = none[kind];
      same = run_job (model, &options);
      assert_same_bytes (get_image (without, 0), get_image (same, 0));
      options.label = "2";
      other = run_job (model, &options);
      g_assert_cmpfloat (get_difference (get_image (without, 0), get_image (other, 0)), >, 0);
      assert_label_refused (model, "2", 3, "no picture without a label");
      assert_label_refused (model, "Wood", 1, "have no names; give a number");
      assert_label_refused (model, "-1", 1, "give a number");
      if (kind == DDPM_CLASS_EMBED_TABLE)
        assert_label_refused (model, "4", 1, "from 0 to 3, not \"4\"");
    }
}

static void
test_vectors (void)
{
  g_autoptr (DdpmModel) model = new_nameless_model (DDPM_CLASS_EMBED_IDENTITY);
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = run_job (model, &options);

  assert_label_refused (model, "1", 1, "are vectors");
}

/* One step from almost no noise, after which a picture depends on the network's output in a straight line. */
static DdpmSampleJob *
run_one_step (DdpmModel *model, const DdpmImage *input, const char *label, double guidance, guint count,
              guint n_threads)
{
  DdpmSampleOptions options = new_options (model);

  options.task = DDPM_TASK_VARY;
  options.inputs[0] = input;
  options.strength = 0.001;
  options.n_steps = 1;
  options.label = label;
  options.guidance = guidance;
  options.count = count;
  options.batch = 2;
  options.n_threads = n_threads;
  return run_job (model, &options);
}

/* none + g (label - none), for each picture of a batch that is full or not. */
static void
test_guidance (void)
{
  static const double guidances[] = { 0, 0.5, 2, 7.5 };
  g_autoptr (DdpmModel) model = new_labelled_model ();
  g_autoptr (DdpmImage) input = new_image (SIZE, SIZE, 3);
  g_autoptr (DdpmSampleJob) none = run_one_step (model, input, NULL, 1, 3, 1);
  g_autoptr (DdpmSampleJob) label = run_one_step (model, input, "Bricks", 1, 3, 1);

  for (guint i = 0; i < G_N_ELEMENTS (guidances); i++)
    {
      const double g = guidances[i];
      g_autoptr (DdpmSampleJob) job = run_one_step (model, input, "Bricks", g, 3, 1);
      g_autoptr (DdpmSampleJob) threaded = run_one_step (model, input, "Bricks", g, 3, 3);

      for (guint p = 0; p < 3; p++)
        {
          const float *from = get_image (none, p)->pixels, *to = get_image (label, p)->pixels;
          const float *pixels = get_image (job, p)->pixels;

          g_assert_cmpfloat (get_difference (get_image (none, p), get_image (label, p)), >, 1e-3);
          for (guint v = 0; v < SIZE * SIZE * 3; v++)
            g_assert_cmpfloat_with_epsilon (pixels[v], from[v] + g * (to[v] - from[v]), 1e-5);
          assert_same_bytes (get_image (job, p), get_image (threaded, p));
        }
    }
}

/* Both halves of the batch are counted. */
static void
test_memory (void)
{
  g_autoptr (DdpmModel) model = new_labelled_model ();
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) plain = NULL, guided = NULL, larger = NULL;

  options.label = "Wood";
  options.count = 4;
  options.batch = 2;
  plain = new_job (model, &options);
  options.guidance = 2;
  guided = new_job (model, &options);
  options.guidance = 1;
  options.batch = 4;
  larger = new_job (model, &options);
  g_assert_cmpuint (ddpm_sample_job_predict_bytes (guided), >, ddpm_sample_job_predict_bytes (plain));
  g_assert_cmpuint (ddpm_sample_job_predict_bytes (guided), <, ddpm_sample_job_predict_bytes (larger));
}

static void
test_describe (void)
{
  g_autoptr (DdpmModel) model = new_labelled_model ();
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) plain = new_job (model, &options), labelled = NULL;
  g_autofree char *plain_text = ddpm_sample_job_describe (plain, 0), *text = NULL;
  g_autoptr (JsonNode) node = NULL;
  JsonObject *object;

  options.label = "WOOD";
  options.guidance = 2.5;
  labelled = new_job (model, &options);
  text = ddpm_sample_job_describe (labelled, 0);
  node = json_from_string (text, NULL);
  g_assert_nonnull (node);
  object = json_node_get_object (node);
  g_assert_cmpstr (json_object_get_string_member (object, "label"), ==, "Wood");
  g_assert_cmpfloat (json_object_get_double_member (object, "guidance"), ==, 2.5);
  g_assert_nonnull (strstr (plain_text, "\"label\":\"none\""));
  g_assert_null (strstr (plain_text, "guidance"));
}

/* The label that the job says it has drawn for picture `index`. */
static char *
get_own_label (DdpmSampleJob *job, guint index)
{
  g_autofree char *text = ddpm_sample_job_describe (job, index);
  g_autoptr (JsonNode) node = json_from_string (text, NULL);
  JsonObject *object = json_node_get_object (node);

  g_assert_cmpstr (json_object_get_string_member (object, "label"), ==, "any");
  return g_strdup (json_object_get_string_member (object, "own-label"));
}

/* Each picture is what it would be in a job whose label is the one that was drawn for it; in windows, too,
 * of which the network may see those of two pictures at once. */
static void
test_any (void)
{
  g_autoptr (DdpmModel) model = new_labelled_model ();
  DdpmSampleOptions options = new_options (model);
  g_autoptr (GHashTable) labels = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  options.count = 5;
  options.batch = 2;
  options.guidance = 2;
  options.n_steps = 2;
  for (guint in_windows = 0; in_windows < 2; in_windows++)
    {
      g_autoptr (DdpmSampleJob) job = NULL;

      options.label = DDPM_LABEL_ANY;
      if (in_windows)
        {
          options.sizing = DDPM_SIZING_WINDOWS;
          options.width = 7 * SIZE - 1;
          options.height = SIZE;
        }
      job = run_job (model, &options);
      for (guint i = 0; i < options.count; i++)
        {
          char *label = get_own_label (job, i);
          g_autoptr (DdpmSampleJob) same = NULL;

          options.label = label;
          same = run_job (model, &options);
          assert_same_bytes (get_image (job, i), get_image (same, i));
          g_hash_table_add (labels, label);
        }
    }
  g_assert_cmpuint (g_hash_table_size (labels), >, 1);
}

/* Words for labels mean nothing in particular where there are none, and yield to labels of their names. */
static void
test_words (void)
{
  static const char *const words[] = { DDPM_LABEL_ANY, DDPM_LABEL_NONE };
  g_autoptr (DdpmModel) plain = new_model (3, 0), named = new_labelled_model ();
  g_autoptr (DdpmSampleJob) job = NULL;
  g_autofree char *text = NULL;
  DdpmSampleOptions options = new_options (plain);

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    {
      options.label = words[i];
      g_clear_object (&job);
      job = new_job (plain, &options);
      g_free (text);
      text = ddpm_sample_job_describe (job, 0);
      g_assert_null (strstr (text, "label"));
      assert_label_refused (plain, words[i], 2, "Guidance is towards a label");
    }
  assert_label_refused (named, "none", 2, "Guidance is towards a label");
  g_clear_pointer (&named->notes.labels[1], g_free);
  named->notes.labels[1] = g_strdup ("Any");
  options = new_options (named);
  options.label = "any";
  g_clear_object (&job);
  job = new_job (named, &options);
  g_free (text);
  text = ddpm_sample_job_describe (job, 0);
  g_assert_nonnull (strstr (text, "\"label\":\"Any\""));
}

/* What lies on the way to one picture has its label. */
static void
test_any_of_sequence (void)
{
  g_autoptr (DdpmModel) model = new_labelled_model ();
  DdpmSampleOptions options = new_options (model);
  g_autoptr (DdpmSampleJob) job = NULL;
  g_autofree char *first = NULL;

  options.task = DDPM_TASK_PROGRESSIVE;
  options.count = options.n_steps = 6;
  options.label = DDPM_LABEL_ANY;
  job = new_job (model, &options);
  first = get_own_label (job, 0);
  for (guint i = 1; i < options.count; i++)
    {
      g_autofree char *label = get_own_label (job, i);

      g_assert_cmpstr (label, ==, first);
    }
}

static void
test_refused (void)
{
  g_autoptr (DdpmModel) labelled = new_labelled_model (), plain = new_model (3, 0);

  assert_label_refused (labelled, "Stone", 1, "has no label \"Stone\"; it has Bricks, Wood, \303\204pfel");
  assert_label_refused (labelled, "", 1, "has no label \"\"");
  assert_label_refused (plain, "Wood", 1, "has no labels; leave out \"Wood\"");
  assert_label_refused (labelled, NULL, 2, "Guidance is towards a label");
  assert_label_refused (labelled, "Wood", -1, "The guidance is -1");
  assert_label_refused (labelled, "Wood", NAN, "must be between 0 and 100");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sample-job-labels/no-label", test_no_label);
  g_test_add_func ("/sample-job-labels/numbers", test_numbers);
  g_test_add_func ("/sample-job-labels/vectors", test_vectors);
  g_test_add_func ("/sample-job-labels/label", test_label);
  g_test_add_func ("/sample-job-labels/guidance", test_guidance);
  g_test_add_func ("/sample-job-labels/memory", test_memory);
  g_test_add_func ("/sample-job-labels/describe", test_describe);
  g_test_add_func ("/sample-job-labels/any", test_any);
  g_test_add_func ("/sample-job-labels/words", test_words);
  g_test_add_func ("/sample-job-labels/any-of-sequence", test_any_of_sequence);
  g_test_add_func ("/sample-job-labels/refused", test_refused);
  return g_test_run ();
}
