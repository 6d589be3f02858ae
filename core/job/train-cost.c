#include "core/job/train-cost.h"

#include "core/job/train-held-out.h"
#include "core/job/train-sample.h"

/* Of both averaged and raw weights. */
#define N_WEIGHTS 2

static double
get_step_s (const DdpmTrainSetup *setup)
{
  return setup->options.batch / setup->pictures_per_s;
}

static double
get_samples_s (const DdpmTrainSetup *setup)
{
  return (double) ddpm_train_samples_count_passes (setup) / setup->made_per_s;
}

static double
get_held_out_s (const DdpmTrainSetup *setup)
{
  return setup->n_held_out > 0 ? N_WEIGHTS * DDPM_TRAIN_HELD_OUT_VIEWS / setup->made_per_s : 0;
}

/* Each is decoded once: after that it is in memory, or in the file of scaled ones. */
static double
get_decoding_s (const DdpmTrainSetup *setup, guint64 n_steps)
{
  return setup->decode_s * MIN ((double) setup->n_training, (double) n_steps * setup->options.batch);
}

double
ddpm_train_predict_seconds (const DdpmTrainSetup *setup, guint64 first, guint64 last)
{
  double seconds;

  if (setup->pictures_per_s <= 0 || last <= first)
    return 0;
  seconds = get_step_s (setup) * (double) (last - first) + get_decoding_s (setup, last - first);
  seconds += get_samples_s (setup) * (double) ddpm_train_samples_count (&setup->options, first, last);
  return seconds
         + get_held_out_s (setup)
             * (double) (last / DDPM_TRAIN_HELD_OUT_EVERY - first / DDPM_TRAIN_HELD_OUT_EVERY);
}

guint64
ddpm_train_predict_steps (const DdpmTrainSetup *setup, double seconds)
{
  const guint64 every = setup->options.sample_every;
  const gboolean has_samples = every != 0 && every != DDPM_TRAIN_OPEN_COUNT;
  const double step_s = get_step_s (setup) + get_held_out_s (setup) / DDPM_TRAIN_HELD_OUT_EVERY
                        + (has_samples ? get_samples_s (setup) / (double) every : 0);
  const double decoding_s = get_decoding_s (setup, G_MAXUINT32);

  /* a run that is too short to see all pictures has a step slowed down by decoding */
  if (decoding_s < seconds)
    return (guint64) MAX ((seconds - decoding_s) / step_s, 1);
  return (guint64) MAX (seconds / (step_s + setup->decode_s * setup->options.batch), 1);
}
