/* Chooses the table of kernels for this processor. Compiled for any processor. */
#include "core/kernels/kernels.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
extern const DdpmKernels ddpm_avx512bf16_kernels, ddpm_avx512_kernels, ddpm_avx2_kernels,
  ddpm_generic_kernels;

/* Best first. Each level needs what the ones behind it need, and more. */
static const DdpmKernels *const levels[] = { &ddpm_avx512bf16_kernels, &ddpm_avx512_kernels,
                                             &ddpm_avx2_kernels, &ddpm_generic_kernels };

/* The first of them that this processor and its operating system can run. */
static unsigned
find_best_level (void)
{
  if (!__builtin_cpu_supports ("avx2") || !__builtin_cpu_supports ("fma"))
    return 3;
  if (!__builtin_cpu_supports ("avx512f") || !__builtin_cpu_supports ("avx512dq")
      || !__builtin_cpu_supports ("avx512bw") || !__builtin_cpu_supports ("avx512vl"))
    return 2;
  return __builtin_cpu_supports ("avx512bf16") ? 0 : 1;
}
#else
#if defined(__aarch64__)
extern const DdpmKernels ddpm_neon_kernels;
static const DdpmKernels *const levels[] = { &ddpm_neon_kernels };
#else
extern const DdpmKernels ddpm_generic_kernels;
static const DdpmKernels *const levels[] = { &ddpm_generic_kernels };
#endif

static unsigned
find_best_level (void)
{
  return 0;
}
#endif

const DdpmKernels *const *
ddpm_kernels_list (unsigned *n_levels)
{
  const unsigned best = find_best_level ();

  *n_levels = sizeof levels / sizeof *levels - best;
  return levels + best;
}

const DdpmKernels *
ddpm_kernels_find (const char *name)
{
  unsigned n_levels;
  const DdpmKernels *const *available = ddpm_kernels_list (&n_levels);

  for (unsigned i = 0; i < n_levels; i++)
    if (strcmp (available[i]->name, name) == 0)
      return available[i];
  return NULL;
}

const DdpmKernels *
ddpm_kernels_get (void)
{
  const char *name = getenv ("DDPM_CPU");
  const DdpmKernels *wanted = name != NULL ? ddpm_kernels_find (name) : NULL;

  return wanted != NULL ? wanted : levels[find_best_level ()];
}
