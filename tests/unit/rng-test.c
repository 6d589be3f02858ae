/* The random numbers: known answers of Philox, and what the streams promise. */
#include <math.h>
#include <string.h>

#include "core/base/rng.h"

/* Known answers of philox4x32-10 from the authors' Random123 distribution. */
static void
test_known_answers (void)
{
  static const guint32 zeros[] = { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 };
  static const guint32 digits_of_pi[] = { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 };
  const DdpmRngKey pi = { .seed = 0xa4093822,
                          .purpose = (DdpmRngPurpose) 0x299f31d0,
                          .index = G_GUINT64_CONSTANT (0x0370734413198a2e),
                          .step = 0x85a308d3 };
  guint32 words[4];
  float uniform[4];

  ddpm_rng_u32 ((DdpmRngKey) { 0 }, words, 4);
  for (guint i = 0; i < 4; i++)
    g_assert_cmphex (words[i], ==, zeros[i]);
  ddpm_rng_uniform_from (pi, (gsize) 0x243f6a88 * 4, uniform, 4);
  for (guint i = 0; i < 4; i++)
    g_assert_cmphex ((guint32) (uniform[i] * 0x1p24f), ==, digits_of_pi[i] >> 8);
}

/* A longer request begins with the shorter one, and a stream can be entered in its middle. */
static void
test_prefix (void)
{
  const DdpmRngKey key = { .seed = 1, .purpose = DDPM_RNG_LATENT, .index = 2, .step = 3 };
  float all[103], part[103];

  ddpm_rng_normal (key, all, 103);
  for (guint n = 1; n < 103; n++)
    {
      ddpm_rng_normal (key, part, n);
      g_assert_cmpmem (part, n * sizeof (float), all, n * sizeof (float));
    }
  ddpm_rng_normal_from (key, 40, part, 63);
  g_assert_cmpmem (part, 63 * sizeof (float), all + 40, 63 * sizeof (float));
  ddpm_rng_uniform (key, all, 103);
  ddpm_rng_uniform_from (key, 40, part, 63);
  g_assert_cmpmem (part, 63 * sizeof (float), all + 40, 63 * sizeof (float));
}

static void
test_streams_differ (void)
{
  const DdpmRngKey keys[] = {
    { .seed = 1, .purpose = DDPM_RNG_LATENT },
    { .seed = 2, .purpose = DDPM_RNG_LATENT },
    { .seed = 1, .purpose = DDPM_RNG_STEP },
    { .seed = 1, .purpose = DDPM_RNG_LATENT, .index = 1 },
    { .seed = 1, .purpose = DDPM_RNG_LATENT, .index = G_GUINT64_CONSTANT (1) << 32 },
    { .seed = 1, .purpose = DDPM_RNG_LATENT, .step = 1 }
  };
  guint32 words[G_N_ELEMENTS (keys)][4];

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      ddpm_rng_u32 (keys[i], words[i], 4);
      for (guint j = 0; j < i; j++)
        g_assert_true (memcmp (words[i], words[j], sizeof words[i]) != 0);
    }
}

/* Mean, variance, fourth moment and neighbours' correlation of 100,000 normal numbers, within five standard
 * errors. */
static void
test_moments (void)
{
  const guint n = 100000;
  g_autofree float *x = g_new (float, n);
  double mean = 0, variance = 0, fourth = 0, correlation = 0;

  ddpm_rng_normal ((DdpmRngKey) { .seed = 5, .purpose = DDPM_RNG_TRAIN_NOISE }, x, n);
  for (guint i = 0; i < n; i++)
    {
      g_assert_true (isfinite (x[i]));
      mean += x[i];
      variance += (double) x[i] * x[i];
      fourth += pow (x[i], 4);
      correlation += i > 0 ? (double) x[i] * x[i - 1] : 0;
    }
  g_assert_cmpfloat (fabs (mean / n), <, 5 / sqrt (n));
  g_assert_cmpfloat (fabs (variance / n - 1), <, 5 * sqrt (2.0 / n));
  g_assert_cmpfloat (fabs (fourth / n - 3), <, 5 * sqrt (96.0 / n));
  g_assert_cmpfloat (fabs (correlation / n), <, 5 / sqrt (n));
}

static void
test_integers (void)
{
  const DdpmRngKey key = { .seed = 9, .purpose = DDPM_RNG_TRAIN_SHUFFLE };
  guint32 order[1000];
  gboolean seen[1000] = { FALSE };
  guint counts[7] = { 0 }, n_moved = 0;

  for (guint i = 0; i < 7000; i++)
    counts[ddpm_rng_below (key, i, 7)]++;
  for (guint i = 0; i < 7; i++)
    g_assert_cmpint (ABS ((gint) counts[i] - 1000), <, 5 * 30);
  g_assert_cmpuint (ddpm_rng_below (key, 3, 1), ==, 0);

  ddpm_rng_permutation (key, order, G_N_ELEMENTS (order));
  for (guint i = 0; i < G_N_ELEMENTS (order); i++)
    {
      g_assert_cmpuint (order[i], <, G_N_ELEMENTS (order));
      g_assert_false (seen[order[i]]);
      seen[order[i]] = TRUE;
      n_moved += order[i] != i;
    }
  g_assert_cmpuint (n_moved, >, 980);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/rng/known-answers", test_known_answers);
  g_test_add_func ("/rng/prefix", test_prefix);
  g_test_add_func ("/rng/streams-differ", test_streams_differ);
  g_test_add_func ("/rng/moments", test_moments);
  g_test_add_func ("/rng/integers", test_integers);
  return g_test_run ();
}
