/* Model folders in all the ways in which diffusers and its first releases have laid them out, and written
 * once more. */
#include "tests/unit/model-common.h"

/* As the first files on the hub: everything side by side, attention tensors and modules under their old names
 * (here only some of them), tensors nobody asks for. */
static void
test_flat_and_old (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) folder = save_model (scratch, "old", 8, 3, DDPM_DTYPE_F32);
  g_autoptr (GFile) flat_weights = g_file_get_child (folder, WEIGHTS);
  g_autoptr (DdpmModel) nested = open_model (folder), flat = NULL;
  guint n_params, n_renamed = 0, n_modules = 0;
  const DdpmParam *params = ddpm_unet_get_params (nested->unet, &n_params);
  g_autofree DdpmTensorToWrite *tensors = g_new0 (DdpmTensorToWrite, n_params + 1);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < n_params; i++)
    {
      GString *name = g_string_new (params[i].name);

      n_renamed += g_string_replace (name, ".to_q.", ".query.", 0);
      n_renamed += g_string_replace (name, ".to_v.", ".value.", 0);
      n_renamed += g_string_replace (name, "mid_block.attentions.0.to_k.", "mid_block.attentions.0.key.", 0);
      n_renamed += g_string_replace (name, ".to_out.0.", ".proj_attn.", 0);
      n_modules += g_string_replace (name, "mid_block.", "mid.", 1);
      n_modules += g_string_replace (name, "down_blocks.0.", "downsample_blocks.0.", 1);
      n_modules += g_string_replace (name, "up_blocks.0.", "upsample_blocks.0.", 1);
      g_ptr_array_add (names, g_string_free (name, FALSE));
      tensors[i].name = names->pdata[i];
      tensors[i].n_dims = params[i].n_dims;
      memcpy (tensors[i].shape, params[i].shape, sizeof (params[i].shape));
      tensors[i].values = nested->weights + params[i].offset;
    }
  g_assert_cmpuint (n_renamed, >=, 3 * 3 * 2 + 2);
  g_assert_cmpuint (n_modules, >, 20);
  tensors[n_params] = (DdpmTensorToWrite) { .name = "downsamplers.0.op.bias", .values = nested->weights };
  g_assert_true (ddpm_safetensors_write (flat_weights, tensors, n_params + 1, DDPM_DTYPE_F32, NULL, NULL));

  rename_file (folder, "unet/config.json", "config.json");
  rename_file (folder, "scheduler/scheduler_config.json", "scheduler_config.json");
  delete_file (folder, "unet/" WEIGHTS);
  delete_file (folder, "unet");
  delete_file (folder, "scheduler");
  delete_file (folder, "ddpm.json");
  flat = open_model (folder);
  assert_weights (flat, 3, 0);
  g_assert_cmpint (flat->scheduler.variance_type, ==, DDPM_VARIANCE_FIXED_LARGE);
  g_assert_false (flat->notes.premultiplied);
}

/* Tensors first … end-1 of a model, as a file of their own. */
static void
write_piece (GFile *folder, const char *name, const DdpmModel *model, guint first, guint end, GString *map)
{
  g_autoptr (GFile) file = g_file_resolve_relative_path (folder, name);
  g_autofree char *base_name = g_file_get_basename (file);
  guint n_params;
  const DdpmParam *params = ddpm_unet_get_params (model->unet, &n_params);
  g_autofree DdpmTensorToWrite *tensors = g_new0 (DdpmTensorToWrite, n_params);
  g_autoptr (GError) error = NULL;

  for (guint i = first; i < MIN (end, n_params); i++)
    {
      tensors[i - first] = (DdpmTensorToWrite) { .name = params[i].name,
                                                 .n_dims = params[i].n_dims,
                                                 .values = model->weights + params[i].offset };
      memcpy (tensors[i - first].shape, params[i].shape, sizeof (params[i].shape));
      g_string_append_printf (map, "%s\"%s\": \"%s\"", map->len > 0 ? ", " : "", params[i].name, base_name);
    }
  ddpm_safetensors_write (file, tensors, MIN (end, n_params) - first, DDPM_DTYPE_F32, NULL, &error);
  g_assert_no_error (error);
}

static void
write_index (GFile *folder, const char *name, const char *map)
{
  g_autofree char *text = g_strdup_printf ("{\"metadata\": {\"total_size\": 1}, \"weight_map\": {%s}}", map);

  write_text (folder, name, text);
}

/* Weights in several files, with and without a variant. */
static void
test_pieces (void)
{
  static const char *const indices[] = { "unet/" WEIGHTS ".index.json", "unet/" WEIGHTS ".index.fp16.json",
                                         "unet/diffusion_pytorch_model.bf16.safetensors.index.json" };
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) folder = save_model (scratch, "mine", 8, 6, DDPM_DTYPE_F32);
  g_autoptr (DdpmModel) whole = open_model (folder);
  g_autoptr (GString) map = g_string_new (NULL);

  delete_file (folder, "unet/" WEIGHTS);
  write_piece (folder, "unet/diffusion_pytorch_model-00001-of-00002.safetensors", whole, 0, 20, map);
  assert_refused (folder, DDPM_ERROR_FILE, WEIGHTS " is missing");
  write_piece (folder, "unet/diffusion_pytorch_model-00002-of-00002.safetensors", whole, 20, G_MAXUINT, map);
  for (guint i = 0; i < G_N_ELEMENTS (indices); i++)
    {
      g_autoptr (DdpmModel) joined = NULL;

      write_index (folder, indices[i], map->str);
      joined = open_model (folder);
      assert_weights (joined, 6, 0);
      g_assert_cmpuint (joined->weights_bytes, >, 4 * ddpm_unet_get_n_weights (joined->unet));
      delete_file (folder, indices[i]);
    }

  write_index (folder, indices[0], "\"conv_in.bias\": \"../../elsewhere.safetensors\"");
  assert_refused (folder, DDPM_ERROR_FILE, "only files beside it are read");
  write_index (folder, indices[0], "\"conv_in.bias\": 3");
  assert_refused (folder, DDPM_ERROR_FILE, "has to name a file for \"conv_in.bias\"");
  write_index (folder, indices[0],
               "\"conv_out.bias\": \"diffusion_pytorch_model-00001-of-00002.safetensors\"");
  assert_refused (folder, DDPM_ERROR_FILE, "where it is not");
  write_index (folder, indices[0], "\"conv_out.bias\": \"diffusion_pytorch_model.bin\"");
  write_text (folder, "unet/diffusion_pytorch_model.bin", "PK\3\4");
  assert_refused (folder, DDPM_ERROR_UNSUPPORTED, "is a pickled file");
  write_index (folder, indices[0], "\"conv_in.bias\": \"gone.safetensors\"");
  assert_refused (folder, DDPM_ERROR_FILE, "gone.safetensors");
  write_index (folder, indices[0], "");
  assert_refused (folder, DDPM_ERROR_FILE, "lacks the tensor");
}

/* The plain file counts before a variant, float16 before others. */
static void
test_variants (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) folder = save_model (scratch, "mine", 8, 1, DDPM_DTYPE_F32);
  g_autoptr (DdpmModel) plain = NULL, half = NULL, other = NULL;

  rename_file (folder, "unet/" WEIGHTS, "unet/diffusion_pytorch_model.non_ema.safetensors");
  g_object_unref (save_model (scratch, "mine", 8, 2, DDPM_DTYPE_F16));
  rename_file (folder, "unet/" WEIGHTS, "unet/diffusion_pytorch_model.fp16.safetensors");
  g_object_unref (save_model (scratch, "mine", 8, 3, DDPM_DTYPE_F32));
  plain = open_model (folder);
  assert_weights (plain, 3, 0);
  delete_file (folder, "unet/" WEIGHTS);
  half = open_model (folder);
  assert_weights (half, 2, 1.0f / 2048);
  delete_file (folder, "unet/diffusion_pytorch_model.fp16.safetensors");
  other = open_model (folder);
  assert_weights (other, 1, 0);
}

/* The sentence holds a command that a shell takes as it stands. */
static void
test_pickle (void)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) words = NULL;
  int n_words = 0;

  g_assert_false (ddpm_safetensors_refuse_pickle ("my model's/weights.v1.bin", &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_UNSUPPORTED);
  g_assert_null (strchr (error->message, '\n'));
  g_assert_nonnull (strstr (error->message, "weights_only=True"));
  g_assert_true (g_shell_parse_argv (strstr (error->message, "python3 -c"), &n_words, &words, NULL));
  g_assert_cmpint (n_words, ==, 5);
  g_assert_cmpstr (words[3], ==, "my model's/weights.v1.bin");
  g_assert_cmpstr (words[4], ==, "my model's/weights.v1.safetensors");
}

/* The other network of a training script's checkpoint. */
static void
test_ema (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) folder = save_model (scratch, "mine", 8, 1, DDPM_DTYPE_F32);
  g_autoptr (GFile) other = save_model (scratch, "other", 8, 2, DDPM_DTYPE_F16);
  g_autoptr (DdpmModel) plain = NULL, averaged = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_null (ddpm_model_open_ema (folder, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_FILE);
  g_assert_nonnull (strstr (error->message, "has no folder unet_ema"));
  rename_file (folder, "../other/unet", "unet_ema");
  plain = open_model (folder);
  averaged = ddpm_model_open_ema (folder, NULL);
  g_assert_nonnull (averaged);
  assert_weights (plain, 1, 0);
  assert_weights (averaged, 2, 1.0f / 2048);
  g_assert_cmpint (averaged->dtype, ==, DDPM_DTYPE_F16);
  g_assert_true (averaged->has_scheduler);
}

static void
assert_not_converted (const DdpmModel *model, GFile *output, DdpmDtype dtype, const char *reason)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (ddpm_model_convert (model, output, dtype, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_USAGE);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, reason));
}

static void
test_convert (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) folder = save_model (scratch, "mine", 8, 1, DDPM_DTYPE_F32);
  g_autoptr (GFile) output = scratch_file (scratch, "converted"),
                    left = scratch_file (scratch, ".converted.part/x");
  g_autoptr (DdpmModel) model = open_model (folder), converted = NULL;
  g_autoptr (GError) error = NULL;

  model->weights[7] = 7e4f;
  assert_not_converted (model, output, DDPM_DTYPE_F16, "reach 70000, but float16 ends at 65504");
  g_assert_false (g_file_query_exists (output, NULL));
  scratch_write (scratch, ".converted.part/x", "of one that was killed", 4);
  g_assert_true (ddpm_model_convert (model, output, DDPM_DTYPE_BF16, &error));
  g_assert_no_error (error);
  g_assert_false (g_file_query_exists (left, NULL));
  converted = open_model (output);
  g_assert_cmpint (converted->dtype, ==, DDPM_DTYPE_BF16);
  g_assert_cmpfloat_with_epsilon (converted->weights[7], 7e4, 7e4 / 256);
  converted->weights[7] = 0; /* the largest difference otherwise is a rounding of 2^-9 */
  g_assert_cmpfloat_with_epsilon (converted->weights[8], model->weights[8], fabs (model->weights[8]) / 256);
  g_assert_cmpstr (converted->notes.labels[1], ==, "dog");
  g_assert_true (converted->notes.circular_padding);
  g_assert_cmpint (converted->scheduler.variance_type, ==, DDPM_VARIANCE_FIXED_LARGE);
  assert_not_converted (model, output, DDPM_DTYPE_F32, "nothing is overwritten");
  assert_not_converted (model, folder, DDPM_DTYPE_F32, "nothing is overwritten");
}

static void
test_weights_files (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) folder = save_model (scratch, "mine", 8, 5, DDPM_DTYPE_F16);
  g_autoptr (DdpmModel) variant = NULL, beside = NULL;

  rename_file (folder, "unet/" WEIGHTS, "unet/diffusion_pytorch_model.fp16.safetensors");
  variant = open_model (folder);
  assert_weights (variant, 5, 1.0f / 2048);

  /* A pickled file is no harm as long as nobody has to open it. */
  write_text (folder, "unet/diffusion_pytorch_model.bin", "PK\3\4");
  beside = open_model (folder);
  delete_file (folder, "unet/diffusion_pytorch_model.fp16.safetensors");
  assert_refused (folder, DDPM_ERROR_UNSUPPORTED, "diffusion_pytorch_model.bin is a pickled file");
  delete_file (folder, "unet/diffusion_pytorch_model.bin");
  assert_refused (folder, DDPM_ERROR_FILE, WEIGHTS " is missing");
  write_text (folder, "unet/" WEIGHTS ".index.json", "{}");
  assert_refused (folder, DDPM_ERROR_FILE, "no \"weight_map\"");
  write_text (folder, "unet/" WEIGHTS, "PK\3\4 renamed by someone");
  assert_refused (folder, DDPM_ERROR_UNSUPPORTED, "can run any program");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/model-formats/flat-and-old", test_flat_and_old);
  g_test_add_func ("/model-formats/pieces", test_pieces);
  g_test_add_func ("/model-formats/variants", test_variants);
  g_test_add_func ("/model-formats/weights-files", test_weights_files);
  g_test_add_func ("/model-formats/pickle", test_pickle);
  g_test_add_func ("/model-formats/ema", test_ema);
  g_test_add_func ("/model-formats/convert", test_convert);
  return g_test_run ();
}
