#include "core/base/rng.h"

#include <math.h>

#define PHILOX_M0 0xD2511F53u
#define PHILOX_M1 0xCD9E8D57u
#define PHILOX_W0 0x9E3779B9u
#define PHILOX_W1 0xBB67AE85u
#define PHILOX_ROUNDS 10

/* Four random words for one counter: the key is (seed, purpose), the counter (block, step, index). */
static void
philox (const DdpmRngKey *key, guint32 block, guint32 out[4])
{
  guint32 c0 = block, c1 = key->step, c2 = (guint32) key->index, c3 = (guint32) (key->index >> 32);
  guint32 k0 = key->seed, k1 = key->purpose;

  for (guint round = 0; round < PHILOX_ROUNDS; round++)
    {
      const guint64 p0 = (guint64) PHILOX_M0 * c0, p1 = (guint64) PHILOX_M1 * c2;

      c0 = (guint32) (p1 >> 32) ^ c1 ^ k0;
      c1 = (guint32) p1;
      c2 = (guint32) (p0 >> 32) ^ c3 ^ k1;
      c3 = (guint32) p0;
      k0 += PHILOX_W0;
      k1 += PHILOX_W1;
    }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

void
ddpm_rng_u32 (DdpmRngKey key, guint32 *out, gsize n)
{
  guint32 words[4];

  for (gsize i = 0; i < n; i += 4)
    {
      philox (&key, (guint32) (i / 4), words);
      for (gsize j = 0; j < 4 && i + j < n; j++)
        out[i + j] = words[j];
    }
}

void
ddpm_rng_uniform (DdpmRngKey key, float *out, gsize n)
{
  ddpm_rng_uniform_from (key, 0, out, n);
}

void
ddpm_rng_uniform_from (DdpmRngKey key, gsize first, float *out, gsize n)
{
  guint32 words[4];

  for (gsize i = 0; i < n; i += 4)
    {
      philox (&key, (guint32) ((first + i) / 4), words);
      for (gsize j = 0; j < 4 && i + j < n; j++)
        out[i + j] = (float) (words[j] >> 8) * 0x1p-24f;
    }
}

/* Two words give two normal numbers. The first is moved half a unit off zero for the logarithm's sake. */
static void
box_muller (const guint32 words[2], float normal[2])
{
  const float radius = sqrtf (-2.0f * logf (((float) (words[0] >> 8) + 0.5f) * 0x1p-24f));
  const float angle = (float) (2 * G_PI) * ((float) (words[1] >> 8) * 0x1p-24f);

  normal[0] = radius * cosf (angle);
  normal[1] = radius * sinf (angle);
}

void
ddpm_rng_normal (DdpmRngKey key, float *out, gsize n)
{
  ddpm_rng_normal_from (key, 0, out, n);
}

void
ddpm_rng_normal_from (DdpmRngKey key, gsize first, float *out, gsize n)
{
  guint32 words[4];
  float normal[4];

  for (gsize i = 0; i < n; i += 4)
    {
      philox (&key, (guint32) ((first + i) / 4), words);
      box_muller (words, normal);
      box_muller (words + 2, normal + 2);
      for (gsize j = 0; j < 4 && i + j < n; j++)
        out[i + j] = normal[j];
    }
}

guint32
ddpm_rng_below (DdpmRngKey key, guint32 position, guint32 bound)
{
  guint32 words[4];

  philox (&key, position / 4, words);
  return (guint32) (((guint64) words[position % 4] * bound) >> 32);
}

void
ddpm_rng_permutation (DdpmRngKey key, guint32 *order, guint32 n)
{
  for (guint32 i = 0; i < n; i++)
    order[i] = i;
  for (guint32 i = n; i > 1; i--)
    {
      const guint32 j = ddpm_rng_below (key, i - 1, i);
      const guint32 swapped = order[i - 1];

      order[i - 1] = order[j];
      order[j] = swapped;
    }
}
