/* The forward process's noise schedule: beta_t, alpha_bar_t and what follows from them
 * (Ho et al. 2020, equations 2 to 7). Timesteps count 0 … T-1. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  DDPM_BETAS_LINEAR,
  DDPM_BETAS_SCALED_LINEAR,
  DDPM_BETAS_SQUAREDCOS_CAP_V2,
  DDPM_BETAS_SIGMOID,
  DDPM_BETAS_TRAINED /* not a formula: trained_betas */
} DdpmBetaSchedule;

#define DDPM_BETAS_N_FORMULAS DDPM_BETAS_TRAINED

/* Those of the schedules that have a formula, in their order, as diffusers calls them; NULL-terminated. */
extern const char *const ddpm_beta_schedule_names[DDPM_BETAS_N_FORMULAS + 1];

typedef enum
{
  DDPM_PREDICT_EPSILON,
  DDPM_PREDICT_SAMPLE,
  DDPM_PREDICT_V,
  DDPM_PREDICT_MU /* the mean of q (x_(t-1) | x_t, x_0) (Ho et al. 2020, equation 7) */
} DdpmPrediction;

typedef enum
{
  DDPM_SPACING_LEADING,
  DDPM_SPACING_TRAILING,
  DDPM_SPACING_LINSPACE
} DdpmSpacing;

typedef enum
{
  DDPM_VARIANCE_FIXED_SMALL,
  DDPM_VARIANCE_FIXED_SMALL_LOG,
  DDPM_VARIANCE_FIXED_LARGE,
  DDPM_VARIANCE_FIXED_LARGE_LOG,
  DDPM_VARIANCE_LEARNED,
  DDPM_VARIANCE_LEARNED_RANGE
} DdpmVariance;

/* How a sampler's noise levels lie between those of its first and last step. */
typedef enum
{
  DDPM_SIGMAS_OF_TIMESTEPS,
  DDPM_SIGMAS_KARRAS,     /* Karras et al. 2022, equation 5 with rho 7 */
  DDPM_SIGMAS_EXPONENTIAL /* evenly in their logarithm */
} DdpmSigmas;

typedef enum
{
  DDPM_SOLVER_AUTO,     /* as the sampler likes best */
  DDPM_SOLVER_MIDPOINT, /* DPM-Solver++ */
  DDPM_SOLVER_HEUN,
  DDPM_SOLVER_BH1, /* UniPC */
  DDPM_SOLVER_BH2
} DdpmSolverType;

/* In which variables DPM-Solver computes. All stand for the same two equations, which are the probability
 * flow and, from DDPM_ALGORITHM_SDE_DPMSOLVERPP on, the stochastic one: samplers look at no more than that.
 */
typedef enum
{
  DDPM_ALGORITHM_DPMSOLVERPP,
  DDPM_ALGORITHM_DPMSOLVER,
  DDPM_ALGORITHM_DEIS,
  DDPM_ALGORITHM_SDE_DPMSOLVERPP,
  DDPM_ALGORITHM_SDE_DPMSOLVER
} DdpmAlgorithm;

/* What a scheduler_config.json holds; defaults as in diffusers' DDPMScheduler and DDIMScheduler. */
typedef struct
{
  char *class_name; /* "DDPMScheduler" */
  guint num_train_timesteps;
  double beta_start, beta_end;
  DdpmBetaSchedule beta_schedule;
  float *trained_betas; /* num_train_timesteps of them, or NULL */
  DdpmPrediction prediction_type;
  DdpmVariance variance_type;
  gboolean clip_sample;
  double clip_sample_range;
  DdpmSpacing timestep_spacing;
  guint steps_offset;
  gboolean set_alpha_to_one; /* DDIM */
  gboolean rescale_betas_zero_snr;
  gboolean thresholding;
  double dynamic_thresholding_ratio, sample_max_value;
  DdpmSigmas sigmas;
  gboolean final_sigma_min;   /* final_sigmas_type: the last step ends at timestep 0's noise, not at none */
  gboolean skip_prk_steps;    /* PNDM */
  DdpmAlgorithm algorithm;    /* DPM-Solver */
  guint solver_order;         /* DPM-Solver++ and UniPC: 1 … 3 */
  DdpmSolverType solver_type; /* likewise */
  gboolean lower_order_final; /* likewise */
  gboolean euler_at_final;    /* DPM-Solver++ */
  double lambda_min_clipped;  /* DPM-Solver++: timesteps of a smaller log (signal / noise) are not used */
  gboolean predict_x0;        /* UniPC */
  guint *disable_corrector;   /* UniPC: steps without correction, n_disable_corrector of them, or NULL */
  guint n_disable_corrector;
} DdpmSchedulerConfig;

void ddpm_scheduler_config_init (DdpmSchedulerConfig *config); /* DDPMScheduler's defaults */
void ddpm_scheduler_config_clear (DdpmSchedulerConfig *config);
void ddpm_scheduler_config_copy (DdpmSchedulerConfig *copy, const DdpmSchedulerConfig *config);

/* Whether the network gives two values for each one of a picture: first those of all means, then those of the
 * variances; and how many channels it has to give for that. */
gboolean ddpm_variance_is_learned (DdpmVariance variance);
guint ddpm_variance_get_out_channels (DdpmVariance variance, guint in_channels);

typedef struct
{
  guint n_timesteps; /* T */
  float *betas;      /* [T] */
  float *alpha_bar;  /* [T], diffusers' alphas_cumprod */
} DdpmSchedule;

/* Errors: DDPM_ERROR_USAGE for numbers no schedule can have (T = 0, betas outside 0 … 1). */
DdpmSchedule *ddpm_schedule_new (const DdpmSchedulerConfig *config, GError **error);
void ddpm_schedule_free (DdpmSchedule *schedule);

/* Signal-to-noise ratio alpha_bar_t / (1 - alpha_bar_t). */
double ddpm_schedule_get_snr (const DdpmSchedule *schedule, guint t);

/* q (x_(t-1) | x_t, x_0) (equations 6 and 7): mean = coef_x0 x_0 + coef_xt x_t, and its variance. */
void ddpm_schedule_get_posterior (const DdpmSchedule *schedule, guint t, double *coef_x0, double *coef_xt,
                                  double *variance);

/* q (x_t | x_0) (equation 4): x_t[n] = sqrt (alpha_bar_t) x0 + sqrt (1 - alpha_bar_t) noise. */
void ddpm_schedule_add_noise (const DdpmSchedule *schedule, guint t, const float *x0, const float *noise,
                              float *x_t, gsize n);

/* v[n] = sqrt (alpha_bar_t) noise - sqrt (1 - alpha_bar_t) x0 (Salimans and Ho 2022). */
void ddpm_schedule_get_velocity (const DdpmSchedule *schedule, guint t, const float *x0, const float *noise,
                                 float *v, gsize n);

/* Strength s in [0, 1] names timestep round (s (T - 1)). */
guint ddpm_schedule_timestep_of_strength (const DdpmSchedule *schedule, double strength);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmSchedulerConfig, ddpm_scheduler_config_clear)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmSchedule, ddpm_schedule_free)

G_END_DECLS
