/* This CPU level's table of kernels. DDPM_TABLE is the level's name, DDPM_LEVEL the one whose kernels it has:
 * avx512bf16 has those of avx512, and more. */
#include "core/kernels/level.h"

#define LEVEL_STRING(level) #level
#define LEVEL_NAME(level) LEVEL_STRING (level)

const DdpmKernels LEVEL_EXPAND (DDPM_TABLE, kernels) = {
  .name = LEVEL_NAME (DDPM_TABLE),
  .vector = VECTOR,
  .conv_block = CONV_BLOCK,
  .conv_vectors = CONV_VECTORS,
  .conv_gather = KERNEL (conv_gather),
  .conv_pack = KERNEL (conv_pack),
  .conv_multiply = KERNEL (conv_multiply),
  .conv_weight_grad = KERNEL (conv_weight_grad),
  .conv_unfold = KERNEL (conv_unfold),
  .norm_stats = KERNEL (norm_stats),
  .norm_act_backward = KERNEL (norm_act_backward),
  .norm_input_backward = KERNEL (norm_input_backward),
  .act_forward = KERNEL (act_forward),
  .act_backward = KERNEL (act_backward),
  .scale_add = KERNEL (scale_add),
  .sum = KERNEL (sum),
  .attention_forward = KERNEL (attention_forward),
  .attention_backward = KERNEL (attention_backward),
};
