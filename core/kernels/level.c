/* This CPU level's table of kernels. avx512bf16 has those of avx512, some copies of its own, and more. */
#include "core/kernels/level.h"

#define LEVEL_STRING(level) #level
#define LEVEL_NAME(level) LEVEL_STRING (level)

const DdpmKernels KERNEL (kernels) = {
  .name = LEVEL_NAME (DDPM_LEVEL),
  .vector = VECTOR,
  .tile_group = TILE_GROUP,
  .conv_input_tiles = KERNEL (conv_input_tiles),
  .conv_grad_tiles = KERNEL (conv_grad_tiles),
  .conv_pack = BASE_KERNEL (conv_pack),
  .conv_transform_weights = BASE_KERNEL (conv_transform_weights),
  .conv_add_weight_grad = BASE_KERNEL (conv_add_weight_grad),
  .conv_multiply = BASE_KERNEL (conv_multiply),
#ifdef __AVX512BF16__
  .has_bf16 = 1,
  .conv_multiply_bf16 = KERNEL (conv_multiply_bf16),
  .conv_multiply_grad_bf16 = KERNEL (conv_multiply_grad_bf16),
#endif
  .conv_multiply_grad = BASE_KERNEL (conv_multiply_grad),
  .conv_output = BASE_KERNEL (conv_output),
  .norm_stats = BASE_KERNEL (norm_stats),
  .norm_act_backward = BASE_KERNEL (norm_act_backward),
  .norm_input_backward = BASE_KERNEL (norm_input_backward),
  .act_forward = BASE_KERNEL (act_forward),
  .act_backward = BASE_KERNEL (act_backward),
  .scale_add = BASE_KERNEL (scale_add),
  .sum = BASE_KERNEL (sum),
  .double_plane = BASE_KERNEL (double_plane),
  .halve_plane = BASE_KERNEL (halve_plane),
  .matrix_multiply = BASE_KERNEL (matrix_multiply),
  .linear = BASE_KERNEL (linear),
  .attention_forward = BASE_KERNEL (attention_forward),
#ifdef __AVX512BF16__
  .attention_forward_bf16 = KERNEL (attention_forward_bf16),
  .attention_backward_bf16 = KERNEL (attention_backward_bf16),
#endif
  .attention_backward = BASE_KERNEL (attention_backward),
  .adamw = BASE_KERNEL (adamw),
  .sum_squares = BASE_KERNEL (sum_squares),
  .move_average = BASE_KERNEL (move_average),
};
