/* A sampling job's options: their defaults, and what can be said of them without looking at the model. */
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/job/sample-job-private.h"

#define DEFAULT_STEPS 50
#define DEFAULT_STEPS_OF_DDPM 250
#define DEFAULT_RESAMPLINGS 5

void
ddpm_sample_options_init (DdpmSampleOptions *options, const DdpmModel *model)
{
  *options = (DdpmSampleOptions) {
    .task = DDPM_TASK_GENERATE,
    .count = 1,
    .sampler = ddpm_sampler_kind_of_config (&model->scheduler),
    .strength = 0.5,
    .ladder_to = -1,
    .shared = 1,
    .resamplings = DEFAULT_RESAMPLINGS,
    .guidance = 1,
  };
  if (model->notes.recommended_sampler != NULL)
    ddpm_sampler_kind_from_name (model->notes.recommended_sampler, &options->sampler);
  options->n_steps = options->sampler == DDPM_SAMPLER_DDPM ? DEFAULT_STEPS_OF_DDPM : DEFAULT_STEPS;
  if (model->notes.recommended_steps > 0)
    options->n_steps = model->notes.recommended_steps;
  options->n_steps = MIN (options->n_steps, model->scheduler.num_train_timesteps);
}

guint
ddpm_sample_task_count_inputs (DdpmSampleTask task)
{
  switch (task)
    {
    case DDPM_TASK_GENERATE:
    case DDPM_TASK_PROGRESSIVE:
      return 0;
    case DDPM_TASK_VARY:
    case DDPM_TASK_FILL:
      return 1;
    case DDPM_TASK_INTERPOLATE:
      return 2;
    }
  g_return_val_if_reached (0);
}

gboolean
ddpm_sample_options_check (const DdpmSampleOptions *options, GError **error)
{
  const guint n_inputs = (options->inputs[0] != NULL) + (options->inputs[1] != NULL);

  if (options->count < 1 || options->count > DDPM_MAX_COUNT)
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                 _ ("The number of pictures is %u; it must be between 1 and %d."), options->count,
                 DDPM_MAX_COUNT);
  else if (options->seed > DDPM_MAX_SEED)
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, _ ("The seed is %u; it must be between 0 and %d."),
                 options->seed, DDPM_MAX_SEED);
  else if (!(options->strength >= 0 && options->strength <= 1))
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, _ ("The strength is %g; it must be between 0 and 1."),
                 options->strength);
  else if (!(options->ladder_to <= 1))
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                 _ ("The ladder's last strength is %g; it must be between 0 and 1."), options->ladder_to);
  else if (!(options->shared >= 0 && options->shared <= 1))
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                 _ ("The noise is shared to %g; it must be between 0 and 1."), options->shared);
  else if (options->resamplings < 1 || options->resamplings > DDPM_MAX_RESAMPLINGS)
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                 _ ("The number of resamplings is %u; it must be between 1 and %d."), options->resamplings,
                 DDPM_MAX_RESAMPLINGS);
  else if (!(options->guidance >= 0 && options->guidance <= DDPM_MAX_GUIDANCE))
    g_set_error (error, DDPM_ERROR, DDPM_ERROR_USAGE, _ ("The guidance is %g; it must be between 0 and %d."),
                 options->guidance, DDPM_MAX_GUIDANCE);
  else if (options->task == DDPM_TASK_VARY && options->inputs[0] == NULL)
    g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_USAGE,
                         _ ("Variations need one picture to begin with."));
  else if (options->task == DDPM_TASK_INTERPOLATE && n_inputs != 2)
    g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_USAGE, _ ("Interpolation needs two pictures."));
  else if (options->task == DDPM_TASK_FILL && options->inputs[0] == NULL)
    g_set_error_literal (error, DDPM_ERROR, DDPM_ERROR_USAGE, _ ("A fill needs a picture to begin with."));
  else
    return TRUE;
  return FALSE;
}
