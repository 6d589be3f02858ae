/* The U-Net of Ho et al. 2020 (appendix B) in the form of diffusers' UNet2DModel: epsilon_theta
 * (x_t, t), forward and backward.
 *
 * A DdpmUnet is the network's shape: its parameters' names and places, and the list of its layers.
 * It holds no weights. Weights are one slab of floats, as are their gradients and the optimiser's
 * moments; a parameter has the same offset in all of them.
 *
 * A DdpmUnetPass runs the network on pictures of one size and batch, in memory measured and taken
 * beforehand. */
#pragma once

#include "core/base/parallel.h"
#include "core/nn/unet-config.h"

G_BEGIN_DECLS

typedef struct _DdpmUnet DdpmUnet;
typedef struct _DdpmUnetPass DdpmUnetPass;

typedef struct
{
  const char *name; /* as in the safetensors file: "down_blocks.0.resnets.1.conv1.weight" */
  guint n_dims;     /* 1, 2 or 4 */
  gsize shape[4];   /* conv [out, in, kh, kw], linear [out, in], vectors [n] */
  gsize offset;     /* of its first float in a slab */
  gsize n_values;
} DdpmParam;

typedef enum
{
  DDPM_PASS_INFERENCE, /* forward only; no dropout */
  DDPM_PASS_TRAINING   /* keeps what the backward pass needs */
} DdpmPassMode;

/* Of the factors in convolutions, which are nearly all of the work, and for inference in attention. Sums, and
 * everything else, weights and their gradients included, are f32. */
typedef enum
{
  DDPM_PRECISION_F32,
  DDPM_PRECISION_BF16 /* where the processor has instructions for it */
} DdpmPrecision;

/* FALSE with DDPM_ERROR_UNSUPPORTED where the processor has no instructions for it. */
gboolean ddpm_precision_check (DdpmPrecision precision, GError **error);

/* What a pass is for. */
typedef struct
{
  guint batch, height, width; /* pictures at once, and pixels of each */
  DdpmPassMode mode;
  DdpmPrecision precision;
  /* Training: values inside ResNet and attention blocks are not kept for the backward pass, which computes
   * them again: less memory, more work, the same bytes. */
  gboolean recompute;
  /* 3x3 convolutions see the picture's other end beyond its left and right edges (x), or its upper and lower
   * ones (y), whatever the network was trained with; networks with circular_padding see it in any case. */
  gboolean circular_x, circular_y;
} DdpmPassOptions;

/* Errors: those of ddpm_unet_config_validate. The config is copied. */
DdpmUnet *ddpm_unet_new (const DdpmUnetConfig *config, GError **error);
void ddpm_unet_free (DdpmUnet *unet);

const DdpmUnetConfig *ddpm_unet_get_config (const DdpmUnet *unet);

/* In the order in which the network uses them; owned by the network. */
const DdpmParam *ddpm_unet_get_params (const DdpmUnet *unet, guint *n_params);

/* NULL if there is no parameter of that name. */
const DdpmParam *ddpm_unet_find_param (const DdpmUnet *unet, const char *name);

/* Floats in a slab; parameters lie in it without gaps. */
gsize ddpm_unet_get_n_weights (const DdpmUnet *unet);

/* Fills weights[n_weights] as PyTorch initialises the layers: uniform in +-1/sqrt (fan in), norms 1
 * and 0, embedding tables standard normal, fourier frequencies 16 times that. Depends on the seed alone. */
void ddpm_unet_init_weights (const DdpmUnet *unet, guint32 seed, float *weights);

/* Multiplications and additions of one forward pass over one picture (convolutions, linear layers
 * and attention; a multiply-add is 2). */
double ddpm_unet_get_flop (const DdpmUnet *unet, guint height, guint width);

/* Memory of a pass run by a team of ddpm_team_new (n_threads), weights slab not included, without taking it.
 */
gsize ddpm_unet_predict_pass_bytes (const DdpmUnet *unet, guint n_threads, const DdpmPassOptions *options);

/* The pass borrows unet and team, which must outlive it. Errors: DDPM_ERROR_USAGE for a size the network
 * cannot halve, DDPM_ERROR_MEMORY, DDPM_ERROR_UNSUPPORTED for a precision that this processor has not. */
DdpmUnetPass *ddpm_unet_pass_new (const DdpmUnet *unet, DdpmTeam *team, const DdpmPassOptions *options,
                                  GError **error);
void ddpm_unet_pass_free (DdpmUnetPass *pass);

/* weights[n_weights]. An inference pass packs what it needs, and the slab may be freed afterwards;
 * a training pass keeps the pointer and reads the slab at every forward and backward. */
void ddpm_unet_pass_set_weights (DdpmUnetPass *pass, const float *weights);

/* A parameter's values [n_values]: somewhere else, valid until the next call, or in scratch[n_values]. */
typedef const float *(*DdpmWeightsFunc) (const DdpmParam *param, float *scratch, gpointer user_data);

/* The same for an inference pass without a slab: func is called once for each parameter. Errors:
 * DDPM_ERROR_MEMORY. */
gboolean ddpm_unet_pass_pack_weights (DdpmUnetPass *pass, DdpmWeightsFunc func, gpointer user_data,
                                      GError **error);

/* x [batch, in, height, width]; timesteps [batch], may be fractional; labels [batch]: for
 * DDPM_CLASS_EMBED_TABLE rows of the class table, each below num_class_embeds, for _TIMESTEP numbers, NULL
 * for zeros, else NULL; valid until the backward pass has run; output [batch, out, height, width]. Not
 * normalised, not clipped. */
void ddpm_unet_pass_forward (DdpmUnetPass *pass, const float *x, const float *timesteps,
                             const guint32 *labels, float *output);

/* The labels of a network with DDPM_CLASS_EMBED_IDENTITY: vectors [batch][time embedding's width], borrowed
 * from the next forward on; NULL: zeros, which add nothing. */
void ddpm_unet_pass_set_label_vectors (DdpmUnetPass *pass, const float *vectors);

/* After a forward of a training pass with the same x: adds the gradient of every parameter to
 * grad_weights[n_weights]. grad_output [batch, out, height, width]; grad_x as x, overwritten, or NULL. */
void ddpm_unet_pass_backward (DdpmUnetPass *pass, const float *grad_output, float *grad_weights,
                              float *grad_x);

/* Tells that the gradient of a parameter is complete, while the backward pass goes on with others. */
typedef void (*DdpmGradientFunc) (const DdpmParam *param, gpointer user_data);

/* From now on each backward pass calls func once for every parameter, on its own thread. NULL: nobody is
 * told.
 */
void ddpm_unet_pass_set_gradient_func (DdpmUnetPass *pass, DdpmGradientFunc func, gpointer user_data);

/* Dropout masks of the next forward of a training pass are a function of (seed, step) and of each picture's
 * place in the step's batch, where the first of this pass has place `first`. */
void ddpm_unet_pass_set_dropout_key (DdpmUnetPass *pass, guint32 seed, guint64 step, guint first);

gsize ddpm_unet_pass_get_bytes (const DdpmUnetPass *pass);

/* Where a pass spends its time, kind of layer by kind of layer. */
typedef struct
{
  const char *kind; /* "convolution 3x3"; static */
  guint n_layers;
  double flop;                    /* of one forward pass over the whole batch, as ddpm_unet_get_flop counts */
  double forward_ms, backward_ms; /* since the profile began; backward with what it recomputes */
  double transform_ms, multiply_ms; /* convolutions: of these, steps that are told apart; else 0 */
} DdpmLayerTimes;

/* From now on the time of every layer is measured; once more: from zero. */
void ddpm_unet_pass_begin_profile (DdpmUnetPass *pass);

/* The kinds that the network has, the most expensive first, caller frees; NULL if no profile was begun. */
DdpmLayerTimes *ddpm_unet_pass_get_profile (const DdpmUnetPass *pass, guint *n_kinds);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmUnet, ddpm_unet_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmUnetPass, ddpm_unet_pass_free)

G_END_DECLS
