/* The variational bound term by term (Ho et al. 2020, equation 5): L_T, the L_(t-1) and L_0, in nats.
 *
 * One reverse step p (x_(t-1) | x_t) is a Gaussian whose mean is linear in what the network says and in x_t,
 * whichever of the four things it predicts. Everything is computed in double. */
#pragma once

#include "core/diffusion/schedule.h"

G_BEGIN_DECLS

/* A reverse step at timestep t, against the posterior q (x_(t-1) | x_t, x_0). */
typedef struct
{
  guint t;
  double mean_output, mean_x_t;       /* the mean is mean_output * output + mean_x_t * x_t */
  double x0_output, x0_x_t;           /* likewise the x_0 that goes with it */
  double posterior_x0, posterior_x_t; /* the posterior's mean of x_0 and x_t (equation 7) */
  double posterior_log_variance;      /* at t = 0 that of t = 1, as 0 has no logarithm */
  gboolean learned;                   /* the network says the variance as well */
  gboolean direct;                    /* … and that is the variance itself, not its place in a range */
  double least_log_variance, log_variance_range; /* fixed: the range is 0 */
} DdpmReverse;

/* variance: at t = 0 both fixed ones are the posterior's of t = 1, as in Ho et al.'s own code; learned_range
 * lies between the posterior's and beta (Nichol and Dhariwal 2021, equation 15). */
void ddpm_reverse_init (DdpmReverse *reverse, const DdpmSchedule *schedule, DdpmPrediction prediction,
                        DdpmVariance variance, guint t);

/* FALSE, with a sentence, for a network whose bound is infinite: it predicts epsilon where nothing else is
 * left. Errors: DDPM_ERROR_USAGE. */
gboolean ddpm_likelihood_check (const DdpmSchedule *schedule, DdpmPrediction prediction, GError **error);

/* The logarithm of a variance from what the network says of it. */
double ddpm_reverse_get_log_variance (const DdpmReverse *reverse, double output);

/* KL (N (mean, exp (log_variance)) || N (other_mean, exp (other_log_variance))). */
double ddpm_likelihood_get_kl (double mean, double log_variance, double other_mean,
                               double other_log_variance);

/* -log of the probability that a decoder gives to the one of 256 values that x0 is (equation 13): the bins
 * are 1 / 127.5 wide, the outermost ones without end. Slopes with respect to mean and log_variance; each may
 * be NULL. */
double ddpm_likelihood_decode (double x0, double mean, double log_variance, double *slope_mean,
                               double *slope_log_variance);

/* L_T of x0[n], summed: KL (q (x_T | x_0) || N (0, 1)). */
double ddpm_likelihood_get_prior (const DdpmSchedule *schedule, const float *x0, gsize n);

/* L_(t-1) of x0[n], or L_0 where t is 0, summed, for this x_t[n]. output: [n], or [2n] with a learned
 * variance. The x_0 that the network means is kept within -limit … limit; INFINITY: as it is. */
double ddpm_likelihood_get_term (const DdpmReverse *reverse, const float *x0, const float *x_t,
                                 const float *output, gsize n, double limit);

/* The squared error of the x_0 that the network means, summed; all else as above. */
double ddpm_likelihood_get_error (const DdpmReverse *reverse, const float *x0, const float *x_t,
                                  const float *output, gsize n, double limit);

G_END_DECLS
