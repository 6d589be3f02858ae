/* Chooses the table of kernels for this processor. Compiled for any processor. */
#include "core/kernels/kernels.h"

#include <stdlib.h>
#include <string.h>

extern const DdpmKernels ddpm_generic_kernels;
#if defined(__x86_64__)
extern const DdpmKernels ddpm_avx2_kernels, ddpm_avx512_kernels;
#endif

const DdpmKernels *const *
ddpm_kernels_list (unsigned *n_levels)
{
#if defined(__x86_64__)
  static const DdpmKernels *const best_first[] = { &ddpm_avx512_kernels, &ddpm_avx2_kernels,
                                                   &ddpm_generic_kernels };
  const int has_avx2 = __builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma");
  const int has_avx512 = has_avx2 && __builtin_cpu_supports ("avx512f") && __builtin_cpu_supports ("avx512dq")
                         && __builtin_cpu_supports ("avx512bw") && __builtin_cpu_supports ("avx512vl");
  const unsigned first = has_avx512 ? 0 : has_avx2 ? 1 : 2;
#else
  static const DdpmKernels *const best_first[] = { &ddpm_generic_kernels };
  const unsigned first = 0;
#endif

  *n_levels = sizeof best_first / sizeof *best_first - first;
  return best_first + first;
}

const DdpmKernels *
ddpm_kernels_get (void)
{
  const char *wanted = getenv ("DDPM_CPU");
  unsigned n_levels;
  const DdpmKernels *const *levels = ddpm_kernels_list (&n_levels);

  for (unsigned i = 0; wanted != NULL && i < n_levels; i++)
    if (strcmp (levels[i]->name, wanted) == 0)
      return levels[i];
  return levels[0];
}

unsigned
ddpm_conv_count_vectors (const DdpmConvGrid *grid, unsigned vector)
{
  if (grid->cols % vector == 0)
    return grid->n_images * grid->rows * (grid->cols / vector);
  return grid->n_images * (((grid->rows - 1) * grid->plane_width + grid->cols + vector - 1) / vector);
}
