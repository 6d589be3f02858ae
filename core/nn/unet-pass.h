/* One network at work on pictures of one size: where its tensors lie, and the forward and backward
 * function of each kind of layer. Memory is planned once (unet-plan.c). Private to core/nn. */
#pragma once

#include "core/base/arena.h"
#include "core/kernels/kernels.h"
#include "core/nn/unet-places.h"

typedef struct
{
  UnetPlaces places;       /* of the tensors; below, floats from the arena's start */
  gsize tiles_in;          /* scratch: a convolution's input in transformed tiles */
  gsize tiles_out;         /* scratch: its output, or the gradient of it, in transformed tiles */
  gsize points;            /* scratch: its weights, or the gradient of them, transformed */
  gsize packed;            /* inference: all convolutions' packed weights */
  gsize *packed_of;        /* [n_layers]: of each layer, from `packed` */
  gsize small_weights;     /* inference: parameters that are not packed */
  gsize *small_weights_of; /* [n_params]: of each parameter, from `small_weights`; packed: G_MAXSIZE */
  gsize sums;              /* scratch: numbers per channel and picture */
  gsize worker;            /* scratch of each thread's own, worker_stride floats */
  gsize worker_stride;
  gsize n_floats;
} UnetPlan;

/* Steps of a convolution that a profile tells apart. */
typedef enum
{
  UNET_STEP_TRANSFORM, /* gathering, and transforming into tiles and back */
  UNET_STEP_MULTIPLY,
  UNET_N_STEPS
} UnetStep;

typedef struct _UnetProfile UnetProfile;

struct _DdpmUnetPass
{
  const DdpmUnet *unet;
  DdpmTeam *team;
  const DdpmKernels *kernels;
  guint batch, height, width;
  DdpmPassMode mode;
  DdpmPassOptions options;
  UnetPlan plan;
  DdpmArena arena;
  const gsize *values;    /* [n_tensors]: where values lie now; plan.places has both answers */
  gboolean *grad_written; /* [n_tensors]: a later contribution is added */

  /* Training: the caller's slab. Inference: the plan's small_weights. */
  const float *weights;
  gsize *weight_offsets; /* [n_params] in weights */
  float *grad_weights;
  const float *timesteps;
  const guint32 *labels;
  const float *label_vectors; /* NULL: zeros */
  gboolean wants_grad_x;
  guint32 dropout_seed;
  guint64 dropout_step;
  guint dropout_first;
  guint *last_steps; /* training: [n_params], the step of the backward pass that completes its gradient */
  DdpmGradientFunc gradient_func; /* NULL: none */
  gpointer gradient_data;
  UnetProfile *profile; /* NULL: none */
};

/* --- unet-plan.c --- */

/* The memory of a pass; *plan is filled. */
void unet_plan_init (UnetPlan *plan, const DdpmUnet *unet, const DdpmKernels *kernels, guint n_threads,
                     const DdpmPassOptions *options);
void unet_plan_clear (UnetPlan *plan);

/* --- unet-profile.c: nothing happens where pass->profile is NULL --- */

void unet_profile_free (UnetProfile *profile);

void unet_profile_begin_layer (DdpmUnetPass *pass, guint layer);
void unet_profile_end_layer (DdpmUnetPass *pass, gboolean in_backward);

/* What has passed since the layer began, or since the last call, was spent on this step of a convolution. */
void unet_profile_end_step (DdpmUnetPass *pass, UnetStep step);

/* --- unet-pass.c: what the layers need to know --- */

/* Pixels of a tensor's level in one picture. A vector has one. */
gsize unet_pass_n_pixels (const DdpmUnetPass *pass, gint tensor);

/* Floats from one channel of a tensor to the next. */
gsize unet_pass_stride (const DdpmUnetPass *pass, gint tensor);

/* [channels][batch * pixels]; channels are unet_pass_stride apart, also in a part of another tensor. */
float *unet_pass_value (const DdpmUnetPass *pass, gint tensor);
float *unet_pass_grad (const DdpmUnetPass *pass, gint tensor);

/* The gradient of a layer's input, to be written; *accumulate says whether something is there already that
 * has to be added to. NULL if nobody wants it. */
float *unet_pass_claim_grad (DdpmUnetPass *pass, gint tensor, gboolean *accumulate);

const float *unet_pass_weight (const DdpmUnetPass *pass, gint param);
float *unet_pass_grad_weight (const DdpmUnetPass *pass, gint param);

/* The parts of a norm's stats tensor. */
typedef struct
{
  float *scale, *shift; /* [channels][batch]: out = act (scale x + shift) */
  float *mean, *rstd;   /* [groups][batch] */
} UnetNormStats;

UnetNormStats unet_pass_norm_stats (const DdpmUnetPass *pass, const UnetLayer *norm);
guint8 *unet_pass_norm_mask (const DdpmUnetPass *pass, const UnetLayer *norm); /* NULL: no dropout */

/* --- layer-conv.c --- */

void unet_conv_pack (DdpmUnetPass *pass, const UnetLayer *layer);
void unet_conv_forward (DdpmUnetPass *pass, const UnetLayer *layer);
void unet_conv_backward (DdpmUnetPass *pass, const UnetLayer *layer);

/* --- layer-norm.c --- */
void unet_norm_forward (DdpmUnetPass *pass, const UnetLayer *layer);
void unet_norm_backward (DdpmUnetPass *pass, const UnetLayer *layer);

/* --- layer-attention.c --- */

/* Floats of scratch of one thread. */
gsize unet_attention_count_scratch (const DdpmUnet *unet, const UnetLayer *layer,
                                    const DdpmPassOptions *options);

void unet_attention_forward (DdpmUnetPass *pass, const UnetLayer *layer);
void unet_attention_backward (DdpmUnetPass *pass, const UnetLayer *layer);

/* --- layer-resample.c --- */
void unet_resample_forward (DdpmUnetPass *pass, const UnetLayer *layer);
void unet_resample_backward (DdpmUnetPass *pass, const UnetLayer *layer);

/* --- layer-linear.c --- */

/* Floats of the scratch for sums. */
gsize unet_linear_count_scratch (const DdpmUnet *unet, const UnetLayer *layer, guint batch);

void unet_linear_forward (DdpmUnetPass *pass, const UnetLayer *layer);
void unet_linear_backward (DdpmUnetPass *pass, const UnetLayer *layer);

/* --- layer-embedding.c: time, class, act --- */

/* A fourier embedding takes the logarithm of a number, and its network divides what it says by the timestep:
 * noise levels, which are above 0. Of discrete timesteps the first is 0, where diffusers has no number; here
 * it counts as a half. */
float unet_time_get_logarithmic (float number);
float unet_time_get_divisor (const DdpmUnetPass *pass, guint b); /* of picture b's output; else 1 */

void unet_time_forward (DdpmUnetPass *pass, const UnetLayer *layer);
void unet_time_backward (DdpmUnetPass *pass, const UnetLayer *layer);
void unet_class_forward (DdpmUnetPass *pass, const UnetLayer *layer);
void unet_class_backward (DdpmUnetPass *pass, const UnetLayer *layer);
void unet_act_forward (DdpmUnetPass *pass, const UnetLayer *layer);
void unet_act_backward (DdpmUnetPass *pass, const UnetLayer *layer);
