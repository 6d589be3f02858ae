/* For the files that are compiled once per CPU level: declarations of this level's copy of each kernel. */
#pragma once

#include "core/kernels/kernels.h"
#include "core/kernels/vector.h"

#define MIN(a, b) ((a) < (b) ? (a) : (b))

/* The block of a convolution's results that stays in registers: output channels by vectors of positions. */
#if VECTOR == 16
#define CONV_BLOCK 8
#else
#define CONV_BLOCK 4
#endif
#define CONV_VECTORS 3

#define DECLARE_KERNEL(name) __typeof__ (*((DdpmKernels *) 0)->name) KERNEL (name)

DECLARE_KERNEL (conv_gather);
DECLARE_KERNEL (conv_pack);
DECLARE_KERNEL (conv_multiply);
DECLARE_KERNEL (conv_weight_grad);
DECLARE_KERNEL (conv_unfold);
DECLARE_KERNEL (norm_stats);
DECLARE_KERNEL (norm_act_backward);
DECLARE_KERNEL (norm_input_backward);
DECLARE_KERNEL (act_forward);
DECLARE_KERNEL (act_backward);
DECLARE_KERNEL (scale_add);
DECLARE_KERNEL (sum);
DECLARE_KERNEL (attention_forward);
DECLARE_KERNEL (attention_backward);

extern const DdpmKernels LEVEL_EXPAND (DDPM_TABLE, kernels);
