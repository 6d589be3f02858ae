/* libddpm: denoising diffusion probabilistic models (Ho et al. 2020). The one header that ui/ and plugin/
 * include. */
#pragma once

#include "core/base/arena.h"
#include "core/base/atomic-file.h"
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/base/parallel.h"
#include "core/base/rng.h"
#include "core/data/dataset.h"
#include "core/data/image.h"
#include "core/diffusion/sampler.h"
#include "core/diffusion/schedule.h"
#include "core/job/progress.h"
#include "core/job/sample-job.h"
#include "core/job/train-job.h"
#include "core/kernels/kernels.h"
#include "core/model/config.h"
#include "core/model/model.h"
#include "core/model/safetensors.h"
#include "core/nn/adamw.h"
#include "core/nn/unet-config.h"
#include "core/nn/unet.h"
