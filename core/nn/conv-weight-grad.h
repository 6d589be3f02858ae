/* Private to core/nn. */
#pragma once

#include "core/nn/unet-pass.h"

/* Adds the gradient of a convolution's weights, and leaves the sums of its output's gradient,
 * [out channels][images], in the scratch for sums. */
void unet_conv_run_weight_grad (DdpmUnetPass *pass, const UnetLayer *layer);
