/* For the files that are compiled once per CPU level: declarations of this level's copy of each kernel. */
#pragma once

#include "core/kernels/kernels.h"
#include "core/kernels/vector.h"

#define MIN(a, b) ((a) < (b) ? (a) : (b))

/* Tiles of a convolution computed together: with three vectors of output channels they fill the registers. */
#if VECTOR == 16 || defined(__aarch64__)
#define TILE_GROUP 8
#else
#define TILE_GROUP 4
#endif

/* The level whose copy of a kernel is used where this one has none of its own. */
#ifndef DDPM_BASE
#define DDPM_BASE DDPM_LEVEL
#endif
#define BASE_KERNEL(name) LEVEL_EXPAND (DDPM_BASE, name)

#define DECLARE_KERNEL(name) __typeof__ (*((DdpmKernels *) 0)->name) KERNEL (name), BASE_KERNEL (name)

DECLARE_KERNEL (conv_input_tiles);
DECLARE_KERNEL (conv_grad_tiles);
DECLARE_KERNEL (conv_pack);
DECLARE_KERNEL (conv_transform_weights);
DECLARE_KERNEL (conv_add_weight_grad);
DECLARE_KERNEL (conv_multiply);
DECLARE_KERNEL (conv_multiply_bf16);
DECLARE_KERNEL (conv_multiply_grad);
DECLARE_KERNEL (conv_multiply_grad_bf16);
DECLARE_KERNEL (conv_output);
DECLARE_KERNEL (norm_stats);
DECLARE_KERNEL (norm_act_backward);
DECLARE_KERNEL (norm_input_backward);
DECLARE_KERNEL (act_forward);
DECLARE_KERNEL (act_backward);
DECLARE_KERNEL (scale_add);
DECLARE_KERNEL (sum);
DECLARE_KERNEL (double_plane);
DECLARE_KERNEL (halve_plane);
DECLARE_KERNEL (matrix_multiply);
DECLARE_KERNEL (linear);
DECLARE_KERNEL (attention_forward);
DECLARE_KERNEL (attention_forward_bf16);
DECLARE_KERNEL (attention_backward);
DECLARE_KERNEL (attention_backward_bf16);
DECLARE_KERNEL (adamw);
DECLARE_KERNEL (sum_squares);
DECLARE_KERNEL (move_average);

extern const DdpmKernels KERNEL (kernels);
