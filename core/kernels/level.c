/* This CPU level's table of kernels. DDPM_TABLE is the level's name, DDPM_LEVEL the one whose kernels it has:
 * avx512bf16 has those of avx512, and more. */
#include "core/kernels/level.h"

#define LEVEL_STRING(level) #level
#define LEVEL_NAME(level) LEVEL_STRING (level)

const DdpmKernels LEVEL_EXPAND (DDPM_TABLE, kernels) = {
  .name = LEVEL_NAME (DDPM_TABLE),
  .vector = VECTOR,
  .tile_group = TILE_GROUP,
  .conv_input_tiles = KERNEL (conv_input_tiles),
  .conv_grad_tiles = KERNEL (conv_grad_tiles),
  .conv_pack = KERNEL (conv_pack),
  .conv_transform_weights = KERNEL (conv_transform_weights),
  .conv_add_weight_grad = KERNEL (conv_add_weight_grad),
  .conv_multiply = KERNEL (conv_multiply),
#ifdef __AVX512BF16__
  .has_bf16 = 1,
  .conv_multiply_bf16 = KERNEL (conv_multiply_bf16),
  .conv_multiply_grad_bf16 = KERNEL (conv_multiply_grad_bf16),
#endif
  .conv_multiply_grad = KERNEL (conv_multiply_grad),
  .conv_output = KERNEL (conv_output),
  .norm_stats = KERNEL (norm_stats),
  .norm_act_backward = KERNEL (norm_act_backward),
  .norm_input_backward = KERNEL (norm_input_backward),
  .act_forward = KERNEL (act_forward),
  .act_backward = KERNEL (act_backward),
  .scale_add = KERNEL (scale_add),
  .sum = KERNEL (sum),
  .double_plane = KERNEL (double_plane),
  .halve_plane = KERNEL (halve_plane),
  .matrix_multiply = KERNEL (matrix_multiply),
  .linear = KERNEL (linear),
  .attention_forward = KERNEL (attention_forward),
#ifdef __AVX512BF16__
  .attention_forward_bf16 = KERNEL (attention_forward_bf16),
#endif
  .attention_backward = KERNEL (attention_backward),
  .adamw = KERNEL (adamw),
  .sum_squares = KERNEL (sum_squares),
  .move_average = KERNEL (move_average),
};
