/* What a network is trained to say, and how far it is from that: the losses of Ho et al. 2020 and of those
 * who came after, with their gradients. */
#pragma once

#include "core/diffusion/schedule.h"

G_BEGIN_DECLS

typedef enum
{
  DDPM_LOSS_SIMPLE, /* (output - target)^2 (Ho et al. 2020, equation 14) */
  DDPM_LOSS_VLB,    /* T times the bound's term of this timestep, in bits: on average, the bits per value that
                     * the model needs for a picture, but for L_T (equation 5) */
  /* The simple one for the mean, and 0.001 of the bound for a learned variance alone (Nichol and Dhariwal
   * 2021, equation 16) */
  DDPM_LOSS_HYBRID,
  /* The simple one, weighted so that x_0's error counts min (SNR, 5) at every timestep (Hang et al. 2023,
   * "Efficient diffusion training via min-SNR weighting strategy") */
  DDPM_LOSS_MIN_SNR
} DdpmLoss;

/* As users write them: "simple" …; NULL-terminated. */
extern const char *const ddpm_loss_names[];

typedef struct
{
  const DdpmSchedule *schedule; /* borrowed */
  DdpmPrediction prediction;
  DdpmVariance variance;
  DdpmLoss loss;
} DdpmObjective;

/* FALSE, with a sentence that names the options of ddpm train, for a loss that leaves a learned variance
 * untrained or asks for one that is not there, or for a bound that is infinite. Errors: DDPM_ERROR_USAGE. */
gboolean ddpm_objective_check (const DdpmObjective *objective, GError **error);

/* The loss that suits the variance. */
DdpmLoss ddpm_objective_choose_loss (DdpmVariance variance);

/* Values of the network's output for n of the picture: n or 2n. */
gsize ddpm_objective_get_n_outputs (const DdpmObjective *objective, gsize n);

/* target[n]: what the network should say in the first n values. target may be x0 or noise where it is the
 * same. */
void ddpm_objective_get_target (const DdpmObjective *objective, guint t, const float *x0, const float *x_t,
                                const float *noise, float *target, gsize n);

/* The weight of (output - target)^2. */
double ddpm_objective_get_weight (const DdpmObjective *objective, guint t);

/* The loss of one picture, summed over its n values. output, [n] or [2n], becomes `scale` times the gradient
 * of that sum. x0[n], x_t[n], target[n]. */
double ddpm_objective_compare (const DdpmObjective *objective, guint t, const float *x0, const float *x_t,
                               const float *target, gsize n, double scale, float *output);

G_END_DECLS
