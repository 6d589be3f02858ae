/* Progressive coding (Ho et al. 2020, section 4.3, table 4 and figure 5): who is sent x_T, then x_(T-1) and
 * so on, of a picture x_0, by their algorithms 3 and 4, knows more of it from step to step. The rate at t is
 * what was sent when x_t has arrived: L_T and the bound's terms above t. The distortion is that of the
 * estimate of x_0 that the network makes of x_t then. After x_0 itself, L_0, there is none. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define DDPM_RATE_CURVE_MOST_POINTS 101

/* All sums are over the pictures that were added. */
typedef struct
{
  guint n_points;
  guint t[DDPM_RATE_CURVE_MOST_POINTS]; /* evenly from T-1 down to 0, 0 … T-1 each once at most */
  double nats[DDPM_RATE_CURVE_MOST_POINTS];
  double errors[DDPM_RATE_CURVE_MOST_POINTS]; /* of x_0, squared, in [-1, 1] */
} DdpmRateCurve;

/* n_points: 0: a curve without any, or 2 … MOST_POINTS; fewer where there are not so many timesteps. */
void ddpm_rate_curve_init (DdpmRateCurve *curve, guint n_points, guint n_timesteps);

/* L_T of a picture, in nats. */
void ddpm_rate_curve_add_prior (DdpmRateCurve *curve, double nats);

/* The term L_(t-1) of x_t (t >= 1), which sends x_(t-1), in nats; standing for `weight` timesteps. */
void ddpm_rate_curve_add_term (DdpmRateCurve *curve, guint t, double weight, double nats);

/* The squared error of x_0 from x_t, summed over a picture's values, where t is that of the point. */
void ddpm_rate_curve_add_error (DdpmRateCurve *curve, guint point, double squares);

/* n_values: of all pictures together. Bits per dimension; root of the mean square, 0 … 255. */
double ddpm_rate_curve_get_bits (const DdpmRateCurve *curve, guint point, double n_values);
double ddpm_rate_curve_get_distortion (const DdpmRateCurve *curve, guint point, double n_values);

G_END_DECLS
