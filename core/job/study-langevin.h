/* The score reading of a model (Ho et al. 2020, section 3.2): what annealed Langevin dynamics (Song and Ermon
 * 2019, algorithm 1) make of its network, beside what ancestral sampling makes of it in as many
 * evaluations. */
#pragma once

#include "core/data/distances.h"
#include "core/job/sample-job.h"

G_BEGIN_DECLS

typedef struct
{
  guint n_pictures; /* that each of both makes, 1 … DDPM_MAX_COUNT */
  guint n_levels;   /* of noise, 1 … T */
  DdpmLangevinOptions langevin;
  const char *label; /* as in DdpmSampleOptions */
  GFile *pictures;   /* a folder to measure the distance from, in the model's size; or NULL */
  guint32 seed;      /* 0 … DDPM_MAX_SEED */
  guint n_threads;   /* 0: all */
} DdpmLangevinStudyOptions;

/* What one of both has made. */
typedef struct
{
  guint n_evaluations;     /* of the network, for each picture */
  GPtrArray *images;       /* of DdpmImage */
  DdpmDistances distances; /* from the folder's pictures, if there is one */
} DdpmLangevinStudySide;

typedef struct
{
  DdpmLangevinStudySide langevin, ancestral; /* the latter with T evaluations at most */
  guint n_compared;                          /* pictures of the folder; 0: there is none */
} DdpmLangevinStudy;

/* Progress: phases PREPARE and SAMPLE, in steps of both together. Results do not depend on the number of
 * threads. Errors: those of ddpm_sample_job_new and _run, of reading the folder, G_IO_ERROR_CANCELLED. */
gboolean ddpm_langevin_study_run (DdpmModel *model, const DdpmLangevinStudyOptions *options,
                                  DdpmProgressFunc func, gpointer user_data, GCancellable *cancellable,
                                  DdpmLangevinStudy *study, GError **error);
void ddpm_langevin_study_clear (DdpmLangevinStudy *study);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DdpmLangevinStudy, ddpm_langevin_study_clear)

G_END_DECLS
