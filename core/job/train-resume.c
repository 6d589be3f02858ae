#include "core/job/train-resume.h"

#include "core/base/error.h"
#include "core/job/train-from.h"
#include "core/job/train-network.h"
#include "core/job/train-objective.h"
#include "core/job/train-options.h"
#include "core/job/train-state.h"
#include "core/job/train-stored.h"

static gboolean
check_network_on_resume (const DdpmTrainSetup *setup, const DdpmTrainOptions *given, GError **error)
{
  const char *option = NULL;

  if (given->pixels != DDPM_PIXELS_AUTO && given->pixels != ddpm_train_get_pixels (setup->config.in_channels))
    option = "--pixels";
  else
    option = ddpm_train_objective_find_difference (&setup->scheduler, given);
  if (option == NULL)
    option = ddpm_train_network_find_difference (&setup->config, given);
  if (option == NULL)
    return TRUE;
  return ddpm_refuse (
    error, DDPM_ERROR_USAGE,
    "%s differs from what this training began with; leave it out to resume, or start a new model in "
    "another folder",
    option);
}

gboolean
ddpm_train_resume_begin (DdpmTrainSetup *setup, const DdpmTrainReading *reading, GError **error)
{
  DdpmTrainOptions *options = &setup->options;
  g_auto (DdpmTrainOptions) stored = { 0 };
  guint64 fingerprint = 0;

  ddpm_train_options_init (&stored);
  if (!ddpm_train_stored_read (setup, &stored, &fingerprint, error)
      || !check_network_on_resume (setup, options, error)
      || !ddpm_train_options_resume (options, &stored, error) || !ddpm_train_objective_decide (setup, error)
      || !ddpm_unet_config_check_size (&setup->config, options->height, options->width, error)
      || !ddpm_train_data_load (setup, ddpm_unet_config_get_size_multiple (&setup->config),
                                ddpm_train_get_pixels (setup->config.in_channels), reading, error))
    return FALSE;
  if (!ddpm_precision_check (options->precision, NULL))
    return ddpm_refuse (error, DDPM_ERROR_UNSUPPORTED,
                        "This training began in the precision bf16, for which this processor has no "
                        "instructions; resume it on one that has them, or go on from the model with --from");
  ddpm_train_data_complete (setup);
  if (setup->fingerprint != fingerprint)
    {
      g_autofree char *name = g_file_get_parse_name (options->pictures);

      return ddpm_refuse (
        error, DDPM_ERROR_FILE,
        "The pictures in %s are not those that this training began with; bring them back to resume, or "
        "start a new model with --from",
        name);
    }
  return TRUE;
}

gboolean
ddpm_train_resume_find_step (DdpmTrainSetup *setup, guint64 steps, GError **error)
{
  g_autoptr (GFile) file = ddpm_train_get_state_file (setup->options.output);
  const DdpmTrainSlabs sizes = { .n = ddpm_unet_get_n_weights (setup->unet) };
  DdpmTrainCounters counters = { 0 };

  if (!g_file_query_exists (file, NULL))
    return setup->options.from == NULL || ddpm_train_from_open (setup, error);
  if (!ddpm_train_state_read (file, &counters, &sizes, error))
    return FALSE;
  if (counters.fingerprint != setup->fingerprint)
    {
      g_autofree char *name = g_file_get_parse_name (file);

      return ddpm_refuse (
        error, DDPM_ERROR_FILE,
        "%s belongs to another training than the options.json beside it; start a new one in another folder",
        name);
    }
  if (steps == DDPM_TRAIN_OPEN_COUNT)
    setup->options.steps = MAX (setup->options.steps, counters.step);
  if (counters.step > setup->options.steps)
    return ddpm_refuse (error, DDPM_ERROR_USAGE,
                        "--steps %" G_GUINT64_FORMAT " is less than the %" G_GUINT64_FORMAT
                        " steps that this training has done already; give more, or leave it out",
                        setup->options.steps, counters.step);
  setup->first_step = counters.step;
  return TRUE;
}
