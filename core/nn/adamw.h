/* AdamW (Loshchilov and Hutter 2019, algorithm 2) and the exponential moving average of weights. */
#pragma once

#include "core/base/parallel.h"

G_BEGIN_DECLS

typedef struct
{
  double beta1, beta2; /* 0.9, 0.999 */
  double eps;          /* 1e-8 */
  double weight_decay; /* 0 */
} DdpmAdamwOptions;

/* One update number `step` (from 1) of weights[n] with learning rate lr; first[n] and second[n] are the
 * moments, zero before step 1. grads are multiplied by grad_scale first (gradient clipping). */
void ddpm_adamw_update (DdpmTeam *team, const DdpmAdamwOptions *options, guint64 step, double lr,
                        double grad_scale, float *weights, const float *grads, float *first, float *second,
                        gsize n);

/* The Euclidean norm of grads[n]; the same on any number of threads; NaN or infinity if one is in. */
double ddpm_gradient_norm (DdpmTeam *team, const float *grads, gsize n);

/* min (max_decay, (1 + n) / (10 + n)): decay for update number n (from 1), diffusers' EMA warm-up. */
double ddpm_ema_decay (double max_decay, guint64 n);

/* ema[n] = decay * ema + (1 - decay) * weights. */
void ddpm_ema_update (DdpmTeam *team, double decay, float *ema, const float *weights, gsize n);

G_END_DECLS
