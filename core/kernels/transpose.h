/* A square block of lanes turned over its diagonal, in registers. For files compiled once per CPU level. */
#pragma once

#include "core/kernels/vector.h"

/* Exchanges, in log2 (VECTOR) steps, what two rows `h` apart hold on the other's side of the diagonal. */
#define LOW_LANE(i, h) (((i) & (h)) != 0 ? VECTOR + (i) - (h) : (i))
#define HIGH_LANE(i, h) (((i) & (h)) != 0 ? VECTOR + (i) : (i) + (h))
#define TRANSPOSE_STEP(rows, h)                                                                  \
  _Pragma ("GCC unroll 16") for (int i = 0; i < VECTOR; i++) if ((i & (h)) == 0)                 \
  {                                                                                              \
    const vec low = __builtin_shufflevector (rows[i], rows[i + (h)], ALL_LANES (LOW_LANE, h));   \
    const vec high = __builtin_shufflevector (rows[i], rows[i + (h)], ALL_LANES (HIGH_LANE, h)); \
                                                                                                 \
    rows[i] = low;                                                                               \
    rows[i + (h)] = high;                                                                        \
  }

FORCE_INLINE void
vec_transpose (vec rows[VECTOR])
{
#if VECTOR >= 16
  TRANSPOSE_STEP (rows, 8)
#endif
#if VECTOR >= 8
  TRANSPOSE_STEP (rows, 4)
#endif
  TRANSPOSE_STEP (rows, 2)
  TRANSPOSE_STEP (rows, 1)
}
