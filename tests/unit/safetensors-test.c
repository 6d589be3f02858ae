/* safetensors files: what is written is read back, byte for byte and value for value, and whatever else a
 * file may hold ends in one sentence. */
#include "core/model/safetensors.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "core/base/error.h"
#include "tests/unit/scratch.h"

/* The bytes of a file with this header and n_data bytes 0, 1, 2 … of data. */
static GByteArray *
make_bytes (const char *header, guint n_data)
{
  GByteArray *bytes = g_byte_array_new ();
  guint64 length = GUINT64_TO_LE ((guint64) strlen (header));

  g_byte_array_append (bytes, (const guint8 *) &length, 8);
  g_byte_array_append (bytes, (const guint8 *) header, strlen (header));
  for (guint i = 0; i < n_data; i++)
    {
      guint8 byte = i;

      g_byte_array_append (bytes, &byte, 1);
    }
  return bytes;
}

/* Thousands of files are written here: they need not reach the disk, as those of scratch_write do, and as
 * those that are cut to nothing and written again do on some file systems. */
static DdpmSafetensors *
open_bytes (const char *scratch, const char *name, gconstpointer bytes, gsize n, GError **error)
{
  g_autoptr (GFile) file = scratch_file (scratch, name);
  FILE *stream;

  g_remove (g_file_peek_path (file));
  stream = fopen (g_file_peek_path (file), "wb");
  g_assert_nonnull (stream);
  g_assert_cmpuint (fwrite (bytes, 1, n, stream), ==, n);
  g_assert_cmpint (fclose (stream), ==, 0);
  return ddpm_safetensors_open (file, error);
}

static void
assert_refused (const char *scratch, const char *name, gconstpointer bytes, gsize n, DdpmError code,
                const char *reason)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (DdpmSafetensors) file = open_bytes (scratch, name, bytes, n, &error);

  g_assert_null (file);
  g_assert_error (error, DDPM_ERROR, (gint) code);
  if (*reason != 0)
    g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, name));
  g_assert_nonnull (strstr (error->message, reason));
}

/* Bytes are put together by hand here, so that the reader is not only held against our own writer. */
static void
test_read (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  static const char header[] =
    "{\"b\":{\"data_offsets\":[8,24],\"extra\":[{\"x\":[1,2.5e3,null]}],\"dtype\":\"F64\",\"shape\":[2,1]},"
    "\"__metadata__\":{\"format\":\"pt\",\"n\\u00e4me\":\"\\ud83d\\ude00\"},"
    "\"a\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]},"
    "\"scalar\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[24,32]},"
    "\"none\":{\"dtype\":\"F16\",\"shape\":[3,0,18446744073709551],\"data_offsets\":[32,32]}}  \n ";
  g_autoptr (GByteArray) bytes = make_bytes (header, 0);
  static const float a[2] = { 1.5f, -3 };
  static const double b[2] = { 1e-3, 1e300 };
  static const gint64 scalar = -7;
  g_autoptr (GError) error = NULL;
  g_autoptr (DdpmSafetensors) file = NULL;
  const DdpmTensor *tensor;
  guint n;
  float out[2];

  g_byte_array_append (bytes, (const guint8 *) a, 8);
  g_byte_array_append (bytes, (const guint8 *) b, 16);
  g_byte_array_append (bytes, (const guint8 *) &scalar, 8);
  file = open_bytes (scratch, "x.safetensors", bytes->data, bytes->len, &error);
  g_assert_no_error (error);

  tensor = ddpm_safetensors_get_tensors (file, &n);
  g_assert_cmpuint (n, ==, 4);
  g_assert_cmpstr (tensor[0].name, ==, "a");
  g_assert_cmpstr (tensor[3].name, ==, "none");
  g_assert_cmpuint (ddpm_safetensors_get_size_bytes (file), ==, bytes->len);
  g_assert_cmpstr (ddpm_safetensors_get_metadata (file, "n\303\244me"), ==, "\360\237\230\200");
  g_assert_null (ddpm_safetensors_get_metadata (file, "other"));
  g_assert_null (ddpm_safetensors_find (file, "c"));

  tensor = ddpm_safetensors_find (file, "a");
  g_assert_cmpuint (tensor->n_dims, ==, 2);
  g_assert_cmpuint (tensor->shape[1], ==, 2);
  ddpm_tensor_to_float (tensor, out);
  g_assert_cmpfloat (out[0], ==, 1.5f);
  g_assert_cmpfloat (out[1], ==, -3);

  tensor = ddpm_safetensors_find (file, "b");
  g_assert_cmpint (tensor->dtype, ==, DDPM_DTYPE_F64);
  ddpm_tensor_to_float (tensor, out);
  g_assert_cmpfloat (out[0], ==, 1e-3f);
  g_assert_true (isinf (out[1]));

  tensor = ddpm_safetensors_find (file, "scalar");
  g_assert_cmpuint (tensor->n_dims, ==, 0);
  g_assert_cmpuint (tensor->n_values, ==, 1);
  ddpm_tensor_to_float (tensor, out);
  g_assert_cmpfloat (out[0], ==, -7);
  g_assert_cmpuint (ddpm_safetensors_find (file, "none")->n_values, ==, 0);
}

static void
test_small_types (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GByteArray) bytes =
    make_bytes ("{\"h\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]},"
                "\"b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[4,8]},"
                "\"i\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[8,12]},"
                "\"u\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[12,14]},"
                "\"t\":{\"dtype\":\"BOOL\",\"shape\":[2],\"data_offsets\":[14,16]}}",
                0);
  /* 1 and the smallest subnormal; 1 and -2; -2; 200 and 3; false and true */
  static const guint8 data[16] = { 0x00, 0x3c, 0x01, 0x00, 0x80, 0x3f, 0x00, 0xc0,
                                   0xfe, 0xff, 0xff, 0xff, 200,  3,    0,    1 };
  static const struct
  {
    const char *name;
    float first, last;
  } expected[] = { { "h", 1, 0x1p-24f }, { "b", 1, -2 }, { "i", -2, -2 }, { "u", 200, 3 }, { "t", 0, 1 } };
  g_autoptr (DdpmSafetensors) file = NULL;

  g_byte_array_append (bytes, data, sizeof (data));
  file = open_bytes (scratch, "x.safetensors", bytes->data, bytes->len, NULL);
  g_assert_nonnull (file);
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      const DdpmTensor *tensor = ddpm_safetensors_find (file, expected[i].name);
      float out[2];

      ddpm_tensor_to_float (tensor, out);
      g_assert_cmpfloat (out[0], ==, expected[i].first);
      g_assert_cmpfloat (out[tensor->n_values - 1], ==, expected[i].last);
    }
}

/* Every half there is, and floats halfway between two of them. */
static void
test_half (void)
{
  for (guint half = 0; half < 0x10000; half++)
    {
      float value = ddpm_half_to_float (half);

      if ((half & 0x7fff) > 0x7c00)
        g_assert_true (isnan (value) && isnan (ddpm_half_to_float (ddpm_float_to_half (value))));
      else
        g_assert_cmphex (ddpm_float_to_half (value), ==, half);
    }

  for (guint half = 0; half < 0x7bff; half++)
    {
      float low = ddpm_half_to_float (half), high = ddpm_half_to_float (half + 1);
      float middle = (low + high) / 2;

      g_assert_cmphex (ddpm_float_to_half (middle), ==, half + (half & 1));
      g_assert_cmphex (ddpm_float_to_half (nextafterf (middle, 0)), ==, half);
      g_assert_cmphex (ddpm_float_to_half (-nextafterf (middle, 1e9f)), ==, (half + 1) | 0x8000);
    }
  g_assert_cmphex (ddpm_float_to_half (65519.9f), ==, 0x7bff);
  g_assert_cmphex (ddpm_float_to_half (65520), ==, 0x7c00);
  g_assert_cmphex (ddpm_float_to_half (-INFINITY), ==, 0xfc00);
}

static const float values[6] = { 0.1f, -1e-8f, 70000, 3, -0.0f, 1e30f };
static const DdpmTensorToWrite to_write[] = {
  { .name = "z.weight", .n_dims = 2, .shape = { 2, 2 }, .values = values },
  { .name = "a\"b", .n_dims = 0, .values = values + 4 },
  { .name = "m.bias", .n_dims = 1, .shape = { 1 }, .values = values + 5 },
};

static void
test_write (void)
{
  static const DdpmDtype dtypes[] = { DDPM_DTYPE_F32, DDPM_DTYPE_F16, DDPM_DTYPE_BF16 };
  static const char *const metadata[] = { "step", "12", NULL };
  g_autoptr (Scratch) scratch = scratch_new ();

  for (guint i = 0; i < G_N_ELEMENTS (dtypes); i++)
    {
      g_autoptr (GFile) path = scratch_file (scratch, "w.safetensors");
      g_autoptr (GError) error = NULL;
      g_autoptr (DdpmSafetensors) file = NULL;
      const DdpmTensor *tensors;
      guint n;
      float out[4];

      g_assert_true (ddpm_safetensors_write (path, to_write, 3, dtypes[i], metadata, &error));
      g_assert_no_error (error);
      file = ddpm_safetensors_open (path, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (ddpm_safetensors_get_metadata (file, "format"), ==, "pt");
      g_assert_cmpstr (ddpm_safetensors_get_metadata (file, "step"), ==, "12");

      tensors = ddpm_safetensors_get_tensors (file, &n);
      g_assert_cmpuint (n, ==, 3);
      g_assert_cmpstr (tensors[0].name, ==, "a\"b");
      g_assert_cmpstr (tensors[1].name, ==, "m.bias");
      g_assert_cmpstr (tensors[2].name, ==, "z.weight");
      g_assert_cmpuint (tensors[2].shape[0], ==, 2);
      for (guint j = 0; j < n; j++)
        g_assert_cmpint (tensors[j].dtype, ==, dtypes[i]);

      ddpm_tensor_to_float (&tensors[0], out);
      g_assert_true (out[0] == 0 && signbit (out[0]));
      ddpm_tensor_to_float (&tensors[2], out);
      g_assert_cmpfloat (out[3], ==, 3);
      if (dtypes[i] == DDPM_DTYPE_F32)
        g_assert_cmpmem (out, 16, values, 16);
      else if (dtypes[i] == DDPM_DTYPE_F16)
        {
          g_assert_cmpfloat (out[0], ==, 0x1.998p-4f);
          g_assert_true (isinf (out[2]));
          g_assert_true (out[1] == 0 && signbit (out[1]));
        }
      else
        g_assert_cmpfloat (out[0], ==, 0x1.9ap-4f);
    }
}

/* The bytes that the format's own library writes for the same tensors. */
static void
test_write_bytes (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) path = scratch_file (scratch, "w.safetensors");
  static const char header[] = "{\"__metadata__\":{\"format\":\"pt\"},"
                               "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                               "\"b\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[4,8]}}    ";
  static const float numbers[2] = { 1, 2 };
  static const DdpmTensorToWrite tensors[] = {
    { .name = "b", .n_dims = 2, .shape = { 1, 1 }, .values = numbers + 1 },
    { .name = "a", .n_dims = 1, .shape = { 1 }, .values = numbers },
  };
  g_autoptr (GByteArray) expected = make_bytes (header, 0);
  g_autofree char *written = NULL;
  gsize n;

  g_assert_cmpuint (strlen (header) % 8, ==, 0);
  g_byte_array_append (expected, (const guint8 *) numbers, 8);
  g_assert_true (ddpm_safetensors_write (path, tensors, 2, DDPM_DTYPE_F32, NULL, NULL));
  g_assert_true (g_file_get_contents (g_file_peek_path (path), &written, &n, NULL));
  g_assert_cmpmem (written, n, expected->data, expected->len);
}

/* Headers that are wrong in one thing each; the data have 16 bytes. */
static void
test_bad_headers (void)
{
  static const struct
  {
    const char *header, *reason;
  } cases[] = {
    { "", "'{' should stand" },
    { "[]", "'{' should stand" },
    { "{", "the text ends" },
    { "{}", "16 bytes follow its last tensor" },
    { "{} x", "nothing should follow" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]},}", "should stand here" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}", "the text ends" },
    { "{\"a\":3}", "'{' should stand" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4]}}", "lacks its dtype, shape or data_offsets" },
    { "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,16]}}", "lacks its dtype, shape or data_offsets" },
    { "{\"a\":{\"shape\":[4],\"data_offsets\":[0,16]}}", "lacks its dtype, shape or data_offsets" },
    { "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}", "second time" },
    { "{\"a\":{\"dtype\":32,\"shape\":[4],\"data_offsets\":[0,16]}}", "'\"' should stand" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":4,\"data_offsets\":[0,16]}}", "'[' should stand" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[-4],\"data_offsets\":[0,16]}}", "whole number of at least 0" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4.0],\"data_offsets\":[0,16]}}", "whole number of at least 0" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[\"4\"],\"data_offsets\":[0,16]}}", "a number should stand here" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[NaN],\"data_offsets\":[0,16]}}", "whole number of at least 0" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,4],\"data_offsets\":[0,16]}}",
      "more than 8 dim" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[-16,0]}}", "whole number of at least 0" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16,16]}}", "']' should stand" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0]}}", "',' should stand" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[16,0]}}", "claims bytes 16 to 0" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[5],\"data_offsets\":[0,20]}}", "claims bytes 0 to 20" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[9223372036854775807,9223372036854775807]}}",
      "claims bytes" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,99999999999999999999]}}", "whole number" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,16]}}",
      "not what its shape and type need" },
    { "{\"a\":{\"dtype\":\"F64\",\"shape\":[4],\"data_offsets\":[0,16]}}",
      "not what its shape and type need" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387908],\"data_offsets\":[0,16]}}",
      "not what its shape" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,4],\"data_offsets\":[0,16]}}",
      "not what its shape" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,16]}}", "not what its shape" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", "8 bytes follow its last tensor" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}", "a gap before its tensor \"a\"" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
      "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}",
      "a gap before its tensor \"b\"" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]},"
      "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}",
      "shares bytes" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]},"
      "\"b\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}",
      "shares bytes" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
      "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}",
      "two tensors named \"a\"" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
      "\"\\u0061\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}",
      "two tensors named \"a\"" },
    { "{\"__metadata__\":{\"a\":1}}", "'\"' should stand" },
    { "{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}", "stands there twice" },
    { "{\"__metadata__\":{},\"__metadata__\":{}}", "second time" },
    { "{\"a\\u0000\":{}}", "no character is escaped" },
    { "{\"a\\ud800\":{}}", "no character is escaped" },
    { "{\"a\\x\":{}}", "escape that JSON does not know" },
    { "{\"a\n\":{}}", "not closed" },
    { "{\"a\303\":{}}", "not UTF-8" },
    { "{'a':{}}", "'\"' should stand" },
  };
  g_autoptr (Scratch) scratch = scratch_new ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GByteArray) bytes = make_bytes (cases[i].header, 16);

      assert_refused (scratch, "bad.safetensors", bytes->data, bytes->len, DDPM_ERROR_FILE, cases[i].reason);
    }
}

static void
test_bad_lengths (void)
{
  static const guint64 lengths[] = { 63,          64,
                                     1 << 30,     G_GUINT64_CONSTANT (1) << 63,
                                     G_MAXUINT64, G_MAXUINT64 - 7 };
  static const char header[] = "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}";
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GByteArray) bytes = make_bytes (header, 4);

  for (guint n = 0; n < 8; n++)
    assert_refused (scratch, "short.safetensors", bytes->data, n, DDPM_ERROR_FILE, "it has only");
  for (guint n = 8; n < bytes->len; n++)
    assert_refused (scratch, "cut.safetensors", bytes->data, n, DDPM_ERROR_FILE, "");
  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      guint64 length = GUINT64_TO_LE (lengths[i]);

      memcpy (bytes->data, &length, 8);
      if (lengths[i] > bytes->len - 8)
        assert_refused (scratch, "long.safetensors", bytes->data, bytes->len, DDPM_ERROR_FILE,
                        "header should have");
    }
}

/* Deep nesting must not become deep recursion. */
static void
test_nesting (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GString) header = g_string_new ("{\"a\":{\"x\":");
  g_autoptr (GByteArray) bytes = NULL;

  for (guint i = 0; i < 1000000; i++)
    g_string_append (header, i % 2 != 0 ? "[" : "{\"y\":");
  bytes = make_bytes (header->str, 0);
  assert_refused (scratch, "deep.safetensors", bytes->data, bytes->len, DDPM_ERROR_FILE,
                  "brackets stand within");
}

static void
test_other_kinds (void)
{
  static const char zip[] = "PK\3\4\0\0\10\10 archive/data.pkl";
  static const char pickle[] = "\200\2}q\0(X";
  static const char pointer[] = "version https://git-lfs.github.com/spec/v1\noid sha256:0\n";
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GByteArray) eight =
    make_bytes ("{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4);
  g_autoptr (GFile) folder = g_file_new_for_path (scratch);
  g_autoptr (GFile) missing = g_file_get_child (folder, "missing.safetensors");
  g_autoptr (GFile) device = g_file_new_for_path ("/dev/zero");
  g_autoptr (GFile) remote = g_file_new_for_uri ("nowhere://a/b.safetensors");
  GFile *const unreadable[] = { folder, missing, device, remote };
  g_autoptr (GByteArray) sound = make_bytes ("{}", 0);

  assert_refused (scratch, "a.safetensors", zip, sizeof (zip), DDPM_ERROR_UNSUPPORTED,
                  "a-converted.safetensors");
  assert_refused (scratch, "b.safetensors", pickle, sizeof (pickle), DDPM_ERROR_UNSUPPORTED,
                  "can run any program");
  assert_refused (scratch, "c.bin", sound->data, sound->len, DDPM_ERROR_UNSUPPORTED, "pickled");
  assert_refused (scratch, "d.CKPT", zip, sizeof (zip), DDPM_ERROR_UNSUPPORTED, "pickled");
  assert_refused (scratch, "e.safetensors", pointer, sizeof (pointer), DDPM_ERROR_FILE, "git lfs pull");
  assert_refused (scratch, "f.safetensors", eight->data, eight->len, DDPM_ERROR_UNSUPPORTED, "F8_E4M3");

  for (guint i = 0; i < G_N_ELEMENTS (unreadable); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (ddpm_safetensors_open (unreadable[i], &error));
      g_assert_error (error, DDPM_ERROR, DDPM_ERROR_FILE);
    }
}

/* A sound file with some bytes of its header changed, over and over: it opens or it does not, and what opens
 * can be read. (Run under the sanitizers this says more.) */
static void
test_mutations (void)
{
  static const char alphabet[] = "0123456789{}[]\",:\\ -.eEdau\0\377";
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GByteArray) bytes = make_bytes (
    "{\"__metadata__\":{\"f\":\"pt\"},\"a\":{\"dtype\":\"F16\",\"shape\":[2,2],\"data_offsets\":[0,8]},"
    "\"b\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[8,16]}}",
    16);
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  guint n_opened = 0;

  for (guint i = 0; i < 3000; i++)
    {
      g_autofree guint8 *changed = g_memdup2 (bytes->data, bytes->len);
      g_autoptr (GError) error = NULL;
      g_autoptr (DdpmSafetensors) file = NULL;
      guint n_changes = g_rand_int_range (rand, 1, 4), n;
      const DdpmTensor *tensors;

      for (guint j = 0; j < n_changes; j++)
        changed[g_rand_int_range (rand, 0, bytes->len - 16)] =
          alphabet[g_rand_int_range (rand, 0, sizeof (alphabet) - 1)];
      file = open_bytes (scratch, "m.safetensors", changed, bytes->len, &error);
      g_assert_true ((file == NULL) == (error != NULL));
      if (file == NULL)
        continue;

      n_opened++;
      tensors = ddpm_safetensors_get_tensors (file, &n);
      for (guint j = 0; j < n; j++)
        {
          float out[16];

          g_assert_cmpuint (tensors[j].n_values, <=, 16);
          ddpm_tensor_to_float (&tensors[j], out);
        }
    }
  g_assert_cmpuint (n_opened, >, 0);
  g_assert_cmpuint (n_opened, <, 3000);
}

static guint
count_entries (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

/* No file may grow beyond a few bytes: as on a full disk, the write fails in the middle. */
static void
test_full_disk (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) path = scratch_file (scratch, "w.safetensors");
  g_autoptr (GError) error = NULL;
  g_autofree float *large = g_new0 (float, 100000);
  const DdpmTensorToWrite tensor = { .name = "a", .n_dims = 1, .shape = { 100000 }, .values = large };
  struct rlimit old, tight;
  g_autofree char *before = NULL, *after = NULL;
  gsize n_before, n_after;

  g_assert_true (ddpm_safetensors_write (path, to_write, 3, DDPM_DTYPE_F32, NULL, NULL));
  g_assert_true (g_file_get_contents (g_file_peek_path (path), &before, &n_before, NULL));

  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &old), ==, 0);
  tight = (struct rlimit) { .rlim_cur = 300000, .rlim_max = old.rlim_max };
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &tight), ==, 0);
  g_assert_false (ddpm_safetensors_write (path, &tensor, 1, DDPM_DTYPE_F32, NULL, &error));
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &old), ==, 0);

  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_FILE);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, "w.safetensors"));
  g_assert_nonnull (strstr (error->message, g_strerror (EFBIG)));
  g_assert_nonnull (strstr (error->message, "unchanged"));
  g_assert_true (g_file_get_contents (g_file_peek_path (path), &after, &n_after, NULL));
  g_assert_cmpmem (before, n_before, after, n_after);
  g_assert_cmpuint (count_entries (scratch), ==, 1);
}

static void
test_no_folder (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autofree char *name = g_build_filename (scratch, "missing", "w.safetensors", NULL);
  g_autoptr (GFile) path = g_file_new_for_path (name);
  g_autoptr (GError) error = NULL;

  g_assert_false (ddpm_safetensors_write (path, to_write, 3, DDPM_DTYPE_F32, NULL, &error));
  g_assert_error (error, DDPM_ERROR, DDPM_ERROR_FILE);
  g_assert_nonnull (strstr (error->message, g_strerror (ENOENT)));
}

/* What a killed program left is cleared away by the next write, a file that someone is writing is not. */
static void
test_left_behind (void)
{
  g_autoptr (Scratch) scratch = scratch_new ();
  g_autoptr (GFile) path = scratch_file (scratch, "w.safetensors");
  g_autoptr (DdpmAtomicFile) other = ddpm_atomic_file_new (path, NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *written = NULL;
  gsize n;

  scratch_write (scratch, ".w.safetensors.0badcafe.tmp", "half", 4);
  scratch_write (scratch, ".w.safetensors.mine", "keep", 4);
  g_assert_true (ddpm_safetensors_write (path, to_write, 3, DDPM_DTYPE_F32, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (count_entries (scratch), ==, 3);

  g_assert_true (ddpm_atomic_file_write (other, "whole", 5, &error));
  g_assert_true (ddpm_atomic_file_commit (other, &error));
  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (g_file_peek_path (path), &written, &n, NULL));
  g_assert_cmpmem (written, n, "whole", 5);
  g_assert_cmpuint (count_entries (scratch), ==, 2);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/safetensors/read", test_read);
  g_test_add_func ("/safetensors/small-types", test_small_types);
  g_test_add_func ("/safetensors/half", test_half);
  g_test_add_func ("/safetensors/write", test_write);
  g_test_add_func ("/safetensors/write-bytes", test_write_bytes);
  g_test_add_func ("/safetensors/bad-headers", test_bad_headers);
  g_test_add_func ("/safetensors/bad-lengths", test_bad_lengths);
  g_test_add_func ("/safetensors/nesting", test_nesting);
  g_test_add_func ("/safetensors/other-kinds", test_other_kinds);
  g_test_add_func ("/safetensors/mutations", test_mutations);
  g_test_add_func ("/safetensors/full-disk", test_full_disk);
  g_test_add_func ("/safetensors/no-folder", test_no_folder);
  g_test_add_func ("/safetensors/left-behind", test_left_behind);
  return g_test_run ();
}
