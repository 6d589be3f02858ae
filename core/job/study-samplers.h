/* What a sampler needs steps for: how its pictures come closer to where they tend, and to other pictures, the
 * more steps it takes. All samplers begin with the same latents. */
#pragma once

#include "core/data/distances.h"
#include "core/diffusion/sampler.h"
#include "core/job/progress.h"
#include "core/model/model.h"

G_BEGIN_DECLS

#define DDPM_SAMPLER_STUDY_MOST_STEPS 12    /* different numbers of steps */
#define DDPM_SAMPLER_STUDY_MOST_FOLLOWED 16 /* latents whose flow is followed */

typedef struct
{
  DdpmSamplerKind kinds[DDPM_SAMPLER_N_KINDS];
  guint n_kinds;
  guint steps[DDPM_SAMPLER_STUDY_MOST_STEPS];
  guint n_steps;
  guint n_pictures;  /* that each makes, 2 … DDPM_MAX_COUNT */
  guint many_steps;  /* by which the probability flow is followed; 0: 500, or as many as there are */
  guint32 seed;      /* 0 … DDPM_MAX_SEED - 2 */
  guint n_threads;   /* 0: all */
  const char *label; /* as in DdpmSampleOptions; borrowed */
  /* As in DdpmSamplerOptions, but for the flow and the reference. A sampler that does not know them is left
   * out. */
  guint spacing, sigmas;
  /* A folder whose pictures the samples are compared with, borrowed; NULL: samples of the model by the
   * paper's own sampler in all its timesteps, from other seeds. */
  GFile *pictures;
  guint crop; /* of the folder's: parts, of pictures scaled down to so many pixels; 0: whole ones */
} DdpmSamplerStudyOptions;

/* One sampler with one number of steps. */
typedef struct
{
  guint n_evaluations; /* of the network for a picture; 0: this sampler cannot take such steps */
  gboolean is_finite;  /* FALSE: there are no numbers, as what it made was none */
  /* Root of the mean square, 0 … 255, over the first n_followed pictures: from what the probability flow
   * makes of the same latents. NaN: it adds noise at random, and does not follow it. */
  double deviation;
  DdpmDistances distances; /* of its pictures from the reference */
} DdpmSamplerStudyCell;

typedef struct
{
  DdpmSamplerStudyCell cells[DDPM_SAMPLER_N_KINDS][DDPM_SAMPLER_STUDY_MOST_STEPS]; /* as in the options */
  guint width, height;                                                             /* pixels */
  guint n_pictures;     /* of each set: fewer than asked for where the folder has not twice as many */
  guint n_followed;     /* 0: no sampler follows the flow */
  DdpmSamplerKind many; /* the sampler that followed it */
  guint many_steps;
  DdpmDistances floor; /* what two sets of the reference's own kind are from each other */
} DdpmSamplerStudy;

/* The model may be one that was opened without its weights. Results do not depend on the number of threads.
 * Progress: phases PREPARE and EVALUATE, in evaluations of the network. Errors: DDPM_ERROR_*,
 * G_IO_ERROR_CANCELLED. */
gboolean ddpm_sampler_study_run (DdpmModel *model, const DdpmSamplerStudyOptions *options,
                                 DdpmProgressFunc func, gpointer user_data, GCancellable *cancellable,
                                 DdpmSamplerStudy *study, GError **error);

G_END_DECLS
