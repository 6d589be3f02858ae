/* The reverse process: one step of a sampler at a time, each with one evaluation of the network. Every
 * sampler is a file of its own in samplers/, behind one table of functions.
 *
 * Whatever a sampler computes in, x is kept variance preserving here, x_t = signal x_0 + spread epsilon with
 * signal^2 + spread^2 = 1: it is what the network is shown, as it is, and what every sampler can be handed.
 *
 * A sampler does not change: what a run has to remember from step to step are planes of floats that the
 * caller owns, ddpm_sampler_get_n_states of them for each picture, as large as the picture. A run may begin,
 * end and jump at those steps only that ddpm_sampler_can_begin allows; the others finish one that went
 * before. */
#pragma once

#include "core/diffusion/schedule.h"

G_BEGIN_DECLS

typedef struct _DdpmSampler DdpmSampler;

typedef enum
{
  DDPM_SAMPLER_DDPM,  /* Ho et al. 2020, algorithm 2 */
  DDPM_SAMPLER_DDIM,  /* Song et al. 2021, "Denoising diffusion implicit models", equation 12 */
  DDPM_SAMPLER_PNDM,  /* Liu et al. 2022, "Pseudo numerical methods for diffusion models on manifolds" */
  DDPM_SAMPLER_LMS,   /* a linear multistep method (Adams and Bashforth's) in sigma, of order 4 */
  DDPM_SAMPLER_EULER, /* Karras et al. 2022, "Elucidating the design space of diffusion-based generative
                       * models", algorithm 1 without its lines 6 to 8 */
  DDPM_SAMPLER_EULER_ANCESTRAL, /* Song et al. 2021, "Score-based generative modeling", appendix F, in sigma
                                 */
  DDPM_SAMPLER_HEUN,            /* Karras et al. 2022, algorithm 1 */
  DDPM_SAMPLER_DPMPP_2M,        /* Lu et al. 2022, "DPM-Solver++", algorithm 2; other orders, too */
  DDPM_SAMPLER_DPMPP_2M_SDE,    /* the same, section 5: of the stochastic equation */
  DDPM_SAMPLER_UNIPC,           /* Zhao et al. 2023, "UniPC", algorithms 1 and 2 */
  /* Annealed Langevin dynamics (Song and Ermon 2019, algorithm 1): to be studied, with options that users
   * need not know */
  DDPM_SAMPLER_LANGEVIN
} DdpmSamplerKind;

#define DDPM_SAMPLER_N_KINDS (DDPM_SAMPLER_UNIPC + 1) /* that are offered */

/* Of DDPM_SAMPLER_LANGEVIN. */
typedef struct
{
  guint n_repeats; /* steps at each noise level, 1 … 10^4; the sampler's n_steps are the levels */
  /* Their size alpha_i is that many times sigma_i^2, so that signal to noise is the same at all levels; above
   * 0 and below 4, where they would run away. */
  double step_size;
  gboolean denoises; /* one more step at last, to what the network takes x_0 for */
} DdpmLangevinOptions;

typedef struct
{
  DdpmSamplerKind kind;
  guint n_steps;                     /* 1 … T; 0 where timesteps are given */
  double eta;                        /* DDIM: 0 deterministic … 1 */
  gboolean use_clipped_model_output; /* DDIM */
  const guint *timesteps;            /* own descending list, n_timesteps of them; NULL: by spacing */
  guint n_timesteps;
  guint spacing; /* 1 + DdpmSpacing; 0: as the config says, and as suits the kind */
  guint sigmas;  /* 1 + DdpmSigmas; 0: likewise. Not for samplers that know the levels of timesteps alone */
  DdpmLangevinOptions langevin;
} DdpmSamplerOptions;

/* The words for these two, in their order, NULL-terminated: "auto", "leading" …; "auto", "plain" … */
extern const char *const ddpm_sampler_spacing_names[];
extern const char *const ddpm_sampler_sigmas_names[];

/* What the config says of its own class's sampler is done as diffusers does it; another kind takes the
 * schedule, the prediction type and, where it knows such things, the variance, the spacing of timesteps and
 * the clipping from it, and is else as it is by default. Options and config are copied. Errors:
 * DDPM_ERROR_USAGE (no steps, more than T, eta outside 0 … 1, a list that does not descend, noise
 * levels that the kind does not know or that leave no choice of timesteps, what Langevin dynamics cannot
 * do). */
DdpmSampler *ddpm_sampler_new (const DdpmSamplerOptions *options, const DdpmSchedulerConfig *config,
                               GError **error);
void ddpm_sampler_free (DdpmSampler *sampler);

/* NULL-terminated list of names a user may give ("ddpm", "ddim" …), and the kind of one of them, FALSE if
 * unknown. */
const char *const *ddpm_sampler_get_names (void);
gboolean ddpm_sampler_kind_from_name (const char *name, DdpmSamplerKind *kind);
const char *ddpm_sampler_kind_get_name (DdpmSamplerKind kind);

/* One sentence for those who choose, without a full stop. */
const char *ddpm_sampler_kind_get_description (DdpmSamplerKind kind);

/* The kind that the config's class_name stands for; DDIM where that is a class that is not here. */
DdpmSamplerKind ddpm_sampler_kind_of_config (const DdpmSchedulerConfig *config);

const DdpmSchedule *ddpm_sampler_get_schedule (const DdpmSampler *sampler);

/* What the network is told in each step. They descend, but may stand twice or be fractions. */
const float *ddpm_sampler_get_timesteps (const DdpmSampler *sampler, guint *n_timesteps);

/* How the error of following the probability flow falls with the steps: as n_steps^-order (of PNDM's away
 * from timestep 0, where sigma is no smooth function of t). 0: this sampler adds noise at random. */
guint ddpm_sampler_get_order (const DdpmSampler *sampler);

/* Planes of n floats that a picture of n floats needs for what is remembered; may be 0. They need no
 * beginning. */
guint ddpm_sampler_get_n_states (const DdpmSampler *sampler);

/* Whether a run may begin with this step, and x be changed before it: the first half of a step in two halves
 * may, the second not. TRUE for n_timesteps, the end. */
gboolean ddpm_sampler_can_begin (const DdpmSampler *sampler, guint step);

/* x before `step` (at the end: after the last one) is signal x_0 + spread epsilon. */
void ddpm_sampler_get_level (const DdpmSampler *sampler, guint step, double *signal, double *spread);

/* The first step that a run may begin with whose timestep is <= t: where the denoising of x_t begins;
 * n_timesteps if none. */
guint ddpm_sampler_find_step (const DdpmSampler *sampler, guint t);

/* x[n] before the first step out of nothing: standard normal noise, as strong as the sampler begins with. x
 * may be noise. */
void ddpm_sampler_start (const DdpmSampler *sampler, const float *noise, float *x, gsize n);

/* q (x | x_0): x[n] before `step`, or x_0 itself where step is n_timesteps. x may be x0 or noise. */
void ddpm_sampler_add_noise (const DdpmSampler *sampler, guint step, const float *x0, const float *noise,
                             float *x, gsize n);

/* q (x_t | x_s) for s < t: x[n] before step `from` becomes x before the earlier step `to` by noise[n] alone
 * (Lugmayr et al. 2022, "RePaint", algorithm 1, line 9, over any number of steps). `from` may be n_timesteps,
 * the end. */
void ddpm_sampler_jump_back (const DdpmSampler *sampler, guint from, guint to, const float *noise, float *x,
                             gsize n);

/* Whether step number `step` uses the noise given to it. */
gboolean ddpm_sampler_step_needs_noise (const DdpmSampler *sampler, guint step);

/* Dynamic thresholding (Saharia et al. 2022, "Imagen", section 2.3): x_0's values are kept within a range
 * that depends on all those of a picture. Where it is needed, it is asked for before a step is taken; scratch
 * has n floats. */
gboolean ddpm_sampler_needs_threshold (const DdpmSampler *sampler);
float ddpm_sampler_get_threshold (const DdpmSampler *sampler, guint step, const float *model_output,
                                  const float *x, float *scratch, gsize n);

/* n values of a picture that are taken through a step. No value depends on another: parts of a picture may be
 * taken by several threads. */
typedef struct
{
  gsize n;
  const float *output;   /* what the network said (epsilon, x0, v or mu) */
  const float *variance; /* what it said of the variance; NULL where that is not learned */
  const float *noise;    /* standard normal; may be NULL where it is not needed */
  float threshold;       /* ddpm_sampler_get_threshold's, where it is needed */
  float *x;              /* before this step, becomes that before the next one */
  float *x0;             /* becomes the estimate of x_0 (clipped as the config says), for previews; or NULL */
  float *state;          /* these values in the first of the picture's planes; NULL where there are none */
  gsize plane_size;      /* floats from one plane to the next */
} DdpmSamplerPiece;

/* n_past: steps that were taken one after another before this one, 0 as a run begins and after x was changed
 * by others: a jump, another picture's parts that were put in. A step that may begin a run may always be
 * taken with 0; it then remembers nothing. */
void ddpm_sampler_step (const DdpmSampler *sampler, guint step, guint n_past, const DdpmSamplerPiece *piece);

/* Inversion: from a picture to the latent that a deterministic sampler makes it of, by its own steps in
 * reverse order:
 *
 *     for (step = n_timesteps, n_past = 0; step-- > first;)
 *       if (ddpm_sampler_can_begin (sampler, step))
 *         {
 *           ddpm_sampler_invert_begin (sampler, step, n_past, x, state, plane_size, n);
 *           repeat `rounds` times:
 *             ask the network about x at timesteps[step]
 *             ddpm_sampler_invert_step (sampler, step, n_past, output, x, state, plane_size, n);
 *           n_past++;
 *         }
 *
 * A step of DDIM is the equation x' = a x + b epsilon (x, t), solved for x here by fixed-point iteration from
 * a guess that the last step's epsilon makes: sampling from the latent leads back to the picture but for an
 * error of order n_steps^-(rounds + 1) (with one round and no guess that is the well-known DDIM inversion, of
 * order 1). For samplers that follow the probability flow more closely than that, steps are those of the
 * trapezoidal rule: what comes back is off by an error of order n_steps^-2, however many the rounds, where
 * the last level is close to the picture (Karras' sigmas; with those of few timesteps, the last step
 * decides). x_0 is not clipped, so that values that sampling clips do not come back. */

/* FALSE, with a sentence that names `first`'s timestep where it matters, if a latent cannot be found: noise
 * is added at random, or nothing of the picture is left. Errors: DDPM_ERROR_USAGE. */
gboolean ddpm_sampler_check_inversion (const DdpmSampler *sampler, guint first, GError **error);

#define DDPM_SAMPLER_N_INVERSION_STATES 3 /* planes for inversion, used as those for steps */

/* x[n] after `step` becomes a guess of that before it. n_past: steps inverted just before. */
void ddpm_sampler_invert_begin (const DdpmSampler *sampler, guint step, guint n_past, float *x, float *state,
                                gsize plane_size, gsize n);
void ddpm_sampler_invert_step (const DdpmSampler *sampler, guint step, guint n_past,
                               const float *model_output, float *x, float *state, gsize plane_size, gsize n);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DdpmSampler, ddpm_sampler_free)

G_END_DECLS
