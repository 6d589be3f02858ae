/* Model folders: written, opened again in every layout there is, found by name; what is said when one is not
 * whole. */
#include "core/model/model.h"

#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "core/base/error.h"
#include "tests/unit/model-common.h"

static void
test_round_trip (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) folder = save_model (scratch, "deep/er/mine", 8, 1, DDPM_DTYPE_F32);
  g_autoptr (DdpmModel) model = open_model (folder), header = ddpm_model_open_header (folder, NULL);

  assert_weights (model, 1, 0);
  g_assert_cmpstr (model->name, ==, "mine");
  g_assert_true (g_file_equal (model->folder, folder));
  g_assert_cmpint (model->dtype, ==, DDPM_DTYPE_F32);
  g_assert_cmpuint (model->weights_bytes, >, 4 * ddpm_unet_get_n_weights (model->unet));
  g_assert_cmpint (model->scheduler.variance_type, ==, DDPM_VARIANCE_FIXED_LARGE);
  g_assert_true (model->notes.premultiplied);
  g_assert_true (model->notes.circular_padding);
  g_assert_true (ddpm_unet_get_config (model->unet)->circular_padding);
  g_assert_cmpuint (model->notes.recommended_steps, ==, 20);
  g_assert_cmpstr (model->notes.labels[1], ==, "dog");
  g_assert_cmpuint (ddpm_unet_get_config (model->unet)->sample_width, ==, 16);

  g_assert_null (header->weights);
  g_assert_cmpuint (header->weights_bytes, ==, model->weights_bytes);
  g_assert_cmpint (header->dtype, ==, DDPM_DTYPE_F32);
}

static void
test_half (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) folder = save_model (scratch, "half", 8, 2, DDPM_DTYPE_F16);
  g_autoptr (DdpmModel) model = open_model (folder);

  assert_weights (model, 2, 1.0f / 2048);
  g_assert_cmpint (model->dtype, ==, DDPM_DTYPE_F16);
  g_assert_cmpuint (model->weights_bytes, <, 3 * ddpm_unet_get_n_weights (model->unet) + 16384);
}

/* What Python finds: the names, and in them the classes. */
static void
test_layout (void)
{
  static const struct
  {
    const char *name, *content;
  } files[] = { { "model_index.json", "  \"unet\": [\n    \"diffusers\",\n    \"UNet2DModel\"\n  ]" },
                { "unet/config.json", "\"_class_name\": \"UNet2DModel\"" },
                { "scheduler/scheduler_config.json", "\"_class_name\": \"DDPMScheduler\"" },
                { "ddpm.json", "\"alpha\": \"premultiplied\"" } };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) folder = save_model (scratch, "mine", 8, 1, DDPM_DTYPE_F32);

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *path = g_build_filename (g_file_peek_path (folder), files[i].name, NULL);
      g_autofree char *text = NULL;

      g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
      g_assert_nonnull (strstr (text, files[i].content));
    }
}

/* A network alone: without index and scheduler, or its own folder given. */
static void
test_bare_network (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) folder = save_model (scratch, "bare", 8, 4, DDPM_DTYPE_F32);
  g_autoptr (GFile) unet = g_file_get_child (folder, "unet");
  g_autoptr (DdpmModel) whole = NULL, inner = NULL;

  delete_file (folder, "scheduler/scheduler_config.json");
  assert_refused (folder, DDPM_ERROR_FILE, "scheduler_config.json");
  delete_file (folder, "model_index.json");
  whole = open_model (folder);
  g_assert_cmpint (whole->scheduler.variance_type, ==, DDPM_VARIANCE_FIXED_SMALL);
  inner = open_model (unet);
  assert_weights (inner, 4, 0);
}

/* A file with all tensors of the network, but stored as whole numbers. */
static void
write_as_bytes (const char *scratch, const char *name)
{
  g_autoptr (DdpmUnet) unet = new_unet (8);
  guint n_params;
  const DdpmParam *params = ddpm_unet_get_params (unet, &n_params);
  gsize n_weights = ddpm_unet_get_n_weights (unet);
  g_autoptr (GString) header = g_string_new ("{"), file = g_string_new (NULL);
  guint64 length;

  for (guint i = 0; i < n_params; i++)
    {
      g_string_append_printf (header, "%s\"%s\":{\"dtype\":\"U8\",\"data_offsets\":[%zu,%zu],\"shape\":[",
                              i > 0 ? "," : "", params[i].name, params[i].offset,
                              params[i].offset + params[i].n_values);
      for (guint j = 0; j < params[i].n_dims; j++)
        g_string_append_printf (header, "%s%zu", j > 0 ? "," : "", params[i].shape[j]);
      g_string_append (header, "]}");
    }
  g_string_append_c (header, '}');
  length = GUINT64_TO_LE ((guint64) header->len);
  g_string_append_len (file, (const char *) &length, 8);
  g_string_append_len (file, header->str, header->len);
  g_string_append_printf (file, "%*s", (int) n_weights, "");
  scratch_write (scratch, name, file->str, file->len);
}

static void
test_bad_weights (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) folder = save_model (scratch, "mine", 8, 6, DDPM_DTYPE_F32);
  g_autoptr (GFile) other = save_model (scratch, "other", 16, 6, DDPM_DTYPE_F32);
  g_autofree char *path = g_build_filename (scratch, "mine", "unet", WEIGHTS, NULL);
  g_autofree char *bytes = NULL, *longer = NULL;
  gsize n;

  g_assert_true (g_file_get_contents (path, &bytes, &n, NULL));
  scratch_write (scratch, "mine/unet/" WEIGHTS, bytes, n - 100);
  assert_refused (folder, DDPM_ERROR_FILE, WEIGHTS " is damaged");
  longer = g_malloc0 (n + 8);
  memcpy (longer, bytes, n);
  scratch_write (scratch, "mine/unet/" WEIGHTS, longer, n + 8);
  assert_refused (folder, DDPM_ERROR_FILE, "8 bytes follow its last tensor");

  scratch_write (scratch, "mine/unet/" WEIGHTS, "\2\0\0\0\0\0\0\0{}", 10);
  assert_refused (folder, DDPM_ERROR_FILE, "lacks the tensor \"");
  write_as_bytes (scratch, "mine/unet/" WEIGHTS);
  assert_refused (folder, DDPM_ERROR_UNSUPPORTED, "stored as U8");

  /* the network of one and the weights of another */
  scratch_write (scratch, "other/unet/" WEIGHTS, bytes, n);
  assert_refused (other, DDPM_ERROR_FILE, "but the network in config.json needs [");

  /* a network far larger than the file costs nothing before that is noticed */
  scratch_write (scratch, "mine/unet/" WEIGHTS, bytes, n);
  write_text (folder, "unet/config.json",
              "{\"block_out_channels\":[4096,4096],\"down_block_types\":[\"DownBlock2D\",\"DownBlock2D\"],"
              "\"up_block_types\":[\"UpBlock2D\",\"UpBlock2D\"],\"num_class_embeds\":3}");
  assert_refused (folder, DDPM_ERROR_FILE, "has the shape");
}

static void
test_bad_files (void)
{
  static const struct
  {
    const char *name, *text;
    DdpmError code;
    const char *reason;
  } cases[] = {
    { "model_index.json", "{\"_class_name\":\"StableDiffusionPipeline\"}", DDPM_ERROR_UNSUPPORTED,
      "a StableDiffusionPipeline" },
    { "model_index.json",
      "{\"_class_name\":\"DDIMPipeline\",\"unet\":[\"diffusers\",\"UNet2DModel\"],"
      "\"vqvae\":[\"diffusers\",\"VQModel\"]}",
      DDPM_ERROR_UNSUPPORTED, "component \"vqvae\"" },
    { "model_index.json", "{", DDPM_ERROR_FILE, "model_index.json is not valid JSON" },
    { "unet/config.json", "{\"block_out_channels\":\"many\"}", DDPM_ERROR_FILE, "block_out_channels" },
    { "unet/config.json", "{\"_class_name\":\"VQModel\"}", DDPM_ERROR_UNSUPPORTED, "describes a VQModel" },
    { "unet/config.json", "{\"norm_num_groups\":5}", DDPM_ERROR_FILE,
      "unet/config.json: the width 224 in block_out_channels cannot be cut into 5 groups" },
    { "unet/config.json", "{\"time_embedding_type\":\"learned\"}", DDPM_ERROR_FILE,
      "unet/config.json: num_train_timesteps is 0" },
    { "unet/config.json", "{\"down_block_types\":[\"SkipDownBlock2D\"]}", DDPM_ERROR_UNSUPPORTED,
      "the block \"SkipDownBlock2D\"" },
    { "scheduler/scheduler_config.json", "{\"beta_start\":3}", DDPM_ERROR_FILE, "scheduler_config.json: " },
    { "scheduler/scheduler_config.json", "[]", DDPM_ERROR_FILE, "holds no JSON object" },
    { "ddpm.json", "{\"alpha\":1}", DDPM_ERROR_FILE, "ddpm.json: \"alpha\"" },
    { "ddpm.json", "{\"labels\":[\"a\"]}", DDPM_ERROR_FILE,
      "has the length 1, but the network has 3 classes" },
  };
  g_autoptr (Scratch) scratch = scratch_new ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GFile) folder = save_model (scratch, "mine", 8, 7, DDPM_DTYPE_F16);

      write_text (folder, cases[i].name, cases[i].text);
      assert_refused (folder, cases[i].code, cases[i].reason);
    }
}

static void
test_no_model (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) empty = g_file_new_for_path (scratch);
  g_autoptr (GFile) missing = g_file_get_child (empty, "missing");
  g_autoptr (GFile) pickle = g_file_get_child (empty, "model.ckpt");
  g_autoptr (GFile) picture = g_file_get_child (empty, "cat.png");

  scratch_write (scratch, "model.ckpt", "x", 1);
  scratch_write (scratch, "cat.png", "x", 1);
  assert_refused (empty, DDPM_ERROR_FILE, "is not the folder of a model");
  assert_refused (missing, DDPM_ERROR_FILE, "there is no folder");
  assert_refused (pickle, DDPM_ERROR_UNSUPPORTED, "model.ckpt is a pickled file");
  assert_refused (picture, DDPM_ERROR_FILE, "cat.png is a file; give the folder");
}

static guint
count_files (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  guint n = 0;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      n += g_file_test (child, G_FILE_TEST_IS_DIR) ? count_files (child) : 1;
    }
  return n;
}

/* The disk is full at any moment of the writing: the model that was there stays, and nothing is left over. */
static void
test_full_disk (void)
{
  static const rlim_t limits[] = { 0, 100, 1000, 20000 };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) folder = save_model (scratch, "mine", 8, 8, DDPM_DTYPE_F32);
  g_autoptr (DdpmUnet) unet = new_unet (8);
  g_autofree float *zeros = g_new0 (float, ddpm_unet_get_n_weights (unet));
  g_auto (DdpmSchedulerConfig) scheduler = { 0 };
  const DdpmModelNotes notes = { 0 };
  struct rlimit old;

  ddpm_scheduler_config_init (&scheduler);
  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &old), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (limits); i++)
    {
      const struct rlimit tight = { .rlim_cur = limits[i], .rlim_max = old.rlim_max };
      g_autoptr (GError) error = NULL;
      g_autoptr (DdpmModel) model = NULL;
      gboolean saved;

      g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &tight), ==, 0);
      saved = ddpm_model_save (folder, unet, zeros, &scheduler, &notes, DDPM_DTYPE_F32, &error);
      g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &old), ==, 0);
      g_assert_false (saved);
      g_assert_error (error, DDPM_ERROR, DDPM_ERROR_FILE);
      g_assert_nonnull (strstr (error->message, "cannot be written"));

      model = open_model (folder);
      assert_weights (model, 8, 0);
      g_assert_true (model->notes.premultiplied);
      g_assert_cmpuint (count_files (scratch), ==, 5);
    }
}

static void
test_save_over (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) first = save_model (scratch, "mine", 8, 9, DDPM_DTYPE_F32);
  g_autoptr (GFile) second = save_model (scratch, "mine", 16, 10, DDPM_DTYPE_F16);
  g_autoptr (DdpmModel) model = open_model (first);
  g_autoptr (DdpmUnet) unet = new_unet (8);
  g_autoptr (GFile) blocked = NULL;
  g_autofree float *zeros = g_new0 (float, ddpm_unet_get_n_weights (unet));
  const DdpmModelNotes notes = { 0 };
  g_autoptr (GError) error = NULL;

  assert_weights (model, 10, 1.0f / 2048);
  g_assert_cmpuint (count_files (scratch), ==, 5);

  scratch_write (scratch, "blocked/unet", "a file where a folder should be", 1);
  blocked = scratch_file (scratch, "blocked");
  g_assert_false (ddpm_model_save (blocked, unet, zeros, &model->scheduler, &notes, DDPM_DTYPE_F32, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_FILE);
  g_assert_nonnull (strstr (error->message, "blocked/unet"));
}

static void
assert_found (const char *name, GFile *extra, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GFile) found = ddpm_model_find (name, extra, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (g_file_peek_path (found), ==, expected);
}

static void
test_find (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) extra = g_file_new_for_path (scratch);
  g_autofree char *user = g_build_filename (g_get_user_data_dir (), "gimp-ddpm", "models", NULL);
  g_autofree char *user_cats = g_build_filename (user, "cats", NULL);
  g_autofree char *user_dogs = g_build_filename (user, "dogs", NULL);
  g_autofree char *extra_dogs = g_build_filename (scratch, "dogs", NULL);
  g_autofree char *plain = g_build_filename (scratch, "plain", NULL);
  static const char *const missing[] = { "", "horses", "./horses", "/nowhere/horses" };
  g_autoptr (GFile) cats = save_model (user, "cats", 8, 1, DDPM_DTYPE_F16);
  g_autoptr (GFile) dogs = save_model (user, "dogs", 8, 1, DDPM_DTYPE_F16);
  g_autoptr (GFile) other_dogs = save_model (scratch, "dogs", 8, 1, DDPM_DTYPE_F16);
  g_auto (GStrv) all = ddpm_model_list (extra), own = ddpm_model_list (NULL);

  assert_found ("cats", NULL, user_cats);
  assert_found ("dogs", NULL, user_dogs);
  assert_found ("dogs", extra, extra_dogs);
  assert_found (user_dogs, extra, user_dogs);

  g_assert_cmpint (g_mkdir (plain, 0777), ==, 0);
  assert_found (plain, NULL, plain);
  for (guint i = 0; i < G_N_ELEMENTS (missing); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (ddpm_model_find (missing[i], extra, &error));
      g_assert_error (error, DDPM_ERROR, DDPM_ERROR_FILE);
      g_test_message ("%s", error->message);
      if (strcmp (missing[i], "horses") == 0)
        g_assert_true (strstr (error->message, user) != NULL && strstr (error->message, scratch) != NULL);
    }

  g_assert_cmpuint (g_strv_length (all), ==, 2);
  g_assert_cmpstr (all[0], ==, "cats");
  g_assert_cmpstr (all[1], ==, "dogs");
  g_assert_cmpuint (g_strv_length (own), ==, 2);
}

int
main (int argc, char *argv[])
{
  g_autoptr (Scratch) home = scratch_new ();

  /* no models but the tests' own */
  g_setenv ("XDG_DATA_HOME", home, TRUE);
  g_setenv ("XDG_DATA_DIRS", home, TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/model/round-trip", test_round_trip);
  g_test_add_func ("/model/half", test_half);
  g_test_add_func ("/model/layout", test_layout);
  g_test_add_func ("/model/bare-network", test_bare_network);
  g_test_add_func ("/model/bad-weights", test_bad_weights);
  g_test_add_func ("/model/bad-files", test_bad_files);
  g_test_add_func ("/model/no-model", test_no_model);
  g_test_add_func ("/model/full-disk", test_full_disk);
  g_test_add_func ("/model/save-over", test_save_over);
  g_test_add_func ("/model/find", test_find);
  return g_test_run ();
}
