/* The number formats of safetensors files, to and from float. */
#include "core/model/tensor.h"

#include <math.h>
#include <string.h>

#define GROUP 16 /* numbers that a compiler may convert at once */

static const struct
{
  const char *name;
  gsize size_bytes;
} dtypes[] = {
  [DDPM_DTYPE_F32] = { "F32", 4 }, [DDPM_DTYPE_F16] = { "F16", 2 },   [DDPM_DTYPE_BF16] = { "BF16", 2 },
  [DDPM_DTYPE_F64] = { "F64", 8 }, [DDPM_DTYPE_I64] = { "I64", 8 },   [DDPM_DTYPE_I32] = { "I32", 4 },
  [DDPM_DTYPE_U8] = { "U8", 1 },   [DDPM_DTYPE_BOOL] = { "BOOL", 1 },
};

const char *
ddpm_dtype_get_name (DdpmDtype dtype)
{
  return dtypes[dtype].name;
}

gsize
ddpm_dtype_get_size_bytes (DdpmDtype dtype)
{
  return dtypes[dtype].size_bytes;
}

gboolean
ddpm_dtype_from_name (const char *name, DdpmDtype *dtype)
{
  for (guint i = 0; i < G_N_ELEMENTS (dtypes); i++)
    if (g_str_equal (name, dtypes[i].name))
      {
        *dtype = i;
        return TRUE;
      }
  return FALSE;
}

static float
float_from_bits (guint32 bits)
{
  float value;

  memcpy (&value, &bits, sizeof (value));
  return value;
}

static guint32
bits_from_float (float value)
{
  guint32 bits;

  memcpy (&bits, &value, sizeof (bits));
  return bits;
}

/* Without branches, so that several are converted at once: the bits in a float's places are the value times
 * 2^-112, also where they are subnormal; infinity and NaN, now 65536 and more, get a float's largest
 * exponent. */
static inline float
float_from_half (guint32 half)
{
  const float magnitude = float_from_bits ((half & 0x7fff) << 13) * 0x1p112f;
  const guint32 bits = bits_from_float (magnitude);

  return float_from_bits ((half & 0x8000) << 16 | bits | (magnitude >= 65536.0f ? 0x7f800000 : 0));
}

float
ddpm_half_to_float (guint16 half)
{
  return float_from_half (half);
}

/* Rounds to the nearest, ties to even. */
guint16
ddpm_float_to_half (float value)
{
  guint32 bits = bits_from_float (value);
  guint16 sign = bits >> 16 & 0x8000;
  guint32 magnitude = bits & 0x7fffffff;

  if (magnitude > 0x7f800000)
    return sign | 0x7e00;
  /* from halfway between the largest half, 65504, and the next one that there would be */
  if (magnitude >= 0x477ff000)
    return sign | 0x7c00;
  /* below the smallest normal half: counted in units of the smallest subnormal one */
  if (magnitude < 0x38800000)
    return sign | (guint16) lrintf (float_from_bits (magnitude) * 0x1p24f);
  return sign | (guint16) ((magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13);
}

static guint16
float_to_bfloat16 (float value)
{
  guint32 bits = bits_from_float (value);

  if ((bits & 0x7fffffff) > 0x7f800000)
    return bits >> 16 | 0x40;
  return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

/* Little-endian numbers at an address of any alignment. */
static guint16
read_16 (const guint8 *at)
{
  guint16 bits;

  memcpy (&bits, at, sizeof (bits));
  return GUINT16_FROM_LE (bits);
}

static guint32
read_32 (const guint8 *at)
{
  guint32 bits;

  memcpy (&bits, at, sizeof (bits));
  return GUINT32_FROM_LE (bits);
}

static guint64
read_64 (const guint8 *at)
{
  guint64 bits;

  memcpy (&bits, at, sizeof (bits));
  return GUINT64_FROM_LE (bits);
}

static double
double_from_bits (guint64 bits)
{
  double value;

  memcpy (&value, &bits, sizeof (value));
  return value;
}

static void
halves_to_floats (const guint8 *data, gsize n, float *out)
{
  gsize i = 0;

  for (; i + GROUP <= n; i += GROUP)
    {
      guint16 halves[GROUP];

      memcpy (halves, data + 2 * i, sizeof halves);
      for (guint k = 0; k < GROUP; k++)
        out[i + k] = float_from_half (GUINT16_FROM_LE (halves[k]));
    }
  for (; i < n; i++)
    out[i] = float_from_half (read_16 (data + 2 * i));
}

void
ddpm_tensor_part_to_float (const DdpmTensor *tensor, gsize first, gsize n, float *out)
{
  const guint8 *data = tensor->data + first * ddpm_dtype_get_size_bytes (tensor->dtype);

  switch (tensor->dtype)
    {
    case DDPM_DTYPE_F32:
      for (gsize i = 0; i < n; i++)
        out[i] = float_from_bits (read_32 (data + 4 * i));
      break;
    case DDPM_DTYPE_F16:
      halves_to_floats (data, n, out);
      break;
    case DDPM_DTYPE_BF16:
      for (gsize i = 0; i < n; i++)
        out[i] = float_from_bits ((guint32) read_16 (data + 2 * i) << 16);
      break;
    case DDPM_DTYPE_F64:
      for (gsize i = 0; i < n; i++)
        out[i] = double_from_bits (read_64 (data + 8 * i));
      break;
    case DDPM_DTYPE_I64:
      for (gsize i = 0; i < n; i++)
        out[i] = (gint64) read_64 (data + 8 * i);
      break;
    case DDPM_DTYPE_I32:
      for (gsize i = 0; i < n; i++)
        out[i] = (gint32) read_32 (data + 4 * i);
      break;
    case DDPM_DTYPE_U8:
      for (gsize i = 0; i < n; i++)
        out[i] = data[i];
      break;
    case DDPM_DTYPE_BOOL:
      for (gsize i = 0; i < n; i++)
        out[i] = data[i] != 0;
      break;
    }
}

void
ddpm_tensor_to_float (const DdpmTensor *tensor, float *out)
{
  ddpm_tensor_part_to_float (tensor, 0, tensor->n_values, out);
}

const float *
ddpm_tensor_get_floats (const DdpmTensor *tensor)
{
  if (tensor->dtype != DDPM_DTYPE_F32 || G_BYTE_ORDER != G_LITTLE_ENDIAN
      || (guintptr) tensor->data % sizeof (float) != 0)
    return NULL;
  return (const float *) (gconstpointer) tensor->data;
}

void
ddpm_dtype_encode (DdpmDtype dtype, const float *values, gsize n, guint8 *out)
{
  for (gsize i = 0; i < n; i++)
    if (dtype == DDPM_DTYPE_F32)
      {
        guint32 bits = GUINT32_TO_LE (bits_from_float (values[i]));

        memcpy (out + 4 * i, &bits, sizeof (bits));
      }
    else
      {
        guint16 half =
          dtype == DDPM_DTYPE_F16 ? ddpm_float_to_half (values[i]) : float_to_bfloat16 (values[i]);
        guint16 bits = GUINT16_TO_LE (half);

        memcpy (out + 2 * i, &bits, sizeof (bits));
      }
}
