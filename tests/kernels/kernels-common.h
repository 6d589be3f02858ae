/* What the kernels' tests share: guarded outputs, random inputs, a comparison whose tolerance is scaled by
 * the magnitude of what was added up, plain C for the activations, a test for each CPU level. */
#pragma once

#include <glib.h>
#include <math.h>
#include <string.h>

#include "core/base/rng.h"
#include "core/kernels/kernels.h"

#define GUARD 64
#define CANARY 12345.678f

typedef struct
{
  float *all; /* GUARD floats, n floats, GUARD floats */
  float *data;
  gsize n;
} Guarded;

static inline Guarded
guarded_new (gsize n)
{
  Guarded g = { .all = g_new (float, n + 2 * GUARD), .n = n };

  g.data = g.all + GUARD;
  for (gsize i = 0; i < n + 2 * GUARD; i++)
    g.all[i] = CANARY;
  return g;
}

/* slack: floats beyond the end that the kernel may write. */
static inline void
guarded_free (Guarded *g, gsize slack)
{
  for (gsize i = 0; i < GUARD; i++)
    {
      g_assert_cmpfloat (g->all[i], ==, CANARY);
      if (i >= slack)
        g_assert_cmpfloat (g->data[g->n + i], ==, CANARY);
    }
  g_free (g->all);
}

static inline float *
new_random (guint32 stream, gsize n)
{
  float *values = g_new0 (float, n + DDPM_KERNEL_SLACK);

  ddpm_rng_normal ((DdpmRngKey) { .seed = 7, .purpose = DDPM_RNG_LATENT, .index = stream }, values, n);
  return values;
}

static inline void
assert_near (double actual, double expected, double magnitude)
{
  if (fabs (actual - expected) > 4e-6 * (1 + magnitude))
    g_error ("%.9g is not %.9g (magnitude %.3g)", actual, expected, magnitude);
}

/* --- plain C for the activations ------------------------------------------------------------ */

static inline double
plain_act (double u, DdpmKernelAct act)
{
  switch (act)
    {
    case DDPM_KERNEL_ACT_SILU:
      return u / (1 + exp (-u));
    case DDPM_KERNEL_ACT_MISH:
      return u * tanh (log1p (exp (u)));
    case DDPM_KERNEL_ACT_GELU:
      return u / 2 * (1 + erf (u / sqrt (2)));
    case DDPM_KERNEL_ACT_RELU:
      return u > 0 ? u : 0;
    case DDPM_KERNEL_ACT_NONE:
    default:
      return u;
    }
}

static inline double
plain_derivative (double u, DdpmKernelAct act)
{
  const double h = 1e-5;

  return (plain_act (u + h, act) - plain_act (u - h, act)) / (2 * h);
}

/* --- tests --------------------------------------------------------------------------------- */

/* Lengths of rows below, at and above whole vectors. */
static const gsize lengths[] = { 1, 2, 3, 7, 8, 15, 16, 17, 31, 64, 100, 257 };

typedef struct
{
  const char *name;
  GTestDataFunc func; /* of the level's DdpmKernels */
} LevelTest;

/* Registers each test for each level that this processor has. */
static inline void
add_level_tests (const LevelTest *tests, gsize n_tests)
{
  unsigned n_levels;
  const DdpmKernels *const *levels = ddpm_kernels_list (&n_levels);

  for (guint level = 0; level < n_levels; level++)
    for (gsize i = 0; i < n_tests; i++)
      {
        g_autofree char *path = g_strdup_printf ("/kernels/%s/%s", levels[level]->name, tests[i].name);

        g_test_add_data_func (path, levels[level], tests[i].func);
      }
}
