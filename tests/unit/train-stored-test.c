/* options.json as earlier versions wrote it, and as nobody should have. */
#include "tests/unit/train-job-common.h"

#include "core/model/json.h"

/* What was added since the first version, in which none of it could be asked for. */
static const char *const newer[] = { "flip_vertical", "rotate",     "rotate_degrees",     "scale_jitter",
                                     "colour_jitter", "quick_scan", "cache_memory",       "crop",
                                     "tileable",      "labels",     "min_label_pictures", "label_dropout",
                                     "held_out",      "loss",       "accumulate",         "precision",
                                     "recompute" };

/* Takes members away from the options, or makes one of them `value`. */
static void
edit (const char *scratch, const char *output, const char *const *members, guint n, JsonNode *value)
{
  g_autofree char *name = g_build_filename (output, "training", "options.json", NULL);
  g_autoptr (GFile) file = scratch_file (scratch, name);
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) root = ddpm_json_read (file, &error);
  JsonObject *options = NULL;

  g_assert_no_error (error);
  options = json_object_get_object_member (json_node_get_object (root), "options");
  for (guint i = 0; i < n; i++)
    {
      g_assert_true (json_object_has_member (options, members[i]));
      json_object_remove_member (options, members[i]);
      if (value != NULL)
        json_object_set_member (options, members[i], json_node_copy (value));
    }
  g_assert_true (ddpm_json_write (file, root, &error));
}

static void
resume (const char *scratch, guint64 steps)
{
  g_auto (DdpmTrainOptions) options = { 0 };

  init_resume_options (&options, scratch, "old");
  options.steps = steps;
  assert_trains (&options);
}

/* A run of an earlier version goes on, and on again from what this one has written, as if it were of this
 * one.
 */
static void
test_old (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) whole = { 0 }, old = { 0 };

  make_pictures (scratch, "pictures", 5, 3);
  init_options (&whole, scratch, "whole");
  whole.crop = 0;
  whole.held_out = 0;
  assert_trains (&whole);
  init_options (&old, scratch, "old");
  old.crop = 0;
  old.held_out = 0;
  old.steps = 3;
  assert_trains (&old);
  edit (scratch, "old", newer, G_N_ELEMENTS (newer), NULL);
  resume (scratch, 6);
  resume (scratch, 8);
  assert_same_run (scratch, "whole", "old");
}

/* Everything else has to be there and be what it should. */
static void
test_damaged (void)
{
  static const char *const needed[] = { "batch", "steps", "lr", "flip", "ema", "seed", "pictures", "dtype" };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 }, again = { 0 };
  g_autoptr (GBytes) bytes = NULL;
  g_autofree char *path = g_build_filename (scratch, "old", "training", "options.json", NULL);

  make_pictures (scratch, "pictures", 5, 3);
  init_options (&options, scratch, "old");
  options.steps = 1;
  assert_trains (&options);
  bytes = read_bytes (scratch, "old", "training/options.json");
  init_resume_options (&again, scratch, "old");
  for (guint i = 0; i < G_N_ELEMENTS (needed); i++)
    {
      g_autoptr (JsonNode) list = json_node_new (JSON_NODE_ARRAY);
      g_autofree char *word = g_strdup_printf ("\"%s\" is missing", needed[i]);

      json_node_take_array (list, json_array_new ());
      edit (scratch, "old", &needed[i], 1, NULL);
      assert_refused (&again, DDPM_ERROR_FILE, word);
      g_file_set_contents (path, g_bytes_get_data (bytes, NULL), (gssize) g_bytes_get_size (bytes), NULL);
      edit (scratch, "old", &needed[i], 1, list);
      assert_refused (&again, DDPM_ERROR_FILE, word);
      g_file_set_contents (path, g_bytes_get_data (bytes, NULL), (gssize) g_bytes_get_size (bytes), NULL);
    }
}

static void
test_out_of_range (void)
{
  static const struct
  {
    const char *member;
    double value;
    const char *text; /* instead of value */
  } cases[] = {
    { "batch", 0, NULL },        { "batch", 1e6, NULL },       { "ema", 1, NULL },
    { "lr", -1, NULL },          { "label_dropout", 2, NULL }, { "crop", -1, NULL },
    { "loss", 0, "perceptual" }, { "precision", 0, "f64" },
  };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_auto (DdpmTrainOptions) options = { 0 }, again = { 0 };
  g_autoptr (GBytes) bytes = NULL;
  g_autofree char *path = g_build_filename (scratch, "old", "training", "options.json", NULL);

  make_pictures (scratch, "pictures", 5, 3);
  init_options (&options, scratch, "old");
  options.steps = 1;
  assert_trains (&options);
  bytes = read_bytes (scratch, "old", "training/options.json");
  init_resume_options (&again, scratch, "old");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (JsonNode) value = json_node_new (JSON_NODE_VALUE);
      g_autofree char *word = g_strdup_printf ("\"%s\" is out of its range", cases[i].member);

      if (cases[i].text != NULL)
        json_node_set_string (value, cases[i].text);
      else if (cases[i].value == (gint64) cases[i].value)
        json_node_set_int (value, (gint64) cases[i].value);
      else
        json_node_set_double (value, cases[i].value);
      edit (scratch, "old", &cases[i].member, 1, value);
      assert_refused (&again, DDPM_ERROR_FILE, word);
      g_file_set_contents (path, g_bytes_get_data (bytes, NULL), (gssize) g_bytes_get_size (bytes), NULL);
    }
  assert_resumes (scratch, "old");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/train-stored/old", test_old);
  g_test_add_func ("/train-stored/damaged", test_damaged);
  g_test_add_func ("/train-stored/out-of-range", test_out_of_range);
  return g_test_run ();
}
